/*
 * timeline.c
 *		The history of a server's WAL. See timeline.h.
 */
#include "timeline.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

/* ---- reading ---- */

/* "3\t0/5000000\treason"; *skip: a comment or nothing. */
static bool
parse_line(const char *line, TimelineEnd *end, bool *skip)
{
	const char *at = line + strspn(line, " \t\r");
	char		lsn[LSN_TEXT_SIZE];
	char	   *behind;
	unsigned long number;
	size_t		size;

	*skip = *at == '\0' || *at == '#';
	if (*skip)
		return true;
	number = strtoul(at, &behind, 10);
	if (behind == at || number == 0 || number > UINT32_MAX)
		return false;
	at = behind + strspn(behind, " \t");
	size = strcspn(at, " \t\r");
	if (at == behind || size >= sizeof(lsn))
		return false;
	memcpy(lsn, at, size);
	lsn[size] = '\0';
	end->timeline = (uint32_t) number;
	return lsn_parse(lsn, &end->end);
}

static bool
append_line(Timelines *timelines, const char *line, Error *err)
{
	TimelineEnd end;
	TimelineEnd *more;
	bool		skip;

	if (!parse_line(line, &end, &skip))
		return error_set(err, ERROR_SOURCE,
						 "the server's history of timelines is not understood");
	if (skip)
		return true;
	more = realloc(timelines->earlier, (timelines->count + 1) * sizeof(*more));
	if (more == NULL)
		return error_no_memory(err);
	timelines->earlier = more;
	more[timelines->count++] = end;
	return true;
}

bool
timelines_parse(Timelines *timelines, Slice text, Error *err)
{
	char	   *copy = strndup((const char *) text.data, text.size);
	char	   *rest = copy;
	char	   *line;
	bool		ok = copy != NULL || error_no_memory(err);

	while (ok && (line = strsep(&rest, "\n")) != NULL)
		ok = append_line(timelines, line, err);
	timelines->known = ok;
	free(copy);
	return ok;
}

bool
timelines_copy(Timelines *to, const Timelines *from, Error *err)
{
	*to = *from;
	if (from->count == 0)
	{
		to->earlier = NULL;
		return true;
	}
	to->earlier = malloc(from->count * sizeof(*to->earlier));
	if (to->earlier == NULL)
	{
		to->count = 0;
		return error_no_memory(err);
	}
	memcpy(to->earlier, from->earlier, from->count * sizeof(*to->earlier));
	return true;
}

void
timelines_free(Timelines *timelines)
{
	free(timelines->earlier);
	*timelines = (Timelines) {0};
}

/* ---- judging ---- */

static const TimelineEnd *
find_end(const Timelines *timelines, uint32_t timeline)
{
	for (size_t i = 0; i < timelines->count; i++)
		if (timelines->earlier[i].timeline == timeline)
			return &timelines->earlier[i];
	return NULL;
}

/* In the middle of a transaction its commit lies behind the position. */
static bool
lies_beyond(Position position, Lsn end)
{
	return position.seq > 0 ? position.lsn >= end : position.lsn > end;
}

static bool
older(const Timelines *timelines, uint32_t timeline, const char *sink,
	  Error *err)
{
	error_set(err, ERROR_TIMELINE,
			  "sink \"%s\" has got changes of timeline %u, the server is on timeline %u",
			  sink, timeline, timelines->current);
	error_detail(err, "This is a server that a failover left behind, or one that was restored from an old backup; the sink may hold changes that it does not have.");
	return error_hint(err, "Connect to the server that took over. If this one is right, compare the sink's data with the tables, then remove the sink's checkpoint to begin anew where the slot stands.");
}

static bool
diverged(const Timelines *timelines, Position position, Lsn end,
		 const char *sink, Error *err)
{
	char		at[LSN_TEXT_SIZE];
	char		left[LSN_TEXT_SIZE];

	error_set(err, ERROR_DIVERGED,
			  "sink \"%s\" has got changes up to %s, which timeline %u of the server does not have: it went another way at %s",
			  sink, lsn_format(position.lsn, at), timelines->current,
			  end != LSN_INVALID ? lsn_format(end, left) : "an earlier point");
	error_detail(err, "The server was promoted without the last transactions of its primary, or recovered to an earlier point in time: the sink holds transactions that are no longer in the database, and the same positions now mean others.");
	return error_hint(err, "Copy the tables again, or find and undo in the sink what lies behind %s; then remove the sink's checkpoint to begin anew where the slot stands. To keep this from happening see \"Failover\" in the README.",
					  end != LSN_INVALID ? lsn_format(end, left) : "that point");
}

static bool
ahead(const Timelines *timelines, Position position, const char *sink,
	  Error *err)
{
	char		at[LSN_TEXT_SIZE];
	char		end[LSN_TEXT_SIZE];

	error_set(err, ERROR_DIVERGED,
			  "sink \"%s\" has got changes up to %s, the server's WAL ends at %s",
			  sink, lsn_format(position.lsn, at),
			  lsn_format(timelines->wal_end, end));
	error_detail(err, "The server has lost its last transactions: it was restored from a copy of its files, or its disk does not keep what it was told to keep.");
	return error_hint(err, "The sink holds transactions that are no longer in the database. Copy the tables again, then remove the sink's checkpoint to begin anew where the slot stands.");
}

bool
timelines_hold(const Timelines *timelines, uint32_t timeline,
			   Position position, const char *sink, Error *err)
{
	const TimelineEnd *end;

	if (timeline > timelines->current)
		return older(timelines, timeline, sink, err);
	if (timeline == timelines->current || timeline == TIMELINE_UNKNOWN)
		return timelines->wal_end == LSN_INVALID ||
			!lies_beyond(position, timelines->wal_end) ||
			ahead(timelines, position, sink, err);
	if (!timelines->known)
	{
		log_warning("the server has gone from timeline %u to %u and does not tell its history: whether it has all that sink \"%s\" got cannot be seen",
					timeline, timelines->current, sink);
		return true;
	}
	end = find_end(timelines, timeline);
	if (end == NULL)
		return diverged(timelines, position, LSN_INVALID, sink, err);
	return !lies_beyond(position, end->end) ||
		diverged(timelines, position, end->end, sink, err);
}
