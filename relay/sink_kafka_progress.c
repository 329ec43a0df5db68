/*
 * sink_kafka_progress.c
 *		The Kafka sink's progress: its notes and its checkpoint, on the way to
 *		the progress topic. See sink_kafka.h.
 */
#include "sink_kafka.h"

#include <inttypes.h>
#include <stdio.h>

#include "clock.h"
#include "failpoint.h"

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

/*
 * For readers of the topic: what became of a transaction that is spread over
 * several. A key of its own, so that compaction keeps the last word.
 */
static KafkaProduce
sink_kafka_send_mark(SinkKafka *sink, const SinkKafkaSplit *split, Error *err)
{
	char		lsn[LSN_TEXT_SIZE];
	char		key[KAFKA_TOPIC_NAME_SIZE + LSN_TEXT_SIZE + 1];
	char		value[200];
	KafkaRecord record = {.topic = sink->link->progress->rkt};

	lsn_format(split->commit_lsn, lsn);
	snprintf(key, sizeof(key), "%s%c%s", sink->place.key,
			 KAFKA_PROGRESS_MARK, lsn);
	snprintf(value, sizeof(value),
			 "{\"pg_fanout\":1,\"transaction\":\"%s\",\"xid\":%" PRIu32
			 ",\"parts\":%" PRIu32 ",\"seq\":%" PRIu64 ",\"complete\":%s}",
			 lsn, split->xid, split->parts, split->seq,
			 split->complete ? "true" : "false");
	record.key = slice_of(key);
	record.value = slice_of(value);
	return kafka_client_produce(&sink->link->client, &record, err);
}

static KafkaProduce
sink_kafka_send_marks(SinkKafka *sink, Error *err)
{
	while (sink->mark_count > 0)
	{
		KafkaProduce result =
			sink_kafka_send_mark(sink, &sink->marks[0], err);

		if (result != KAFKA_PRODUCE_OK)
			return result;
		sink->marks[0] = sink->marks[1];
		sink->mark_count--;
	}
	return KAFKA_PRODUCE_OK;
}

KafkaProduce
sink_kafka_send_progress(SinkKafka *sink, Position position, Error *err)
{
	KafkaRecord record = {
		.topic = sink->link->progress->rkt, .is_progress = true
	};
	KafkaProduce sent;

	sink->checkpoint.position = position;
	sink->checkpoint.timeline = sink->base.timeline;
	sink->checkpoint.parts = position.seq != 0 ? sink->split.parts : 0;
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
	sent = sink_kafka_send_marks(sink, err);
	if (sent == KAFKA_PRODUCE_OK)
		sent = sink_kafka_send_notes(sink, err);
	if (sent == KAFKA_PRODUCE_OK)
		sent = kafka_client_produce(&sink->link->client, &record, err);
	if (sent == KAFKA_PRODUCE_OK)
		sink->attempt = position;
	return sent;
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
		{
			sink->base.durable = sink->checkpoint_sent;
			sink->stored = sink->attempt;
			sink->lost = 0;
		}
		sink->checkpoint_sent = LSN_INVALID;
	}
	return sink->exact || !sink_kafka_checkpoint_due(sink) ||
		sink_kafka_send_checkpoint(sink, err);
}

int64_t
sink_kafka_progress_time(const SinkKafka *sink, int64_t deadline)
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
									  sink->txn.limits.timeout / 2 :
									  sink->txn.interval);
	if (!sink->in_transaction &&
		sink->base.accepted.lsn > sink->base.durable)
		return sink->wanted > sink->base.durable ? 0 : due;
	return deadline;
}
