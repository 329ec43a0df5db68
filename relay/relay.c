/*
 * relay.c
 *		The loop.
 *
 * One turn of it, relay_step: poll the sinks; unless one is full take records
 * from the frame at hand or the next frame, and offer each to every sink; tell
 * the server what is durable; wait. A full sink stops the reading, never the
 * status messages.
 */
#include "relay.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "catalog_session.h"
#include "clock.h"
#include "fanout.h"
#include "feedback.h"
#include "log.h"
#include "progress.h"
#include "publication.h"
#include "registry.h"
#include "signals.h"
#include "slot.h"
#include "spool.h"
#include "stream.h"
#include "transform.h"

#define POLL_ROOM				256
#define RECORDS_PER_TURN		4096	/* between looks at the sinks, */
#define TURN_TIME				(CLOCK_SECOND / 10) /* or after that */
#define RECORDS_PER_LOOK		64	/* at the clock */
#define STREAMING_VERSION		140000
#define STOP_TIMEOUT			(5 * CLOCK_SECOND)
#define BOUNDARY_TIMEOUT		(2 * CLOCK_SECOND)	/* end of a transaction */
#define RETRY_BASE				(CLOCK_SECOND / 2)
#define RETRY_LIMIT				(30 * CLOCK_SECOND)
#define DEFAULT_SENDER_TIMEOUT	(60 * CLOCK_SECOND)
#define MAX_BARREN_STARTS		20	/* without a frame, for internal errors */
#define MAX_SERVER_FAILURES		3	/* then without streaming */
#define SHUTDOWN_PINGS			50	/* paced replies: for about five seconds */
#define PING_GAP				CLOCK_SECOND	/* longer: no shutdown */

/* The record at hand, until every sink has taken it. */
typedef struct Pending
{
	SourceResult kind;			/* SOURCE_EMPTY: none */
	SourceEvent event;
	Position	position;
} Pending;

typedef enum StepResult
{
	STEP_GO_ON,
	STEP_DONE,					/* stop asked for, or --endpos reached */
	STEP_RESTART,				/* start the stream again */
	STEP_LOST,					/* stream failed: err says whether to retry */
	STEP_FAILED					/* for good */
} StepResult;

typedef struct Relay
{
	const Settings *settings;
	ConnectionOptions *connection;
	const SinkSetups *setups;
	Lsn			startpos;
	Lsn			endpos;			/* LSN_INVALID: none */

	ServerInfo	server;
	SlotIdentity identity;
	char		database[257];
	bool		resumed;

	Stream	   *stream;
	CatalogSession catalog;
	Spool	   *spool;			/* NULL: no streaming */
	Source	   *source;
	Transform  *transform;
	Fanout	   *fanout;
	Feedback	feedback;
	Progress	progress;

	Pending		pending;
	bool		in_frame;		/* the frame at hand may hold more records */
	bool		in_transaction;
	bool		blocked;		/* a sink is full */
	uint64_t	seq;			/* of the last record of the transaction */
	bool		reply_wanted;
	bool		end_reached;
	int64_t		stop_since;		/* when the stop was first seen, or 0 */

	int			attempt;		/* starts without a frame since */
	int			server_failures;	/* in a row, without progress: */
	Lsn			failed_at;		/* what was durable then */
	bool		streaming_fails;	/* no longer asked for */
	int64_t		busy_since;		/* slot in use by another, or 0 */
	Lsn			ping_position;
	int64_t		ping_time;
	int			pings;			/* urgent keepalives there, close together */
} Relay;

/* ---- records ---- */

static void
count_record(Relay *relay)
{
	relay->seq++;
	relay->pending.position.seq = relay->seq;
}

/* Takes note of a new record before it is offered. */
static void
receive(Relay *relay, SourceResult kind)
{
	Pending    *pending = &relay->pending;

	pending->kind = kind;
	switch (kind)
	{
		case SOURCE_BEGIN:
			relay->in_transaction = true;
			relay->seq = 0;
			pending->position.lsn = pending->event.txn.commit_lsn;
			if (relay->endpos != LSN_INVALID &&
				pending->event.txn.commit_lsn > relay->endpos)
				relay->end_reached = true;
			break;
		case SOURCE_CHANGE:
			count_record(relay);
			break;
		case SOURCE_MESSAGE:
			if (pending->event.message.txn != NULL)
				count_record(relay);
			else
				pending->position = (Position) {pending->event.message.lsn, 0};
			break;
		default:
			break;
	}
}

static SinkResult
offer_commit(Relay *relay, Error *err)
{
	const TxnEnd *end = &relay->pending.event.end;
	SinkResult	result = fanout_commit(relay->fanout, end, relay->seq, err);

	if (result != SINK_OK)
		return result;
	relay->in_transaction = false;
	relay->feedback.delivered = end->end_lsn;
	feedback_received(&relay->feedback, end->end_lsn);
	progress_commit(&relay->progress, end->txn.commit_time);
	if (relay->endpos != LSN_INVALID && end->end_lsn >= relay->endpos)
		relay->end_reached = true;
	return SINK_OK;
}

static SinkResult
offer(Relay *relay, Error *err)
{
	Pending    *pending = &relay->pending;

	switch (pending->kind)
	{
		case SOURCE_BEGIN:
			return fanout_begin(relay->fanout, &pending->event.txn, err);
		case SOURCE_CHANGE:
			return fanout_change(relay->fanout, &pending->event.change,
								 pending->position, err);
		case SOURCE_MESSAGE:
			return fanout_message(relay->fanout, &pending->event.message,
								  pending->position, err);
		case SOURCE_COMMIT:
			return offer_commit(relay, err);
		default:
			return SINK_OK;
	}
}

static void
settle(Relay *relay)
{
	Pending    *pending = &relay->pending;

	if (pending->kind == SOURCE_CHANGE || pending->kind == SOURCE_MESSAGE)
		progress_record(&relay->progress);
	fanout_next(relay->fanout);
	pending->kind = SOURCE_EMPTY;
}

/* Answers the source's question. */
static StepResult
describe_table(Relay *relay, Error *err)
{
	TablePicture *picture = catalog_session_ask(&relay->catalog,
											&relay->pending.event.wish, err);
	bool		ok;

	if (picture == NULL)
		return STEP_LOST;
	ok = relay->source->ops->describe(relay->source, picture, err);
	catalog_picture_free(picture);
	return ok ? STEP_GO_ON : STEP_FAILED;
}

/* What a format wants to know of a table before it sees a change of it. */
static StepResult
tell_detail(Relay *relay, Error *err)
{
	const Table *table = relay->pending.event.change.table;
	TableDetail *detail;
	bool		ok;

	if (relay->pending.kind != SOURCE_CHANGE ||
		!fanout_wants_detail(relay->fanout, table))
		return STEP_GO_ON;
	detail = catalog_session_detail(&relay->catalog, table->oid, err);
	if (detail == NULL)
		return STEP_LOST;
	ok = fanout_describe(relay->fanout, table, detail, err);
	catalog_detail_free(detail);
	return ok ? STEP_GO_ON : STEP_FAILED;
}

/*
 * What may pass of the record at hand; it is dropped if nothing may. Its
 * number it keeps: positions do not depend on what is left out.
 */
static bool
filter_record(Relay *relay, Error *err)
{
	Pending    *pending = &relay->pending;

	if (pending->kind == SOURCE_MESSAGE &&
		!transform_wants_message(relay->transform,
								 pending->event.message.prefix))
		pending->kind = SOURCE_EMPTY;
	if (pending->kind != SOURCE_CHANGE)
		return true;
	switch (transform_change(relay->transform, &pending->event.change, err))
	{
		case TRANSFORM_PASS:
			break;
		case TRANSFORM_DROP:
			pending->kind = SOURCE_EMPTY;
			break;
		case TRANSFORM_FAILED:
			return false;
	}
	return true;
}

/*
 * Asks the source for the next record, which may be none that counts; *empty:
 * the frame at hand is used up. *again: the clock is to be looked at first.
 */
static StepResult
take_record(Relay *relay, bool *empty, bool *again, Error *err)
{
	SourceResult kind = relay->source->ops->next(relay->source,
												 &relay->pending.event, err);

	switch (kind)
	{
		case SOURCE_FAILED:
			return STEP_FAILED;
		case SOURCE_WANTS_TABLE:
			return describe_table(relay, err);
		case SOURCE_EMPTY:
			relay->in_frame = false;
			*empty = true;
			return STEP_GO_ON;
		case SOURCE_AGAIN:
			*again = true;
			return STEP_GO_ON;
		default:
			break;
	}
	receive(relay, kind);
	if (relay->end_reached)
		return STEP_DONE;
	return filter_record(relay, err) ? tell_detail(relay, err) : STEP_FAILED;
}

/* Offers records of the frame at hand; *empty: the frame is used up. */
static StepResult
read_records(Relay *relay, bool *empty, Error *err)
{
	int64_t		deadline = clock_now() + TURN_TIME;
	bool		again = false;

	*empty = false;
	for (int i = 1; i <= RECORDS_PER_TURN && !relay->end_reached; i++)
	{
		if (i % RECORDS_PER_LOOK == 0 && clock_now() > deadline)
			break;
		if (relay->pending.kind == SOURCE_EMPTY)
		{
			StepResult	result = take_record(relay, empty, &again, err);

			if (result != STEP_GO_ON || *empty || again)
				return result;
		}
		switch (offer(relay, err))
		{
			case SINK_OK:
				settle(relay);
				break;
			case SINK_FULL:
				relay->blocked = true;
				return STEP_GO_ON;
			case SINK_FAILED:
				return STEP_FAILED;
		}
	}
	return relay->end_reached ? STEP_DONE : STEP_GO_ON;
}

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

static StepResult
give_feedback(Relay *relay, Error *err)
{
	Feedback   *feedback = &relay->feedback;
	int64_t		now = clock_now();
	bool		idle = !relay->in_frame && !relay->in_transaction &&
		relay->pending.kind == SOURCE_EMPTY &&
		fanout_settled(relay->fanout, feedback->delivered);

	feedback_advance(feedback, fanout_durable(relay->fanout));
	if (feedback_wants_idle(feedback, idle, relay->reply_wanted, now))
	{
		if (!fanout_record(relay->fanout, feedback->received, err))
			return STEP_FAILED;
	}
	if (!feedback_due(feedback, now) &&
		!(relay->reply_wanted && now >= feedback_reply_time(feedback, now)))
		return STEP_GO_ON;
	if (!stream_confirm(relay->stream, feedback->received, feedback->flushed,
						false, err))
		return STEP_LOST;
	feedback_told(feedback, now);
	relay->reply_wanted = false;
	return STEP_GO_ON;
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

		fd->events = read_stream ? POLLIN : 0;
		if (stream_wants_write(relay->stream))
			fd->events |= POLLOUT;

		/* asked for nothing, poll would still wake for a hang-up, for ever */
		fd->fd = fd->events != 0 ? stream_socket(relay->stream) : -1;
	}
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
	StepResult	result = poll_sinks(relay, err);

	relay->blocked = false;
	if (result == STEP_GO_ON && stop_now(relay))
		return STEP_DONE;
	if (result == STEP_GO_ON)
		result = read_records(relay, &empty, err);
	if (result == STEP_GO_ON && empty)
		result = read_message(relay, &nothing, err);
	if (result == STEP_GO_ON && stream_wants_write(relay->stream) &&
		!stream_flush(relay->stream, err))
		result = STEP_LOST;
	if (result == STEP_GO_ON)
		result = give_feedback(relay, err);
	if (result != STEP_GO_ON)
		return result;
	progress_show(&relay->progress, &relay->feedback, relay->fanout);
	if (relay->blocked || nothing)
		wait_ready(relay, !relay->blocked, next_turn(relay));
	return STEP_GO_ON;
}

/* ---- starting ---- */

static Lsn
start_position(const Relay *relay)
{
	return relay->resumed ? fanout_durable(relay->fanout) : relay->startpos;
}

static bool
check_start(Relay *relay, const SlotInfo *slot, Error *err)
{
	char		from[LSN_TEXT_SIZE];
	char		at[LSN_TEXT_SIZE];
	Lsn			start = start_position(relay);

	if (relay->resumed && start != LSN_INVALID &&
		slot->confirmed_flush > start)
	{
		error_set(err, ERROR_CHECKPOINT,
				  "the slot has been moved to %s while the sinks have got no further than %s",
				  lsn_format(slot->confirmed_flush, at),
				  lsn_format(start, from));
		return error_hint(err, "Changes in between are lost to the sinks. See who advanced the slot; "
						  "then copy the tables again.");
	}
	if (!relay->resumed && relay->startpos > slot->confirmed_flush &&
		!relay->settings->allow_gap)
	{
		error_set(err, ERROR_USAGE,
				  "--startpos %s lies beyond the slot's position %s",
				  lsn_format(relay->startpos, from),
				  lsn_format(slot->confirmed_flush, at));
		return error_hint(err, "Everything committed in between would be skipped; --allow-gap accepts that.");
	}
	return true;
}

static bool
check_identity(Relay *relay, Error *err)
{
	if (!relay->resumed ||
		relay->server.system_id == relay->identity.system_id)
		return true;
	error_set(err, ERROR_CHECKPOINT,
			  "the server is another one than before: system identifier %"
			  PRIu64 " instead of %" PRIu64,
			  relay->server.system_id, relay->identity.system_id);
	return error_hint(err, "Check where the host name points to.");
}

static bool
resume_sinks(Relay *relay, const SlotInfo *slot, Error *err)
{
	relay->identity = (SlotIdentity) {
		.system_id = relay->server.system_id,
		.timeline = relay->server.timeline,
		.slot = relay->settings->slot,
		.database = relay->database,
		.options_hash = settings_source_hash(relay->settings),
		.confirmed = slot->confirmed_flush
	};
	if (relay->startpos > slot->confirmed_flush)
		relay->identity.confirmed = relay->startpos;
	if (!fanout_resume(relay->fanout, &relay->identity, err))
		return false;
	relay->resumed = true;
	return true;
}

static bool
make_transform(Relay *relay, Error *err)
{
	const Settings *settings = relay->settings;
	TransformRules rules = {
		.table_include = &settings->table_include,
		.table_exclude = &settings->table_exclude,
		.column_include = &settings->column_include,
		.column_exclude = &settings->column_exclude,
		.masks = &settings->masks,
		.mask_salt = settings->mask_salt,
		.message_include = &settings->message_include,
		.message_exclude = &settings->message_exclude
	};

	relay->transform = transform_new(&rules, err);
	return relay->transform != NULL;
}

static bool
make_spool(Relay *relay, Error *err)
{
	const Settings *settings = relay->settings;
	SpoolConfig config = {
		.memory = settings->spool_memory,
		.directory = settings->spool_directory,
		.limit = settings->spool_limit
	};

	if (!settings->streaming || relay->server.version < STREAMING_VERSION)
		return true;
	relay->spool = spool_new(&config, err);
	return relay->spool != NULL;
}

static bool
make_parts(Relay *relay, Error *err)
{
	const SourceOps *ops = registry_find_source(relay->settings->plugin);
	SourceConfig config = {
		.server_version = relay->server.version,
		.raw_text = relay->server.raw_text,
		.user = settings_source_options(relay->settings)
	};

	if (relay->fanout != NULL)
		return true;
	memcpy(relay->database, relay->server.database, sizeof(relay->database));
	relay->fanout = fanout_new(relay->setups, relay->database, err);
	if (relay->fanout == NULL || !make_spool(relay, err))
		return false;
	config.spool = relay->spool;
	relay->source = ops->create(&config, err);
	return relay->source != NULL;
}

static bool
check_publications(const Relay *relay, PGconn *conn, Error *err)
{
	SourceOptions options = settings_source_options(relay->settings);

	return !relay->source->ops->needs_publications ||
		publication_check(conn, &options, err);
}

static bool
open_stream(Relay *relay, Error *err)
{
	const char *slot_name = relay->settings->slot;
	PGconn	   *conn = connection_open(relay->connection,
									   CONNECTION_REPLICATION, err);
	SourceOptions options;
	SlotInfo	slot;

	if (conn == NULL)
		return false;
	if (!slot_server(conn, &relay->server, err) ||
		!check_identity(relay, err) ||
		!make_parts(relay, err) || !slot_find(conn, slot_name, &slot, err) ||
		!slot_usable(&slot, slot_name, relay->settings->plugin, &relay->server,
					 err) ||
		!check_start(relay, &slot, err) ||
		!check_publications(relay, conn, err))
		goto failed;
	options = relay->source->ops->options(relay->source,
										  !relay->streaming_fails);
	relay->stream = stream_start(conn, slot_name, start_position(relay),
								 &options, err);
	if (relay->stream == NULL)
		goto failed;
	return relay->resumed || resume_sinks(relay, &slot, err);

failed:
	PQfinish(conn);
	return false;
}

/* Forgets what the lost stream had begun; sinks keep what they accepted. */
static void
close_stream(Relay *relay)
{
	stream_close(relay->stream);
	relay->stream = NULL;
	if (relay->source != NULL)
		relay->source->ops->reset(relay->source);
	if (relay->fanout != NULL)
		fanout_next(relay->fanout);
	relay->pending.kind = SOURCE_EMPTY;
	relay->in_frame = false;
	relay->in_transaction = false;
	relay->reply_wanted = false;
}

static bool
begin_stream(Relay *relay, Error *err)
{
	char		text[LSN_TEXT_SIZE];
	Lsn			start = start_position(relay);

	if (!open_stream(relay, err))
	{
		close_stream(relay);
		return false;
	}
	feedback_start(&relay->feedback, relay->settings->status_interval,
				   relay->server.sender_timeout, clock_now());
	if (relay->feedback.delivered < relay->identity.confirmed)
		relay->feedback.delivered = relay->identity.confirmed;
	log_info("streaming from slot \"%s\" of database \"%s\" at %s",
			 relay->settings->slot, relay->database,
			 lsn_format(start > relay->identity.confirmed ?
						start : relay->identity.confirmed,
						text));
	return true;
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
	if (err->code == ERROR_SOURCE)
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
	Lsn			durable = start_position(relay);

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

/* One life of the stream. */
static StepResult
run_stream(Relay *relay, Error *err)
{
	StepResult	result;

	if (relay->stream == NULL && !begin_stream(relay, err))
		return err->retriable ? STEP_LOST : STEP_FAILED;
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
		close_stream(relay);
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
	int64_t		deadline = clock_now() + STOP_TIMEOUT;
	Error		failure;
	char		text[LSN_TEXT_SIZE];

	error_clear(&failure);
	if (!relay->resumed)
		return ok;
	if (!fanout_drain(relay->fanout, deadline, &failure))
	{
		if (ok)
			*err = failure;
		else
			log_report(LOG_LEVEL_WARNING, &failure);
		ok = false;
	}
	feedback_advance(&relay->feedback, fanout_durable(relay->fanout));
	error_clear(&failure);
	if (relay->stream != NULL &&
		stream_confirm(relay->stream, relay->feedback.received,
					   relay->feedback.flushed, false, &failure))
		stream_finish(relay->stream, clock_now() + STOP_TIMEOUT);
	log_info("stopped; everything up to %s is durable in every sink",
			 lsn_format(fanout_durable(relay->fanout), text));
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
	bool		ok;

	if (!parse_position("startpos", settings->startpos, &relay.startpos,
						err) ||
		!parse_position("endpos", settings->endpos, &relay.endpos, err) ||
		!make_transform(&relay, err))
		return false;
	progress_init(&relay.progress, settings->progress_interval);
	ok = run_streams(&relay, err);
	ok = finish(&relay, ok, err);
	close_stream(&relay);
	catalog_session_close(&relay.catalog);
	if (relay.source != NULL)
		relay.source->ops->free(relay.source);
	spool_free(relay.spool);
	transform_free(relay.transform);
	fanout_free(relay.fanout);
	return ok;
}
