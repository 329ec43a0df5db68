/*
 * kafka_link.h
 *		One life of the producer: it, its topics and its progress topic.
 *
 * To open one takes as long as the brokers do: at the start the caller waits,
 * later it happens on another thread (kafka_renewal.c). With a transactional
 * id, opening ends what an earlier producer of that id left open.
 */
#ifndef PG_FANOUT_KAFKA_LINK_H
#define PG_FANOUT_KAFKA_LINK_H

#include <stdatomic.h>

#include "kafka_client.h"
#include "kafka_config.h"
#include "kafka_progress.h"
#include "kafka_topic.h"

typedef struct KafkaLink
{
	KafkaTarget target;
	KafkaClient client;
	KafkaTopics *topics;
	KafkaTopicPlan progress_plan;
	KafkaTopic *progress;
	const atomic_bool *stop;	/* ends the waiting; NULL: nobody does */
	int64_t		deadline;		/* of opening, monotonic */
	bool		refused;		/* transactions are, for good */
} KafkaLink;

/*
 * A producer that reached a broker and, if it is to, may use transactions.
 * What the target points to must outlive it. stop: see there. NULL: failed;
 * *refused (unless refused is NULL): because the brokers allow it no
 * transactions, which will not change by itself.
 */
extern KafkaLink *kafka_link_open(const KafkaTarget *target, int64_t deadline,
								  const atomic_bool *stop, bool *refused,
								  Error *err);

/* Makes the progress topic ready. */
extern MUST_USE bool kafka_link_open_progress(KafkaLink *link,
											  const KafkaProgressPlace *place,
											  Error *err);

/* Safe on NULL. Ends threads: may take two seconds. */
extern void kafka_link_free(KafkaLink *link);

#endif							/* PG_FANOUT_KAFKA_LINK_H */
