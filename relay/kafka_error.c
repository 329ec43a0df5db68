/*
 * kafka_error.c
 *		What librdkafka and brokers answer, as our errors with a hint.
 */
#include "kafka_error.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

typedef struct KafkaHint
{
	rd_kafka_resp_err_t resp;
	const char *hint;
} KafkaHint;

static const KafkaHint kafka_hints[] = {
	{RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
		"Raise message_max_bytes here and max.message.bytes of the topic (the broker checks after compression), leave the column out of the publication, or set oversize=claim-check or oversize=dead-letter."},
	{RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE,
	"The batch is larger than the broker takes: raise max.message.bytes of the topic or lower kafka.batch.size."},
	{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
	"Grant the user Write and Describe on the topic, and Create where it is to create it."},
	{RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
	"Grant the user Create and IdempotentWrite on the cluster (brokers before 2.8 need the latter), or create the topics beforehand."},
	{RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
	"Create the topic, or let the sink do it with create_topics=on."},
	{RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
	"The topic was deleted: create it, or let the sink do it with create_topics=on."},
	{RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
	"The topic lost partitions while in use: start again once it has settled."},
	{RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR,
	"Set replication to at most the number of brokers that are up."},
	{RD_KAFKA_RESP_ERR_INVALID_PARTITIONS,
	"Set partitions to a number the broker allows, or -1 for its default."},
	{RD_KAFKA_RESP_ERR_INVALID_CONFIG,
	"Look at the topic_config settings: the broker refuses one of them."},
	{RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
	"The broker's create.topic.policy refuses such a topic: change partitions, replication or topic_config, or create it beforehand."},
	{RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION,
	"A topic's name has 1 to 249 of the characters a-z A-Z 0-9 . _ -: change the topic template or the prefix."},
	{RD_KAFKA_RESP_ERR__AUTHENTICATION,
	"Look at sasl_mechanism, sasl_username and sasl_password, and that the listener speaks this security_protocol."},
	{RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
	"Look at sasl_mechanism, sasl_username and sasl_password."},
	{RD_KAFKA_RESP_ERR__SSL,
	"Look at ssl_ca_location and that the certificate names the host of the URL."},
	{RD_KAFKA_RESP_ERR__RESOLVE,
	"Look at the host names of the URL and at the brokers' advertised.listeners."},
	{RD_KAFKA_RESP_ERR__TRANSPORT,
	"Look whether the brokers run, at the hosts and ports of the URL, and at security_protocol."},
	{RD_KAFKA_RESP_ERR__TIMED_OUT,
	"Look whether the brokers run, at the hosts and ports of the URL, and at security_protocol."},
	{RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
	"Look whether the brokers run, at the hosts and ports of the URL, and at security_protocol."},
	{RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
	"Grant the user Write and Describe on the transactional id pg_fanout.SYSTEM.SLOT.SINK.PREFIX; without transactions, IdempotentWrite on the cluster."},
	{RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT,
	"Set transaction_timeout to at most the brokers' transaction.max.timeout.ms."},
	{RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
	"The broker takes no record that is stamped too far ahead of its own clock (message.timestamp.after.max.ms, an hour): set the clock of this machine."},
	{RD_KAFKA_RESP_ERR__FATAL,
	"Start again: the records since the last checkpoint are sent once more."},
};

static const char *
kafka_error_hint(rd_kafka_resp_err_t resp)
{
	for (size_t i = 0; i < sizeof(kafka_hints) / sizeof(kafka_hints[0]); i++)
		if (kafka_hints[i].resp == resp)
			return kafka_hints[i].hint;
	return NULL;
}

/* Details are sentences. */
static void
kafka_error_describe(Error *err, const char *text)
{
	size_t		length = strlen(text);

	while (length > 0 && strchr(" \t\r\n.", text[length - 1]) != NULL)
		length--;
	if (length == 0)
		return;
	error_detail(err, "Kafka says: %c%.*s.", toupper((unsigned char) text[0]),
				 (int) length - 1, text + 1);
}

bool
kafka_error_set(Error *err, ErrorCode code, rd_kafka_resp_err_t resp,
				const char *text, const char *format,...)
{
	char		message[ERROR_TEXT_SIZE];
	const char *hint = kafka_error_hint(resp);
	va_list		args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	error_set(err, code, "%s", message);
	kafka_error_describe(err, text != NULL && text[0] != '\0' ? text :
						 rd_kafka_err2str(resp));
	if (hint != NULL)
		error_hint(err, "%s", hint);
	return kafka_error_passes(resp) ? error_retriable(err) : false;
}

bool
kafka_error_passes(rd_kafka_resp_err_t resp)
{
	switch (resp)
	{
		case RD_KAFKA_RESP_ERR__TIMED_OUT:
		case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
		case RD_KAFKA_RESP_ERR__TRANSPORT:
		case RD_KAFKA_RESP_ERR__WAIT_COORD:
		case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
		case RD_KAFKA_RESP_ERR__RESOLVE:
		case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
		case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
		case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
		case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
		case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
		case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
		case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
		case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
		case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
		case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
		case RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED:
		case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
		case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
			return true;
		default:
			return false;
	}
}

bool
kafka_error_topic_gone(rd_kafka_resp_err_t resp)
{
	return resp == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
		resp == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
		resp == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

bool
kafka_error_denied(rd_kafka_resp_err_t resp)
{
	return resp == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
		resp == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
}

bool
kafka_error_stays(rd_kafka_resp_err_t resp)
{
	return kafka_error_denied(resp) ||
		resp == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP;
}
