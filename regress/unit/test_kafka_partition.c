/*
 * test_kafka_partition.c
 *		Partitions of keys against Java's client, and of records without key.
 *
 * The expected numbers are Utils.toPositive(Utils.murmur2(key)) of Apache
 * Kafka's Java client 4.3.1, whose default partitioner takes them modulo the
 * number of partitions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "kafka_partition.h"

/* Of keys of n bytes, byte i being i * 37 + n * 11 + 5. */
static const int32_t java_by_length[] = {
	275646681, 1707138737, 2073310546, 1033640310, 432456581,
	549696321, 1733619506, 594714247, 379506236, 1815671491,
	1193808200, 748953877, 563199209, 699677052, 240928510,
	571381392, 1613360711, 461758084, 786797265, 984156236,
	123808845, 566111545, 507128147, 337358167, 2136000712,
	67618224, 1439050708, 367859605, 2041021148, 92586981,
	1254274091, 292477264, 108518880, 176645390, 68786289,
	919112815, 1738395100, 5074366, 1235381590, 244072126,
	1172744545, 28649790, 1515442857, 1456240444, 206153049,
	35710410, 1408011607, 1607312804, 1329342939, 499548399,
	77799430, 1292507538, 330031533, 939008555, 1507923787,
	1565846367, 2027181752, 130499262, 766559343, 397062947,
	1535046291, 1655084312, 307106164, 1696846112, 649485324,
	1879312486, 1513715994, 472510613, 1124088337, 8572380,
	1689425387, 1558063848, 2102401516, 1946616234, 1895658053,
	791971688, 1428433382, 692200229, 1845193716, 80929901,
	756357758, 2126574736, 2121700221, 261206264, 782781342,
	388455193, 1663186489, 718040881, 610001381, 1732690591,
	339961526, 1756607299, 499390289, 1659809767, 904136302,
	1564750369, 761726660, 2095881177, 766590661, 1192362519,
	271119468
};

static const struct
{
	const char *key;
	int32_t		hash;
}			java_by_text[] = {
	{"", 275646681},
	{"a", 584102524},
	{"21", 1173551340},
	{"foobar", 1357151166},
	{"a-little-bit-long-string", 1161502112},
	{"{\"custkey\":1}", 447286620},
	{"Gr\xc3\xbc\xc3\x9f" "e, \xe4\xb8\x96\xe7\x95\x8c \xf0\x9f\x8c\x8d", 1314568942},
};

static void
check_key(const void *key, size_t size, int32_t hash)
{
	static const int32_t counts[] = {1, 2, 3, 6, 7, 12, 64, 1000, INT32_MAX};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		assert_int_equal(kafka_partition_choose(NULL, key, size, counts[i], NULL, NULL),
						 hash % counts[i]);
}

static void
test_java(void **state)
{
	(void) state;
	for (size_t n = 0; n < sizeof(java_by_length) / sizeof(java_by_length[0]); n++)
	{
		uint8_t		key[128];

		for (size_t i = 0; i < n; i++)
			key[i] = (uint8_t) (i * 37 + n * 11 + 5);
		check_key(key, n, java_by_length[n]);
	}
	for (size_t i = 0; i < sizeof(java_by_text) / sizeof(java_by_text[0]); i++)
		check_key(java_by_text[i].key, strlen(java_by_text[i].key),
				  java_by_text[i].hash);
}

static void
test_opaque(void **state)
{
	KafkaOpaque in = {KAFKA_ENTRY_PROGRESS, 0xfedcba98};
	KafkaOpaque out = kafka_opaque_unpack(kafka_opaque_pack(in));

	(void) state;
	assert_int_equal(out.entry, in.entry);
	assert_int_equal(out.hash, in.hash);
}

/* Other bytes than the key's decide, by the same hash. */
static void
test_partition_key(void **state)
{
	(void) state;
	for (size_t size = 0; size < 40; size++)
	{
		uint8_t		bytes[40];
		KafkaOpaque opaque = {7, 0};

		for (size_t i = 0; i < size; i++)
			bytes[i] = (uint8_t) (i * 91 + size * 7 + 200);
		opaque.hash = kafka_partition_hash_key(bytes, size);
		for (int32_t count = 1; count < 40; count += 13)
			assert_int_equal(kafka_partition_choose(NULL, "framed key", 10, count, NULL,
													kafka_opaque_pack(opaque)),
							 kafka_partition_choose(NULL, bytes, size, count, NULL, NULL));
	}
}

/* Without a key the table decides: always the same, and not all the same. */
static void
test_no_key(void **state)
{
	int			used[16] = {0};
	int			distinct = 0;

	(void) state;
	for (int i = 0; i < 100; i++)
	{
		char		name[16];
		KafkaOpaque opaque = {(uint32_t) i, 0};
		int32_t		partition;

		snprintf(name, sizeof(name), "t%d", i);
		opaque.hash = kafka_partition_hash("public", name);
		partition = kafka_partition_choose(NULL, NULL, 0, 16, NULL,
										   kafka_opaque_pack(opaque));
		assert_in_range(partition, 0, 15);
		opaque.entry = 99;
		assert_int_equal(partition, kafka_partition_choose(NULL, NULL, 0, 16, NULL,
														   kafka_opaque_pack(opaque)));
		used[partition]++;
	}
	for (int i = 0; i < 16; i++)
		distinct += used[i] > 0;
	assert_true(distinct > 8);
	assert_int_not_equal(kafka_partition_hash("a", "bc"), kafka_partition_hash("ab", "c"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_java),
		cmocka_unit_test(test_opaque),
		cmocka_unit_test(test_partition_key),
		cmocka_unit_test(test_no_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
