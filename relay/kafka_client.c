/*
 * kafka_client.c
 *		The producer: one librdkafka instance, its callbacks and its records
 *		on their way.
 */
#include "kafka_client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bad_record.h"
#include "clock.h"
#include "kafka_error.h"
#include "kafka_first.h"
#include "kafka_partition.h"
#include "log.h"

/* Commits whose records may be on their way at once, each counted apart. */
#define KAFKA_WINDOW_CAPACITY	16384

/* Milliseconds that brokers' threads have to see that they are to send. */
#define KAFKA_FIRST_FLUSH		2

#define KAFKA_WARNING_INTERVAL	(30 * CLOCK_SECOND)

/* Brokers that are away for less are not worth a line. */
#define KAFKA_DOWN_PATIENCE		CLOCK_SECOND

static const uint64_t kafka_wake_payload = 1;

static void
client_fail(KafkaClient *client, rd_kafka_resp_err_t resp,
			const Error *failure)
{
	if (client->failed)
		return;					/* the first one says most */
	client->failure_resp = resp;
	client->failed = true;
	client->failure = *failure;
}

static void
client_fail_fatal(KafkaClient *client)
{
	char		text[256] = "";
	Error		err = {0};
	rd_kafka_resp_err_t cause;

	cause = rd_kafka_fatal_error(client->rk, text, sizeof(text));
	kafka_error_set(&err, ERROR_SINK_WRITE, RD_KAFKA_RESP_ERR__FATAL, text,
					"Kafka producer lost track of its records: %s",
					rd_kafka_err2name(cause));
	client_fail(client, cause, &err);
}

/* A record's opaque has the lower half of its number. */
static void
client_explain(const KafkaClient *client, const rd_kafka_message_t *message,
			   Error *err)
{
	KafkaOpaque opaque = kafka_opaque_unpack(message->_private);

	if (opaque.entry != KAFKA_ENTRY_PROGRESS &&
		client->window.entries[opaque.entry].lsn != LSN_INVALID)
		bad_record_explain(err, (Position) {
			client->window.entries[opaque.entry].lsn, opaque.hash
		});
}

static bool
client_is_purged(rd_kafka_resp_err_t resp)
{
	return resp == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
		resp == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
}

rd_kafka_resp_err_t
kafka_client_txn_failure(KafkaClient *client, char *text, size_t room)
{
	rd_kafka_resp_err_t resp = RD_KAFKA_RESP_ERR__STATE;
	rd_kafka_error_t *error;

	error = client->rk != NULL ? rd_kafka_begin_transaction(client->rk) : NULL;
	if (error == NULL)
		return resp;
	if (rd_kafka_error_txn_requires_abort(error))
	{
		resp = rd_kafka_error_code(error);
		if (room > 0)
			snprintf(text, room, "%s", rd_kafka_error_string(error));
	}
	rd_kafka_error_destroy(error);
	return resp;
}

/* All of a batch is refused for its largest record. */
static bool
client_is_cause(const KafkaClient *client, const rd_kafka_message_t *message)
{
	return message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE &&
		client->failure_resp == message->err &&
		message->len > client->failure_size;
}

static void
client_fail_delivery(KafkaClient *client, const rd_kafka_message_t *message)
{
	Error		err = {0};
	ErrorCode	code = message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ?
		ERROR_RECORD : ERROR_SINK_WRITE;
	rd_kafka_resp_err_t resp = message->err;
	char		text[256] = "";

	if (client->failed && !client_is_cause(client, message))
		return;
	client->failed = false;
	if (client_is_purged(resp))
		resp = kafka_client_txn_failure(client, text, sizeof(text));
	if (message->err == RD_KAFKA_RESP_ERR__FATAL ||
		rd_kafka_fatal_error(client->rk, NULL, 0) !=
		RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		client_fail_fatal(client);
		return;
	}
	kafka_error_set(&err, code, resp, text,
		"record of %zu bytes could not be delivered to topic \"%s\"",
					message->len, rd_kafka_topic_name(message->rkt));
	client_explain(client, message, &err);
	client->failure_size = message->len;
	client_fail(client, resp, &err);
}

static void
client_on_delivery(KafkaClient *client, const rd_kafka_message_t *message)
{
	KafkaOpaque opaque = kafka_opaque_unpack(message->_private);

	if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		client_fail_delivery(client, message);
		return;
	}
	client->down_since = 0;
	kafka_firsts_acknowledged(rd_kafka_topic_opaque(message->rkt),
							  message->partition, client->now);
	if (opaque.entry == KAFKA_ENTRY_PROGRESS)
	{
		client->progress_acknowledged = true;
		client->progress_in_flight = false;
	}
	else
		kafka_window_acknowledge(&client->window, opaque.entry);
}

/* Whether a warning is due again; it then counts as given. */
static bool
client_may_warn(int64_t *given_at)
{
	int64_t		now = clock_now();

	if (*given_at != 0 && now - *given_at < KAFKA_WARNING_INTERVAL)
		return false;
	*given_at = now;
	return true;
}

int64_t
kafka_client_waiting_since(const KafkaClient *client)
{
	if (client->window.in_flight == 0 && !client->progress_in_flight)
		return 0;
	return client->down_since;
}

static void
client_warn_if_down(KafkaClient *client)
{
	int64_t		since = kafka_client_waiting_since(client);

	if (since != 0 && clock_now() - since >= KAFKA_DOWN_PATIENCE &&
		client_may_warn(&client->warned_at))
		log_warning("kafka: no broker can be reached, waiting: %s",
					client->trouble_text);
}

/*
 * Before 2.6.1 librdkafka repeated its nonce in SCRAM, which brokers accepted
 * until Apache Kafka 4.0: they then answer as if the password were wrong.
 */
static bool
client_scram_is_outdated(const KafkaClient *client)
{
	char		mechanism[64] = "";
	size_t		size = sizeof(mechanism);

	return rd_kafka_version() < 0x020601ff &&
		rd_kafka_conf_get(rd_kafka_conf(client->rk), "sasl.mechanisms",
						  mechanism, &size) == RD_KAFKA_CONF_OK &&
		strncmp(mechanism, "SCRAM", 5) == 0;
}

static void
client_fail_login(KafkaClient *client, rd_kafka_resp_err_t resp,
				  const char *reason)
{
	Error		err = {0};

	kafka_error_set(&err, ERROR_SINK_SETUP, resp, reason,
					resp == RD_KAFKA_RESP_ERR__SSL ?
					"TLS connection to a Kafka broker failed" :
					"login refused by a Kafka broker");
	if (resp == RD_KAFKA_RESP_ERR__AUTHENTICATION &&
		client_scram_is_outdated(client))
		error_hint(&err, "Look at sasl_username and sasl_password. If they are right: this librdkafka (%s) cannot log in to Apache Kafka 4 by SCRAM, 2.6.1 and later can; or use sasl_mechanism=PLAIN, OAUTHBEARER or a client certificate.",
				   rd_kafka_version_str());
	client_fail(client, resp, &err);
}

/*
 * Errors that belong to no record: with brokers librdkafka tries again by
 * itself. Only what will not change without a person's help is final, and a
 * refused login only while it is the first (later a broker may be restarting
 * with its users not loaded yet).
 */
static void
client_on_error(KafkaClient *client, rd_kafka_resp_err_t resp,
				const char *reason)
{
	if (resp == RD_KAFKA_RESP_ERR__FATAL)
	{
		client_fail_fatal(client);
		return;
	}
	if (resp == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
	{
		if (client->down_since == 0)
			client->down_since = clock_now();
		return;
	}
	client->trouble = resp;
	snprintf(client->trouble_text, sizeof(client->trouble_text), "%s", reason);
	if (client->connecting && (resp == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
							   resp == RD_KAFKA_RESP_ERR__SSL))
		client_fail_login(client, resp, reason);
	else if (kafka_error_passes(resp))
		log_debug("kafka: %s", reason);
	else
		log_warning("kafka: %s", reason);
}

/*
 * librdkafka's own lines; its levels are syslog's. A broker that is away makes
 * one every few seconds (FAIL), which tells nothing new.
 */
static void
client_on_log(KafkaClient *client, int level, const char *facility,
			  const char *text)
{
	bool		repeats = strcmp(facility, "FAIL") == 0;

	if (level <= 2)
		log_error("kafka: %s: %s", facility, text);
	else if (level <= 4 && (!repeats || client_may_warn(&client->noted_at)))
		log_warning("kafka: %s: %s", facility, text);
	else
		log_debug("kafka: %s: %s", facility, text);
}

static bool
client_start(KafkaClient *client, rd_kafka_conf_t *conf, Error *err)
{
	char		text[ERROR_TEXT_SIZE];
	rd_kafka_error_t *error;

	client->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (client->rk == NULL)
	{
		rd_kafka_conf_destroy(conf);
		error_set(err, ERROR_USAGE, "librdkafka refuses the configuration");
		return error_detail(err, "librdkafka %s says: %s.",
							rd_kafka_version_str(), text);
	}
	rd_kafka_set_log_queue(client->rk, NULL);
	client->queue = rd_kafka_queue_get_main(client->rk);
	rd_kafka_queue_io_event_enable(client->queue, client->wake_fd,
								   &kafka_wake_payload,
								   sizeof(kafka_wake_payload));

	/* Tokens are renewed while we wait elsewhere; fails if there are none. */
	error = rd_kafka_sasl_background_callbacks_enable(client->rk);
	if (error != NULL)
		rd_kafka_error_destroy(error);
	return true;
}

bool
kafka_client_open(KafkaClient *client, rd_kafka_conf_t *conf, Error *err)
{
	*client = (KafkaClient) {0};
	client->connecting = true;
	client->now = clock_now();
	client->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (client->wake_fd < 0)
	{
		rd_kafka_conf_destroy(conf);
		return error_set(err, ERROR_INTERNAL,
						 "could not create an event descriptor: %s",
						 strerror(errno));
	}

	/*
	 * Not as callbacks: a commit would make them on the thread that waits for
	 * it.
	 */
	rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR |
							 RD_KAFKA_EVENT_LOG);
	if (!client_start(client, conf, err) ||
		!kafka_window_init(&client->window, KAFKA_WINDOW_CAPACITY, err))
	{
		kafka_client_close(client);
		return false;
	}
	return true;
}

static KafkaProduce
client_refuse(KafkaClient *client, const KafkaRecord *record,
			  rd_kafka_resp_err_t resp, Error *err)
{
	const char *topic = rd_kafka_topic_name(record->topic);
	char		text[256] = "";

	if (resp == RD_KAFKA_RESP_ERR__STATE)
		resp = kafka_client_txn_failure(client, text, sizeof(text));
	switch (resp)
	{
		case RD_KAFKA_RESP_ERR__QUEUE_FULL:
			return KAFKA_PRODUCE_FULL;
		case RD_KAFKA_RESP_ERR__FATAL:
			client_fail_fatal(client);
			*err = client->failure;
			return KAFKA_PRODUCE_FAILED;
		case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
			kafka_error_set(err, ERROR_RECORD, resp,
							"larger than message_max_bytes",
				"record of %zu bytes is too large for topic \"%s\"",
							record->key.size + record->value.size, topic);
			break;
		default:
			kafka_error_set(err, ERROR_SINK_WRITE, resp, text,
							"record could not be sent to topic \"%s\"", topic);
			break;
	}
	client_fail(client, resp, err);
	return KAFKA_PRODUCE_FAILED;
}

static void
client_add_header(rd_kafka_headers_t *headers, const RecordHeader *header)
{
	rd_kafka_header_add(headers, header->name, -1, header->value.data,
						(ssize_t) header->value.size);
}

static rd_kafka_headers_t *
client_headers(const KafkaRecord *record)
{
	rd_kafka_headers_t *headers =
		rd_kafka_headers_new(record->header_count + 1);

	for (size_t i = 0; i < record->header_count; i++)
		client_add_header(headers, &record->headers[i]);
	if (record->extra != NULL)
		client_add_header(headers, record->extra);
	return headers;
}

static rd_kafka_resp_err_t
client_send_with_headers(KafkaClient *client, const KafkaRecord *record,
						 void *opaque)
{
	rd_kafka_headers_t *headers = client_headers(record);
	rd_kafka_resp_err_t resp =
		rd_kafka_producev(client->rk,
						  RD_KAFKA_V_RKT(record->topic),
						  RD_KAFKA_V_PARTITION(record->partition),
						  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
						  RD_KAFKA_V_KEY(record->key.data, record->key.size),
						  RD_KAFKA_V_VALUE((void *) record->value.data,
										   record->value.size),
						  RD_KAFKA_V_OPAQUE(opaque),
						  RD_KAFKA_V_HEADERS(headers),
						  RD_KAFKA_V_END);

	/* taken over by the record only if that was taken */
	if (resp != RD_KAFKA_RESP_ERR_NO_ERROR)
		rd_kafka_headers_destroy(headers);
	return resp;
}

static rd_kafka_resp_err_t
client_send(const KafkaRecord *record, void *opaque)
{
	if (rd_kafka_produce(record->topic, record->partition, RD_KAFKA_MSG_F_COPY,
						 (void *) record->value.data, record->value.size,
						 record->key.data, record->key.size, opaque) == 0)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	return rd_kafka_last_error();
}

KafkaProduce
kafka_client_produce(KafkaClient *client, const KafkaRecord *record,
					 Error *err)
{
	KafkaOpaque opaque = {KAFKA_ENTRY_PROGRESS, 0};
	KafkaFirsts *firsts = rd_kafka_topic_opaque(record->topic);
	rd_kafka_resp_err_t resp;
	void	   *pointer;

	if (!kafka_firsts_may_send(firsts, record->partition))
	{
		/* Lingering is for records that others may join. */
		rd_kafka_flush(client->rk, KAFKA_FIRST_FLUSH);
		return KAFKA_PRODUCE_FULL;
	}
	if (!record->is_progress)
	{
		opaque.entry = kafka_window_entry(&client->window);
		opaque.hash = (uint32_t) record->position.seq;
	}
	pointer = kafka_opaque_pack(opaque);
	if (record->header_count > 0 || record->extra != NULL)
		resp = client_send_with_headers(client, record, pointer);
	else
		resp = client_send(record, pointer);
	if (resp != RD_KAFKA_RESP_ERR_NO_ERROR)
		return client_refuse(client, record, resp, err);
	kafka_firsts_sent(firsts, record->partition, client->now);
	if (record->is_progress)
		client->progress_in_flight = true;
	else
	{
		kafka_window_add(&client->window, opaque.entry);
		kafka_window_mark(&client->window, opaque.entry, record->position.lsn);
	}
	return KAFKA_PRODUCE_OK;
}

static void
client_on_event(KafkaClient *client, rd_kafka_event_t *event)
{
	const rd_kafka_message_t *message;
	const char *facility;
	const char *text;
	int			level;

	switch (rd_kafka_event_type(event))
	{
		case RD_KAFKA_EVENT_DR:
			while ((message = rd_kafka_event_message_next(event)) != NULL)
				client_on_delivery(client, message);
			break;
		case RD_KAFKA_EVENT_ERROR:
			client_on_error(client, rd_kafka_event_error(event),
							rd_kafka_event_error_string(event));
			break;
		case RD_KAFKA_EVENT_LOG:
			if (rd_kafka_event_log(event, &facility, &text, &level) == 0)
				client_on_log(client, level, facility, text);
			break;
		default:
			break;
	}
}

static void
client_serve(KafkaClient *client, int timeout_ms)
{
	rd_kafka_event_t *event;

	while ((event = rd_kafka_queue_poll(client->queue, timeout_ms)) != NULL)
	{
		client_on_event(client, event);
		rd_kafka_event_destroy(event);
		timeout_ms = 0;
	}
}

bool
kafka_client_poll(KafkaClient *client, int timeout_ms, Error *err)
{
	uint64_t	ignored;

	/* Emptied before it is served: what comes meanwhile wakes us again. */
	if (read(client->wake_fd, &ignored, sizeof(ignored)) < 0 &&
		errno != EAGAIN)
		return error_set(err, ERROR_INTERNAL,
						 "could not read an event descriptor: %s",
						 strerror(errno));
	client->now = clock_now();
	client_serve(client, timeout_ms);
	client_warn_if_down(client);
	if (!client->failed)
		return true;
	*err = client->failure;
	return false;
}

void
kafka_client_close(KafkaClient *client)
{
	if (client->queue != NULL)
		rd_kafka_queue_destroy(client->queue);
	client->queue = NULL;
	if (client->rk != NULL)
	{
		rd_kafka_purge(client->rk,
					   RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		rd_kafka_destroy(client->rk);
		client->rk = NULL;
	}
	if (client->wake_fd > 0)
		close(client->wake_fd);
	client->wake_fd = -1;
	kafka_window_free(&client->window);
}
