/*
 * snapshot.h
 *		The rows that tables have at one point of the WAL, as a source of
 *		events like the stream's.
 *
 * A replication slot exports a snapshot at its consistent point: transactions
 * whose commit record lies before it are visible there, others are not. That
 * is the new slot of the stream itself, or a temporary one.
 *
 * Rows come in small transactions whose positions are made up: they lie below
 * the place of the stream's slot, where the stream has nothing, so that sinks
 * have one order of positions and remember them as ever. Numbers in those
 * transactions begin at the attempt times 2^32: what is read again after an
 * interruption has other positions.
 */
#ifndef PG_FANOUT_SNAPSHOT_H
#define PG_FANOUT_SNAPSHOT_H

#include <poll.h>

#include "catalog_session.h"
#include "key_set.h"
#include "pattern.h"
#include "snapshot_notes.h"
#include "source.h"
#include "transform.h"

typedef struct Snapshot Snapshot;

/* All of it outlives the snapshot. */
typedef struct SnapshotConfig
{
	ConnectionOptions *options;
	CatalogSession *catalog;
	Transform  *transform;
	const char *slot;			/* the stream's */
	const char *plugin;
	const char *publications;	/* NULL: none, every table is read */
	int			workers;
	int			server_version;
	bool		raw_text;		/* text may be no UTF-8 */
	const Charset *charset;		/* what it is in instead; NULL: UTF-8 */

	/* for tables that are read again, beside the stream; else NULL */
	const Patterns *tables;		/* those; the others are left alone */
	KeySet	   *changed;		/* rows that the stream has had since */
} SnapshotConfig;

typedef enum SnapshotState
{
	SNAPSHOT_CREATING,			/* the temporary slot */
	SNAPSHOT_IMPORTED,			/* snapshot_begin is to be called */
	SNAPSHOT_MARKING,			/* an empty transaction is to be delivered */
	SNAPSHOT_MARKED,			/* snapshot_read is to be called when it is
								 * durable */
	SNAPSHOT_READING,
	SNAPSHOT_ALL_READ,			/* snapshot_finish is to be called when it is
								 * durable */
	SNAPSHOT_FINISHING,			/* the last transaction is to be delivered */
	SNAPSHOT_ENDED				/* the stream follows when it is durable */
} SnapshotState;

/* NULL: failed. */
extern Snapshot *snapshot_new(const SnapshotConfig *config, Error *err);
extern void snapshot_free(Snapshot *snapshot);
extern SnapshotState snapshot_state(const Snapshot *snapshot);

/* Opens the workers on a snapshot exported at that point, and the plan. */
extern MUST_USE bool snapshot_import(Snapshot *snapshot, const char *name,
									 Lsn point, Error *err);

/* Or begins to create a temporary slot for it... */
extern MUST_USE bool snapshot_create(Snapshot *snapshot, Error *err);

/* ...and goes on with that. */
extern MUST_USE bool snapshot_creating(Snapshot *snapshot, Error *err);

/* Where its transactions are to lie, and what there is already. */
typedef struct SnapshotPlace
{
	Lsn			first;			/* of its positions */
	Lsn			start;			/* the stream's: behind all of them */
	Lsn			durable;		/* everywhere: what is finished counts */
	uint64_t	attempt;
	bool		exact;			/* no sink has anything: the stream can leave
								 * out what the rows have */
} SnapshotPlace;

/* notes: where finished tables are found. */
extern MUST_USE bool snapshot_begin(Snapshot *snapshot,
									const SnapshotPlace *place,
									const Notes *notes, Error *err);

/* The end of the last transaction that was handed out. */
extern Lsn	snapshot_position(const Snapshot *snapshot);
extern void snapshot_read(Snapshot *snapshot);

/*
 * Looks whether the tables to be read are still the same: *changed, and the
 * finished ones count, but it has to be begun anew.
 */
extern MUST_USE bool snapshot_finish(Snapshot *snapshot, bool *changed,
									 Error *err);

/*
 * As a source's next: SOURCE_BEGIN, CHANGE, COMMIT; SOURCE_EMPTY: wait. A
 * failure that may pass is marked retriable.
 */
extern SourceResult snapshot_next(Snapshot *snapshot, SourceEvent *event,
								  Error *err);

/* The number before that of a transaction's first record. */
extern uint64_t snapshot_numbers(const Snapshot *snapshot);

/*
 * A note that sinks must have before the event that was handed out last;
 * false: none is left.
 */
extern bool snapshot_take_note(Snapshot *snapshot, SnapshotNote *note);

/* ---- beside the stream (relay_resnapshot.c) ---- */

/*
 * After SNAPSHOT_IMPORTED, in place of snapshot_begin: SNAPSHOT_READING, or
 * SNAPSHOT_ALL_READ if there are no such tables.
 */
extern void snapshot_begin_beside(Snapshot *snapshot);

/*
 * The next row, without transactions: SOURCE_CHANGE, of this transaction;
 * SOURCE_EMPTY: wait, or SNAPSHOT_ALL_READ; SOURCE_AGAIN: as a source's. Rows
 * that config.changed has at or behind the snapshot's point are left out. A
 * table of which that cannot be told is an error.
 */
extern SourceResult snapshot_row(Snapshot *snapshot, const Transaction *txn,
								 SourceEvent *event, Error *err);

/* snapshot_row hands out the last one once more. */
extern void snapshot_row_again(Snapshot *snapshot);

/* Whether a row is there; false also at the end. *ok: it did not fail. */
extern bool snapshot_row_ready(Snapshot *snapshot, bool *ok, Error *err);

/*
 * Has the server write a transactional message, without waiting. false: it
 * failed, or an earlier one has.
 */
extern MUST_USE bool snapshot_write_mark(Snapshot *snapshot,
										 const char *prefix,
										 const char *content, Error *err);

/* Goes on with that; *written: nothing is under way. */
extern MUST_USE bool snapshot_poll_mark(Snapshot *snapshot, bool *written,
										Error *err);

/* "public.a, public.b, ...": what is read, as far as it fits. */
extern void snapshot_name_tables(const Snapshot *snapshot, char *text,
								 size_t size);

/* What to wait on; returns how many of room it used. */
extern int	snapshot_watch(const Snapshot *snapshot, struct pollfd *fds,
						   int room);

typedef struct SnapshotStats
{
	size_t		tables;			/* to be read by this attempt */
	size_t		tables_done;
	uint64_t	rows;
	uint64_t	left_out;		/* rows that the stream has had since */
	uint64_t	bytes;
	uint64_t	blocks;			/* of the tables to be read */
	uint64_t	blocks_done;
	int64_t		started;		/* monotonic */
} SnapshotStats;

extern const SnapshotStats *snapshot_stats(const Snapshot *snapshot);

#endif							/* PG_FANOUT_SNAPSHOT_H */
