/*
 * test_kafka_faults.c
 *		The Kafka sink when brokers err, move, go away or refuse: what passes is
 *		waited for without loss or doubles, what does not pass stops the sink.
 */
#include "kafka_rig.h"

#define RIG_API_LIST_OFFSETS	2

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

static const char *const quick[] = {
	"kafka.retry.backoff.ms", "10", "kafka.reconnect.backoff.ms", "10",
	"kafka.reconnect.backoff.max.ms", "100", NULL
};

static void
start_with(const char *const *options)
{
	rig_start_sink(&rig, options, SINK_NEW);
	assert_true(rig.sink->ops->record(rig.sink, 1000, &rig.err));
	assert_true(rig_wait_durable(&rig, 1000, 10));
}

static void
start(void)
{
	start_with(quick);
}

static void
put_range(int from, int to)
{
	for (int i = from; i < to; i++)
	{
		char		key[16];
		char		value[32];

		snprintf(key, sizeof(key), "k%d", i % 10);
		snprintf(value, sizeof(value), "%d", i);
		rig_must_put(&rig, (RigRow) {"t", key, NULL, value, 0, 1010 + (Lsn) i * 10, 1});
		rig_commit(&rig, 1010 + (Lsn) i * 10 + 5);
	}
}

static Lsn
end_of(int records)
{
	return 1010 + (Lsn) (records - 1) * 10 + 5;
}

/* Every record once, those of a key in order. */
static void
assert_all_once(int expected)
{
	const RigRecords *records = rig_read(&rig, "t", 4);
	int			next[10];

	for (int k = 0; k < 10; k++)
		next[k] = k;
	for (size_t i = 0; i < records->count; i++)
	{
		int			key = atoi(records->items[i].key + 1);

		assert_int_equal(atoi(records->items[i].value), next[key]);
		next[key] += 10;
	}
	assert_int_equal(records->count, expected);
}

/* KAF-1: errors that pass. */
static void
run_passing_errors(rd_kafka_resp_err_t resp, int times)
{
	rd_kafka_resp_err_t errors[20];

	for (int i = 0; i < times; i++)
		errors[i] = resp;
	start();
	rd_kafka_mock_push_request_errors_array(rig.cluster, RIG_API_PRODUCE,
											(size_t) times, errors);
	put_range(0, 300);
	assert_true(rig_wait_durable(&rig, end_of(300), 30));
	assert_all_once(300);
}

static void
test_request_timed_out(void **state)
{
	(void) state;
	run_passing_errors(RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, 20);
}

static void
test_not_enough_replicas(void **state)
{
	(void) state;
	run_passing_errors(RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, 20);
}

static void
test_not_leader(void **state)
{
	(void) state;
	run_passing_errors(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, 20);
}

/* KAF-2: errors that do not pass; durable stays where it was. */
static void
run_final_error(rd_kafka_resp_err_t resp, ErrorCode code, const char *in_hint)
{
	start();
	put_range(0, 10);
	assert_true(rig_wait_durable(&rig, end_of(10), 10));
	rd_kafka_mock_push_request_errors(rig.cluster, RIG_API_PRODUCE, 1, resp);
	put_range(10, 11);
	assert_true(rig_wait_failed(&rig, 20));
	assert_int_equal(rig.err.code, code);
	if (strstr(rig.err.hint, in_hint) == NULL)
		fail_msg("hint: %s", rig.err.hint);
	assert_int_equal(rig.sink->durable, end_of(10));

	/* It stays failed, and nothing after the lost record counts. */
	assert_int_equal(rig_turn(&rig), SINK_POLL_FAILED);
	assert_int_equal(rig.sink->durable, end_of(10));
}

static void
test_topic_not_authorized(void **state)
{
	(void) state;
	run_final_error(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ERROR_SINK_WRITE, "Write");
	assert_non_null(strstr(rig.err.message, "topic \"t\""));
}

static void
test_cluster_not_authorized(void **state)
{
	(void) state;
	run_final_error(RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, ERROR_SINK_WRITE, "");
}

static void
test_out_of_order_sequence(void **state)
{
	(void) state;
	run_final_error(RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, ERROR_SINK_WRITE,
					"once more");
}

/*
 * A broker that has forgotten the producer: what it had acknowledged is stored,
 * so librdkafka may go on under a new number, or give up. Never a gap.
 */
static void
test_unknown_producer(void **state)
{
	(void) state;
	start();
	put_range(0, 10);
	assert_true(rig_wait_durable(&rig, end_of(10), 10));
	rd_kafka_mock_push_request_errors(rig.cluster, RIG_API_PRODUCE, 1,
									  RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID);
	put_range(10, 11);
	if (rig_wait_durable(&rig, end_of(11), 20))
		assert_all_once(11);
	else
	{
		assert_int_equal(rig.err.code, ERROR_SINK_WRITE);
		assert_int_equal(rig.sink->durable, end_of(10));
	}
}

static void
test_too_large_for_broker(void **state)
{
	(void) state;
	run_final_error(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ERROR_RECORD, "max.message.bytes");
}

/* KAF-8: the client's own limit, to the byte. */
static void
test_too_large_for_client(void **state)
{
	static const char *const options[] = {"message_max_bytes", "2000", NULL};
	static char value[3000];
	RigRow		row = {"t", "a", NULL, value, 0, 1010, 1};

	(void) state;
	rig_start_sink(&rig, options, SINK_NEW);
	memset(value, 'x', 1800);
	rig_must_put(&rig, row);
	rig_commit(&rig, 1020);
	assert_true(rig_wait_durable(&rig, 1020, 10));
	memset(value, 'x', 2001);
	row.lsn = 1030;
	assert_int_equal(rig_put(&rig, &row), SINK_FAILED);
	assert_int_equal(rig.err.code, ERROR_RECORD);
	assert_non_null(strstr(rig.err.message, "0/406"));
	assert_non_null(strstr(rig.err.hint, "message_max_bytes"));
	assert_int_equal(rig_turn(&rig), SINK_POLL_FAILED);
	assert_int_equal(rig.sink->durable, 1020);
}

/* KAF-4: all brokers away and back; meanwhile nothing is durable or lost. */
static void
test_brokers_down(void **state)
{
	SinkStats	stats;

	(void) state;
	start();
	put_range(0, 50);
	assert_true(rig_wait_durable(&rig, end_of(50), 10));
	for (int broker = 1; broker <= 3; broker++)
		rd_kafka_mock_broker_set_down(rig.cluster, broker);
	put_range(50, 100);
	assert_false(rig_wait_durable(&rig, end_of(51), 2));
	rig.sink->ops->stats(rig.sink, &stats);
	assert_non_null(strstr(stats.state, "all brokers down"));
	for (int broker = 1; broker <= 3; broker++)
		rd_kafka_mock_broker_set_up(rig.cluster, broker);
	assert_true(rig_wait_durable(&rig, end_of(100), 30));
	rig.sink->ops->stats(rig.sink, &stats);
	assert_string_equal(stats.state, "");
	assert_all_once(100);
}

/* A full queue while brokers are away, and an end that does not wait for them. */
static void
test_end_while_down(void **state)
{
	int64_t		before;

	(void) state;
	start();
	put_range(0, 50);
	assert_true(rig_wait_durable(&rig, end_of(50), 10));
	for (int broker = 1; broker <= 3; broker++)
		rd_kafka_mock_broker_set_down(rig.cluster, broker);
	put_range(50, 100);
	before = clock_now();
	assert_false(rig.sink->ops->drain(rig.sink, before + CLOCK_SECOND, &rig.err));
	assert_in_range(clock_now() - before, CLOCK_SECOND, 3 * CLOCK_SECOND);
	assert_non_null(strstr(rig.err.message, "not acknowledged"));
	before = clock_now();
	rig_stop_sink(&rig);
	assert_true(clock_now() - before < 5 * CLOCK_SECOND);
}

/*
 * KAF-4: leaders move all the time, but between batches. Mock brokers look at
 * the sequence numbers of transactional producers only
 * (rd_kafka_mock_validate_records), so behind a refused batch they take the
 * next one, and librdkafka then reports both as stored. Even with one request
 * at a time it may send the next batch to a new leader while it still puts
 * back what the old one refused. Leaders that move under load are for
 * test_kafka_cluster.py: real brokers refuse what is out of order.
 */
static void
test_leaders_move(void **state)
{
	static const char *const one_batch[] = {
		"kafka.retry.backoff.ms", "10", "kafka.reconnect.backoff.ms", "10",
		"kafka.reconnect.backoff.max.ms", "100", "linger", "20ms", NULL
	};

	(void) state;
	start_with(one_batch);
	for (int round = 0; round < 15; round++)
	{
		for (int partition = 0; partition < 4; partition++)
			rd_kafka_mock_partition_set_leader(rig.cluster, "t", partition,
											   1 + (round + partition) % 3);
		put_range(round * 40, round * 40 + 40);
		assert_true(rig_wait_durable(&rig, end_of(round * 40 + 40), 30));
	}
	assert_all_once(600);
}

/*
 * The first request is refused, and answers take so long that others would be
 * on their way behind it. Real brokers take those too where the producer is
 * new to them, which is why the sink sends one request at a time.
 */
static void
test_first_refused(void **state)
{
	static const char *const one_by_one[] = {
		"kafka.retry.backoff.ms", "10", "kafka.batch.num.messages", "1",
		"linger", "0", NULL
	};

	(void) state;
	start_with(one_by_one);
	for (int broker = 1; broker <= 3; broker++)
		rd_kafka_mock_broker_set_rtt(rig.cluster, broker, 50);
	rd_kafka_mock_push_request_errors(rig.cluster, RIG_API_PRODUCE, 1,
									  RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
	put_range(0, 20);
	assert_true(rig_wait_durable(&rig, end_of(20), 20));
	for (int broker = 1; broker <= 3; broker++)
		rd_kafka_mock_broker_set_rtt(rig.cluster, broker, 0);
	assert_all_once(20);
}

/* A partition's first record travels alone; other partitions do not wait. */
static void
test_first_alone(void **state)
{
	RigRow		row = {"t", "k1", NULL, "1", 0, 2000, 1};
	RigRow		other = {"t", "k3", NULL, "1", 0, 2000, 2};

	(void) state;
	start();
	rig_must_put(&rig, (RigRow) {"u", "a", NULL, "0", 0, 1010, 1});
	rig_commit(&rig, 1020);
	assert_true(rig_wait_durable(&rig, 1020, 10));
	for (int broker = 1; broker <= 3; broker++)
		rd_kafka_mock_broker_set_rtt(rig.cluster, broker, 300);
	rig_must_put(&rig, row);
	assert_int_equal(rig_offer(&rig, &other), SINK_OK);
	row.seq = 3;
	assert_int_equal(rig_offer(&rig, &row), SINK_FULL);
	rig_must_put(&rig, row);
	for (uint64_t seq = 4; seq < 8; seq++)
	{
		row.seq = seq;
		assert_int_equal(rig_offer(&rig, &row), SINK_OK);
	}
	rig_commit(&rig, 2010);
	assert_true(rig_wait_durable(&rig, 2010, 10));
	for (int broker = 1; broker <= 3; broker++)
		rd_kafka_mock_broker_set_rtt(rig.cluster, broker, 0);
}

/* B19: acknowledgements in reverse order over partitions. */
static void
test_reversed_acknowledgements(void **state)
{
	(void) state;
	start();
	for (int partition = 0; partition < 4; partition++)
		rd_kafka_mock_partition_set_leader(rig.cluster, "t", partition, 1 + partition % 3);
	rd_kafka_mock_broker_set_rtt(rig.cluster, 1, 800);
	put_range(0, 40);
	assert_false(rig_wait_durable(&rig, end_of(40), 0));
	assert_true(rig_wait_durable(&rig, end_of(40), 20));
	rd_kafka_mock_broker_set_rtt(rig.cluster, 1, 0);
	assert_all_once(40);
}

/* KAF-9: a topic that is not there, with creation switched off. */
static void
test_topic_missing(void **state)
{
	RigRow		row = {"nowhere", "a", NULL, "1", 0, 1010, 1};
	int64_t		before = clock_now();

	(void) state;
	rd_kafka_mock_topic_set_error(rig.cluster, "nowhere",
								  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	start();
	assert_int_equal(rig_put(&rig, &row), SINK_FAILED);
	assert_true(clock_now() - before < 6 * CLOCK_SECOND);
	assert_int_equal(rig.err.code, ERROR_SINK_SETUP);
	assert_non_null(strstr(rig.err.message, "\"nowhere\" does not exist"));
	assert_non_null(strstr(rig.err.hint, "create_topics"));
}

/* One that appears a little late is waited for, without blocking the caller. */
static void
test_topic_late(void **state)
{
	RigRow		row = {"late", "a", NULL, "1", 0, 1010, 1};
	int64_t		before;

	(void) state;
	rd_kafka_mock_topic_set_error(rig.cluster, "late",
								  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	start();
	before = clock_now();
	assert_int_equal(rig_offer(&rig, &row), SINK_FULL);
	assert_true(clock_now() - before < 50 * CLOCK_MS);
	for (int i = 0; i < 10; i++)
		assert_int_equal(rig_turn(&rig), SINK_POLL_OK);
	rd_kafka_mock_topic_set_error(rig.cluster, "late", RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(rig_put(&rig, &row), SINK_OK);
	rig_commit(&rig, 1020);
	assert_true(rig_wait_durable(&rig, 1020, 10));
	assert_int_equal(rig_read(&rig, "late", 4)->count, 1);
}

/* The progress topic was just created: not every broker knows it yet. */
static void
test_progress_late(void **state)
{
	(void) state;
	rd_kafka_mock_push_request_errors(rig.cluster, RIG_API_LIST_OFFSETS, 2,
									  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
									  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	start();
}

static void
test_topic_refused(void **state)
{
	RigRow		row = {"u", "a", NULL, "1", 0, 1010, 1};

	(void) state;
	start();
	rd_kafka_mock_topic_set_error(rig.cluster, "u",
								  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	assert_int_equal(rig_put(&rig, &row), SINK_FAILED);
	assert_int_equal(rig.err.code, ERROR_SINK_SETUP);
	assert_non_null(strstr(rig.err.message, "\"u\""));
	assert_non_null(strstr(rig.err.hint, "Describe"));
}

static void
test_unreachable(void **state)
{
	static const char *const options[] = {"connect_timeout", "1s", NULL};
	int64_t		before = clock_now();

	(void) state;
	for (int broker = 1; broker <= 3; broker++)
		rd_kafka_mock_broker_set_down(rig.cluster, broker);
	rig_create_sink(&rig, options);
	assert_int_equal(sink_resume(rig.sink, &rig.identity, &rig.err),
					 SINK_RESUME_FAILED);
	assert_in_range(clock_now() - before, CLOCK_SECOND, 4 * CLOCK_SECOND);
	assert_int_equal(rig.err.code, ERROR_SINK_SETUP);
	assert_true(rig.err.retriable);
	assert_non_null(strstr(rig.err.message, rig.brokers));
	assert_non_null(strstr(rig.err.hint, "brokers run"));
}

/* A checkpoint that cannot be stored stops the sink like any record. */
static void
test_checkpoint_refused(void **state)
{
	(void) state;
	start();
	rd_kafka_mock_push_request_errors(rig.cluster, RIG_API_PRODUCE, 1,
									  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	assert_true(rig.sink->ops->record(rig.sink, 2000, &rig.err));
	assert_true(rig_wait_failed(&rig, 10));
	assert_int_equal(rig.sink->durable, 1000);
	assert_non_null(strstr(rig.err.message, RIG_PROGRESS));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_request_timed_out),
		TEST(test_not_enough_replicas),
		TEST(test_not_leader),
		TEST(test_topic_not_authorized),
		TEST(test_cluster_not_authorized),
		TEST(test_out_of_order_sequence),
		TEST(test_unknown_producer),
		TEST(test_too_large_for_broker),
		TEST(test_too_large_for_client),
		TEST(test_brokers_down),
		TEST(test_end_while_down),
		TEST(test_leaders_move),
		TEST(test_first_refused),
		TEST(test_first_alone),
		TEST(test_reversed_acknowledgements),
		TEST(test_topic_missing),
		TEST(test_topic_late),
		TEST(test_progress_late),
		TEST(test_topic_refused),
		TEST(test_unreachable),
		TEST(test_checkpoint_refused),
	};

	return cmocka_run_group_tests(tests, NULL, rig_end);
}
