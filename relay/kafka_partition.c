/*
 * kafka_partition.c
 *		Which partition a record goes to, and what travels with it.
 */
#include "kafka_partition.h"

#define KEY_HASHED	UINT32_C(0x80000000)

_Static_assert(sizeof(void *) >= sizeof(KafkaOpaque),
	"a record's opaque pointer must hold a window entry and a hash");

void *
kafka_opaque_pack(KafkaOpaque opaque)
{
	return (void *) (uintptr_t) (((uint64_t) opaque.hash << 32) |
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

/* As Java's clients and librdkafka compute it. */
static uint32_t
murmur2(const uint8_t *data, size_t size)
{
	const uint32_t factor = 0x5bd1e995;
	uint32_t	hash = 0x9747b28c ^ (uint32_t) size;

	for (; size >= 4; data += 4, size -= 4)
	{
		uint32_t	word = (uint32_t) data[0] | (uint32_t) data[1] << 8 |
			(uint32_t) data[2] << 16 | (uint32_t) data[3] << 24;

		word *= factor;
		word ^= word >> 24;
		hash = (hash * factor) ^ (word * factor);
	}
	if (size > 0)
	{
		for (size_t i = 0; i < size; i++)
			hash ^= (uint32_t) data[i] << (8 * i);
		hash *= factor;
	}
	hash = (hash ^ (hash >> 13)) * factor;
	return hash ^ (hash >> 15);
}

/* Clients drop the sign bit: here it says that there is a hash. */
uint32_t
kafka_partition_hash_key(const void *data, size_t size)
{
	return murmur2(data, size) | KEY_HASHED;
}

int32_t
kafka_partition_choose(const rd_kafka_topic_t *topic, const void *key,
					   size_t key_size, int32_t count, void *topic_opaque,
					   void *record_opaque)
{
	uint32_t	hash = kafka_opaque_unpack(record_opaque).hash;

	if (key == NULL)
		return (int32_t) (hash % (uint32_t) count);
	if (hash & KEY_HASHED)
		return (int32_t) ((hash & ~KEY_HASHED) % (uint32_t) count);
	return rd_kafka_msg_partitioner_murmur2(topic, key, key_size, count,
											topic_opaque, record_opaque);
}
