/*
 * test_wire.c
 *		The hot codec, and the two parsers that sit right on it: what is
 *		written is read again, and what is cut short, overlong or random is
 *		refused without reading beyond its end.
 *
 * Inputs are copied to memory of exactly their size, so that the sanitizer
 * sees a byte too many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "change.h"
#include "wire.h"

static const uint64_t numbers[] = {
	0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_C(1) << 32,
	(UINT64_C(1) << 63) - 1, UINT64_C(1) << 63, UINT64_MAX
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint8_t *
copy_exactly(const void *data, size_t size)
{
	uint8_t    *copy = malloc(size > 0 ? size : 1);

	assert_non_null(copy);
	memcpy(copy, data, size);
	return copy;
}

/* A fixed pseudo-random sequence: failures repeat. */
static uint32_t
random_next(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t) (*state >> 33);
}

static void
test_varint_round_trip(void **state)
{
	(void) state;
	for (size_t i = 0; i < COUNT(numbers); i++)
	{
		uint8_t		room[WIRE_MAX_VARINT];
		size_t		size = (size_t) (wire_put_varint(room, numbers[i]) - room);
		WireReader	reader = wire_reader(room, size);
		uint64_t	value;

		assert_int_equal(size, wire_varint_size(numbers[i]));
		assert_true(wire_read_varint(&reader, &value));
		assert_true(value == numbers[i]);
		assert_ptr_equal(reader.at, room + size);
		for (size_t cut = 0; cut < size; cut++)
		{
			uint8_t    *copy = copy_exactly(room, cut);

			reader = wire_reader(copy, cut);
			assert_false(wire_read_varint(&reader, &value));
			free(copy);
		}
	}
}

static void
test_overlong_varint(void **state)
{
	static const uint8_t eleven[] = {
		0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01
	};
	static const uint8_t above[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02
	};
	WireReader	reader = wire_reader(eleven, sizeof(eleven));
	uint64_t	value;

	(void) state;
	assert_false(wire_read_varint(&reader, &value));
	reader = wire_reader(above, sizeof(above));
	assert_false(wire_read_varint(&reader, &value));
}

static void
test_zigzag(void **state)
{
	static const int64_t values[] = {
		0, -1, 1, INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX
	};

	(void) state;
	assert_true(wire_zigzag(-1) == 1);
	assert_true(wire_zigzag(1) == 2);
	for (size_t i = 0; i < COUNT(values); i++)
		assert_true(wire_unzigzag(wire_zigzag(values[i])) == values[i]);
}

static void
test_nan_is_canonical(void **state)
{
	(void) state;
	assert_int_equal(wire_float_bits(wire_bits_float(0xffc12345)), 0x7fc00000);
	assert_true(wire_double_bits(wire_bits_double(UINT64_C(0xfff8000000000001))) ==
				UINT64_C(0x7ff8000000000000));
	assert_true(wire_double_bits(-0.0) == UINT64_C(1) << 63);
}

/* One field of each kind, and a nested message of a size known afterwards. */
static size_t
message_write(uint8_t *room, size_t nested)
{
	uint8_t    *at = room;
	size_t		mark;

	at = wire_put_uint(at, 1, UINT64_MAX);
	at = wire_put_sint(at, 2, -5);
	at = wire_put_fixed32(at, 3, 0x01020304);
	at = wire_put_fixed64(at, 1600, UINT64_C(0x0102030405060708));
	at = wire_put_bytes(at, 4095, "abc", 3);
	at = wire_open_nested(at, (1 << 29) - 1);
	mark = (size_t) (at - room);
	memset(at, 'n', nested);
	return wire_close_nested(room, mark, mark + nested);
}

static void
test_fields_round_trip(void **state)
{
	static const size_t sizes[] = {0, 1, 127, 128, 16383, 16384, 70000};

	(void) state;
	for (size_t i = 0; i < COUNT(sizes); i++)
	{
		uint8_t    *room = malloc(sizes[i] + 200);
		WireReader	reader = wire_reader(room, message_write(room, sizes[i]));
		WireField	field;

		assert_int_equal(wire_next(&reader, &field), WIRE_FIELD);
		assert_true(field.number == 1 && field.value == UINT64_MAX);
		assert_int_equal(wire_next(&reader, &field), WIRE_FIELD);
		assert_true(wire_unzigzag(field.value) == -5);
		assert_int_equal(wire_next(&reader, &field), WIRE_FIELD);
		assert_true(field.kind == WIRE_FIXED32 && field.value == 0x01020304);
		assert_int_equal(wire_next(&reader, &field), WIRE_FIELD);
		assert_true(field.number == 1600 &&
					field.value == UINT64_C(0x0102030405060708));
		assert_int_equal(wire_next(&reader, &field), WIRE_FIELD);
		assert_int_equal(field.size, 3);
		assert_memory_equal(field.data, "abc", 3);
		assert_int_equal(wire_next(&reader, &field), WIRE_FIELD);
		assert_int_equal(field.number, (1 << 29) - 1);
		assert_int_equal(field.size, sizes[i]);
		for (size_t j = 0; j < field.size; j++)
			assert_int_equal(field.data[j], 'n');
		assert_int_equal(wire_next(&reader, &field), WIRE_END);
		free(room);
	}
}

static WireResult
read_all(const uint8_t *data, size_t size, int *fields)
{
	WireReader	reader = wire_reader(data, size);
	WireField	field;
	WireResult	result;

	*fields = 0;
	while ((result = wire_next(&reader, &field)) == WIRE_FIELD)
		(*fields)++;
	assert_ptr_equal(reader.at, reader.end);
	return result;
}

/* A cut is noticed unless it falls between two fields. */
static void
test_every_cut(void **state)
{
	uint8_t		room[400];
	size_t		size = message_write(room, 140);
	int			whole = 0;

	(void) state;
	for (size_t cut = 0; cut <= size; cut++)
	{
		uint8_t    *copy = copy_exactly(room, cut);
		int			fields;

		if (read_all(copy, cut, &fields) == WIRE_END)
			assert_int_equal(fields, whole++);
		free(copy);
	}
	assert_int_equal(whole, 7);
}

static void
test_bad_tags(void **state)
{
	static const uint8_t bad[][6] = {
		{0x00, 0x00},			/* number 0 */
		{0x0b}, {0x0c},			/* groups */
		{0x0e, 0x00}, {0x0f, 0x00}, /* kinds 6 and 7 */
		{0x80, 0x80, 0x80, 0x80, 0x10, 0x00}	/* beyond 2^29 - 1 */
	};
	static const size_t sizes[] = {2, 1, 1, 2, 2, 6};
	int			fields;

	(void) state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(read_all(bad[i], sizes[i], &fields), WIRE_BAD);
	assert_int_equal(read_all(NULL, 0, &fields), WIRE_END);
}

/* ---- changes ---- */

static size_t
body_write(uint8_t *room)
{
	uint8_t    *at = wire_put_uint(room, 1, PG_FANOUT__OP__UPDATE);

	at = wire_put_bytes(at, 2, "", 0);
	at = wire_put_bytes(at, 3, "row", 3);
	at = wire_put_bytes(at, 4, "\x02\x80\x01", 3);
	at = wire_put_uint(at, 5, UINT64_MAX);
	at = wire_put_uint(at, 6, 1);
	return (size_t) (at - room);
}

static void
test_body(void **state)
{
	uint8_t		room[100];
	size_t		size = body_write(room);
	Body		body;

	(void) state;
	assert_true(body_parse(slice_make(room, size), &body));
	assert_int_equal(body.op, PG_FANOUT__OP__UPDATE);
	assert_non_null(body.before.data);
	assert_int_equal(body.before.size, 0);
	assert_true(slice_equal(body.after, slice_of("row")));
	assert_int_equal(body.unchanged.size, 3);
	assert_true(body.lsn == UINT64_MAX);
	assert_true(body.before_is_key);

	wire_put_uint(room, 1, PG_FANOUT__OP__INSERT);
	assert_true(body_parse(slice_make(room, 2), &body));
	assert_null(body.before.data);
	assert_null(body.after.data);
}

static void
assert_body_refused(const uint8_t *data, const uint8_t *end)
{
	Body		body;

	assert_false(body_parse(slice_make(data, (size_t) (end - data)), &body));
}

static void
test_body_refuses(void **state)
{
	uint8_t		room[100];
	uint8_t    *op = wire_put_uint(room, 1, 1);
	Body		body;

	(void) state;
	assert_body_refused(room, room);	/* no op */
	assert_body_refused(op, wire_put_bytes(op, 3, "x", 1));
	assert_body_refused(room, wire_put_uint(room, 1, 0));
	assert_body_refused(room, wire_put_uint(room, 1, 6));
	assert_body_refused(room, wire_put_uint(room, 1, UINT64_C(1) << 32 | 1));
	assert_body_refused(room, wire_put_fixed32(room, 1, 1));
	wire_put_uint(room, 1, 1);
	assert_true(body_parse(slice_make(room, 2), &body));
	assert_body_refused(room, wire_put_uint(op, 1, 1)); /* twice */
	assert_body_refused(room, wire_put_uint(op, 3, 1));
	assert_body_refused(room, wire_put_bytes(op, 4, "\x80", 1));
	assert_body_refused(room, wire_put_bytes(op, 4, "\x80\x80\x80\x80\x10", 5));
	assert_body_refused(room, wire_put_uint(op, 4, 1)); /* not packed */
	assert_body_refused(room, wire_put_bytes(op, 5, "x", 1));
	assert_body_refused(room, wire_put_uint(op, 6, 2));
	assert_body_refused(room, wire_put_uint(op, 7, 0)); /* unknown */
	assert_body_refused(room, wire_put_bytes(op, 15, "", 0));	/* the relay's */
	assert_body_refused(room, wire_put_bytes(wire_put_bytes(op, 3, "", 0), 2,
											 "", 0));	/* disorder */
}

static void
test_change(void **state)
{
	uint8_t		room[100];
	uint8_t    *at = wire_put_uint(room, 1, UINT32_MAX);
	ChangeHeader change;

	(void) state;
	assert_false(change_parse(slice_make(room, (size_t) (at - room)), &change));
	at = wire_put_uint(at, 2, 7);
	at = wire_put_uint(at, 3, 8);
	at = wire_put_bytes(at, 4, "body", 4);
	assert_true(change_parse(slice_make(room, (size_t) (at - room)), &change));
	assert_int_equal(change.table, UINT32_MAX);
	assert_int_equal(change.xid, 7);
	assert_int_equal(change.subxid, 8);
	assert_true(slice_equal(change.body, slice_of("body")));

	at = wire_put_uint(room, 1, UINT64_C(1) << 32);
	at = wire_put_bytes(at, 4, "body", 4);
	assert_false(change_parse(slice_make(room, (size_t) (at - room)), &change));
	at = wire_put_bytes(room, 4, "body", 4);
	assert_false(change_parse(slice_make(room, (size_t) (at - room)), &change));
	at = wire_put_bytes(wire_put_uint(room, 1, 1), 4, "body", 4);
	at = wire_put_bytes(at, 5, "", 0);
	assert_false(change_parse(slice_make(room, (size_t) (at - room)), &change));
}

/* Nothing to compare with: the sanitizers watch. */
static void
test_random_bytes(void **state)
{
	uint64_t	seed = 20240131;
	int			fields = 0;

	(void) state;
	for (int i = 0; i < 200000; i++)
	{
		uint8_t		room[40];
		size_t		size = random_next(&seed) % sizeof(room);
		uint8_t    *copy;
		Body		body;
		ChangeHeader change;
		int			count;

		for (size_t j = 0; j < size; j++)
			room[j] = (uint8_t) random_next(&seed) &
				(uint8_t) (random_next(&seed) % 2 ? 0xff : 0x1f);
		copy = copy_exactly(room, size);
		read_all(copy, size, &count);
		fields += count;
		if (body_parse(slice_make(copy, size), &body) && body.after.size > 0)
			assert_true(body.after.data > copy &&
						body.after.data + body.after.size <= copy + size);
		change_parse(slice_make(copy, size), &change);
		free(copy);
	}
	assert_true(fields > 10000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_varint_round_trip),
		cmocka_unit_test(test_overlong_varint),
		cmocka_unit_test(test_zigzag),
		cmocka_unit_test(test_nan_is_canonical),
		cmocka_unit_test(test_fields_round_trip),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_bad_tags),
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_body_refuses),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_random_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
