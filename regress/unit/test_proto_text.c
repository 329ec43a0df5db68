/*
 * test_proto_text.c
 *		The typed .proto of a table: its text, and that names stay apart.
 *
 * Whether compilers take it is tested with them, in e2e/test_proto.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto_text.h"
#include "record.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ENCODING(name) PG_FANOUT__ENCODING__##name

static Record record;
static Buf	out;

static int
setup(void **state)
{
	(void) state;
	buf_init(&out, 1 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	buf_free(&out);
	return 0;
}

/* What is found is the caller's until the next call. */
static const char *
proto_print(const char *package)
{
	Table	   *table = table_new(&record.table);

	assert_non_null(table);
	buf_clear(&out);
	proto_append_table(&out, table, package);
	table_free(table);
	assert_false(buf_failed(&out));
	return buf_string(&out);
}

static void
assert_has(const char *package, const char *expected)
{
	if (strstr(proto_print(package), expected) == NULL)
		fail_msg("not found: %s\nin: %s", expected, buf_string(&out));
}

static void
assert_lacks(const char *unexpected)
{
	if (strstr(proto_print(NULL), unexpected) != NULL)
		fail_msg("found: %s\nin: %s", unexpected, buf_string(&out));
}

static const char customer[] =
	"// Changes of the table \"burst_bank\".\"customer\", made by pg_fanout.\n"
	"syntax = \"proto3\";\n"
	"\n"
	"package fanout.burst_bank;\n"
	"\n"
	"message customer {\n"
	"  Op op = 1;\n"
	"  // The key columns, or the whole row if the replica identity is full.\n"
	"  Row before = 2;\n"
	"  Row after = 3;\n"
	"  // Numbers of columns not sent: their out-of-line value did not change.\n"
	"  repeated uint32 unchanged = 4;\n"
	"  // Of the change itself; order by (source.commit_lsn, source.seq).\n"
	"  uint64 lsn = 5;\n"
	"  // A field absent from before was not sent: not NULL.\n"
	"  bool before_is_key = 6;\n"
	"  Source source = 15;\n"
	"\n"
	"  enum Op {\n"
	"    OP_UNKNOWN = 0;\n"
	"    INSERT = 1;\n"
	"    UPDATE = 2;\n"
	"    DELETE = 3;\n"
	"    TRUNCATE = 4;\n"
	"    READ = 5;\n"
	"  }\n"
	"\n"
	"  message Source {\n"
	"    string db = 1;\n"
	"    string schema = 2;\n"
	"    string table = 3;\n"
	"    uint64 commit_lsn = 4;\n"
	"    uint64 seq = 5;\n"
	"    uint32 xid = 6;\n"
	"    // Microseconds since 1970-01-01 UTC.\n"
	"    int64 commit_time = 7;\n"
	"    bool snapshot = 8;\n"
	"    string origin = 9;\n"
	"    fixed64 version = 10;\n"
	"  }\n"
	"\n"
	"  // An absent field is NULL.\n"
	"  message Row {\n"
	"    reserved 2, 4 to 6;\n"
	"    // \"pg_catalog.int8\", not null, primary key 1\n"
	"    optional sint64 custkey = 1 [json_name = \"custkey\"];\n"
	"    // \"pg_catalog.date\", days since 1970-01-01\n"
	"    optional sint32 first_day = 3 [json_name = \"first_day\"];\n"
	"    // \"tags \\\"x\\\"\" \"pg_catalog._text\"\n"
	"    optional StringArray tags_x20_x22x_x22 = 7 "
	"[json_name = \"tags \\042x\\042\"];\n"
	"    // \"public.mood\", one of \"sad\", \"ha\\nppy\"\n"
	"    optional string mood = 8 [json_name = \"mood\"];\n"
	"    // \"pg_catalog.interval\", generated\n"
	"    optional Interval age = 9 [json_name = \"age\"];\n"
	"  }\n"
	"\n"
	"  message Interval {\n"
	"    sint32 months = 1;\n"
	"    sint32 days = 2;\n"
	"    sint64 microseconds = 3;\n"
	"  }\n"
	"\n"
	"  // The elements that are not NULL, where the NULLs are, and the shape\n"
	"  // unless it is one dimension from 1.\n"
	"  message StringArray {\n"
	"    repeated string element = 1;\n"
	"    repeated uint32 null_index = 2;\n"
	"    repeated uint32 dimension = 3;\n"
	"    repeated sint32 lower_bound = 4;\n"
	"  }\n"
	"}\n";

static PgFanout__Column *
add(const char *name, PgFanout__Encoding encoding, const char *type_name,
	uint32_t number)
{
	PgFanout__Column *column = record_add(&record, name, encoding);

	column->type_name = (char *) type_name;
	column->number = number;
	return column;
}

static void
test_customer(void **state)
{
	char	   *labels[] = {"sad", "ha\nppy"};
	PgFanout__Column *column;

	(void) state;
	record_init(&record, "burst_bank", "customer");
	column = add("custkey", ENCODING(INT64), "pg_catalog.int8", 1);
	column->not_null = 1;
	column->key_position = 1;
	add("first_day", ENCODING(DATE), "pg_catalog.date", 3);
	add("tags \"x\"", ENCODING(TEXT), "pg_catalog._text", 7)->array = 1;
	column = add("mood", ENCODING(ENUM), "public.mood", 8);
	column->enum_label = labels;
	column->n_enum_label = 2;
	add("age", ENCODING(INTERVAL), "pg_catalog.interval", 9)->generated =
		PG_FANOUT__GENERATED__GENERATED_STORED;
	assert_string_equal(proto_print(NULL), customer);
}

static void
test_type_of_every_encoding(void **state)
{
	static const char *const plain[] = {
		"string", "bool", "sint32", "sint64", "uint32", "float", "double",
		"string", "bytes", "bytes", "sint32", "sint64", "sint64", "sint64",
		"Interval", "string", "string"
	};
	static const char *const array[] = {
		"String", "Bool", "Sint32", "Sint64", "Uint32", "Float", "Double",
		"String", "Bytes", "Bytes", "Sint32", "Sint64", "Sint64", "Sint64",
		"Interval", "String", "String"
	};

	(void) state;
	for (size_t i = 0; i < COUNT(plain); i++)
	{
		char		expected[100];

		record_init(&record, "s", "t");
		record_add(&record, "c", (PgFanout__Encoding) i);
		snprintf(expected, sizeof(expected), "optional %s c = 1", plain[i]);
		assert_has(NULL, expected);
		assert_lacks("Array");
		record_add_array(&record, "a", (PgFanout__Encoding) i);
		snprintf(expected, sizeof(expected), "optional %sArray a = 2",
				 array[i]);
		assert_has(NULL, expected);
		snprintf(expected, sizeof(expected),
				 "message %sArray {\n    repeated %s element = 1;", array[i],
				 plain[i]);
		assert_has(NULL, expected);
	}
}

static void
test_package(void **state)
{
	(void) state;
	record_init(&record, "public", "t");
	assert_has("com.example", "\npackage com.example;\n");
	assert_has(NULL, "\npackage fanout.public_;\n");
	record_init(&record, "public_", "t");
	assert_has(NULL, "\npackage fanout.public__;\n");
	record_init(&record, "my schema", "t");
	assert_has(NULL, "\npackage fanout.my_x20schema;\n");

	assert_true(proto_package_is_valid("a"));
	assert_true(proto_package_is_valid("com.example.v1_x"));
	assert_false(proto_package_is_valid(""));
	assert_false(proto_package_is_valid("."));
	assert_false(proto_package_is_valid("a."));
	assert_false(proto_package_is_valid(".a"));
	assert_false(proto_package_is_valid("a..b"));
	assert_false(proto_package_is_valid("1a"));
	assert_false(proto_package_is_valid("a.1"));
	assert_false(proto_package_is_valid("a;b"));
	assert_false(proto_package_is_valid("a b"));
	assert_false(proto_package_is_valid("\xc3\xa9"));
}

static void
assert_message(const char *name, const char *expected)
{
	char		line[200];

	record_init(&record, "s", name);
	snprintf(line, sizeof(line), "\nmessage %s {\n", expected);
	assert_has("sales.v1", line);
}

static void
test_message_names(void **state)
{
	(void) state;
	assert_message("customer", "customer");
	assert_message("Row", "Row_");
	assert_message("Row_", "Row__");
	assert_message("row", "row");
	assert_message("Op", "Op_");
	assert_message("Source", "Source_");
	assert_message("Interval", "Interval_");
	assert_message("StringArray", "StringArray_");
	assert_message("RowOrBuilder", "RowOrBuilder_");
	assert_message("OrBuilder", "OrBuilder");
	assert_message("Builder", "Builder_");
	assert_message("class", "class_");
	assert_message("sales", "sales_");
	assert_message("sales_v1", "sales_v1");
	assert_message("a-b", "a_x2db");
	assert_message("a_x2db", "a_x5fx2db");
	assert_message("a_x2", "a_x2");
	assert_message("a_xn1", "a_x5fxn1");
	assert_message("1a", "_x31a");
	assert_message("_1", "__x31");
	assert_message("_", "_x5f");
	assert_message("__", "__x5f");
	assert_message("\xc3\xa9", "_xc3_xa9");
	assert_message("a.b;}\n", "a_x2eb_x3b_x7d_x0a");
}

static void
assert_field(const char *type_and_name, uint32_t number, const char *json)
{
	char		line[200];

	snprintf(line, sizeof(line), "    optional %s = %u [json_name = \"%s\"];\n",
			 type_and_name, number, json);
	assert_has(NULL, line);
}

static void
test_field_clashes(void **state)
{
	(void) state;
	record_init(&record, "s", "t");
	record_add(&record, "a_b", ENCODING(INT32));
	record_add(&record, "aB", ENCODING(INT32));
	record_add(&record, "A_B_", ENCODING(INT32));
	record_add(&record, "name_bytes", ENCODING(INT64));
	record_add(&record, "name", ENCODING(TEXT));
	record_add(&record, "name_Builder", ENCODING(TEXT));
	record_add(&record, "age", ENCODING(INTERVAL));
	record_add(&record, "age_bytes", ENCODING(INT32));
	record_add(&record, "age_or_builder", ENCODING(INT32));
	record_add(&record, "Interval", ENCODING(INT32));
	record_add(&record, "Interval_", ENCODING(INT32));
	record_add(&record, "[x]", ENCODING(INT32));
	record_add(&record, "Descriptor", ENCODING(INT32));
	record_add(&record, "bit_field0", ENCODING(INT32));
	record_add(&record, "bit_fields", ENCODING(INT32));
	assert_field("sint32 a_b", 1, "a_b");
	assert_field("sint32 aB_xn2", 2, "aB");
	assert_field("sint32 A_B__xn3", 3, "A_B_");
	assert_field("sint64 name_bytes", 4, "name_bytes");
	assert_field("string name_xn5", 5, "name");
	assert_field("string name_Builder", 6, "name_Builder");
	assert_field("Interval age", 7, "age");
	assert_field("sint32 age_bytes", 8, "age_bytes");
	assert_field("sint32 age_or_builder_xn9", 9, "age_or_builder");
	assert_field("sint32 Interval_", 10, "Interval");
	assert_field("sint32 Interval___xn11", 11, "Interval___xn11");
	assert_field("sint32 _x5bx_x5d", 12, "_x5bx_x5d");
	assert_field("sint32 Descriptor_xn13", 13, "Descriptor");
	assert_field("sint32 bit_field0_xn14", 14, "bit_field0");
	assert_field("sint32 bit_fields", 15, "bit_fields");
}

/* The suffix itself may run into another column. */
static void
test_clash_of_a_suffix(void **state)
{
	(void) state;
	record_init(&record, "s", "t");
	record_add(&record, "name", ENCODING(INT32));
	record_add(&record, "namexn3", ENCODING(INT32));
	record_add(&record, "NAME", ENCODING(INT32));
	assert_field("sint32 NAME_xn3_xn3", 3, "NAME");
}

/* Parsers of JSON take a field's name too: the two may not meet. */
static void
test_json_names(void **state)
{
	(void) state;
	record_init(&record, "s", "t");
	record_add(&record, "a b", ENCODING(INT32));
	record_add(&record, "a_x20b", ENCODING(INT32));
	record_add(&record, "a_x5fx20b", ENCODING(INT32));
	record_add(&record, "a_x5fx5fx20b ", ENCODING(INT32));
	record_add(&record, "name", ENCODING(INT32));
	record_add(&record, "_name", ENCODING(INT32));
	assert_field("sint32 a_x20b", 1, "a b");
	assert_field("sint32 a_x5fx20b", 2, "a_x5fx20b");
	assert_field("sint32 a_x5fx5fx20b", 3, "a_x5fx5fx20b");
	assert_field("sint32 a_x5fx5fx5fx20b_x20", 4, "a_x5fx5fx20b ");
	assert_field("sint32 name", 5, "name");
	assert_field("sint32 _name_xn6", 6, "_name_xn6");
}

/* Names of few characters, so that they come near each other. */
static size_t
random_name(uint64_t *seed, char *name)
{
	static const char letters[] = "_xn5fA- ";
	size_t		size;

	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	size = 1 + (*seed >> 33) % 6;
	for (size_t i = 0; i < size; i++)
	{
		*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		name[i] = letters[(*seed >> 33) % (sizeof(letters) - 1)];
	}
	name[size] = '\0';
	return size;
}

static int
compare_pairs(const void *a, const void *b)
{
	return strcmp(((const char *const *) a)[1], ((const char *const *) b)[1]);
}

static void
test_names_are_injective(void **state)
{
	static const char *pairs[5000][2];
	uint64_t	seed = 4;
	int			equal = 0;

	(void) state;
	for (size_t i = 0; i < COUNT(pairs); i++)
	{
		char		name[8];
		const char *found;

		random_name(&seed, name);
		record_init(&record, "s", name);
		found = strstr(proto_print(NULL), "\nmessage ") + strlen("\nmessage ");
		pairs[i][0] = strdup(name);
		pairs[i][1] = strndup(found, strcspn(found, " "));
	}
	qsort(pairs, COUNT(pairs), sizeof(pairs[0]), compare_pairs);
	for (size_t i = 1; i < COUNT(pairs); i++)
	{
		if (strcmp(pairs[i][1], pairs[i - 1][1]) != 0)
			continue;
		assert_string_equal(pairs[i][0], pairs[i - 1][0]);
		equal++;
	}
	assert_true(equal < (int) COUNT(pairs) / 2);
	for (size_t i = 0; i < COUNT(pairs); i++)
	{
		free((char *) pairs[i][0]);
		free((char *) pairs[i][1]);
	}
}

static void
test_limits(void **state)
{
	Table	   *table;
	size_t		whole;

	(void) state;
	record_init(&record, "s", "t");
	for (int i = 0; i < TABLE_MAX_COLUMNS; i++)
		record_add(&record, "same", ENCODING(TEXT));
	assert_field("string same_xn1600", 1600, "same_xn1600");
	record.table.n_column = 3;
	whole = strlen(proto_print(NULL));
	table = table_new(&record.table);
	for (size_t limit = 0; limit < whole; limit += 7)
	{
		Buf			small;

		buf_init(&small, limit);
		proto_append_table(&small, table, NULL);
		assert_true(buf_failed(&small));
		buf_free(&small);
	}
	table_free(table);
}

/* ---- behind earlier schemas ---- */

static void
test_after_earlier_schemas(void **state)
{
	static const uint32_t numbers[] = {1, 2049, 3};
	static const char *const names[] = {"name", "gone"};
	uint8_t		reserved[PROTO_RESERVED_SIZE] = {0};
	ProtoPast	past = {.numbers = numbers, .reserved = reserved,
	.names = names, .name_count = COUNT(names)};
	Table	   *table;

	(void) state;
	/* 2 was name's, 4 gone's, 3 is in use again, the last there is */
	reserved[0] = 1 << 2 | 1 << 3 | 1 << 4;
	reserved[TABLE_MAX_NUMBER / 8] = 1 << (TABLE_MAX_NUMBER % 8);
	record_init(&record, "s", "t");
	record_add(&record, "id", ENCODING(INT32));
	record_add(&record, "name", ENCODING(TEXT));
	record_add(&record, "other", ENCODING(TEXT));
	table = table_new(&record.table);
	buf_clear(&out);
	proto_append_table_after(&out, table, &past);
	table_free(table);
	assert_non_null(strstr(buf_string(&out),
						   "  message Row {\n"
						   "    reserved 2, 4, 4095;\n"
						   "    reserved \"name\", \"gone\";\n"
						   "    // \"pg_catalog.some\"\n"
						   "    optional sint32 id = 1 [json_name = \"id\"];\n"
						   "    // \"name\" \"pg_catalog.some\"\n"
						   "    optional string name_xn2049 = 2049 [json_name = \"name\"];\n"
						   "    // \"pg_catalog.some\"\n"
						   "    optional string other = 3 [json_name = \"other\"];\n"
						   "  }\n"));
}

static void
test_key(void **state)
{
	PgFanout__Column *column;
	Table	   *table;

	(void) state;
	record_init(&record, "fanout_key", "public");
	column = record_add(&record, "b", ENCODING(INTERVAL));
	column->key_position = 2;
	column->not_null = 1;
	record_add_array(&record, "x", ENCODING(TEXT));
	/* clashes with no column of the key */
	record_add(&record, "c_bytes", ENCODING(INT32));
	column = record_add(&record, "c", ENCODING(TEXT));
	column->key_position = 1;
	table = table_new(&record.table);
	buf_clear(&out);
	proto_append_key(&out, table, NULL);
	assert_string_equal(buf_string(&out),
						"// Keys of the table \"fanout_key\".\"public\", made by pg_fanout.\n"
						"syntax = \"proto3\";\n"
						"\n"
						"package fanout_key.fanout_key_;\n"
						"\n"
						"message public_ {\n"
						"  // \"pg_catalog.some\"\n"
						"  optional Interval b = 1 [json_name = \"b\"];\n"
						"  // \"pg_catalog.some\"\n"
						"  optional string c = 4 [json_name = \"c\"];\n"
						"\n"
						"  message Interval {\n"
						"    sint32 months = 1;\n"
						"    sint32 days = 2;\n"
						"    sint64 microseconds = 3;\n"
						"  }\n"
						"}\n");
	buf_clear(&out);
	proto_append_name(&out, table, PROTO_KEY);
	buf_append_byte(&out, ' ');
	proto_append_name(&out, table, PROTO_CHANGE);
	assert_string_equal(buf_string(&out),
						"fanout_key.fanout_key_.public_ fanout.fanout_key_.public_");
	table_free(table);
}

static void
test_flat(void **state)
{
	static const char *const names[] = {"a"};
	uint8_t		reserved[PROTO_RESERVED_SIZE] = {1 << 2};
	uint32_t	numbers[] = {1, 3};
	ProtoPast	past = {.numbers = numbers, .reserved = reserved,
	.names = names, .name_count = 1};
	Table	   *table;

	(void) state;
	record_init(&record, "public", "t");
	record_add(&record, "id", ENCODING(INT32))->key_position = 1;
	record_add(&record, "fanoutOp", ENCODING(TEXT))->number = 3;
	table = table_new(&record.table);
	buf_clear(&out);
	proto_append_flat(&out, table, 1u << PROTO_EXTRA_OP |
					  1u << PROTO_EXTRA_UNCHANGED, &past);
	assert_string_equal(buf_string(&out),
						"// Rows of the table \"public\".\"t\", made by pg_fanout.\n"
						"syntax = \"proto3\";\n"
						"\n"
						"package fanout_row.public_;\n"
						"\n"
						"message t {\n"
						"  reserved 2;\n"
						"  reserved \"a\";\n"
						"  // \"pg_catalog.some\", primary key 1\n"
						"  optional sint32 id = 1 [json_name = \"id\"];\n"
						"  // \"fanoutOp\" \"pg_catalog.some\"\n"
						"  optional string fanoutOp_xn3 = 3 [json_name = \"fanoutOp_xn3\"];\n"
						"  optional string fanout_op = 2000;\n"
						"  // Columns not sent: their out-of-line value did not change.\n"
						"  repeated string fanout_unchanged = 2009;\n"
						"}\n");
	table_free(table);
}

static void
test_logical_message(void **state)
{
	(void) state;
	buf_clear(&out);
	proto_append_message(&out);
	assert_non_null(strstr(buf_string(&out), "\npackage fanout_message;\n"));
	assert_non_null(strstr(buf_string(&out), "  bytes content = 4;\n"));
	assert_non_null(strstr(buf_string(&out), "  message Source {\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_customer),
		cmocka_unit_test(test_type_of_every_encoding),
		cmocka_unit_test(test_package),
		cmocka_unit_test(test_message_names),
		cmocka_unit_test(test_field_clashes),
		cmocka_unit_test(test_clash_of_a_suffix),
		cmocka_unit_test(test_json_names),
		cmocka_unit_test(test_names_are_injective),
		cmocka_unit_test(test_after_earlier_schemas),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_flat),
		cmocka_unit_test(test_logical_message),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
