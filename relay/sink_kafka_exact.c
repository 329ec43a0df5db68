/*
 * sink_kafka_exact.c
 *		The Kafka sink with transactions: when they are cut, and what happens
 *		to those whose outcome nobody knows. See sink_kafka.h.
 *
 * One Kafka transaction holds many of PostgreSQL's and, last, the progress up
 * to there: a reader of committed records sees both or none. While it commits
 * nothing is taken. If anything goes wrong there is one way: the producer is
 * made anew, which aborts what is open, the progress is read, and the stream
 * starts again behind it. That a broker fenced the producer is no proof of
 * another relay (it may have stood still); that we hold the slot is one of
 * there being none.
 */
#include "sink_kafka.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "failpoint.h"
#include "kafka_error.h"
#include "log.h"

#define SINK_KAFKA_MAX_LOST		20	/* transactions in a row */

bool
sink_kafka_lose(SinkKafka *sink, Error *err)
{
	const KafkaClient *client = &sink->link->client;

	if (!sink->exact || err->code == ERROR_RECORD ||
		(err->code == ERROR_SINK_SETUP && !client->failed) ||
		(client->failed && kafka_error_denied(client->failure_resp)) ||
		kafka_error_denied(sink->txn.failure) ||
		++sink->lost > SINK_KAFKA_MAX_LOST)
		return false;
	log_warning("kafka: transaction given up: %s (%s)", err->message,
				err->detail);
	error_clear(err);
	kafka_txn_end(&sink->txn);
	if (!failpoint_passes(FAILPOINT_KAFKA_RENEWAL, err) ||
		!kafka_renewal_begin(&sink->renewal, sink->link, err))
		return false;
	sink->link = NULL;
	sink->renewing = true;
	return true;
}

SinkResult
sink_kafka_admit(SinkKafka *sink, Error *err)
{
	if (!sink->exact)
		return SINK_OK;
	if (sink->renewing || sink->cutting)
		return SINK_FULL;
	if (sink->partial_count == 0 &&
		kafka_txn_overdue(&sink->txn, sink->link->client.now))
	{
		sink->cutting = true;
		return SINK_FULL;
	}
	if (kafka_txn_open(&sink->txn, err))
		return SINK_OK;
	return sink_kafka_lose(sink, err) ? SINK_FULL : SINK_FAILED;
}

/*
 * Whether it is time for a commit: with records at hand as the transaction
 * says, without any if there is progress to be recorded.
 */
static bool
sink_kafka_cut_due(const SinkKafka *sink)
{
	int64_t		now = clock_now();

	if (sink->txn.state == KAFKA_TXN_COMMITTING || sink->partial_count > 0)
		return false;
	if (sink->cutting || kafka_txn_overdue(&sink->txn, now))
		return true;
	if (sink->in_transaction)
		return false;
	if (sink->wanted > sink->base.durable &&
		sink->base.accepted.lsn >= sink->wanted)
		return true;
	if (sink->txn.state == KAFKA_TXN_OPEN)
		return kafka_txn_due(&sink->txn, now);
	return sink->base.accepted.lsn > sink->base.durable &&
		now >= sink->checkpoint_at + sink->base.config->checkpoint_interval;
}

/* The progress is the transaction's last record. */
static bool
sink_kafka_cut(SinkKafka *sink, Error *err)
{
	Position	position = sink->base.accepted;

	sink->cutting = true;
	sink->progress_waits = false;
	if (!kafka_txn_open(&sink->txn, err))
		return false;
	switch (sink_kafka_send_progress(sink, position, err))
	{
		case KAFKA_PRODUCE_OK:
			sink->checkpoint_at = clock_now();
			return failpoint_passes(FAILPOINT_KAFKA_COMMIT, err) &&
				kafka_txn_commit(&sink->txn, position, err);
		case KAFKA_PRODUCE_FULL:
			sink->progress_waits = true;
			return true;
		case KAFKA_PRODUCE_FAILED:
			break;
	}
	return false;
}

static bool
sink_kafka_serve_txn(SinkKafka *sink, int timeout_ms, Error *err)
{
	if (!sink_kafka_serve(sink, timeout_ms, err))
		return false;
	switch (kafka_txn_poll(&sink->txn, err))
	{
		case KAFKA_TXN_BUSY:
			break;
		case KAFKA_TXN_COMMITTED:
			if (!failpoint_passes(FAILPOINT_KAFKA_COMMITTED, err))
				return false;
			sink->base.durable = sink->txn.position.lsn;
			sink->cutting = false;
			sink->lost = 0;
			break;
		case KAFKA_TXN_LOST:
			return false;
	}
	return !sink_kafka_cut_due(sink) || sink_kafka_cut(sink, err);
}

/* Where the new producer goes on: behind what was found, never guessed. */
static bool
sink_kafka_go_on(SinkKafka *sink, Error *err)
{
	Position	position = sink->start;
	Checkpoint	found;
	char		text[LSN_TEXT_SIZE];

	if (sink->renewal.text.size > 0)
	{
		if (!checkpoint_parse(&found, buf_slice(&sink->renewal.text), err))
			return error_prefix(err, "progress topic \"%s\"",
								sink->place.topic);
		position = found.position;
	}
	if (position.lsn < sink->base.durable)
	{
		error_set(err, ERROR_CHECKPOINT,
				  "progress topic \"%s\" has lost what it held",
				  sink->place.topic);
		return error_hint(err, "It must be compacted, not deleted from, and replicated like the data.");
	}
	sink->base.accepted = position;
	if (sink->renewal.text.size > 0)
		sink->base.durable = position.lsn;
	for (size_t i = 0; i < sink->base.notes.count; i++)
		sink->base.notes.items[i].dirty = true;
	sink->base.notes.dirty = sink->base.notes.count > 0;
	log_info("kafka: producer made anew; everything up to %s is stored",
			 lsn_format(position.lsn, text));
	return true;
}

static SinkPoll
sink_kafka_poll_renewal(SinkKafka *sink, Error *err)
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
	sink->renewing = false;
	sink->link = sink->renewal.link;
	if (!sink_kafka_go_on(sink, err))
		return SINK_POLL_FAILED;
	sink_kafka_use_link(sink);
	return SINK_POLL_REWIND;
}

SinkPoll
sink_kafka_poll_exact(SinkKafka *sink, int timeout_ms, Error *err)
{
	uint64_t	ignored;

	if (read(sink->job_fd, &ignored, sizeof(ignored)) < 0 && errno != EAGAIN)
	{
		error_set(err, ERROR_INTERNAL,
				  "could not read an event descriptor: %s", strerror(errno));
		return SINK_POLL_FAILED;
	}
	if (sink->renewing)
		return sink_kafka_poll_renewal(sink, err);
	return sink_kafka_serve_txn(sink, timeout_ms, err) ||
		sink_kafka_lose(sink, err) ? SINK_POLL_OK : SINK_POLL_FAILED;
}

bool
sink_kafka_drain_exact(SinkKafka *sink, int64_t deadline, Error *err)
{
	Position	target = sink->base.accepted;
	bool		rest = sink->partial_count == 0;

	for (;;)
	{
		int			left = clock_ms_until(deadline);
		SinkPoll	result;

		sink->cutting |= rest && !sink->renewing &&
			(sink->txn.state == KAFKA_TXN_OPEN ||
			 (sink->txn.state == KAFKA_TXN_NONE &&
			  sink->base.durable < target.lsn));
		result = sink_kafka_poll_exact(sink, left < 5 ? left : 5, err);
		if (result == SINK_POLL_FAILED)
			return false;
		if (result == SINK_POLL_REWIND)
			break;				/* what is missing comes again */
		if (!sink->renewing && sink->txn.state == KAFKA_TXN_NONE &&
			sink->base.durable >= target.lsn)
			return true;
		if (left == 0 || (!rest && sink->txn.state != KAFKA_TXN_COMMITTING))
			break;
	}
	return sink->base.durable >= target.lsn ||
		sink_kafka_fail_drain(sink, err);
}
