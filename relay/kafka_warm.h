/*
 * kafka_warm.h
 *		Asks brokers about a topic, off the loop's thread.
 *
 * The first record to a topic librdkafka knows nothing of waits up to a
 * second; asking before costs a round trip, but the call blocks. So one helper
 * thread makes it, one topic at a time, and wakes the loop through a
 * descriptor. It touches librdkafka (which is safe on any thread) and its own
 * job, nothing else.
 */
#ifndef PG_FANOUT_KAFKA_WARM_H
#define PG_FANOUT_KAFKA_WARM_H

#include <librdkafka/rdkafka.h>

#include "error.h"

typedef struct KafkaWarm KafkaWarm;

typedef struct KafkaWarmAnswer
{
	rd_kafka_topic_t *topic;	/* the one asked for */
	rd_kafka_resp_err_t resp;	/* of the request or of the topic */
	int			partitions;
	int			brokers;		/* of the cluster */
} KafkaWarmAnswer;

/* Starts the thread. wake_fd: an eventfd. NULL: failed. */
extern KafkaWarm *kafka_warm_start(rd_kafka_t *rk, int wake_fd, Error *err);

/* false: busy with another topic. The topic must live until the answer. */
extern bool kafka_warm_ask(KafkaWarm *warm, rd_kafka_topic_t *topic);

/* Whether an answer was there; the next topic may be asked for then. */
extern bool kafka_warm_take(KafkaWarm *warm, KafkaWarmAnswer *answer);

/* Ends the thread: may take as long as one request (two seconds). */
extern void kafka_warm_stop(KafkaWarm *warm);

#endif							/* PG_FANOUT_KAFKA_WARM_H */
