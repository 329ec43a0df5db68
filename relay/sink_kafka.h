/*
 * sink_kafka.h
 *		The Kafka sink's state, shared by the files it is made of.
 *
 * sink_kafka.c opens it and keeps its progress; sink_kafka_records.c is the
 * way of a record; sink_kafka_exact.c is what transactions add. Nobody else
 * includes this.
 */
#ifndef PG_FANOUT_SINK_KAFKA_H
#define PG_FANOUT_SINK_KAFKA_H

#include "checkpoint.h"
#include "kafka_link.h"
#include "kafka_oversize.h"
#include "kafka_renewal.h"
#include "kafka_txn.h"
#include "sink.h"

typedef struct SinkKafka
{
	Sink		base;
	const KafkaOptions *options;
	KafkaPartitioner partitioner;
	KafkaTarget target;
	char		client_id[160];
	char		transactional_id[KAFKA_TOPIC_NAME_SIZE + 32];
	KafkaLink  *link;			/* NULL: not opened, or made anew */
	KafkaProgressPlace place;
	Checkpoint	checkpoint;		/* all but the position is set */
	Lsn			checkpoint_sent;	/* on its way; 0: none */
	int64_t		checkpoint_at;	/* when the last one was sent, monotonic */
	Lsn			wanted;			/* to be recorded without waiting */
	Buf			text;
	KafkaOversize oversize;

	/* With transactions. */
	bool		exact;			/* they are used */
	bool		checking;		/* for --check */
	KafkaTxn	txn;
	bool		in_transaction; /* of PostgreSQL, and took a record of it */
	bool		cutting;		/* takes nothing more before the commit */
	bool		progress_waits; /* for acknowledgements or room */
	KafkaRenewal renewal;
	bool		renewing;
	int			lost;			/* transactions in a row */
	Position	start;			/* without a checkpoint */
	int			job_fd;			/* jobs wake the loop through it */

	/*
	 * A delivery whose first records were taken when the queue became full:
	 * offered again, it goes on behind them.
	 */
	Position	partial;
	size_t		partial_count;
	uint64_t	records;
	uint64_t	bytes;
} SinkKafka;

/* ---- sink_kafka.c ---- */

/* The link at hand starts from what is durable. */
extern void sink_kafka_use_link(SinkKafka *sink);

/* Notes and then the checkpoint. FULL: to be done again. */
extern KafkaProduce sink_kafka_send_progress(SinkKafka *sink,
											 Position position, Error *err);

/* Takes what was acknowledged. */
extern MUST_USE bool sink_kafka_serve(SinkKafka *sink, int timeout_ms,
									  Error *err);
extern bool sink_kafka_fail_drain(const SinkKafka *sink, Error *err);

/* ---- sink_kafka_records.c ---- */

extern SinkResult sink_kafka_put(Sink *base, const Delivery *delivery,
								 Error *err);

/* ---- sink_kafka_exact.c: only with transactions ---- */

/*
 * After a failure: makes the producer anew where that helps. What was not
 * committed is given up and asked for again. false: for good.
 */
extern MUST_USE bool sink_kafka_lose(SinkKafka *sink, Error *err);

/* Whether the transaction at hand, or a new one, takes a delivery. */
extern SinkResult sink_kafka_admit(SinkKafka *sink, Error *err);
extern SinkPoll sink_kafka_poll_exact(SinkKafka *sink, int timeout_ms,
									  Error *err);

/*
 * Commits at once, in the middle of one of PostgreSQL's transactions too if
 * its end did not come in time: the position says where.
 */
extern MUST_USE bool sink_kafka_drain_exact(SinkKafka *sink, int64_t deadline,
											Error *err);

#endif							/* PG_FANOUT_SINK_KAFKA_H */
