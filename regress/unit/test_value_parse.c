/*
 * test_value_parse.c
 *		Values from the server's text: the wire bytes of each, and what is
 *		refused.
 *
 * Expected values are numbers counted by hand or by other programs, and bytes
 * as the output plugin sends them. Texts are read from memory of exactly their
 * size, so that a sanitizer sees a byte read beyond them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "value_parse.h"
#include "wire.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ENCODING(name) PG_FANOUT__ENCODING__##name
#define DAY INT64_C(86400000000)

static Buf	out;
static Error err;

static int
setup(void **state)
{
	(void) state;
	buf_init(&out, 1 << 20);
	buf_append_string(&out, "before");
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	buf_free(&out);
	return 0;
}

static bool
parse_column(const Column *column, const char *text, size_t size)
{
	char	   *exact = malloc(size > 0 ? size : 1);
	bool		parsed;

	assert_non_null(exact);
	memcpy(exact, text, size);
	memset(&err, 0, sizeof(err));
	out.size = strlen("before");
	parsed = value_parse(&out, column, slice_make(exact, size), &err);
	free(exact);
	return parsed;
}

static Column
column_of(PgFanout__Encoding encoding, bool is_array)
{
	Column		column = {.number = 1};

	column.encoding = encoding;
	column.is_array = is_array;
	column.delimiter = ',';
	column.name = "c";
	column.type_name = "pg_catalog.some";
	return column;
}

static bool
parse(PgFanout__Encoding encoding, const char *text)
{
	Column		column = column_of(encoding, false);

	return parse_column(&column, text, strlen(text));
}

static bool
parse_array(PgFanout__Encoding encoding, const char *text)
{
	Column		column = column_of(encoding, true);

	return parse_column(&column, text, strlen(text));
}

/* Hexadecimal digits, blanks between as one likes. */
static void
assert_out(const char *hex, const char *text)
{
	Buf			shown;
	char		packed[4096];
	size_t		length = 0;

	for (; *hex != '\0'; hex++)
	{
		if (*hex != ' ')
			packed[length++] = *hex;
	}
	packed[length] = '\0';
	buf_init(&shown, 1 << 20);
	for (size_t i = strlen("before"); i < out.size; i++)
		buf_printf(&shown, "%02x", out.data[i]);
	if (strcmp(buf_string(&shown), packed) != 0)
		fail_msg("%s is %s, not %s", text, buf_string(&shown), packed);
	buf_free(&shown);
}

static void
assert_refused(bool parsed, const char *text)
{
	if (parsed)
		fail_msg("\"%s\" was taken", text);
	assert_int_equal(err.code, ERROR_SOURCE);
	assert_int_equal(out.size, strlen("before"));
	assert_false(buf_failed(&out));
}

/* ---- numbers ---- */

typedef struct NumberCase
{
	PgFanout__Encoding encoding;
	const char *text;
	int64_t		value;
} NumberCase;

static const NumberCase numbers[] = {
	{ENCODING(INT32), "0", 0},
	{ENCODING(INT32), "-1", -1},
	{ENCODING(INT32), "32767", 32767},
	{ENCODING(INT32), "2147483647", INT32_MAX},
	{ENCODING(INT32), "-2147483648", INT32_MIN},
	{ENCODING(INT64), "9223372036854775807", INT64_MAX},
	{ENCODING(INT64), "-9223372036854775808", INT64_MIN},
	{ENCODING(INT64), "9007199254740993", INT64_C(9007199254740993)},
	{ENCODING(DATE), "1970-01-01", 0},
	{ENCODING(DATE), "1969-12-31", -1},
	{ENCODING(DATE), "2000-02-29", 11016},
	{ENCODING(DATE), "2024-02-29", 19782},
	{ENCODING(DATE), "1900-03-01", -25508},
	{ENCODING(DATE), "0001-01-01", -719162},
	{ENCODING(DATE), "0001-12-31 BC", -719163},
	{ENCODING(DATE), "0001-02-29 BC", -719469},
	{ENCODING(DATE), "0044-03-15 BC", -735160},
	{ENCODING(DATE), "4714-11-24 BC", -2440588},
	{ENCODING(DATE), "5874897-12-31", INT64_C(2145042905)},
	{ENCODING(DATE), "10000-01-01", 2932897},
	{ENCODING(DATE), "infinity", INT32_MAX},
	{ENCODING(DATE), "-infinity", INT32_MIN},
	{ENCODING(TIME), "00:00:00", 0},
	{ENCODING(TIME), "00:00:00.000001", 1},
	{ENCODING(TIME), "13:00:00.5", INT64_C(46800500000)},
	{ENCODING(TIME), "23:59:59.999999", DAY - 1},
	{ENCODING(TIME), "24:00:00", DAY},
	{ENCODING(TIMESTAMP), "1970-01-01 00:00:00", 0},
	{ENCODING(TIMESTAMP), "1969-12-31 23:59:59.999999", -1},
	{ENCODING(TIMESTAMP), "2024-02-29 12:34:56.789",
	INT64_C(1709210096789000)},
	{ENCODING(TIMESTAMP), "4714-11-24 00:00:00 BC", -2440588 * DAY},
	{ENCODING(TIMESTAMP), "0001-12-31 23:59:59.5 BC",
	-719162 * DAY - 500000},
	/* 294276-12-31 23:59:59.999999 lies beyond 2^63 microseconds */
	{ENCODING(TIMESTAMP), "294276-12-31 23:59:59.999999",
	INT64_C(-9222426057709551617)},
	{ENCODING(TIMESTAMP), "infinity", INT64_MAX},
	{ENCODING(TIMESTAMP), "-infinity", INT64_MIN},
	{ENCODING(TIMESTAMPTZ), "1970-01-01 00:00:00+00", 0},
	{ENCODING(TIMESTAMPTZ), "2024-02-29 10:34:56.789+00",
	INT64_C(1709202896789000)},
	{ENCODING(TIMESTAMPTZ), "0044-03-15 10:00:00+00 BC",
	-735160 * DAY + 10 * (DAY / 24)},
	{ENCODING(TIMESTAMPTZ), "infinity", INT64_MAX},
	{ENCODING(TIMESTAMPTZ), "-infinity", INT64_MIN},
};

static void
test_numbers(void **state)
{
	(void) state;
	for (size_t i = 0; i < COUNT(numbers); i++)
	{
		uint8_t		expected[WIRE_MAX_SCALAR];
		uint8_t    *end = wire_put_sint(expected, 1, numbers[i].value);
		Slice		field;

		if (!parse(numbers[i].encoding, numbers[i].text))
			fail_msg("%s was refused", numbers[i].text);
		field = slice_make(out.data + 6, out.size - 6);
		if (!slice_equal(field, slice_make(expected,
										   (size_t) (end - expected))))
			fail_msg("%s is something else", numbers[i].text);
	}
}

/* ---- other scalars ---- */

typedef struct BytesCase
{
	PgFanout__Encoding encoding;
	const char *text;
	const char *hex;
} BytesCase;

static const BytesCase scalars[] = {
	{ENCODING(BOOL), "t", "08 01"},
	{ENCODING(BOOL), "f", "08 00"},
	{ENCODING(UINT32), "0", "08 00"},
	{ENCODING(UINT32), "4294967295", "08 ffffffff0f"},
	{ENCODING(FLOAT), "0", "0d 00000000"},
	{ENCODING(FLOAT), "-0", "0d 00000080"},
	{ENCODING(FLOAT), "1.5", "0d 0000c03f"},
	{ENCODING(FLOAT), "0.1", "0d cdcccc3d"},
	{ENCODING(FLOAT), "3.4028235e+38", "0d ffff7f7f"},
	{ENCODING(FLOAT), "1e-45", "0d 01000000"},
	/* rounded once, not by way of a double */
	{ENCODING(FLOAT), "1.00000017881393432617187499", "0d 0100803f"},
	{ENCODING(FLOAT), "NaN", "0d 0000c07f"},
	{ENCODING(FLOAT), "-Infinity", "0d 000080ff"},
	{ENCODING(DOUBLE), "-0", "09 0000000000000080"},
	{ENCODING(DOUBLE), "0.1", "09 9a9999999999b93f"},
	{ENCODING(DOUBLE), "1.7976931348623157e+308", "09 ffffffffffffef7f"},
	{ENCODING(DOUBLE), "5e-324", "09 0100000000000000"},
	{ENCODING(DOUBLE), "2.2250738585072014e-308", "09 0000000000001000"},
	{ENCODING(DOUBLE), "NaN", "09 000000000000f87f"},
	{ENCODING(DOUBLE), "Infinity", "09 000000000000f07f"},
	{ENCODING(NUMERIC), "-0.10", "0a 05 2d302e3130"},
	{ENCODING(NUMERIC), "NaN", "0a 03 4e614e"},
	{ENCODING(NUMERIC), "-Infinity", "0a 09 2d496e66696e697479"},
	{ENCODING(TEXT), "", "0a 00"},
	{ENCODING(TEXT), "{\"\\", "0a 03 7b225c"},
	{ENCODING(ENUM), "so-so", "0a 05 736f2d736f"},
	{ENCODING(JSON), "[1]", "0a 03 5b315d"},
	{ENCODING(BYTES), "\\x", "0a 00"},
	{ENCODING(BYTES), "\\x00ff80", "0a 03 00ff80"},
	{ENCODING(UUID), "00112233-4455-6677-8899-aabbccddeeff",
	"0a 10 00112233445566778899aabbccddeeff"},
	{ENCODING(INTERVAL), "00:00:00", "0a 06 0800 1000 1800"},
	{ENCODING(INTERVAL), "1 day", "0a 06 0800 1002 1800"},
	{ENCODING(INTERVAL), "-1 days", "0a 06 0800 1001 1800"},
	{ENCODING(INTERVAL), "1 mon", "0a 06 0802 1000 1800"},
	{ENCODING(INTERVAL), "1 year 2 mons", "0a 06 081c 1000 1800"},
	{ENCODING(INTERVAL), "-1 years", "0a 06 0817 1000 1800"},
	{ENCODING(INTERVAL), "00:00:00.000001", "0a 06 0800 1000 1802"},
	{ENCODING(INTERVAL), "-00:00:00.000001", "0a 06 0800 1000 1801"},
	{ENCODING(INTERVAL), "-1 years -2 mons +3 days -04:05:06.789",
	"0a 0a 081b 1006 18 8faabec96d"},
	{ENCODING(INTERVAL), "-1 mons +1 day -00:00:00.000001",
	"0a 06 0801 1002 1801"},
	{ENCODING(INTERVAL), "1 mon -1 days +04:00:00",
	"0a 0a 0802 1001 18 80c0f4a46b"},
	{ENCODING(INTERVAL), "178000000 years", "0a 0a 08 809886f50f 1000 1800"},
	{ENCODING(INTERVAL), "-178956970 years -8 mons",
	"0a 0a 08 ffffffff0f 1000 1800"},
	{ENCODING(INTERVAL), "2147483647 days", "0a 0a 0800 10 feffffff0f 1800"},
	{ENCODING(INTERVAL), "-2147483648 days", "0a 0a 0800 10 ffffffff0f 1800"},
	{ENCODING(INTERVAL), "2562047788:00:54.775807",
	"0a 0f 0800 1000 18 feffffffffffffffff01"},
	{ENCODING(INTERVAL), "-2562047788:00:54.775808",
	"0a 0f 0800 1000 18 ffffffffffffffffff01"},
	{ENCODING(INTERVAL), "infinity",
	"0a 17 08 feffffff0f 10 feffffff0f 18 feffffffffffffffff01"},
	{ENCODING(INTERVAL), "-infinity",
	"0a 17 08 ffffffff0f 10 ffffffff0f 18 ffffffffffffffffff01"},
};

static void
test_scalars(void **state)
{
	(void) state;
	for (size_t i = 0; i < COUNT(scalars); i++)
	{
		if (!parse(scalars[i].encoding, scalars[i].text))
			fail_msg("%s was refused", scalars[i].text);
		assert_out(scalars[i].hex, scalars[i].text);
	}
}

typedef struct BadCase
{
	PgFanout__Encoding encoding;
	const char *texts[20];
} BadCase;

static const BadCase bad_scalars[] = {
	{ENCODING(BOOL), {"", "true", "T", "1", "tt"}},
	{ENCODING(INT32), {"", "-", "+1", "01", "-0", "2147483648", "-2147483649",
	"1.0", "1 ", " 1", "0x1", "1e3"}},
	{ENCODING(INT64), {"", "9223372036854775808", "-9223372036854775809",
	"18446744073709551616", "99999999999999999999999", "1a"}},
	{ENCODING(UINT32), {"", "-1", "4294967296", "00"}},
	{ENCODING(FLOAT), {"", "-", ".", "1.", ".5", "1e", "1e+", "nan", "inf",
	"0x1p3", "1,5", "1e39", "1e-60", "+1", " 1", "-NaN", "infinity"}},
	{ENCODING(DOUBLE), {"", "1e309", "-1e309", "1e-400", "1.5d", "1_000",
	"0000000000000000000000000000000000000000000000001"}},
	{ENCODING(NUMERIC), {"", "-", "1e5", "1.", ".1", "nan", "$1", "1 "}},
	{ENCODING(JSON), {""}},
	{ENCODING(BYTES), {"", "\\", "x00", "\\x0", "\\xzz", "\\x00 ", "abc",
	"\\000"}},
	{ENCODING(UUID), {"", "00112233445566778899aabbccddeeff",
	"00112233-4455-6677-8899-aabbccddeef",
	"00112233-4455-6677-8899-aabbccddeefff",
	"0011223-34455-6677-8899-aabbccddeeff",
	"0011223g-4455-6677-8899-aabbccddeeff"}},
	{ENCODING(DATE), {"", "2024-1-01", "2024-01-1", "24-01-01", "2024-00-01",
	"2024-13-01", "2023-02-29", "2024-04-31", "01.02.2024", "01/02/2024",
	"2024-01-01 AD", "2024-01-01BC", "0000-01-01", "4714-11-23 BC",
	"5874898-01-01", "2024-01-01 00:00:00", "Infinity", " BC"}},
	{ENCODING(TIME), {"", "1:00:00", "01:00", "01:60:00", "01:00:60",
	"24:00:00.000001", "25:00:00", "01:00:00.", "01:00:00.1234567",
	"01:00:00+00", "-01:00:00"}},
	{ENCODING(TIMESTAMP), {"", "2024-01-01", "2024-01-01T00:00:00",
	"2024-01-01 24:00:00", "2024-01-01 00:00:00+00", "2024-01-01 00:00",
	"294277-01-01 00:00:00", "4714-11-23 23:59:59 BC",
	"2024-01-01 00:00:00 BC ", "Mon Jan 01 00:00:00 2024", "infinity "}},
	{ENCODING(TIMESTAMPTZ), {"2024-01-01 00:00:00", "2024-01-01 00:00:00+01",
	"2024-01-01 00:00:00+00:30", "2024-01-01 00:00:00 BC+00",
	"2024-01-01 00:00:00+0"}},
	{ENCODING(INTERVAL), {"", " ", "1", "1 days ", " 1 day", "1 day 1 mon",
	"1 mon  1 day", "1 week", "1 month", "P1D", "1-2", "@ 1 day", "1 day ago",
	"2147483648 days", "178956971 years", "2562047788:00:54.775808",
	"99999999999:00:00", "00:00", "1 day 1 day", "4294967296:00:00"}},
};

static void
test_malformed(void **state)
{
	(void) state;
	for (size_t i = 0; i < COUNT(bad_scalars); i++)
	{
		const BadCase *bad = &bad_scalars[i];

		for (size_t j = 0; j < COUNT(bad->texts) && bad->texts[j]; j++)
			assert_refused(parse(bad->encoding, bad->texts[j]),
						   bad->texts[j]);
	}
}

/* Every beginning of a text is read without a byte beyond its end. */
static void
test_cut_short(void **state)
{
	(void) state;
	for (size_t i = 0; i < COUNT(scalars); i++)
	{
		Column		column = column_of(scalars[i].encoding, false);

		for (size_t size = 0; size < strlen(scalars[i].text); size++)
			(void) parse_column(&column, scalars[i].text, size);
	}
	for (size_t i = 0; i < COUNT(numbers); i++)
	{
		Column		column = column_of(numbers[i].encoding, false);

		for (size_t size = 0; size < strlen(numbers[i].text); size++)
			(void) parse_column(&column, numbers[i].text, size);
	}
}

/* ---- arrays ---- */

static const BytesCase arrays[] = {
	{ENCODING(INT32), "{}", "0a 00"},
	{ENCODING(TEXT), "{}", "0a 00"},
	{ENCODING(INT32), "{1,2,3}", "0a 05 0a03 020406"},
	{ENCODING(INT32), "{NULL}", "0a 03 1201 00"},
	{ENCODING(INT32), "{NULL,NULL}", "0a 04 1202 0001"},
	{ENCODING(INT32), "{1,NULL,-1}", "0a 07 0a02 0201 1201 01"},
	{ENCODING(BOOL), "{t,f}", "0a 04 0a02 0100"},
	{ENCODING(FLOAT), "{1.5,NaN}", "0a 0a 0a08 0000c03f 0000c07f"},
	{ENCODING(DOUBLE), "{-0}", "0a 0a 0a08 0000000000000080"},
	{ENCODING(UINT32), "{4294967295}", "0a 07 0a05 ffffffff0f"},
	{ENCODING(DATE), "{1970-01-02,-infinity}", "0a 08 0a06 02 ffffffff0f"},
	{ENCODING(DATE), "{\"0001-12-31 BC\"}", "0a 05 0a03 f5e457"},
	{ENCODING(TIMESTAMP), "{\"1970-01-01 00:00:00.000001\",infinity}",
	"0a 0d 0a0b 02 feffffffffffffffff01"},
	{ENCODING(TIMESTAMPTZ), "{\"1970-01-01 00:00:00+00\"}", "0a 03 0a01 00"},
	{ENCODING(TIME), "{00:00:00.000002}", "0a 03 0a01 04"},
	{ENCODING(TEXT), "{a,\"\",NULL,\"NULL\"}",
	"0a 0e 0a01 61 0a00 0a04 4e554c4c 1201 02"},
	{ENCODING(TEXT), "{\"a,b\",\"{}\",\"\\\"\",\"\\\\\"}",
	"0a 0f 0a03 612c62 0a02 7b7d 0a01 22 0a01 5c"},
	{ENCODING(TEXT), "{\" a\",\"null\"}", "0a 0a 0a02 2061 0a04 6e756c6c"},
	{ENCODING(NUMERIC), "{1.50,NULL,NaN}",
	"0a 0e 0a04 312e3530 0a03 4e614e 1201 01"},
	{ENCODING(JSON), "{\"{\\\"a\\\": 1}\",null}", NULL},
	{ENCODING(JSON), "{\"{\\\"a\\\": 1}\",\"null\"}",
	"0a 10 0a08 7b2261223a20317d 0a04 6e756c6c"},
	{ENCODING(BYTES), "{\"\\\\x00ff\",\"\\\\x\"}", "0a 06 0a02 00ff 0a00"},
	{ENCODING(UUID), "{00112233-4455-6677-8899-aabbccddeeff}",
	"0a 12 0a10 00112233445566778899aabbccddeeff"},
	{ENCODING(INTERVAL), "{\"1 day\",00:00:00}", NULL},
	{ENCODING(ENUM), "{happy,\"so,so\"}",
	"0a 0e 0a05 6861707079 0a05 736f2c736f"},
	/* shapes */
	{ENCODING(INT32), "{{1,2},{3,NULL}}",
	"0a 10 0a03 020406 1201 03 1a02 0202 2202 0202"},
	{ENCODING(BOOL), "[0:1]={t,f}", "0a 0a 0a02 0100 1a01 02 2201 00"},
	{ENCODING(INT32), "[-2:-1][3:3]={{1},{2}}",
	"0a 0c 0a02 0204 1a02 0201 2202 0306"},
	{ENCODING(TEXT), "{{{a}}}", "0a 0d 0a01 61 1a03 010101 2203 020202"},
	{ENCODING(TEXT), "[5:5]={NULL}", "0a 09 1201 00 1a01 01 2201 0a"},
	{ENCODING(INT32), "[-2147483648:-2147483648]={1}",
	"0a 0d 0a01 02 1a01 01 2205 ffffffff0f"},
	{ENCODING(INT32), "{{{{{{1}}}}}}",
	"0a 13 0a01 02 1a06 010101010101 2206 020202020202"},
};

static void
test_arrays(void **state)
{
	(void) state;
	for (size_t i = 0; i < COUNT(arrays); i++)
	{
		Column		column = column_of(arrays[i].encoding, true);

		if (!parse_array(arrays[i].encoding, arrays[i].text))
			fail_msg("%s was refused", arrays[i].text);
		if (arrays[i].hex != NULL)
			assert_out(arrays[i].hex, arrays[i].text);
		for (size_t size = 0; size < strlen(arrays[i].text); size++)
			assert_refused(parse_column(&column, arrays[i].text, size),
						   arrays[i].text);
	}
}

static const BadCase bad_arrays[] = {
	{ENCODING(INT32), {"", "{", "}", "{1", "1", "{1}}", "{1} ", " {1}", "{,}",
	"{1,}", "{,1}", "{1 }", "{ 1}", "{1;2}", "{{1}", "{a}", "{\"\\1\"}",
	"{1,,2}", "{{}}", "{nul}"}},
	{ENCODING(INT32), {"{{1},2}", "{1,{2}}", "{{1,2},{3}}", "{{1}{2}}",
	"{{1},{2,3}}", "{{{1}},{2}}", "{{{{{{{1}}}}}}}", "{}1", "{},{}", "{1},",
	"{{},{}}", "{{1},{}}"}},
	{ENCODING(INT32), {"[1]={1}", "[1:1]{1}", "[1:2]={1}", "[2:1]={1}",
	"[1:1]={{1}}", "[1:1][1:1]={1}", "[1:1]={}", "[a:1]={1}", "[1:]={1}",
	"[:1]={1}", "[1:1", "[1:1]", "[1:1]=", "[2147483648:2147483648]={1}",
	"[1:1][1:1][1:1][1:1][1:1][1:1][1:1]={{{{{{{1}}}}}}}",
	"[-2147483648:2147483647]={1}", "[--1:1]={1}", "[1:1]=={1}"}},
	{ENCODING(TEXT), {"{a b}", "{a\"b}", "{\"a\"b}", "{a\\b}", "{\"a}",
	"{\"a\\", "{\"a\\\"}", "{a{b}", "{\t}", "{\"a\"\"b\"}", "{\"\\\""}},
	{ENCODING(BYTES), {"{\\x00}", "{\"\\x00\"}", "{\"\\\\x0\"}",
	"{\"\\\\x0\\0\"}", "{00}", "{\"\\\\\"}"}},
	{ENCODING(UUID), {"{\"\\00112233-4455-6677-8899-aabbccddeeff\"}"}},
	{ENCODING(JSON), {"{\"\"}"}},
	{ENCODING(BOOL), {"{t,true}"}},
};

static void
test_malformed_arrays(void **state)
{
	(void) state;
	for (size_t i = 0; i < COUNT(bad_arrays); i++)
	{
		const BadCase *bad = &bad_arrays[i];

		for (size_t j = 0; j < COUNT(bad->texts) && bad->texts[j]; j++)
			assert_refused(parse_array(bad->encoding, bad->texts[j]),
						   bad->texts[j]);
	}
}

/* Boxes have semicolons between, since each holds commas. */
static void
test_delimiter(void **state)
{
	Column		column = column_of(ENCODING(TEXT), true);
	const char *text = "{(1,1),(0,0);(2,2),(1,1)}";

	(void) state;
	column.delimiter = ';';
	assert_true(parse_column(&column, text, strlen(text)));
	assert_out("0a 1a 0a0b 28312c31292c28302c3029"
			   "0a0b 28322c32292c28312c3129", text);
	text = "{{a};{\"b;c\"}}";
	assert_true(parse_column(&column, text, strlen(text)));
	assert_out("0a 10 0a01 61 0a03 623b63 1a02 0201 2202 0202", text);
	text = "{{a},{b}}";
	assert_refused(parse_column(&column, text, strlen(text)), text);
}

/* Lengths take the fewest bytes however long the content. */
static void
test_long_array(void **state)
{
	Column		column = column_of(ENCODING(INT32), true);
	Buf			text;
	WireReader	reader;
	WireField	field;

	(void) state;
	buf_init(&text, 1 << 20);
	for (int i = 0; i < 1000; i++)
		buf_printf(&text, "%c%s", i == 0 ? '{' : ',', i % 2 ? "7" : "NULL");
	buf_append_byte(&text, '}');
	column.number = 1600;
	assert_true(parse_column(&column, (char *) text.data, text.size));
	/* tag 2, length 2; packed: tag 1, length 2, 500; nulls: 1, 2, 936 */
	assert_int_equal(out.size - strlen("before"), 4 + 503 + 3 + 936);
	reader = wire_reader(out.data + 6, out.size - 6);
	assert_int_equal(wire_next(&reader, &field), WIRE_FIELD);
	assert_int_equal(field.number, 1600);
	reader = wire_reader(field.data, field.size);
	assert_int_equal(wire_next(&reader, &field), WIRE_FIELD);
	assert_int_equal(field.size, 500);
	assert_int_equal(wire_next(&reader, &field), WIRE_FIELD);
	assert_int_equal(field.size, 936);
	assert_int_equal(wire_next(&reader, &field), WIRE_END);
	buf_free(&text);
}

/* ---- limits ---- */

static void
test_limit(void **state)
{
	static const PgFanout__Encoding encodings[] = {
		ENCODING(TEXT), ENCODING(BYTES)
	};
	char		text[] = "\\x00112233445566778899aabbccddeeff00112233445566";

	(void) state;
	for (size_t limit = 0; limit < 60; limit++)
	{
		for (size_t i = 0; i < COUNT(encodings); i++)
		{
			Column		column = column_of(encodings[i], false);
			Buf			small;
			bool		parsed;

			buf_init(&small, limit);
			parsed = value_parse(&small, &column, slice_of(text), &err);
			if (!parsed)
			{
				assert_int_equal(err.code, ERROR_RECORD);
				assert_int_equal(small.size, 0);
			}
			buf_free(&small);
		}
	}
}

static void
test_limit_of_array(void **state)
{
	const char *text = "{{\"a\\\"b\",NULL},{ccccccccccccccccccccc,d}}";
	Column		column = column_of(ENCODING(TEXT), true);
	bool		parsed = false;

	(void) state;
	for (size_t limit = 0; limit < 200; limit++)
	{
		Buf			small;

		buf_init(&small, limit);
		parsed = value_parse(&small, &column, slice_of(text), &err);
		assert_true(parsed || err.code == ERROR_RECORD);
		assert_true(parsed || small.size == 0);
		buf_free(&small);
	}
	assert_true(parsed);
}

/* Neither the message nor its detail shows what may be a secret. */
static void
test_error_hides_value(void **state)
{
	(void) state;
	assert_false(parse(ENCODING(INT32), "topsecret"));
	assert_null(strstr(err.message, "topsecret"));
	assert_null(strstr(err.detail, "topsecret"));
	assert_non_null(strstr(err.message, "\"c\""));
	assert_non_null(strstr(err.detail, "pg_catalog.some"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scalars, setup, teardown),
		cmocka_unit_test_setup_teardown(test_malformed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_short, setup, teardown),
		cmocka_unit_test_setup_teardown(test_arrays, setup, teardown),
		cmocka_unit_test_setup_teardown(test_malformed_arrays, setup,
										teardown),
		cmocka_unit_test_setup_teardown(test_delimiter, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_array, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limit_of_array, setup, teardown),
		cmocka_unit_test_setup_teardown(test_error_hides_value, setup,
										teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
