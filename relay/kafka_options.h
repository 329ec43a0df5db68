/*
 * kafka_options.h
 *		The Kafka sink's options. What most people set has a row of its own;
 *		"kafka.NAME" is any other property of librdkafka.
 */
#ifndef PG_FANOUT_KAFKA_OPTIONS_H
#define PG_FANOUT_KAFKA_OPTIONS_H

#include "option.h"

/* The words of the option, in their order. */
typedef enum KafkaDelivery
{
	KAFKA_AT_LEAST_ONCE,
	KAFKA_EXACTLY_ONCE,
	KAFKA_DELIVERY_AUTO
} KafkaDelivery;

typedef enum KafkaOversizeWord
{
	KAFKA_OVERSIZE_STOP,
	KAFKA_OVERSIZE_CLAIM_CHECK,
	KAFKA_OVERSIZE_DEAD_LETTER
} KafkaOversizeWord;

typedef struct KafkaOptions
{
	int64_t		partitions;		/* of a created topic, -1: broker's default */
	int64_t		replication;	/* -1: broker's default */
	bool		create_topics;
	OptionMap	topic_config;	/* configuration of a topic to create */
	bool		tombstones;
	int			delivery;		/* a KafkaDelivery */
	int64_t		transaction_interval;	/* microseconds */
	int64_t		transaction_bytes;
	int64_t		transaction_timeout;
	int64_t		linger;			/* microseconds */
	int			compression;
	int64_t		message_max_bytes;
	int			oversize;		/* a KafkaOversizeWord */
	char	   *claim_check_url;
	char	   *claim_check_endpoint;
	char	   *claim_check_region;
	char	   *claim_check_access_key_id;
	char	   *claim_check_secret_access_key;
	char	   *claim_check_profile;
	char	   *claim_check_ca_file;
	char	   *dead_letter_topic;	/* a template; NULL: see oversize */
	int64_t		queue_bytes;
	int64_t		queue_messages;
	int64_t		connect_timeout;	/* microseconds */
	int			security_protocol;
	char	   *sasl_mechanism;
	char	   *sasl_username;
	char	   *sasl_password;
	char	   *sasl_oauthbearer_client_secret;
	char	   *ssl_ca_location;
	char	   *ssl_certificate_location;
	char	   *ssl_key_location;
	char	   *ssl_key_password;
	char	   *ssl_keystore_location;
	char	   *ssl_keystore_password;
	OptionMap	properties;
} KafkaOptions;

extern const OptionTable kafka_option_table;

/* The words of two options, as librdkafka spells them. */
extern const char *const kafka_compression_words[];
extern const char *const kafka_security_words[];

#endif							/* PG_FANOUT_KAFKA_OPTIONS_H */
