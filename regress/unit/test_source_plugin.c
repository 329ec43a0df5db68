/*
 * test_source_plugin.c
 *		Frames of our plugin become events; anything else becomes an error.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "record.h"
#include "source.h"

extern const SourceOps source_plugin_ops;

#define FRAME_LIMIT (1 << 20)

static Source *source;
static Buf	frame;
static Error err;
static SourceEvent event;

/* ---- building frames ---- */

static void
add_record(PgFanout__Record *record)
{
	uint8_t		bytes[4096];
	uint8_t		head[WIRE_MAX_PREFIX];
	size_t		size = pg_fanout__record__pack(record, bytes);
	uint8_t    *end = wire_put_varint(wire_put_tag(head, 1, WIRE_BYTES), size);

	buf_append(&frame, head, (size_t) (end - head));
	buf_append(&frame, bytes, size);
}

static void
add_begin(uint64_t commit_lsn)
{
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__Begin begin = PG_FANOUT__BEGIN__INIT;

	begin.xid = 7;
	begin.commit_lsn = commit_lsn;
	begin.origin = "east";
	record.kind_case = PG_FANOUT__RECORD__KIND_BEGIN;
	record.begin = &begin;
	add_record(&record);
}

static void
add_commit(uint64_t commit_lsn, uint64_t end_lsn)
{
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__Commit commit = PG_FANOUT__COMMIT__INIT;

	commit.xid = 7;
	commit.commit_lsn = commit_lsn;
	commit.end_lsn = end_lsn;
	record.kind_case = PG_FANOUT__RECORD__KIND_COMMIT;
	record.commit = &commit;
	add_record(&record);
}

static void
add_table(uint32_t oid, const char *name)
{
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	static Record table;

	memset(&table, 0, sizeof(table));
	record_init(&table, "bank", name);
	table.table.oid = oid;
	record_add(&table, "id", PG_FANOUT__ENCODING__INT64);
	record.kind_case = PG_FANOUT__RECORD__KIND_TABLE;
	record.table = &table.table;
	add_record(&record);
}

static void
add_insert(uint32_t oid, int64_t id)
{
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__Change change = PG_FANOUT__CHANGE__INIT;
	uint8_t		row[64];
	uint8_t		body[128];
	uint8_t    *row_end = wire_put_sint(row, 1, id);
	uint8_t    *end = wire_put_uint(body, 1, PG_FANOUT__OP__INSERT);

	end = wire_put_bytes(end, 3, row, (size_t) (row_end - row));
	change.table = oid;
	change.body.data = body;
	change.body.len = (size_t) (end - body);
	record.kind_case = PG_FANOUT__RECORD__KIND_CHANGE;
	record.change = &change;
	add_record(&record);
}

static void
add_truncate(uint32_t first, uint32_t second)
{
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__Truncate truncate = PG_FANOUT__TRUNCATE__INIT;
	uint32_t	tables[] = {first, second};

	truncate.table = tables;
	truncate.n_table = 2;
	truncate.lsn = 99;
	record.kind_case = PG_FANOUT__RECORD__KIND_TRUNCATE;
	record.truncate = &truncate;
	add_record(&record);
}

static void
add_message(bool transactional)
{
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__Message message = PG_FANOUT__MESSAGE__INIT;

	message.transactional = transactional;
	message.lsn = 55;
	message.prefix = "p";
	message.content.data = (uint8_t *) "hi";
	message.content.len = 2;
	record.kind_case = PG_FANOUT__RECORD__KIND_MESSAGE;
	record.message = &message;
	add_record(&record);
}

static void
add_stream_start(void)
{
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__StreamStart start = PG_FANOUT__STREAM_START__INIT;

	record.kind_case = PG_FANOUT__RECORD__KIND_STREAM_START;
	record.stream_start = &start;
	add_record(&record);
}

static void
feed(void)
{
	assert_true(source->ops->feed(source, buf_slice(&frame), 0, &err));
}

static SourceResult
next(void)
{
	return source->ops->next(source, &event, &err);
}

static int
set_up(void **state)
{
	const char *names[] = {"publication_names"};
	const char *values[] = {"fan"};
	SourceConfig config = {.server_version = 150020,
		.user = {names, values, 1}};

	(void) state;
	error_clear(&err);
	buf_init(&frame, FRAME_LIMIT);
	source = source_plugin_ops.create(&config, &err);
	assert_non_null(source);
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	source->ops->free(source);
	buf_free(&frame);
	return 0;
}

/* ---- tests ---- */

static void
options_are_passed_on(void **state)
{
	SourceOptions options = source->ops->options(source);
	const char *names[] = {"streaming"};
	const char *values[] = {"on"};
	SourceConfig ours = {.user = {names, values, 1}};

	(void) state;
	assert_int_equal(options.count, 2);
	assert_string_equal(options.names[0], "proto_version");
	assert_string_equal(options.values[1], "fan");

	/* what the relay decides itself is not the user's */
	assert_null(source_plugin_ops.create(&ours, &err));
	assert_int_equal(err.code, ERROR_USAGE);
}

static void
transaction_comes_event_by_event(void **state)
{
	(void) state;
	add_begin(1000);
	add_table(5, "customer");
	add_insert(5, -3);
	add_message(true);
	add_commit(1000, 1100);
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(event.txn.commit_lsn, 1000);
	assert_string_equal(event.txn.origin, "east");
	assert_int_equal(next(), SOURCE_CHANGE);
	assert_string_equal(event.change.table->name, "customer");
	assert_int_equal(event.change.parts.op, PG_FANOUT__OP__INSERT);
	assert_int_equal(event.change.parts.after.size, 2);
	assert_null(event.change.parts.before.data);
	assert_int_equal(next(), SOURCE_MESSAGE);
	assert_ptr_not_equal(event.message.txn, NULL);
	assert_int_equal(next(), SOURCE_COMMIT);
	assert_int_equal(event.end.end_lsn, 1100);
	assert_int_equal(next(), SOURCE_EMPTY);
}

static void
truncate_gives_a_change_per_table(void **state)
{
	(void) state;
	add_begin(1000);
	add_table(5, "a");
	add_table(6, "b");
	add_truncate(5, 6);
	add_commit(1000, 1100);
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(next(), SOURCE_CHANGE);
	assert_string_equal(event.change.table->name, "a");
	assert_int_equal(event.change.parts.op, PG_FANOUT__OP__TRUNCATE);
	assert_true(event.change.body.size > 0);
	assert_int_equal(next(), SOURCE_CHANGE);
	assert_string_equal(event.change.table->name, "b");
	assert_int_equal(event.change.parts.lsn, 99);
	assert_int_equal(next(), SOURCE_COMMIT);
}

static void
message_outside_a_transaction(void **state)
{
	(void) state;
	add_message(false);
	feed();
	assert_int_equal(next(), SOURCE_MESSAGE);
	assert_null(event.message.txn);
	assert_int_equal(event.message.lsn, 55);
	assert_int_equal(next(), SOURCE_EMPTY);
}

static void
streams_not_asked_for_are_passed_over(void **state)
{
	(void) state;
	add_stream_start();
	add_begin(1000);
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(next(), SOURCE_EMPTY);
}

static void
table_is_replaced_by_a_later_one(void **state)
{
	(void) state;
	add_begin(1000);
	add_table(5, "old");
	add_insert(5, 1);
	add_table(5, "new");
	add_insert(5, 2);
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(next(), SOURCE_CHANGE);
	assert_string_equal(event.change.table->name, "old");
	assert_int_equal(next(), SOURCE_CHANGE);
	assert_string_equal(event.change.table->name, "new");
}

static void
reset_forgets_tables_and_transaction(void **state)
{
	(void) state;
	add_begin(1000);
	add_table(5, "customer");
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	source->ops->reset(source);
	buf_clear(&frame);
	add_begin(1000);
	add_insert(5, 1);
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(next(), SOURCE_FAILED);
	assert_int_equal(err.code, ERROR_SOURCE);
}

static void
wrong_order_is_refused(void **state)
{
	(void) state;
	add_insert(5, 1);
	feed();
	assert_int_equal(next(), SOURCE_FAILED);
	source->ops->reset(source);
	buf_clear(&frame);
	add_begin(1000);
	add_commit(999, 1100);
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(next(), SOURCE_FAILED);
}

/* Every prefix of a frame, and every byte of it changed, is survived. */
static void
damaged_frames_are_survived(void **state)
{
	size_t		whole;

	(void) state;
	add_begin(1000);
	add_table(5, "customer");
	add_insert(5, 1);
	add_truncate(5, 5);
	add_message(true);
	add_commit(1000, 1100);
	whole = frame.size;
	for (size_t at = 0; at < whole; at++)
	{
		for (int turn = 0; turn < 3; turn++)
		{
			size_t		size = turn == 0 ? at : whole;
			uint8_t    *copy = malloc(size + 1);
			SourceResult result;

			memcpy(copy, frame.data, size);
			if (turn > 0)
				copy[at] ^= turn == 1 ? 0xff : 0x01;
			source->ops->reset(source);
			assert_true(source->ops->feed(source, slice_make(copy, size), 0,
											   &err));
			do
				result = next();
			while (result != SOURCE_EMPTY && result != SOURCE_FAILED);
			source->ops->reset(source);
			free(copy);
		}
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(options_are_passed_on),
		TEST(transaction_comes_event_by_event),
		TEST(truncate_gives_a_change_per_table),
		TEST(message_outside_a_transaction),
		TEST(streams_not_asked_for_are_passed_over),
		TEST(table_is_replaced_by_a_later_one),
		TEST(reset_forgets_tables_and_transaction),
		TEST(wrong_order_is_refused),
		TEST(damaged_frames_are_survived),
	};

	return cmocka_run_group_tests_name("source_plugin", tests, NULL, NULL);
}
