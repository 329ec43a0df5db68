/*
 * test_pgoutput.c
 *		The parser of pgoutput's messages: every kind, and nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgoutput.h"
#include "pgoutput_message.h"

#define LIMIT (1 << 20)

static Buf	bytes;
static PgoutputMessage message;

static int
setup(void **state)
{
	(void) state;
	buf_init(&bytes, LIMIT);
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	buf_free(&bytes);
	return 0;
}

/* In memory of just that size, so that a sanitizer sees a step beyond. */
static PgoutputResult
parse_exactly(Slice slice, bool in_stream)
{
	uint8_t    *copy = malloc(slice.size + 1);
	PgoutputResult result;

	memcpy(copy + 1, slice.data, slice.size);
	result = pgoutput_parse(slice_make(copy + 1, slice.size), in_stream,
							&message);
	free(copy);
	return result;
}

static PgoutputResult
parse(bool in_stream)
{
	return pgoutput_parse(buf_slice(&bytes), in_stream, &message);
}

/* No beginning of a message is one, nor is a message with something behind. */
static void
check_cuts(bool in_stream)
{
	Slice		whole = buf_slice(&bytes);

	assert_int_equal(parse_exactly(whole, in_stream), PGOUTPUT_OK);
	for (size_t size = 1; size < whole.size; size++)
		assert_int_equal(parse_exactly(slice_make(whole.data, size),
									   in_stream), PGOUTPUT_MALFORMED);
	buf_append_byte(&bytes, 0);
	assert_int_equal(parse(in_stream), PGOUTPUT_MALFORMED);
	bytes.size--;
	assert_int_equal(parse(in_stream), PGOUTPUT_OK);
}

static void
transactions(void **state)
{
	(void) state;
	put_begin(&bytes, 100, 7);
	check_cuts(false);
	assert_int_equal(message.kind, PGOUTPUT_BEGIN);
	assert_int_equal(message.begin.commit_lsn, 100);
	assert_int_equal(message.begin.xid, 7);
	put_commit(&bytes, 100, 120);
	check_cuts(false);
	assert_int_equal(message.commit.end_lsn, 120);
	put_kind(&bytes, 'O', 0);
	put_number(&bytes, 99, 8);
	put_string(&bytes, "east");
	check_cuts(false);
	assert_string_equal(message.origin, "east");
}

static void
commit_with_flags_is_refused(void **state)
{
	(void) state;
	put_commit(&bytes, 100, 120);
	bytes.data[1] = 1;
	assert_int_equal(parse(false), PGOUTPUT_MALFORMED);
}

static void
relation(void **state)
{
	PgoutputColumn column;

	(void) state;
	put_relation(&bytes, 0, 16384, "bank", "customer", 'd', 2);
	put_column(&bytes, true, "id", 20);
	put_column(&bytes, false, "name", 25);
	check_cuts(false);
	assert_int_equal(message.relation.oid, 16384);
	assert_string_equal(message.relation.schema, "bank");
	assert_string_equal(message.relation.name, "customer");
	assert_int_equal(message.relation.identity, 'd');
	assert_true(pgoutput_next_column(&message.relation.columns, &column));
	assert_string_equal(column.name, "id");
	assert_true(column.is_identity);
	assert_int_equal(column.type_oid, 20);
	assert_int_equal(column.typmod, -1);
	assert_true(pgoutput_next_column(&message.relation.columns, &column));
	assert_string_equal(column.name, "name");
	assert_false(column.is_identity);
	assert_false(pgoutput_next_column(&message.relation.columns, &column));
}

static void
relation_that_is_none(void **state)
{
	(void) state;
	put_relation(&bytes, 0, 0, "bank", "customer", 'd', 0);
	assert_int_equal(parse(false), PGOUTPUT_MALFORMED);
	put_relation(&bytes, 0, 1, "bank", "", 'd', 0);
	assert_int_equal(parse(false), PGOUTPUT_MALFORMED);
	put_relation(&bytes, 0, 1, "bank", "customer", 'x', 0);
	assert_int_equal(parse(false), PGOUTPUT_MALFORMED);
	put_relation(&bytes, 0, 1, "", "pg_type", 'n', 0);
	assert_int_equal(parse(false), PGOUTPUT_OK);
}

static void
too_many_columns(void **state)
{
	(void) state;
	for (int count = 1600; count <= 1601; count++)
	{
		put_relation(&bytes, 0, 1, "bank", "wide", 'd', count);
		for (int i = 0; i < count; i++)
			put_column(&bytes, false, "c", 23);
		assert_int_equal(parse(false), count == 1600 ? PGOUTPUT_OK :
						 PGOUTPUT_MALFORMED);
	}
}

static void
type(void **state)
{
	(void) state;
	put_kind(&bytes, 'Y', 0);
	put_number(&bytes, 16400, 4);
	put_string(&bytes, "");
	put_string(&bytes, "int4");
	check_cuts(false);
	assert_int_equal(message.type.oid, 16400);
	assert_string_equal(message.type.schema, "");
	assert_string_equal(message.type.name, "int4");
}

static void
check_value(PgoutputTuple *tuple, PgoutputValueKind kind, const char *text)
{
	PgoutputValue value;

	assert_true(pgoutput_next_value(tuple, &value));
	assert_int_equal(value.kind, kind);
	if (text != NULL)
		assert_true(slice_equal(value.text, slice_of(text)));
}

static void
rows(void **state)
{
	const char *const old[] = {"1", NULL, NULL};
	const char *const new[] = {"2", "?", ""};
	PgoutputValue value;

	(void) state;
	put_change(&bytes, 'I', 0, 9);
	put_tuple(&bytes, 'N', 3, new);
	check_cuts(false);
	assert_int_equal(message.change.old_kind, 0);
	put_change(&bytes, 'U', 0, 9);
	put_tuple(&bytes, 'N', 3, new);
	check_cuts(false);
	put_change(&bytes, 'U', 0, 9);
	put_tuple(&bytes, 'K', 3, old);
	put_tuple(&bytes, 'N', 3, new);
	check_cuts(false);
	assert_int_equal(message.change.relation, 9);
	assert_int_equal(message.change.old_kind, 'K');
	check_value(&message.change.old, PGOUTPUT_TEXT, "1");
	check_value(&message.change.old, PGOUTPUT_NULL, NULL);
	check_value(&message.change.new, PGOUTPUT_TEXT, "2");
	check_value(&message.change.new, PGOUTPUT_UNCHANGED, NULL);
	check_value(&message.change.new, PGOUTPUT_TEXT, "");
	assert_false(pgoutput_next_value(&message.change.new, &value));
	put_change(&bytes, 'D', 0, 9);
	put_tuple(&bytes, 'O', 3, old);
	check_cuts(false);
	assert_int_equal(message.change.old_kind, 'O');
}

static void
rows_that_are_none(void **state)
{
	const char *const values[] = {"1"};

	(void) state;
	put_change(&bytes, 'I', 0, 9);
	put_tuple(&bytes, 'K', 1, values);
	assert_int_equal(parse(false), PGOUTPUT_MALFORMED);
	put_change(&bytes, 'D', 0, 9);
	put_tuple(&bytes, 'N', 1, values);
	assert_int_equal(parse(false), PGOUTPUT_MALFORMED);
	put_change(&bytes, 'U', 0, 9);
	put_tuple(&bytes, 'K', 1, values);
	put_tuple(&bytes, 'K', 1, values);
	assert_int_equal(parse(false), PGOUTPUT_MALFORMED);

	/* binary, which is never asked for */
	put_change(&bytes, 'I', 0, 9);
	put_tuple(&bytes, 'N', 1, values);
	bytes.data[8] = 'b';
	assert_int_equal(parse(false), PGOUTPUT_MALFORMED);

	/* a length that is negative, or beyond the end */
	put_change(&bytes, 'I', 0, 9);
	put_tuple(&bytes, 'N', 1, values);
	bytes.data[9] = 0x80;
	assert_int_equal(parse(false), PGOUTPUT_MALFORMED);
	bytes.data[9] = 0x7f;
	assert_int_equal(parse(false), PGOUTPUT_MALFORMED);
}

static void
truncate(void **state)
{
	const uint32_t oids[] = {16384, 4000000000u};

	(void) state;
	put_truncate(&bytes, 0, 2, oids);
	check_cuts(false);
	assert_int_equal(message.truncate.count, 2);
	assert_true(message.truncate.cascade);
	assert_true(message.truncate.restart_identity);
	assert_int_equal(pgoutput_truncated(&message.truncate, 0), 16384);
	assert_int_equal(pgoutput_truncated(&message.truncate, 1), 4000000000u);

	/* four times this count is small again */
	put_truncate(&bytes, 0, 1, oids);
	bytes.data[1] = 0x40;
	assert_int_equal(parse(false), PGOUTPUT_MALFORMED);
}

static void
logical_message(void **state)
{
	(void) state;
	put_message(&bytes, 0, false, "audit", "hello");
	check_cuts(false);
	assert_false(message.logical.transactional);
	assert_int_equal(message.logical.lsn, 55);
	assert_string_equal(message.logical.prefix, "audit");
	assert_true(slice_equal(message.logical.content, slice_of("hello")));
	put_message(&bytes, 0, true, "", "");
	check_cuts(false);
	assert_true(message.logical.transactional);
}

static void
streams(void **state)
{
	const char *const values[] = {"1"};
	const uint32_t oid = 9;

	(void) state;
	put_kind(&bytes, 'S', 0);
	put_number(&bytes, 700, 4);
	put_number(&bytes, 1, 1);
	check_cuts(false);
	assert_int_equal(message.xid, 700);
	assert_true(message.first);
	put_kind(&bytes, 'E', 0);
	check_cuts(true);
	put_kind(&bytes, 'c', 0);
	put_number(&bytes, 700, 4);
	put_number(&bytes, 0, 1);
	put_number(&bytes, 100, 8);
	put_number(&bytes, 120, 8);
	put_number(&bytes, 5, 8);
	check_cuts(false);
	assert_int_equal(message.xid, 700);
	assert_int_equal(message.commit.commit_lsn, 100);
	put_change(&bytes, 'I', 701, 9);
	put_tuple(&bytes, 'N', 1, values);
	check_cuts(true);
	assert_int_equal(message.xid, 701);
	assert_int_equal(message.change.relation, 9);
	put_truncate(&bytes, 702, 1, &oid);
	check_cuts(true);
	assert_int_equal(message.xid, 702);
	put_message(&bytes, 703, true, "p", "c");
	check_cuts(true);
	assert_int_equal(message.xid, 703);
	put_relation(&bytes, 704, 9, "s", "t", 'f', 0);
	check_cuts(true);
	assert_int_equal(message.xid, 704);
}

static void
stream_abort_of_both_lengths(void **state)
{
	(void) state;
	put_kind(&bytes, 'A', 0);
	put_number(&bytes, 700, 4);
	put_number(&bytes, 701, 4);
	assert_int_equal(parse(false), PGOUTPUT_OK);
	assert_int_equal(message.xid, 700);
	assert_int_equal(message.subxid, 701);
	put_number(&bytes, 100, 8);
	assert_int_equal(parse(false), PGOUTPUT_MALFORMED);
	put_number(&bytes, 5, 8);
	assert_int_equal(parse(false), PGOUTPUT_OK);
	put_number(&bytes, 5, 1);
	assert_int_equal(parse(false), PGOUTPUT_MALFORMED);
}

static void
other_kinds_are_unknown(void **state)
{
	(void) state;
	assert_int_equal(pgoutput_parse(slice_make(NULL, 0), false, &message),
					 PGOUTPUT_UNKNOWN);
	for (int kind = 0; kind < 256; kind++)
	{
		uint8_t		byte = (uint8_t) kind;
		bool		known = kind != 0 &&
			strchr("BCORYIUDTMSEcA", kind) != NULL;

		/* among them two-phase: b, P, K, r, p */
		if (!known)
			assert_int_equal(pgoutput_parse(slice_make(&byte, 1), false,
											&message), PGOUTPUT_UNKNOWN);
		else if (kind != 'E')
			assert_int_equal(pgoutput_parse(slice_make(&byte, 1), false,
											&message), PGOUTPUT_MALFORMED);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transactions),
		cmocka_unit_test(commit_with_flags_is_refused),
		cmocka_unit_test(relation),
		cmocka_unit_test(relation_that_is_none),
		cmocka_unit_test(too_many_columns),
		cmocka_unit_test(type),
		cmocka_unit_test(rows),
		cmocka_unit_test(rows_that_are_none),
		cmocka_unit_test(truncate),
		cmocka_unit_test(logical_message),
		cmocka_unit_test(streams),
		cmocka_unit_test(stream_abort_of_both_lengths),
		cmocka_unit_test(other_kinds_are_unknown),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
