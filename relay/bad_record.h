/*
 * bad_record.h
 *		Which record stops us, and the command that leaves it out.
 *
 * For whoever finds that a record cannot be rendered or delivered. Knows
 * nothing else.
 */
#ifndef PG_FANOUT_BAD_RECORD_H
#define PG_FANOUT_BAD_RECORD_H

#include "error.h"
#include "lsn.h"

#define BAD_RECORD_SIZE	(LSN_TEXT_SIZE + 24)

/* "0/16B3748:3", or without number that of a whole transaction. */
extern const char *bad_record_format(Position position, char *text);

/* false: not of that form. seq 0: the whole transaction. */
extern bool bad_record_parse(const char *text, Position *position);

/*
 * Says in err where the record is and how to go on without it, unless it says
 * already how to go on. Returns false.
 */
extern bool bad_record_explain(Error *err, Position position);

#endif							/* PG_FANOUT_BAD_RECORD_H */
