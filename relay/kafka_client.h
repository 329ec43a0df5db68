/*
 * kafka_client.h
 *		The producer: one librdkafka instance, what it reports and its records
 *		on their way.
 *
 * Reports are taken inside kafka_client_poll only. A record
 * that cannot be delivered makes the client fail for good: nothing is skipped.
 * Brokers that are away make it wait. Knows no topic's life and no checkpoint,
 * but that one record at a time may be one.
 */
#ifndef PG_FANOUT_KAFKA_CLIENT_H
#define PG_FANOUT_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>

#include "buf.h"
#include "error.h"
#include "format.h"
#include "kafka_window.h"
#include "lsn.h"

typedef struct KafkaClient
{
	rd_kafka_t *rk;				/* NULL: closed */
	rd_kafka_queue_t *queue;	/* of what it reports */
	int			wake_fd;		/* readable when poll has something to do */
	KafkaWindow window;			/* records on their way */
	bool		progress_acknowledged;	/* set by poll, cleared by the user */
	bool		connecting;		/* until resume is over: refusals are final */
	bool		failed;
	Error		failure;		/* if failed */
	rd_kafka_resp_err_t failure_resp;
	size_t		failure_size;	/* of the record that failed, if it was one */
	bool		progress_in_flight;
	int64_t		now;			/* of the last poll, monotonic */
	int64_t		down_since;		/* monotonic; 0: not all brokers are down */
	int64_t		warned_at;		/* last warning that all are down */
	int64_t		noted_at;		/* last warning of trouble with one */
	rd_kafka_resp_err_t trouble;	/* the last one with a broker */
	char		trouble_text[256];
} KafkaClient;

typedef struct KafkaRecord
{
	rd_kafka_topic_t *topic;	/* its opaque: what KafkaFirsts says of it */
	int32_t		partition;
	Slice		key;			/* data NULL: none */
	Slice		value;			/* data NULL: a tombstone */
	const RecordHeader *headers;
	size_t		header_count;
	Position	position;		/* for errors; lsn 0: it has none */
	const RecordHeader *extra;	/* one more; NULL: none */
	bool		is_progress;	/* a checkpoint: one at a time */
} KafkaRecord;

typedef enum KafkaProduce
{
	KAFKA_PRODUCE_OK,
	KAFKA_PRODUCE_FULL,			/* no room, or the partition's first record
								 * is on its way: nothing taken, poll first */
	KAFKA_PRODUCE_FAILED
} KafkaProduce;

/* Takes conf, also on failure. Connects in the background. */
extern MUST_USE bool kafka_client_open(KafkaClient *client,
									   rd_kafka_conf_t *conf, Error *err);

/* Copies key, value and headers. */
extern KafkaProduce kafka_client_produce(KafkaClient *client,
										 const KafkaRecord *record,
										 Error *err);

/* Takes reports, waiting at most that long; false: failed for good. */
extern MUST_USE bool kafka_client_poll(KafkaClient *client, int timeout_ms,
									   Error *err);

/*
 * Since when records wait for brokers that are all away, monotonic; 0: not so.
 * Without records nobody knows: librdkafka does not say when they are back.
 */
extern int64_t kafka_client_waiting_since(const KafkaClient *client);

/*
 * Why the transaction failed: it takes all its records with it, and tells the
 * cause only who asks for another one, which it does not begin.
 * RD_KAFKA_RESP_ERR__STATE: it does not tell, or has not failed. The text, if
 * there is room for one, is left alone then.
 */
extern rd_kafka_resp_err_t kafka_client_txn_failure(KafkaClient *client,
													char *text, size_t room);

/* Drops what is still on its way. Safe on a client never opened. */
extern void kafka_client_close(KafkaClient *client);

#endif							/* PG_FANOUT_KAFKA_CLIENT_H */
