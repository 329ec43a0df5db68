/*
 * lane.c
 *		One sink's way through the backlog. See lane.h.
 */
#include "lane.h"

#include <stdio.h>
#include <stdlib.h>

#include "bad_record.h"
#include "clock.h"
#include "log.h"
#include "registry.h"

#define RECORDS_PER_LOOK	64	/* at the clock */
#define TRY_BASE			CLOCK_SECOND
#define TRY_LIMIT			(30 * CLOCK_SECOND)
#define NAME_LIMIT			((size_t) 1 << 20)	/* of a sink */

/* ---- life ---- */

static void
free_detail(void *detail)
{
	free(detail);
}

Lane *
lane_new(const LaneConfig *config, Error *err)
{
	SourceConfig source = {0};
	Lane	   *lane = calloc(1, sizeof(*lane));

	if (lane == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	lane->config = *config;
	backlog_reader_init(&lane->reader, NULL);
	job_init(&lane->job, config->wake_fd);
	buf_init(&lane->only, NAME_LIMIT);
	lane->source = registry_find_source("pg_fanout")->create(&source, err);
	if (lane->source != NULL)
		return lane;
	lane_free(lane);
	return NULL;
}

void
lane_free(Lane *lane)
{
	if (lane == NULL)
		return;
	atomic_store(&lane->try.stop, true);
	job_join(&lane->job);
	fanout_free(lane->try.old);
	fanout_free(lane->try.fanout);
	timelines_free(&lane->try.timelines);
	fanout_free(lane->fanout);
	if (lane->source != NULL)
		lane->source->ops->free(lane->source);
	oid_map_free(&lane->details, free_detail);
	buf_free(&lane->only);
	backlog_reader_free(&lane->reader);
	free(lane);
}

const char *
lane_name(const Lane *lane)
{
	return lane->config.setup->setups[0].name;
}

const Sink *
lane_sink(const Lane *lane)
{
	return lane->fanout != NULL ? fanout_sink(lane->fanout, 0) : NULL;
}

/* ---- opening ---- */

static Fanout *
make_fanout(const LaneConfig *config, Error *err)
{
	Fanout	   *fanout = fanout_new(config->setup, config->database, err);

	if (fanout == NULL)
		return NULL;
	fanout_set_outbox(fanout, config->outbox);
	fanout_renew_fields(fanout, config->renew_fields);
	fanout_set_quiet(fanout);
	return fanout;
}

bool
lane_resume(Lane *lane, const SlotIdentity *identity, Error *err)
{
	lane->try.identity = *identity;
	lane->timelines = identity->timelines;
	lane->fanout = make_fanout(&lane->config, err);
	return lane->fanout != NULL &&
		fanout_resume(lane->fanout, identity, err);
}

static void
try_later(Lane *lane)
{
	lane->try_at = clock_now() +
		clock_backoff(++lane->attempt, TRY_BASE, TRY_LIMIT);
}

bool
lane_may_pass(const Error *err)
{
	return err->retriable || err->code == ERROR_SINK_SETUP ||
		err->code == ERROR_SINK_WRITE || err->code == ERROR_DISK;
}

void
lane_leave(Lane *lane, const Error *err)
{
	if (log_report_new(&lane->absence, LOG_LEVEL_WARNING, err))
		log_warning("sink %s: is tried again while the others go on; the spool keeps what it has not got",
				lane_name(lane));
	lane->try.old = lane->fanout;
	lane->fanout = NULL;
	lane->pending = SOURCE_EMPTY;
	try_later(lane);
}

/* On the thread: nobody else knows this fanout yet. */
static void
run_try(void *argument)
{
	Lane	   *lane = argument;
	LaneTry    *try = &lane->try;

	/* a producer may take its time */
	fanout_free(try->old);
	try->old = NULL;
	error_clear(&try->err);
	try->identity.stop = &try->stop;
	try->fanout = make_fanout(&lane->config, &try->err);
	try->ok = try->fanout != NULL &&
		fanout_resume(try->fanout, &try->identity, &try->err);
}

static bool
take_try(Lane *lane, Error *err)
{
	LaneTry    *try = &lane->try;

	if (try->ok)
	{
		lane->fanout = try->fanout;
		try->fanout = NULL;
		lane->back_at = lane_sink(lane)->durable;
		lane_begin(lane, lane->backlog);
		return true;
	}
	fanout_free(try->fanout);
	try->fanout = NULL;
	if (!lane_may_pass(&try->err))
	{
		*err = try->err;
		return false;
	}
	log_report_new(&lane->absence, LOG_LEVEL_WARNING, &try->err);
	try_later(lane);
	return true;
}

/*
 * The thread has what is known now of the server's history: its WAL has gone
 * at least as far as the log.
 */
static bool
copy_timelines(Lane *lane, Error *err)
{
	LaneTry    *try = &lane->try;

	if (lane->timelines == NULL)
		return true;
	timelines_free(&try->timelines);
	if (!timelines_copy(&try->timelines, lane->timelines, err))
		return false;
	if (try->timelines.wal_end != LSN_INVALID &&
		try->timelines.wal_end < backlog_end(lane->backlog).lsn)
		try->timelines.wal_end = backlog_end(lane->backlog).lsn;
	try->identity.timelines = &try->timelines;
	try->identity.timeline = try->timelines.current;
	return true;
}

/* One that is absent. */
static bool
try_again(Lane *lane, Error *err)
{
	if (job_finished(&lane->job))
		return take_try(lane, err);
	if (lane->job.running || clock_now() < lane->try_at)
		return true;
	if (!copy_timelines(lane, err))
		return false;
	return job_begin(&lane->job, run_try, lane, err);
}

/*
 * The sink has failed: it is away from now on. Not one without a checkpoint,
 * which would not find its place again.
 */
static bool
stumble(Lane *lane, Error *err)
{
	const Sink *sink = lane_sink(lane);

	if (!lane_may_pass(err) || sink->forgetful ||
		sink->durable == LSN_INVALID)
		return false;
	lane_leave(lane, err);
	error_clear(err);
	return true;
}

/* One that opens and fails again is not there: it must take something. */
static void
note_progress(Lane *lane)
{
	Lsn			durable = lane_sink(lane)->durable;

	if (lane->attempt == 0 || (durable <= lane->back_at &&
							   durable < backlog_end(lane->backlog).lsn))
		return;
	lane->attempt = 0;
	lane->absence = (LogMemory) {0};
	log_info("sink %s: is there again", lane_name(lane));
}

/* ---- reading ---- */

/* What the log says anew in each segment. */
static void
forget_words(Lane *lane)
{
	lane->snapshot[0] = '\0';
	buf_clear(&lane->only);
}

/* Forgets what was begun: the sink keeps what it accepted. */
static void
forget(Lane *lane)
{
	lane->source->ops->reset(lane->source);
	fanout_next(lane->fanout);
	lane->pending = SOURCE_EMPTY;
}

void
lane_begin(Lane *lane, Backlog *backlog)
{
	lane->backlog = backlog;
	lane->reader.backlog = backlog;
	if (lane->fanout == NULL)
		return;
	forget(lane);
	forget_words(lane);
	backlog_reader_seek(&lane->reader, lane_sink(lane)->accepted);
}

/*
 * Checkpoints that the sink has written already cover what lies before its
 * place: a note from there may be older than the sink's own.
 */
static bool
take_note(Lane *lane, const BacklogEntry *entry, Error *err)
{
	const Sink *sink = lane_sink(lane);
	Notes		held = {0};
	char	   *key;
	Slice		value;
	bool		ok;

	if (!backlog_read_note(entry->content, &key, &value, err))
		return false;
	if (entry->kind == BACKLOG_HELD_NOTE)
		ok = notes_set(&held, key, value, err) &&
			fanout_share_notes(lane->fanout, &held, err);
	else
		ok = position_before(entry->position, sink->accepted) ||
			fanout_note(lane->fanout, key, value, err);
	notes_free(&held);
	free(key);
	return ok;
}

static bool
take_detail(Lane *lane, const BacklogEntry *entry, Error *err)
{
	uint32_t	oid;
	TableDetail *detail = backlog_read_detail(entry->content, &oid, err);
	TableDetail *old;

	if (detail == NULL)
		return false;
	old = oid_map_find(&lane->details, oid);
	if (!oid_map_set(&lane->details, oid, detail))
	{
		free(detail);
		return error_no_memory(err);
	}
	free(old);
	return true;
}

/* The log knows no more than the sink has: it may write that down. */
static bool
take_idle(Lane *lane, Lsn idle, Error *err)
{
	return fanout_record(lane->fanout, idle, err);
}

static bool
take_entry(Lane *lane, const BacklogEntry *entry, Error *err)
{
	lane->position = entry->position;
	if (backlog_is_record(entry->kind))
		return lane->source->ops->feed(lane->source, entry->content,
									   LSN_INVALID, err);
	switch (entry->kind)
	{
		case BACKLOG_NOTE:
		case BACKLOG_HELD_NOTE:
			return take_note(lane, entry, err);
		case BACKLOG_DETAIL:
			return take_detail(lane, entry, err);
		case BACKLOG_IDLE:
			return take_idle(lane, entry->position.lsn, err);
		case BACKLOG_SNAPSHOT:
			snprintf(lane->snapshot, sizeof(lane->snapshot), "%.*s",
					 (int) entry->content.size,
					 (const char *) entry->content.data);
			return true;
		case BACKLOG_ONLY:
			buf_clear(&lane->only);
			buf_append_slice(&lane->only, entry->content);
			return !buf_failed(&lane->only) || error_no_memory(err);
		case BACKLOG_RESET:
			forget(lane);
			return true;
		default:
			return true;
	}
}

/* What the format wants to know of the table at hand. */
static bool
tell_detail(Lane *lane, Error *err)
{
	static const TableDetail unknown = {0};
	const Table *table = lane->event.change.table;
	const TableDetail *detail;

	if (!fanout_wants_detail(lane->fanout, table))
		return true;
	detail = oid_map_find(&lane->details, table->oid);
	return fanout_describe(lane->fanout, table,
						   detail != NULL ? detail : &unknown, err);
}

/* Frames know of no snapshots, and of no sinks. */
static void
tell_words(Lane *lane)
{
	if (lane->pending == SOURCE_CHANGE && lane->only.size > 0)
		lane->event.change.only = buf_string(&lane->only);
	if (lane->snapshot[0] == '\0')
		return;
	switch (lane->pending)
	{
		case SOURCE_BEGIN:
			lane->event.txn.snapshot = lane->snapshot;
			break;
		case SOURCE_CHANGE:
			lane->txn = *lane->event.change.txn;
			lane->txn.snapshot = lane->snapshot;
			lane->event.change.txn = &lane->txn;
			break;
		case SOURCE_COMMIT:
			lane->event.end.txn.snapshot = lane->snapshot;
			break;
		default:
			break;
	}
}

/* The next record; *nothing: there is none now. */
static bool
take_record(Lane *lane, bool *nothing, Error *err)
{
	BacklogEntry entry;

	lane->pending = lane->source->ops->next(lane->source, &lane->event, err);
	if (lane->pending == SOURCE_FAILED)
		return false;
	tell_words(lane);
	if (lane->pending == SOURCE_CHANGE)
		return tell_detail(lane, err);
	if (lane->pending != SOURCE_EMPTY)
		return true;
	switch (backlog_read(&lane->reader, &entry, err))
	{
		case BACKLOG_ENTRY:
			return take_entry(lane, &entry, err);
		case BACKLOG_SEGMENT:
			forget(lane);
			forget_words(lane);
			return true;
		case BACKLOG_NOTHING:
			*nothing = true;
			return true;
		case BACKLOG_DAMAGED:
			break;
	}
	return false;
}

/* As relay_skip_look, of the record at hand. */
static bool
look_for_skip(Lane *lane, Error *err)
{
	lane->skipped = false;
	return lane->pending == SOURCE_EMPTY ||
		relay_skip_look(&lane->skip, lane->fanout, lane->pending, &lane->event,
						lane->position, &lane->skipped, err);
}

static SinkResult
offer_pending(Lane *lane, Error *err)
{
	if (lane->skipped)
		return fanout_skip(lane->fanout, lane->pending, &lane->event,
						   lane->position, lane->skip.reason, err);
	switch (lane->pending)
	{
		case SOURCE_BEGIN:
			return fanout_begin(lane->fanout, &lane->event.txn, err);
		case SOURCE_CHANGE:
			return fanout_change(lane->fanout, &lane->event.change,
								 lane->position, err);
		case SOURCE_MESSAGE:
			if (lane->event.message.txn == NULL)
				lane->position.seq = 0;
			return fanout_message(lane->fanout, &lane->event.message,
								  lane->position, err);
		case SOURCE_COMMIT:
			lane->commit_time = lane->event.end.txn.commit_time;

			/* it stands behind the last record */
			return fanout_commit(lane->fanout, &lane->event.end,
								 lane->position.seq - 1, err);
		default:
			return SINK_OK;
	}
}

static SinkResult
offer(Lane *lane, Error *err)
{
	SinkResult	result = offer_pending(lane, err);

	if (result == SINK_FAILED && err->code == ERROR_RECORD &&
		(lane->pending == SOURCE_CHANGE || lane->pending == SOURCE_MESSAGE))
		bad_record_explain(err, lane->position);
	return result;
}

static bool
run(Lane *lane, int64_t deadline, Error *err)
{
	bool		nothing = false;

	lane->blocked = false;
	for (int i = 1; i % RECORDS_PER_LOOK != 0 || clock_now() < deadline; i++)
	{
		if (lane->pending == SOURCE_EMPTY)
		{
			if (!take_record(lane, &nothing, err) || nothing)
				return nothing;
			if (!look_for_skip(lane, err))
				return false;
		}
		if (lane->pending == SOURCE_EMPTY)
			continue;
		switch (offer(lane, err))
		{
			case SINK_OK:
				fanout_next(lane->fanout);
				lane->pending = SOURCE_EMPTY;
				break;
			case SINK_FULL:
				lane->blocked = true;
				return true;
			case SINK_FAILED:
				return stumble(lane, err);
		}
	}
	return true;
}

bool
lane_turn(Lane *lane, int64_t deadline, Error *err)
{
	if (lane->fanout == NULL)
		return try_again(lane, err);
	switch (fanout_poll(lane->fanout, err))
	{
		case SINK_POLL_OK:
			break;
		case SINK_POLL_REWIND:
			lane->rewound = true;
			lane_begin(lane, lane->backlog);
			break;
		case SINK_POLL_FAILED:
			return stumble(lane, err);
	}
	note_progress(lane);
	return run(lane, deadline, err);
}

bool
lane_at_end(const Lane *lane)
{
	return lane->fanout != NULL && lane->pending == SOURCE_EMPTY &&
		backlog_reader_at_end(&lane->reader);
}

int
lane_watch(Lane *lane, struct pollfd *fds, int room, int64_t *deadline)
{
	if (lane->fanout == NULL)
	{
		if (!lane->job.running && lane->try_at < *deadline)
			*deadline = lane->try_at;
		return 0;
	}
	if (!lane->blocked && !lane_at_end(lane))
		*deadline = 0;
	return fanout_watch(lane->fanout, fds, room, deadline);
}
