/*
 * sink_kafka_renew.c
 *		The Kafka sink's producer made anew. See sink_kafka.h.
 *
 * If anything goes wrong with a transaction there is one way: the producer is
 * given up, the stream begins again (which it only does while the slot is
 * ours: that a broker fenced the producer is no proof of another relay, and
 * that it did not is none of there being none), a new producer aborts what is
 * open, and the progress says how far the data goes. It is what was last
 * committed or what was last to be; anything else was written by somebody
 * else. Without transactions this helps where a topic is gone: what came since
 * the checkpoint is sent again.
 */
#include "sink_kafka.h"

#include "failpoint.h"
#include "kafka_error.h"
#include "log.h"

#define SINK_KAFKA_MAX_LOST		20	/* in a row */
#define SINK_KAFKA_LOOK			5	/* milliseconds between looks */

/* Whether a new producer may fare better. */
static bool
sink_kafka_may_renew(const SinkKafka *sink, const Error *err)
{
	const KafkaClient *client = &sink->link->client;

	if (kafka_target_is_mock(&sink->target))
		return false;			/* the brokers would go with it */
	if (!sink->exact)
		return client->failed && kafka_error_topic_gone(client->failure_resp);
	return err->code != ERROR_RECORD &&
		(err->code != ERROR_SINK_SETUP || client->failed) &&
		!(client->failed && kafka_error_stays(client->failure_resp));
}

/*
 * A commit that is under way waits for its records' reports, which we take:
 * without them it runs out of time, and does not say what was wrong.
 */
static void
sink_kafka_end_txn(SinkKafka *sink)
{
	while (!kafka_txn_idle(&sink->txn))
	{
		Error		known;

		if (!kafka_client_poll(&sink->link->client, SINK_KAFKA_LOOK, &known))
			continue;			/* that is why we are here */
	}
	kafka_txn_end(&sink->txn);
}

bool
sink_kafka_lose(SinkKafka *sink, Error *err)
{
	rd_kafka_resp_err_t failure;

	/*
	 * Records fail with their transaction; its commit knows why, unless it
	 * waited for them.
	 */
	sink_kafka_end_txn(sink);
	failure = sink->txn.failure;
	if (sink->exact && !kafka_error_denied(failure))
		failure = kafka_client_txn_failure(&sink->link->client, NULL, 0);
	if (kafka_error_denied(failure))
		return kafka_error_set(err, ERROR_SINK_WRITE, failure, NULL,
							   "Kafka transaction could not be committed");
	if (!sink_kafka_may_renew(sink, err) ||
		++sink->lost > SINK_KAFKA_MAX_LOST)
		return false;
	log_warning("kafka: %s given up: %s (%s)",
				sink->exact ? "transaction" : "producer", err->message,
				err->detail);
	error_clear(err);
	if (!failpoint_passes(FAILPOINT_KAFKA_RENEWAL, err))
		return false;
	kafka_renewal_take(&sink->renewal, sink->link);
	sink->link = NULL;
	sink->phase = SINK_KAFKA_LOST;
	return true;
}

/*
 * What was found is what we wrote, or would have. Without a checkpoint the
 * first one may have been lost, or not.
 */
static bool
sink_kafka_check_found(const SinkKafka *sink, Position found, Error *err)
{
	char		was[LSN_TEXT_SIZE];
	char		is[LSN_TEXT_SIZE];

	if (position_equal(found, sink->stored) ||
		position_equal(found, sink->attempt))
		return true;
	lsn_format(sink->stored.lsn, was);
	lsn_format(found.lsn, is);
	if (position_before(found, sink->stored))
	{
		error_set(err, ERROR_CHECKPOINT,
				  "progress topic \"%s\" has lost what it held",
				  sink->place.topic);
		error_detail(err, "It was at %s, it is at %s.", was, is);
		return error_hint(err, "It must be compacted, not deleted from, and replicated like the data.");
	}
	error_set(err, ERROR_SINK_SHARED,
			  "another relay writes to progress topic \"%s\"",
			  sink->place.topic);
	error_detail(err, "We left it at %s, it is at %s.", was, is);
	return error_hint(err, "Two relays with the same slot and sink name on one Kafka cluster, or one that was taken for dead: stop one, or give its sink another name.");
}

/* Where the new producer goes on: behind what was found, never guessed. */
static bool
sink_kafka_go_on(SinkKafka *sink, Error *err)
{
	Checkpoint	found = {0};
	Position	position;
	char		text[LSN_TEXT_SIZE];

	if (sink->renewal.text.size > 0 &&
		!checkpoint_parse(&found, buf_slice(&sink->renewal.text), err))
		return error_prefix(err, "progress topic \"%s\"", sink->place.topic);
	if (!sink_kafka_check_found(sink, found.position, err))
		return false;
	position = sink->renewal.text.size > 0 ? found.position : sink->start;
	sink->stored = found.position;
	sink->base.accepted = position;
	if (sink->renewal.text.size > 0)
		sink->base.durable = position.lsn;
	sink->split = (SinkKafkaSplit) {
		.commit_lsn = position.lsn, .parts = found.parts
	};
	for (size_t i = 0; i < sink->base.notes.count; i++)
		sink->base.notes.items[i].dirty = true;
	sink->base.notes.dirty = sink->base.notes.count > 0;
	log_info("kafka: producer made anew; everything up to %s is stored",
			 lsn_format(position.lsn, text));
	return true;
}

/* Asks for everything that is not known to be stored. */
static SinkPoll
sink_kafka_ask_again(SinkKafka *sink)
{
	sink->base.accepted = sink->stored.lsn != LSN_INVALID ?
		sink->stored : sink->start;
	sink->held = sink->base.held;
	sink->phase = SINK_KAFKA_UNPROVEN;
	return SINK_POLL_REWIND;
}

static SinkPoll
sink_kafka_begin_renewal(SinkKafka *sink, Error *err)
{
	if (sink->base.held == sink->held)
		return SINK_POLL_OK;
	sink->phase = SINK_KAFKA_RENEWS;
	return kafka_renewal_begin(&sink->renewal, err) ? SINK_POLL_OK :
		SINK_POLL_FAILED;
}

static SinkPoll
sink_kafka_end_renewal(SinkKafka *sink, Error *err)
{
	switch (kafka_renewal_poll(&sink->renewal, err))
	{
		case KAFKA_RENEWAL_BUSY:
			return SINK_POLL_OK;
		case KAFKA_RENEWAL_FAILED:
			return SINK_POLL_FAILED;
		case KAFKA_RENEWAL_DONE:
			break;
	}
	sink->link = sink->renewal.link;
	sink->renewal.link = NULL;
	if (!sink_kafka_go_on(sink, err))
		return SINK_POLL_FAILED;
	sink->phase = SINK_KAFKA_SERVES;
	sink_kafka_use_link(sink);
	return SINK_POLL_REWIND;
}

SinkPoll
sink_kafka_poll_renewal(SinkKafka *sink, Error *err)
{
	switch (sink->phase)
	{
		case SINK_KAFKA_LOST:
			return sink_kafka_ask_again(sink);
		case SINK_KAFKA_UNPROVEN:
			return sink_kafka_begin_renewal(sink, err);
		case SINK_KAFKA_RENEWS:
			return sink_kafka_end_renewal(sink, err);
		case SINK_KAFKA_SERVES:
			break;
	}
	return SINK_POLL_OK;
}
