/*
 * kafka_config.h
 *		librdkafka's configuration, made of the sink's options.
 *
 * "kafka.NAME" passes any property of librdkafka through. Those that would
 * break the promises of the sink, and secrets (which the file's permission
 * check must see as such), are refused with the way to say it instead. Knows
 * no topic and no broker's answer.
 */
#ifndef PG_FANOUT_KAFKA_CONFIG_H
#define PG_FANOUT_KAFKA_CONFIG_H

#include <librdkafka/rdkafka.h>

#include "error.h"
#include "kafka_options.h"
#include "kafka_partition.h"

/* Who connects where. */
typedef struct KafkaTarget
{
	const char *brokers;		/* "host:port,host:port"; "mock": in process */
	const char *client_id;
	const char *transactional_id;	/* NULL: no transactions */
	const KafkaOptions *options;
} KafkaTarget;

extern bool kafka_target_is_mock(const KafkaTarget *target);

/*
 * The configuration of the producer; of a consumer that reads what lies in a
 * topic, without a group. NULL: failed. Free with rd_kafka_conf_destroy unless
 * rd_kafka_new took it.
 */
extern rd_kafka_conf_t *kafka_config_producer(const KafkaTarget *target,
											  Error *err);
extern rd_kafka_conf_t *kafka_config_consumer(const KafkaTarget *target,
											  Error *err);

/* Ours, unless the user chose another deterministic one. */
extern KafkaPartitioner kafka_config_partitioner(const KafkaOptions *options);

#endif							/* PG_FANOUT_KAFKA_CONFIG_H */
