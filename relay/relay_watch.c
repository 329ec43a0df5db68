/*
 * relay_watch.c
 *		What the stream does not tell: how much WAL the slot holds back, and
 *		that the server wants to stop while a full sink keeps us from reading.
 *		See relay_state.h.
 */
#include "relay_state.h"

#include "bytes.h"
#include "clock.h"
#include "log.h"

#define LOOK_INTERVAL	(10 * CLOCK_SECOND)
#define LOOKS			6		/* at least, before patience ends */
#define BLOCKED_LONG	(2 * CLOCK_SECOND)
#define BLOCKED_GAP		(5 * CLOCK_SECOND)	/* a slow sink takes some now and
											 * then */

/* ---- the server wants to stop ---- */

/* Whether a sink has been what holds up the reading for a while. */
static bool
is_held_up(Relay *relay, int64_t now)
{
	if (relay->blocked)
	{
		if (relay->blocked_since == 0)
			relay->blocked_since = now;
		relay->blocked_last = now;
	}
	else if (now - relay->blocked_last > BLOCKED_GAP)
		relay->blocked_since = 0;
	return relay->blocked_since != 0 &&
		now - relay->blocked_since > BLOCKED_LONG;
}

static StepResult
leave_alone(Error *err)
{
	error_set(err, ERROR_CONNECT,
			  "the server wants to stop, and a full sink would hold it up: leaving it alone");
	error_retriable(err);
	return STEP_LOST;
}

/* ---- too much WAL ---- */

#define SENTENCE_SIZE 400

/* Who is to blame for it. */
static const char *
describe_cause(const Relay *relay, char *text)
{
	const ServerWatch *watch = &relay->watch;
	char		behind[BYTES_TEXT_SIZE];
	char		at[LSN_TEXT_SIZE];

	bytes_format((double) watch->behind, behind);
	if (relay->blocked_since == 0 && watch->behind < watch->retained / 2)
		snprintf(text, SENTENCE_SIZE,
				 "a transaction that is still open on the server needs it; the sinks are only %s behind",
				 behind);
	else
		snprintf(text, SENTENCE_SIZE,
				 "sink \"%s\" is the furthest behind, by %s, at %s",
				 fanout_last(relay->fanout), behind,
				 lsn_format(fanout_durable(relay->fanout), at));
	return text;
}

static void
describe(const Relay *relay, char *text)
{
	char		retained[BYTES_TEXT_SIZE];
	char		limit[BYTES_TEXT_SIZE];
	char		cause[SENTENCE_SIZE];

	snprintf(text, 2 * SENTENCE_SIZE,
			 "slot \"%s\" holds back %s of WAL, more than max_retained_wal = %s: %s",
			 relay->settings->slot,
			 bytes_format((double) relay->watch.retained, retained),
			 bytes_format((double) relay->retention.limit, limit),
			 describe_cause(relay, cause));
}

static StepResult
act(Relay *relay, const char *sentence, Error *err)
{
	switch ((RetentionAction) relay->settings->on_max_retained_wal)
	{
		case RETENTION_WARN:
			break;
		case RETENTION_STOP:
			error_set(err, ERROR_RETAINED_WAL, "%s", sentence);
			error_hint(err, "on_max_retained_wal=stop stopped the relay; the slot still holds the WAL. Mend the sink and start again, or drop the slot to save the database.");
			return STEP_FAILED;
		case RETENTION_DROP:
			error_set(err, ERROR_SLOT_GIVEN_UP, "%s", sentence);
			relay->drop_slot = true;
			return STEP_FAILED;
	}
	return STEP_GO_ON;
}

static StepResult
judge(Relay *relay, Error *err)
{
	char		sentence[2 * SENTENCE_SIZE];
	char		retained[BYTES_TEXT_SIZE];

	describe(relay, sentence);
	switch (retention_judge(&relay->retention, relay->watch.retained,
							relay->watch.behind, clock_now()))
	{
		case RETENTION_QUIET:
			break;
		case RETENTION_OVER:
			log_warning("%s", sentence);
			break;
		case RETENTION_BACK:
			log_info("slot \"%s\" holds back %s of WAL, no longer too much",
					 relay->settings->slot,
					 bytes_format((double) relay->watch.retained, retained));
			break;
		case RETENTION_PATIENCE_ENDS:
			return act(relay, sentence, err);
	}
	return STEP_GO_ON;
}

/* The server will not wait: what the slot needs goes, and the slot with it. */
static void
judge_room(Relay *relay)
{
	const ServerWatch *watch = &relay->watch;
	char		room[BYTES_TEXT_SIZE];
	char		cause[SENTENCE_SIZE];
	Error		warning;

	if (!watch->limited)
		return;
	switch (retention_judge_room(&relay->room, watch->room, watch->retained,
								 clock_now()))
	{
		case RETENTION_OVER:
			error_clear(&warning);
			bytes_format((double) watch->room, room);
			error_set(&warning, ERROR_SLOT_INVALIDATED,
					  watch->room > 0 ?
					  "slot \"%s\" is lost after %s more of WAL" :
					  "slot \"%s\" is lost at the server's next checkpoint",
					  relay->settings->slot, room);
			error_detail(&warning, "It waits for this: %s.", describe_cause(relay, cause));
			error_hint(&warning, "Raise max_slot_wal_keep_size now, which a reload of the server's configuration does; then see to the cause.");
			log_report(LOG_LEVEL_WARNING, &warning);
			break;
		case RETENTION_BACK:
			log_info("slot \"%s\" is safe again: %s of WAL more may be held back",
					 relay->settings->slot,
					 bytes_format((double) watch->room, room));
			break;
		default:
			break;
	}
}

StepResult
relay_watch_server(Relay *relay, Error *err)
{
	bool		held_up = is_held_up(relay, clock_now());

	if (relay->retention.limit == 0 && !relay->limited && !held_up)
	{
		server_watch_close(&relay->watch);
		return STEP_GO_ON;
	}
	switch (server_watch_turn(&relay->watch))
	{
		case SERVER_NO_NEWS:
			break;
		case SERVER_ANSWER:
			judge_room(relay);
			return judge(relay, err);
		case SERVER_STOPS:
			return held_up ? leave_alone(err) : STEP_GO_ON;
	}
	return STEP_GO_ON;
}

void
relay_watch_init(Relay *relay)
{
	const Settings *settings = relay->settings;
	int64_t		interval = settings->max_retained_wal_grace / LOOKS;

	relay->retention.limit = settings->max_retained_wal;
	relay->retention.grace = settings->max_retained_wal_grace;
	relay->watch.options = relay->connection;
	relay->watch.slot = settings->slot;
	relay->watch.interval = interval < LOOK_INTERVAL ? interval :
		LOOK_INTERVAL;
}

/* When to look again; an answer is seen when the loop turns anyway. */
int64_t
relay_watch_time(const Relay *relay)
{
	return (relay->retention.limit != 0 || relay->limited) &&
		relay->watch.asked == 0 ?
		relay->watch.next : INT64_MAX;
}

/* ---- giving up the slot ---- */

bool
relay_drop_slot(Relay *relay, Error *err)
{
	const char *slot = relay->settings->slot;
	Error		failure;
	PGconn	   *conn;
	bool		ok;

	error_clear(&failure);
	conn = connection_open(relay->connection, CONNECTION_REPLICATION,
						   &failure);
	ok = conn != NULL && slot_drop(conn, slot, true, &failure);
	PQfinish(conn);
	if (!ok)
	{
		log_report(LOG_LEVEL_ERROR, err);
		*err = failure;
		error_detail(err, "on_max_retained_wal=drop-slot wanted it dropped: it still holds back WAL.");
		return false;
	}
	log_warning("dropped replication slot \"%s\" to save the database's disk: changes are missing from now on",
				slot);
	error_detail(err, "on_max_retained_wal=drop-slot dropped the slot.");
	return error_hint(err, "Mend the sink. Then create a slot, copy the tables again and remove the sinks' checkpoints, which a new slot does not fit.");
}
