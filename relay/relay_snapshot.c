/*
 * relay_snapshot.c
 *		The rows that tables have, before the stream. See relay_state.h.
 *
 * The stream is started first and held, unread, so that nobody else works on
 * the slot meanwhile; the slot is confirmed no further until the last row is
 * durable in every sink. Whoever comes late to a part, after an interruption,
 * reads the tables that are not finished again under a new snapshot; of those
 * the stream then leaves nothing out, so that by key the result is right.
 */
#include "relay_state.h"

#include <inttypes.h>
#include <string.h>

#include "charset_load.h"
#include "clock.h"
#include "log.h"
#include "signals.h"

/*
 * Positions of a snapshot begin this far below the slot's place, or behind
 * what a sink has. Any server's WAL is longer.
 */
#define POSITIONS			((Lsn) 1 << 23)
#define MB					(1024.0 * 1024.0)

static SnapshotMode
mode_of(const Relay *relay)
{
	return (SnapshotMode) relay->settings->snapshot;
}

Lsn
relay_snapshot_start(const Relay *relay, Lsn confirmed)
{
	return mode_of(relay) == SNAPSHOT_MODE_NEVER || confirmed <= POSITIONS ?
		LSN_INVALID : confirmed;
}

Lsn
relay_snapshot_first(Lsn confirmed)
{
	return confirmed - POSITIONS;
}

/* ---- making ---- */

static const char *
publications_of(const Relay *relay)
{
	SourceOptions options = settings_source_options(relay->settings);

	for (size_t i = 0; i < options.count; i++)
		if (strcmp(options.names[i], "publication_names") == 0)
			return options.values[i];
	return NULL;
}

/*
 * The source may have found out already how text becomes UTF-8 here; if the
 * server's plugin does it for the stream, rows of a snapshot still need it.
 */
static bool
learn_charset(Relay *relay, Error *err)
{
	PGconn	   *conn;
	bool		ok;

	if (relay->charset != NULL || relay->snapshot_charset != NULL)
		return true;
	conn = connection_open(relay->connection, CONNECTION_SQL, err);
	ok = conn != NULL && charset_load(conn, &relay->snapshot_charset, err);
	PQfinish(conn);
	return ok;
}

bool
relay_snapshot_config(Relay *relay, SnapshotConfig *config, Error *err)
{
	if (!learn_charset(relay, err))
		return false;
	*config = (SnapshotConfig) {
		.options = relay->connection, .catalog = &relay->catalog,
		.transform = relay->transform, .slot = relay->settings->slot,
		.plugin = relay->settings->plugin,
		.publications = publications_of(relay),
		.workers = (int) relay->settings->snapshot_workers,
		.server_version = relay->server.version,
		.raw_text = relay->server.raw_text,
		.charset = relay->charset != NULL ? relay->charset :
		relay->snapshot_charset
	};
	return true;
}

static bool
make_snapshot(Relay *relay, Error *err)
{
	if (!relay_snapshot_config(relay, &relay->snapshot_config, err))
		return false;
	relay->snapshot = snapshot_new(&relay->snapshot_config, err);
	return relay->snapshot != NULL;
}

/* ---- the slot ---- */

static bool
create_slot(Relay *relay, PGconn *conn, Error *err)
{
	const Settings *settings = relay->settings;
	SlotCreate	create = {
		.slot = settings->slot, .plugin = settings->plugin,
		.two_phase = settings->two_phase,
		.failover = settings->enable_failover, .export = true
	};
	char		text[LSN_TEXT_SIZE];
	SlotWait	wait;
	bool		stopped;

	if (!make_snapshot(relay, err))
		return false;
	if (!slot_wait_create(&wait, conn, relay->connection, &create, &stopped,
						  err))
		return stopped && error_set(err, ERROR_INTERNAL, "stopped");
	relay->slot_created = true;
	log_info("created replication slot \"%s\" at %s", settings->slot,
			 lsn_format(wait.point, text));
	return snapshot_import(relay->snapshot, wait.snapshot, wait.point, err);
}

/* What has been lost cannot be read any more; what follows is told loudly. */
static bool
drop_lost(Relay *relay, PGconn *conn, SlotInfo *slot, Error *err)
{
	const char *name = relay->settings->slot;

	log_warning("replication slot \"%s\" has been invalidated: it is dropped and created anew, and all tables are read again",
				name);
	slot->exists = false;
	return slot_drop(conn, name, false, err);
}

bool
relay_snapshot_slot(Relay *relay, PGconn *conn, SlotInfo *slot, Error *err)
{
	const Settings *settings = relay->settings;
	bool		lost = slot->exists && slot_is_lost(slot);

	if (mode_of(relay) == SNAPSHOT_MODE_NEVER || relay->resumed)
		return true;
	if (slot->exists && settings->create_slot && !settings->if_not_exists)
	{
		error_set(err, ERROR_USAGE, "replication slot \"%s\" exists already",
				  settings->slot);
		return error_hint(err, "--if-not-exists accepts that, and so does leaving out --create-slot.");
	}

	/* from here on a signal must not leave half a slot */
	if (!slot->exists || lost)
		signals_end_at_once(false);
	if (lost && mode_of(relay) == SNAPSHOT_MODE_WHEN_NEEDED &&
		!drop_lost(relay, conn, slot, err))
		return false;
	return slot->exists || (create_slot(relay, conn, err) &&
							slot_find(conn, settings->slot, slot, err));
}

/*
 * A slot of which nothing was read must not stay: at the next start it would
 * look as if it had always been there.
 */
void
relay_snapshot_undo(Relay *relay)
{
	PGconn	   *conn;
	Error		failure;

	if (!relay->slot_created || relay->resumed)
		return;
	relay->slot_created = false;
	conn = connection_open(relay->connection, CONNECTION_REPLICATION,
						   &failure);
	if (conn != NULL &&
		slot_drop(conn, relay->settings->slot, false, &failure))
		log_info("dropped replication slot \"%s\" again",
				 relay->settings->slot);
	else
		log_report(LOG_LEVEL_WARNING, &failure);
	PQfinish(conn);
}

/* ---- beginning ---- */

bool
relay_snapshot_begin(Relay *relay, Error *err)
{
	if (relay->identity.snapshot != LSN_INVALID &&
		fanout_durable(relay->fanout) < relay->identity.snapshot)
		return relay->snapshot != NULL ||
			(make_snapshot(relay, err) &&
			 snapshot_create(relay->snapshot, err));
	if (mode_of(relay) == SNAPSHOT_MODE_ONLY)
	{
		log_info("all sinks have had their snapshot");
		relay->end_reached = true;
	}
	return snapshot_cover_read(&relay->cover, fanout_notes(relay->fanout),
							   err);
}

/* Behind all that a sink may have of earlier attempts. */
static Lsn
first_position(const Relay *relay)
{
	Lsn			start = relay->identity.snapshot;
	Lsn			first = relay_snapshot_first(start);

	for (size_t i = 0; i < fanout_count(relay->fanout); i++)
	{
		Lsn			accepted = fanout_sink(relay->fanout, i)->accepted.lsn;

		if (accepted < start && accepted + 1 > first)
			first = accepted + 1;
	}
	return first;
}

static bool
take_notes(Relay *relay, Error *err)
{
	SnapshotNote note;

	while (snapshot_take_note(relay->snapshot, &note))
		if (!fanout_note(relay->fanout, note.key, slice_of(note.value), err))
			return false;
	return true;
}

/* Nothing is read before every sink knows that the attempt has begun. */
static bool
mark_attempt(Relay *relay, Error *err)
{
	const Notes *notes = fanout_notes(relay->fanout);
	SnapshotPlace place = {
		.first = first_position(relay), .start = relay->identity.snapshot,
		.durable = fanout_durable(relay->fanout),
		.exact = fanout_fresh(relay->fanout) && !relay->snapshot_tried
	};
	SnapshotNote note;

	if (!snapshot_notes_attempt(notes, place.start, &place.attempt, err))
		return false;
	place.exact &= place.attempt == 0;
	relay->snapshot_tried = true;
	relay->attempt = 0;
	if (!snapshot_begin(relay->snapshot, &place, notes, err))
		return false;
	snapshot_note_attempt(&note, place.start, place.attempt);
	return fanout_note(relay->fanout, note.key, slice_of(note.value), err) &&
		take_notes(relay, err);
}

/* ---- a turn ---- */

SourceResult
relay_snapshot_next(Relay *relay, Error *err)
{
	SourceResult kind = snapshot_next(relay->snapshot, &relay->pending.event,
									  err);

	if (kind != SOURCE_FAILED && !take_notes(relay, err))
		return SOURCE_FAILED;
	return kind;
}

static StepResult
finish_reading(Relay *relay, Error *err)
{
	bool		changed;

	if (!snapshot_finish(relay->snapshot, &changed, err))
		return STEP_LOST;
	if (!changed)
		return STEP_GO_ON;
	log_warning("the publication has changed while its tables were read: those that this concerns are read anew");
	return STEP_RESTART;
}

static StepResult
hand_over(Relay *relay, Error *err)
{
	const SnapshotStats *stats = snapshot_stats(relay->snapshot);
	int64_t		seconds = (clock_now() - stats->started) / CLOCK_SECOND;

	log_info("snapshot: %" PRIu64 " rows of %zu tables are durable in every sink after %"
			 PRId64 " s", stats->rows, stats->tables, seconds);
	snapshot_free(relay->snapshot);
	relay->snapshot = NULL;
	if (mode_of(relay) == SNAPSHOT_MODE_ONLY)
		return STEP_DONE;
	if (!snapshot_cover_read(&relay->cover, fanout_notes(relay->fanout), err))
		return STEP_FAILED;
	relay_tell_streaming(relay);
	return STEP_GO_ON;
}

static StepResult
judge(bool ok, const Error *err)
{
	if (ok)
		return STEP_GO_ON;
	return err->retriable ? STEP_LOST : STEP_FAILED;
}

StepResult
relay_snapshot_step(Relay *relay, bool *nothing, Error *err)
{
	Lsn			durable = fanout_durable(relay->fanout);
	StepResult	result;

	switch (snapshot_state(relay->snapshot))
	{
		case SNAPSHOT_CREATING:
			result = judge(snapshot_creating(relay->snapshot, err), err);
			*nothing = snapshot_state(relay->snapshot) == SNAPSHOT_CREATING;
			return result;
		case SNAPSHOT_IMPORTED:
			return judge(mark_attempt(relay, err), err);
		case SNAPSHOT_MARKED:
			*nothing = durable < snapshot_position(relay->snapshot);
			if (!*nothing)
				snapshot_read(relay->snapshot);
			return STEP_GO_ON;
		case SNAPSHOT_ALL_READ:
			*nothing = durable < snapshot_position(relay->snapshot);
			return *nothing ? STEP_GO_ON : finish_reading(relay, err);
		case SNAPSHOT_ENDED:
			*nothing = durable < relay->identity.snapshot;
			return *nothing ? STEP_GO_ON : hand_over(relay, err);
		case SNAPSHOT_READING:
			*nothing = true;
			return STEP_GO_ON;
		default:
			return STEP_GO_ON;
	}
}

void
relay_snapshot_show(Relay *relay)
{
	const SnapshotStats *stats = snapshot_stats(relay->snapshot);
	int64_t		now = clock_now();
	double		seconds = (double) (now - stats->started) / CLOCK_SECOND;
	double		part = stats->blocks > 0 ?
		(double) stats->blocks_done / (double) stats->blocks : 0.0;
	char		line[256];

	if (!progress_due(&relay->progress, now))
		return;
	snprintf(line, sizeof(line),
			 "snapshot: %zu of %zu tables, %" PRIu64 " rows, %.1f MB, %.0f %%, about %.0f s left",
			 stats->tables_done, stats->tables, stats->rows,
			 (double) stats->bytes / MB, 100.0 * part,
			 part > 0 ? seconds * (1.0 - part) / part : 0.0);
	log_progress(line);
}
