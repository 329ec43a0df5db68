/*
 * table.h
 *		The Table record of a relation.
 *
 * Used by the plugin while decoding and by the extension in a plain backend.
 * The record of the wire is not to be confused with common/table.h, which is
 * what a reader makes of it.
 */
#ifndef PG_FANOUT_PLUGIN_TABLE_H
#define PG_FANOUT_PLUGIN_TABLE_H

#include "nodes/bitmapset.h"
#include "utils/rel.h"

#include "change.pb-c.h"

/*
 * The columns that are sent unless a publication says otherwise, as attribute
 * numbers: all but dropped and virtual generated ones, and the stored
 * generated ones only if asked for. palloc'd.
 */
extern Bitmapset *table_columns(Relation relation, bool generated);

/*
 * The relation's description with its fingerprint, in palloc'd memory. columns
 * are the attribute numbers to list, NULL: all that table_columns gives with
 * generated columns. Locks nothing and evaluates nothing.
 */
extern PgFanout__Table *table_describe(Relation relation,
									   const Bitmapset *columns);

#endif							/* PG_FANOUT_PLUGIN_TABLE_H */
