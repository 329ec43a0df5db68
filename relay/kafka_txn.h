/*
 * kafka_txn.h
 *		The transactions of one producer: opened with the first record, cut by
 *		the sink, committed off the loop's thread.
 *
 * A transaction holds many of PostgreSQL's and, as its last record, how far
 * they go. While it commits nothing may be sent. What cannot be committed for
 * certain is lost: the producer must be made anew, and what was stored read.
 * Knows neither topics nor checkpoints.
 */
#ifndef PG_FANOUT_KAFKA_TXN_H
#define PG_FANOUT_KAFKA_TXN_H

#include <librdkafka/rdkafka.h>

#include "job.h"
#include "lsn.h"

typedef enum KafkaTxnState
{
	KAFKA_TXN_NONE,
	KAFKA_TXN_OPEN,
	KAFKA_TXN_COMMITTING
} KafkaTxnState;

typedef enum KafkaTxnResult
{
	KAFKA_TXN_BUSY,
	KAFKA_TXN_COMMITTED,
	KAFKA_TXN_LOST				/* outcome unknown: err */
} KafkaTxnResult;

/* Times in microseconds. */
typedef struct KafkaTxnLimits
{
	int64_t		timeout;		/* after which the broker aborts it */
	int64_t		interval;		/* the least between commits */
	int64_t		bytes;			/* then it is time for one too */
} KafkaTxnLimits;

typedef struct KafkaTxn
{
	rd_kafka_t *rk;
	KafkaTxnState state;
	KafkaTxnLimits limits;
	int64_t		interval;		/* between commits: longer if they are slow */
	int64_t		opened_at;		/* monotonic */
	int64_t		bytes;			/* it holds */
	int64_t		committing_since;
	int64_t		flushed_at;		/* all it holds is stored; 0: not yet */
	int64_t		waited_since;	/* records wait for its commit; 0: none do */
	int64_t		waited;			/* for all commits so far */
	uint64_t	commits;
	Position	position;		/* what the commit under way covers */
	Job	job;
	rd_kafka_error_t *error;	/* of the last call; the job's while it runs */
	rd_kafka_resp_err_t failure;	/* why it was lost */
} KafkaTxn;

/* Of a producer without transaction. */
extern void kafka_txn_init(KafkaTxn *txn, rd_kafka_t *rk,
						   const KafkaTxnLimits *limits, int wake_fd);

/* Opens one if there is none. */
extern MUST_USE bool kafka_txn_open(KafkaTxn *txn, Error *err);

/* So much was sent in the one that is open. */
extern void kafka_txn_add(KafkaTxn *txn, size_t bytes);

/*
 * Old or large enough to be cut at a commit; so old that it must be cut
 * anywhere.
 */
extern bool kafka_txn_due(const KafkaTxn *txn, int64_t now);
extern bool kafka_txn_overdue(const KafkaTxn *txn, int64_t now);

/* Begins the commit of what was sent; it covers everything up to there. */
extern MUST_USE bool kafka_txn_commit(KafkaTxn *txn, Position position,
									  Error *err);

/* A record has to wait until the one that is cut is committed. */
extern void kafka_txn_wait(KafkaTxn *txn);

/* All that was sent in it is stored: from here on the commit itself counts. */
extern void kafka_txn_flushed(KafkaTxn *txn);

/* What became of it. */
extern KafkaTxnResult kafka_txn_poll(KafkaTxn *txn, Error *err);

/* Waits for the call that runs, half a second at most; failure is its. */
extern void kafka_txn_end(KafkaTxn *txn);

/* Whether no call is under way. */
extern bool kafka_txn_idle(KafkaTxn *txn);

#endif							/* PG_FANOUT_KAFKA_TXN_H */
