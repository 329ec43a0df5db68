/*
 * record_key.h
 *		The key of a record: the columns that identify its row, cut out of the
 *		rows of a Change.
 *
 * What formats share. The result is a row message (change.proto) with the key
 * columns' fields only, in the order of their numbers, copied as they are;
 * each format turns it into its own bytes.
 */
#ifndef PG_FANOUT_RECORD_KEY_H
#define PG_FANOUT_RECORD_KEY_H

#include "buf.h"
#include "source.h"

typedef enum RecordKey
{
	RECORD_KEY_FOUND,			/* out holds the row; empty: all NULL */
	RECORD_KEY_NONE,			/* no key, or the rows do not hold all of it */
	RECORD_KEY_BAD				/* a row is malformed */
} RecordKey;

/*
 * The key of the row as it is after the change; of a delete, as it was. out is
 * emptied first.
 */
extern RecordKey record_key_find(const Change *change, Buf *out);

/*
 * The key an update's row had before, if it is another one than the row has
 * now, else RECORD_KEY_NONE. out and scratch are emptied first.
 */
extern RecordKey record_key_find_old(const Change *change, Buf *out,
									 Buf *scratch);

/* Whether packed column numbers (Body.unchanged) hold this one. */
extern bool record_numbers_contain(Slice numbers, uint32_t number);

#endif							/* PG_FANOUT_RECORD_KEY_H */
