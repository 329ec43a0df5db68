/*
 * snapshot_copy.h
 *		A line of COPY's text format, taken apart. Pure.
 */
#ifndef PG_FANOUT_SNAPSHOT_COPY_H
#define PG_FANOUT_SNAPSHOT_COPY_H

#include "pgoutput.h"

/*
 * Takes the line, without its line break, apart into exactly count values,
 * each in place and as the type's output function wrote it. false: it has
 * another number of values, or ends inside an escape.
 */
extern bool snapshot_copy_split(char *line, size_t size,
								PgoutputValue *values, size_t count);

#endif							/* PG_FANOUT_SNAPSHOT_COPY_H */
