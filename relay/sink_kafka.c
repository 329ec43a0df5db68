/*
 * sink_kafka.c
 *		Records to Kafka topics, at least once, in order, none skipped.
 *
 * A record is durable when all in-sync replicas have it. Once everything
 * before a commit is, the commit's position goes to the progress topic (at
 * most every checkpoint interval), and durable follows when that record is
 * stored too. A record larger than allowed, a topic that cannot be written, a
 * producer that lost track: the sink fails, and the relay stops. Brokers that
 * are away are waited for. What was sent after the last checkpoint is sent
 * again after a crash. Knows neither the source nor what records say.
 *
 * Tombstones are made by the format; with tombstones=off they are left out.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "checkpoint.h"
#include "clock.h"
#include "kafka_client.h"
#include "kafka_config.h"
#include "kafka_error.h"
#include "kafka_partition.h"
#include "kafka_progress.h"
#include "kafka_topic.h"
#include "log.h"
#include "sink.h"

#define SINK_KAFKA_TEXT_LIMIT	65536

typedef struct SinkKafka
{
	Sink		base;
	const KafkaOptions *options;
	KafkaPartitioner partitioner;
	KafkaTarget target;
	char		client_id[160];
	KafkaClient client;
	KafkaTopics *topics;
	KafkaProgressPlace place;
	KafkaTopicPlan progress_plan;
	KafkaTopic *progress;
	Checkpoint	checkpoint;		/* all but the position is set */
	Lsn			checkpoint_sent;	/* on its way; 0: none */
	int64_t		checkpoint_at;	/* when the last one was sent, monotonic */
	Lsn			wanted;			/* to be recorded without waiting */
	Buf			text;

	/*
	 * A delivery whose first records were taken when the queue became full:
	 * offered again, it goes on behind them.
	 */
	Position	partial;
	size_t		partial_count;
	uint64_t	records;
	uint64_t	bytes;
} SinkKafka;

/* ---- making and opening ---- */

static bool
sink_kafka_check_url(const SinkConfig *config, Error *err)
{
	if (config->authority == NULL || config->authority[0] == '\0')
	{
		error_set(err, ERROR_USAGE, "Kafka URL names no broker");
		return error_hint(err, "Write kafka://host:port,host:port, or kafka://mock for brokers inside the process.");
	}
	if (config->path != NULL && config->path[0] != '\0' &&
		strcmp(config->path, "/") != 0)
	{
		error_set(err, ERROR_USAGE, "Kafka URL has a path: \"%s\"",
				  config->path);
		return error_hint(err,
						  "Topics are named by the options topic and prefix.");
	}
	return true;
}

extern const SinkOps sink_kafka_ops;
static void sink_kafka_free(Sink *base);

static Sink *
sink_kafka_create(const SinkConfig *config, Error *err)
{
	SinkKafka  *sink;
	rd_kafka_conf_t *conf;

	if (!sink_kafka_check_url(config, err))
		return NULL;
	sink = calloc(1, sizeof(*sink));
	if (sink == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	sink->base.ops = &sink_kafka_ops;
	sink->base.config = config;
	sink->options = config->options;
	sink->partitioner = kafka_config_partitioner(sink->options);
	sink->target.brokers = config->authority;
	sink->target.options = sink->options;
	sink->target.client_id = sink->client_id;
	snprintf(sink->client_id, sizeof(sink->client_id), "pg_fanout-%s",
			 config->name);
	sink->client.wake_fd = -1;
	buf_init(&sink->text, SINK_KAFKA_TEXT_LIMIT);
	conf = kafka_config_producer(&sink->target, err);
	if (conf == NULL)
	{
		sink_kafka_free(&sink->base);
		return NULL;
	}
	rd_kafka_conf_destroy(conf);
	return &sink->base;
}

static bool
sink_kafka_fail_unreachable(const SinkKafka *sink, Error *err)
{
	return kafka_error_set(err, ERROR_SINK_SETUP, sink->client.trouble,
						   sink->client.trouble_text[0] != '\0' ?
						   sink->client.trouble_text : "No broker answered",
						   "no Kafka broker of \"%s\" could be reached within %" PRId64 " s",
						   sink->target.brokers,
						   sink->options->connect_timeout / CLOCK_SECOND);
}

static bool
sink_kafka_wait_broker(SinkKafka *sink, int64_t deadline, Error *err)
{
	for (;;)
	{
		const struct rd_kafka_metadata *metadata;
		rd_kafka_resp_err_t resp;
		int			left = clock_ms_until(deadline);

		resp = rd_kafka_metadata(sink->client.rk, 0, NULL, &metadata,
								 left < 500 ? left : 500);
		if (resp == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			rd_kafka_metadata_destroy(metadata);
			return true;
		}
		if (!kafka_client_poll(&sink->client, 0, err))
			return false;
		if (left == 0)
			return sink_kafka_fail_unreachable(sink, err);
	}
}

static bool
sink_kafka_open(SinkKafka *sink, int64_t deadline, Error *err)
{
	rd_kafka_conf_t *conf = kafka_config_producer(&sink->target, err);
	rd_kafka_mock_cluster_t *mock;

	if (conf == NULL || !kafka_client_open(&sink->client, conf, err) ||
		!sink_kafka_wait_broker(sink, deadline, err))
		return false;
	mock = rd_kafka_handle_mock_cluster(sink->client.rk);
	if (mock != NULL)
		log_info("kafka: mock brokers listen on %s: inside this process, gone with it; no admin calls",
				 rd_kafka_mock_cluster_bootstraps(mock));
	log_info("kafka: delivery is at-least-once (librdkafka %s)",
			 rd_kafka_version_str());
	sink->topics = kafka_topics_new(sink->client.rk, sink->client.wake_fd,
									sink->options, err);
	return sink->topics != NULL;
}

static bool
sink_kafka_open_progress(SinkKafka *sink, int64_t deadline, Error *err)
{
	sink->progress_plan =
		kafka_progress_plan((int) sink->options->replication);
	sink->progress = kafka_topics_get(sink->topics, sink->place.topic,
									  &sink->progress_plan, err);
	if (sink->progress == NULL)
		return false;
	while (sink->progress->state != KAFKA_TOPIC_READY)
	{
		if (!kafka_client_poll(&sink->client, 20, err) ||
			!kafka_topics_poll(sink->topics, err))
			return false;
		if (clock_ms_until(deadline) == 0)
			return sink_kafka_fail_unreachable(sink, err);
	}
	if (sink->progress->partitions == 1)
		return true;
	error_set(err, ERROR_SINK_SETUP,
			  "progress topic \"%s\" has %d partitions, not 1",
			  sink->place.topic, sink->progress->partitions);
	return error_hint(err, "Create it with one partition and cleanup.policy=compact.");
}

static SinkResume
sink_kafka_begin(SinkKafka *sink, SinkResume result, Lsn accepted, Lsn durable)
{
	sink->base.accepted = (Position) {accepted, 0};
	sink->base.durable = durable;
	kafka_window_start(&sink->client.window, durable);
	sink->client.connecting = false;
	return result;
}

static SinkResume
sink_kafka_restore(SinkKafka *sink, const SlotIdentity *identity,
				   int64_t deadline, Error *err)
{
	const char *name = sink->base.config->name;
	Checkpoint	found;

	/* What a mock held is gone. */
	buf_clear(&sink->text);
	if (!kafka_target_is_mock(&sink->target) &&
		!kafka_progress_read(&sink->target, &sink->place, deadline,
							 &sink->text, &sink->base.notes, err))
		return SINK_RESUME_FAILED;
	if (sink->text.size == 0)
		return sink_kafka_begin(sink, SINK_NEW, identity->confirmed,
								LSN_INVALID);
	if (!checkpoint_parse(&found, buf_slice(&sink->text), err) ||
		!checkpoint_verify(&found, identity, name, err))
	{
		error_prefix(err, "progress topic \"%s\"", sink->place.topic);
		return SINK_RESUME_FAILED;
	}
	return sink_kafka_begin(sink, SINK_RESUMED, found.position.lsn,
							found.position.lsn);
}

static SinkResume
sink_kafka_resume(Sink *base, const SlotIdentity *identity, Error *err)
{
	SinkKafka  *sink = (SinkKafka *) base;
	int64_t		deadline = clock_now() + sink->options->connect_timeout;

	snprintf(sink->client_id, sizeof(sink->client_id), "pg_fanout-%s-%s",
			 identity->slot, base->config->name);
	checkpoint_init(&sink->checkpoint, identity, base->config->name,
					LSN_INVALID);
	if (!kafka_progress_place(&sink->place, identity->system_id,
							  identity->slot, base->config->name, err) ||
		!sink_kafka_open(sink, deadline, err) ||
		!sink_kafka_open_progress(sink, deadline, err))
		return SINK_RESUME_FAILED;
	return sink_kafka_restore(sink, identity, deadline, err);
}

/* ---- records ---- */

/*
 * The topics of a delivery's records. SINK_FULL: one of them is not ready, so
 * that none of the records may be sent yet.
 */
static SinkResult
sink_kafka_find_topics(SinkKafka *sink, const Delivery *delivery,
					   KafkaTopic **topics, Error *err)
{
	bool		ready = true;

	for (size_t i = 0; i < delivery->count; i++)
	{
		const char *name = delivery_topic(delivery, &delivery->records[i]);

		topics[i] = i > 0 && delivery->records[i].topic ==
			delivery->records[i - 1].topic ? topics[i - 1] :
			kafka_topics_get(sink->topics, name, NULL, err);
		if (topics[i] == NULL)
			return SINK_FAILED;
		ready &= topics[i]->state == KAFKA_TOPIC_READY;
	}
	return ready ? SINK_OK : SINK_FULL;
}

/*
 * A record without key goes where its table's name puts it. 0: where its key
 * does.
 */
static uint32_t
sink_kafka_hash(const Delivery *delivery, const Record *record)
{
	if (record->key.data != NULL && record->partition_key.data != NULL)
		return kafka_partition_hash_key(record->partition_key.data,
										record->partition_key.size);
	if (record->key.data != NULL || delivery->table == NULL)
		return 0;
	return kafka_partition_hash(delivery->table->schema,
								delivery->table->name);
}

static KafkaProduce
sink_kafka_send_one(SinkKafka *sink, const Delivery *delivery,
					const Record *record, const KafkaTopic *topic, Error *err)
{
	KafkaRecord sent = {
		.topic = topic->rkt,
		.key = record->key, .value = record->value,
		.headers = record->headers, .header_count = record->header_count
	};
	KafkaOpaque opaque = {0, sink_kafka_hash(delivery, record)};

	if (record->value.data == NULL && !sink->options->tombstones)
		return KAFKA_PRODUCE_OK;
	sent.partition = sink->partitioner(topic->rkt, record->key.data,
									   record->key.size, topic->partitions,
									   NULL, kafka_opaque_pack(opaque));
	return kafka_client_produce(&sink->client, &sent, err);
}

static SinkResult
sink_kafka_send(SinkKafka *sink, const Delivery *delivery,
				KafkaTopic *const *topics, Error *err)
{
	if (sink->partial.lsn != delivery->position.lsn ||
		sink->partial.seq != delivery->position.seq)
		sink->partial_count = 0;
	sink->partial = delivery->position;
	for (; sink->partial_count < delivery->count; sink->partial_count++)
	{
		size_t		i = sink->partial_count;

		switch (sink_kafka_send_one(sink, delivery, &delivery->records[i],
									topics[i], err))
		{
			case KAFKA_PRODUCE_OK:
				break;
			case KAFKA_PRODUCE_FULL:
				return SINK_FULL;
			case KAFKA_PRODUCE_FAILED:
				return SINK_FAILED;
		}
	}
	sink->partial_count = 0;
	return SINK_OK;
}

static void
sink_kafka_count(SinkKafka *sink, const Delivery *delivery)
{
	for (size_t i = 0; i < delivery->count; i++)
	{
		const Record *record = &delivery->records[i];

		sink->bytes += record->key.size + record->value.size;
	}
	sink->records++;
}

static SinkResult
sink_kafka_put(Sink *base, const Delivery *delivery, Error *err)
{
	SinkKafka  *sink = (SinkKafka *) base;
	KafkaTopic *topics[FORMAT_MAX_RECORDS];
	char		lsn[LSN_TEXT_SIZE];
	SinkResult	result = sink_kafka_find_topics(sink, delivery, topics, err);

	if (result != SINK_OK)
		return result;
	result = sink_kafka_send(sink, delivery, topics, err);
	if (result == SINK_FAILED)
		error_prefix(err, "at %s, record %" PRIu64,
					 lsn_format(delivery->position.lsn, lsn),
					 delivery->position.seq);
	if (result != SINK_OK)
		return result;
	base->accepted = delivery_end(delivery);
	sink_kafka_count(sink, delivery);
	return SINK_OK;
}

static void
sink_kafka_accept(SinkKafka *sink, Lsn end)
{
	Position	position = {end, 0};

	if (position_before(sink->base.accepted, position))
		sink->base.accepted = position;
	kafka_window_commit(&sink->client.window, end);
}

static SinkResult
sink_kafka_commit(Sink *base, const TxnEnd *end, Error *err)
{
	(void) err;
	sink_kafka_accept((SinkKafka *) base, end->end_lsn);
	return SINK_OK;
}

/* ---- progress ---- */

static bool
sink_kafka_checkpoint_due(const SinkKafka *sink)
{
	Lsn			reached = sink->client.window.reached;

	if (sink->checkpoint_sent != LSN_INVALID || reached <= sink->base.durable)
		return false;
	return (sink->wanted > sink->base.durable && reached >= sink->wanted) ||
		clock_now() >= sink->checkpoint_at +
		sink->base.config->checkpoint_interval;
}

static KafkaProduce
sink_kafka_send_note(SinkKafka *sink, const Note *note, Error *err)
{
	char		key[KAFKA_TOPIC_NAME_SIZE + KAFKA_NOTE_NAME_SIZE];
	KafkaRecord record = {
		.topic = sink->progress->rkt,
		.value = slice_make(note->data, note->size)
	};

	snprintf(key, sizeof(key), "%s/%s", sink->place.key, note->key);
	record.key = slice_of(key);
	return kafka_client_produce(&sink->client, &record, err);
}

/*
 * In the same partition and so before the checkpoint that follows. FULL: the
 * rest has to wait.
 */
static KafkaProduce
sink_kafka_send_notes(SinkKafka *sink, Error *err)
{
	Notes	   *notes = &sink->base.notes;

	for (size_t i = 0; notes->dirty && i < notes->count; i++)
	{
		KafkaProduce result;

		if (!notes->items[i].dirty)
			continue;
		result = sink_kafka_send_note(sink, &notes->items[i], err);
		if (result != KAFKA_PRODUCE_OK)
			return result;
		notes->items[i].dirty = false;
	}
	notes->dirty = false;
	return KAFKA_PRODUCE_OK;
}

static bool
sink_kafka_send_checkpoint(SinkKafka *sink, Error *err)
{
	Lsn			reached = sink->client.window.reached;
	KafkaRecord record = {.topic = sink->progress->rkt,.is_progress = true};
	KafkaProduce sent;

	sink->checkpoint.position = (Position) {reached, 0};
	buf_clear(&sink->text);
	checkpoint_append(&sink->text, &sink->checkpoint);
	if (buf_failed(&sink->text))
		return error_no_memory(err);
	record.key = slice_of(sink->place.key);
	record.value = buf_slice(&sink->text);
	sent = sink_kafka_send_notes(sink, err);
	if (sent == KAFKA_PRODUCE_OK)
		sent = kafka_client_produce(&sink->client, &record, err);
	switch (sent)
	{
		case KAFKA_PRODUCE_OK:
			sink->checkpoint_sent = reached;
			sink->checkpoint_at = clock_now();
			return true;
		case KAFKA_PRODUCE_FULL:
			return true;		/* acknowledgements wake us: then again */
		case KAFKA_PRODUCE_FAILED:
			break;
	}
	return false;
}

static bool
sink_kafka_serve(SinkKafka *sink, int timeout_ms, Error *err)
{
	if (!kafka_client_poll(&sink->client, timeout_ms, err) ||
		!kafka_topics_poll(sink->topics, err))
		return false;
	if (sink->client.progress_acknowledged)
	{
		sink->client.progress_acknowledged = false;
		sink->base.durable = sink->checkpoint_sent;
		sink->checkpoint_sent = LSN_INVALID;
	}
	return !sink_kafka_checkpoint_due(sink) ||
		sink_kafka_send_checkpoint(sink, err);
}

static SinkPoll
sink_kafka_poll(Sink *base, Error *err)
{
	return sink_kafka_serve((SinkKafka *) base, 0, err) ? SINK_POLL_OK :
		SINK_POLL_FAILED;
}

static bool
sink_kafka_record(Sink *base, Lsn idle, Error *err)
{
	SinkKafka  *sink = (SinkKafka *) base;

	sink_kafka_accept(sink, idle);
	if (idle > sink->wanted)
		sink->wanted = idle;
	return sink_kafka_serve(sink, 0, err);
}

static int
sink_kafka_watch(Sink *base, struct pollfd *fds, int room, int64_t *deadline)
{
	SinkKafka  *sink = (SinkKafka *) base;
	int64_t		due = sink->checkpoint_at + base->config->checkpoint_interval;

	if (sink->checkpoint_sent == LSN_INVALID &&
		sink->client.window.reached > base->durable && due < *deadline)
		*deadline = due;
	kafka_topics_watch(sink->topics, deadline);
	if (room < 1)
		return 0;
	fds[0] = (struct pollfd) {.fd = sink->client.wake_fd,.events = POLLIN};
	return 1;
}

static bool
sink_kafka_drain(Sink *base, int64_t deadline, Error *err)
{
	SinkKafka  *sink = (SinkKafka *) base;
	KafkaWindow *window = &sink->client.window;

	if (sink->topics == NULL)
		return true;			/* never opened: nothing was accepted */
	sink->wanted = window->committed;
	while (base->durable < window->committed)
	{
		int			left = clock_ms_until(deadline);

		/* A flush does not wait for linger. */
		rd_kafka_flush(sink->client.rk, left < 100 ? left : 100);
		if (!sink_kafka_serve(sink, 5, err))
			return false;
		if (left > 0 || base->durable >= window->committed)
			continue;
		return kafka_error_set(err, ERROR_SINK_WRITE, sink->client.trouble,
							   sink->client.trouble_text[0] != '\0' ?
							   sink->client.trouble_text : "No answer in time",
							   "%" PRIu64
							   " records were not acknowledged in time",
							   window->in_flight);
	}
	return true;
}

static void
sink_kafka_stats(const Sink *base, SinkStats *stats)
{
	const SinkKafka *sink = (const SinkKafka *) base;
	const char *topic = sink->topics ? kafka_topics_pending(sink->topics) :
		NULL;
	int64_t		down = kafka_client_waiting_since(&sink->client);

	stats->records = sink->records;
	stats->bytes = sink->bytes;
	stats->in_flight = sink->client.window.in_flight;
	stats->state[0] = '\0';
	if (down != 0)
		snprintf(stats->state, sizeof(stats->state),
				 "all brokers down since %" PRId64 " s",
				 (clock_now() - down) / CLOCK_SECOND);
	else if (topic != NULL)
		snprintf(stats->state, sizeof(stats->state), "waiting for topic %.40s",
				 topic);
}

/* ---- --check ---- */

/*
 * Whether topics of that plan could be created; a missing right is no failure.
 */
static bool
sink_kafka_try_create(SinkKafka *sink, int64_t deadline, Error *err)
{
	KafkaTopicPlan plan = {
		(int) sink->options->partitions, (int) sink->options->replication,
		&sink->options->topic_config
	};
	rd_kafka_queue_t *queue = rd_kafka_queue_new(sink->client.rk);
	KafkaAdminAnswer answer = {NULL, RD_KAFKA_RESP_ERR__TIMED_OUT, ""};
	bool		ok;

	ok = kafka_admin_create(sink->client.rk, queue, "__pg_fanout.check", &plan,
							true, NULL, err);
	if (ok)
		(void) kafka_admin_take(queue, clock_ms_until(deadline), &answer);
	rd_kafka_queue_destroy(queue);
	if (!ok || answer.resp == RD_KAFKA_RESP_ERR_NO_ERROR ||
		answer.resp == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
		return ok;
	if (kafka_error_denied(answer.resp))
	{
		log_warning("kafka: no right to create a topic \"__pg_fanout.check\": topics outside your rights, and the progress topic, must exist");
		return true;
	}
	return kafka_error_set(err, ERROR_SINK_SETUP, answer.resp, answer.text,
						   "topics cannot be created");
}

static bool
sink_kafka_check(Sink *base, Error *err)
{
	SinkKafka  *sink = (SinkKafka *) base;
	int64_t		deadline = clock_now() + sink->options->connect_timeout;

	if (kafka_target_is_mock(&sink->target))
		return true;
	if (sink->topics == NULL && !sink_kafka_open(sink, deadline, err))
		return false;
	return !sink->options->create_topics ||
		sink_kafka_try_create(sink, deadline, err);
}

static void
sink_kafka_free(Sink *base)
{
	SinkKafka  *sink = (SinkKafka *) base;

	if (sink == NULL)
		return;
	kafka_topics_free(sink->topics);
	kafka_client_close(&sink->client);
	buf_free(&sink->text);
	free(sink);
}

static const char *const sink_kafka_schemes[] = {"kafka", NULL};

const SinkOps sink_kafka_ops = {
	.name = "kafka",
	.schemes = sink_kafka_schemes,
	.options = &kafka_option_table,
	.create = sink_kafka_create,
	.resume = sink_kafka_resume,
	.check = sink_kafka_check,
	.put = sink_kafka_put,
	.commit = sink_kafka_commit,
	.poll = sink_kafka_poll,
	.record = sink_kafka_record,
	.watch = sink_kafka_watch,
	.drain = sink_kafka_drain,
	.reopen = sink_no_reopen,
	.stats = sink_kafka_stats,
	.free = sink_kafka_free,
};
