/*
 * test_kafka_sink.c
 *		The Kafka sink on mock brokers: what arrives, in which order, what is
 *		durable when, and what a start finds again.
 */
#include "kafka_rig.h"

static Rig rig;

static int
setup(void **state)
{
	(void) state;
	rig_open(&rig);
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	rig_close(&rig);
	return 0;
}

static void
assert_record(const RigRecord *record, const char *key, const char *value)
{
	assert_int_equal(record->has_key, key != NULL);
	assert_int_equal(record->has_value, value != NULL);
	assert_string_equal(record->key, key ? key : "");
	assert_string_equal(record->value, value ? value : "");
}

static void
test_first_start(void **state)
{
	(void) state;
	rig_start_sink(&rig, NULL, SINK_NEW);
	assert_int_equal(rig.sink->accepted.lsn, 1000);
	assert_int_equal(rig.sink->accepted.seq, 0);
	assert_int_equal(rig.sink->durable, 0);

	/* Nothing is durable before it is recorded. */
	assert_true(rig.sink->ops->record(rig.sink, 1000, &rig.err));
	assert_int_equal(rig.sink->durable, 0);
	assert_true(rig_wait_durable(&rig, 1000, 5));
	assert_int_equal(rig.sink->durable, 1000);
	assert_int_equal(rig_read(&rig, RIG_PROGRESS, 1)->count, 1);
	assert_string_equal(rig_read_records.items[0].key, "7/fan/k");
}

static void
test_records_and_durable(void **state)
{
	(void) state;
	rig_start_sink(&rig, NULL, SINK_NEW);
	rig_must_put(&rig, (RigRow) {"u", "a", NULL, "one", 0, 1010, 1});
	assert_int_equal(rig.sink->accepted.lsn, 1010);
	assert_int_equal(rig.sink->accepted.seq, 2);
	rig_must_put(&rig, (RigRow) {"u", NULL, NULL, "two", 0, 1010, 2});
	rig_must_put(&rig, (RigRow) {"u", "", NULL, "", 0, 1010, 3});

	/* Acknowledged, but its transaction is not over. */
	for (int i = 0; i < 10; i++)
		assert_int_equal(rig_turn(&rig), SINK_POLL_OK);
	assert_true(rig.sink->durable < 1010);

	rig_commit(&rig, 1020);
	assert_int_equal(rig.sink->accepted.lsn, 1020);
	assert_int_equal(rig.sink->accepted.seq, 0);
	assert_true(rig_wait_durable(&rig, 1020, 5));
	assert_int_equal(rig_read(&rig, "u", 1)->count, 3);
	assert_record(&rig_read_records.items[0], "a", "one");
	assert_record(&rig_read_records.items[1], NULL, "two");
	assert_record(&rig_read_records.items[2], "", "");
}

/* R6: nothing for this sink in a transaction. */
static void
test_empty_transaction(void **state)
{
	(void) state;
	rig_start_sink(&rig, NULL, SINK_NEW);
	rig_commit(&rig, 1500);
	assert_int_equal(rig.sink->accepted.lsn, 1500);
	assert_true(rig_wait_durable(&rig, 1500, 5));
}

static void
test_tombstones(void **state)
{
	(void) state;
	rig_start_sink(&rig, NULL, SINK_NEW);
	rig_must_put(&rig, (RigRow) {"u", "a", NULL, "ins", PG_FANOUT__OP__INSERT, 1010, 1});
	rig_must_put(&rig, (RigRow) {"u", "b", "a", "upd", PG_FANOUT__OP__UPDATE, 1010, 2});
	rig_must_put(&rig, (RigRow) {"u", "b", NULL, "del", PG_FANOUT__OP__DELETE, 1010, 3});
	rig_must_put(&rig, (RigRow) {"u", NULL, NULL, "del", PG_FANOUT__OP__DELETE, 1010, 4});
	rig_must_put(&rig, (RigRow) {"u", NULL, NULL, "trunc", PG_FANOUT__OP__TRUNCATE, 1010, 5});
	rig_commit(&rig, 1020);
	assert_true(rig_wait_durable(&rig, 1020, 5));
	assert_int_equal(rig_read(&rig, "u", 1)->count, 7);
	assert_record(&rig_read_records.items[0], "a", "ins");
	assert_string_equal(rig_read_records.items[0].lsn, "");
	assert_record(&rig_read_records.items[1], "a", NULL);
	assert_string_equal(rig_read_records.items[1].lsn, "0/3F2");
	assert_string_equal(rig_read_records.items[1].seq, "2");
	assert_record(&rig_read_records.items[2], "b", "upd");
	assert_record(&rig_read_records.items[3], "b", "del");
	assert_record(&rig_read_records.items[4], "b", NULL);
	assert_string_equal(rig_read_records.items[4].seq, "3");
	assert_record(&rig_read_records.items[5], NULL, "del");
	assert_record(&rig_read_records.items[6], NULL, "trunc");
}

static void
test_tombstones_off(void **state)
{
	static const char *const options[] = {"tombstones", "off", NULL};

	(void) state;
	rig_start_sink(&rig, options, SINK_NEW);
	rig_must_put(&rig, (RigRow) {"u", "b", "a", "upd", PG_FANOUT__OP__UPDATE, 1010, 1});
	rig_must_put(&rig, (RigRow) {"u", "b", NULL, "del", PG_FANOUT__OP__DELETE, 1010, 2});
	rig_commit(&rig, 1020);
	assert_true(rig_wait_durable(&rig, 1020, 5));
	assert_int_equal(rig_read(&rig, "u", 1)->count, 2);
}

/* Records of ten keys over four partitions; every value names its place. */
static void
put_many(int from, int to, int per_transaction)
{
	for (int i = from; i < to; i++)
	{
		char		key[16];
		char		value[32];
		Lsn			lsn = 1010 + (Lsn) (i / per_transaction) * 10;

		snprintf(key, sizeof(key), "k%d", i % 10);
		snprintf(value, sizeof(value), "%d", i);
		rig_must_put(&rig, (RigRow) {"t", key, NULL, value, 0, lsn,
			(uint64_t) (i % per_transaction) + 1});
		if (i % per_transaction == per_transaction - 1)
			rig_commit(&rig, lsn + 5);
	}
}

/* Each once, those of a key in one partition and in order. */
static void
assert_all_once(int expected)
{
	const RigRecords *records = rig_read(&rig, "t", 4);
	int			next[10];
	int			partition[10];

	for (int k = 0; k < 10; k++)
	{
		next[k] = k;
		partition[k] = -1;
	}
	for (size_t i = 0; i < records->count; i++)
	{
		int			key = atoi(records->items[i].key + 1);

		if (partition[key] < 0)
			partition[key] = records->items[i].partition;
		assert_int_equal(records->items[i].partition, partition[key]);
		assert_int_equal(atoi(records->items[i].value), next[key]);
		next[key] += 10;
	}
	assert_int_equal(records->count, expected);
}

static void
test_order(void **state)
{
	(void) state;
	rig_start_sink(&rig, NULL, SINK_NEW);
	put_many(0, 5000, 50);
	assert_true(rig_wait_durable(&rig, 1010 + 990 + 5, 10));
	assert_all_once(5000);
}

/* KAF-7: no loss and no double when the queue is full nearly always. */
static void
test_tiny_queue(void **state)
{
	static const char *const options[] = {
		"queue_messages", "10", "queue_bytes", "16kB", "message_max_bytes", "10kB",
		"linger", "0", NULL
	};

	(void) state;
	rig_start_sink(&rig, options, SINK_NEW);
	put_many(0, 2000, 20);
	assert_true(rig.full > 0);
	assert_true(rig_wait_durable(&rig, 1010 + 990 + 5, 10));
	assert_all_once(2000);
}

/* A delivery of several records that the queue takes one by one. */
static void
test_partial_delivery(void **state)
{
	static const char *const options[] = {
		"queue_messages", "1", "linger", "0", NULL
	};

	(void) state;
	rig_start_sink(&rig, options, SINK_NEW);
	for (int i = 0; i < 20; i++)
	{
		rig_must_put(&rig, (RigRow) {"u", "b", "a", "upd", PG_FANOUT__OP__UPDATE, 1010, (uint64_t) i * 2 + 1});
		rig_must_put(&rig, (RigRow) {"u", "b", NULL, "del", PG_FANOUT__OP__DELETE, 1010, (uint64_t) i * 2 + 2});
	}
	rig_commit(&rig, 1020);
	assert_true(rig.full > 0);
	assert_true(rig_wait_durable(&rig, 1020, 10));
	assert_int_equal(rig_read(&rig, "u", 1)->count, 80);
	for (int i = 0; i < 80; i += 4)
	{
		assert_record(&rig_read_records.items[i], "a", NULL);
		assert_record(&rig_read_records.items[i + 1], "b", "upd");
		assert_record(&rig_read_records.items[i + 2], "b", "del");
		assert_record(&rig_read_records.items[i + 3], "b", NULL);
	}
}

/* A note is found again with the checkpoint before which it was taken. */
static void
test_notes(void **state)
{
	(void) state;
	rig_start_sink(&rig, NULL, SINK_NEW);
	assert_int_equal(rig.sink->notes.count, 0);
	assert_true(notes_set(&rig.sink->notes, "table/1", slice_of("old"), &rig.err));
	assert_true(notes_set(&rig.sink->notes, "table/2", slice_make("\0x", 2), &rig.err));
	put_many(0, 10, 10);
	assert_true(rig_wait_durable(&rig, 1015, 5));
	assert_false(rig.sink->notes.dirty);
	assert_true(notes_set(&rig.sink->notes, "table/1", slice_of("new"), &rig.err));
	assert_true(rig.sink->ops->record(rig.sink, 2000, &rig.err));
	assert_true(rig_wait_durable(&rig, 2000, 5));

	/* for which no checkpoint was written */
	assert_true(notes_set(&rig.sink->notes, "table/3", slice_of("x"), &rig.err));
	rig_stop_sink(&rig);

	rig.identity.confirmed = 1015;
	rig_start_sink(&rig, NULL, SINK_RESUMED);
	assert_int_equal(rig.sink->durable, 2000);
	assert_int_equal(rig.sink->notes.count, 2);
	assert_false(rig.sink->notes.dirty);
	assert_true(slice_equal(notes_find(&rig.sink->notes, "table/1"), slice_of("new")));
	assert_true(slice_equal(notes_find(&rig.sink->notes, "table/2"), slice_make("\0x", 2)));
}

static void
test_resume(void **state)
{
	(void) state;
	rig_start_sink(&rig, NULL, SINK_NEW);
	put_many(0, 100, 10);
	assert_true(rig_wait_durable(&rig, 1010 + 90 + 5, 5));
	rig_stop_sink(&rig);

	rig.identity.confirmed = 1105;
	rig_start_sink(&rig, NULL, SINK_RESUMED);
	assert_int_equal(rig.sink->durable, 1105);
	assert_int_equal(rig.sink->accepted.lsn, 1105);
	assert_int_equal(rig.sink->accepted.seq, 0);

	/* A checkpoint without further records, then a start from it. */
	assert_true(rig.sink->ops->record(rig.sink, 5000, &rig.err));
	assert_true(rig_wait_durable(&rig, 5000, 5));
	rig_stop_sink(&rig);
	rig_start_sink(&rig, NULL, SINK_RESUMED);
	assert_int_equal(rig.sink->durable, 5000);
}

/* More checkpoints than the first look back reads, others' among them. */
static void
test_resume_far_back(void **state)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *rk;

	(void) state;
	rig_start_sink(&rig, NULL, SINK_NEW);
	assert_true(rig.sink->ops->record(rig.sink, 1000, &rig.err));
	assert_true(rig_wait_durable(&rig, 1000, 5));
	rig_stop_sink(&rig);

	rd_kafka_conf_set(conf, "bootstrap.servers", rig.brokers, NULL, 0);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
	for (int i = 0; i < 3000; i++)
		rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(RIG_PROGRESS), RD_KAFKA_V_KEY("8/fan/k", 7),
						  RD_KAFKA_V_VALUE("{}", 2), RD_KAFKA_V_END);
	assert_int_equal(rd_kafka_flush(rk, 10000), 0);
	rd_kafka_destroy(rk);

	rig_start_sink(&rig, NULL, SINK_RESUMED);
	assert_int_equal(rig.sink->durable, 1000);
}

static void
assert_resume_refused(ErrorCode code)
{
	rig_create_sink(&rig, NULL);
	assert_int_equal(sink_resume(rig.sink, &rig.identity, &rig.err),
					 SINK_RESUME_FAILED);
	assert_int_equal(rig.err.code, code);
	rig_stop_sink(&rig);
}

static void
test_foreign_checkpoint(void **state)
{
	(void) state;
	rig_start_sink(&rig, NULL, SINK_NEW);
	assert_true(rig.sink->ops->record(rig.sink, 1000, &rig.err));
	assert_true(rig_wait_durable(&rig, 1000, 5));
	rig_stop_sink(&rig);

	/* The slot is ahead: what lies between is gone. */
	rig.identity.confirmed = 1001;
	assert_resume_refused(ERROR_CHECKPOINT);

	/* Another cluster with the same names. */
	rig.identity.confirmed = 1000;
	rig.identity.system_id = 8;
	assert_resume_refused(ERROR_SYSTEM);

	rig.identity.system_id = 7;
	rig.identity.database = "other";
	assert_resume_refused(ERROR_CHECKPOINT);

	rig.identity.database = "bank";
	rig_start_sink(&rig, NULL, SINK_RESUMED);
}

/* At most one checkpoint per interval, but at once when asked for. */
static void
test_checkpoint_interval(void **state)
{
	(void) state;
	rig_start_sink(&rig, NULL, SINK_NEW);
	rig.config.checkpoint_interval = 60 * CLOCK_SECOND;
	assert_true(rig.sink->ops->record(rig.sink, 1000, &rig.err));
	assert_true(rig_wait_durable(&rig, 1000, 5));
	put_many(0, 100, 10);
	for (int i = 0; i < 10; i++)
		assert_int_equal(rig_turn(&rig), SINK_POLL_OK);
	assert_int_equal(rig.sink->durable, 1000);
	assert_true(rig.sink->ops->drain(rig.sink, clock_now() + 5 * CLOCK_SECOND, &rig.err));
	assert_int_equal(rig.sink->durable, 1105);
	assert_int_equal(rig_read(&rig, RIG_PROGRESS, 1)->count, 2);
	assert_all_once(100);
}

/* A drain does not wait for linger, and leaves an open transaction alone. */
static void
test_drain(void **state)
{
	static const char *const options[] = {"linger", "30s", NULL};

	(void) state;
	rig_start_sink(&rig, options, SINK_NEW);
	put_many(0, 10, 10);
	rig_must_put(&rig, (RigRow) {"t", "k0", NULL, "10", 0, 1020, 1});
	assert_true(rig.sink->ops->drain(rig.sink, clock_now() + 5 * CLOCK_SECOND, &rig.err));
	assert_int_equal(rig.sink->durable, 1015);
}

static void
test_stats(void **state)
{
	SinkStats	stats;

	(void) state;
	rig_start_sink(&rig, NULL, SINK_NEW);
	put_many(0, 10, 10);
	rig.sink->ops->stats(rig.sink, &stats);
	assert_int_equal(stats.records, 10);
	assert_int_equal(stats.bytes, 30);
	assert_true(rig_wait_durable(&rig, 1015, 5));
	rig.sink->ops->stats(rig.sink, &stats);
	assert_int_equal(stats.in_flight, 0);
	assert_string_equal(stats.state, "");
}

/* The demo's brokers: no other process, no admin calls, nothing kept. */
static void
test_mock_url(void **state)
{
	static const char *const options[] = {"partitions", "3", NULL};

	(void) state;
	snprintf(rig.brokers, sizeof(rig.brokers), "mock");
	rig_start_sink(&rig, options, SINK_NEW);
	put_many(0, 200, 10);
	assert_true(rig_wait_durable(&rig, 1010 + 190 + 5, 10));
	rig_stop_sink(&rig);
	rig_start_sink(&rig, options, SINK_NEW);
}

static void
test_urls(void **state)
{
	(void) state;
	rig_options(&rig, NULL);
	rig.config = (SinkConfig) {.name = "k",.authority = "",.options = rig.options};
	assert_null(sink_kafka_ops.create(&rig.config, &rig.err));
	assert_int_equal(rig.err.code, ERROR_USAGE);
	rig.config.authority = "h:9092";
	rig.config.path = "/topic";
	assert_null(sink_kafka_ops.create(&rig.config, &rig.err));
	assert_int_equal(rig.err.code, ERROR_USAGE);
	assert_non_null(strstr(rig.err.hint, "topic"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_first_start),
		TEST(test_records_and_durable),
		TEST(test_empty_transaction),
		TEST(test_tombstones),
		TEST(test_tombstones_off),
		TEST(test_order),
		TEST(test_tiny_queue),
		TEST(test_partial_delivery),
		TEST(test_notes),
		TEST(test_resume),
		TEST(test_resume_far_back),
		TEST(test_foreign_checkpoint),
		TEST(test_checkpoint_interval),
		TEST(test_drain),
		TEST(test_stats),
		TEST(test_mock_url),
		TEST(test_urls),
	};

	return cmocka_run_group_tests(tests, NULL, rig_end);
}
