/*
 * kafka_first.h
 *		Whether a partition's next record may follow the ones before.
 *
 * Where a producer has stored nothing yet, a broker takes any sequence number.
 * If it refuses the first request and the second gets there before the first
 * is sent again, the second is stored alone and librdkafka takes both for
 * stored. So the first record of a producer to a partition travels alone:
 * nothing follows before it is acknowledged. Brokers forget producers
 * (producer.id.expiration.ms, a day), so one after a long pause is a first one
 * too. Knows no Kafka.
 */
#ifndef PG_FANOUT_KAFKA_FIRST_H
#define PG_FANOUT_KAFKA_FIRST_H

#include <stdint.h>

#include "error.h"

/* Of one topic. All times are monotonic microseconds, and not 0. */
typedef struct KafkaFirsts
{
	int			count;			/* partitions */
	int64_t    *times;			/* of the last acknowledgement, or a mark */
} KafkaFirsts;

/* Keeps what is known if it is called again. */
extern MUST_USE bool kafka_firsts_init(KafkaFirsts *firsts, int count,
									   Error *err);
extern void kafka_firsts_free(KafkaFirsts *firsts);

extern bool kafka_firsts_may_send(const KafkaFirsts *firsts, int partition);
extern void kafka_firsts_sent(KafkaFirsts *firsts, int partition, int64_t now);
extern void kafka_firsts_acknowledged(KafkaFirsts *firsts, int partition,
									  int64_t now);

#endif							/* PG_FANOUT_KAFKA_FIRST_H */
