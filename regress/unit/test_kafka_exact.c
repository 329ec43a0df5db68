/*
 * test_kafka_exact.c
 *		The Kafka sink with transactions on mock brokers: when they are cut, what
 *		follows a commit that failed, and who may write.
 *
 * Mock brokers keep the records of aborted transactions and show them to every
 * reader: what readers see is for test_exactly_once.py.
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

#define QUICK "kafka.retry.backoff.ms", "10", "kafka.reconnect.backoff.ms", "10", \
	"kafka.reconnect.backoff.max.ms", "100", "linger", "0"

static const char *const exact[] = {
	"delivery", "exactly-once", "transaction_interval", "1ms", QUICK, NULL
};

static const char *const automatic[] = {
	"delivery", "auto", "transaction_interval", "1ms", QUICK, NULL
};

static const char *const at_least_once[] = {"delivery", "at-least-once", QUICK, NULL};

static void
start_with(const char *const *options, SinkResume expected)
{
	rig_start_sink(&rig, options, expected);
	rig.sink->held++;
	if (expected != SINK_NEW)
		return;
	assert_true(rig.sink->ops->record(rig.sink, 1000, &rig.err));
	assert_true(rig_wait_durable(&rig, 1000, 10));
}

/* Transaction i has one record and this end. */
static Lsn
end_of(int i)
{
	return 1010 + (Lsn) i * 10 + 5;
}

/* Those that the sink still wants. */
static void
put_range(int from, int to)
{
	for (int i = from; i < to; i++)
	{
		Transaction txn = {.commit_lsn = 1010 + (Lsn) i * 10, .xid = 700};
		char		key[16];
		char		value[32];

		if (rig.sink->accepted.lsn >= end_of(i))
			continue;
		snprintf(key, sizeof(key), "k%d", i % 10);
		snprintf(value, sizeof(value), "%d", i);
		rig_must_put(&rig, (RigRow) {"t", key, NULL, value, 0, txn.commit_lsn, 1, &txn});
		rig_commit(&rig, end_of(i));
	}
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

/* The newest record with that key in the progress topic. */
static const RigRecord *
last_progress(const char *key)
{
	const RigRecords *records = rig_read(&rig, RIG_PROGRESS, 1);

	for (size_t i = records->count; i > 0; i--)
		if (strcmp(records->items[i - 1].key, key) == 0)
			return &records->items[i - 1];
	fail_msg("no progress under \"%s\"", key);
	return NULL;
}

static void
write_progress(const char *key, const char *value)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *rk;

	rd_kafka_conf_set(conf, "bootstrap.servers", rig.brokers, NULL, 0);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
	rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(RIG_PROGRESS), RD_KAFKA_V_KEY(key, strlen(key)),
					  RD_KAFKA_V_VALUE((void *) value, strlen(value)), RD_KAFKA_V_END);
	assert_int_equal(rd_kafka_flush(rk, 10000), 0);
	rd_kafka_destroy(rk);
}

/* ---- what is written ---- */

static void
test_all_once(void **state)
{
	const RigRecord *progress;

	(void) state;
	start_with(exact, SINK_NEW);
	put_range(0, 300);
	assert_true(rig_wait_durable(&rig, end_of(299), 20));
	assert_all_once(300);
	progress = last_progress("7/fan/k");
	assert_non_null(strstr(progress->value, "\"delivery\":\"exactly-once\""));
	assert_non_null(strstr(progress->value, "\"prefix\":\"bank\""));
	assert_non_null(strstr(progress->value, "\"timeline\":1"));
	rig_stop_sink(&rig);
	rig.identity.confirmed = end_of(299);
	start_with(exact, SINK_RESUMED);
	assert_int_equal(rig.sink->durable, end_of(299));
	assert_int_equal(rig.sink->accepted.seq, 0);
}

/* KAF-7: the progress has to wait for room, too. */
static void
test_tiny_queue(void **state)
{
	static const char *const options[] = {
		"delivery", "exactly-once", "transaction_interval", "1ms",
		"queue_messages", "10", "queue_bytes", "16kB", "message_max_bytes", "10kB", QUICK, NULL
	};

	(void) state;
	start_with(options, SINK_NEW);
	put_range(0, 500);
	assert_true(rig.full > 0);
	assert_true(rig_wait_durable(&rig, end_of(499), 20));
	assert_all_once(500);
}

/* A transaction that is large enough is cut, however young. */
static void
test_cut_by_bytes(void **state)
{
	static const char *const options[] = {
		"delivery", "exactly-once", "transaction_interval", "60s", "transaction_bytes", "1kB",
		QUICK, NULL
	};

	(void) state;
	start_with(options, SINK_NEW);
	put_range(0, 400);
	assert_true(rig_wait_durable(&rig, end_of(190), 20));
	put_range(400, 410);
	for (int i = 0; i < 10; i++)
		assert_int_equal(rig_turn(&rig), SINK_POLL_OK);
	assert_true(rig.sink->durable < end_of(409));
	assert_true(rig.sink->ops->drain(rig.sink, clock_now() + 10 * CLOCK_SECOND, &rig.err));
	assert_int_equal(rig.sink->durable, end_of(409));
	assert_all_once(410);
}

/* ---- KAF-3: commits that fail ---- */

static void
run_passing_commit(rd_kafka_resp_err_t resp, int times)
{
	rd_kafka_resp_err_t errors[20];

	for (int i = 0; i < times; i++)
		errors[i] = resp;
	start_with(exact, SINK_NEW);
	rd_kafka_mock_push_request_errors_array(rig.cluster, RIG_API_END_TXN, (size_t) times, errors);
	put_range(0, 100);
	assert_true(rig_wait_durable(&rig, end_of(99), 30));
	assert_int_equal(rig.sink->held, 1);
	assert_all_once(100);
}

static void
test_concurrent_transactions(void **state)
{
	(void) state;
	run_passing_commit(RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, 5);
}

static void
test_coordinator_loads(void **state)
{
	(void) state;
	run_passing_commit(RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 5);
}

static void
test_coordinator_moves(void **state)
{
	(void) state;
	run_passing_commit(RD_KAFKA_RESP_ERR_NOT_COORDINATOR, 1);
}

/*
 * A commit whose outcome nobody knows: nothing is sent, and no producer made,
 * before a stream shows that the slot is ours. Here it had been stored.
 */
static void
run_uncertain_commit(rd_kafka_resp_err_t resp)
{
	RigRow		row = {"t", "k1", NULL, "11", 0, 1120, 1};

	start_with(exact, SINK_NEW);
	put_range(0, 10);
	assert_true(rig_wait_durable(&rig, end_of(9), 10));
	rd_kafka_mock_push_request_errors(rig.cluster, RIG_API_END_TXN, 1, resp);
	put_range(10, 11);
	assert_true(rig_wait_rewind(&rig, 20));
	assert_int_equal(rig.sink->durable, end_of(9));
	assert_int_equal(rig.sink->accepted.lsn, end_of(9));
	for (int i = 0; i < 10; i++)
	{
		assert_int_equal(rig_turn(&rig), SINK_POLL_OK);
		assert_int_equal(rig_offer(&rig, &row), SINK_FULL);
	}

	rig.sink->held++;
	assert_true(rig_wait_rewind(&rig, 20));
	assert_int_equal(rig.sink->durable, end_of(10));
	assert_int_equal(rig.sink->accepted.lsn, end_of(10));
	put_range(0, 30);
	assert_true(rig_wait_durable(&rig, end_of(29), 10));
	assert_all_once(30);
}

static void
test_fenced(void **state)
{
	(void) state;
	run_uncertain_commit(RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
}

static void
test_invalid_epoch(void **state)
{
	(void) state;
	run_uncertain_commit(RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
}

/* Its partitions were refused: nothing was stored, all of it comes again. */
static void
test_lost_before_commit(void **state)
{
	(void) state;
	start_with(exact, SINK_NEW);
	put_range(0, 10);
	assert_true(rig_wait_durable(&rig, end_of(9), 10));
	rd_kafka_mock_push_request_errors(rig.cluster, RIG_API_ADD_PARTITIONS, 1,
									  RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
	put_range(10, 11);
	assert_true(rig_wait_rewind(&rig, 20));
	rig.sink->held++;
	assert_true(rig_wait_rewind(&rig, 20));
	assert_int_equal(rig.sink->durable, end_of(9));
	assert_int_equal(rig.sink->accepted.lsn, end_of(9));
	put_range(0, 30);
	assert_true(rig_wait_durable(&rig, end_of(29), 10));
	assert_all_once(30);
}

/* What no new producer can cure stops the sink, and says what is missing. */
static void
test_no_right_to_topic(void **state)
{
	(void) state;
	start_with(exact, SINK_NEW);
	rd_kafka_mock_push_request_errors(rig.cluster, RIG_API_ADD_PARTITIONS, 1,
									  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	put_range(0, 1);
	assert_true(rig_wait_failed(&rig, 20));
	assert_int_equal(rig.err.code, ERROR_SINK_WRITE);
	assert_non_null(strstr(rig.err.hint, "Grant"));
	assert_int_equal(rig.sink->durable, 1000);
}

/* The coordinator does not answer for longer than a transaction may take. */
static void
test_commit_times_out(void **state)
{
	static const char *const options[] = {
		"delivery", "exactly-once", "transaction_interval", "1ms", "transaction_timeout", "1s",
		QUICK, NULL
	};

	(void) state;
	start_with(options, SINK_NEW);
	put_range(0, 10);
	assert_true(rig_wait_durable(&rig, end_of(9), 10));
	for (int broker = 1; broker <= 3; broker++)
		rd_kafka_mock_broker_set_rtt(rig.cluster, broker, 4000);
	put_range(10, 11);
	assert_true(rig_wait_rewind(&rig, 30));
	assert_int_equal(rig.sink->durable, end_of(9));
	for (int broker = 1; broker <= 3; broker++)
		rd_kafka_mock_broker_set_rtt(rig.cluster, broker, 0);
	rig.sink->held++;
	assert_true(rig_wait_rewind(&rig, 30));
	assert_true(rig.sink->accepted.lsn == end_of(9) || rig.sink->accepted.lsn == end_of(10));
	put_range(0, 30);
	assert_true(rig_wait_durable(&rig, end_of(29), 20));
}

/* An end that does not wait for brokers that stand still. */
static void
test_end_while_frozen(void **state)
{
	int64_t		before;

	(void) state;
	start_with(exact, SINK_NEW);
	put_range(0, 10);
	assert_true(rig_wait_durable(&rig, end_of(9), 10));
	for (int broker = 1; broker <= 3; broker++)
		rd_kafka_mock_broker_set_rtt(rig.cluster, broker, 30000);
	put_range(10, 20);
	before = clock_now();
	assert_false(rig.sink->ops->drain(rig.sink, before + CLOCK_SECOND, &rig.err));
	rig_stop_sink(&rig);
	assert_true(clock_now() - before < 4 * CLOCK_SECOND);
}

/* ---- who writes ---- */

static void
run_found_other(const char *lsn, ErrorCode code, const char *in_message)
{
	char		value[400];

	start_with(exact, SINK_NEW);
	put_range(0, 10);
	assert_true(rig_wait_durable(&rig, end_of(9), 10));
	rd_kafka_mock_push_request_errors(rig.cluster, RIG_API_END_TXN, 1,
									  RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
	put_range(10, 11);
	assert_true(rig_wait_rewind(&rig, 20));
	snprintf(value, sizeof(value),
			 "{\"pg_fanout\":1,\"system_id\":\"7\",\"timeline\":1,\"slot\":\"fan\",\"database\":\"bank\","
			 "\"sink\":\"k\",\"lsn\":\"%s\",\"seq\":0,\"options_hash\":\"0\"}", lsn);
	write_progress("7/fan/k", value);
	rig.sink->held++;
	assert_true(rig_wait_failed(&rig, 20));
	assert_int_equal(rig.err.code, code);
	assert_non_null(strstr(rig.err.message, in_message));
}

/* KAF-5: the slot is ours, and yet somebody writes. */
static void
test_another_relay(void **state)
{
	(void) state;
	run_found_other("1/0", ERROR_SINK_SHARED, "another relay");
}

static void
test_progress_lost(void **state)
{
	(void) state;
	run_found_other("0/3E9", ERROR_CHECKPOINT, "has lost");
}

/* Topics of another prefix are another producer's. */
static void
test_other_prefix(void **state)
{
	(void) state;
	start_with(exact, SINK_NEW);
	rig_stop_sink(&rig);
	rig_create_sink(&rig, exact);
	rig.config.prefix = "staging.eu";
	assert_int_equal(rig.sink->ops->resume(rig.sink, &rig.identity, &rig.err),
					 SINK_RESUME_FAILED);
	assert_int_equal(rig.err.code, ERROR_CHECKPOINT);
	assert_non_null(strstr(rig.err.message, "staging.eu"));
	assert_non_null(strstr(rig.err.hint, "another name"));
}

/* ---- parts ---- */

static const Transaction huge = {.commit_lsn = 2000, .xid = 4711};

static void
put_huge(uint64_t seq)
{
	char		value[32];

	snprintf(value, sizeof(value), "%d", (int) seq);
	rig_must_put(&rig, (RigRow) {"u", "a", NULL, value, 0, huge.commit_lsn, seq, &huge});
}

/* Waits until a part of it, up to there, is stored. */
static void
wait_part(uint64_t seq)
{
	char		text[32];
	int64_t		deadline = clock_now() + 20 * CLOCK_SECOND;

	snprintf(text, sizeof(text), "\"seq\":%d,", (int) seq);
	while (strstr(last_progress("7/fan/k")->value, text) == NULL)
	{
		assert_true(clock_now() < deadline);
		for (int i = 0; i < 5; i++)
			assert_int_equal(rig_turn(&rig), SINK_POLL_OK);
	}
}

/* A10: longer than half of a Kafka transaction's time, and a start in between. */
static void
test_split(void **state)
{
	static const char *const options[] = {
		"delivery", "exactly-once", "transaction_interval", "1ms", "transaction_timeout", "1s",
		QUICK, NULL
	};
	TxnEnd		end = {.txn = huge, .end_lsn = 2100};
	const RigRecords *records;
	const RigRecord *mark;

	(void) state;
	start_with(options, SINK_NEW);
	put_huge(1);
	put_huge(2);
	wait_part(3);
	assert_int_equal(rig.sink->durable, 2000);
	mark = last_progress("7/fan/k#0/7D0");
	assert_string_equal(mark->value, "{\"pg_fanout\":1,\"transaction\":\"0/7D0\",\"xid\":4711,"
						"\"parts\":1,\"seq\":2,\"complete\":false}");
	put_huge(3);
	wait_part(4);
	assert_non_null(strstr(last_progress("7/fan/k")->value, "\"parts\":2"));
	rig_stop_sink(&rig);

	rig.identity.confirmed = 1000;
	start_with(options, SINK_RESUMED);
	assert_int_equal(rig.sink->accepted.lsn, 2000);
	assert_int_equal(rig.sink->accepted.seq, 4);
	put_huge(4);
	assert_int_equal(sink_commit(rig.sink, &end, &rig.err), SINK_OK);
	assert_true(rig_wait_durable(&rig, 2100, 10));
	mark = last_progress("7/fan/k#0/7D0");
	assert_string_equal(mark->value, "{\"pg_fanout\":1,\"transaction\":\"0/7D0\",\"xid\":4711,"
						"\"parts\":3,\"seq\":4,\"complete\":true}");
	assert_null(strstr(last_progress("7/fan/k")->value, "parts"));

	put_range(200, 201);
	assert_true(rig_wait_durable(&rig, end_of(200), 10));
	records = rig_read(&rig, "u", 1);
	assert_int_equal(records->count, 4);
	assert_string_equal(records->items[0].part, "");
	assert_string_equal(records->items[1].part, "");
	assert_string_equal(records->items[2].part, "2");
	assert_string_equal(records->items[3].part, "3");
	assert_string_equal(rig_read(&rig, "t", 4)->items[0].part, "");
}

/* ---- auto ---- */

static void
assert_delivery(const char *exactly_once)
{
	const RigRecord *progress = last_progress("7/fan/k");

	assert_int_equal(strstr(progress->value, "exactly-once") != NULL, exactly_once != NULL);
}

static void
run_refused(rd_kafka_resp_err_t resp, const char *in_hint)
{
	SinkStats	stats;

	rd_kafka_mock_push_request_errors(rig.cluster, RIG_API_INIT_PRODUCER_ID, 1, resp);
	start_with(automatic, SINK_NEW);
	put_range(0, 10);
	assert_true(rig_wait_durable(&rig, end_of(9), 10));
	assert_delivery(NULL);
	rig.sink->ops->stats(rig.sink, &stats);
	assert_string_equal(stats.state, "at least once");
	rig_stop_sink(&rig);

	/* who insists gets no less */
	rd_kafka_mock_push_request_errors(rig.cluster, RIG_API_INIT_PRODUCER_ID, 1, resp);
	rig_create_sink(&rig, exact);
	assert_int_equal(rig.sink->ops->resume(rig.sink, &rig.identity, &rig.err),
					 SINK_RESUME_FAILED);
	assert_int_equal(rig.err.code, ERROR_SINK_SETUP);
	assert_non_null(strstr(rig.err.hint, in_hint));
	rig_stop_sink(&rig);

	/* what was given at least once so far may become more */
	start_with(automatic, SINK_RESUMED);
	put_range(0, 20);
	assert_true(rig_wait_durable(&rig, end_of(19), 10));
	assert_delivery("exactly-once");
}

static void
test_auto_no_right(void **state)
{
	(void) state;
	run_refused(RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "transactional id");
}

static void
test_auto_timeout_too_long(void **state)
{
	(void) state;
	run_refused(RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, "transaction.max.timeout.ms");
}

/* What passes is no reason to promise less. */
static void
test_auto_waits(void **state)
{
	(void) state;
	rd_kafka_mock_push_request_errors(rig.cluster, RIG_API_INIT_PRODUCER_ID, 3,
									  RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
									  RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS,
									  RD_KAFKA_RESP_ERR_NOT_COORDINATOR);
	start_with(automatic, SINK_NEW);
	put_range(0, 10);
	assert_true(rig_wait_durable(&rig, end_of(9), 10));
	assert_delivery("exactly-once");
}

/* A guarantee once given is not taken back. */
static void
test_no_downgrade(void **state)
{
	(void) state;
	start_with(exact, SINK_NEW);
	rig_stop_sink(&rig);
	rd_kafka_mock_push_request_errors(rig.cluster, RIG_API_INIT_PRODUCER_ID, 1,
									  RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
	rig_create_sink(&rig, automatic);
	assert_int_equal(rig.sink->ops->resume(rig.sink, &rig.identity, &rig.err),
					 SINK_RESUME_FAILED);
	assert_int_equal(rig.err.code, ERROR_CHECKPOINT);
	rig_stop_sink(&rig);
	rig_create_sink(&rig, at_least_once);
	assert_int_equal(rig.sink->ops->resume(rig.sink, &rig.identity, &rig.err),
					 SINK_RESUME_FAILED);
	assert_int_equal(rig.err.code, ERROR_CHECKPOINT);
	assert_non_null(strstr(rig.err.hint, "pg_fanout.7.fan.k.bank"));
}

/*
 * KAF-9, without transactions: a topic deleted while in use. The producer is
 * made anew, and what came since the checkpoint is sent again.
 */
static void
test_topic_deleted(void **state)
{
	rd_kafka_resp_err_t errors[100];

	for (int i = 0; i < 100; i++)
		errors[i] = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	(void) state;
	start_with(at_least_once, SINK_NEW);
	put_range(0, 10);
	assert_true(rig_wait_durable(&rig, end_of(9), 10));
	rd_kafka_mock_topic_set_error(rig.cluster, "t", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	rd_kafka_mock_push_request_errors_array(rig.cluster, RIG_API_PRODUCE, 100, errors);
	put_range(10, 11);
	assert_true(rig_wait_rewind(&rig, 60));
	assert_int_equal(rig.sink->durable, end_of(9));
	assert_int_equal(rig.sink->accepted.lsn, end_of(9));
	rd_kafka_mock_topic_set_error(rig.cluster, "t", RD_KAFKA_RESP_ERR_NO_ERROR);
	rd_kafka_mock_clear_request_errors(rig.cluster, RIG_API_PRODUCE);
	rig.sink->held++;
	assert_true(rig_wait_rewind(&rig, 20));
	put_range(0, 30);
	assert_true(rig_wait_durable(&rig, end_of(29), 20));
	assert_all_once(30);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_once),
		TEST(test_tiny_queue),
		TEST(test_cut_by_bytes),
		TEST(test_concurrent_transactions),
		TEST(test_coordinator_loads),
		TEST(test_coordinator_moves),
		TEST(test_fenced),
		TEST(test_invalid_epoch),
		TEST(test_lost_before_commit),
		TEST(test_no_right_to_topic),
		TEST(test_commit_times_out),
		TEST(test_end_while_frozen),
		TEST(test_another_relay),
		TEST(test_progress_lost),
		TEST(test_other_prefix),
		TEST(test_split),
		TEST(test_auto_no_right),
		TEST(test_auto_timeout_too_long),
		TEST(test_auto_waits),
		TEST(test_no_downgrade),
		TEST(test_topic_deleted),
	};

	return cmocka_run_group_tests(tests, NULL, rig_end);
}
