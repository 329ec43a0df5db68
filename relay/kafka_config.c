/*
 * kafka_config.c
 *		librdkafka's configuration, made of the sink's options.
 */
#include "kafka_config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

/*
 * Properties whose wrong value would lose, double or reorder records, leak a
 * secret, or contradict an option of ours.
 */
typedef struct KafkaGuard
{
	const char *property;
	const char *allowed[4];		/* values that do no harm */
	const char *reason;			/* a sentence: the hint */
} KafkaGuard;

#define WHY_URL		"The brokers are those of the URL: kafka://host:port,host:port."
#define WHY_LOSS	"A record that is given up would be lost or overtaken: the sink waits for the broker instead."
#define WHY_ORDER	"Records of one key must keep their order, and Java clients expect murmur2; consistent, murmur2 and fnv1a are allowed."
#define WHY_ONE		"With more than one request on its way, records that a broker refused may count as stored."
#define WHY_SECRET	"Secrets have an option of their own, so that the file that holds them can be checked: "

static const KafkaGuard kafka_guards[] = {
	{"bootstrap.servers", {NULL}, WHY_URL},
	{"metadata.broker.list", {NULL}, WHY_URL},
	{"acks", {"all", "-1"}, WHY_LOSS},
	{"request.required.acks", {"all", "-1"}, WHY_LOSS},
	{"enable.idempotence", {"true"},
	"Without it a retry doubles and reorders records."},
	{"message.timeout.ms", {"0"}, WHY_LOSS},
	{"delivery.timeout.ms", {"0"}, WHY_LOSS},
	{"retries", {"2147483647"}, WHY_LOSS},
	{"message.send.max.retries", {"2147483647"}, WHY_LOSS},
	{"max.in.flight", {"1"}, WHY_ONE},
	{"max.in.flight.requests.per.connection", {"1"}, WHY_ONE},
	{"queuing.strategy", {"fifo"}, WHY_ORDER},
	{"partitioner", {"consistent", "murmur2", "fnv1a"}, WHY_ORDER},
	{"sticky.partitioning.linger.ms", {"0"}, WHY_ORDER},
	{"delivery.report.only.error", {"false"},
	"The sink must hear of every record that is stored."},
	{"transactional.id", {NULL},
	"The delivery option decides about transactions."},
	{"transaction.timeout.ms", {NULL}, "Use transaction_timeout."},
	{"allow.auto.create.topics", {NULL},
	"Use create_topics, partitions and replication."},
	{"log.queue", {"true"}, "The relay's log has one thread."},
	{"sasl.password", {NULL}, WHY_SECRET "sasl_password."},
	{"ssl.key.password", {NULL}, WHY_SECRET "ssl_key_password."},
	{"ssl.keystore.password", {NULL}, WHY_SECRET "ssl_keystore_password."},
	{"ssl.key.pem", {NULL}, WHY_SECRET "ssl_key_location."},
	{"sasl.oauthbearer.client.secret", {NULL},
	WHY_SECRET "sasl_oauthbearer_client_secret."},
};

static bool
config_guard_allows(const KafkaGuard *guard, const char *value)
{
	for (size_t i = 0; i < sizeof(guard->allowed) / sizeof(guard->allowed[0]);
		 i++)
		if (guard->allowed[i] != NULL && strcmp(guard->allowed[i], value) == 0)
			return true;
	return false;
}

static bool
config_check_guards(const char *property, const char *value, Error *err)
{
	for (size_t i = 0; i < sizeof(kafka_guards) / sizeof(kafka_guards[0]); i++)
	{
		const KafkaGuard *guard = &kafka_guards[i];

		if (strcmp(guard->property, property) != 0 ||
			config_guard_allows(guard, value))
			continue;
		error_set(err, ERROR_USAGE, "kafka.%s cannot be set%s", property,
				  guard->allowed[0] != NULL ? " to this value" : "");
		return error_hint(err, "%s", guard->reason);
	}
	return true;
}

static bool
config_set(rd_kafka_conf_t *conf, const char *name, const char *value,
		   Error *err)
{
	char		text[256];

	if (value == NULL)
		return true;
	if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) ==
		RD_KAFKA_CONF_OK)
		return true;
	error_set(err, ERROR_USAGE, "librdkafka refuses kafka.%s", name);
	error_detail(err, "librdkafka %s says: %s.", rd_kafka_version_str(), text);
	return error_hint(err,
		"The properties are listed in librdkafka's CONFIGURATION.md.");
}

static bool
config_set_number(rd_kafka_conf_t *conf, const char *name, int64_t value,
				  Error *err)
{
	char		text[32];

	snprintf(text, sizeof(text), "%" PRId64, value);
	return config_set(conf, name, text, err);
}

/* A property that older versions of librdkafka do not know. */
static void
config_set_if_known(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	(void) rd_kafka_conf_set(conf, name, value, NULL, 0);
}

static bool
config_add_security(rd_kafka_conf_t *conf, const KafkaOptions *options,
					Error *err)
{
	const char *protocol = kafka_security_words[options->security_protocol];

	return config_set(conf, "security.protocol", protocol, err) &&
		config_set(conf, "sasl.mechanisms", options->sasl_mechanism, err) &&
		config_set(conf, "sasl.username", options->sasl_username, err) &&
		config_set(conf, "sasl.password", options->sasl_password, err) &&
		config_set(conf, "sasl.oauthbearer.client.secret",
				   options->sasl_oauthbearer_client_secret, err) &&
		config_set(conf, "ssl.ca.location", options->ssl_ca_location, err) &&
		config_set(conf, "ssl.certificate.location",
				   options->ssl_certificate_location, err) &&
		config_set(conf, "ssl.key.location", options->ssl_key_location, err) &&
		config_set(conf, "ssl.key.password", options->ssl_key_password, err) &&
		config_set(conf, "ssl.keystore.location",
				   options->ssl_keystore_location, err) &&
		config_set(conf, "ssl.keystore.password",
				   options->ssl_keystore_password, err);
}

static bool
config_add_properties(rd_kafka_conf_t *conf, const OptionMap *properties,
					  Error *err)
{
	for (size_t i = 0; i < properties->count; i++)
	{
		const OptionPair *pair = &properties->pairs[i];

		if (!config_check_guards(pair->name, pair->value, err) ||
			!config_set(conf, pair->name, pair->value, err))
			return false;
		if (strcmp(pair->name, "ssl.endpoint.identification.algorithm") == 0 &&
			strcmp(pair->value, "none") == 0)
			log_warning("kafka: brokers' certificates are not checked against their names: anyone with a certificate can pose as a broker");
	}
	return true;
}

static bool
config_add_common(rd_kafka_conf_t *conf, const KafkaTarget *target, Error *err)
{
	config_set_if_known(conf, "enable.metrics.push", "false");
	config_set_if_known(conf, "client.software.name", "pg_fanout");

	/*
	 * Behind a broker that stands still, all that goes to it waits so long.
	 */
	if (!config_set(conf, "socket.timeout.ms", "15000", err))
		return false;

	/* Their log calls come from their threads: ours is for one thread. */
	return config_set(conf, "log.queue", "true", err) &&
		config_set(conf, "socket.keepalive.enable", "true", err) &&
		config_set(conf, "client.id", target->client_id, err) &&
		config_add_security(conf, target->options, err);
}

/* The mock listens inside the producer; everyone else is told where. */
static bool
config_add_brokers(rd_kafka_conf_t *conf, const KafkaTarget *target,
				   Error *err)
{
	if (kafka_target_is_mock(target))
		return config_set(conf, "test.mock.num.brokers", "1", err) &&
			config_set(conf, "allow.auto.create.topics", "true", err);
	return config_set(conf, "bootstrap.servers", target->brokers, err) &&
		config_set(conf, "allow.auto.create.topics", "false", err);
}

/*
 * One request at a time to each broker. Where a producer has stored nothing
 * yet, a broker takes any sequence number: if it refuses the first request to
 * a partition (it does not know yet that it leads, or lacks replicas) and
 * takes the second, librdkafka concludes that the first was stored too and
 * acknowledges records that are nowhere (rd_kafka_dr_implicit_ack; in all
 * versions up to now). It counts a request as over before it puts refused
 * records back, so that this alone leaves a gap: see kafka_first.h.
 */
static bool
config_add_delivery(rd_kafka_conf_t *conf, Error *err)
{
	return config_set(conf, "enable.idempotence", "true", err) &&
		config_set(conf, "acks", "all", err) &&
		config_set(conf, "message.timeout.ms", "0", err) &&
		config_set(conf, "max.in.flight", "1", err) &&
		config_set(conf, "sticky.partitioning.linger.ms", "0", err);
}

static bool
config_add_queue(rd_kafka_conf_t *conf, const KafkaOptions *options,
				 Error *err)
{
	char		linger[32];

	snprintf(linger, sizeof(linger), "%.3f",
			 (double) options->linger / 1000.0);
	return config_set(conf, "linger.ms", linger, err) &&
		config_set(conf, "compression.codec",
				   kafka_compression_words[options->compression], err) &&
		config_set_number(conf, "message.max.bytes",
						  options->message_max_bytes, err) &&
		config_set_number(conf, "queue.buffering.max.kbytes",
						  options->queue_bytes / 1024, err) &&
		config_set_number(conf, "queue.buffering.max.messages",
						  options->queue_messages, err);
}

/*
 * A request must not outlast the transaction. The broker gives a transaction
 * up after its timeout; the next producer of the name does so at once.
 */
static bool
config_add_transactions(rd_kafka_conf_t *conf, const KafkaTarget *target,
						Error *err)
{
	int64_t		timeout = target->options->transaction_timeout / 1000;

	if (target->transactional_id == NULL)
		return true;
	if (timeout < 15000 &&
		!config_set_number(conf, "socket.timeout.ms", timeout, err))
		return false;
	return config_set_number(conf, "transaction.timeout.ms", timeout, err) &&
		config_set(conf, "transactional.id", target->transactional_id, err);
}

static int64_t
config_number(const rd_kafka_conf_t *conf, const char *name)
{
	char		text[64] = "";
	size_t		size = sizeof(text);

	if (rd_kafka_conf_get(conf, name, text, &size) != RD_KAFKA_CONF_OK)
		return 0;
	return strtoll(text, NULL, 10);
}

/* A record that is larger than the queue would wait for room for ever. */
static bool
config_check_sizes(const rd_kafka_conf_t *conf, Error *err)
{
	int64_t		record = config_number(conf, "message.max.bytes");
	int64_t		queue =
		config_number(conf, "queue.buffering.max.kbytes") * 1024;

	if (record <= queue)
		return true;
	error_set(err, ERROR_USAGE,
			  "message_max_bytes (%" PRId64 ") is larger than queue_bytes (%" PRId64 ")",
			  record, queue);
	return error_hint(err, "The queue must hold the largest record: raise queue_bytes or lower message_max_bytes.");
}

typedef struct PartitionerName
{
	const char *name;
	KafkaPartitioner function;
} PartitionerName;

static const PartitionerName config_partitioners[] = {
	{"consistent", rd_kafka_msg_partitioner_consistent},
	{"murmur2", rd_kafka_msg_partitioner_murmur2},
	{"fnv1a", rd_kafka_msg_partitioner_fnv1a},
};

KafkaPartitioner
kafka_config_partitioner(const KafkaOptions *options)
{
	KafkaPartitioner result = kafka_partition_choose;
	const OptionMap *properties = &options->properties;

	for (size_t i = 0; i < properties->count; i++)
	{
		if (strcmp(properties->pairs[i].name, "partitioner") != 0)
			continue;
		for (size_t k = 0; k < 3; k++)
			if (strcmp(config_partitioners[k].name,
					   properties->pairs[i].value) == 0)
				result = config_partitioners[k].function;
	}
	return result;
}

bool
kafka_target_is_mock(const KafkaTarget *target)
{
	return strcmp(target->brokers, "mock") == 0;
}

rd_kafka_conf_t *
kafka_config_producer(const KafkaTarget *target, Error *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	const KafkaOptions *options = target->options;

	if (config_add_common(conf, target, err) &&
		config_add_brokers(conf, target, err) &&
		config_add_delivery(conf, err) &&
		config_add_queue(conf, options, err) &&
		config_add_transactions(conf, target, err) &&
		config_add_properties(conf, &options->properties, err) &&
		config_check_sizes(conf, err))
		return conf;
	rd_kafka_conf_destroy(conf);
	return NULL;
}

rd_kafka_conf_t *
kafka_config_consumer(const KafkaTarget *target, Error *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	if (config_add_common(conf, target, err) &&
		config_add_properties(conf, &target->options->properties, err) &&
		config_set(conf, "bootstrap.servers", target->brokers, err) &&
		config_set(conf, "allow.auto.create.topics", "false", err) &&
		config_set(conf, "enable.partition.eof", "true", err) &&
		config_set(conf, "fetch.wait.max.ms", "100", err))
		return conf;
	rd_kafka_conf_destroy(conf);
	return NULL;
}
