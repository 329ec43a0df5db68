/*
 * resnapshot_request.h
 *		The content of a message that asks for tables to be read again.
 *
 * A transactional logical message, written by --resnapshot, by
 * fanout.resnapshot() or by anybody who may write one. So its place in the
 * stream is a commit, and what it says is not to be trusted.
 */
#ifndef PG_FANOUT_RESNAPSHOT_REQUEST_H
#define PG_FANOUT_RESNAPSHOT_REQUEST_H

#include "buf.h"
#include "error.h"
#include "option.h"

#define RESNAPSHOT_PREFIX	"pg_fanout.resnapshot"
#define RESNAPSHOT_LIMIT	((size_t) 64 * 1024)	/* of the content */

typedef struct ResnapshotRequest
{
	OptionList	tables;			/* for patterns_parse, in two parts */
	char	   *slot;			/* whose relay; NULL: all of the database */
	char	   *sink;			/* NULL: all */
} ResnapshotRequest;

/*
 * ERROR_USAGE unless it is {"tables": [...], "slot": ..., "sink": ...} with at
 * least one table, all of them valid patterns; slot and sink may be null or
 * missing. What else it holds is refused: a misspelled sink would be all of
 * them. After a failure there is nothing to free.
 */
extern MUST_USE bool resnapshot_request_parse(ResnapshotRequest *request,
											  Slice content, Error *err);

/* Appends that JSON. ERROR_USAGE: not UTF-8, or longer than may be read. */
extern MUST_USE bool resnapshot_request_write(Buf *out,
											  const ResnapshotRequest *request,
											  Error *err);
extern void resnapshot_request_free(ResnapshotRequest *request);

#endif							/* PG_FANOUT_RESNAPSHOT_REQUEST_H */
