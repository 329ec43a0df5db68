/*
 * sink_kafka_exact.c
 *		The Kafka sink with transactions: when they are cut. See sink_kafka.h.
 *
 * One Kafka transaction holds many of PostgreSQL's and, last, the progress up
 * to there: a reader of committed records sees both or none. It is cut at a
 * commit once it is old or large enough; while it commits nothing is taken.
 * One of PostgreSQL's that does not end in time is spread over several of
 * Kafka's; marks in the progress topic say so.
 */
#include "sink_kafka.h"

#include "clock.h"
#include "failpoint.h"

SinkResult
sink_kafka_admit(SinkKafka *sink, Error *err)
{
	if (!sink->exact)
		return SINK_OK;
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

/* ---- transactions of PostgreSQL's in parts ---- */

static void
sink_kafka_mark(SinkKafka *sink)
{
	if (sink->mark_count < SINK_KAFKA_MAX_MARKS)
		sink->marks[sink->mark_count++] = sink->split;
}

/*
 * The cut at hand divides a transaction: once, though the records that say so
 * may have to wait for room.
 */
static void
sink_kafka_split(SinkKafka *sink)
{
	if (sink->marked || !sink->in_transaction)
		return;
	sink->split.parts++;
	sink->marked = true;
	sink_kafka_mark(sink);
}

/* Its last part is not committed yet: it will be with the mark. */
void
sink_kafka_end_split(SinkKafka *sink, const TxnEnd *end)
{
	SinkKafkaSplit *split = &sink->split;

	if (split->parts > 0 && split->commit_lsn == end->txn.commit_lsn)
	{
		split->xid = end->txn.xid;
		split->parts++;
		split->complete = true;
		sink_kafka_mark(sink);
	}
	*split = (SinkKafkaSplit) {0};
}

/* ---- the cut ---- */

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
	sink_kafka_split(sink);
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

static void
sink_kafka_committed(SinkKafka *sink)
{
	sink->stored = sink->txn.position;
	sink->base.durable = sink->txn.position.lsn;
	sink->cutting = false;
	sink->marked = false;
	sink->lost = 0;
}

bool
sink_kafka_serve_txn(SinkKafka *sink, int timeout_ms, Error *err)
{
	const KafkaClient *client = &sink->link->client;

	if (!sink_kafka_serve(sink, timeout_ms, err))
		return false;
	if (client->window.in_flight == 0 && !client->progress_in_flight)
		kafka_txn_flushed(&sink->txn);
	switch (kafka_txn_poll(&sink->txn, err))
	{
		case KAFKA_TXN_BUSY:
			break;
		case KAFKA_TXN_COMMITTED:
			if (!failpoint_passes(FAILPOINT_KAFKA_COMMITTED, err))
				return false;
			sink_kafka_committed(sink);
			break;
		case KAFKA_TXN_LOST:
			return false;
	}
	return !sink_kafka_cut_due(sink) || sink_kafka_cut(sink, err);
}

void
sink_kafka_cut_now(SinkKafka *sink, Lsn target)
{
	if (sink->phase != SINK_KAFKA_SERVES || sink->partial_count > 0)
		return;
	sink->cutting |= sink->txn.state == KAFKA_TXN_OPEN ||
		(sink->txn.state == KAFKA_TXN_NONE && sink->base.durable < target);
}
