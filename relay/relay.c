/*
 * relay.c
 *		The loop.
 *
 * One turn of it, relay_step: poll the sinks; unless one is full take records
 * from the frame at hand or the next frame, and offer each to every sink; tell
 * the server what is durable; wait. A full sink stops the reading, never the
 * status messages.
 */
#include "relay_state.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>

#include "clock.h"
#include "failpoint.h"
#include "log.h"
#include "signals.h"

#define POLL_ROOM				256
#define STOP_TIMEOUT			(5 * CLOCK_SECOND)	/* all in all */
#define FAREWELL_TIMEOUT		CLOCK_SECOND	/* of that, for the server */
#define BOUNDARY_TIMEOUT		(2 * CLOCK_SECOND)	/* end of a transaction */
#define RETRY_BASE				(CLOCK_SECOND / 2)
#define RETRY_LIMIT				(30 * CLOCK_SECOND)
#define DEFAULT_SENDER_TIMEOUT	(60 * CLOCK_SECOND)
#define MAX_BARREN_STARTS		20	/* without a frame, for internal errors */
#define MAX_SERVER_FAILURES		3	/* then without streaming */
#define SHUTDOWN_PINGS			50	/* paced replies: for about five seconds */
#define PING_GAP				CLOCK_SECOND	/* longer: no shutdown */

/* ---- the stream's messages ---- */

/*
 * A server that shuts down asks again and again for the confirmation of all it
 * sent. If a sink cannot give that, holding up the shutdown helps nobody.
 */
static bool
holds_up_shutdown(Relay *relay, const StreamMessage *message)
{
	int64_t		now = clock_now();

	if (message->server_end != relay->ping_position ||
		relay->feedback.flushed >= message->server_end ||
		now - relay->ping_time > PING_GAP)
	{
		relay->ping_position = message->server_end;
		relay->pings = 0;
	}
	relay->ping_time = now;
	return ++relay->pings > SHUTDOWN_PINGS;
}

static StepResult
handle_keepalive(Relay *relay, const StreamMessage *message, Error *err)
{
	feedback_received(&relay->feedback, message->server_end);
	if (relay->endpos != LSN_INVALID && !relay->in_transaction &&
		message->server_end >= relay->endpos)
	{
		relay->end_reached = true;
		return STEP_DONE;
	}
	if (!message->reply_requested)
		return STEP_GO_ON;
	relay->reply_wanted = true;
	if (holds_up_shutdown(relay, message))
	{
		error_set(err, ERROR_CONNECT,
				  "the server waits for a confirmation that the sinks cannot give yet: leaving it alone");
		error_retriable(err);
		return STEP_LOST;
	}
	return STEP_GO_ON;
}

static StepResult
handle_frame(Relay *relay, const StreamMessage *message, Error *err)
{
	relay->attempt = 0;
	relay->busy_since = 0;
	relay->pings = 0;
	feedback_received(&relay->feedback, message->start);
	progress_frame(&relay->progress, message->data.size);
	if (!relay->source->ops->feed(relay->source, message->data, message->start,
								  err))
		return STEP_FAILED;
	relay->in_frame = true;
	return STEP_GO_ON;
}

/* Reads one message; *nothing: there was none. */
static StepResult
read_message(Relay *relay, bool *nothing, Error *err)
{
	StreamMessage message;

	*nothing = false;
	switch (stream_next(relay->stream, &message, err))
	{
		case STREAM_FRAME:
			return handle_frame(relay, &message, err);
		case STREAM_KEEPALIVE:
			return handle_keepalive(relay, &message, err);
		case STREAM_NOTHING:
			*nothing = true;
			return STEP_GO_ON;
		case STREAM_ENDED:
			error_set(err, ERROR_CONNECT, "the server ended the stream");
			error_retriable(err);
			return STEP_LOST;
		case STREAM_FAILED:
			break;
	}
	return STEP_LOST;
}

/* ---- telling the server ---- */

/* Below the slot's place lie positions of a snapshot: the server has none. */
static void
advance(Relay *relay)
{
	Lsn			durable = fanout_durable(relay->fanout);

	if (durable >= relay->identity.snapshot)
		feedback_advance(&relay->feedback, durable);
}

static StepResult
give_feedback(Relay *relay, Error *err)
{
	Feedback   *feedback = &relay->feedback;
	int64_t		now = clock_now();
	bool		idle = relay->snapshot == NULL && !relay->in_frame &&
		!relay->in_transaction &&
		relay->pending.kind == SOURCE_EMPTY &&
		fanout_settled(relay->fanout, feedback->delivered);

	if (relay->snapshot == NULL)
		advance(relay);
	if (feedback_wants_idle(feedback, idle, relay->reply_wanted, now))
	{
		if (!fanout_record(relay->fanout, feedback->received, err))
			return STEP_FAILED;
	}
	if (!feedback_due(feedback, now) &&
		!(relay->reply_wanted && now >= feedback_reply_time(feedback, now)))
		return STEP_GO_ON;
	if (!failpoint_passes(FAILPOINT_STATUS, err))
		return STEP_FAILED;
	if (!stream_confirm(relay->stream, feedback->received, feedback->flushed,
						false, err))
		return STEP_LOST;
	feedback_told(feedback, now);
	relay->reply_wanted = false;
	return failpoint_passes(FAILPOINT_STATUS_SENT, err) ? STEP_GO_ON :
		STEP_FAILED;
}

/* ---- waiting ---- */

/* Sleeps until a descriptor is ready or the deadline; stream may be NULL. */
static void
wait_ready(Relay *relay, bool read_stream, int64_t deadline)
{
	struct pollfd fds[POLL_ROOM];
	int			used = 0;

	fds[used++] = (struct pollfd) {.fd = signals_descriptor(),
		.events = POLLIN};
	if (relay->stream != NULL)
	{
		struct pollfd *fd = &fds[used++];

		fd->events = read_stream && relay->snapshot == NULL ? POLLIN : 0;
		if (stream_wants_write(relay->stream))
			fd->events |= POLLOUT;

		/* asked for nothing, poll would still wake for a hang-up, for ever */
		fd->fd = fd->events != 0 ? stream_socket(relay->stream) : -1;
	}
	if (relay->snapshot != NULL && read_stream)
		used += snapshot_watch(relay->snapshot, fds + used, POLL_ROOM - used);
	if (!relay->blocked)
		used += relay_resnapshot_watch(relay, fds + used, POLL_ROOM - used);
	used += fanout_watch(relay->fanout, fds + used, POLL_ROOM - used,
						 &deadline);
	if (poll(fds, (nfds_t) used, clock_ms_until(deadline)) > 0 &&
		fds[0].revents != 0)
		signals_drain();
}

/* When the loop must turn again even if nothing happens. */
static int64_t
next_turn(const Relay *relay)
{
	int64_t		now = clock_now();
	int64_t		turn = now + CLOCK_SECOND;

	if (relay->feedback.next_status < turn)
		turn = relay->feedback.next_status;
	if (relay->reply_wanted &&
		feedback_reply_time(&relay->feedback, now) < turn)
		turn = feedback_reply_time(&relay->feedback, now);
	if (relay_watch_time(relay) < turn)
		turn = relay_watch_time(relay);
	if (!relay->blocked && relay_resnapshot_time(relay) < turn)
		turn = relay_resnapshot_time(relay);
	return turn;
}

static StepResult
poll_sinks(Relay *relay, Error *err)
{
	if (signals_reopen())
	{
		log_info("reopening files");
		if (!fanout_reopen(relay->fanout, err))
			return STEP_FAILED;
	}
	switch (fanout_poll(relay->fanout, err))
	{
		case SINK_POLL_OK:
			return STEP_GO_ON;
		case SINK_POLL_REWIND:
			return STEP_RESTART;
		case SINK_POLL_FAILED:
			break;
	}
	return STEP_FAILED;
}

/* A stop waits a moment for the end of the transaction that is coming in. */
static bool
stop_now(Relay *relay)
{
	if (!signals_stop())
		return false;
	if (relay->stop_since == 0)
		relay->stop_since = clock_now();
	return !relay->in_transaction ||
		clock_now() - relay->stop_since > BOUNDARY_TIMEOUT;
}

static StepResult
relay_step(Relay *relay, Error *err)
{
	bool		empty = true;
	bool		nothing = false;
	bool		waits;
	StepResult	result = poll_sinks(relay, err);

	relay->blocked = false;
	if (result == STEP_GO_ON && stop_now(relay))
		return STEP_DONE;
	if (result == STEP_GO_ON)
		result = relay_read_records(relay, &empty, err);
	if (result == STEP_GO_ON && empty)
		result = relay->snapshot != NULL ?
			relay_snapshot_step(relay, &nothing, err) :
			read_message(relay, &nothing, err);
	if (result == STEP_GO_ON && stream_wants_write(relay->stream) &&
		!stream_flush(relay->stream, err))
		result = STEP_LOST;
	if (result == STEP_GO_ON)
		result = give_feedback(relay, err);
	if (result == STEP_GO_ON)
		result = relay_resnapshot_turn(relay, err);
	if (result == STEP_GO_ON)
		result = relay_watch_server(relay, err);
	if (result != STEP_GO_ON)
		return result;
	if (relay->snapshot != NULL)
		relay_snapshot_show(relay);
	else
		progress_show(&relay->progress, &relay->feedback, relay->fanout,
					  relay->spool);
	waits = relay_resnapshot_waits(relay);
	if (relay->blocked || nothing || waits)
		wait_ready(relay, !relay->blocked && !waits, next_turn(relay));
	return STEP_GO_ON;
}

/* ---- losing and trying again ---- */

static bool
slot_stays_busy(Relay *relay)
{
	int64_t		timeout = relay->server.sender_timeout > 0 ?
		relay->server.sender_timeout : DEFAULT_SENDER_TIMEOUT;

	if (relay->busy_since == 0)
		relay->busy_since = clock_now();
	return clock_now() - relay->busy_since > 2 * timeout;
}

static bool
may_retry(Relay *relay, const Error *err)
{
	if (!err->retriable || relay->settings->no_loop)
		return false;
	if (err->code == ERROR_SLOT_IN_USE)
		return !slot_stays_busy(relay);
	if (err->code == ERROR_SOURCE || err->code == ERROR_SNAPSHOT)
		return relay->attempt < MAX_BARREN_STARTS;

	/* a first start that fails is told at once: somebody is watching */
	return relay->resumed;
}

/*
 * A server may fail while it decodes a transaction in progress, each time at
 * the same place, and yet manage the whole one: PostgreSQL 18 does so after
 * some ALTER TABLE behind a rolled back one.
 */
static void
count_failure(Relay *relay, const Error *err)
{
	Lsn			durable = relay_start_position(relay);

	if (relay->spool == NULL || relay->streaming_fails ||
		err->code != ERROR_SOURCE)
		return;
	if (durable != relay->failed_at)
		relay->server_failures = 0;
	relay->failed_at = durable;
	if (++relay->server_failures < MAX_SERVER_FAILURES)
		return;
	relay->streaming_fails = true;
	log_warning("the server fails again and again: from now on it is asked for transactions only when they have committed");
	log_warning("hint: It now keeps large ones in its own memory and on its own disk. A restart of pg_fanout asks for streaming again.");
}

/* Sinks go on working while we wait for the server. */
static StepResult
wait_retry(Relay *relay, Error *err)
{
	int64_t		deadline = clock_now() +
		clock_backoff(++relay->attempt, RETRY_BASE, RETRY_LIMIT);

	while (clock_now() < deadline && !signals_stop())
	{
		if (relay->fanout != NULL && relay->resumed)
		{
			StepResult	result = poll_sinks(relay, err);

			if (result == STEP_FAILED)
				return result;
			wait_ready(relay, false, deadline);
		}
		else
		{
			struct pollfd fd = {.fd = signals_descriptor(), .events = POLLIN};

			poll(&fd, 1, clock_ms_until(deadline));
		}
	}
	return signals_stop() ? STEP_DONE : STEP_GO_ON;
}

static bool
begin_stream(Relay *relay, Error *err)
{
	bool		ok;

	/* the first time a dead sink may take long to say so */
	signals_end_at_once(!relay->resumed);
	ok = relay_begin_stream(relay, err);
	signals_end_at_once(false);
	return ok;
}

/* One life of the stream. */
static StepResult
run_stream(Relay *relay, Error *err)
{
	StepResult	result;

	if (relay->stream == NULL && !begin_stream(relay, err))
	{
		if (signals_stop())
			return STEP_DONE;
		return err->retriable ? STEP_LOST : STEP_FAILED;
	}
	do
	{
		result = relay_step(relay, err);
	} while (result == STEP_GO_ON);
	return result;
}

static bool
run_streams(Relay *relay, Error *err)
{
	for (;;)
	{
		StepResult	result = run_stream(relay, err);

		if (result == STEP_DONE)
			return true;
		if (result == STEP_FAILED)
			return false;
		relay_close_stream(relay);
		if (result == STEP_RESTART)
			continue;
		if (!may_retry(relay, err))
			return false;
		log_report(LOG_LEVEL_WARNING, err);
		count_failure(relay, err);
		result = wait_retry(relay, err);
		if (result != STEP_GO_ON)
			return result == STEP_DONE;
		error_clear(err);
	}
}

/* ---- ending ---- */

/*
 * Makes durable what the sinks accepted and confirms it. A failure to drain is
 * reported, unless something else failed before: then that is the cause.
 */
static bool
finish(Relay *relay, bool ok, Error *err)
{
	int64_t		deadline = STOP_TIMEOUT +
		(relay->stop_since != 0 ? relay->stop_since : clock_now());
	Error		failure;
	char		text[LSN_TEXT_SIZE];

	error_clear(&failure);
	if (!relay->resumed)
		return ok;
	if (!fanout_drain(relay->fanout, deadline - FAREWELL_TIMEOUT, &failure))
	{
		/* a relay that was replaced finds its slot moved, too */
		if (ok || failure.code == ERROR_TWO_WRITERS)
			*err = failure;
		else
			log_report(LOG_LEVEL_WARNING, &failure);
		ok = false;
	}
	advance(relay);
	error_clear(&failure);
	if (relay->stream != NULL &&
		stream_confirm(relay->stream, relay->feedback.received,
					   relay->feedback.flushed, false, &failure))
		stream_finish(relay->stream, deadline);
	if (fanout_durable(relay->fanout) < relay->identity.snapshot)
		log_info("stopped; the snapshot is not finished: the next start goes on with it");
	else
		log_info("stopped; everything up to %s is durable in every sink%s",
				 lsn_format(fanout_durable(relay->fanout), text),
				 relay->backlog != NULL ? " or in the spool" : "");
	return ok;
}

static bool
parse_position(const char *option, const char *text, Lsn *lsn, Error *err)
{
	*lsn = LSN_INVALID;
	if (text == NULL || lsn_parse(text, lsn))
		return true;
	error_set(err, ERROR_USAGE, "--%s: \"%s\" is no position in the WAL",
			  option, text);
	return error_hint(err, "Positions are written as in 0/16B3748.");
}

bool
relay_run(const Settings *settings, ConnectionOptions *connection,
		  const SinkSetups *setups, Error *err)
{
	Relay		relay = {.settings = settings, .connection = connection,
		.setups = setups, .catalog = {.options = connection}};
	bool		ok = false;

	if (!parse_position("startpos", settings->startpos, &relay.startpos,
						err) ||
		!parse_position("endpos", settings->endpos, &relay.endpos, err) ||
		!relay_prepare(&relay, err))
		goto done;
	relay_watch_init(&relay);
	progress_init(&relay.progress, settings->progress_interval);
	ok = run_streams(&relay, err);
	ok = finish(&relay, ok, err);
	relay_close_stream(&relay);
	if (relay.drop_slot)
		ok = relay_drop_slot(&relay, err);

done:
	catalog_session_close(&relay.catalog);
	server_watch_close(&relay.watch);
	timelines_free(&relay.timelines);
	if (relay.source != NULL)
		relay.source->ops->free(relay.source);
	spool_free(relay.spool);
	charset_free(relay.charset);
	charset_free(relay.snapshot_charset);
	snapshot_cover_free(&relay.cover);
	relay_resnapshot_free(&relay);
	transform_free(relay.transform);
	outbox_free(relay.outbox);
	fanout_free(relay.fanout);
	relay_backlog_free(relay.backlog);
	return ok;
}
