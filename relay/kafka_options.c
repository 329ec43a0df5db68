/*
 * kafka_options.c
 *		The Kafka sink's options: one row each.
 */
#include "kafka_options.h"

const char *const kafka_compression_words[] = {
	"none", "gzip", "snappy", "lz4", "zstd", NULL
};

const char *const kafka_security_words[] = {
	"plaintext", "ssl", "sasl_plaintext", "sasl_ssl", NULL
};

static const char *const kafka_delivery_words[] = {
	"at-least-once", "exactly-once", "auto", NULL
};

static const char *const kafka_oversize_words[] = {
	"stop", "claim-check", "dead-letter", NULL
};

#define AT(member) offsetof(KafkaOptions, member)

static const Option kafka_options[] = {
	{"delivery", 0, OPTION_WORD, AT(delivery), "auto", 0, 0,
		kafka_delivery_words, "WORD",
	"Guarantee: exactly-once sends records in Kafka transactions, for consumers that read committed records; at-least-once sends those since the last checkpoint again after a crash; auto is exactly-once unless the brokers allow no transactions, and then says so. Nothing is lost or reordered in any case."},
	{"transaction-interval", 0, OPTION_TIME, AT(transaction_interval),
		"100ms", 1000, 60000000, NULL, "TIME",
	"With exactly-once: how long a Kafka transaction collects PostgreSQL's; longer if commits are slow."},
	{"transaction-bytes", 0, OPTION_BYTES, AT(transaction_bytes), "64MB",
		1024, INT64_C(1) << 40, NULL, "BYTES",
	"With exactly-once: a Kafka transaction that holds as much is committed at PostgreSQL's next commit, however young."},
	{"transaction-timeout", 0, OPTION_TIME, AT(transaction_timeout),
		"60s", 1000000, INT64_C(900000000), NULL, "TIME",
	"With exactly-once: after that a broker aborts a Kafka transaction (at most its transaction.max.timeout.ms). One of PostgreSQL's that takes more than half of it is split."},
	{"tombstones", 0, OPTION_BOOL, AT(tombstones), "on", 0, 0, NULL, "BOOL",
	"After a delete, and before an update that changes the key, send a record with the old key and no value, so that compaction forgets it."},
	{"create-topics", 0, OPTION_BOOL, AT(create_topics), "on", 0, 0,
		NULL, "BOOL",
	"Create missing topics. When off, they must exist, the progress topic __pg_fanout.SLOT.SINK too (one partition, cleanup.policy=compact)."},
	{"partitions", 0, OPTION_INT, AT(partitions), "-1", -1, 100000, NULL, "N",
	"Partitions of a topic that is created; -1 is the broker's default."},
	{"replication", 0, OPTION_INT, AT(replication), "-1", -1, 100, NULL, "N",
	"Replication factor of a topic that is created; -1 is the broker's default."},
	{"topic-config.", 0, OPTION_MAP, AT(topic_config), NULL, 0, 0,
		NULL, "VALUE",
	"Configuration of a topic that is created, by the broker's names: topic_config.cleanup.policy=compact."},
	{"linger", 0, OPTION_TIME, AT(linger), "5ms", 0, 60000000, NULL, "TIME",
	"How long a record may wait for others to share a batch with."},
	{"compression", 0, OPTION_WORD, AT(compression), "lz4", 0, 0,
		kafka_compression_words, "WORD",
	"Compression of batches; zstd needs brokers from 2.1."},
	{"message-max-bytes", 0, OPTION_BYTES, AT(message_max_bytes), "1000000",
		1000, 1000000000, NULL, "BYTES",
	"Largest record, before compression. What happens to a larger one is said by oversize."},
	{"oversize", 0, OPTION_WORD, AT(oversize), "stop", 0, 0,
		kafka_oversize_words, "WORD",
	"A record larger than message_max_bytes or, unless it stops, than the topic's max.message.bytes: stop the relay; claim-check: write it as an object to claim_check_url and send where it is; dead-letter: send a notice without the value to dead_letter_topic, and nothing to its topic."},
	{"claim-check-url", 0, OPTION_STRING, AT(claim_check_url), NULL, 0, 0,
		NULL, "URL",
	"Where values that are too large go: s3://BUCKET/PREFIX or dir:///PATH."},
	{"claim-check-endpoint", 0, OPTION_STRING, AT(claim_check_endpoint), NULL,
		0, 0, NULL, "URL",
	"Of that bucket: server other than Amazon's."},
	{"claim-check-region", 0, OPTION_STRING, AT(claim_check_region), NULL, 0,
		0, NULL, "NAME",
	"Of that bucket: its region; default as for S3 sinks."},
	{"claim-check-access-key-id", 0, OPTION_STRING,
		AT(claim_check_access_key_id), NULL, 0, 0, NULL, "ID",
	"Of that bucket: access key; default as for S3 sinks."},
	{"claim-check-secret-access-key", 0, OPTION_SECRET,
		AT(claim_check_secret_access_key), NULL, 0, 0, NULL, "SECRET",
	"Of that bucket: secret of the access key."},
	{"claim-check-profile", 0, OPTION_STRING, AT(claim_check_profile), NULL,
		0, 0, NULL, "NAME",
	"Of that bucket: profile of the shared credentials files."},
	{"claim-check-ca-file", 0, OPTION_STRING, AT(claim_check_ca_file), NULL,
		0, 0, NULL, "FILE",
	"Of that bucket: certificates of the authorities to trust (PEM)."},
	{"dead-letter-topic", 0, OPTION_STRING, AT(dead_letter_topic), NULL, 0, 0,
		NULL, "TEMPLATE",
	"Topic of notices about records that were not delivered: too large ones with oversize=dead-letter (then {prefix}.dead-letter by default) and skipped ones."},
	{"queue-bytes", 0, OPTION_BYTES, AT(queue_bytes), "64MB", 1024,
		INT64_C(2147483647) * 1024, NULL, "BYTES",
		"Memory for records on their way, by default a share of the relay's memory. When it is used up the relay stops reading.",
	.share = true},
	{"queue-messages", 0, OPTION_INT, AT(queue_messages), "100000", 1,
		10000000, NULL, "N",
	"Number of records on their way."},
	{"connect-timeout", 0, OPTION_TIME, AT(connect_timeout), "15s", 100000,
		INT64_C(3600000000), NULL, "TIME",
	"How long to wait for the brokers at the start. Once running, the sink waits for them without limit."},
	{"security-protocol", 0, OPTION_WORD, AT(security_protocol), "plaintext",
		0, 0, kafka_security_words, "WORD",
	"How to talk to the brokers."},
	{"sasl-mechanism", 0, OPTION_STRING, AT(sasl_mechanism), NULL, 0, 0,
		NULL, "NAME",
	"SCRAM-SHA-256, SCRAM-SHA-512, PLAIN, GSSAPI or OAUTHBEARER."},
	{"sasl-username", 0, OPTION_STRING, AT(sasl_username), NULL, 0, 0,
		NULL, "NAME",
	"User for SCRAM and PLAIN."},
	{"sasl-password", 0, OPTION_SECRET, AT(sasl_password), NULL, 0, 0,
		NULL, "SECRET",
	"Password for SCRAM and PLAIN."},
	{"sasl-oauthbearer-client-secret", 0, OPTION_SECRET,
		AT(sasl_oauthbearer_client_secret), NULL, 0, 0, NULL, "SECRET",
	"Client secret for OAUTHBEARER with kafka.sasl.oauthbearer.method=oidc."},
	{"ssl-ca-location", 0, OPTION_STRING, AT(ssl_ca_location), NULL, 0, 0,
		NULL, "FILE",
	"Certificates of the authorities to trust (PEM); default: the system's."},
	{"ssl-certificate-location", 0, OPTION_STRING,
		AT(ssl_certificate_location), NULL, 0, 0, NULL, "FILE",
	"The client's certificate (PEM)."},
	{"ssl-key-location", 0, OPTION_STRING, AT(ssl_key_location), NULL, 0, 0,
		NULL, "FILE",
	"The client's private key (PEM)."},
	{"ssl-key-password", 0, OPTION_SECRET, AT(ssl_key_password), NULL, 0, 0,
		NULL, "SECRET",
	"Password of the private key."},
	{"ssl-keystore-location", 0, OPTION_STRING, AT(ssl_keystore_location),
		NULL, 0, 0, NULL, "FILE",
	"The client's certificate and key in one file (PKCS#12)."},
	{"ssl-keystore-password", 0, OPTION_SECRET, AT(ssl_keystore_password),
		NULL, 0, 0, NULL, "SECRET",
	"Password of that file."},
	{"kafka.", 0, OPTION_MAP, AT(properties), NULL, 0, 0, NULL, "VALUE",
	"Any property of librdkafka: kafka.retry.backoff.ms=50. What would lose or reorder records is refused."},
};

const OptionTable kafka_option_table = {
	"Kafka sink", "sink", kafka_options,
	sizeof(kafka_options) / sizeof(kafka_options[0]), sizeof(KafkaOptions)
};
