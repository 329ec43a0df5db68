/*
 * test_avro.c
 *		Connect's schemas and JSON as Avro's: texts, bytes, and what is refused.
 *
 * Whether readers of Avro take it is tested with them, in
 * e2e/test_registry.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "avro_schema.h"
#include "avro_value.h"

static AvroSchema schema;
static Buf	out;
static Buf	scratch;

static int
setup(void **state)
{
	(void) state;
	buf_init(&out, 1 << 20);
	buf_init(&scratch, 1 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	avro_schema_free(&schema);
	buf_free(&out);
	buf_free(&scratch);
	return 0;
}

static const char *
make(const char *connect)
{
	Error		err;

	avro_schema_free(&schema);
	if (!avro_schema_make(&schema, slice_of(connect), &err))
		fail_msg("%s", err.message);
	return schema.text;
}

static void
refuse(const char *connect)
{
	Error		err;

	avro_schema_free(&schema);
	assert_false(avro_schema_make(&schema, slice_of(connect), &err));
	assert_int_equal(err.code, ERROR_RECORD);
}

static bool
append(const char *payload)
{
	buf_clear(&out);
	return avro_append_value(&out, &schema, slice_of(payload), &scratch);
}

#define assert_bytes(payload, expected) \
	assert_true(append(payload)); \
	assert_int_equal(out.size, sizeof(expected) - 1); \
	assert_memory_equal(out.data, expected, out.size)

/* ---- schemas ---- */

static void
test_single_schemas(void **state)
{
	(void) state;
	assert_string_equal(make("{\"type\":\"int32\",\"optional\":false}"),
						"\"int\"");
	assert_string_equal(make("{\"type\":\"int64\",\"optional\":true}"),
						"[\"null\",\"long\"]");
	assert_string_equal(make("{\"type\":\"int16\",\"optional\":true,\"default\":-5}"),
						"[{\"type\":\"int\",\"connect.default\":-5,"
						"\"connect.type\":\"int16\"},\"null\"]");
	assert_string_equal(make("{\"type\":\"int64\",\"optional\":false,"
							 "\"name\":\"io.debezium.time.MicroTime\",\"version\":1}"),
						"{\"type\":\"long\",\"connect.version\":1,"
						"\"connect.name\":\"io.debezium.time.MicroTime\"}");
	assert_string_equal(make("{\"type\":\"int32\",\"optional\":false,"
							 "\"name\":\"org.apache.kafka.connect.data.Date\",\"version\":1}"),
						"{\"type\":\"int\",\"connect.version\":1,\"connect.name\":"
						"\"org.apache.kafka.connect.data.Date\",\"logicalType\":\"date\"}");
	assert_string_equal(make("{\"type\":\"array\",\"items\":{\"type\":\"string\","
							 "\"optional\":true},\"optional\":false}"),
						"{\"type\":\"array\",\"items\":[\"null\",\"string\"]}");
	assert_string_equal(make("{\"type\":\"map\",\"keys\":{\"type\":\"string\","
							 "\"optional\":false},\"values\":{\"type\":\"string\","
							 "\"optional\":true},\"optional\":false}"),
						"{\"type\":\"map\",\"values\":[\"null\",\"string\"]}");
}

/* Also one whose scale Avro's own type would not take. */
static void
test_decimals(void **state)
{
	(void) state;
	assert_string_equal(make("{\"type\":\"bytes\",\"optional\":false,\"name\":"
							 "\"org.apache.kafka.connect.data.Decimal\",\"version\":1,"
							 "\"parameters\":{\"scale\":\"2\"},\"default\":\"AJY=\"}"),
						"{\"type\":\"bytes\",\"connect.version\":1,"
						"\"connect.parameters\":{\"scale\":\"2\"},"
						"\"connect.default\":\"\\u0000\\u0096\",\"connect.name\":"
						"\"org.apache.kafka.connect.data.Decimal\","
						"\"scale\":2,\"precision\":64,\"logicalType\":\"decimal\"}");
	assert_null(strstr(make("{\"type\":\"bytes\",\"optional\":false,\"name\":"
							"\"org.apache.kafka.connect.data.Decimal\",\"version\":1,"
							"\"parameters\":{\"scale\":\"7\","
							"\"connect.decimal.precision\":\"5\"}}"), "logicalType"));
}

#define ROW	"{\"type\":\"struct\",\"fields\":[" \
	"{\"type\":\"int32\",\"optional\":false,\"field\":\"a b\"}," \
	"{\"type\":\"int32\",\"optional\":true,\"default\":7,\"field\":\"a_b\"}," \
	"{\"type\":\"int32\",\"optional\":true,\"field\":\"1\xc3\xa9\"}]," \
	"\"optional\":true,\"name\":\"p.1s.t-t.Value\",\"field\":\""

static void
test_records(void **state)
{
	(void) state;
	make("{\"type\":\"struct\",\"fields\":[" ROW "before\"}," ROW "after\"}],"
		 "\"optional\":false,\"name\":\"p.1s.t-t.Envelope\",\"version\":2}");
	assert_string_equal(schema.name, "p._1s.t_t.Envelope");
	assert_string_equal(schema.text,
						"{\"type\":\"record\",\"name\":\"p._1s.t_t.Envelope\",\"fields\":["
						"{\"name\":\"before\",\"type\":[\"null\",{\"type\":\"record\","
						"\"name\":\"p._1s.t_t.Value\",\"fields\":["
						"{\"name\":\"a_b\",\"type\":\"int\"},"
						"{\"name\":\"a_b_2\",\"type\":[{\"type\":\"int\","
						"\"connect.default\":7},\"null\"],\"default\":7},"
						"{\"name\":\"_1_\",\"type\":[\"null\",\"int\"],\"default\":null}],"
						"\"connect.name\":\"p._1s.t_t.Value\"}],\"default\":null},"
						"{\"name\":\"after\",\"type\":[\"null\",\"p._1s.t_t.Value\"],"
						"\"default\":null}],\"connect.version\":2,"
						"\"connect.name\":\"p._1s.t_t.Envelope\"}");
	/* both have the plan */
	assert_bytes("{\"before\":{\"a b\":1,\"a_b\":null,\"1\xc3\xa9\":null},"
				 "\"after\":{\"a b\":2,\"a_b\":3,\"1\xc3\xa9\":4}}",
				 "\x02\x02\x02\x00\x02\x04\x00\x06\x02\x08");
}

static void
test_refused_schemas(void **state)
{
	char		deep[2048] = "";

	(void) state;
	refuse("");
	refuse("{");
	refuse("[]");
	refuse("{\"type\":\"int33\"}");
	refuse("{\"type\":\"array\",\"optional\":false}");
	refuse("{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\"}]}");
	for (int i = 0; i < 40; i++)
		strcat(deep, "{\"type\":\"array\",\"items\":");
	strcat(deep, "{\"type\":\"int32\"}");
	for (int i = 0; i < 40; i++)
		strcat(deep, "}");
	refuse(deep);
}

/* ---- values ---- */

static void
make_single(const char *type)
{
	char		connect[100];

	strcpy(connect, "{\"optional\":false,\"type\":\"");
	strcat(connect, type);
	strcat(connect, "\"}");
	make(connect);
}

static void
test_numbers(void **state)
{
	(void) state;
	make_single("int64");
	assert_bytes("0", "\x00");
	assert_bytes("-1", "\x01");
	assert_bytes("9223372036854775807",
				 "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
	assert_bytes("-9223372036854775808",
				 "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
	assert_false(append("9223372036854775808"));
	assert_false(append("-9223372036854775809"));
	assert_false(append("1.5"));
	assert_false(append("-"));
	assert_false(append(""));
	assert_false(append("1,"));
	make_single("double");
	assert_bytes("1.0E10", "\x00\x00\x00\x20\x5f\xa0\x02\x42");
	assert_bytes("\"-Infinity\"", "\x00\x00\x00\x00\x00\x00\xf0\xff");
	assert_bytes("\"NaN\"", "\x00\x00\x00\x00\x00\x00\xf8\x7f");
	assert_false(append("\"nan\""));
	assert_false(append("1.5.5"));
	make_single("float");
	assert_bytes("-0.5", "\x00\x00\x00\xbf");
	make_single("boolean");
	assert_bytes("true", "\x01");
	assert_bytes("false", "\x00");
	assert_false(append("null"));
}

static void
test_strings(void **state)
{
	(void) state;
	make_single("string");
	assert_bytes("\"\"", "\x00");
	assert_bytes("\"ab\"", "\x04" "ab");
	assert_bytes("\"a\\n\\\"\\u00e9\\ud834\\udd1e\\/\"",
				 "\x14" "a\n\"\xc3\xa9\xf0\x9d\x84\x9e/");
	assert_bytes("\"\\ud834x\\udd1e\"", "\x0e\xef\xbf\xbdx\xef\xbf\xbd");
	assert_false(append("\"ab"));
	assert_false(append("\"\\u12\""));
	assert_false(append("\"\\x\""));
	assert_false(append("ab"));
	make_single("bytes");
	assert_bytes("\"\"", "\x00");
	assert_bytes("\"AP8Q\"", "\x06\x00\xff\x10");
	assert_bytes("\"AP8=\"", "\x04\x00\xff");
	assert_bytes("\"AA==\"", "\x02\x00");
	assert_false(append("\"A\""));
	assert_false(append("\"A*==\""));
}

static void
test_containers(void **state)
{
	(void) state;
	make("{\"type\":\"array\",\"items\":{\"type\":\"int32\",\"optional\":true},"
		 "\"optional\":true}");
	assert_bytes("null", "\x00");
	assert_bytes("[]", "\x02\x00");
	assert_bytes("[1,null]", "\x02\x02\x02\x02\x02\x00\x00");
	assert_false(append("[1"));
	assert_false(append("[1 2]"));
	make("{\"type\":\"map\",\"values\":{\"type\":\"string\",\"optional\":true},"
		 "\"optional\":false}");
	assert_bytes("{}", "\x00");
	assert_bytes("{\"k\":\"v\",\"n\":null}",
				 "\x02\x02k\x02\x02v\x02\x02n\x00\x00");
	assert_false(append("{\"k\"}"));
	make("{\"type\":\"struct\",\"name\":\"r\",\"fields\":[{\"type\":\"int32\","
		 "\"field\":\"a\"},{\"type\":\"int32\",\"field\":\"b\"}]}");
	assert_bytes("{\"a\":1,\"b\":2}", "\x02\x04");
	/* the order is the schema's, and all are there */
	assert_false(append("{\"b\":2,\"a\":1}"));
	assert_false(append("{\"a\":1}"));
	assert_false(append("{\"a\":1,\"b\":2,\"c\":3}"));
}

#define TEST(test)	cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_single_schemas),
		TEST(test_decimals),
		TEST(test_records),
		TEST(test_refused_schemas),
		TEST(test_numbers),
		TEST(test_strings),
		TEST(test_containers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
