/*
 * kafka_admin.c
 *		Creating topics through the Admin API, without waiting.
 */
#include "kafka_admin.h"

#include <stdlib.h>
#include <string.h>

#include "kafka_error.h"

/* Milliseconds a request may take before it is made again. */
#define KAFKA_ADMIN_TIMEOUT	10000

static rd_kafka_NewTopic_t *
admin_new_topic(const char *topic, const KafkaTopicPlan *plan, Error *err)
{
	char		text[256] = "";
	rd_kafka_NewTopic_t *request;

	request = rd_kafka_NewTopic_new(topic, plan->partitions, plan->replication,
									text, sizeof(text));
	if (request == NULL)
	{
		kafka_error_set(err, ERROR_SINK_SETUP, RD_KAFKA_RESP_ERR__INVALID_ARG,
						text, "topic \"%s\" cannot be created", topic);
		return NULL;
	}
	for (size_t i = 0; plan->config != NULL && i < plan->config->count; i++)
	{
		rd_kafka_resp_err_t resp;

		resp = rd_kafka_NewTopic_set_config(request,
											plan->config->pairs[i].name,
											plan->config->pairs[i].value);
		if (resp == RD_KAFKA_RESP_ERR_NO_ERROR)
			continue;
		kafka_error_set(err, ERROR_USAGE, resp, NULL, "bad topic_config.%s",
						plan->config->pairs[i].name);
		rd_kafka_NewTopic_destroy(request);
		return NULL;
	}
	return request;
}

static rd_kafka_AdminOptions_t *
admin_new_options(rd_kafka_t *rk, bool dry, void *opaque)
{
	rd_kafka_AdminOptions_t *options;

	options = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	rd_kafka_AdminOptions_set_request_timeout(options, KAFKA_ADMIN_TIMEOUT,
											  NULL, 0);
	rd_kafka_AdminOptions_set_operation_timeout(options, KAFKA_ADMIN_TIMEOUT,
												NULL, 0);
	rd_kafka_AdminOptions_set_validate_only(options, dry, NULL, 0);
	rd_kafka_AdminOptions_set_opaque(options, opaque);
	return options;
}

bool
kafka_admin_create(rd_kafka_t *rk, rd_kafka_queue_t *queue, const char *topic,
				   const KafkaTopicPlan *plan, bool dry, void *opaque,
				   Error *err)
{
	rd_kafka_NewTopic_t *request = admin_new_topic(topic, plan, err);
	rd_kafka_AdminOptions_t *options;

	if (request == NULL)
		return false;
	options = admin_new_options(rk, dry, opaque);
	rd_kafka_CreateTopics(rk, &request, 1, options, queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_NewTopic_destroy(request);
	return true;
}

void
kafka_admin_measure(rd_kafka_t *rk, rd_kafka_queue_t *queue, const char *topic,
					void *opaque)
{
	rd_kafka_AdminOptions_t *options =
		rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	rd_kafka_ConfigResource_t *resource =
		rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);

	rd_kafka_AdminOptions_set_request_timeout(options, KAFKA_ADMIN_TIMEOUT,
											  NULL, 0);
	rd_kafka_AdminOptions_set_opaque(options, opaque);
	rd_kafka_DescribeConfigs(rk, &resource, 1, options, queue);
	rd_kafka_ConfigResource_destroy(resource);
	rd_kafka_AdminOptions_destroy(options);
}

static int64_t
admin_find_limit(const rd_kafka_ConfigResource_t *resource)
{
	size_t		count;
	const rd_kafka_ConfigEntry_t **entries =
		rd_kafka_ConfigResource_configs(resource, &count);

	for (size_t i = 0; i < count; i++)
	{
		const char *value = rd_kafka_ConfigEntry_value(entries[i]);

		if (value != NULL && strcmp(rd_kafka_ConfigEntry_name(entries[i]),
									"max.message.bytes") == 0)
			return strtoll(value, NULL, 10);
	}
	return 0;
}

static void
admin_read_limit(rd_kafka_event_t *event, KafkaAdminAnswer *answer)
{
	const rd_kafka_DescribeConfigs_result_t *result;
	const rd_kafka_ConfigResource_t **resources = NULL;
	const char *text = rd_kafka_event_error_string(event);
	size_t		count = 0;

	*answer = (KafkaAdminAnswer) {.opaque = rd_kafka_event_opaque(event),
	.measured = true, .resp = rd_kafka_event_error(event)};
	result = rd_kafka_event_DescribeConfigs_result(event);
	if (answer->resp == RD_KAFKA_RESP_ERR_NO_ERROR && result != NULL)
		resources = rd_kafka_DescribeConfigs_result_resources(result, &count);
	if (count > 0)
	{
		answer->resp = rd_kafka_ConfigResource_error(resources[0]);
		text = rd_kafka_ConfigResource_error_string(resources[0]);
		answer->max_bytes = admin_find_limit(resources[0]);
	}
	snprintf(answer->text, sizeof(answer->text), "%s",
			 text != NULL ? text : rd_kafka_err2str(answer->resp));
}

static void
admin_read(rd_kafka_event_t *event, KafkaAdminAnswer *answer)
{
	const rd_kafka_CreateTopics_result_t *result;
	const rd_kafka_topic_result_t **topics = NULL;
	const char *text = rd_kafka_event_error_string(event);
	size_t		count = 0;

	*answer = (KafkaAdminAnswer) {.opaque = rd_kafka_event_opaque(event),
	.resp = rd_kafka_event_error(event)};
	result = rd_kafka_event_CreateTopics_result(event);
	if (answer->resp == RD_KAFKA_RESP_ERR_NO_ERROR && result != NULL)
		topics = rd_kafka_CreateTopics_result_topics(result, &count);
	if (count > 0)
	{
		answer->resp = rd_kafka_topic_result_error(topics[0]);
		text = rd_kafka_topic_result_error_string(topics[0]);
	}
	snprintf(answer->text, sizeof(answer->text), "%s",
			 text != NULL ? text : "");
}

bool
kafka_admin_take(rd_kafka_queue_t *queue, int timeout_ms,
				 KafkaAdminAnswer *answer)
{
	for (;;)
	{
		rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms);
		rd_kafka_event_type_t type;
		bool		ours;

		if (event == NULL)
			return false;
		type = rd_kafka_event_type(event);
		ours = type == RD_KAFKA_EVENT_CREATETOPICS_RESULT ||
			type == RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT;
		if (type == RD_KAFKA_EVENT_CREATETOPICS_RESULT)
			admin_read(event, answer);
		else if (ours)
			admin_read_limit(event, answer);
		rd_kafka_event_destroy(event);
		if (ours)
			return true;
	}
}
