/*
 * kafka_partition.h
 *		Which partition a record goes to, and what travels with it.
 *
 * A record with a key goes where Java's clients would put it: murmur2 of the
 * key's bytes, or of those that its format says (a schema's id before the key
 * must not move it). One without a key (a table without identity) goes where
 * its table's name puts it, so that a table's records keep their order; its
 * key stays null. The sink chooses before it produces.
 */
#ifndef PG_FANOUT_KAFKA_PARTITION_H
#define PG_FANOUT_KAFKA_PARTITION_H

#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

/*
 * A record's opaque pointer: its window entry and, if it has no key, its
 * table's hash, else what kafka_partition_hash_key made or 0.
 */
typedef struct KafkaOpaque
{
	uint32_t	entry;
	uint32_t	hash;
} KafkaOpaque;

/* The entry of a checkpoint: it belongs to no window. */
#define KAFKA_ENTRY_PROGRESS	UINT32_MAX

extern void *kafka_opaque_pack(KafkaOpaque opaque);
extern KafkaOpaque kafka_opaque_unpack(const void *pointer);

extern uint32_t kafka_partition_hash(const char *schema, const char *table);

/* Where these bytes put a record, whatever its key is; never 0. */
extern uint32_t kafka_partition_hash_key(const void *data, size_t size);

/* As librdkafka's own partitioners are called. */
typedef int32_t (*KafkaPartitioner) (const rd_kafka_topic_t *topic,
									 const void *key, size_t key_size,
									 int32_t count, void *topic_opaque,
									 void *record_opaque);

/* Ours; record_opaque: a KafkaOpaque with the hash. */
extern int32_t kafka_partition_choose(const rd_kafka_topic_t *topic,
									  const void *key, size_t key_size,
									  int32_t count, void *topic_opaque,
									  void *record_opaque);

#endif							/* PG_FANOUT_KAFKA_PARTITION_H */
