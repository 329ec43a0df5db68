/*
 * test_debezium_value.c
 *		Single values, schemas, zeros, placeholders and defaults of the
 *		debezium-json format. What is expected was written by Debezium 3.6.1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "debezium_filler.h"
#include "debezium_json.h"
#include "value_parse.h"

typedef struct Kind
{
	const char *type_name;
	uint32_t	oid;
	int			encoding;
	bool		array;
} Kind;

#define ENC(name) PG_FANOUT__ENCODING__##name

static const Kind bool_type = {"pg_catalog.bool", 16, ENC(BOOL), false};
static const Kind int8_type = {"pg_catalog.int8", 20, ENC(INT64), false};
static const Kind int4_type = {"pg_catalog.int4", 23, ENC(INT32), false};
static const Kind int4_array = {"pg_catalog._int4", 1007, ENC(INT32), true};
static const Kind oid_type = {"pg_catalog.oid", 26, ENC(UINT32), false};
static const Kind xid_type = {"pg_catalog.xid", 28, ENC(UINT32), false};
static const Kind float4_type = {"pg_catalog.float4", 700, ENC(FLOAT), false};
static const Kind float8_type = {"pg_catalog.float8", 701, ENC(DOUBLE), false};
static const Kind numeric_type = {"pg_catalog.numeric", 1700, ENC(NUMERIC), false};
static const Kind numeric_array = {"pg_catalog._numeric", 1231, ENC(NUMERIC), true};
static const Kind money_type = {"pg_catalog.money", 790, ENC(TEXT), false};
static const Kind text_type = {"pg_catalog.text", 25, ENC(TEXT), false};
static const Kind text_array = {"pg_catalog._text", 1009, ENC(TEXT), true};
static const Kind name_type = {"pg_catalog.name", 19, ENC(TEXT), false};
static const Kind json_type = {"pg_catalog.json", 114, ENC(JSON), false};
static const Kind xml_type = {"pg_catalog.xml", 142, ENC(TEXT), false};
static const Kind bytea_type = {"pg_catalog.bytea", 17, ENC(BYTES), false};
static const Kind uuid_type = {"pg_catalog.uuid", 2950, ENC(UUID), false};
static const Kind uuid_array = {"pg_catalog._uuid", 2951, ENC(UUID), true};
static const Kind date_type = {"pg_catalog.date", 1082, ENC(DATE), false};
static const Kind date_array = {"pg_catalog._date", 1182, ENC(DATE), true};
static const Kind time_type = {"pg_catalog.time", 1083, ENC(TIME), false};
static const Kind time_array = {"pg_catalog._time", 1183, ENC(TIME), true};
static const Kind timetz_type = {"pg_catalog.timetz", 1266, ENC(TEXT), false};
static const Kind timestamp_type = {"pg_catalog.timestamp", 1114, ENC(TIMESTAMP), false};
static const Kind timestamptz_type = {"pg_catalog.timestamptz", 1184, ENC(TIMESTAMPTZ), false};
static const Kind interval_type = {"pg_catalog.interval", 1186, ENC(INTERVAL), false};
static const Kind bit_type = {"pg_catalog.bit", 1560, ENC(TEXT), false};
static const Kind bit_array = {"pg_catalog._bit", 1561, ENC(TEXT), true};
static const Kind varbit_type = {"pg_catalog.varbit", 1562, ENC(TEXT), false};
static const Kind point_type = {"pg_catalog.point", 600, ENC(TEXT), false};
static const Kind circle_type = {"pg_catalog.circle", 718, ENC(TEXT), false};
static const Kind path_type = {"pg_catalog.path", 602, ENC(TEXT), false};
static const Kind hstore_type = {"public.hstore", 90001, ENC(TEXT), false};
static const Kind geometry_type = {"public.geometry", 90003, ENC(TEXT), false};
static const Kind vector_type = {"public.vector", 90005, ENC(TEXT), false};
static const Kind halfvec_type = {"public.halfvec", 90006, ENC(TEXT), false};
static const Kind sparsevec_type = {"public.sparsevec", 90007, ENC(TEXT), false};
static const Kind email_type = {"x.email", 90008, ENC(TEXT), false};
static const Kind mood_array = {"x._mood", 90002, ENC(ENUM), true};
static const Kind domain_type = {"x.price", 90004, ENC(NUMERIC), false};

static const char *const labels[] = {"sad", "ok", "happy \"x\""};

static Column
column_of(const Kind *kind, int typmod)
{
	Column		column = {
		.number = 1, .type_oid = kind->oid, .typmod = typmod,
		.encoding = (PgFanout__Encoding) kind->encoding,
		.is_array = kind->array, .delimiter = ',', .name = "v",
		.type_name = kind->type_name, .labels = labels, .label_count = 3
	};

	return column;
}

/* ---- options ---- */

static DebeziumOptions *
options_of(const char *name, const char *value)
{
	DebeziumOptions *options = option_new(&debezium_option_table);
	Error		err;

	assert_non_null(options);
	if (name != NULL)
		assert_true(option_set(&debezium_option_table, options, name, value,
							   &err));
	return options;
}

/* ---- values ---- */

typedef struct Case
{
	const Kind *kind;
	int			typmod;
	const char *option;			/* NULL: all defaults */
	const char *setting;
	const char *text;			/* as the server prints it */
	const char *expected;
} Case;

/* What becomes of a text; the column is left out if there is no type. */
static void
check(const Case *test, bool header)
{
	DebeziumOptions *options = options_of(test->option, test->setting);
	Column		column = column_of(test->kind, test->typmod);
	DebeziumWriter writer;
	DebeziumType type;
	WireReader	reader;
	WireField	field;
	Buf			room;
	Error		err;

	debezium_writer_init(&writer, 1 << 20);
	buf_init(&room, 1 << 20);
	if (!debezium_type_find(&column, NULL, options, &type))
		buf_append_string(&writer.out, "left out");
	else
	{
		if (!value_parse(&room, &column, slice_of(test->text), &err))
			fail_msg("%s: %s", test->text, err.message);
		reader = wire_reader(room.data, room.size);
		assert_int_equal(wire_next(&reader, &field), WIRE_FIELD);
		writer.header = header;
		assert_int_not_equal(debezium_append_value(&writer, &type, &field),
							 DEBEZIUM_MALFORMED);
	}
	assert_string_equal(buf_string(&writer.out), test->expected);
	buf_free(&room);
	debezium_writer_free(&writer);
	option_free(&debezium_option_table, options);
}

#define CHECK_ALL(cases) \
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) \
		check(&cases[i], false)

#define NUMERIC_MOD(precision, scale) (((precision) << 16 | (scale)) + 4)

static void
test_numbers(void **state)
{
	static const Case cases[] = {
		{&bool_type, -1, NULL, NULL, "t", "true"},
		{&int8_type, -1, NULL, NULL, "-9223372036854775808", "-9223372036854775808"},
		{&oid_type, -1, NULL, NULL, "4294967295", "4294967295"},
		{&xid_type, -1, NULL, NULL, "1234", "left out"},
		{&xid_type, -1, "include_unknown_datatypes", "on", "1234", "\"MTIzNA==\""},
		{&float4_type, -1, NULL, NULL, "1e-45", "1.4E-45"},
		{&float4_type, -1, NULL, NULL, "16777216", "1.6777216E7"},
		{&float4_type, -1, NULL, NULL, "3.1415927", "3.1415927"},
		{&float8_type, -1, NULL, NULL, "-0", "-0.0"},
		{&float8_type, -1, NULL, NULL, "9999999", "9999999.0"},
		{&float8_type, -1, NULL, NULL, "0.0001", "1.0E-4"},
		{&float8_type, -1, NULL, NULL, "5e-324", "4.9E-324"},
		{&float8_type, -1, NULL, NULL, "-1.7976931348623157e+308", "-1.7976931348623157E308"},
		{&float8_type, -1, NULL, NULL, "NaN", "\"NaN\""},
		{&float8_type, -1, NULL, NULL, "-Infinity", "\"-Infinity\""},
		{&int4_array, -1, NULL, NULL, "{1,NULL,-3}", "[1,null,-3]"},
		{&int4_array, -1, NULL, NULL, "{}", "[]"},
		{&int4_array, -1, NULL, NULL, "{{1,2},{3,4}}", "[null,null]"},
		{&int4_array, -1, NULL, NULL, "[5:7]={1,2,3}", "[1,2,3]"},
	};

	(void) state;
	CHECK_ALL(cases);
}

static void
test_decimals(void **state)
{
	static const Case cases[] = {
		{&numeric_type, -1, NULL, NULL, "0.00", "{\"scale\":0,\"value\":\"AA==\"}"},
		{&numeric_type, -1, NULL, NULL, "-129", "{\"scale\":0,\"value\":\"/38=\"}"},
		{&numeric_type, -1, NULL, NULL, "1.10", "{\"scale\":1,\"value\":\"Cw==\"}"},
		{&numeric_type, -1, NULL, NULL, "100", "{\"scale\":0,\"value\":\"ZA==\"}"},
		{&numeric_type, -1, NULL, NULL, "-10000000000000000000000000000000000000000",
		"{\"scale\":0,\"value\":\"4pzWDjyjW0BURgqfAAAAAAA=\"}"},
		{&numeric_type, -1, NULL, NULL, "NaN", "null"},
		{&numeric_type, NUMERIC_MOD(40, 20), NULL, NULL, "-99999999999999999999.99999999999999999999",
		"\"4pzWDjyjW0BURgqfAAAAAAE=\""},
		{&numeric_type, NUMERIC_MOD(12, 2), NULL, NULL, "99999999.99", "\"AlQL4/8=\""},
		{&numeric_type, NUMERIC_MOD(38, 10), NULL, NULL, "-128.0000000000", "\"/tX6DgAA\""},
		{&numeric_array, NUMERIC_MOD(10, 4), NULL, NULL, "{1.5,NULL}", "[\"Opg=\",null]"},
		{&numeric_array, -1, NULL, NULL, "{NaN,1}", "null"},
		{&numeric_array, -1, "decimal_handling_mode", "string", "{NaN,1}", "null"},
		{&numeric_type, -1, "decimal_handling_mode", "string", "0.0000000001", "\"0.0000000001\""},
		{&numeric_type, -1, "decimal_handling_mode", "string", "-Infinity", "\"NEGATIVE_INFINITY\""},
		{&numeric_type, -1, "decimal_handling_mode", "string", "NaN", "\"NAN\""},
		{&numeric_type, -1, "decimal_handling_mode", "double", "12345678901234567890.1234567890", "1.2345678901234567E19"},
		{&numeric_type, -1, "decimal_handling_mode", "double", "NaN", "\"NaN\""},
		{&money_type, -1, NULL, NULL, "-$92,233,720,368,547,758.08", "\"gAAAAAAAAAA=\""},
		{&money_type, -1, NULL, NULL, "-$1.23", "\"hQ==\""},
		{&money_type, -1, "decimal_handling_mode", "string", "$1,000,000.50", "\"1000000.50\""},
		{&money_type, -1, "decimal_handling_mode", "double", "$92,233,720,368,547,758.07", "9.223372036854776E16"},
	};

	(void) state;
	CHECK_ALL(cases);
}

/* numeric(5,-2): the scale reads as 2046, and as many zeros are appended. */
static void
test_negative_scale(void **state)
{
	static const Case test = {
		&numeric_type, NUMERIC_MOD(5, 2046), "decimal_handling_mode", "string",
		"12300", NULL
	};
	char		expected[2100];
	Case		filled = test;

	(void) state;
	strcpy(expected, "\"12300.");
	memset(expected + 7, '0', 2046);
	strcpy(expected + 7 + 2046, "\"");
	filled.expected = expected;
	check(&filled, false);
}

static void
test_strings(void **state)
{
	static const Case cases[] = {
		{&text_type, -1, NULL, NULL, "\b\f\n\r\t\x01\x1f\x7f\"\\/", "\"\\b\\f\\n\\r\\t\\u0001\\u001F\x7f\\\"\\\\/\""},
		{&text_type, -1, NULL, NULL, "\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80", "\"\xc3\xa9\xe6\x97\xa5\\uD83D\\uDE00\""},
		{&text_array, -1, NULL, NULL, "{a,NULL,\"b c\",\"q\\\"t\",\"\"}", "[\"a\",null,\"b c\",\"q\\\"t\",\"\"]"},
		{&name_type, -1, NULL, NULL, "a name", "null"},
		{&name_type, -1, "include_unknown_datatypes", "on", "a name", "\"a name\""},
		{&json_type, -1, NULL, NULL, "{\"b\" : 1}", "\"{\\\"b\\\" : 1}\""},
		{&xml_type, -1, NULL, NULL, "<a/>", "\"<a/>\""},
		{&bytea_type, -1, NULL, NULL, "\\x00010203ff", "\"AAECA/8=\""},
		{&bytea_type, -1, "binary_handling_mode", "hex", "\\x00010203ff", "\"00010203ff\""},
		{&bytea_type, -1, "binary_handling_mode", "base64-url-safe", "\\xfffe", "\"__4=\""},
		{&uuid_type, -1, NULL, NULL, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\""},
		{&bit_type, 1, NULL, NULL, "1", "true"},
		{&bit_type, 9, NULL, NULL, "100000001", "\"AQE=\""},
		{&bit_type, 8, NULL, NULL, "00000000", "\"\""},
		{&varbit_type, -1, NULL, NULL, "1010101010101010101010", "\"qqoq\""},
		{&bit_array, 3, NULL, NULL, "{101,NULL}", "null"},
		{&point_type, -1, NULL, NULL, "(1.5,-2)", "{\"x\":1.5,\"y\":-2.0,\"wkb\":\"AQEAAAAAAAAAAAD4PwAAAAAAAADA\",\"srid\":null}"},
		{&circle_type, -1, NULL, NULL, "<(1,2),3>", "left out"},
		{&circle_type, -1, "include_unknown_datatypes", "on", "<(1,2),3>", "\"PCgxLjAsMi4wKSwzLjA+\""},
		{&path_type, -1, "include_unknown_datatypes", "on", "((0,0),(1e+300,NaN))", "\"KCgwLjAsMC4wKSwoMS4wRTMwMCxOYU4pKQ==\""},
		{&hstore_type, -1, NULL, NULL, "\"a b\"=>\"c\\\"d\\\\e\", \"n\"=>NULL", "\"{\\\"a b\\\":\\\"c\\\\\\\"d\\\\\\\\e\\\",\\\"n\\\":null}\""},
		{&hstore_type, -1, NULL, NULL, "", "\"{}\""},
		{&hstore_type, -1, "hstore_handling_mode", "map", "\"a\"=>\"b\"", "{\"a\":\"b\"}"},
		{&geometry_type, -1, NULL, NULL, "0101000020E6100000000000000000F03F0000000000000040",
		"{\"wkb\":\"AQEAACDmEAAAAAAAAAAA8D8AAAAAAAAAQA==\",\"srid\":4326}"},
		{&geometry_type, -1, NULL, NULL, "not PostGIS's", "null"},
		{&hstore_type, -1, NULL, NULL, "not an hstore", "null"},
		{&vector_type, -1, NULL, NULL, "[1,2.5,-1e-05]", "[1.0,2.5,-1.0E-5]"},
		{&halfvec_type, -1, NULL, NULL, "[0.1]", "[0.1]"},
		{&sparsevec_type, -1, NULL, NULL, "{1:1.5,3:2}/5", "{\"dimensions\":5,\"vector\":[[1,1.5],[3,2.0]]}"},
		{&sparsevec_type, -1, NULL, NULL, "{}/5", "{\"dimensions\":5,\"vector\":[]}"},
		{&mood_array, -1, NULL, NULL, "{sad,ok}", "[\"sad\",\"ok\"]"},
		{&mood_array, -1, NULL, NULL, "{sad,NULL}", "null"},
	};

	(void) state;
	CHECK_ALL(cases);
}

static void
test_dates(void **state)
{
	static const Case cases[] = {
		{&date_type, -1, NULL, NULL, "0044-03-15 BC", "-735160"},
		{&date_type, -1, NULL, NULL, "infinity", "-2147472692"},
		{&date_type, -1, NULL, NULL, "-infinity", "-2147472691"},
		{&date_type, -1, "time_precision_mode", "isostring", "0001-12-31 BC", "\"0000-12-31Z\""},
		{&date_type, -1, "time_precision_mode", "isostring", "5874897-12-31", "\"+5874897-12-31Z\""},
		{&date_type, -1, "time_precision_mode", "isostring", "infinity", "\"-5877611-06-21Z\""},
		{&time_type, -1, NULL, NULL, "24:00:00", "86400000000"},
		{&time_type, 3, NULL, NULL, "12:34:56.789", "45296789"},
		{&time_type, 3, "time_precision_mode", "adaptive_time_microseconds", "12:34:56.789", "45296789000"},
		{&time_type, -1, "time_precision_mode", "connect", "23:59:59.999999", "86399999"},
		{&time_type, -1, "time_precision_mode", "isostring", "24:00:00", "\"00:00:00Z\""},
		{&time_type, -1, "time_precision_mode", "isostring", "12:00:00.5", "\"12:00:00.5Z\""},
		{&time_type, -1, "time_precision_mode", "nanoseconds", "00:00:00.000001", "1000"},
		{&time_array, -1, NULL, NULL, "{12:34:56.789012,NULL}", "[45296789000,null]"},
		{&timetz_type, -1, NULL, NULL, "23:59:59.999999-08", "\"07:59:59.999999Z\""},
		{&timetz_type, -1, NULL, NULL, "00:00:00+15:59", "\"08:01:00Z\""},
		{&timetz_type, -1, NULL, NULL, "24:00:00+00", "\"00:00:00Z\""},
		{&timestamp_type, -1, NULL, NULL, "1969-12-31 23:59:59.999999", "-1"},
		{&timestamp_type, -1, "time_precision_mode", "connect", "1969-12-31 23:59:59.999999", "-1"},
		{&timestamp_type, 0, NULL, NULL, "0044-03-15 10:00:00 BC", "-63517788000000"},
		{&timestamp_type, -1, NULL, NULL, "294276-12-31 23:59:59", "9223372036854775807"},
		{&timestamp_type, 3, NULL, NULL, "294276-12-31 23:59:59", "9224318015999000"},
		{&timestamp_type, -1, NULL, NULL, "infinity", "9223372036825200000"},
		{&timestamp_type, 0, NULL, NULL, "-infinity", "-9223372036832400"},
		{&timestamp_type, -1, "time_precision_mode", "isostring", "-infinity", "\"-290308-12-21T19:59:27.6Z\""},
		{&timestamp_type, -1, "time_precision_mode", "isostring", "2024-06-30 12:00:00.0005", "\"2024-06-30T12:00:00.0005Z\""},
		{&timestamp_type, -1, "time_precision_mode", "nanoseconds", "2024-01-01 00:00:00.1", "1704067200100000000"},
		{&timestamp_type, -1, "time_precision_mode", "nanoseconds", "2300-01-01 00:00:00", "null"},
		{&timestamptz_type, -1, NULL, NULL, "2024-01-01 00:00:00+00", "\"2024-01-01T00:00:00.000000Z\""},
		{&timestamptz_type, 0, NULL, NULL, "2024-01-01 00:00:00+00", "\"2024-01-01T00:00:00Z\""},
		{&timestamptz_type, 3, NULL, NULL, "10000-01-01 00:00:00+00", "\"+10000-01-01T00:00:00.000Z\""},
		{&timestamptz_type, -1, NULL, NULL, "4713-01-01 00:00:00+00 BC", "\"-4712-01-01T00:00:00.000000Z\""},
		{&timestamptz_type, -1, NULL, NULL, "-infinity", "\"-infinity\""},
		{&interval_type, -1, NULL, NULL, "1 year 2 mons 3 days 04:05:06.789012", "37091106789012"},
		{&interval_type, -1, NULL, NULL, "-1 years -2 mons +3 days -04:05:06", "-36572706000000"},
		{&interval_type, -1, NULL, NULL, "-178000000 years", "-9223372036854775808"},
		{&interval_type, -1, "interval_handling_mode", "string", "-00:00:00.000001", "\"P0Y0M0DT0H0M-0.000001S\""},
		{&interval_type, -1, "interval_handling_mode", "string", "-1 years -2 mons +3 days -04:05:06", "\"P-1Y-2M3DT-4H-5M-6S\""},
	};

	(void) state;
	CHECK_ALL(cases);
}

/* As Kafka Connect's header converter writes keys. */
static void
test_header(void **state)
{
	static const Case cases[] = {
		{&numeric_type, NUMERIC_MOD(6, 2), NULL, NULL, "12.30", "12.30"},
		{&numeric_type, NUMERIC_MOD(10, 8), NULL, NULL, "0.00000012", "1.2E-7"},
		{&date_type, -1, NULL, NULL, "2024-02-29", "19782"},
		{&date_type, -1, "time_precision_mode", "connect", "2024-02-29", "2024-02-29"},
		{&date_type, -1, "time_precision_mode", "connect", "1970-01-01", "00:00:00.000Z"},
		{&time_type, -1, "time_precision_mode", "connect", "12:00:00.5", "12:00:00.500Z"},
		{&timestamp_type, -1, "time_precision_mode", "connect", "2024-02-29 12:00:00.5", "2024-02-29T12:00:00.500Z"},
		{&text_type, -1, NULL, NULL, "t \"q\" \\ \n", "\"t \\\"q\\\" \\\\ \n\""},
		{&float8_type, -1, NULL, NULL, "NaN", "NaN"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(&cases[i], true);
}

/* ---- what stands where nothing was sent ---- */

static void
test_zeros(void **state)
{
	static const struct
	{
		const Kind *kind;
		int			typmod;
		const char *expected;
	}			cases[] = {
		{&bool_type, -1, "false"}, {&int4_type, -1, "0"}, {&text_type, -1, "\"\""},
		{&float8_type, -1, "0.0"}, {&numeric_type, NUMERIC_MOD(8, 2), "\"AA==\""},
		{&numeric_type, -1, "{\"scale\":0,\"value\":\"AA==\"}"},
		{&timestamptz_type, -1, "\"1970-01-01T00:00:00Z\""}, {&date_type, -1, "0"},
		{&bytea_type, -1, "\"\""}, {&hstore_type, -1, "\"{}\""}, {&int4_array, -1, "[]"},
	};
	DebeziumOptions *options = options_of(NULL, NULL);

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Column		column = column_of(cases[i].kind, cases[i].typmod);
		DebeziumType type;
		Buf			out;

		buf_init(&out, 1000);
		assert_true(debezium_type_find(&column, NULL, options, &type));
		debezium_append_zero(&out, &type);
		assert_string_equal(buf_string(&out), cases[i].expected);
		buf_free(&out);
	}
	option_free(&debezium_option_table, options);
}

static void
test_placeholders(void **state)
{
	static const struct
	{
		const Kind *kind;
		const char *expected;
	}			cases[] = {
		{&text_type, "\"__ppi\""}, {&json_type, "\"__ppi\""}, {&bytea_type, "\"X19wcGk=\""},
		{&int4_array, "[95,95,112,112,105]"}, {&date_array, "[95,95,112,112,105]"},
		{&text_array, "[\"__ppi\"]"}, {&numeric_type, "null"}, {&numeric_array, "null"},
		{&uuid_array, "[\"321df5bc-2af0-3965-91d8-7dc8688243b0\"]"},
		{&hstore_type, "\"{\\\"__ppi\\\":\\\"__ppi\\\"}\""}, {&varbit_type, "null"},
	};
	DebeziumOptions *options = options_of(NULL, NULL);

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Column		column = column_of(cases[i].kind, -1);
		DebeziumType type;
		Buf			out;

		buf_init(&out, 1000);
		assert_true(debezium_type_find(&column, NULL, options, &type));
		debezium_append_placeholder(&out, &type, "__ppi");
		assert_string_equal(buf_string(&out), cases[i].expected);
		buf_free(&out);
	}
	option_free(&debezium_option_table, options);
}

static void
test_defaults(void **state)
{
	static const struct
	{
		const Kind *kind;
		int			typmod;
		const char *expression;
		const char *expected;	/* NULL: none */
	}			cases[] = {
		{&int4_type, -1, "42", "42"},
		{&int4_type, -1, "'-5'::integer", "-5"},
		{&int4_type, -1, "(1 + 1)", NULL},
		{&int4_type, -1, "nextval('l.t_ser_seq'::regclass)", "0"},
		{&bool_type, -1, "true", "true"},
		{&text_type, -1, "'it''s'::text", "\"it\""},
		{&text_type, -1, "lower('ABC'::text)", "\"\""},
		{&text_type, -1, "NULL::text", NULL},
		{&text_type, -1, "CURRENT_USER", "\"CURRENT_USER\""},
		{&numeric_type, NUMERIC_MOD(8, 2), "12.34", "\"BNI=\""},
		{&numeric_type, NUMERIC_MOD(8, 2), "1.5", "\"AJY=\""},
		{&numeric_type, -1, "1.5", NULL},
		{&float8_type, -1, "1.25", "1.25"},
		{&date_type, -1, "'2024-01-01'::date", "19723"},
		{&date_type, -1, "CURRENT_DATE", "0"},
		{&timestamptz_type, -1, "now()", "\"1970-01-01T00:00:00.000000Z\""},
		{&timestamp_type, -1, "'2024-01-01 01:02:03'::timestamp without time zone", "1704070923000000"},
		{&uuid_type, -1, "gen_random_uuid()", "\"00000000-0000-0000-0000-000000000000\""},
		{&interval_type, -1, "'1 day'::interval", "86400000000"},
		{&time_type, -1, "'12:00:00'::time without time zone", "43200000000"},
		{&bytea_type, -1, "'\\x0102'::bytea", NULL},
		{&int4_array, -1, "'{1,2}'::integer[]", NULL},
		{&oid_type, -1, "'7'::oid", NULL},
	};
	DebeziumOptions *options = options_of(NULL, NULL);

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Column		column = column_of(cases[i].kind, cases[i].typmod);
		ColumnDetail detail = {
			1, column.type_oid, column.type_oid, column.type_name,
			column.typmod, 0,
			cases[i].expression
		};
		DebeziumType type;
		DebeziumWriter writer;

		debezium_writer_init(&writer, 10000);
		assert_true(debezium_type_find(&column, &detail, options, &type));
		assert_int_equal(debezium_append_default(&writer, &type, &column,
												 &detail),
						 cases[i].expected != NULL);
		assert_string_equal(buf_string(&writer.out),
							cases[i].expected ? cases[i].expected : "");
		debezium_writer_free(&writer);
	}
	option_free(&debezium_option_table, options);
}

/* ---- schemas ---- */

static void
check_schema(const Kind *kind, int typmod, const ColumnDetail *detail,
			 Slice preset, const char *expected)
{
	DebeziumOptions *options = options_of(NULL, NULL);
	Column		column = column_of(kind, typmod);
	DebeziumType type;
	Buf			out;

	buf_init(&out, 10000);
	assert_true(debezium_type_find(&column, detail, options, &type));
	debezium_type_append_schema(&out, &type, true, preset, "v");
	assert_string_equal(buf_string(&out), expected);
	buf_free(&out);
	option_free(&debezium_option_table, options);
}

static bool
has_type(const Kind *kind, const ColumnDetail *detail)
{
	DebeziumOptions *options = options_of(NULL, NULL);
	Column		column = column_of(kind, -1);
	DebeziumType type;
	bool		found = debezium_type_find(&column, detail, options, &type);

	option_free(&debezium_option_table, options);
	return found;
}

static void
test_schemas(void **state)
{
	static const ColumnDetail domain = {1, 90004, 1700, "pg_catalog.numeric", NUMERIC_MOD(10, 3), 0, NULL};
	static const ColumnDetail email = {1, 90008, 90009, "ext.citext", -1, 0, NULL};
	static const ColumnDetail box = {1, 90008, 90008, "x.email", -1, 0, NULL};
	static const ColumnDetail changed = {1, 23, 25, "pg_catalog.text", -1, 0, NULL};
	Slice		none = {NULL, 0};

	(void) state;
	check_schema(&int4_type, -1, NULL, slice_of("42"),
				 "{\"type\":\"int32\",\"optional\":true,\"default\":42,\"field\":\"v\"}");
	check_schema(&numeric_type, NUMERIC_MOD(10, 4), NULL, none,
				 "{\"type\":\"bytes\",\"optional\":true,\"name\":\"org.apache.kafka.connect.data.Decimal\",\"version\":1,"
				 "\"parameters\":{\"scale\":\"4\",\"connect.decimal.precision\":\"10\"},\"field\":\"v\"}");
	check_schema(&domain_type, -1, &domain, none,
				 "{\"type\":\"bytes\",\"optional\":true,\"name\":\"org.apache.kafka.connect.data.Decimal\",\"version\":1,"
				 "\"parameters\":{\"scale\":\"3\",\"connect.decimal.precision\":\"10\"},\"field\":\"v\"}");
	check_schema(&mood_array, -1, NULL, none,
				 "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"optional\":false,\"name\":\"io.debezium.data.Enum\",\"version\":1,"
				 "\"parameters\":{\"allowed\":\"sad,ok,happy \\\"x\\\"\"}},\"optional\":true,\"field\":\"v\"}");
	check_schema(&bit_array, 3, NULL, none,
				 "{\"type\":\"bytes\",\"optional\":true,\"name\":\"io.debezium.data.Bits\",\"version\":1,"
				 "\"parameters\":{\"length\":\"3\"},\"field\":\"v\"}");

	check_schema(&vector_type, 3, NULL, none,
				 "{\"type\":\"array\",\"items\":{\"type\":\"double\",\"optional\":false},\"optional\":true,"
				 "\"name\":\"io.debezium.data.DoubleVector\",\"version\":1,\"field\":\"v\"}");

	/* domains over an extension's type, over nobody knows what, and no domain */
	check_schema(&email_type, -1, &email, none,
				 "{\"type\":\"string\",\"optional\":true,\"field\":\"v\"}");
	check_schema(&email_type, -1, NULL, none,
				 "{\"type\":\"string\",\"optional\":true,\"field\":\"v\"}");
	assert_false(has_type(&email_type, &box));

	/* the catalog is ahead of the stream: the rows' type counts */
	check_schema(&int4_type, -1, &changed, none,
				 "{\"type\":\"int32\",\"optional\":true,\"field\":\"v\"}");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_decimals),
		cmocka_unit_test(test_negative_scale),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_zeros),
		cmocka_unit_test(test_placeholders),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_schemas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
