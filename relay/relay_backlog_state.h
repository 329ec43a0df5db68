/*
 * relay_backlog_state.h
 *		The spool's state, shared by the files it is made of.
 *
 * relay_backlog.c is the sink, relay_backlog_records.c what becomes of a
 * record on its way into the log, relay_backlog_lanes.c what concerns the real
 * sinks. Nobody else includes this.
 */
#ifndef PG_FANOUT_RELAY_BACKLOG_STATE_H
#define PG_FANOUT_RELAY_BACKLOG_STATE_H

#include "lane.h"
#include "relay_backlog.h"

struct RelayBacklog
{
	RelayBacklogConfig config;

	/* the fanout's only sink and format, as configured */
	SinkSetup	setup;
	SinkSetups	setups;
	SinkCommon	common;
	Sink	   *sink;			/* while there is one */

	/* records */
	Buf			content;		/* as rendered */
	BacklogKind kind;			/* what it is */
	OidMap		details;		/* of tables, as they are written */
	OidMap		described;		/* versions of tables described in */
	uint64_t	segment;		/* this one */
	const char *snapshot;		/* the word said last in it; NULL: none */
	const char *only;			/* and the sink */
	bool		in_transaction;

	Backlog    *log;			/* NULL: not open yet */
	const Timelines *timelines; /* the loop's; NULL: not known */
	int			wake_fd;		/* a sync, or a try to open a sink, is over */

	bool		full;
	int64_t		full_since;		/* with the sinks at */
	Lsn			full_least;
	int64_t		told_at;		/* 0: not yet */

	Lane	  **lanes;			/* one for each sink */
	SinkSetups *lane_setups;
	size_t		lane_count;

	uint64_t	held;			/* as told to the lanes */

	Position	mark;			/* where the log ended, */
	int64_t		mark_at;		/* at that time */
};

/* ---- relay_backlog_records.c ---- */

/* The format that makes entries of records; detailed: is told of details. */
extern const FormatOps *relay_backlog_format(bool detailed);
extern SinkResult relay_backlog_put(RelayBacklog *spool,
									const Delivery *delivery, Error *err);
extern SinkResult relay_backlog_commit(RelayBacklog *spool,
									   const TxnEnd *end, Error *err);
extern MUST_USE bool relay_backlog_idle(RelayBacklog *spool, Lsn idle,
										Error *err);
extern void relay_backlog_forget_records(RelayBacklog *spool);

/* ---- relay_backlog_lanes.c ---- */

extern MUST_USE bool relay_backlog_make_lanes(RelayBacklog *spool, Error *err);
extern void relay_backlog_free_lanes(RelayBacklog *spool);

/* Opens the log and every sink; accepted and durable follow from that. */
extern MUST_USE bool relay_backlog_open(RelayBacklog *spool,
										const SlotIdentity *identity,
										Error *err);

/* The smallest durable of all sinks; LSN_INVALID: one is absent or new. */
extern Lsn	relay_backlog_least(const RelayBacklog *spool);

/* How far the slot may be confirmed. */
extern Lsn	relay_backlog_safe(const RelayBacklog *spool);

/* The server may have gone to another timeline: so do log and sinks. */
extern MUST_USE bool relay_backlog_follow(RelayBacklog *spool, Error *err);

/* Tells the lanes of a stream that has begun since. */
extern void relay_backlog_held(RelayBacklog *spool);

/*
 * Whether a sink has asked for what it had got: it may have lost its hold on
 * where the data is, and wait for a stream that begins.
 */
extern bool relay_backlog_rewound(RelayBacklog *spool);

/* A turn of every lane. */
extern MUST_USE bool relay_backlog_turn(RelayBacklog *spool, int64_t time,
										Error *err);

/*
 * Gives the sinks until then to make durable what there is; false: one failed
 * for good.
 */
extern MUST_USE bool relay_backlog_drain_lanes(RelayBacklog *spool,
											   int64_t deadline, Error *err);

#endif							/* PG_FANOUT_RELAY_BACKLOG_STATE_H */
