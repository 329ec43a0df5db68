/*
 * lane.h
 *		One sink's way through the backlog, at its own pace.
 *
 * A place in the log, a source that reads the records there, and a fanout with
 * this one sink. A sink that wants records again, or is full, concerns its
 * lane alone. A sink that cannot be opened at a start, or fails later in a
 * way that may pass, is tried again on a thread while the others go on: its
 * lane is absent meanwhile.
 */
#ifndef PG_FANOUT_LANE_H
#define PG_FANOUT_LANE_H

#include "backlog_reader.h"
#include "fanout.h"
#include "job.h"
#include "log.h"
#include "oid_map.h"
#include "relay_skip.h"

typedef struct LaneConfig
{
	const SinkSetups *setup;	/* of one sink */
	const char *database;
	Outbox	   *outbox;			/* NULL: none */
	const OptionList *renew_fields;
	int			wake_fd;		/* an eventfd: readable when a try is over */
} LaneConfig;

/* A try to open the sink, on a thread. */
typedef struct LaneTry
{
	Fanout	   *old;			/* of the sink that failed: ended first */
	SlotIdentity identity;
	Timelines	timelines;		/* a copy: the loop may learn of others */
	atomic_bool stop;			/* nobody waits for it any more */
	Fanout	   *fanout;
	Error		err;
	bool		ok;
} LaneTry;

typedef struct Lane
{
	LaneConfig	config;
	Backlog    *backlog;
	Fanout	   *fanout;			/* NULL: absent */
	Source	   *source;
	BacklogReader reader;
	Position	position;		/* of the record at hand */
	SourceResult pending;		/* SOURCE_EMPTY: none */
	SourceEvent event;
	char		snapshot[32];	/* as Transaction's; empty: NULL */
	Buf			only;			/* as Change's; the same */
	Transaction txn;			/* of a row of a snapshot */
	bool		skipped;		/* the record at hand is left out */
	RelaySkip	skip;
	OidMap		details;		/* TableDetail by table */
	int64_t		commit_time;	/* of the last transaction taken */
	bool		blocked;
	bool		rewound;		/* and wants to know that the slot is ours */

	const Timelines *timelines; /* the loop's; NULL: not known */

	Job	job;
	LaneTry		try;
	int64_t		try_at;
	int			attempt;
	Lsn			back_at;		/* what was durable then: more is progress */
	LogMemory	absence;		/* why it is absent */
} Lane;

/* NULL: failed. The backlog is said before the first turn. */
extern Lane *lane_new(const LaneConfig *config, Error *err);
extern void lane_free(Lane *lane);
extern const char *lane_name(const Lane *lane);

/* Opens the sink and reads its checkpoint; may block as the sink may. */
extern MUST_USE bool lane_resume(Lane *lane, const SlotIdentity *identity,
								 Error *err);

/*
 * Whether another try may not meet that failure: an administrator may have
 * mended what the sink wants. What concerns a record, or whose the sink is,
 * does not pass.
 */
extern bool lane_may_pass(const Error *err);

/* Lets go of a sink that failed: it is tried again. */
extern void lane_leave(Lane *lane, const Error *err);

/* NULL: absent. */
extern const Sink *lane_sink(const Lane *lane);

/* To where the sink wants to go on. */
extern void lane_begin(Lane *lane, Backlog *backlog);

/*
 * Asks the sink how it is, and gives it what there is until the deadline;
 * false: failed for good. An absent one is tried again when it is time.
 */
extern MUST_USE bool lane_turn(Lane *lane, int64_t deadline, Error *err);

/* Whether all of the log was given to the sink. */
extern bool lane_at_end(const Lane *lane);

/* As a sink's. */
extern int	lane_watch(Lane *lane, struct pollfd *fds, int room,
					   int64_t *deadline);

#endif							/* PG_FANOUT_LANE_H */
