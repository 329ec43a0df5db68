/*
 * snapshot_tables.h
 *		A snapshot's tables on their way: what is read next, what is finished.
 *
 * Tables are cut into ranges of blocks, handed out in the order of the plan; a
 * table is finished when all of its ranges are. Knows no connection.
 */
#ifndef PG_FANOUT_SNAPSHOT_TABLES_H
#define PG_FANOUT_SNAPSHOT_TABLES_H

#include "snapshot_plan.h"

/* 16 MB: a range takes a moment, and many make the work even. */
#define SNAPSHOT_RANGE_BLOCKS	2048

typedef struct ActiveTable
{
	const SnapshotTable *plan;
	Relation   *relation;		/* NULL: not described yet */
	bool		skip;			/* finished before, or not to pass */
	size_t		open;			/* ranges that are not finished */
	uint64_t	rows;
} ActiveTable;

typedef struct SnapshotTables
{
	const SnapshotPlan *plan;
	bool		ranges;			/* the server can read them by their blocks */
	ActiveTable *tables;		/* as the plan's */
	size_t	   *done;			/* finished tables, in their order */
	size_t		done_count;
	size_t		table;			/* what is handed out next */
	size_t		part;			/* of the table */
	uint64_t	block;
} SnapshotTables;

typedef struct SnapshotChunk
{
	ActiveTable *table;
	const SnapshotPart *part;
	SnapshotRange range;
	uint64_t	blocks;
} SnapshotChunk;

extern MUST_USE bool snapshot_tables_init(SnapshotTables *tables,
										  const SnapshotPlan *plan,
										  bool ranges, Error *err);
extern void snapshot_tables_free(SnapshotTables *tables);

/* false: all are handed out. Tables without parts are finished on the way. */
extern bool snapshot_tables_next(SnapshotTables *tables, SnapshotChunk *chunk);

/* A range is finished, and maybe its table. */
extern void snapshot_tables_finish(SnapshotTables *tables, ActiveTable *table);

/* Whether only this table's last range is not finished. */
extern bool snapshot_tables_last(const SnapshotTables *tables,
								 const ActiveTable *table);

#endif							/* PG_FANOUT_SNAPSHOT_TABLES_H */
