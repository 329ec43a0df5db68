/*
 * spool.h
 *		The records of transactions that are still in progress, kept until it
 *		is known what becomes of them.
 *
 * A record is bytes: what they mean is the source's business. The spool keeps
 * them in memory up to a limit for all transactions together, beyond it on
 * disk: compressed, checksummed, in files without a name that are gone with
 * the process, however it ends. Nothing survives it and nothing has to: the
 * server sends again what was not confirmed.
 *
 * Order of calls, per transaction: begin; append and abort as the server
 * tells; then replay once and next until SPOOL_END, or drop. One transaction
 * at a time is replayed, and nothing is appended meanwhile. After a failure
 * only clear and free are allowed.
 */
#ifndef PG_FANOUT_SPOOL_H
#define PG_FANOUT_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

typedef struct Spool Spool;

typedef struct SpoolConfig
{
	int64_t		memory;			/* bytes, for all transactions together */
	const char *directory;		/* NULL: one of ours below TMPDIR */
	int64_t		limit;			/* bytes on disk; 0: what the disk has */
} SpoolConfig;

/*
 * NULL: the directory cannot be made (mode 0700), belongs to somebody else, is
 * open to others or cannot be written. One that was made goes in the end.
 */
extern Spool *spool_new(const SpoolConfig *config, Error *err);
extern void spool_free(Spool *spool);

/*
 * The first block of the transaction begins. What is still kept under that
 * number belongs to another one, of which the server told no end: forgotten.
 */
extern MUST_USE bool spool_begin(Spool *spool, uint32_t xid, Error *err);

/*
 * Keeps a copy of a record of the transaction xid. subxid: the subtransaction
 * it belongs to and is dropped with; xid itself for what belongs to none, and
 * for what must stay even if the part in which the server said it is aborted
 * (descriptions of tables are said once per transaction). Fails with
 * ERROR_DISK when the disk is full, or full as configured.
 */
extern MUST_USE bool spool_append(Spool *spool, uint32_t xid, uint32_t subxid,
								  Slice record, Error *err);

/*
 * The subtransaction is rolled back: its records will not be replayed. Those
 * of its own subtransactions are not touched: the server names each of them.
 * With subxid == xid the whole transaction is forgotten. Unknown ones are no
 * error.
 */
extern MUST_USE bool spool_abort(Spool *spool, uint32_t xid, uint32_t subxid,
								 Error *err);

/* Whether the transaction was begun and not yet forgotten. */
extern bool spool_knows(const Spool *spool, uint32_t xid);

typedef enum SpoolResult
{
	SPOOL_RECORD,				/* *record; valid until the next call */
	SPOOL_AGAIN,				/* much was passed over: look at the clock,
								 * then call again */
	SPOOL_END,					/* all of it; the transaction is forgotten */
	SPOOL_FAILED				/* a file is cut short, damaged, unreadable */
} SpoolResult;

/*
 * The transaction has committed: next hands out its records in the order in
 * which they were appended, without those of aborted subtransactions. An
 * unknown one has none.
 */
extern void spool_replay(Spool *spool, uint32_t xid);
extern MUST_USE SpoolResult spool_next(Spool *spool, Slice *record,
									   Error *err);

/* Forgets the transaction, also one being replayed. */
extern void spool_drop(Spool *spool, uint32_t xid);

/* Forgets everything: the stream begins anew. */
extern void spool_clear(Spool *spool);

/* Bytes now in use. */
extern uint64_t spool_memory(const Spool *spool);
extern uint64_t spool_disk(const Spool *spool);

#endif							/* PG_FANOUT_SPOOL_H */
