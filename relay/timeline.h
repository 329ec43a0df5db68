/*
 * timeline.h
 *		The history of a server's WAL, and whether a position lies on it.
 *
 * A promotion or a recovery to a point in time begins a new timeline, and the
 * old one counts only up to there: what lay beyond never happened on this
 * server, though a sink may hold it. Pure: the text is the server's answer to
 * TIMELINE_HISTORY.
 */
#ifndef PG_FANOUT_TIMELINE_H
#define PG_FANOUT_TIMELINE_H

#include "buf.h"
#include "error.h"
#include "lsn.h"

/* An earlier timeline and where it was left. */
typedef struct TimelineEnd
{
	uint32_t	timeline;
	Lsn			end;
} TimelineEnd;

/* Of what was read from a standby, which may change its own meanwhile. */
#define TIMELINE_UNKNOWN 0

typedef struct Timelines
{
	uint32_t	current;
	bool		fluid;			/* a standby's */
	Lsn			wal_end;		/* of the current one; LSN_INVALID: unknown */
	bool		known;			/* earlier ones are */
	TimelineEnd *earlier;
	size_t		count;
} Timelines;

/* Fills the earlier ones from a history file; damaged: ERROR_SOURCE. */
extern MUST_USE bool timelines_parse(Timelines *timelines, Slice text,
									 Error *err);
extern MUST_USE bool timelines_copy(Timelines *to, const Timelines *from,
									Error *err);
extern void timelines_free(Timelines *timelines);

/* What checkpoints are to say of positions that come from there. */
static inline uint32_t
timelines_label(const Timelines *timelines)
{
	return timelines->fluid ? TIMELINE_UNKNOWN : timelines->current;
}

/*
 * Whether a sink that stands at this position of this timeline has nothing
 * that the server lacks. Else ERROR_TIMELINE (the server is on an older
 * timeline) or ERROR_DIVERGED (it went another way before the position). With
 * earlier timelines unknown a position on one of them is let through, with a
 * warning.
 */
extern MUST_USE bool timelines_hold(const Timelines *timelines,
									uint32_t timeline, Position position,
									const char *sink, Error *err);

#endif							/* PG_FANOUT_TIMELINE_H */
