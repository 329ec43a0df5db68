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

#include <unistd.h>

#include "record.h"
#include "source.h"
#include "spool.h"

extern const SourceOps source_plugin_ops;

#define FRAME_LIMIT (1 << 20)

static Source *source;
static Spool *spool;
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

/* xid and subxid: of a streamed transaction, else 0 */
static void
add_streamed_insert(uint32_t xid, uint32_t subxid, uint32_t oid, int64_t id)
{
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__Change change = PG_FANOUT__CHANGE__INIT;
	uint8_t		row[64];
	uint8_t		body[128];
	uint8_t    *row_end = wire_put_sint(row, 1, id);
	uint8_t    *end = wire_put_uint(body, 1, PG_FANOUT__OP__INSERT);

	end = wire_put_bytes(end, 3, row, (size_t) (row_end - row));
	change.table = oid;
	change.xid = xid;
	change.subxid = subxid;
	change.body.data = body;
	change.body.len = (size_t) (end - body);
	record.kind_case = PG_FANOUT__RECORD__KIND_CHANGE;
	record.change = &change;
	add_record(&record);
}

static void
add_insert(uint32_t oid, int64_t id)
{
	add_streamed_insert(0, 0, oid, id);
}

static void
add_streamed_truncate(uint32_t xid, uint32_t subxid, uint32_t first,
					  uint32_t second)
{
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__Truncate truncate = PG_FANOUT__TRUNCATE__INIT;
	uint32_t	tables[] = {first, second};

	truncate.table = tables;
	truncate.n_table = 2;
	truncate.lsn = 99;
	truncate.xid = xid;
	truncate.subxid = subxid;
	record.kind_case = PG_FANOUT__RECORD__KIND_TRUNCATE;
	record.truncate = &truncate;
	add_record(&record);
}

static void
add_truncate(uint32_t first, uint32_t second)
{
	add_streamed_truncate(0, 0, first, second);
}

static void
add_streamed_message(uint32_t xid, uint32_t subxid, bool transactional)
{
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__Message message = PG_FANOUT__MESSAGE__INIT;

	message.transactional = transactional;
	message.lsn = 55;
	message.xid = xid;
	message.subxid = subxid;
	message.prefix = "p";
	message.content.data = (uint8_t *) "hi";
	message.content.len = 2;
	record.kind_case = PG_FANOUT__RECORD__KIND_MESSAGE;
	record.message = &message;
	add_record(&record);
}

static void
add_message(bool transactional)
{
	add_streamed_message(0, 0, transactional);
}

static void
add_start(uint32_t xid, bool first)
{
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__StreamStart start = PG_FANOUT__STREAM_START__INIT;

	start.xid = xid;
	start.first = first;
	record.kind_case = PG_FANOUT__RECORD__KIND_STREAM_START;
	record.stream_start = &start;
	add_record(&record);
}

static void
add_stop(uint32_t xid)
{
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__StreamStop stop = PG_FANOUT__STREAM_STOP__INIT;

	stop.xid = xid;
	record.kind_case = PG_FANOUT__RECORD__KIND_STREAM_STOP;
	record.stream_stop = &stop;
	add_record(&record);
}

static void
add_abort(uint32_t xid, uint32_t subxid)
{
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__StreamAbort abort = PG_FANOUT__STREAM_ABORT__INIT;

	abort.xid = xid;
	abort.subxid = subxid;
	record.kind_case = PG_FANOUT__RECORD__KIND_STREAM_ABORT;
	record.stream_abort = &abort;
	add_record(&record);
}

static void
add_stream_commit(uint32_t xid, uint64_t commit_lsn)
{
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__StreamCommit commit = PG_FANOUT__STREAM_COMMIT__INIT;

	commit.xid = xid;
	commit.commit_lsn = commit_lsn;
	commit.end_lsn = commit_lsn + 100;
	commit.commit_time = 12345;
	commit.origin = "west";
	record.kind_case = PG_FANOUT__RECORD__KIND_STREAM_COMMIT;
	record.stream_commit = &commit;
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

/* What is fed next begins with an empty frame. */
static void
start_over(void)
{
	source->ops->reset(source);
	buf_clear(&frame);
	error_clear(&err);
}

static int
set_up(void **state)
{
	const char *names[] = {"publication_names"};
	const char *values[] = {"fan"};
	SpoolConfig spooling = {.memory = 1 << 20};
	SourceConfig config = {.server_version = 150020,
		.user = {names, values, 1}};

	(void) state;
	error_clear(&err);
	spool = spool_new(&spooling, &err);
	assert_non_null(spool);
	config.spool = spool;
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
	spool_free(spool);
	buf_free(&frame);
	return 0;
}

/* ---- tests ---- */

static void
options_are_passed_on(void **state)
{
	SourceOptions options = source->ops->options(source, true);
	const char *names[] = {"streaming"};
	const char *values[] = {"on"};
	SourceConfig ours = {.user = {names, values, 1}};

	(void) state;
	assert_int_equal(options.count, 3);
	assert_string_equal(options.names[0], "proto_version");
	assert_string_equal(options.names[1], "streaming");
	assert_string_equal(options.values[1], "on");
	assert_string_equal(options.values[2], "fan");
	options = source->ops->options(source, false);
	assert_string_equal(options.values[1], "off");

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

/* ---- streamed transactions ---- */

/* A block with one insert for each id, 0-terminated. */
static void
add_block(uint32_t xid, uint32_t subxid, bool first, const int64_t *ids)
{
	add_start(xid, first);
	if (first)
		add_table(5, "customer");
	for (; *ids != 0; ids++)
		add_streamed_insert(xid, subxid, 5, *ids);
	add_stop(xid);
}

#define IDS(...)	((const int64_t[]) {__VA_ARGS__, 0})

/* The id in the row inserted. */
static int64_t
inserted(void)
{
	WireReader	row = wire_reader(event.change.parts.after.data,
								  event.change.parts.after.size);
	WireField	field;

	assert_int_equal(wire_next(&row, &field), WIRE_FIELD);
	return wire_unzigzag(field.value);
}

static void
assert_inserts(const int64_t *ids)
{
	for (; *ids != 0; ids++)
	{
		assert_int_equal(next(), SOURCE_CHANGE);
		assert_int_equal(inserted(), *ids);
		assert_string_equal(event.change.table->name, "customer");
		assert_int_equal(event.change.txn->commit_time, 12345);
	}
}

/* The whole transaction is next. */
static void
assert_transaction(uint32_t xid, uint64_t commit_lsn, const int64_t *ids)
{
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(event.txn.xid, xid);
	assert_int_equal(event.txn.commit_lsn, commit_lsn);
	assert_int_equal(event.txn.commit_time, 12345);
	assert_string_equal(event.txn.origin, "west");
	assert_inserts(ids);
	assert_int_equal(next(), SOURCE_COMMIT);
	assert_int_equal(event.end.end_lsn, commit_lsn + 100);
	assert_int_equal(event.end.txn.xid, xid);
}

static void
streamed_transaction_comes_at_its_commit(void **state)
{
	(void) state;
	add_block(7, 7, true, IDS(1, 2));
	feed();
	assert_int_equal(next(), SOURCE_EMPTY);
	buf_clear(&frame);
	add_block(7, 8, false, IDS(3));
	feed();
	assert_int_equal(next(), SOURCE_EMPTY);
	buf_clear(&frame);
	add_stream_commit(7, 1000);
	add_begin(2000);
	feed();
	assert_transaction(7, 1000, IDS(1, 2, 3));
	assert_int_equal(event.end.records, 3);
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(event.txn.commit_lsn, 2000);
	assert_int_equal(next(), SOURCE_EMPTY);
}

static void
streams_take_turns(void **state)
{
	(void) state;
	add_block(7, 7, true, IDS(1));
	add_block(20, 20, true, IDS(10));
	add_block(7, 7, false, IDS(2));
	add_block(30, 30, true, IDS(100));
	add_block(20, 21, false, IDS(11));
	add_abort(7, 7);
	add_stream_commit(30, 900);
	add_stream_commit(20, 1000);
	feed();
	assert_transaction(30, 900, IDS(100));
	assert_transaction(20, 1000, IDS(10, 11));
	assert_int_equal(next(), SOURCE_EMPTY);
}

/* 500 rows, 500 of a savepoint rolled back, 5 rows: 505 arrive. */
static void
aborted_part_takes_only_itself(void **state)
{
	(void) state;
	add_block(7, 7, true, IDS(1, 2));
	add_block(7, 8, false, IDS(3, 4));
	add_block(7, 9, false, IDS(5));
	add_abort(7, 8);
	add_abort(7, 99);
	add_block(7, 7, false, IDS(6));
	add_stream_commit(7, 1000);
	feed();
	assert_transaction(7, 1000, IDS(1, 2, 5, 6));
	assert_int_equal(next(), SOURCE_EMPTY);
}

/* The plugin sends it once per transaction, wherever it is first needed. */
static void
description_outlives_the_part_it_came_in(void **state)
{
	(void) state;
	add_block(7, 8, true, IDS(1));
	add_abort(7, 8);
	add_block(7, 7, false, IDS(2));
	add_stream_commit(7, 1000);
	feed();
	assert_transaction(7, 1000, IDS(2));
}

static void
descriptions_stay_in_their_stream(void **state)
{
	(void) state;
	add_begin(500);
	add_table(5, "old");
	add_table(6, "other");
	add_commit(500, 600);
	add_block(7, 7, true, IDS(1));
	add_begin(700);
	add_insert(5, 2);
	add_commit(700, 800);
	add_stream_commit(7, 1000);
	add_begin(1200);
	add_insert(5, 3);
	add_commit(1200, 1300);
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(next(), SOURCE_COMMIT);
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(next(), SOURCE_CHANGE);
	assert_string_equal(event.change.table->name, "old");
	assert_int_equal(next(), SOURCE_COMMIT);
	assert_transaction(7, 1000, IDS(1));
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(next(), SOURCE_CHANGE);
	assert_string_equal(event.change.table->name, "old");
	assert_int_equal(next(), SOURCE_COMMIT);

	/* nor does a stream see those outside of it */
	buf_clear(&frame);
	add_start(8, true);
	add_streamed_insert(8, 8, 6, 1);
	add_stop(8);
	add_stream_commit(8, 2000);
	feed();
	assert_int_equal(next(), SOURCE_FAILED);
	assert_int_equal(err.code, ERROR_SOURCE);
}

static void
nothing_left_gives_nothing(void **state)
{
	(void) state;
	add_block(7, 8, true, IDS(1, 2));
	add_abort(7, 8);
	add_stream_commit(7, 1000);
	add_start(9, true);
	add_stop(9);
	add_stream_commit(9, 1100);
	add_begin(2000);
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(event.txn.commit_lsn, 2000);
}

static void
truncation_and_message_in_a_stream(void **state)
{
	(void) state;
	add_start(7, true);
	add_table(5, "a");
	add_table(6, "b");
	add_streamed_truncate(7, 8, 5, 6);
	add_streamed_truncate(7, 7, 6, 5);
	add_streamed_message(7, 7, true);
	add_streamed_message(7, 8, true);
	add_stop(7);
	add_abort(7, 8);
	add_stream_commit(7, 1000);
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(next(), SOURCE_CHANGE);
	assert_string_equal(event.change.table->name, "b");
	assert_int_equal(event.change.parts.op, PG_FANOUT__OP__TRUNCATE);
	assert_int_equal(next(), SOURCE_CHANGE);
	assert_string_equal(event.change.table->name, "a");
	assert_int_equal(next(), SOURCE_MESSAGE);
	assert_int_equal(event.message.txn->commit_lsn, 1000);
	assert_int_equal(next(), SOURCE_COMMIT);
	assert_int_equal(event.end.records, 2);
}

/* Held back behind BEGIN: it must still be there. */
static void
message_first_in_a_stream(void **state)
{
	(void) state;
	add_start(7, true);
	add_streamed_message(7, 7, true);
	add_streamed_message(7, 7, true);
	add_stop(7);
	add_stream_commit(7, 1000);
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	for (int i = 0; i < 2; i++)
	{
		assert_int_equal(next(), SOURCE_MESSAGE);
		assert_string_equal(event.message.prefix, "p");
		assert_memory_equal(event.message.content.data, "hi", 2);
	}
	assert_int_equal(next(), SOURCE_COMMIT);
}

static void
message_of_no_transaction_goes_at_once(void **state)
{
	(void) state;
	add_start(7, true);
	add_table(5, "customer");
	add_streamed_insert(7, 7, 5, 1);
	add_message(false);
	add_streamed_insert(7, 7, 5, 2);
	add_stop(7);
	add_abort(7, 7);
	feed();
	assert_int_equal(next(), SOURCE_MESSAGE);
	assert_null(event.message.txn);
	assert_int_equal(next(), SOURCE_EMPTY);
}

/* PostgreSQL 18 tells of aborts of what it never streamed. */
static void
abort_of_the_unknown_is_tolerated(void **state)
{
	SourceConfig config = {.server_version = 180000};

	(void) state;
	add_abort(77, 78);
	add_abort(77, 77);
	feed();
	assert_int_equal(next(), SOURCE_EMPTY);

	/* also by one that asked for no streams */
	source->ops->free(source);
	source = source_plugin_ops.create(&config, &err);
	assert_int_equal(source->ops->options(source, true).count, 1);
	feed();
	assert_int_equal(next(), SOURCE_EMPTY);
	buf_clear(&frame);
	add_start(7, true);
	feed();
	assert_int_equal(next(), SOURCE_FAILED);
	start_over();
	add_stream_commit(7, 1000);
	feed();
	assert_int_equal(next(), SOURCE_FAILED);
}

static void
assert_frame_refused(void)
{
	SourceResult result;

	feed();
	do
		result = next();
	while (result != SOURCE_EMPTY && result != SOURCE_FAILED);
	assert_int_equal(result, SOURCE_FAILED);
	assert_int_equal(err.code, ERROR_SOURCE);
	start_over();
}

static void
streams_in_wrong_order_are_refused(void **state)
{
	(void) state;
	add_stream_commit(7, 1000); /* of nothing begun here */
	assert_frame_refused();
	add_start(7, false);		/* second block without a first */
	assert_frame_refused();
	add_start(7, true);
	add_start(8, true);
	assert_frame_refused();
	add_start(7, true);
	add_stop(8);
	assert_frame_refused();
	add_start(7, true);
	add_begin(1000);
	assert_frame_refused();
	add_start(7, true);
	add_stream_commit(7, 1000);
	assert_frame_refused();
	add_begin(1000);
	add_start(7, true);
	assert_frame_refused();
	add_start(7, true);
	add_streamed_insert(8, 8, 5, 1);
	assert_frame_refused();
	add_start(7, true);
	add_insert(5, 1);
	assert_frame_refused();
}

static void
reset_forgets_streams(void **state)
{
	(void) state;
	add_block(7, 7, true, IDS(1));
	add_block(8, 8, true, IDS(2, 3));
	add_stream_commit(8, 1000);
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	start_over();
	assert_int_equal(spool_memory(spool), 0);

	/* the server begins again, as it does after a reconnect */
	add_block(8, 8, true, IDS(2, 3));
	add_stream_commit(8, 1000);
	feed();
	assert_transaction(8, 1000, IDS(2, 3));
	assert_int_equal(next(), SOURCE_EMPTY);
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
	add_block(7, 8, true, IDS(1, 2));
	add_block(9, 9, true, IDS(3));
	add_abort(7, 8);
	add_stream_commit(9, 2000);
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

/* The spool's default directory is below this one. */
static char directory[] = "/tmp/test_source_plugin.XXXXXX";

static int
make_directory(void **state)
{
	(void) state;
	return mkdtemp(directory) != NULL ? setenv("TMPDIR", directory, 1) : -1;
}

static int
remove_directory(void **state)
{
	(void) state;
	return rmdir(directory);
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
		TEST(table_is_replaced_by_a_later_one),
		TEST(reset_forgets_tables_and_transaction),
		TEST(wrong_order_is_refused),
		TEST(streamed_transaction_comes_at_its_commit),
		TEST(streams_take_turns),
		TEST(aborted_part_takes_only_itself),
		TEST(description_outlives_the_part_it_came_in),
		TEST(descriptions_stay_in_their_stream),
		TEST(nothing_left_gives_nothing),
		TEST(truncation_and_message_in_a_stream),
		TEST(message_first_in_a_stream),
		TEST(message_of_no_transaction_goes_at_once),
		TEST(abort_of_the_unknown_is_tolerated),
		TEST(streams_in_wrong_order_are_refused),
		TEST(reset_forgets_streams),
		TEST(damaged_frames_are_survived),
	};

	return cmocka_run_group_tests_name("source_plugin", tests, make_directory,
									   remove_directory);
}
