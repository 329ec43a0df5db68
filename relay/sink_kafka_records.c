/*
 * sink_kafka_records.c
 *		The Kafka sink: a record's way to its topics. See sink_kafka.h.
 */
#include "sink_kafka.h"

#include <inttypes.h>
#include <stdio.h>

#include "failpoint.h"

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
			kafka_topics_get(sink->link->topics, name, NULL, err);
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

/*
 * From the second part of a transaction on: a reader knows by it that he saw
 * some of the transaction before.
 */
static bool
sink_kafka_part_header(const SinkKafka *sink, const Delivery *delivery,
					   char *text, size_t room, RecordHeader *header)
{
	if (delivery->txn == NULL || sink->split.parts == 0 ||
		sink->split.commit_lsn != delivery->txn->commit_lsn)
		return false;
	snprintf(text, room, "%" PRIu32, sink->split.parts + 1);
	*header = (RecordHeader) {"pg_fanout.part", slice_of(text)};
	return true;
}

/* To the partition of the record whose place content takes. */
static KafkaProduce
sink_kafka_produce(SinkKafka *sink, const Delivery *delivery,
				   const Record *record, const Record *content,
				   const KafkaTopic *topic, Error *err)
{
	KafkaRecord sent = {
		.topic = topic->rkt,
		.key = content->key, .value = content->value,
		.headers = content->headers, .header_count = content->header_count,
		.position = delivery->aside ? (Position) {0} : delivery->position
	};
	KafkaOpaque opaque = {0, sink_kafka_hash(delivery, record)};
	char		part[16];
	RecordHeader header;

	sent.partition = sink->partitioner(topic->rkt, record->key.data,
									   record->key.size, topic->partitions,
									   NULL, kafka_opaque_pack(opaque));
	if (sink_kafka_part_header(sink, delivery, part, sizeof(part), &header))
		sent.extra = &header;
	return kafka_client_produce(&sink->link->client, &sent, err);
}

static KafkaOversizeRecord
sink_kafka_oversize(const Delivery *delivery, size_t index,
					const KafkaTopic *topic)
{
	return (KafkaOversizeRecord) {delivery, index, topic->name,
		topic->max_bytes};
}

/* Where dead letters go; NULL with *err: failed, without: nowhere. */
static KafkaTopic *
sink_kafka_letters(SinkKafka *sink, Error *err)
{
	if (sink->oversize.dead_letters[0] == '\0')
		return NULL;
	return kafka_topics_get(sink->link->topics, sink->oversize.dead_letters,
							NULL, err);
}

/* A record that does not go as it is; all it needs is prepared. */
static KafkaProduce
sink_kafka_send_instead(SinkKafka *sink, const KafkaOversizeRecord *record,
						const KafkaTopic *topic, Error *err)
{
	const Delivery *delivery = record->delivery;
	KafkaProduce result;
	Record		instead;

	if (kafka_oversize_is_dead(&sink->oversize, delivery))
	{
		error_clear(err);
		topic = sink_kafka_letters(sink, err);
		if (topic == NULL)
			return err->code == 0 ? KAFKA_PRODUCE_OK : KAFKA_PRODUCE_FAILED;
	}
	if (!kafka_oversize_replace(&sink->oversize, record, &instead, err))
		return KAFKA_PRODUCE_FAILED;
	result = sink_kafka_produce(sink, delivery,
								&delivery->records[record->index], &instead,
								topic, err);
	if (result == KAFKA_PRODUCE_OK)
		kafka_oversize_sent(&sink->oversize, record);
	return result;
}

static KafkaProduce
sink_kafka_send_one(SinkKafka *sink, const Delivery *delivery, size_t index,
					const KafkaTopic *topic, Error *err)
{
	const Record *record = &delivery->records[index];
	KafkaOversizeRecord oversize = sink_kafka_oversize(delivery, index, topic);

	if (record->value.data == NULL && !sink->options->tombstones)
		return KAFKA_PRODUCE_OK;
	if (kafka_oversize_is(&sink->oversize, &oversize))
		return sink_kafka_send_instead(sink, &oversize, topic, err);
	return sink_kafka_produce(sink, delivery, record, record, topic, err);
}

/*
 * What takes the place of records: objects are written and the topic of dead
 * letters is there before anything of the delivery is sent, so that no
 * transaction waits for them.
 */
static SinkResult
sink_kafka_prepare(SinkKafka *sink, const Delivery *delivery,
				   KafkaTopic *const *topics, Error *err)
{
	bool		waits = false;

	for (size_t i = 0; i < delivery->count; i++)
	{
		KafkaOversizeRecord record = sink_kafka_oversize(delivery, i,
														 topics[i]);
		KafkaTopic *letters;
		SinkResult	result;

		if (!kafka_oversize_is(&sink->oversize, &record))
			continue;
		result = kafka_oversize_prepare(&sink->oversize, &record, err);
		if (result == SINK_FAILED)
			return result;
		waits |= result == SINK_FULL;
		if (!kafka_oversize_is_dead(&sink->oversize, delivery) ||
			sink->oversize.dead_letters[0] == '\0')
			continue;
		letters = sink_kafka_letters(sink, err);
		if (letters == NULL)
			return SINK_FAILED;
		waits |= letters->state != KAFKA_TOPIC_READY;
	}
	return waits ? SINK_FULL : SINK_OK;
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

		if (!failpoint_passes(FAILPOINT_KAFKA_RECORD, err))
			return SINK_FAILED;
		switch (sink_kafka_send_one(sink, delivery, i, topics[i], err))
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

/* Which of PostgreSQL's transactions is at hand. */
static void
sink_kafka_note_txn(SinkKafka *sink, const Delivery *delivery)
{
	SinkKafkaSplit *split = &sink->split;

	sink->in_transaction = true;
	if (split->commit_lsn != delivery->txn->commit_lsn)
		*split = (SinkKafkaSplit) {.commit_lsn = delivery->txn->commit_lsn};
	split->xid = delivery->txn->xid;
	split->seq = delivery->position.seq;
}

static void
sink_kafka_count(SinkKafka *sink, const Delivery *delivery)
{
	for (size_t i = 0; i < delivery->count; i++)
	{
		const Record *record = &delivery->records[i];

		sink->bytes += record->key.size + record->value.size;
		kafka_txn_add(&sink->txn, record->key.size + record->value.size);
	}
	sink->records++;
}

static SinkResult
sink_kafka_take(SinkKafka *sink, const Delivery *delivery, Error *err)
{
	KafkaTopic *topics[FORMAT_MAX_RECORDS];
	char		lsn[LSN_TEXT_SIZE];
	SinkResult	result = sink_kafka_find_topics(sink, delivery, topics, err);

	if (result == SINK_OK)
		result = sink_kafka_prepare(sink, delivery, topics, err);
	if (result == SINK_OK)
		result = sink_kafka_admit(sink, err);
	if (result != SINK_OK)
		return result;
	result = sink_kafka_send(sink, delivery, topics, err);
	if (result == SINK_FAILED && sink_kafka_lose(sink, err))
		return SINK_FULL;
	if (result == SINK_FAILED)
		error_prefix(err, "at %s, record %" PRIu64,
					 lsn_format(delivery->position.lsn, lsn),
					 delivery->position.seq);
	return result;
}

SinkResult
sink_kafka_put(Sink *base, const Delivery *delivery, Error *err)
{
	SinkKafka  *sink = (SinkKafka *) base;
	SinkResult	result;

	if (sink->phase != SINK_KAFKA_SERVES)
		return SINK_FULL;
	if (sink->cutting)
	{
		kafka_txn_wait(&sink->txn);
		return SINK_FULL;
	}
	result = sink_kafka_take(sink, delivery, err);
	if (result != SINK_OK)
		return result;
	if (!delivery->aside && delivery->txn != NULL)
		sink_kafka_note_txn(sink, delivery);
	base->accepted = delivery_end(delivery);
	sink_kafka_count(sink, delivery);
	return SINK_OK;
}
