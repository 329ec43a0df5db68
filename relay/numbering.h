/*
 * numbering.h
 *		What each field number of a topic means, where topics hold typed
 *		records and no schema registry remembers it.
 *
 * In the protobuf format a column's attribute number is its field number. Two
 * tables that share a topic must therefore agree on every number they share,
 * and so must a table with the one of its name that was there before (dropped
 * and made anew, or restored), or consumers read columns under other names.
 * What a topic's numbers mean, those of dropped columns too, is a note of the
 * sink: it outlives the process. Knows no sink.
 */
#ifndef PG_FANOUT_NUMBERING_H
#define PG_FANOUT_NUMBERING_H

#include "error.h"
#include "notes.h"
#include "option.h"
#include "table.h"

/*
 * All topics of a sink, in a list: there are few, and each is asked for once.
 */
typedef struct Numbering Numbering;

typedef struct NumberingBook
{
	Numbering  *topics;
	Notes	   *notes;			/* the sink's */
	const OptionList *renewed;	/* topics whose notes do not count any more;
								 * NULL: none */
} NumberingBook;

/*
 * Adds the table's columns to what is known of the topic. false: other columns
 * there have these numbers (ERROR_RECORD). The same table with a column
 * renamed is well; with one that has another type it is a warning in the log:
 * its consumers need the new .proto.
 */
extern MUST_USE bool numbering_add(NumberingBook *book, const char *topic,
								   const Table *table, Error *err);
extern void numbering_free(Numbering *topics);

#endif							/* PG_FANOUT_NUMBERING_H */
