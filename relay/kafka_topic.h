/*
 * kafka_topic.h
 *		Topics from their first mention to the first record: created if
 *		missing, then known to librdkafka.
 *
 * Nothing here waits: a topic passes its states in kafka_topics_poll, and is
 * used once it is ready. Brokers that are away delay it; what only a person
 * can change (no right to create it, a replication factor the cluster cannot
 * give, a missing topic with creation switched off) fails.
 */
#ifndef PG_FANOUT_KAFKA_TOPIC_H
#define PG_FANOUT_KAFKA_TOPIC_H

#include <librdkafka/rdkafka.h>

#include "error.h"
#include "kafka_admin.h"
#include "kafka_first.h"
#include "kafka_options.h"

typedef enum KafkaTopicState
{
	KAFKA_TOPIC_CREATE,			/* to be created */
	KAFKA_TOPIC_CREATING,		/* the Admin API was asked */
	KAFKA_TOPIC_ASK,			/* its partitions are to be asked for */
	KAFKA_TOPIC_ASKING,
	KAFKA_TOPIC_MEASURE,		/* its largest record is to be asked for */
	KAFKA_TOPIC_MEASURING,
	KAFKA_TOPIC_READY
} KafkaTopicState;

typedef struct KafkaTopic
{
	char	   *name;
	KafkaTopicState state;
	rd_kafka_topic_t *rkt;		/* NULL before KAFKA_TOPIC_ASK */
	const KafkaTopicPlan *plan;
	int			partitions;		/* once ready; those added later stay unused */
	KafkaFirsts firsts;			/* opaque of rkt; once ready */
	int64_t		max_bytes;		/* max.message.bytes; 0: not known, or not
								 * asked for */
	bool		exists;			/* created, or the broker said so */
	bool		created;		/* by us, just now */
	int			confirmations;	/* in a row: brokers that knew it */
	KafkaAdminAnswer refusal;	/* of its creation; resp 0: none */
	int			attempt;
	int64_t		since;			/* of its first mention, monotonic */
	int64_t		retry_at;		/* not before that time */
} KafkaTopic;

typedef struct KafkaTopics KafkaTopics;

/*
 * rk must outlive it; wake_fd becomes readable when poll is worth calling.
 * NULL: failed.
 */
extern KafkaTopics *kafka_topics_new(rd_kafka_t *rk, int wake_fd,
									 const KafkaOptions *options, Error *err);

/*
 * The topic of that name, new ones on their way. plan NULL: that of the
 * options; else it must live as long. NULL: failed.
 */
extern KafkaTopic *kafka_topics_get(KafkaTopics *topics, const char *name,
									const KafkaTopicPlan *plan, Error *err);

/* Moves those on their way. */
extern MUST_USE bool kafka_topics_poll(KafkaTopics *topics, Error *err);

/* Lowers deadline to the time of the next retry. */
extern void kafka_topics_watch(const KafkaTopics *topics, int64_t *deadline);

/* The name of one that is on its way; NULL: none. */
extern const char *kafka_topics_pending(const KafkaTopics *topics);

extern void kafka_topics_free(KafkaTopics *topics);

#endif							/* PG_FANOUT_KAFKA_TOPIC_H */
