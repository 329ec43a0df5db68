/*
 * test_kafka_config.c
 *		What reaches librdkafka, and what is refused on the way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "kafka_config.h"
#include "kafka_progress.h"

typedef struct Pair
{
	const char *name;
	const char *value;
} Pair;

/* The producer's configuration with up to two options set. NULL: refused. */
static rd_kafka_conf_t *
configure(Pair first, Pair second, Error *err)
{
	void	   *options = option_new(&kafka_option_table);
	KafkaTarget target = {.brokers = "127.0.0.1:1", .client_id = "pg_fanout-s-t",
	.options = options};
	rd_kafka_conf_t *conf = NULL;

	*err = (Error) {0};
	if ((first.name == NULL ||
		 option_set(&kafka_option_table, options, first.name, first.value, err)) &&
		(second.name == NULL ||
		 option_set(&kafka_option_table, options, second.name, second.value, err)))
		conf = kafka_config_producer(&target, err);
	option_free(&kafka_option_table, options);
	return conf;
}

static void
assert_property(const rd_kafka_conf_t *conf, const char *name, const char *expected)
{
	char		value[512];
	size_t		size = sizeof(value);

	assert_int_equal(rd_kafka_conf_get(conf, name, value, &size), RD_KAFKA_CONF_OK);
	assert_string_equal(value, expected);
}

static void
assert_sets(const char *name, const char *value, const char *property,
			const char *expected)
{
	Error		err;
	rd_kafka_conf_t *conf = configure((Pair) {name, value}, (Pair) {0}, &err);

	if (conf == NULL)
		fail_msg("%s=%s refused: %s", name, value, err.message);
	assert_property(conf, property, expected);
	rd_kafka_conf_destroy(conf);
}

static void
assert_refused(const char *name, const char *value, const char *in_message,
			   const char *in_hint)
{
	Error		err;
	rd_kafka_conf_t *conf = configure((Pair) {name, value}, (Pair) {0}, &err);

	if (conf != NULL)
		fail_msg("%s=%s was taken", name, value);
	assert_int_equal(err.code, ERROR_USAGE);
	assert_non_null(strstr(err.message, in_message));
	if (strstr(err.hint, in_hint) == NULL)
		fail_msg("hint of %s is \"%s\"", name, err.hint);
	if (strlen(value) > 5)
	{
		assert_null(strstr(err.message, value));
		assert_null(strstr(err.hint, value));
	}
}

static void
test_defaults(void **state)
{
	Error		err;
	rd_kafka_conf_t *conf = configure((Pair) {0}, (Pair) {0}, &err);

	(void) state;
	assert_non_null(conf);
	assert_property(conf, "enable.idempotence", "true");
	assert_property(conf, "acks", "-1");
	assert_property(conf, "message.timeout.ms", "0");
	assert_property(conf, "compression.codec", "lz4");
	assert_property(conf, "linger.ms", "5");
	assert_property(conf, "queue.buffering.max.kbytes", "65536");
	assert_property(conf, "queue.buffering.max.messages", "100000");
	assert_property(conf, "socket.keepalive.enable", "true");
	assert_property(conf, "allow.auto.create.topics", "false");
	assert_property(conf, "client.id", "pg_fanout-s-t");
	assert_property(conf, "bootstrap.servers", "127.0.0.1:1");
	rd_kafka_conf_destroy(conf);
}

static void
test_options(void **state)
{
	(void) state;
	assert_sets("linger", "20ms", "linger.ms", "20");
	assert_sets("compression", "zstd", "compression.codec", "zstd");
	assert_sets("message_max_bytes", "2MB", "message.max.bytes", "2097152");
	assert_sets("security_protocol", "sasl_ssl", "security.protocol", "sasl_ssl");
	assert_sets("sasl_mechanism", "SCRAM-SHA-256", "sasl.mechanisms", "SCRAM-SHA-256");
	assert_sets("sasl_password", "hunter2", "sasl.password", "hunter2");
	assert_sets("kafka.retry.backoff.ms", "50", "retry.backoff.ms", "50");
	assert_sets("kafka.linger.ms", "70", "linger.ms", "70");
	assert_sets("kafka.client.id", "mine", "client.id", "mine");
	assert_sets("kafka.acks", "all", "acks", "-1");
	assert_sets("kafka.max.in.flight", "1", "max.in.flight", "1");
	assert_sets("kafka.partitioner", "murmur2", "partitioner", "murmur2");
}

static void
test_guards(void **state)
{
	(void) state;
	assert_refused("kafka.acks", "1", "kafka.acks", "lost");
	assert_refused("kafka.request.required.acks", "0", "request.required.acks", "lost");
	assert_refused("kafka.enable.idempotence", "false", "enable.idempotence", "retry");
	assert_refused("kafka.message.timeout.ms", "300000", "message.timeout.ms", "waits");
	assert_refused("kafka.retries", "3", "kafka.retries", "waits");
	assert_refused("kafka.max.in.flight", "5", "kafka.max.in.flight", "refused");
	assert_refused("kafka.max.in.flight.requests.per.connection", "2", "max.in.flight",
				   "refused");
	assert_refused("kafka.partitioner", "random", "partitioner", "murmur2");
	assert_refused("kafka.transactional.id", "x", "transactional.id", "delivery");
	assert_refused("kafka.bootstrap.servers", "h:9092", "bootstrap.servers", "URL");
	assert_refused("kafka.delivery.report.only.error", "true", "only.error", "hear");
	assert_refused("kafka.sasl.password", "secret-word", "sasl.password", "sasl_password");
	assert_refused("kafka.ssl.key.pem", "-----BEGIN", "ssl.key.pem", "ssl_key_location");
}

/* librdkafka's own text reaches the user. */
static void
test_unknown_property(void **state)
{
	Error		err;

	(void) state;
	assert_refused("kafka.no.such.property", "1", "kafka.no.such.property", "CONFIGURATION");
	assert_null(configure((Pair) {"kafka.linger.ms", "soon"}, (Pair) {0}, &err));
	assert_int_equal(err.code, ERROR_USAGE);
	assert_non_null(strstr(err.message, "kafka.linger.ms"));
	assert_non_null(strstr(err.detail, "librdkafka"));
	assert_non_null(strstr(err.detail, "Invalid value"));
}

/* A record larger than the queue would wait for ever. */
static void
test_sizes(void **state)
{
	Error		err;

	(void) state;
	assert_null(configure((Pair) {"message_max_bytes", "100MB"}, (Pair) {0}, &err));
	assert_int_equal(err.code, ERROR_USAGE);
	assert_non_null(strstr(err.hint, "queue_bytes"));
	assert_null(configure((Pair) {"kafka.queue.buffering.max.kbytes", "100"}, (Pair) {0}, &err));
	assert_int_equal(err.code, ERROR_USAGE);
}

static void
test_progress_place(void **state)
{
	KafkaProgressPlace place;
	char		name[300];
	Error		err = {0};

	(void) state;
	assert_true(kafka_progress_place(&place, 7, "fan", "lake.v2-b", &err));
	assert_string_equal(place.topic, "__pg_fanout.fan.lake.v2-b");
	assert_string_equal(place.key, "7/fan/lake.v2-b");
	assert_false(kafka_progress_place(&place, 7, "fan", "my lake", &err));
	assert_int_equal(err.code, ERROR_USAGE);
	assert_false(kafka_progress_place(&place, 7, "fan", "", &err));
	memset(name, 'a', 240);
	name[240] = '\0';
	assert_false(kafka_progress_place(&place, 7, "fan", name, &err));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_guards),
		cmocka_unit_test(test_unknown_property),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_progress_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
