/*
 * relay_backlog.c
 *		The spool as the loop's one sink. See relay_backlog.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "progress.h"
#include "relay_backlog_state.h"

#define TURN_TIME		(CLOCK_SECOND / 10) /* for each lane */

/* A sink may be that far behind before the log is synced for its sake. */
#define PATIENCE		(2 * CLOCK_SECOND)

typedef struct SpoolSink
{
	Sink		base;
	RelayBacklog *spool;
} SpoolSink;

static RelayBacklog *
spool_of(const Sink *sink)
{
	return ((const SpoolSink *) sink)->spool;
}

/* ---- the sink ---- */

static const SinkOps spool_ops;

static Sink *
spool_create(const SinkConfig *config, Error *err)
{
	SpoolSink  *sink = calloc(1, sizeof(*sink));

	if (sink == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	sink->base.ops = &spool_ops;
	sink->base.config = config;
	sink->spool = (RelayBacklog *) config->options;
	sink->spool->sink = &sink->base;
	return &sink->base;
}

static SinkResume
spool_resume(Sink *sink, const SlotIdentity *identity, Error *err)
{
	return relay_backlog_open(spool_of(sink), identity, err) ? SINK_RESUMED :
		SINK_RESUME_FAILED;
}

/* --check asks the real ones. */
static bool
spool_check(Sink *sink, Error *err)
{
	(void) sink;
	(void) err;
	return true;
}

static SinkResult
spool_put(Sink *sink, const Delivery *delivery, Error *err)
{
	return relay_backlog_put(spool_of(sink), delivery, err);
}

static SinkResult
spool_commit(Sink *sink, const TxnEnd *end, Error *err)
{
	return relay_backlog_commit(spool_of(sink), end, err);
}

static bool
spool_record(Sink *sink, Lsn idle, Error *err)
{
	return relay_backlog_idle(spool_of(sink), idle, err);
}

/* ---- turns ---- */

static void
raise_durable(RelayBacklog *spool)
{
	Lsn			safe = relay_backlog_safe(spool);

	if (safe > spool->sink->durable)
		spool->sink->durable = safe;
}

/* Whether what the log held at the mark is safe. */
static bool
mark_reached(const RelayBacklog *spool)
{
	return relay_backlog_least(spool) >= spool->mark.lsn ||
		!position_before(backlog_synced(spool->log), spool->mark);
}

/* While every sink keeps up, nothing is synced. */
static bool
sync_for_laggards(RelayBacklog *spool, Error *err)
{
	int64_t		now = clock_now();

	if (mark_reached(spool))
	{
		spool->mark = backlog_end(spool->log);
		spool->mark_at = now;
		return true;
	}
	return now - spool->mark_at < PATIENCE || backlog_sync(spool->log, err);
}

static void
empty_wake_fd(const RelayBacklog *spool)
{
	uint64_t	count;

	while (read(spool->wake_fd, &count, sizeof(count)) > 0)
		continue;
}

static SinkPoll
spool_poll(Sink *sink, Error *err)
{
	RelayBacklog *spool = spool_of(sink);

	empty_wake_fd(spool);
	relay_backlog_held(spool);
	if (!backlog_take_sync(spool->log, err) ||
		!relay_backlog_follow(spool, err) ||
		!relay_backlog_turn(spool, TURN_TIME, err) ||
		!sync_for_laggards(spool, err))
		return SINK_POLL_FAILED;
	raise_durable(spool);
	return relay_backlog_rewound(spool) ? SINK_POLL_REWIND : SINK_POLL_OK;
}

static int
spool_watch(Sink *sink, struct pollfd *fds, int room, int64_t *deadline)
{
	RelayBacklog *spool = spool_of(sink);
	int			used = 0;

	if (room > 0)
		fds[used++] = (struct pollfd) {.fd = spool->wake_fd, .events = POLLIN};
	for (size_t i = 0; i < spool->lane_count; i++)
		used += lane_watch(spool->lanes[i], fds + used, room - used,
						   deadline);

	/* a full disk is tried again whenever the loop turns, which is often */
	if (!mark_reached(spool) && clock_now() < spool->mark_at + PATIENCE &&
		spool->mark_at + PATIENCE < *deadline)
		*deadline = spool->mark_at + PATIENCE;
	return used;
}

/* First what there is becomes safe; then the sinks have the time left. */
static bool
spool_drain(Sink *sink, int64_t deadline, Error *err)
{
	RelayBacklog *spool = spool_of(sink);
	bool		ok;

	if (relay_backlog_least(spool) < backlog_end(spool->log).lsn &&
		!backlog_sync_all(spool->log, err))
		return false;
	ok = relay_backlog_drain_lanes(spool, deadline, err);
	raise_durable(spool);
	return ok;
}

static bool
spool_reopen(Sink *sink, Error *err)
{
	RelayBacklog *spool = spool_of(sink);

	for (size_t i = 0; i < spool->lane_count; i++)
		if (spool->lanes[i]->fanout != NULL &&
			!fanout_reopen(spool->lanes[i]->fanout, err))
			return false;
	return true;
}

/* ---- how it goes ---- */

static void
append_lane(const RelayBacklog *spool, const Lane *lane, Buf *line)
{
	const Sink *sink = lane_sink(lane);
	Lsn			end = backlog_end(spool->log).lsn;
	SinkStats	stats = {0};

	buf_printf(line, " | %s: ", lane_name(lane));
	if (sink == NULL)
	{
		buf_append_string(line, "away");
		return;
	}
	sink->ops->stats(sink, &stats);
	buf_printf(line, "%" PRIu64, stats.records);
	if (stats.in_flight > 0)
		buf_printf(line, " (%" PRIu64 " in flight)", stats.in_flight);
	if (stats.state[0] != '\0')
		buf_printf(line, " %s", stats.state);
	if (sink->durable >= end || sink->durable == LSN_INVALID)
		return;
	buf_append_string(line, ", lag ");
	progress_append_size(line, (double) (end - sink->durable));
	if (lane->commit_time != 0)
		buf_printf(line, " / %.1f s",
				   (double) (clock_wall() - lane->commit_time) / CLOCK_SECOND);
}

static void
spool_progress(const Sink *sink, Buf *line)
{
	const RelayBacklog *spool = spool_of(sink);

	buf_append_string(line, " | spool: ");
	progress_append_size(line, (double) backlog_bytes(spool->log));
	if (spool->full)
		buf_append_string(line, ", full");
	for (size_t i = 0; i < spool->lane_count; i++)
		append_lane(spool, spool->lanes[i], line);
}

static void
spool_stats(const Sink *sink, SinkStats *stats)
{
	(void) sink;
	memset(stats, 0, sizeof(*stats));
}

static void
spool_free_sink(Sink *sink)
{
	spool_of(sink)->sink = NULL;
	free(sink);
}

static const SinkOps spool_ops = {
	.takes_all = true,
	.name = "spool",
	.create = spool_create,
	.resume = spool_resume,
	.check = spool_check,
	.put = spool_put,
	.commit = spool_commit,
	.poll = spool_poll,
	.record = spool_record,
	.watch = spool_watch,
	.drain = spool_drain,
	.reopen = spool_reopen,
	.stats = spool_stats,
	.progress = spool_progress,
	.free = spool_free_sink
};

/* ---- life ---- */

/* Whether a format is told of tables what their descriptions leave out. */
static bool
wants_detail(const SinkSetups *sinks)
{
	for (size_t i = 0; i < sinks->count; i++)
		if (sinks->setups[i].config.format->describe != NULL)
			return true;
	return false;
}

static void
set_up(RelayBacklog *spool)
{
	spool->common = (SinkCommon) {
		.topic = (char *) "spool", .message_topic = (char *) "spool",
		.prefix = (char *) "spool"
	};
	spool->setup = (SinkSetup) {
		.name = (char *) "spool", .common = &spool->common,
		.format_options = spool, .ops = &spool_ops,
		.config = {
			.name = "spool", .options = spool,
			.format = relay_backlog_format(wants_detail(spool->config.sinks))
		}
	};
	spool->setups = (SinkSetups) {.setups = &spool->setup, .count = 1};
}

RelayBacklog *
relay_backlog_new(const RelayBacklogConfig *config, Error *err)
{
	RelayBacklog *spool = calloc(1, sizeof(*spool));

	if (spool == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	spool->config = *config;
	buf_init(&spool->content, BACKLOG_CONTENT_LIMIT);
	set_up(spool);
	spool->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (spool->wake_fd < 0)
		error_set(err, ERROR_INTERNAL, "cannot make an eventfd: %s",
				  strerror(errno));
	else if (relay_backlog_make_lanes(spool, err))
		return spool;
	relay_backlog_free(spool);
	return NULL;
}

void
relay_backlog_free(RelayBacklog *spool)
{
	if (spool == NULL)
		return;
	relay_backlog_free_lanes(spool);
	backlog_close(spool->log);
	relay_backlog_forget_records(spool);
	if (spool->wake_fd >= 0)
		close(spool->wake_fd);
	free(spool);
}

Fanout *
relay_backlog_fanout(RelayBacklog *spool, Error *err)
{
	return fanout_new(&spool->setups, spool->config.database, err);
}
