/*
 * kafka_admin.h
 *		Creating topics through the Admin API, and what they take, without
 *		waiting.
 *
 * Answers arrive on a queue; kafka_admin_take reads them. Knows no sink and
 * keeps nothing.
 */
#ifndef PG_FANOUT_KAFKA_ADMIN_H
#define PG_FANOUT_KAFKA_ADMIN_H

#include <librdkafka/rdkafka.h>

#include "error.h"
#include "option.h"

/* How a topic is to be created. */
typedef struct KafkaTopicPlan
{
	int			partitions;		/* -1: broker's default */
	int			replication;	/* -1: broker's default */
	const OptionMap *config;	/* may be NULL */
} KafkaTopicPlan;

typedef struct KafkaAdminAnswer
{
	void	   *opaque;			/* of the request */
	bool		measured;		/* what a topic takes; else one was created */
	int64_t		max_bytes;		/* max.message.bytes, if measured; 0: not
								 * said */
	rd_kafka_resp_err_t resp;
	char		text[256];
} KafkaAdminAnswer;

/*
 * Asks for a topic; dry: only whether it could be. false: the plan is no valid
 * request.
 */
extern MUST_USE bool kafka_admin_create(rd_kafka_t *rk,
										rd_kafka_queue_t *queue,
										const char *topic,
										const KafkaTopicPlan *plan, bool dry,
										void *opaque, Error *err);

/* Asks for the largest batch that the topic takes. */
extern void kafka_admin_measure(rd_kafka_t *rk, rd_kafka_queue_t *queue,
								const char *topic, void *opaque);

/* Whether an answer came within that time. */
extern bool kafka_admin_take(rd_kafka_queue_t *queue, int timeout_ms,
							 KafkaAdminAnswer *answer);

#endif							/* PG_FANOUT_KAFKA_ADMIN_H */
