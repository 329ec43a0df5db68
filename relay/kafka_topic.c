/*
 * kafka_topic.c
 *		Topics from their first mention to the first record.
 *
 * Creation comes first and the question for partitions second: with the broker
 * creating topics by itself, a question could bring the topic to life with the
 * wrong number of partitions. Who may not create may still use what exists, so
 * a refusal counts only once the topic proves missing.
 */
#include "kafka_topic.h"

#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "clock.h"
#include "kafka_error.h"
#include "kafka_partition.h"
#include "kafka_warm.h"
#include "log.h"

#define KAFKA_TOPICS_MAX		100000
#define KAFKA_TOPICS_FIRST_SIZE 64	/* slots, a power of two */

/* How long brokers may not know a topic that was created, or was not. */
#define KAFKA_TOPIC_PROPAGATION (30 * CLOCK_SECOND)
#define KAFKA_TOPIC_MISSING		(2 * CLOCK_SECOND)

/*
 * In a cluster a topic is used once so many answers per broker, at most that
 * many, and that far apart, knew it.
 */
#define KAFKA_TOPIC_CONFIRMATIONS	3
#define KAFKA_TOPIC_CONFIRMATIONS_MAX 15
#define KAFKA_TOPIC_SETTLE		(10 * CLOCK_MS)

struct KafkaTopics
{
	rd_kafka_t *rk;
	rd_kafka_mock_cluster_t *mock;	/* kafka://mock, else NULL */
	rd_kafka_queue_t *answers;	/* of the Admin API */
	KafkaWarm  *warm;
	bool		create;
	bool		measure;		/* what topics take is asked for */
	bool		blind;			/* we may not know: warned of */
	KafkaTopicPlan plan;
	KafkaTopic **slots;			/* hash table, open addressing */
	size_t		capacity;
	size_t		count;
	size_t		pending;		/* those not ready */
	KafkaTopic *last;			/* the one looked up last */
};

static const uint64_t kafka_wake_payload = 1;

KafkaTopics *
kafka_topics_new(rd_kafka_t *rk, int wake_fd, const KafkaOptions *options,
				 Error *err)
{
	KafkaTopics *topics = calloc(1, sizeof(*topics));

	if (topics == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	topics->rk = rk;
	topics->mock = rd_kafka_handle_mock_cluster(rk);
	topics->create = options->create_topics;
	topics->measure = options->oversize != KAFKA_OVERSIZE_STOP &&
		topics->mock == NULL;
	topics->plan.partitions = (int) options->partitions;
	topics->plan.replication = (int) options->replication;
	topics->plan.config = &options->topic_config;
	topics->answers = rd_kafka_queue_new(rk);
	rd_kafka_queue_io_event_enable(topics->answers, wake_fd,
								   &kafka_wake_payload,
								   sizeof(kafka_wake_payload));
	topics->capacity = KAFKA_TOPICS_FIRST_SIZE;
	topics->slots = calloc(topics->capacity, sizeof(KafkaTopic *));
	topics->warm = kafka_warm_start(rk, wake_fd, err);
	if (topics->slots != NULL && topics->warm != NULL)
		return topics;
	if (topics->slots == NULL)
		error_no_memory(err);
	kafka_topics_free(topics);
	return NULL;
}

static void
topic_free(KafkaTopic *topic)
{
	if (topic == NULL)
		return;
	if (topic->rkt != NULL)
		rd_kafka_topic_destroy(topic->rkt);
	kafka_firsts_free(&topic->firsts);
	free(topic->name);
	free(topic);
}

void
kafka_topics_free(KafkaTopics *topics)
{
	if (topics == NULL)
		return;
	kafka_warm_stop(topics->warm);
	for (size_t i = 0; topics->slots != NULL && i < topics->capacity; i++)
		topic_free(topics->slots[i]);
	free(topics->slots);
	rd_kafka_queue_destroy(topics->answers);
	free(topics);
}

/* The slot that holds the name, or the free one where it belongs. */
static KafkaTopic **
topics_slot(const KafkaTopics *topics, const char *name)
{
	size_t		mask = topics->capacity - 1;
	size_t		slot = kafka_partition_hash("", name) & mask;

	while (topics->slots[slot] != NULL &&
		   strcmp(topics->slots[slot]->name, name) != 0)
		slot = (slot + 1) & mask;
	return &topics->slots[slot];
}

static bool
topics_grow(KafkaTopics *topics, Error *err)
{
	KafkaTopic **old = topics->slots;
	size_t		old_capacity = topics->capacity;

	if (topics->count >= KAFKA_TOPICS_MAX)
	{
		error_set(err, ERROR_RECORD, "more than %d topics", KAFKA_TOPICS_MAX);
		return error_hint(err,
			"Let the topic template send several tables to one topic.");
	}
	if (topics->count * 2 < topics->capacity)
		return true;
	topics->slots = calloc(old_capacity * 2, sizeof(KafkaTopic *));
	if (topics->slots == NULL)
	{
		topics->slots = old;
		return error_no_memory(err);
	}
	topics->capacity = old_capacity * 2;
	for (size_t i = 0; i < old_capacity; i++)
		if (old[i] != NULL)
			*topics_slot(topics, old[i]->name) = old[i];
	free(old);
	return true;
}

static KafkaTopic *
topics_add(KafkaTopics *topics, const char *name, const KafkaTopicPlan *plan,
		   Error *err)
{
	KafkaTopic *topic;

	if (!topics_grow(topics, err))
		return NULL;
	topic = calloc(1, sizeof(*topic));
	if (topic == NULL || (topic->name = strdup(name)) == NULL)
	{
		free(topic);
		error_no_memory(err);
		return NULL;
	}
	topic->plan = plan != NULL ? plan : &topics->plan;
	topic->since = clock_now();
	topic->state = topics->create || topics->mock != NULL ?
		KAFKA_TOPIC_CREATE : KAFKA_TOPIC_ASK;
	*topics_slot(topics, name) = topic;
	topics->count++;
	topics->pending++;
	return topic;
}

KafkaTopic *
kafka_topics_get(KafkaTopics *topics, const char *name,
				 const KafkaTopicPlan *plan, Error *err)
{
	KafkaTopic *topic = topics->last;

	if (topic != NULL && strcmp(topic->name, name) == 0)
		return topic;
	topic = *topics_slot(topics, name);
	if (topic == NULL)
	{
		topic = topics_add(topics, name, plan, err);
		if (topic == NULL || !kafka_topics_poll(topics, err))
			return NULL;
	}
	topics->last = topic;
	return topic;
}

static void
topic_retry(KafkaTopic *topic, KafkaTopicState state)
{
	topic->state = state;
	topic->attempt++;
	topic->retry_at = clock_now() +
		clock_backoff(topic->attempt, 20 * CLOCK_MS, 2 * CLOCK_SECOND);
}

static void
topic_next(KafkaTopic *topic, KafkaTopicState state)
{
	topic->state = state;
	topic->attempt = 0;
	topic->retry_at = 0;
}

static bool
topic_created(KafkaTopic *topic, const KafkaAdminAnswer *answer, Error *err)
{
	if (answer->resp == RD_KAFKA_RESP_ERR_NO_ERROR ||
		answer->resp == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
	{
		if (answer->resp == RD_KAFKA_RESP_ERR_NO_ERROR)
			log_info("kafka: created topic \"%s\"", topic->name);
		topic->created = answer->resp == RD_KAFKA_RESP_ERR_NO_ERROR;
		topic->exists = true;
		topic->since = clock_now();
		topic_next(topic, KAFKA_TOPIC_ASK);
		return true;
	}
	if (kafka_error_passes(answer->resp))
	{
		log_debug("kafka: topic \"%s\" not created yet: %s", topic->name,
				  answer->text);
		topic_retry(topic, KAFKA_TOPIC_CREATE);
		return true;
	}
	if (kafka_error_denied(answer->resp) ||
		answer->resp == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE)
	{
		topic->refusal = *answer;
		topic->since = clock_now();
		topic_next(topic, KAFKA_TOPIC_ASK);
		return true;
	}
	return kafka_error_set(err, ERROR_SINK_SETUP, answer->resp, answer->text,
						   "topic \"%s\" could not be created", topic->name);
}

static bool
topic_missing(const KafkaTopic *topic, Error *err)
{
	if (topic->refusal.resp != RD_KAFKA_RESP_ERR_NO_ERROR)
		return kafka_error_set(err, ERROR_SINK_SETUP, topic->refusal.resp,
							   topic->refusal.text,
			"topic \"%s\" does not exist and could not be created",
							   topic->name);
	return kafka_error_set(err, ERROR_SINK_SETUP,
						   RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, NULL,
						   "topic \"%s\" does not exist", topic->name);
}

static void
topic_usable(KafkaTopics *topics, KafkaTopic *topic)
{
	topic_next(topic, KAFKA_TOPIC_READY);
	topics->pending--;
}

/* Who may not know what a topic takes goes by message_max_bytes alone. */
static void
topic_measured(KafkaTopics *topics, KafkaTopic *topic,
			   const KafkaAdminAnswer *answer)
{
	if (kafka_error_passes(answer->resp))
	{
		topic_retry(topic, KAFKA_TOPIC_MEASURE);
		return;
	}
	if (answer->resp != RD_KAFKA_RESP_ERR_NO_ERROR && !topics->blind)
	{
		log_warning("kafka: max.message.bytes of topic \"%s\" and others is not known (%s): only what is larger than message_max_bytes counts as too large",
					topic->name, answer->text);
		topics->blind = true;
	}
	topic->max_bytes = answer->max_bytes;
	topic_usable(topics, topic);
}

static bool
topic_ready(KafkaTopics *topics, KafkaTopic *topic, int partitions, Error *err)
{
	if (!kafka_firsts_init(&topic->firsts, partitions, err))
		return false;
	topic->partitions = partitions;
	if (topics->measure)
		topic_next(topic, KAFKA_TOPIC_MEASURE);
	else
		topic_usable(topics, topic);
	if (topic->plan->partitions > 0 && topic->plan->partitions != partitions)
		log_warning("kafka: topic \"%s\" has %d partitions, not %d; it is used as it is",
					topic->name, partitions, topic->plan->partitions);
	return true;
}

/*
 * Brokers hear one after another of a topic that was just created, and an
 * answer goes to any of them. librdkafka gives up the records of a topic that
 * one broker knew and the next does not, so answers are collected first.
 */
static bool
topic_settled(KafkaTopic *topic, int brokers)
{
	int			enough = brokers * KAFKA_TOPIC_CONFIRMATIONS;

	if (!topic->created || brokers < 2)
		return true;
	if (enough > KAFKA_TOPIC_CONFIRMATIONS_MAX)
		enough = KAFKA_TOPIC_CONFIRMATIONS_MAX;
	if (++topic->confirmations >= enough)
		return true;
	topic->state = KAFKA_TOPIC_ASK;
	topic->retry_at = clock_now() + KAFKA_TOPIC_SETTLE;
	return false;
}

static bool
topic_answered(KafkaTopics *topics, KafkaTopic *topic,
			   const KafkaWarmAnswer *answer, Error *err)
{
	int64_t		patience =
		topic->exists ? KAFKA_TOPIC_PROPAGATION : KAFKA_TOPIC_MISSING;

	if (answer->resp == RD_KAFKA_RESP_ERR_NO_ERROR && answer->partitions > 0)
	{
		return !topic_settled(topic, answer->brokers) ||
			topic_ready(topics, topic, answer->partitions, err);
	}
	topic->confirmations = 0;
	if (answer->resp == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART &&
		clock_now() - topic->since > patience)
		return topic_missing(topic, err);
	if (answer->resp != RD_KAFKA_RESP_ERR_NO_ERROR &&
		answer->resp != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART &&
		!kafka_error_passes(answer->resp))
		return kafka_error_set(err, ERROR_SINK_SETUP, answer->resp, NULL,
							   "topic \"%s\" cannot be used", topic->name);
	topic_retry(topic, KAFKA_TOPIC_ASK);
	return true;
}

/* In process: no Admin API, but the cluster's own handle. */
static bool
topic_create_mock(KafkaTopics *topics, KafkaTopic *topic, Error *err)
{
	KafkaAdminAnswer answer = {.opaque = topic};
	int			partitions = topic->plan->partitions;

	answer.resp = rd_kafka_mock_topic_create(topics->mock, topic->name,
											 partitions > 0 ? partitions : 1,
											 1);
	return topic_created(topic, &answer, err);
}

static bool
topic_create(KafkaTopics *topics, KafkaTopic *topic, Error *err)
{
	if (topics->mock != NULL)
		return topic_create_mock(topics, topic, err);
	topic->state = KAFKA_TOPIC_CREATING;
	return kafka_admin_create(topics->rk, topics->answers, topic->name,
							  topic->plan, false, topic, err);
}

static rd_kafka_topic_t *
topic_handle(KafkaTopics *topics, KafkaTopic *topic)
{
	rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(topics->rk);

	rd_kafka_topic_conf_set_opaque(conf, &topic->firsts);
	return rd_kafka_topic_new(topics->rk, topic->name, conf);
}

static bool
topic_ask(KafkaTopics *topics, KafkaTopic *topic, Error *err)
{
	if (topic->rkt == NULL)
		topic->rkt = topic_handle(topics, topic);
	if (topic->rkt == NULL)
		return kafka_error_set(err, ERROR_SINK_SETUP, rd_kafka_last_error(),
							   NULL,
							   "topic \"%s\" cannot be used", topic->name);
	if (kafka_warm_ask(topics->warm, topic->rkt))
		topic->state = KAFKA_TOPIC_ASKING;
	return true;
}

static bool
topic_step(KafkaTopics *topics, KafkaTopic *topic, Error *err)
{
	if (topic->retry_at > clock_now())
		return true;
	if (topic->state == KAFKA_TOPIC_CREATE &&
		!topic_create(topics, topic, err))
		return false;
	if (topic->state == KAFKA_TOPIC_ASK)
		return topic_ask(topics, topic, err);
	if (topic->state == KAFKA_TOPIC_MEASURE)
	{
		topic->state = KAFKA_TOPIC_MEASURING;
		kafka_admin_measure(topics->rk, topics->answers, topic->name, topic);
	}
	return true;
}

static bool
topics_take_answers(KafkaTopics *topics, Error *err)
{
	KafkaAdminAnswer created;
	KafkaWarmAnswer warmed;

	while (kafka_admin_take(topics->answers, 0, &created))
	{
		if (created.measured)
			topic_measured(topics, created.opaque, &created);
		else if (!topic_created(created.opaque, &created, err))
			return false;
	}
	while (kafka_warm_take(topics->warm, &warmed))
	{
		KafkaTopic *topic =
			*topics_slot(topics, rd_kafka_topic_name(warmed.topic));

		if (!topic_answered(topics, topic, &warmed, err))
			return false;
	}
	return true;
}

bool
kafka_topics_poll(KafkaTopics *topics, Error *err)
{
	if (topics->pending == 0)
		return true;
	if (!topics_take_answers(topics, err))
		return false;
	for (size_t i = 0; topics->pending > 0 && i < topics->capacity; i++)
	{
		KafkaTopic *topic = topics->slots[i];

		if (topic != NULL && !topic_step(topics, topic, err))
			return false;
	}
	return true;
}

static const KafkaTopic *
topics_first_pending(const KafkaTopics *topics)
{
	for (size_t i = 0; topics->pending > 0 && i < topics->capacity; i++)
		if (topics->slots[i] != NULL &&
			topics->slots[i]->state != KAFKA_TOPIC_READY)
			return topics->slots[i];
	return NULL;
}

void
kafka_topics_watch(const KafkaTopics *topics, int64_t *deadline)
{
	for (size_t i = 0; topics->pending > 0 && i < topics->capacity; i++)
	{
		const KafkaTopic *topic = topics->slots[i];

		if (topic != NULL && topic->retry_at != 0 &&
			topic->retry_at < *deadline)
			*deadline = topic->retry_at;
	}
}

const char *
kafka_topics_pending(const KafkaTopics *topics)
{
	const KafkaTopic *topic = topics_first_pending(topics);

	return topic != NULL ? topic->name : NULL;
}
