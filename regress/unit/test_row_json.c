/*
 * test_row_json.c
 *		Rows as JSON text: every encoding, arrays, keys.
 *
 * Malformed rows have to be refused, and without a byte read beyond their end:
 * they are read from memory of exactly their size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "json_rig.h"
#include "record.h"
#include "row_json.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ENCODING(name) PG_FANOUT__ENCODING__##name
#define DAY INT64_C(86400000000)
#define NO_SKIP slice_make(NULL, 0)

static Record record;

/* ---- rows ---- */

static uint8_t row[4000];
static uint8_t *end;

/* From memory of exactly its size. */
static bool
row_print(RowColumns columns, Slice skip)
{
	Table	   *table = table_new(&record.table);
	size_t		size = (size_t) (end - row);
	uint8_t    *copy = malloc(size > 0 ? size : 1);
	bool		done;

	assert_non_null(table);
	memcpy(copy, row, size);
	buf_clear(&out);
	done = row_append_json(&out, table, slice_make(copy, size), columns, skip);
	free(copy);
	table_free(table);
	return done;
}

static void
assert_row(RowColumns columns, const char *expected)
{
	assert_true(row_print(columns, NO_SKIP));
	assert_out(expected);
}

static void
assert_row_refused(void)
{
	assert_false(row_print(ROW_WHOLE, NO_SKIP));
	buf_clear(&out);
}

/* id (dropped) name "we\"ird" */
static void
record_small(void)
{
	record_init(&record, "public", "t");
	record_add(&record, "id", ENCODING(INT64));
	record_add(&record, "name", ENCODING(TEXT))->number = 3;
	record_add(&record, "we\"ird", ENCODING(BOOL));
	end = wire_put_sint(row, 1, -7);
	end = wire_put_bytes(end, 3, "x", 1);
	end = wire_put_uint(end, 4, 1);
}

static void
test_rows(void **state)
{
	(void) state;
	record_small();
	assert_row(ROW_WHOLE, "{\"id\":-7,\"name\":\"x\",\"we\\\"ird\":true}");
	assert_row(ROW_KEY, "{}");
	record.columns[2].key_position = 1;
	record.columns[0].key_position = 2;
	assert_row(ROW_KEY, "{\"we\\\"ird\":true,\"id\":-7}");
	record.columns[1].key_position = 3;
	assert_row(ROW_KEY, "{\"we\\\"ird\":true,\"id\":-7,\"name\":\"x\"}");
	end = wire_put_sint(row, 1, 1);
	assert_row(ROW_WHOLE, "{\"id\":1,\"name\":null,\"we\\\"ird\":null}");
	assert_row(ROW_SENT, "{\"id\":1}");
	assert_row(ROW_KEY, "{\"we\\\"ird\":null,\"id\":1,\"name\":null}");
	end = row;
	assert_row(ROW_WHOLE, "{\"id\":null,\"name\":null,\"we\\\"ird\":null}");
	assert_row(ROW_SENT, "{}");
}

static void
test_skipped_columns(void **state)
{
	(void) state;
	record_small();
	end = wire_put_sint(row, 1, 1);
	assert_true(row_print(ROW_WHOLE, slice_of("\x03")));
	assert_out("{\"id\":1,\"we\\\"ird\":null}");
	assert_true(row_print(ROW_WHOLE, slice_of("\x04\x03")));
	assert_out("{\"id\":1}");
	assert_false(row_print(ROW_WHOLE, slice_of("\x01")));
}

static void
test_row_refuses(void **state)
{
	(void) state;
	record_small();
	end = wire_put_bytes(row, 1, "x", 1);	/* kind */
	assert_row_refused();
	end = wire_put_fixed64(row, 1, 1);
	assert_row_refused();
	end = wire_put_uint(row, 3, 1);
	assert_row_refused();
	end = wire_put_sint(row, 2, 1); /* dropped */
	assert_row_refused();
	end = wire_put_uint(row, 5, 1); /* unknown */
	assert_row_refused();
	end = wire_put_sint(wire_put_sint(row, 1, 1), 1, 1);	/* twice */
	assert_row_refused();
	end = wire_put_sint(wire_put_uint(row, 4, 1), 1, 1);	/* disorder */
	assert_row_refused();
	end = wire_put_uint(row, 4, 2); /* range */
	assert_row_refused();
}

static void
assert_value_refused(PgFanout__Encoding encoding, uint64_t value)
{
	record_init(&record, "public", "t");
	record_add(&record, "c", encoding);
	end = wire_put_uint(row, 1, value);
	assert_row_refused();
}

static void
assert_bytes_refused(PgFanout__Encoding encoding, const char *bytes,
					 size_t size)
{
	record_init(&record, "public", "t");
	record_add(&record, "c", encoding);
	end = wire_put_bytes(row, 1, bytes, size);
	assert_row_refused();
}

static void
test_values_out_of_range(void **state)
{
	(void) state;
	assert_value_refused(ENCODING(INT32), wire_zigzag(INT64_C(1) << 31));
	assert_value_refused(ENCODING(INT32), UINT64_MAX);
	assert_value_refused(ENCODING(DATE), wire_zigzag(-(INT64_C(1) << 31) - 1));
	assert_value_refused(ENCODING(UINT32), UINT64_C(1) << 32);
	assert_value_refused(ENCODING(TIME), wire_zigzag(-1));
	assert_value_refused(ENCODING(TIME), wire_zigzag(DAY + 1));
	assert_value_refused(ENCODING(FLOAT), 1);
	assert_value_refused(ENCODING(DOUBLE), 1);
	assert_bytes_refused(ENCODING(UUID), "123456789012345", 15);
	assert_bytes_refused(ENCODING(UUID), "12345678901234567", 17);
	assert_bytes_refused(ENCODING(JSON), "", 0);
	assert_bytes_refused(ENCODING(INTERVAL), "\x08", 1);
	assert_bytes_refused(ENCODING(INTERVAL), "\x20\x01", 2);
	assert_bytes_refused(ENCODING(INTERVAL), "\x0a\x01", 2);
	assert_bytes_refused(ENCODING(INTERVAL),
						 "\x08\x80\x80\x80\x80\x10", 6);
}

/* ---- every encoding ---- */

static uint8_t *
put_interval(uint8_t *at, uint32_t number)
{
	uint8_t		message[30];
	uint8_t    *last = wire_put_sint(message, 1, 1);

	last = wire_put_sint(last, 2, -2);
	last = wire_put_sint(last, 3, 3000000);
	return wire_put_bytes(at, number, message, (size_t) (last - message));
}

static const char all_printed[] =
	"{\"text\":\"t\",\"bool\":false,\"int32\":-2147483648,"
	"\"int64\":9223372036854775807,\"uint32\":4294967295,\"float\":1.5,"
	"\"double\":-0.25,\"numeric\":\"12.340\",\"bytes\":\"AP8=\","
	"\"uuid\":\"30313233-3435-3637-3839-616263646566\","
	"\"date\":\"1970-01-02\",\"time\":\"00:00:01\","
	"\"timestamp\":\"1970-01-01T00:00:01\","
	"\"timestamptz\":\"1970-01-01T00:00:01Z\","
	"\"interval\":\"P1M-2DT3S\",\"json\":{\"a\" : [1, 2]},\"enum\":\"sad\"}";

static void
record_all(void)
{
	static const char *const names[] = {
		"text", "bool", "int32", "int64", "uint32", "float", "double",
		"numeric", "bytes", "uuid", "date", "time", "timestamp",
		"timestamptz", "interval", "json", "enum"
	};

	record_init(&record, "public", "every");
	for (size_t i = 0; i < COUNT(names); i++)
		record_add(&record, names[i], (PgFanout__Encoding) i);
	end = wire_put_bytes(row, 1, "t", 1);
	end = wire_put_uint(end, 2, 0);
	end = wire_put_sint(end, 3, INT32_MIN);
	end = wire_put_sint(end, 4, INT64_MAX);
	end = wire_put_uint(end, 5, UINT32_MAX);
	end = wire_put_fixed32(end, 6, wire_float_bits(1.5f));
	end = wire_put_fixed64(end, 7, wire_double_bits(-0.25));
	end = wire_put_bytes(end, 8, "12.340", 6);
	end = wire_put_bytes(end, 9, "\x00\xff", 2);
	end = wire_put_bytes(end, 10, "0123456789abcdef", 16);
	end = wire_put_sint(end, 11, 1);
	end = wire_put_sint(end, 12, 1000000);
	end = wire_put_sint(end, 13, 1000000);
	end = wire_put_sint(end, 14, 1000000);
	end = put_interval(end, 15);
	end = wire_put_bytes(end, 16, "{\"a\"\n:\t[1, 2]}", 14);
	end = wire_put_bytes(end, 17, "sad", 3);
}

static void
test_every_encoding(void **state)
{
	(void) state;
	record_all();
	assert_row(ROW_WHOLE, all_printed);
}

/* A cut between two fields leaves a row with fewer of them. */
static void
test_every_cut(void **state)
{
	size_t		whole;
	int			rows = 0;

	(void) state;
	record_all();
	whole = (size_t) (end - row);
	for (size_t cut = 0; cut <= whole; cut++)
	{
		end = row + cut;
		rows += row_print(ROW_WHOLE, NO_SKIP);
	}
	assert_int_equal(rows, 18);
	assert_out(all_printed);
}

/* Every bit turned: right or wrong, but inside its bytes and valid UTF-8. */
static void
test_every_bit(void **state)
{
	size_t		size;
	int			refused = 0;

	(void) state;
	record_all();
	size = (size_t) (end - row);
	for (size_t i = 0; i < size * 8; i++)
	{
		row[i / 8] ^= (uint8_t) (1 << i % 8);
		refused += !row_print(ROW_WHOLE, NO_SKIP);
		row_print(ROW_KEY, NO_SKIP);
		row[i / 8] ^= (uint8_t) (1 << i % 8);
	}
	assert_true(refused > 200);
}

static void
test_limit(void **state)
{
	Buf			small;
	Table	   *table;

	(void) state;
	record_all();
	table = table_new(&record.table);
	for (size_t limit = 0; limit < sizeof(all_printed) - 1; limit++)
	{
		buf_init(&small, limit);
		row_append_json(&small, table, slice_make(row, (size_t) (end - row)),
						ROW_WHOLE, NO_SKIP);
		assert_true(buf_failed(&small));
		buf_free(&small);
	}
	table_free(table);
}

/* ---- arrays ---- */

static uint8_t message[2000];
static uint8_t *last;

static void
array_begin(PgFanout__Encoding encoding)
{
	record_init(&record, "public", "t");
	record_add_array(&record, "a", encoding);
	last = message;
}

static void
array_put(uint32_t number, const char *bytes, size_t size)
{
	last = wire_put_bytes(last, number, bytes, size);
}

static bool
array_print(void)
{
	end = wire_put_bytes(row, 1, message, (size_t) (last - message));
	return row_print(ROW_WHOLE, NO_SKIP);
}

static void
assert_array(const char *expected)
{
	assert_true(array_print());
	assert_out(expected);
}

static void
assert_array_refused(void)
{
	assert_false(array_print());
	buf_clear(&out);
}

static void
test_arrays(void **state)
{
	(void) state;
	array_begin(ENCODING(INT32));
	assert_array("{\"a\":[]}");
	array_put(1, "\x02\x01\x80\x04", 4);
	assert_array("{\"a\":[1,-1,256]}");
	array_put(2, "\x00\x04", 2);
	assert_array("{\"a\":[null,1,-1,256,null]}");
	array_begin(ENCODING(TEXT));
	array_put(1, "", 0);
	array_put(1, "b\"", 2);
	assert_array("{\"a\":[\"\",\"b\\\"\"]}");
	array_begin(ENCODING(TEXT));
	array_put(2, "\x00\x01", 2);
	assert_array("{\"a\":[null,null]}");
	array_begin(ENCODING(DOUBLE));
	array_put(1, "\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\xc0", 16);
	assert_array("{\"a\":[1,-2]}");
	array_begin(ENCODING(FLOAT));
	array_put(1, "\0\0\x80\x3f\0\0\xc0\x7f", 8);
	assert_array("{\"a\":[1,\"NaN\"]}");
	array_begin(ENCODING(BOOL));
	array_put(1, "\0\1", 2);
	assert_array("{\"a\":[false,true]}");
	array_begin(ENCODING(INTERVAL));
	last = put_interval(last, 1);
	last = put_interval(last, 1);
	assert_array("{\"a\":[\"P1M-2DT3S\",\"P1M-2DT3S\"]}");
}

static void
test_array_shapes(void **state)
{
	(void) state;
	array_begin(ENCODING(INT64));
	array_put(1, "\x02\x04\x06\x08\x0a", 5);
	array_put(2, "\x03", 1);
	array_put(3, "\x02\x03", 2);
	assert_array("{\"a\":[[1,2,3],[null,4,5]]}");
	array_put(4, "\x05\x00", 2);
	assert_array("{\"a\":[[1,2,3],[null,4,5]]}");
	array_begin(ENCODING(INT64));
	array_put(1, "\x02\x04\x06\x08", 4);
	array_put(3, "\x02\x01\x02", 3);
	assert_array("{\"a\":[[[1,2]],[[3,4]]]}");
	array_begin(ENCODING(INT64));
	array_put(1, "\x02", 1);
	array_put(3, "\x01\x01\x01\x01\x01\x01", 6);
	assert_array("{\"a\":[[[[[[1]]]]]]}");
}

static void
assert_array_of(PgFanout__Encoding encoding, uint32_t number,
				const char *bytes, size_t size)
{
	array_begin(encoding);
	array_put(number, bytes, size);
	assert_array_refused();
}

static void
assert_shape_refused(const char *nulls, size_t null_size,
					 const char *shape, size_t shape_size)
{
	array_begin(ENCODING(INT64));
	array_put(1, "\x02\x04\x06\x08", 4);
	array_put(2, nulls, null_size);
	array_put(3, shape, shape_size);
	assert_array_refused();
}

static void
test_array_refuses(void **state)
{
	(void) state;
	assert_array_of(ENCODING(INT64), 1, "\x80", 1);
	assert_array_of(ENCODING(INT32), 1, "\xff\xff\xff\xff\xff\x01", 6);
	assert_array_of(ENCODING(DOUBLE), 1, "\0\0\0\0\0\0\0\0\0", 9);
	assert_array_of(ENCODING(DOUBLE), 1, "\0\0\0", 3);
	assert_array_of(ENCODING(FLOAT), 1, "\0\0\0\0\0\0", 6);
	assert_array_of(ENCODING(UUID), 1, "short", 5);
	assert_array_of(ENCODING(TEXT), 2, "\x01", 1);	/* beyond the count */
	assert_array_of(ENCODING(TEXT), 2, "\x00\x00", 2);	/* twice */
	assert_array_of(ENCODING(TEXT), 2, "\x01\x00", 2);	/* disorder */
	assert_array_of(ENCODING(TEXT), 3, "\x02", 1);	/* shape of nothing */
	assert_array_of(ENCODING(TEXT), 5, "", 0);	/* unknown */
	assert_shape_refused("", 0, "\x05", 1);
	assert_shape_refused("", 0, "\x02\x03", 2);
	assert_shape_refused("", 0, "\x04\x00", 2);
	assert_shape_refused("", 0, "\x01\x01\x01\x01\x01\x01\x04", 7);
	assert_shape_refused("", 0, "\xff\xff\xff\xff\x07\xff\xff\xff\xff\x07",
						 10);
	assert_shape_refused("\x80", 1, "", 0);
	array_begin(ENCODING(INT64));
	array_put(1, "\x02", 1);
	array_put(1, "\x02", 1);	/* packed twice */
	assert_array_refused();
	array_begin(ENCODING(INT64));
	last = wire_put_uint(last, 1, 2);	/* not packed */
	assert_array_refused();
	array_begin(ENCODING(TEXT));
	array_put(3, "\x01", 1);
	array_put(1, "x", 1);		/* disorder */
	assert_array_refused();
}

static void
test_random_rows(void **state)
{
	uint64_t	seed = 3;
	int			printed = 0;

	(void) state;
	record_init(&record, "public", "t");
	record_add_array(&record, "a", ENCODING(INT64));
	record_add_array(&record, "b", ENCODING(TEXT));
	record_add(&record, "c", ENCODING(INTERVAL));
	record_add(&record, "d", ENCODING(TIMESTAMP));
	for (int i = 0; i < 200000; i++)
	{
		size_t		size = random_next(&seed) % 24;

		for (size_t j = 0; j < size; j++)
			row[j] = (uint8_t) (random_next(&seed) & 0x1f);
		row[0] = 0x0a;
		row[1] = (uint8_t) (size > 2 ? size - 2 : 0);
		end = row + size;
		printed += row_print(ROW_WHOLE, NO_SKIP);
	}
	assert_true(printed > 50);
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_skipped_columns),
		cmocka_unit_test(test_row_refuses),
		cmocka_unit_test(test_values_out_of_range),
		cmocka_unit_test(test_every_encoding),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_every_bit),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_array_shapes),
		cmocka_unit_test(test_array_refuses),
		cmocka_unit_test(test_random_rows),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
