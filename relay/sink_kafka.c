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

#include <errno.h>
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
#include "route.h"

#define SINK_KAFKA_TEXT_LIMIT	65536
#define SINK_KAFKA_SLICE		5	/* milliseconds between looks in a drain */

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

/* They forget everything, and show aborted records to every reader. */
static bool
sink_kafka_check_mock(const SinkKafka *sink, Error *err)
{
	if (!kafka_target_is_mock(&sink->target) ||
		sink->options->delivery != KAFKA_EXACTLY_ONCE)
		return true;
	error_set(err, ERROR_USAGE,
			  "kafka://mock cannot deliver exactly once");
	return error_hint(err, "Use brokers of your own, or leave out delivery=exactly-once.");
}

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
	conf = sink_kafka_check_mock(sink, err) ?
		kafka_config_producer(&sink->target, err) : NULL;
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

/* What was wished for and cannot be had is no secret. */
static void
sink_kafka_fall_back(SinkKafka *sink, bool trying, const Error *why)
{
	sink->fell_back = true;
	sink->target.transactional_id = NULL;
	log_report(LOG_LEVEL_WARNING, why);
	if (sink->options->delivery == KAFKA_EXACTLY_ONCE)
		log_warning("kafka: delivery=exactly-once was tried with the transactional id \"%s\"; if the right one is allowed, all is well",
					sink->transactional_id);
	else
		log_warning("kafka: delivery %s at-least-once, not exactly-once: after a crash, records since the last checkpoint come again",
					trying ? "would be" : "is");
}

bool
sink_kafka_open(SinkKafka *sink, int64_t deadline, const atomic_bool *stop,
				bool trying, Error *err)
{
	KafkaDelivery delivery = (KafkaDelivery) sink->options->delivery;
	bool		may = delivery != KAFKA_AT_LEAST_ONCE &&
		!kafka_target_is_mock(&sink->target);
	bool		refused = false;

	sink->target.transactional_id = may ? sink->transactional_id : NULL;
	sink->link = kafka_link_open(&sink->target, deadline, stop, &refused, err);
	if (sink->link == NULL && refused &&
		(trying || delivery == KAFKA_DELIVERY_AUTO))
	{
		sink_kafka_fall_back(sink, trying, err);
		error_clear(err);
		deadline = clock_now() + sink->options->connect_timeout;
		sink->link = kafka_link_open(&sink->target, deadline, stop, NULL, err);
	}
	if (sink->link == NULL)
		return false;
	sink->exact = sink->target.transactional_id != NULL;
	if (!trying)
		log_info("kafka: delivery is %s (librdkafka %s)",
				 sink->exact ? "exactly-once" : "at-least-once",
				 rd_kafka_version_str());
	return true;
}

/* The link at hand starts from what is durable. */
void
sink_kafka_use_link(SinkKafka *sink)
{
	KafkaTxnLimits limits = {
		.timeout = sink->options->transaction_timeout,
		.interval = sink->options->transaction_interval,
		.bytes = sink->options->transaction_bytes
	};

	kafka_window_start(&sink->link->client.window, sink->base.durable);
	sink->link->client.connecting = false;
	kafka_txn_init(&sink->txn, sink->link->client.rk, &limits, sink->job_fd);
	sink->in_transaction = false;
	sink->cutting = false;
	sink->progress_waits = false;
	sink->marked = false;
	sink->mark_count = 0;
	sink->partial_count = 0;
	sink->checkpoint_sent = LSN_INVALID;
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

/*
 * The transactional id has the prefix in it, so a relay with another one is
 * not fenced: it must not take over progress that the other still writes.
 */
static bool
sink_kafka_check_prefix(const SinkKafka *sink, const Checkpoint *found,
						Error *err)
{
	if (found->prefix[0] == '\0' ||
		strcmp(found->prefix, sink->checkpoint.prefix) == 0)
		return true;
	error_set(err, ERROR_CHECKPOINT,
			  "sink \"%s\" has written to topics with the prefix \"%s\" so far, not \"%s\"",
			  sink->base.config->name, found->prefix,
			  sink->checkpoint.prefix);
	return error_hint(err, "Give the sink another name: it then begins where the slot stands.");
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
							 identity->stop, &sink->text, &sink->base.notes,
							 err))
		return SINK_RESUME_FAILED;
	if (sink->text.size == 0)
		return sink_kafka_begin(sink, SINK_NEW,
								(Position) {identity->confirmed, 0},
								LSN_INVALID);
	if (!checkpoint_parse(&found, buf_slice(&sink->text), err) ||
		!checkpoint_verify(&found, identity, name, err) ||
		!sink_kafka_check_prefix(sink, &found, err) ||
		!sink_kafka_check_delivery(sink, &found, err) ||
		!sink_kafka_check_source(&found, identity, err))
	{
		error_prefix(err, "progress topic \"%s\"", sink->place.topic);
		return SINK_RESUME_FAILED;
	}
	sink->stored = found.position;
	sink->split = (SinkKafkaSplit) {
		.commit_lsn = found.position.lsn, .parts = found.parts
	};
	return sink_kafka_begin(sink, SINK_RESUMED, found.position,
							found.position.lsn);
}

/*
 * A clone of the server has its system identifier, and may have slot and sink
 * of that name too: if its topics have another prefix it is another producer.
 */
static bool
sink_kafka_identify(SinkKafka *sink, const SlotIdentity *identity, Error *err)
{
	const SinkConfig *config = sink->base.config;
	RouteNames	names = {.prefix = config->prefix != NULL ?
		config->prefix : identity->database};
	char		prefix[sizeof(sink->checkpoint.prefix)] = "";

	buf_clear(&sink->text);
	if (names.prefix[0] != '\0' &&
		!route_expand(&sink->text, "{prefix}", &names, err))
		return error_prefix(err, "prefix");
	snprintf(prefix, sizeof(prefix), "%.*s", (int) sink->text.size,
			 (const char *) sink->text.data);
	snprintf(sink->client_id, sizeof(sink->client_id), "pg_fanout-%s-%s",
			 identity->slot, config->name);
	snprintf(sink->transactional_id, sizeof(sink->transactional_id),
			 "pg_fanout.%" PRIu64 ".%s.%s.%s", identity->system_id,
			 identity->slot, config->name, prefix);
	checkpoint_init(&sink->checkpoint, identity, config->name, LSN_INVALID);
	memcpy(sink->checkpoint.prefix, prefix, sizeof(prefix));
	return kafka_progress_place(&sink->place, identity->system_id,
								identity->slot, config->name, err);
}

static SinkResume
sink_kafka_resume(Sink *base, const SlotIdentity *identity, Error *err)
{
	SinkKafka  *sink = (SinkKafka *) base;
	int64_t		deadline = clock_now() + sink->options->connect_timeout;

	if (!sink_kafka_identify(sink, identity, err) ||
		!kafka_oversize_open(&sink->oversize, identity, err) ||
		!sink_kafka_open(sink, deadline, identity->stop, false, err) ||
		!kafka_link_open_progress(sink->link, &sink->place, err))
		return SINK_RESUME_FAILED;
	sink->checkpoint.exactly_once = sink->exact;
	kafka_renewal_init(&sink->renewal, sink->job_fd, &sink->place);
	return sink_kafka_restore(sink, identity, deadline, err);
}

/* ---- at work ---- */

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
	if (!sink->exact || sink->phase != SINK_KAFKA_SERVES)
		return SINK_OK;
	sink_kafka_end_split(sink, end);
	if (kafka_txn_due(&sink->txn, sink->link->client.now))
		sink->cutting = true;
	return SINK_OK;
}

/* The next step; jobs and brokers wake us. */
static SinkPoll
sink_kafka_turn(SinkKafka *sink, int timeout_ms, Error *err)
{
	uint64_t	ignored;
	bool		ok;

	if (read(sink->job_fd, &ignored, sizeof(ignored)) < 0 && errno != EAGAIN)
	{
		error_set(err, ERROR_INTERNAL,
				  "could not read an event descriptor: %s", strerror(errno));
		return SINK_POLL_FAILED;
	}
	if (sink->phase != SINK_KAFKA_SERVES)
		return sink_kafka_poll_renewal(sink, err);
	ok = sink->exact ? sink_kafka_serve_txn(sink, timeout_ms, err) :
		sink_kafka_serve(sink, timeout_ms, err);
	if (ok)
		return SINK_POLL_OK;
	return sink_kafka_lose(sink, err) ? sink_kafka_poll_renewal(sink, err) :
		SINK_POLL_FAILED;
}

static SinkPoll
sink_kafka_poll(Sink *base, Error *err)
{
	SinkKafka  *sink = (SinkKafka *) base;

	if (sink->oversize.claims != NULL)
		kafka_claims_poll(sink->oversize.claims);
	return sink_kafka_turn(sink, 0, err);
}

/* A sink that is made anew is asked again, from where it then stands. */
static bool
sink_kafka_record(Sink *base, Lsn idle, Error *err)
{
	SinkKafka  *sink = (SinkKafka *) base;

	if (sink->phase != SINK_KAFKA_SERVES)
		return true;
	sink_kafka_accept(sink, idle);
	if (idle > sink->wanted)
		sink->wanted = idle;
	return sink->exact || sink_kafka_serve(sink, 0, err) ||
		sink_kafka_lose(sink, err);
}

static int
sink_kafka_watch(Sink *base, struct pollfd *fds, int room, int64_t *deadline)
{
	SinkKafka  *sink = (SinkKafka *) base;
	int			used = 0;
	int64_t		next;

	if (room > used)
		fds[used++] = (struct pollfd) {.fd = sink->job_fd,.events = POLLIN};
	if (sink->oversize.claims != NULL)
		used += kafka_claims_watch(sink->oversize.claims, fds + used,
								   room - used, deadline);
	if (sink->phase == SINK_KAFKA_LOST)
		*deadline = 0;			/* to ask for what was lost */
	if (sink->phase != SINK_KAFKA_SERVES)
		return used;
	next = sink_kafka_progress_time(sink, *deadline);
	if (next < *deadline)
		*deadline = next;
	kafka_topics_watch(sink->link->topics, deadline);
	if (room > used)
		fds[used++] = (struct pollfd) {
			.fd = sink->link->client.wake_fd, .events = POLLIN
		};
	return used;
}

/* ---- the end ---- */

static bool
sink_kafka_fail_drain(const SinkKafka *sink, Error *err)
{
	const KafkaClient *client;
	bool		known;

	if (sink->link == NULL)
	{
		error_set(err, ERROR_SINK_WRITE, "the last records were given up, and what became of them is not known yet");
		return error_hint(err, "Nothing is lost: the next start reads it from the progress topic.");
	}
	client = &sink->link->client;
	known = client->trouble_text[0] != '\0';
	return kafka_error_set(err, ERROR_SINK_WRITE,
						   known ? client->trouble :
						   RD_KAFKA_RESP_ERR__TIMED_OUT,
						   known ? client->trouble_text : "No answer in time",
						   "%" PRIu64
						   " records were not acknowledged in time",
						   client->window.in_flight);
}

/* Makes what was taken go out without delay. */
static void
sink_kafka_hurry(SinkKafka *sink, Position target, int timeout_ms)
{
	if (sink->exact)
		sink_kafka_cut_now(sink, target.lsn);
	else if (sink->link != NULL)
	{
		/* A flush does not wait for linger; reports are taken elsewhere. */
		sink->wanted = sink->link->client.window.committed;
		rd_kafka_flush(sink->link->client.rk, timeout_ms);
	}
}

/* A delivery that was taken in part cannot be cut off: it comes again. */
static bool
sink_kafka_is_torn(const SinkKafka *sink)
{
	return sink->exact && sink->phase == SINK_KAFKA_SERVES &&
		sink->partial_count > 0 && sink->txn.state != KAFKA_TXN_COMMITTING;
}

static bool
sink_kafka_drained(const SinkKafka *sink, Position target)
{
	return sink->base.durable >= target.lsn &&
		(sink->phase != SINK_KAFKA_SERVES || !sink->exact ||
		 sink->txn.state == KAFKA_TXN_NONE);
}

static bool
sink_kafka_drain(Sink *base, int64_t deadline, Error *err)
{
	SinkKafka  *sink = (SinkKafka *) base;
	Position	target = base->accepted;

	if (sink->link == NULL && sink->phase == SINK_KAFKA_SERVES)
		return true;			/* never opened: nothing was accepted */
	if (!sink->exact && sink->link != NULL)
		target.lsn = sink->link->client.window.committed;
	for (;;)
	{
		int			left = clock_ms_until(deadline);
		int			slice = left < SINK_KAFKA_SLICE ? left : SINK_KAFKA_SLICE;

		sink_kafka_hurry(sink, target, slice);
		switch (sink_kafka_turn(sink, slice, err))
		{
			case SINK_POLL_FAILED:
				return false;
			case SINK_POLL_REWIND:
				left = 0;		/* what is missing comes again */
				break;
			case SINK_POLL_OK:
				break;
		}
		if (sink_kafka_drained(sink, target))
			return true;
		if (left == 0 || sink->phase == SINK_KAFKA_UNPROVEN ||
			sink_kafka_is_torn(sink))
			return sink_kafka_fail_drain(sink, err);
	}
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
			 sink->phase != SINK_KAFKA_SERVES ? "producer is made anew" :
			 sink->fell_back ? "at least once" : "");
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
		kafka_progress_read(&target, &sink->place, deadline, NULL,
							&sink->text, &base->notes, err);
}

static void
sink_kafka_free(Sink *base)
{
	SinkKafka  *sink = (SinkKafka *) base;

	if (sink == NULL)
		return;
	kafka_txn_end(&sink->txn);
	if (sink->txn.commits > 0)
		log_debug("kafka: %" PRIu64 " transactions, for whose commits records waited %.3f s",
				  sink->txn.commits,
				  (double) sink->txn.waited / CLOCK_SECOND);
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
