/*
 * test_schema_lineage.c
 *		What earlier schemas have used up: reading a .proto, the numbers of the
 *		next one, and rows that are to have them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "change.h"
#include "record.h"
#include "schema_lineage.h"
#include "schema_renumber.h"
#include "wire.h"

#define ENCODING(name) PG_FANOUT__ENCODING__##name

static Record record;
static Buf	out;
static SchemaLineage lineage;
static SchemaSuccessor successor;
static Table *table;

static int
setup(void **state)
{
	(void) state;
	buf_init(&out, 1 << 20);
	record_init(&record, "s", "t");
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	buf_free(&out);
	schema_lineage_free(&lineage);
	schema_successor_free(&successor);
	table_free(table);
	table = NULL;
	return 0;
}

static void
read_text(const char *text)
{
	Error		err;

	schema_lineage_free(&lineage);
	assert_true(schema_lineage_read(&lineage, text, &err));
}

static bool
is_reserved(uint32_t number)
{
	return (lineage.reserved[number / 8] >> (number % 8)) & 1;
}

static void
assert_field(size_t index, uint32_t number, const char *type, const char *name)
{
	assert_true(index < lineage.field_count);
	assert_int_equal(lineage.fields[index].number, number);
	assert_true(slice_equal(lineage.fields[index].type, slice_of(type)));
	assert_true(slice_equal(lineage.fields[index].name, slice_of(name)));
}

static PgFanout__Column *
add(const char *name, PgFanout__Encoding encoding, uint32_t number)
{
	PgFanout__Column *column = record_add(&record, name, encoding);

	column->number = number;
	return column;
}

/* The record's table, from now on. */
static void
describe(void)
{
	table_free(table);
	table = table_new(&record.table);
	assert_non_null(table);
}

/* The text of the record's table behind the lineage read last. */
static const char *
follow(bool remap)
{
	Error		err;

	describe();
	schema_successor_free(&successor);
	assert_true(schema_successor_make(&successor, &lineage, table, false,
									  remap, &err));
	buf_clear(&out);
	proto_append_table_after(&out, table, &successor.past);
	return buf_string(&out);
}

static void
assert_text(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("not found: %s\nin: %s", part, text);
}

/* A schema's successor for the same table is the schema itself. */
static void
assert_settled(bool remap)
{
	char	   *before = strdup(follow(remap));

	read_text(before);
	assert_null(successor.clash);
	assert_string_equal(follow(remap), before);
	assert_null(successor.clash);
	free(before);
}

/* ---- reading ---- */

static void
test_own_text(void **state)
{
	static const ProtoPast nothing;

	(void) state;
	add("id", ENCODING(INT64), 1);
	add("a \"b\"", ENCODING(TEXT), 4);
	record_add_array(&record, "tags", ENCODING(TEXT))->number = 5;
	describe();
	proto_append_table_after(&out, table, &nothing);
	read_text(buf_string(&out));
	assert_int_equal(lineage.field_count, 3);
	assert_field(0, 1, "sint64", "id");
	assert_field(1, 4, "string", "a_x20_x22b_x22");
	assert_field(2, 5, "StringArray", "tags");
	assert_int_equal(lineage.name_count, 0);
	assert_false(is_reserved(2));
}

/* Comments gone, names qualified, everything on one line. */
static void
test_reformatted(void **state)
{
	(void) state;
	read_text("syntax=\"proto3\";package p;option java_package=\"a;}b\";"
			  "message t{Op op=1;message Source{string db=1;}"
			  "message Row{reserved 2,4 to 6, 4090 to max;reserved 'x',\"y\";"
			  "optional .p.t.Interval i=1[json_name=\"a;}\"];oneof _z{int32 q=9;}"
			  "repeated sint32 r=7;}enum Op{A=0;}}message other{string no=3;}");
	assert_int_equal(lineage.field_count, 2);
	assert_field(0, 1, "Interval", "i");
	assert_field(1, 7, "sint32", "r");
	assert_true(lineage.fields[1].repeated);
	for (uint32_t number = 1; number < 10; number++)
		assert_int_equal(is_reserved(number),
						 number == 2 || (number >= 4 && number <= 6));
	assert_true(is_reserved(4090) && is_reserved(TABLE_MAX_NUMBER));
	assert_int_equal(lineage.name_count, 2);
	assert_true(slice_equal(lineage.names[1], slice_of("y")));
}

static void
test_no_row(void **state)
{
	(void) state;
	read_text("// message x {}\n/* message y { */ message k {\n"
			  "  optional sint64 id = 1;\n}\n");
	assert_int_equal(lineage.field_count, 1);
	assert_field(0, 1, "sint64", "id");
}

static void
test_rubbish(void **state)
{
	static const char *const texts[] = {
		"", "message", "message t", "message t {", "message t { reserved",
		"message t { reserved 1 to", "message t { optional", "}}}}", "{{{{",
		"message t { message Row", "message t { message Row {", "\"", "/*",
		"message t { a b = ", "message t { reserved \"", "{\"type\":\"record\"}",
		"message t { a b = 99999999999; c d = -1; e f = x; }",
		"message t { = = = ; ; }", "message t { reserved 5 to 99999; }"
	};

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		read_text(texts[i]);
		assert_int_equal(lineage.field_count, 0);
	}
}

/* ---- successors ---- */

static void
test_column_added(void **state)
{
	(void) state;
	read_text("message t { message Row { optional sint32 a = 1; } }");
	add("a", ENCODING(INT32), 1);
	add("b", ENCODING(TEXT), 2);
	assert_text(follow(false), "optional string b = 2 [");
	assert_null(successor.clash);
	assert_false(successor.remapped);
	assert_settled(false);
}

static void
test_column_dropped(void **state)
{
	(void) state;
	read_text("message t { message Row { reserved 9; reserved \"z\"; "
			  "optional sint32 a = 1; optional string b = 2; } }");
	add("a", ENCODING(INT32), 1);
	assert_text(follow(false), "    reserved 2, 9;\n    reserved \"z\", \"b\";\n");
	assert_null(successor.clash);
	assert_settled(false);
	/* made anew: another number, and a name that nothing had */
	add("b", ENCODING(TEXT), 3);
	assert_text(follow(false), "optional string b_xn3 = 3 [json_name = \"b\"]");
	assert_null(successor.clash);
	assert_settled(false);
}

/* A publication's column list took it away and gave it back. */
static void
test_column_came_back(void **state)
{
	(void) state;
	read_text("message t { message Row { reserved 2; reserved \"b\"; "
			  "optional sint32 a = 1; } }");
	add("a", ENCODING(INT32), 1);
	add("b", ENCODING(TEXT), 2);
	assert_text(follow(false), "optional string b = 2 [");
	assert_null(strstr(buf_string(&out), "reserved"));
	assert_null(successor.clash);
	assert_settled(false);
}

static void
assert_clash(uint32_t number, const char *meant)
{
	follow(false);
	assert_non_null(successor.clash);
	assert_int_equal(successor.clash->number, number);
	assert_string_equal(successor.meant, meant);
}

static void
test_clashes(void **state)
{
	(void) state;
	/* another type */
	read_text("message t { message Row { optional sint32 a = 1; "
			  "optional string b = 2; } }");
	add("a", ENCODING(TEXT), 1);
	add("b", ENCODING(TEXT), 2);
	assert_clash(1, "sint32 a");
	/* changed places */
	read_text("message t { message Row { optional string b = 1; "
			  "optional string a = 2; } }");
	assert_clash(1, "string b");
	/* a retired number */
	read_text("message t { message Row { reserved 2; reserved \"x\"; "
			  "optional string a = 1; } }");
	assert_clash(2, "a column that was dropped");
	/* renamed: none */
	read_text("message t { message Row { optional string old = 1; "
			  "optional string b = 2; } }");
	follow(false);
	assert_null(successor.clash);
}

static void
test_remapped(void **state)
{
	const char *text;

	(void) state;
	read_text("message t { message Row { optional sint32 a = 1; "
			  "optional string b = 2; optional string c = 3; } }");
	add("a", ENCODING(TEXT), 1);
	add("c", ENCODING(TEXT), 2);
	add("b", ENCODING(TEXT), 3);
	add("d", ENCODING(BOOL), 4);
	text = follow(true);
	assert_null(successor.clash);
	assert_true(successor.remapped);
	assert_text(text, "    reserved 1;\n    reserved \"a\";\n");
	assert_text(text, "optional string a_xn2048 = 2048 [json_name = \"a\"]");
	assert_text(text, "optional string c = 3 [");
	assert_text(text, "optional string b = 2 [");
	assert_text(text, "optional bool d = 4 [");
	assert_settled(true);
	/* and again another type */
	record.columns[0].encoding = ENCODING(DOUBLE);
	text = follow(true);
	assert_text(text, "    reserved 1, 2048;\n    reserved \"a\", \"a_xn2048\";\n");
	assert_text(text, "optional double a_xn2049 = 2049 [json_name = \"a\"]");
	assert_settled(true);
}

/* A field's name does not change because another's type does. */
static void
test_names_stay(void **state)
{
	(void) state;
	/* string name took name_bytes too */
	read_text("message t { message Row { optional string name = 1; "
			  "optional sint32 name_bytes_xn2 = 2; "
			  "optional sint32 x_bytes = 3; } }");
	add("name", ENCODING(INT32), 1);
	add("name_bytes", ENCODING(INT32), 2);
	add("x_bytes", ENCODING(INT32), 3);
	add("x", ENCODING(TEXT), 4);
	assert_text(follow(true), "optional sint32 name_bytes_xn2 = 2 [");
	assert_text(follow(true), "optional sint32 name_xn2048 = 2048 [");
	assert_text(follow(true), "optional sint32 x_bytes = 3 [");
	assert_text(follow(true), "optional string x_xn4 = 4 [");
	assert_settled(true);
}

static void
test_numbers_run_out(void **state)
{
	char		text[] = "message t { message Row { reserved 2048 to 4095; "
		"optional sint32 a = 1; } }";
	Error		err;

	(void) state;
	read_text(text);
	add("a", ENCODING(TEXT), 1);
	describe();
	assert_false(schema_successor_make(&successor, &lineage, table, false,
									   true, &err));
	assert_int_equal(err.code, ERROR_RECORD);
}

/* ---- rows ---- */

static void
test_renumbered(void **state)
{
	uint32_t	numbers[] = {1, 2048, 3};
	uint8_t		row[64];
	uint8_t		body[256];
	uint8_t		packed[] = {2, 3};
	uint8_t    *end = row;
	uint8_t    *at = body;
	Body		parts;
	WireReader	reader;
	WireField	field;

	(void) state;
	add("a", ENCODING(INT64), 1);
	add("b", ENCODING(TEXT), 2);
	add("c", ENCODING(DOUBLE), 3);
	describe();
	end = wire_put_sint(end, 1, -7);
	end = wire_put_bytes(end, 2, "hello", 5);
	end = wire_put_fixed64(end, 3, 99);
	at = wire_put_uint(at, 1, 2);
	at = wire_put_bytes(at, 3, row, (size_t) (end - row));
	at = wire_put_bytes(at, 4, packed, sizeof(packed));
	at = wire_put_uint(at, 5, 12345);
	assert_true(schema_renumber_body(&out, table, numbers,
									 slice_make(body, (size_t) (at - body))));
	assert_false(buf_failed(&out));
	reader = wire_reader(out.data, out.size);
	assert_int_equal(wire_next(&reader, &field), WIRE_FIELD);
	assert_int_equal(field.number, 1);
	assert_int_equal(wire_next(&reader, &field), WIRE_FIELD);
	assert_int_equal(field.number, 3);
	parts.after = slice_make(field.data, field.size);
	for (int i = 0; i < 2; i++)
	{
		assert_int_equal(wire_next(&reader, &field), WIRE_FIELD);
		assert_int_equal(field.number, 4);
		assert_int_equal(field.value, i == 0 ? 2048 : 3);
	}
	assert_int_equal(wire_next(&reader, &field), WIRE_FIELD);
	assert_int_equal(field.number, 5);
	assert_int_equal(wire_next(&reader, &field), WIRE_END);
	reader = wire_reader(parts.after.data, parts.after.size);
	assert_int_equal(wire_next(&reader, &field), WIRE_FIELD);
	assert_int_equal(field.number, 1);
	assert_int_equal(wire_unzigzag(field.value), -7);
	assert_int_equal(wire_next(&reader, &field), WIRE_FIELD);
	assert_int_equal(field.number, 2048);
	assert_memory_equal(field.data, "hello", 5);
	assert_int_equal(wire_next(&reader, &field), WIRE_FIELD);
	assert_int_equal(field.number, 3);
	assert_int_equal(field.value, 99);
	assert_int_equal(wire_next(&reader, &field), WIRE_END);
}

static void
test_renumber_refuses(void **state)
{
	uint32_t	numbers[] = {1};
	static const uint8_t unknown[] = {0x10, 0x01};
	static const uint8_t cut[] = {0x0a, 0x05, 'x'};
	static const uint8_t body[] = {0x1a, 0x02, 0x10, 0x01};

	(void) state;
	add("a", ENCODING(TEXT), 1);
	describe();
	assert_false(schema_renumber_row(&out, table, numbers,
									 slice_make(unknown, sizeof(unknown))));
	assert_false(schema_renumber_row(&out, table, numbers,
									 slice_make(cut, sizeof(cut))));
	assert_false(schema_renumber_body(&out, table, numbers,
									  slice_make(body, sizeof(body))));
	assert_false(schema_renumber_body(&out, table, numbers,
									  slice_make(cut, sizeof(cut))));
}

#define TEST(test)	cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_own_text),
		TEST(test_reformatted),
		TEST(test_no_row),
		TEST(test_rubbish),
		TEST(test_column_added),
		TEST(test_column_dropped),
		TEST(test_column_came_back),
		TEST(test_clashes),
		TEST(test_remapped),
		TEST(test_names_stay),
		TEST(test_numbers_run_out),
		TEST(test_renumbered),
		TEST(test_renumber_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
