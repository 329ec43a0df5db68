/*
 * sink_kafka_check.c
 *		What --check tries of a Kafka sink. See sink_kafka.h.
 */
#include "sink_kafka.h"

#include <stdio.h>

#include "clock.h"
#include "kafka_error.h"
#include "log.h"

/*
 * Whether topics of that plan could be created; a missing right is no failure.
 */
static bool
sink_kafka_try_create(SinkKafka *sink, int64_t deadline, Error *err)
{
	KafkaTopicPlan plan = {
		(int) sink->options->partitions, (int) sink->options->replication,
		&sink->options->topic_config
	};
	rd_kafka_queue_t *queue = rd_kafka_queue_new(sink->link->client.rk);
	KafkaAdminAnswer answer = {.resp = RD_KAFKA_RESP_ERR__TIMED_OUT};
	bool		ok;

	ok = kafka_admin_create(sink->link->client.rk, queue, "__pg_fanout.check", &plan,
							true, NULL, err);
	if (ok)
		(void) kafka_admin_take(queue, clock_ms_until(deadline), &answer);
	rd_kafka_queue_destroy(queue);
	if (!ok || answer.resp == RD_KAFKA_RESP_ERR_NO_ERROR ||
		answer.resp == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
		return ok;
	if (kafka_error_denied(answer.resp))
	{
		log_warning("kafka: no right to create a topic \"__pg_fanout.check\": topics outside your rights, and the progress topic, must exist");
		return true;
	}
	return kafka_error_set(err, ERROR_SINK_SETUP, answer.resp, answer.text,
						   "topics cannot be created");
}

bool
sink_kafka_check(Sink *base, Error *err)
{
	SinkKafka  *sink = (SinkKafka *) base;
	int64_t		deadline = clock_now() + sink->options->connect_timeout;

	if (sink->oversize.claims != NULL &&
		!kafka_claims_check(sink->oversize.claims, err))
		return false;
	if (kafka_target_is_mock(&sink->target))
		return true;

	/*
	 * Not the true id: a producer of that one would end the transaction of a
	 * relay at work. Who may not use this one is warned.
	 */
	snprintf(sink->transactional_id, sizeof(sink->transactional_id),
			 "pg_fanout.check");
	if (sink->link == NULL &&
		!sink_kafka_open(sink, deadline, NULL, true, err))
		return false;
	return !sink->options->create_topics ||
		sink_kafka_try_create(sink, deadline, err);
}
