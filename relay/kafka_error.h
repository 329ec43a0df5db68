/*
 * kafka_error.h
 *		What librdkafka and brokers answer, as our errors with a hint.
 *
 * Texts of librdkafka name brokers, topics and properties, never the value of
 * a secret.
 */
#ifndef PG_FANOUT_KAFKA_ERROR_H
#define PG_FANOUT_KAFKA_ERROR_H

#include <librdkafka/rdkafka.h>

#include "error.h"

/*
 * Fills err: the message is the formatted text, the detail what Kafka says
 * (text, or resp's own description if NULL), the hint what usually helps.
 * Returns false.
 */
extern bool kafka_error_set(Error *err, ErrorCode code,
							rd_kafka_resp_err_t resp,
							const char *text, const char *format,...)
			__attribute__((format(printf, 5, 6)));

/* Whether the same request may succeed later without anyone's help. */
extern bool kafka_error_passes(rd_kafka_resp_err_t resp);

/*
 * Whether the topic is not there: deleted, or a broker does not know it yet.
 */
extern bool kafka_error_topic_gone(rd_kafka_resp_err_t resp);

/* Whether the answer is that we lack a right. */
extern bool kafka_error_denied(rd_kafka_resp_err_t resp);

/* Whether another producer would get the same answer to a record. */
extern bool kafka_error_stays(rd_kafka_resp_err_t resp);

#endif							/* PG_FANOUT_KAFKA_ERROR_H */
