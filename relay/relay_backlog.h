/*
 * relay_backlog.h
 *		The spool as the loop's one sink: takes every record into the backlog,
 *		and lets each real sink read it at its own pace.
 *
 * For the loop it is a fanout like any other. accepted is the backlog's end;
 * durable is what the slot may be confirmed to: what every sink has recorded,
 * or what the synced backlog holds, whichever is further (R1). It is full when
 * the disk or its limit is.
 */
#ifndef PG_FANOUT_RELAY_BACKLOG_H
#define PG_FANOUT_RELAY_BACKLOG_H

#include "relay_skip.h"

typedef struct RelayBacklog RelayBacklog;

/* What it is made with; all of it outlives it. */
typedef struct RelayBacklogConfig
{
	const Settings *settings;
	const SinkSetups *sinks;	/* the real ones */
	const char *database;
	Outbox	   *outbox;			/* NULL: none */
	RelaySkip  *skip;			/* the loop's: taken over if what it names is
								 * in the log */
} RelayBacklogConfig;

/* NULL: failed. */
extern RelayBacklog *relay_backlog_new(const RelayBacklogConfig *config,
									   Error *err);
extern void relay_backlog_free(RelayBacklog *spool);

/* What the loop fans out to; freed before the rest. NULL: failed. */
extern Fanout *relay_backlog_fanout(RelayBacklog *spool, Error *err);

#endif							/* PG_FANOUT_RELAY_BACKLOG_H */
