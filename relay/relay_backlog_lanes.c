/*
 * relay_backlog_lanes.c
 *		The real sinks behind the spool: opening, turns, what is safe, the end.
 */
#include "relay_backlog_state.h"

#include <stdlib.h>

#include "clock.h"
#include "log.h"

#define SEGMENT_BYTES	(INT64_C(64) << 20)
#define DRAIN_TURN		(CLOCK_SECOND / 20)
#define POLL_ROOM		256

/* ---- making ---- */

static bool
make_lane(RelayBacklog *spool, size_t i, Error *err)
{
	LaneConfig	config = {
		.setup = &spool->lane_setups[i], .database = spool->config.database,
		.outbox = spool->config.outbox,
		.renew_fields = &spool->config.settings->renew_fields,
		.wake_fd = spool->wake_fd
	};

	spool->lane_setups[i] = (SinkSetups) {
		.setups = &spool->config.sinks->setups[i], .count = 1
	};
	spool->lanes[i] = lane_new(&config, err);
	if (spool->lanes[i] == NULL)
		return false;
	spool->lane_count++;
	return true;
}

bool
relay_backlog_make_lanes(RelayBacklog *spool, Error *err)
{
	size_t		count = spool->config.sinks->count;

	spool->lanes = calloc(count, sizeof(*spool->lanes));
	spool->lane_setups = calloc(count, sizeof(*spool->lane_setups));
	if (spool->lanes == NULL || spool->lane_setups == NULL)
		return error_no_memory(err);
	for (size_t i = 0; i < count; i++)
		if (!make_lane(spool, i, err))
			return false;
	return true;
}

void
relay_backlog_free_lanes(RelayBacklog *spool)
{
	for (size_t i = 0; i < spool->lane_count; i++)
		lane_free(spool->lanes[i]);
	free(spool->lanes);
	free(spool->lane_setups);
}

/* ---- opening ---- */

static bool
open_log(RelayBacklog *spool, const SlotIdentity *identity, Error *err)
{
	BacklogConfig config = {
		.directory = spool->config.settings->spool_backlog_directory,
		.limit = spool->config.settings->spool_backlog_limit,
		.segment_bytes = SEGMENT_BYTES, .wake_fd = spool->wake_fd
	};

	if (config.segment_bytes > config.limit / 4)
		config.segment_bytes = config.limit / 4;
	spool->log = backlog_open(&config, err);
	return spool->log != NULL &&
		(backlog_is_empty(spool->log) ||
		 backlog_verify(spool->log, identity, err));
}

/*
 * A sink may be away at a start, for the log keeps what it has not got. Not at
 * the first one: then somebody is watching.
 */
static bool
resume_lane(Lane *lane, const SlotIdentity *identity, bool first, Error *err)
{
	if (lane_resume(lane, identity, err))
		return true;
	if (first || !lane_may_pass(err))
		return false;
	lane_leave(lane, err);
	error_clear(err);
	return true;
}

/*
 * Where the sink that is furthest behind goes on. absent: where one may be
 * that is away, and will be looked at when it is back.
 */
static Lsn
find_wanted(const RelayBacklog *spool, Lsn absent)
{
	Lsn			wanted = UINT64_MAX;

	for (size_t i = 0; i < spool->lane_count; i++)
	{
		const Sink *sink = lane_sink(spool->lanes[i]);
		Lsn			from = sink == NULL ? absent :
			sink->durable != LSN_INVALID ? sink->durable : sink->accepted.lsn;

		if (from < wanted)
			wanted = from;
	}
	return wanted;
}

/* What the sink that is furthest behind remembers; see fanout_notes. */
static const Notes *
oldest_notes(const RelayBacklog *spool)
{
	const Sink *oldest = NULL;

	for (size_t i = 0; i < spool->lane_count; i++)
	{
		const Sink *sink = lane_sink(spool->lanes[i]);

		if (sink != NULL && sink->notes.count > 0 &&
			(oldest == NULL || sink->durable < oldest->durable))
			oldest = sink;
	}
	return oldest != NULL ? &oldest->notes : NULL;
}

static bool
take_notes(RelayBacklog *spool, bool adopted, Error *err)
{
	Notes	   *notes = &spool->sink->notes;
	const Notes *oldest = oldest_notes(spool);

	if ((adopted && !notes_merge(notes, backlog_notes(spool->log), err)) ||
		(oldest != NULL && !notes_merge(notes, oldest, err)))
		return false;

	/* each segment begins with all of them */
	notes_written(notes);
	return true;
}

static bool
begin_log(RelayBacklog *spool, const SlotIdentity *identity, bool usable,
		  Error *err)
{
	Backlog    *log = spool->log;
	Lsn			absent = usable ? backlog_start(log).lsn :
		identity->confirmed;
	Position	wanted = {find_wanted(spool, absent), 0};
	bool		adopted = usable && wanted.lsn >= backlog_start(log).lsn &&
		position_before(wanted, backlog_end(log));
	char		from[LSN_TEXT_SIZE];
	char		to[LSN_TEXT_SIZE];

	lsn_format(backlog_start(log).lsn, from);
	lsn_format(backlog_end(log).lsn, to);
	if (adopted)
	{
		log_info("the spool holds %s to %s", from, to);
		if (!backlog_adopt(log, identity, err))
			return false;
	}
	else
	{
		if (!backlog_is_empty(log))
			log_info("what the spool holds, %s to %s, is no longer wanted",
					 from, to);
		if (!backlog_renew(log, identity, wanted, err))
			return false;
	}
	return take_notes(spool, adopted, err);
}

/*
 * A record to be left out that is in the log will not come from the server
 * again: the lanes that have not passed it leave it out. If all have, the loop
 * refuses.
 */
static void
take_skip(RelayBacklog *spool)
{
	RelaySkip  *skip = spool->config.skip;
	bool		taken = false;

	if (!skip->wanted || skip->position.lsn >= spool->sink->accepted.lsn)
		return;
	for (size_t i = 0; i < spool->lane_count; i++)
	{
		const Sink *sink = lane_sink(spool->lanes[i]);

		if (sink != NULL && sink->accepted.lsn > skip->position.lsn)
			continue;
		spool->lanes[i]->skip = *skip;
		taken = true;
	}
	if (taken)
		skip->wanted = false;
}

bool
relay_backlog_open(RelayBacklog *spool, const SlotIdentity *identity,
				   Error *err)
{
	SlotIdentity covered = *identity;
	bool		usable;

	spool->timelines = identity->timelines;
	if (!open_log(spool, identity, err))
		return false;
	usable = !backlog_is_empty(spool->log) &&
		backlog_end(spool->log).lsn >= identity->confirmed;
	if (usable && backlog_start(spool->log).lsn < identity->confirmed)
		covered.covered = backlog_start(spool->log).lsn;
	for (size_t i = 0; i < spool->lane_count; i++)
		if (!resume_lane(spool->lanes[i], &covered,
						 backlog_is_empty(spool->log), err))
			return false;
	if (!begin_log(spool, identity, usable, err))
		return false;
	for (size_t i = 0; i < spool->lane_count; i++)
		lane_begin(spool->lanes[i], spool->log);
	spool->sink->accepted = backlog_end(spool->log);
	take_skip(spool);
	spool->sink->durable = relay_backlog_safe(spool);
	spool->mark = spool->sink->accepted;
	return true;
}

/* ---- what is safe ---- */

Lsn
relay_backlog_least(const RelayBacklog *spool)
{
	Lsn			least = UINT64_MAX;

	for (size_t i = 0; i < spool->lane_count; i++)
	{
		const Sink *sink = lane_sink(spool->lanes[i]);
		Lsn			durable = sink != NULL ? sink->durable : LSN_INVALID;

		if (durable < least)
			least = durable;
	}
	return least;
}

/*
 * A sink without a checkpoint would not find its place in the log at the next
 * start, but begin where the slot stands: one that never has any, and one that
 * is new until its first is written.
 */
Lsn
relay_backlog_safe(const RelayBacklog *spool)
{
	Lsn			least = relay_backlog_least(spool);
	Lsn			covered = backlog_synced(spool->log).lsn;
	Lsn			safe;

	for (size_t i = 0; i < spool->lane_count; i++)
	{
		const Sink *sink = lane_sink(spool->lanes[i]);

		if (sink != NULL && sink->durable < covered &&
			(sink->forgetful || sink->durable == LSN_INVALID))
			covered = sink->durable;
	}
	safe = least > covered ? least : covered;
	return safe < spool->sink->accepted.lsn ? safe :
		spool->sink->accepted.lsn;
}

/* ---- turns ---- */

static uint64_t
first_reader(const RelayBacklog *spool)
{
	uint64_t	first = UINT64_MAX;

	for (size_t i = 0; i < spool->lane_count; i++)
	{
		const Lane *lane = spool->lanes[i];

		if (lane->reader.segment < first)
			first = lane->reader.segment;
	}
	return first;
}

bool
relay_backlog_follow(RelayBacklog *spool, Error *err)
{
	if (spool->timelines == NULL)
		return true;
	backlog_follow(spool->log, spool->sink->timeline);
	for (size_t i = 0; i < spool->lane_count; i++)
	{
		const Sink *sink = lane_sink(spool->lanes[i]);

		if (sink != NULL && sink->timeline != spool->sink->timeline &&
			!fanout_follow(spool->lanes[i]->fanout, spool->timelines, err))
			return false;
	}
	return true;
}

void
relay_backlog_held(RelayBacklog *spool)
{
	if (spool->held == spool->sink->held)
		return;
	spool->held = spool->sink->held;
	for (size_t i = 0; i < spool->lane_count; i++)
		if (spool->lanes[i]->fanout != NULL)
			fanout_held(spool->lanes[i]->fanout);
}

bool
relay_backlog_rewound(RelayBacklog *spool)
{
	bool		rewound = false;

	for (size_t i = 0; i < spool->lane_count; i++)
	{
		rewound |= spool->lanes[i]->rewound;
		spool->lanes[i]->rewound = false;
	}
	return rewound;
}

bool
relay_backlog_turn(RelayBacklog *spool, int64_t time, Error *err)
{
	for (size_t i = 0; i < spool->lane_count; i++)
		if (!lane_turn(spool->lanes[i], clock_now() + time, err))
			return false;
	backlog_release(spool->log, relay_backlog_least(spool),
					first_reader(spool));
	return true;
}

/* ---- the end ---- */

/* false: some sink still has to be given something. */
static bool
all_given(const RelayBacklog *spool)
{
	for (size_t i = 0; i < spool->lane_count; i++)
		if (!lane_at_end(spool->lanes[i]))
			return false;
	return true;
}

static void
wait_for_lanes(RelayBacklog *spool, int64_t deadline)
{
	struct pollfd fds[POLL_ROOM];
	int			used = 0;

	for (size_t i = 0; i < spool->lane_count; i++)
		used += lane_watch(spool->lanes[i], fds + used, POLL_ROOM - used,
						   &deadline);
	poll(fds, (nfds_t) used, clock_ms_until(deadline));
}

static bool
give_rest(RelayBacklog *spool, int64_t deadline, Error *err)
{
	while (clock_now() < deadline)
	{
		if (!relay_backlog_turn(spool, DRAIN_TURN, err))
			return false;
		if (all_given(spool))
			return true;
		wait_for_lanes(spool, deadline);
	}
	return true;
}

static void
tell_rest(const RelayBacklog *spool, const Lane *lane)
{
	const Sink *sink = lane_sink(lane);
	char		at[LSN_TEXT_SIZE];

	if (sink == NULL)
		log_info("sink %s: is away: what it has not got stays in the spool",
				 lane_name(lane));
	else if (sink->durable < backlog_end(spool->log).lsn)
		log_info("sink %s: has everything up to %s; the rest stays in the spool",
				 lane_name(lane), lsn_format(sink->durable, at));
}

/* What a sink does not manage in time is no failure: it is in the log. */
static bool
drain_lane(const Lane *lane, int64_t deadline, Error *err)
{
	Error		failure;

	error_clear(&failure);
	if (lane->fanout == NULL ||
		fanout_drain(lane->fanout, deadline, &failure))
		return true;
	if (clock_now() < deadline)
	{
		*err = failure;
		return false;
	}
	log_report(LOG_LEVEL_WARNING, &failure);
	return true;
}

bool
relay_backlog_drain_lanes(RelayBacklog *spool, int64_t deadline, Error *err)
{
	int64_t		now = clock_now();
	bool		ok = give_rest(spool, now + (deadline - now) / 2, err);
	Error		failure;

	for (size_t i = 0; i < spool->lane_count; i++)
	{
		Lane	   *lane = spool->lanes[i];
		int64_t		share = (deadline - clock_now()) /
			(int64_t) (spool->lane_count - i);

		if (!drain_lane(lane, clock_now() + share, &failure))
		{
			if (ok)
				*err = failure;
			ok = false;
		}
		tell_rest(spool, lane);
	}
	return ok;
}
