/*
 * sink_kafka.c
 *		Records to Kafka topics, in order, none skipped; at least once, or with
 *		transactions exactly once.
 *
 * A record is durable when all in-sync replicas have it. At least once: when
 * everything before a commit is, the commit's position goes to the progress
 * topic (at most every checkpoint interval), and durable follows when that
 * record is stored too; what was sent after it is sent again after a crash.
 * A record larger than allowed, a topic that cannot be written, a producer
 * that lost track: the sink fails, and the relay stops. Brokers that are away
 * are waited for. Knows neither the source nor what records say.
 *
 * Tombstones are made by the format; with tombstones=off they are left out.
 */
#include "sink_kafka.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "clock.h"
#include "failpoint.h"
#include "kafka_config.h"
#include "kafka_error.h"
#include "log.h"

#define SINK_KAFKA_TEXT_LIMIT	65536

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
	sink->job_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	buf_init(&sink->text, SINK_KAFKA_TEXT_LIMIT);
	conf = kafka_config_producer(&sink->target, err);
	if (conf == NULL || !kafka_oversize_init(&sink->oversize, config, err))
	{
		if (conf != NULL)
			rd_kafka_conf_destroy(conf);
		sink_kafka_free(&sink->base);
		return NULL;
	}
	rd_kafka_conf_destroy(conf);
	return &sink->base;
}

/* What the option and the brokers allow becomes a decision. */
static bool
sink_kafka_open(SinkKafka *sink, int64_t deadline, Error *err)
{
	bool		may = sink->options->delivery != KAFKA_AT_LEAST_ONCE &&
		!kafka_target_is_mock(&sink->target);

	sink->target.transactional_id = may ? sink->transactional_id : NULL;
	sink->link = kafka_link_open(&sink->target, deadline, NULL, err);
	if (sink->link == NULL && may && !err->retriable &&
		err->code == ERROR_SINK_SETUP &&
		(sink->checking || sink->options->delivery == KAFKA_DELIVERY_AUTO))
	{
		log_report(LOG_LEVEL_WARNING, err);
		error_clear(err);
		sink->target.transactional_id = NULL;
		sink->link = kafka_link_open(&sink->target, deadline, NULL, err);
	}
	if (sink->link == NULL)
		return false;
	sink->exact = sink->target.transactional_id != NULL;
	log_info("kafka: delivery is %s (librdkafka %s)",
			 sink->exact ? "exactly-once" : "at-least-once",
			 rd_kafka_version_str());
	return true;
}

/* The link at hand starts from what is durable. */
void
sink_kafka_use_link(SinkKafka *sink)
{
	kafka_window_start(&sink->link->client.window, sink->base.durable);
	sink->link->client.connecting = false;
	kafka_txn_init(&sink->txn, sink->link->client.rk,
				   sink->options->transaction_timeout,
				   sink->options->transaction_interval, sink->job_fd);
	sink->in_transaction = false;
	sink->cutting = false;
	sink->progress_waits = false;
	sink->partial_count = 0;
	sink->wanted = LSN_INVALID;
}

static SinkResume
sink_kafka_begin(SinkKafka *sink, SinkResume result, Position accepted,
				 Lsn durable)
{
	sink->base.accepted = accepted;
	sink->base.durable = durable;
	sink->start = accepted;
	sink_kafka_use_link(sink);
	return result;
}

/* A guarantee once given is not taken back silently. */
static bool
sink_kafka_check_delivery(const SinkKafka *sink, const Checkpoint *found,
						  Error *err)
{
	if (!found->exactly_once || sink->exact)
		return true;
	error_set(err, ERROR_CHECKPOINT,
			  "sink \"%s\" has delivered exactly once so far, and now cannot",
			  sink->base.config->name);
	error_detail(err, "Its last checkpoint was written in a Kafka transaction; transactions are switched off, or the brokers do not allow them.");
	return error_hint(err, "Set delivery=exactly-once and see to the rights on the transactional id \"%s\"; or give the sink another name to begin at the slot's position.",
					  sink->transactional_id);
}

/* In the middle of a transaction numbers must mean what they meant. */
static bool
sink_kafka_check_source(const Checkpoint *found, const SlotIdentity *identity,
						Error *err)
{
	if (found->position.seq == 0 ||
		found->options_hash == identity->options_hash)
		return true;
	error_set(err, ERROR_CHECKPOINT,
			  "the source's options have changed in the middle of a transaction");
	return error_hint(err, "Run once with the options as they were, until the transaction is delivered.");
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
		return sink_kafka_begin(sink, SINK_NEW,
								(Position) {identity->confirmed, 0},
								LSN_INVALID);
	if (!checkpoint_parse(&found, buf_slice(&sink->text), err) ||
		!checkpoint_verify(&found, identity, name, err) ||
		!sink_kafka_check_delivery(sink, &found, err) ||
		!sink_kafka_check_source(&found, identity, err))
	{
		error_prefix(err, "progress topic \"%s\"", sink->place.topic);
		return SINK_RESUME_FAILED;
	}
	return sink_kafka_begin(sink, SINK_RESUMED, found.position,
							found.position.lsn);
}

static SinkResume
sink_kafka_resume(Sink *base, const SlotIdentity *identity, Error *err)
{
	SinkKafka  *sink = (SinkKafka *) base;
	int64_t		deadline = clock_now() + sink->options->connect_timeout;

	snprintf(sink->client_id, sizeof(sink->client_id), "pg_fanout-%s-%s",
			 identity->slot, base->config->name);
	snprintf(sink->transactional_id, sizeof(sink->transactional_id),
			 "pg_fanout.%" PRIu64 ".%s.%s", identity->system_id,
			 identity->slot, base->config->name);
	checkpoint_init(&sink->checkpoint, identity, base->config->name,
					LSN_INVALID);
	if (!kafka_oversize_open(&sink->oversize, identity, err) ||
		!kafka_progress_place(&sink->place, identity->system_id,
							  identity->slot, base->config->name, err) ||
		!sink_kafka_open(sink, deadline, err) ||
		!kafka_link_open_progress(sink->link, &sink->place, err))
		return SINK_RESUME_FAILED;
	sink->checkpoint.exactly_once = sink->exact;
	kafka_renewal_init(&sink->renewal, sink->job_fd, &sink->place);
	return sink_kafka_restore(sink, identity, deadline, err);
}

/* ---- with transactions ---- */

static void
sink_kafka_accept(SinkKafka *sink, Lsn end)
{
	Position	position = {end, 0};

	sink->in_transaction = false;
	if (position_before(sink->base.accepted, position))
		sink->base.accepted = position;
	if (sink->link != NULL)
		kafka_window_commit(&sink->link->client.window, end);
}

static SinkResult
sink_kafka_commit(Sink *base, const TxnEnd *end, Error *err)
{
	SinkKafka  *sink = (SinkKafka *) base;

	(void) err;
	sink_kafka_accept(sink, end->end_lsn);
	if (sink->exact && !sink->renewing &&
		kafka_txn_due(&sink->txn, sink->link->client.now))
		sink->cutting = true;
	return SINK_OK;
}

/* ---- progress ---- */

static bool
sink_kafka_checkpoint_due(const SinkKafka *sink)
{
	Lsn			reached = sink->link->client.window.reached;

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
		.topic = sink->link->progress->rkt,
		.value = slice_make(note->data, note->size)
	};

	snprintf(key, sizeof(key), "%s/%s", sink->place.key, note->key);
	record.key = slice_of(key);
	return kafka_client_produce(&sink->link->client, &record, err);
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

/* Notes and then the checkpoint. FULL: to be done again. */
KafkaProduce
sink_kafka_send_progress(SinkKafka *sink, Position position, Error *err)
{
	KafkaRecord record = {
		.topic = sink->link->progress->rkt, .is_progress = true
	};
	KafkaProduce sent;

	sink->checkpoint.position = position;
	sink->checkpoint.timeline = sink->base.timeline;
	buf_clear(&sink->text);
	checkpoint_append(&sink->text, &sink->checkpoint);
	if (buf_failed(&sink->text))
	{
		error_no_memory(err);
		return KAFKA_PRODUCE_FAILED;
	}
	if (!failpoint_passes(FAILPOINT_KAFKA_PROGRESS, err))
		return KAFKA_PRODUCE_FAILED;
	record.key = slice_of(sink->place.key);
	record.value = buf_slice(&sink->text);
	sent = sink_kafka_send_notes(sink, err);
	return sent != KAFKA_PRODUCE_OK ? sent :
		kafka_client_produce(&sink->link->client, &record, err);
}

static bool
sink_kafka_send_checkpoint(SinkKafka *sink, Error *err)
{
	Lsn			reached = sink->link->client.window.reached;

	switch (sink_kafka_send_progress(sink, (Position) {reached, 0}, err))
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

bool
sink_kafka_serve(SinkKafka *sink, int timeout_ms, Error *err)
{
	KafkaClient *client = &sink->link->client;

	if (!kafka_client_poll(client, timeout_ms, err) ||
		!kafka_topics_poll(sink->link->topics, err))
		return false;
	if (client->progress_acknowledged)
	{
		if (!failpoint_passes(FAILPOINT_KAFKA_PROGRESS_STORED, err))
			return false;
		client->progress_acknowledged = false;
		if (!sink->exact)
			sink->base.durable = sink->checkpoint_sent;
		sink->checkpoint_sent = LSN_INVALID;
	}
	return sink->exact || !sink_kafka_checkpoint_due(sink) ||
		sink_kafka_send_checkpoint(sink, err);
}

static SinkPoll
sink_kafka_poll(Sink *base, Error *err)
{
	SinkKafka  *sink = (SinkKafka *) base;

	if (sink->oversize.claims != NULL)
		kafka_claims_poll(sink->oversize.claims);
	if (sink->exact)
		return sink_kafka_poll_exact(sink, 0, err);
	return sink_kafka_serve(sink, 0, err) ? SINK_POLL_OK : SINK_POLL_FAILED;
}

/* A sink that is made anew is asked again, from where it then stands. */
static bool
sink_kafka_record(Sink *base, Lsn idle, Error *err)
{
	SinkKafka  *sink = (SinkKafka *) base;

	if (sink->renewing)
		return true;
	sink_kafka_accept(sink, idle);
	if (idle > sink->wanted)
		sink->wanted = idle;
	return sink->exact || sink_kafka_serve(sink, 0, err);
}

/* When poll may have to send progress though nothing happens. */
static int64_t
sink_kafka_next(const SinkKafka *sink, int64_t deadline)
{
	int64_t		due = sink->checkpoint_at +
		sink->base.config->checkpoint_interval;

	if (!sink->exact)
		return sink->checkpoint_sent == LSN_INVALID &&
			sink->link->client.window.reached > sink->base.durable ?
			due : deadline;
	if (sink->txn.state == KAFKA_TXN_COMMITTING || sink->progress_waits ||
		sink->partial_count > 0)
		return deadline;		/* acknowledgements wake us */
	if (sink->cutting)
		return 0;
	if (sink->txn.state == KAFKA_TXN_OPEN)
		return sink->txn.opened_at + (sink->in_transaction ?
									  sink->txn.timeout / 2 :
									  sink->txn.interval);
	if (!sink->in_transaction &&
		sink->base.accepted.lsn > sink->base.durable)
		return sink->wanted > sink->base.durable ? 0 : due;
	return deadline;
}

static int
sink_kafka_watch(Sink *base, struct pollfd *fds, int room, int64_t *deadline)
{
	SinkKafka  *sink = (SinkKafka *) base;
	int			used = 0;

	if (room > used)
		fds[used++] = (struct pollfd) {.fd = sink->job_fd,.events = POLLIN};
	if (sink->oversize.claims != NULL)
		used += kafka_claims_watch(sink->oversize.claims, fds + used,
								   room - used, deadline);
	if (sink->renewing)
		return used;
	if (sink_kafka_next(sink, *deadline) < *deadline)
		*deadline = sink_kafka_next(sink, *deadline);
	kafka_topics_watch(sink->link->topics, deadline);
	if (room > used)
		fds[used++] = (struct pollfd) {
			.fd = sink->link->client.wake_fd, .events = POLLIN
		};
	return used;
}

bool
sink_kafka_fail_drain(const SinkKafka *sink, Error *err)
{
	const KafkaClient *client = sink->link != NULL ? &sink->link->client :
		NULL;
	bool		known = client != NULL && client->trouble_text[0] != '\0';

	return kafka_error_set(err, ERROR_SINK_WRITE,
						   known ? client->trouble :
						   RD_KAFKA_RESP_ERR__TIMED_OUT,
						   known ? client->trouble_text : "No answer in time",
						   "%" PRIu64
						   " records were not acknowledged in time",
						   client != NULL ? client->window.in_flight : 0);
}

static bool
sink_kafka_drain(Sink *base, int64_t deadline, Error *err)
{
	SinkKafka  *sink = (SinkKafka *) base;
	KafkaWindow *window;

	if (sink->exact)
		return sink_kafka_drain_exact(sink, deadline, err);
	if (sink->link == NULL)
		return true;			/* never opened: nothing was accepted */
	window = &sink->link->client.window;
	sink->wanted = window->committed;
	while (base->durable < window->committed)
	{
		int			left = clock_ms_until(deadline);

		/* A flush does not wait for linger; reports are taken below. */
		rd_kafka_flush(sink->link->client.rk, left < 5 ? left : 5);
		if (!sink_kafka_serve(sink, 5, err))
			return false;
		if (left == 0 && base->durable < window->committed)
			return sink_kafka_fail_drain(sink, err);
	}
	return true;
}

static void
sink_kafka_stats(const Sink *base, SinkStats *stats)
{
	const SinkKafka *sink = (const SinkKafka *) base;
	const char *topic;
	int64_t		down;

	stats->records = sink->records;
	stats->bytes = sink->bytes;
	stats->in_flight = 0;
	stats->claim_checks = sink->oversize.claim_count;
	stats->dead_letters = sink->oversize.dead_count;
	snprintf(stats->state, sizeof(stats->state), "%s",
			 sink->renewing ? "producer is made anew" : "");
	if (sink->link == NULL)
		return;
	topic = kafka_topics_pending(sink->link->topics);
	down = kafka_client_waiting_since(&sink->link->client);
	stats->in_flight = sink->link->client.window.in_flight;
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
	rd_kafka_queue_t *queue = rd_kafka_queue_new(sink->link->client.rk);
	KafkaAdminAnswer answer = {.resp = RD_KAFKA_RESP_ERR__TIMED_OUT};
	bool		ok;

	ok = kafka_admin_create(sink->link->client.rk, queue, "__pg_fanout.check", &plan,
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

	if (sink->oversize.claims != NULL &&
		!kafka_claims_check(sink->oversize.claims, err))
		return false;
	if (kafka_target_is_mock(&sink->target))
		return true;

	/* The true id is not known: who may not use this one is warned. */
	sink->checking = true;
	snprintf(sink->transactional_id, sizeof(sink->transactional_id),
			 "pg_fanout.check");
	if (sink->link == NULL && !sink_kafka_open(sink, deadline, err))
		return false;
	return !sink->options->create_topics ||
		sink_kafka_try_create(sink, deadline, err);
}

static bool
sink_kafka_read_notes(Sink *base, const SlotIdentity *identity, Error *err)
{
	SinkKafka  *sink = (SinkKafka *) base;
	KafkaTarget target = sink->target;
	int64_t		deadline = clock_now() + sink->options->connect_timeout;

	if (kafka_target_is_mock(&target))
		return true;
	target.transactional_id = NULL;
	buf_clear(&sink->text);
	return kafka_progress_place(&sink->place, identity->system_id,
								identity->slot, base->config->name, err) &&
		kafka_progress_read(&target, &sink->place, deadline, &sink->text,
							&base->notes, err);
}

static void
sink_kafka_free(Sink *base)
{
	SinkKafka  *sink = (SinkKafka *) base;

	if (sink == NULL)
		return;
	kafka_txn_end(&sink->txn);
	kafka_renewal_free(&sink->renewal);
	kafka_link_free(sink->link);
	if (sink->job_fd >= 0)
		close(sink->job_fd);
	kafka_oversize_free(&sink->oversize);
	buf_free(&sink->text);
	free(sink);
}

static const char *const sink_kafka_schemes[] = {"kafka", NULL};

const SinkOps sink_kafka_ops = {
	.name = "kafka",
	.has_topics = true,
	.has_dead_letters = true,
	.schemes = sink_kafka_schemes,
	.options = &kafka_option_table,
	.create = sink_kafka_create,
	.resume = sink_kafka_resume,
	.read_notes = sink_kafka_read_notes,
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
