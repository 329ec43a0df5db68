/*
 * kafka_rig.h
 *		Mock brokers, a sink on them and an independent look at what they hold:
 *		for the tests of the Kafka sink.
 *
 * The brokers belong to an rd_kafka_t of the test, so that they outlive sinks.
 * They know no Admin API, hence topics are made through their own handle.
 */
#ifndef PG_FANOUT_KAFKA_RIG_H
#define PG_FANOUT_KAFKA_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "clock.h"
#include "kafka_options.h"
#include "sink.h"

extern const SinkOps sink_kafka_ops;

#define RIG_PROGRESS	"__pg_fanout.fan.k"
#define RIG_MAX_READ	20000

/* Kafka's numbers of requests. */
#define RIG_API_PRODUCE 0
#define RIG_API_FIND_COORDINATOR	10
#define RIG_API_INIT_PRODUCER_ID	22
#define RIG_API_ADD_PARTITIONS	24
#define RIG_API_END_TXN	26

typedef struct Rig
{
	rd_kafka_mock_cluster_t *cluster;
	char		brokers[256];
	Sink	   *sink;
	SinkConfig	config;
	void	   *options;
	SlotIdentity identity;
	Error		err;
	int			full;			/* how often a put was answered FULL */
} Rig;

/* A record as read back. */
typedef struct RigRecord
{
	int			partition;
	char		key[40];
	char		value[400];		/* cut */
	size_t		value_size;
	bool		has_key;
	bool		has_value;
	char		lsn[32];		/* header, or empty */
	char		seq[32];
	char		part[16];
} RigRecord;

typedef struct RigRecords
{
	RigRecord	items[RIG_MAX_READ];
	size_t		count;
} RigRecords;

static RigRecords rig_read_records;

/* Owns the brokers; takes a second to end, so that tests share it. */
static rd_kafka_t *rig_host;

static inline void
rig_open(Rig *rig)
{
	char		text[256];

	*rig = (Rig) {0};
	if (rig_host == NULL)
		rig_host = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof(text));
	assert_non_null(rig_host);
	rig->cluster = rd_kafka_mock_cluster_new(rig_host, 3);
	assert_non_null(rig->cluster);
	snprintf(rig->brokers, sizeof(rig->brokers), "%s",
			 rd_kafka_mock_cluster_bootstraps(rig->cluster));
	rd_kafka_mock_topic_create(rig->cluster, RIG_PROGRESS, 1, 3);
	rd_kafka_mock_topic_create(rig->cluster, "t", 4, 3);
	rd_kafka_mock_topic_create(rig->cluster, "u", 1, 3);
	rig->identity = (SlotIdentity) {
		.system_id = 7,.timeline = 1,.slot = "fan",.database = "bank",.confirmed = 1000
	};
}

/* Options as name, value, ..., NULL. Mock brokers answer no admin calls. */
static inline void
rig_options(Rig *rig, const char *const *options)
{
	option_free(&kafka_option_table, rig->options);
	rig->options = option_new(&kafka_option_table);
	assert_non_null(rig->options);
	((KafkaOptions *) rig->options)->create_topics = false;
	((KafkaOptions *) rig->options)->delivery = KAFKA_AT_LEAST_ONCE;
	for (; options != NULL && options[0] != NULL; options += 2)
		if (!option_set(&kafka_option_table, rig->options, options[0], options[1], &rig->err))
			fail_msg("%s: %s", options[0], rig->err.message);
}

static inline void
rig_create_sink(Rig *rig, const char *const *options)
{
	rig_options(rig, options);
	rig->config = (SinkConfig) {
		.name = "k",.scheme = "kafka",.authority = rig->brokers,.path = "",
		.options = rig->options,.checkpoint_interval = 0
	};
	rig->sink = sink_kafka_ops.create(&rig->config, &rig->err);
	if (rig->sink == NULL)
		fail_msg("create: %s", rig->err.message);
}

/* A sink that came up as expected. */
static inline void
rig_start_sink(Rig *rig, const char *const *options, SinkResume expected)
{
	SinkResume	result;

	rig_create_sink(rig, options);
	result = sink_resume(rig->sink, &rig->identity, &rig->err);
	if (result != expected)
		fail_msg("resume answers %d: %s / %s", result, rig->err.message, rig->err.detail);
}

static inline void
rig_stop_sink(Rig *rig)
{
	if (rig->sink != NULL)
		sink_free(rig->sink);
	rig->sink = NULL;
}

static inline void
rig_close(Rig *rig)
{
	rig_stop_sink(rig);
	option_free(&kafka_option_table, rig->options);
	rd_kafka_mock_cluster_destroy(rig->cluster);
}

/* Group teardown. */
static inline int
rig_end(void **state)
{
	(void) state;
	if (rig_host != NULL)
		rd_kafka_destroy(rig_host);
	return 0;
}

/* One turn of a loop: waits as the relay does, at most 50 ms. */
static inline SinkPoll
rig_turn(Rig *rig)
{
	struct pollfd fds[2];
	int64_t		deadline = clock_now() + 50 * CLOCK_MS;
	int			used = rig->sink->ops->watch(rig->sink, fds, 2, &deadline);

	(void) poll(fds, (nfds_t) used, clock_ms_until(deadline));
	return sink_poll(rig->sink, &rig->err);
}

/* Turns until something is to be sent again; false: nothing was. */
static inline bool
rig_wait_rewind(Rig *rig, int seconds)
{
	int64_t		deadline = clock_now() + seconds * CLOCK_SECOND;

	while (clock_now() < deadline)
		switch (rig_turn(rig))
		{
			case SINK_POLL_REWIND:
				return true;
			case SINK_POLL_FAILED:
				fail_msg("poll: %s / %s", rig->err.message, rig->err.detail);
				break;
			case SINK_POLL_OK:
				break;
		}
	return false;
}

typedef struct RigRow
{
	const char *topic;
	const char *key;			/* NULL: none */
	const char *old_key;
	const char *value;
	PgFanout__Op op;
	Lsn			lsn;
	uint64_t	seq;
	const Transaction *txn;		/* NULL: outside of transactions */
} RigRow;

static const Table rig_table = {.schema = "public",.name = "t"};

static inline SinkResult
rig_offer(Rig *rig, const RigRow *row)
{
	Position	position = {row->lsn, row->seq};
	PlainRecord plain = {
		.op = row->op ? row->op : PG_FANOUT__OP__INSERT,
		.value = slice_of(row->value)
	};
	PositionHeaders headers;
	Records		records;
	Delivery	delivery = {
		.position = position, .table = &rig_table, .topic = row->topic,
		.txn = row->txn, .records = records.records
	};

	if (row->key != NULL)
		plain.key = slice_of(row->key);
	if (row->old_key != NULL)
		plain.old_key = slice_of(row->old_key);
	format_put_plain(&records, &plain, position, &headers);
	delivery.count = records.count;
	return sink_put(rig->sink, &delivery, &rig->err);
}

/* Puts, turning while the sink is full. SINK_FULL: ten seconds were not enough. */
static inline SinkResult
rig_put(Rig *rig, const RigRow *row)
{
	int64_t		deadline = clock_now() + 10 * CLOCK_SECOND;

	for (;;)
	{
		SinkResult	result = rig_offer(rig, row);

		if (result != SINK_FULL || clock_now() > deadline)
			return result;
		rig->full++;
		if (rig_turn(rig) == SINK_POLL_FAILED)
			return SINK_FAILED;
	}
}

static inline void
rig_must_put(Rig *rig, RigRow row)
{
	SinkResult	result = rig_put(rig, &row);

	if (result != SINK_OK)
		fail_msg("put answers %d: %s / %s", result, rig->err.message, rig->err.detail);
}

static inline void
rig_commit(Rig *rig, Lsn end)
{
	TxnEnd		txn = {.end_lsn = end};

	assert_int_equal(sink_commit(rig->sink, &txn, &rig->err), SINK_OK);
}

/* Turns until durable; false: it was not within that many seconds. */
static inline bool
rig_wait_durable(Rig *rig, Lsn end, int seconds)
{
	int64_t		deadline = clock_now() + seconds * CLOCK_SECOND;

	while (rig->sink->durable < end && clock_now() < deadline)
		if (rig_turn(rig) == SINK_POLL_FAILED)
			return false;
	return rig->sink->durable >= end;
}

/* Turns until the sink fails; false: it did not. */
static inline bool
rig_wait_failed(Rig *rig, int seconds)
{
	int64_t		deadline = clock_now() + seconds * CLOCK_SECOND;

	while (clock_now() < deadline)
		if (rig_turn(rig) == SINK_POLL_FAILED)
			return true;
	return false;
}

static inline void
rig_keep_headers(RigRecord *record, const rd_kafka_message_t *message)
{
	rd_kafka_headers_t *headers;
	const void *data;
	size_t		size;

	if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	if (rd_kafka_header_get_last(headers, "pg_fanout.lsn", &data, &size) == 0)
		snprintf(record->lsn, sizeof(record->lsn), "%.*s", (int) size, (const char *) data);
	if (rd_kafka_header_get_last(headers, "pg_fanout.seq", &data, &size) == 0)
		snprintf(record->seq, sizeof(record->seq), "%.*s", (int) size, (const char *) data);
	if (rd_kafka_header_get_last(headers, "pg_fanout.part", &data, &size) == 0)
		snprintf(record->part, sizeof(record->part), "%.*s", (int) size, (const char *) data);
}

static inline void
rig_keep(const rd_kafka_message_t *message)
{
	RigRecord  *record = &rig_read_records.items[rig_read_records.count++];

	assert_true(rig_read_records.count < RIG_MAX_READ);
	*record = (RigRecord) {0};
	record->partition = message->partition;
	record->has_key = message->key != NULL;
	record->has_value = message->payload != NULL;
	record->value_size = message->len;
	snprintf(record->key, sizeof(record->key), "%.*s", (int) message->key_len,
			 message->key ? (const char *) message->key : "");
	snprintf(record->value, sizeof(record->value), "%.*s", (int) message->len,
			 message->payload ? (const char *) message->payload : "");
	rig_keep_headers(record, message);
}

static inline void
rig_read_partition(rd_kafka_topic_t *topic, int partition)
{
	int64_t		deadline = clock_now() + 10 * CLOCK_SECOND;

	assert_int_equal(rd_kafka_consume_start(topic, partition, RD_KAFKA_OFFSET_BEGINNING), 0);
	while (clock_now() < deadline)
	{
		rd_kafka_message_t *message = rd_kafka_consume(topic, partition, 100);
		bool		end = message && message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;

		if (message != NULL && message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			rig_keep(message);
		if (message != NULL)
			rd_kafka_message_destroy(message);
		if (end)
			break;
	}
	rd_kafka_consume_stop(topic, partition);
}

/* All records of a topic, partition after partition. */
static inline const RigRecords *
rig_read(const Rig *rig, const char *name, int partitions)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char		text[256];
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;

	rd_kafka_conf_set(conf, "bootstrap.servers", rig->brokers, NULL, 0);
	rd_kafka_conf_set(conf, "enable.partition.eof", "true", NULL, 0);
	rd_kafka_conf_set(conf, "fetch.wait.max.ms", "10", NULL, 0);
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	assert_non_null(rk);
	topic = rd_kafka_topic_new(rk, name, NULL);
	rig_read_records.count = 0;
	for (int i = 0; i < partitions; i++)
		rig_read_partition(topic, i);
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(rk);
	return &rig_read_records;
}

#endif							/* PG_FANOUT_KAFKA_RIG_H */
