/*
 * snapshot_plan.h
 *		Which tables a snapshot reads, and which rows and columns of them:
 *		those that the stream has.
 *
 * With publications: their tables, row filters and column lists, partitions as
 * their root where that is how they are published. Without: every permanent
 * table of users, all columns that the plugin sends. A table's rows lie in
 * parts: itself, or the leaves of its partition tree.
 */
#ifndef PG_FANOUT_SNAPSHOT_PLAN_H
#define PG_FANOUT_SNAPSHOT_PLAN_H

#include <libpq-fe.h>

#include "pattern.h"
#include "pgoutput_relation.h"

typedef struct SnapshotPart
{
	const char *schema;
	const char *name;
	uint64_t	blocks;			/* when looked at: may have grown since */
} SnapshotPart;

typedef struct SnapshotTable
{
	uint32_t	oid;
	const char *schema;
	const char *name;
	char		identity;		/* as pg_class.relreplident */
	const char *filter;			/* NULL: all rows */
	uint64_t	hash;			/* of what is read of it */
	size_t		column;			/* first row of plan->columns */
	size_t		column_count;
	size_t		part;			/* first of plan->parts */
	size_t		part_count;
} SnapshotTable;

typedef struct SnapshotPlan
{
	PGresult   *columns;		/* these two hold all text */
	PGresult   *part_rows;
	SnapshotTable *tables;		/* by schema and name */
	size_t		count;
	SnapshotPart *parts;
	size_t		part_count;
} SnapshotPlan;

/*
 * Looks it up as it is now. publications: the list as the server reads it;
 * NULL: none. The connection is one that connection_open made.
 */
extern MUST_USE bool snapshot_plan_read(SnapshotPlan *plan, PGconn *conn,
										const char *publications, Error *err);
extern void snapshot_plan_free(SnapshotPlan *plan);

/* Leaves out all tables but those that match. */
extern void snapshot_plan_choose(SnapshotPlan *plan, const Patterns *tables);

/* Whether both read the same of the same tables. */
extern bool snapshot_plan_equal(const SnapshotPlan *a, const SnapshotPlan *b);

/* The table with this oid; NULL: not in the plan. */
extern const SnapshotTable *snapshot_plan_find(const SnapshotPlan *plan,
											   uint32_t oid);

/* "LOCK TABLE ..." for all tables and parts; the plan has tables. */
extern MUST_USE bool snapshot_plan_lock(const SnapshotPlan *plan, PGconn *conn,
										Buf *sql, Error *err);

/* Types of the table's columns for a TableWish; room for all columns. */
extern void snapshot_plan_types(const SnapshotPlan *plan,
								const SnapshotTable *table, uint32_t *types);

/*
 * The table as the stream describes it: what a Relation message would say,
 * with the picture that was asked for.
 */
extern MUST_USE Relation *snapshot_plan_describe(const SnapshotPlan *plan,
												 const SnapshotTable *table,
												 const TablePicture *picture,
												 Error *err);

/* Blocks of a part, from first up to but without end; 0: to the last one. */
typedef struct SnapshotRange
{
	uint64_t	first;
	uint64_t	end;
} SnapshotRange;

/*
 * "COPY (...) TO STDOUT" of a part's blocks. encoding: what text is to come
 * in; NULL: the connection's.
 */
extern MUST_USE bool snapshot_plan_copy(const SnapshotPlan *plan, PGconn *conn,
										const SnapshotTable *table,
										const SnapshotPart *part,
										SnapshotRange range,
										const char *encoding, Buf *sql,
										Error *err);

#endif							/* PG_FANOUT_SNAPSHOT_PLAN_H */
