/*
 * snapshot_inside.h
 *		A snapshot's state, shared by the files it is made of.
 *
 * snapshot.c is its life; snapshot_rows.c how rows become events. Nobody else
 * includes this.
 */
#ifndef PG_FANOUT_SNAPSHOT_INSIDE_H
#define PG_FANOUT_SNAPSHOT_INSIDE_H

#include "pgoutput_row.h"
#include "slot_wait.h"
#include "snapshot.h"
#include "snapshot_tables.h"
#include "snapshot_worker.h"

/* A worker and the range it reads; one row is kept to know the last one. */
typedef struct Reader
{
	SnapshotWorker worker;
	ActiveTable *table;			/* NULL: idle */
	SnapshotLine held;			/* to be handed out next */
	SnapshotLine next;
	bool		ended;			/* nothing follows these two */
	uint64_t	blocks;
} Reader;

struct Snapshot
{
	const SnapshotConfig *config;
	SnapshotState state;
	PGconn	   *control;		/* sees today's catalog */
	PGconn	   *slot_conn;		/* of the temporary slot */
	SlotWait	wait;

	Reader	   *readers;
	size_t		reader_count;
	size_t		turn;			/* whose rows are asked for first */
	const char *encoding;		/* of the rows; NULL: the connection's */
	RowWriter  *writer;
	uint32_t	types[TABLE_MAX_COLUMNS];	/* of a wish */
	Buf			sql;
	SnapshotLine current;		/* handed out, */
	const Relation *current_of;
	bool		again;			/* once more */
	Buf			key;			/* of a row, to be looked for */
	bool		marking;		/* a message is being written */

	SnapshotPlan plan;
	SnapshotTables tables;
	size_t		noted;			/* of the finished tables */
	size_t	   *stale;			/* tables whose notes no longer hold */
	size_t		stale_count;
	SnapshotPlace place;
	Lsn			point;			/* of the exported snapshot */
	int64_t		time;			/* when it was taken, as commit times are */
	uint32_t	xid;			/* the first that it does not show */

	Transaction txn;
	bool		in_transaction;
	Lsn			position;		/* where the next transaction begins */
	uint64_t	txn_rows;
	uint64_t	txn_bytes;
	bool		any_rows;		/* since the snapshot began */
	SnapshotStats stats;
};

/* In the stats, as one that is to be read. */
extern void snapshot_count_table(Snapshot *snapshot,
								 const SnapshotTable *table);

/* An event of the state SNAPSHOT_READING. */
extern SourceResult snapshot_rows_next(Snapshot *snapshot, SourceEvent *event,
									   Error *err);

/* The transaction's begin, and its end at that position. */
extern SourceResult snapshot_begin_txn(Snapshot *snapshot, SourceEvent *event);
extern SourceResult snapshot_end_txn(Snapshot *snapshot, Lsn end,
									 SourceEvent *event);

#endif							/* PG_FANOUT_SNAPSHOT_INSIDE_H */
