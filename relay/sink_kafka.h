/*
 * sink_kafka.h
 *		The Kafka sink's state, shared by the files it is made of.
 *
 * sink_kafka.c opens it and restores its place; sink_kafka_progress.c keeps
 * its progress; sink_kafka_records.c is the way of a record;
 * sink_kafka_exact.c is what transactions add; sink_kafka_renew.c makes the
 * producer anew; sink_kafka_check.c is for --check. Nobody else includes this.
 */
#ifndef PG_FANOUT_SINK_KAFKA_H
#define PG_FANOUT_SINK_KAFKA_H

#include "checkpoint.h"
#include "kafka_link.h"
#include "kafka_oversize.h"
#include "kafka_renewal.h"
#include "kafka_txn.h"
#include "sink.h"

/* system, slot, sink and prefix, escaped */
#define SINK_KAFKA_ID_SIZE	1024

/* A producer on its way to be made anew. */
typedef enum SinkKafkaPhase
{
	SINK_KAFKA_SERVES,
	SINK_KAFKA_LOST,			/* what it had is to be asked for again */
	SINK_KAFKA_UNPROVEN,		/* until a stream proves the slot ours */
	SINK_KAFKA_RENEWS			/* off the loop */
} SinkKafkaPhase;

/* One of PostgreSQL's transactions that is spread over several of Kafka's. */
typedef struct SinkKafkaSplit
{
	Lsn			commit_lsn;
	uint32_t	xid;
	uint32_t	parts;			/* cut so far, or all of them; 0: not split */
	uint64_t	seq;			/* of the last record in them */
	bool		complete;
} SinkKafkaSplit;

/* The end of one and the first part of another. */
#define SINK_KAFKA_MAX_MARKS	2

typedef struct SinkKafka
{
	Sink		base;
	const KafkaOptions *options;
	KafkaPartitioner partitioner;
	KafkaTarget target;
	char		client_id[160];
	char		transactional_id[SINK_KAFKA_ID_SIZE];
	KafkaLink  *link;			/* NULL: not opened, or made anew */
	KafkaProgressPlace place;
	Checkpoint	checkpoint;		/* all but the position is set */
	Lsn			checkpoint_sent;	/* on its way; 0: none */
	int64_t		checkpoint_at;	/* when the last one was sent, monotonic */
	Lsn			wanted;			/* to be recorded without waiting */
	Position	stored;			/* what the progress topic holds; 0: nothing */
	Position	attempt;		/* what was last sent there */
	Position	start;			/* without a checkpoint */
	Buf			text;
	KafkaOversize oversize;

	/* With transactions. */
	bool		exact;			/* they are used */
	bool		fell_back;		/* they were wanted, and cannot be */
	KafkaTxn	txn;
	bool		in_transaction; /* of PostgreSQL, and took a record of it */
	bool		cutting;		/* takes nothing more before the commit */
	bool		progress_waits; /* for acknowledgements or room */
	SinkKafkaSplit split;		/* the transaction at hand */
	SinkKafkaSplit marks[SINK_KAFKA_MAX_MARKS]; /* to be written */
	int			mark_count;
	bool		marked;			/* by the cut at hand */

	/* A producer made anew. */
	SinkKafkaPhase phase;
	uint64_t	held;			/* base.held when it was lost */
	KafkaRenewal renewal;
	int			lost;			/* in a row */
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

/*
 * What the option and the brokers allow becomes a decision. stop: NULL, or
 * ends it sooner; trying: with an id that is not the true one.
 */
extern MUST_USE bool sink_kafka_open(SinkKafka *sink, int64_t deadline,
									 const atomic_bool *stop, bool trying,
									 Error *err);

/* The link at hand starts from what is durable. */
extern void sink_kafka_use_link(SinkKafka *sink);

/* ---- sink_kafka_progress.c ---- */

/* Marks and notes, and then the checkpoint. FULL: to be done again. */
extern KafkaProduce sink_kafka_send_progress(SinkKafka *sink,
											 Position position, Error *err);

/* Takes what was acknowledged. */
extern MUST_USE bool sink_kafka_serve(SinkKafka *sink, int timeout_ms,
									  Error *err);

/* When poll may have to send progress though nothing happens. */
extern int64_t sink_kafka_progress_time(const SinkKafka *sink,
										int64_t deadline);

/* ---- sink_kafka_records.c ---- */

extern SinkResult sink_kafka_put(Sink *base, const Delivery *delivery,
								 Error *err);

/* ---- sink_kafka_renew.c ---- */

/*
 * After a failure: makes the producer anew where that helps. What is not
 * stored is given up and asked for again. false: for good.
 */
extern MUST_USE bool sink_kafka_lose(SinkKafka *sink, Error *err);

/* Its next step. */
extern SinkPoll sink_kafka_poll_renewal(SinkKafka *sink, Error *err);

/* ---- sink_kafka_exact.c: only with transactions ---- */

/* Whether the transaction at hand, or a new one, takes a delivery. */
extern SinkResult sink_kafka_admit(SinkKafka *sink, Error *err);

/* After a commit of PostgreSQL's. */
extern void sink_kafka_end_split(SinkKafka *sink, const TxnEnd *end);
extern MUST_USE bool sink_kafka_serve_txn(SinkKafka *sink, int timeout_ms,
										  Error *err);

/*
 * Makes it due to commit what there is, in the middle of one of PostgreSQL's
 * transactions too if its end did not come in time: the position says where.
 */
extern void sink_kafka_cut_now(SinkKafka *sink, Lsn target);

/* ---- sink_kafka_check.c ---- */

extern bool sink_kafka_check(Sink *base, Error *err);

#endif							/* PG_FANOUT_SINK_KAFKA_H */
