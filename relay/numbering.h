/*
 * numbering.h
 *		What each field number of a topic means, where topics hold typed
 *		records.
 *
 * In the protobuf format a column's attribute number is its field number. Two
 * tables that share a topic must therefore agree on every number they share,
 * or consumers read one table's columns under the other's names.
 */
#ifndef PG_FANOUT_NUMBERING_H
#define PG_FANOUT_NUMBERING_H

#include "error.h"
#include "table.h"

/*
 * All topics of a sink, in a list: there are few, and each is asked for once.
 */
typedef struct Numbering Numbering;

/*
 * Adds the table's columns to what is known of the topic. false: another
 * table's columns there have other names or types (ERROR_RECORD). The same
 * table with a column changed, or dropped and made anew, is a warning in the
 * log: its consumers need the new .proto.
 */
extern MUST_USE bool numbering_add(Numbering **topics, const char *topic,
								   const Table *table, Error *err);
extern void numbering_free(Numbering *topics);

#endif							/* PG_FANOUT_NUMBERING_H */
