/*
 * kafka_partition.c
 *		Which partition a record goes to, and what travels with it.
 */
#include "kafka_partition.h"

_Static_assert(sizeof(void *) >= sizeof(KafkaOpaque),
	"a record's opaque pointer must hold a window entry and a hash");

void *
kafka_opaque_pack(KafkaOpaque opaque)
{
	return (void *) (uintptr_t) (((uint64_t) opaque.table_hash << 32) |
								 opaque.entry);
}

KafkaOpaque
kafka_opaque_unpack(const void *pointer)
{
	uint64_t	bits = (uint64_t) (uintptr_t) pointer;
	KafkaOpaque opaque = {(uint32_t) bits, (uint32_t) (bits >> 32)};

	return opaque;
}

/* FNV-1a over both names and the NUL between them. */
uint32_t
kafka_partition_hash(const char *schema, const char *table)
{
	const char *names[2] = {schema, table};
	uint32_t	hash = 2166136261u;

	for (int i = 0; i < 2; i++)
	{
		const unsigned char *byte = (const unsigned char *) names[i];

		for (;; byte++)
		{
			hash = (hash ^ *byte) * 16777619u;
			if (*byte == '\0')
				break;
		}
	}
	return hash;
}

int32_t
kafka_partition_choose(const rd_kafka_topic_t *topic, const void *key,
					   size_t key_size, int32_t count, void *topic_opaque,
					   void *record_opaque)
{
	if (key == NULL)
		return (int32_t) (kafka_opaque_unpack(record_opaque).table_hash %
						  (uint32_t) count);
	return rd_kafka_msg_partitioner_murmur2(topic, key, key_size, count,
											topic_opaque, record_opaque);
}
