/*
 * progress.h
 *		The line that tells how it goes: rows per second, lag, each sink.
 *
 * On a terminal it is redrawn every second, in a log it is a line every
 * --progress-interval.
 */
#ifndef PG_FANOUT_PROGRESS_H
#define PG_FANOUT_PROGRESS_H

#include <stdint.h>

#include "fanout.h"
#include "feedback.h"
#include "spool.h"

typedef struct Progress
{
	int64_t		interval;		/* microseconds, 0: never */
	int64_t		next;
	int64_t		last;			/* when last shown */
	uint64_t	records;		/* delivered since the start */
	uint64_t	bytes;			/* received since the start */
	uint64_t	skipped;		/* records that a person left out */
	uint64_t	shown_records;
	uint64_t	shown_bytes;
	int64_t		commit_time;	/* of the last txn, microseconds since 1970 */
} Progress;

/* interval: for logs. */
extern void progress_init(Progress *progress, int64_t interval);
extern void progress_frame(Progress *progress, size_t bytes);
extern void progress_record(Progress *progress, bool skipped);
extern void progress_commit(Progress *progress, int64_t commit_time);

/* "1.4 GB" */
extern void progress_append_size(Buf *line, double bytes);
/* Whether it is time for a line; the next one's is set then. */
extern bool progress_due(Progress *progress, int64_t now);

/* Shows the line if it is time to. spool: NULL without streaming. */
extern void progress_show(Progress *progress, const Feedback *feedback,
						  const Fanout *fanout, const Spool *spool);

#endif							/* PG_FANOUT_PROGRESS_H */
