/*
 * relay_resnapshot.c
 *		Tables that are read again while the stream goes on. See
 *		relay_state.h.
 *
 * The rows are those of a snapshot that a temporary slot exports at its
 * consistent point P. They go to the sinks at marks: small transactions of our
 * own with a logical message, written after P. What the stream has up to a
 * mark has been delivered when it comes in, and the rows take the message's
 * place, so their positions are the stream's own and nothing else's.
 *
 * From before P on the keys of rows that the stream changes are kept. A row of
 * which it has had a change that committed at or behind P is not sent again:
 * the sinks know it as it is, or that it is gone. So for each row no record is
 * older than the one before. When more keys come together than there is memory
 * for, the next mark takes all of the rows before the stream goes on.
 *
 * Requests come as logical messages, too (resnapshot_request.h), and are kept
 * in a note until every sink has all of the rows. One that was interrupted
 * begins anew. Marks are told by the number of the process that wrote them and
 * count once, so no position is ever used for two rows.
 */
#include "relay_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "record_key.h"

#define MARK_PREFIX		CONTROL_PREFIX "mark"
#define MARK_PAUSE		(CLOCK_SECOND / 50)	/* between two, at least */
#define MARK_INTERVAL	(CLOCK_SECOND / 10)	/* if the stream lags */
#define MARK_TIME		(CLOCK_SECOND / 20) /* that the stream waits for one */
#define MARK_PATIENCE	(CLOCK_SECOND / 100)	/* of it without a row */
#define MARK_ROWS		10000
#define MARK_BYTES		((uint64_t) 8 << 20)
#define MARKS_AHEAD		64		/* of a stream that lags */
#define ROWS_PER_LOOK	64		/* at the clock */
#define RETRY_BASE		CLOCK_SECOND
#define RETRY_LIMIT		(60 * CLOCK_SECOND)
#define ALL_TABLES		"*.*"
#define KEY_LIMIT		((size_t) 1 << 30)	/* a row's largest */
#define NAMES_SIZE		256
#define MESSAGES_VERSION 140000	/* pgoutput has none before */
#define HARD_LIMIT		4		/* times the memory for keys */

/* ---- what is remembered ---- */

static bool
remember(Relay *relay, Error *err)
{
	Resnapshot *again = &relay->resnapshot;
	Buf			text;
	bool		ok;

	buf_init(&text, RESNAPSHOT_BOOK_LIMIT);
	ok = resnapshot_book_write(&again->book, fanout_durable(relay->fanout),
							   &text, err) &&
		fanout_note(relay->fanout, RESNAPSHOT_NOTE, buf_slice(&text), err);
	buf_free(&text);
	return ok;
}

/* Each start has all tables read again, unless the sinks are new to them. */
static bool
ask_for_all(Relay *relay, Error *err)
{
	Resnapshot *again = &relay->resnapshot;
	ResnapshotRequest request = {0};
	Position	asked = again->book.last;
	bool		added;

	if (fanout_fresh(relay->fanout) ||
		resnapshot_book_has(&again->book, ALL_TABLES))
		return true;
	asked.seq++;
	return resnapshot_request_parse(&request,
									slice_of("{\"tables\": [\"" ALL_TABLES "\"]}"),
									err) &&
		resnapshot_book_add(&again->book, asked, &request, &added, err) &&
		remember(relay, err);
}

bool
relay_resnapshot_recall(Relay *relay, Error *err)
{
	Resnapshot *again = &relay->resnapshot;
	Slice		note = notes_find(fanout_notes(relay->fanout),
								  RESNAPSHOT_NOTE);

	buf_init(&again->key, KEY_LIMIT);
	buf_init(&again->scratch, KEY_LIMIT);
	again->run = ((uint64_t) clock_wall() << 20) ^ (uint64_t) getpid();
	if (!resnapshot_book_read(&again->book, note,
							  fanout_durable(relay->fanout), err))
		return false;
	return relay->settings->snapshot != SNAPSHOT_MODE_ALWAYS ||
		ask_for_all(relay, err);
}

/* ---- an attempt ---- */

static void
drop_attempt(Resnapshot *again)
{
	snapshot_free(again->snapshot);
	again->snapshot = NULL;
	key_set_free(&again->changed);
	patterns_free(&again->tables);
	again->in_mark = false;
	again->waiting = false;
	again->row_offered = false;
	again->to_the_end = false;
	again->row_ready = false;
	again->last = LSN_INVALID;
}

/* The request that the attempt is for, or the next one. */
static ResnapshotEntry *
current(Resnapshot *again)
{
	return resnapshot_book_next(&again->book);
}

/* The request is over: done, or not to be tried again. */
static bool
settle_request(Relay *relay, Error *err)
{
	Resnapshot *again = &relay->resnapshot;
	ResnapshotEntry *entry = current(again);

	if (entry != NULL)
		entry->end = again->last != LSN_INVALID ? again->last + 1 : 1;
	drop_attempt(again);
	again->attempt = 0;
	return remember(relay, err);
}

/*
 * What may pass is tried again, and anything else ends the request: the
 * stream must not suffer from it.
 */
static StepResult
give_up(Relay *relay, Error *err)
{
	Resnapshot *again = &relay->resnapshot;
	bool		retry = err->retriable;

	error_prefix(err, "resnapshot");
	log_report(retry ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, err);
	error_clear(err);
	drop_attempt(again);
	if (retry)
	{
		again->retry_at = clock_now() +
			clock_backoff(++again->attempt, RETRY_BASE, RETRY_LIMIT);
		return STEP_GO_ON;
	}
	log_warning("hint: Ask for these tables again when that is mended.");
	return settle_request(relay, err) ? STEP_GO_ON : STEP_FAILED;
}

static bool
refuse(const char *why, Error *err)
{
	return error_set(err, ERROR_SNAPSHOT, "%s", why);
}

static bool
is_possible(const Relay *relay, Error *err)
{
	if (relay->server.in_recovery)
		return refuse("a standby cannot write the logical messages that it takes: read from the primary", err);
	if (relay->source->ops->reads_text &&
		relay->server.version < MESSAGES_VERSION)
		return refuse("pgoutput has no logical messages before PostgreSQL 14",
					  err);
	return true;
}

/* The sink's name where it stays; NULL: there is none called so. */
static const char *
find_sink(const Relay *relay, const char *name)
{
	for (size_t i = 0; i < relay->setups->count; i++)
		if (strcmp(relay->setups->setups[i].name, name) == 0)
			return relay->setups->setups[i].name;
	return NULL;
}

static bool
begin_attempt(Relay *relay, const ResnapshotEntry *entry, Error *err)
{
	Resnapshot *again = &relay->resnapshot;
	const char *sink = entry->request.sink;

	again->only = sink != NULL ? find_sink(relay, sink) : NULL;
	if (sink != NULL && again->only == NULL)
		return error_set(err, ERROR_SNAPSHOT, "sink \"%s\" is no more",
						 sink);
	if (!is_possible(relay, err) ||
		!patterns_parse(&again->tables, "resnapshot", &entry->request.tables,
						2, err) ||
		!relay_snapshot_config(relay, &again->config, err))
		return false;
	again->config.tables = &again->tables;
	again->config.changed = &again->changed;
	key_set_init(&again->changed,
				 (size_t) relay->settings->resnapshot_memory);
	again->snapshot = snapshot_new(&again->config, err);
	return again->snapshot != NULL && snapshot_create(again->snapshot, err);
}

static StepResult
begin_reading(Relay *relay, Error *err)
{
	Resnapshot *again = &relay->resnapshot;
	char		names[NAMES_SIZE];

	snapshot_begin_beside(again->snapshot);
	snapshot_name_tables(again->snapshot, names, sizeof(names));
	if (snapshot_stats(again->snapshot)->tables == 0)
	{
		error_set(err, ERROR_SNAPSHOT, "no table that is published is called %s",
				  current(again)->request.tables.items[0]);
		return give_up(relay, err);
	}
	log_info("reading again: %s, beside the stream%s%s", names,
			 again->only != NULL ? ", for sink " : "",
			 again->only != NULL ? again->only : "");
	again->first_mark = again->sent + 1;
	again->told_at = clock_now();
	return STEP_GO_ON;
}

static StepResult
finish_attempt(Relay *relay, Error *err)
{
	Resnapshot *again = &relay->resnapshot;
	const SnapshotStats *stats = snapshot_stats(again->snapshot);
	int64_t		seconds = (clock_now() - stats->started) / CLOCK_SECOND;
	bool		changed;

	if (!snapshot_finish(again->snapshot, &changed, err))
		return give_up(relay, err);
	if (changed)
	{
		error_set(err, ERROR_SNAPSHOT,
				  "the publication has changed while its tables were read");
		error_retriable(err);
		return give_up(relay, err);
	}
	log_info("read again: %" PRIu64 " rows of %zu tables, and %" PRIu64
			 " that the stream had changed since, in %" PRId64 " s",
			 stats->rows, stats->tables, stats->left_out, seconds);
	return settle_request(relay, err) ? STEP_GO_ON : STEP_FAILED;
}

void
relay_resnapshot_free(Relay *relay)
{
	Resnapshot *again = &relay->resnapshot;

	drop_attempt(again);
	buf_free(&again->key);
	buf_free(&again->scratch);
	resnapshot_book_free(&again->book);
}

/* ---- a turn ---- */

static bool
write_mark(Resnapshot *again, Error *err)
{
	char		content[64];

	snprintf(content, sizeof(content), "%" PRIX64 " %" PRIu64, again->run,
			 ++again->sent);
	again->marked_at = clock_now();
	return snapshot_write_mark(again->snapshot, MARK_PREFIX, content, err);
}

/*
 * When the next mark is to be written. For a stream that lags some are written
 * ahead, or each would take as long as it lags.
 */
static int64_t
mark_time(const Resnapshot *again)
{
	uint64_t	done = again->seen >= again->first_mark ? again->seen :
		again->first_mark - 1;
	uint64_t	ahead = again->sent - done;

	if (ahead == 0)
		return again->marked_at + MARK_PAUSE;
	return ahead < MARKS_AHEAD ? again->marked_at + MARK_INTERVAL : INT64_MAX;
}

static void
tell_progress(const Relay *relay, Resnapshot *again)
{
	const SnapshotStats *stats = snapshot_stats(again->snapshot);
	int64_t		interval = relay->settings->progress_interval;
	int64_t		now = clock_now();

	if (interval == 0 || now - again->told_at < interval)
		return;
	again->told_at = now;
	log_info("reading again: %" PRIu64 " rows of %zu tables so far, about %.0f %%",
			 stats->rows, stats->tables, stats->blocks == 0 ? 100.0 :
			 100.0 * (double) stats->blocks_done / (double) stats->blocks);
	if (again->sent >= again->first_mark && again->seen < again->first_mark)
		log_info("reading again: the stream has not come to the first mark: it is far behind, or the server's output plugin is older than this relay and passes no marks on");
}

static StepResult
go_on_reading(Relay *relay, Error *err)
{
	Resnapshot *again = &relay->resnapshot;
	bool		written;
	bool		ok;

	if (!snapshot_poll_mark(again->snapshot, &written, err))
		return give_up(relay, err);
	again->row_ready = snapshot_row_ready(again->snapshot, &ok, err);
	if (!ok || (again->row_ready && written &&
				clock_now() >= mark_time(again) && !write_mark(again, err)))
		return give_up(relay, err);
	tell_progress(relay, again);
	return STEP_GO_ON;
}

StepResult
relay_resnapshot_turn(Relay *relay, Error *err)
{
	Resnapshot *again = &relay->resnapshot;
	ResnapshotEntry *entry = current(again);

	if (entry == NULL || relay->snapshot != NULL || again->in_mark)
		return STEP_GO_ON;
	if (again->snapshot == NULL)
	{
		if (clock_now() < again->retry_at ||
			begin_attempt(relay, entry, err))
			return STEP_GO_ON;
		return give_up(relay, err);
	}
	switch (snapshot_state(again->snapshot))
	{
		case SNAPSHOT_CREATING:
			if (!snapshot_creating(again->snapshot, err))
				return give_up(relay, err);
			return STEP_GO_ON;
		case SNAPSHOT_IMPORTED:
			return begin_reading(relay, err);
		case SNAPSHOT_READING:
			return go_on_reading(relay, err);
		case SNAPSHOT_ALL_READ:
			return finish_attempt(relay, err);
		default:
			return STEP_GO_ON;
	}
}

int64_t
relay_resnapshot_time(const Relay *relay)
{
	const Resnapshot *again = &relay->resnapshot;

	if (again->snapshot == NULL)
		return INT64_MAX;
	if (again->in_mark)
		return again->mark_began + MARK_PATIENCE;
	return again->row_ready ? mark_time(again) : INT64_MAX;
}

int
relay_resnapshot_watch(const Relay *relay, struct pollfd *fds, int room)
{
	const Resnapshot *again = &relay->resnapshot;

	/* rows that wait for a mark would wake us for nothing */
	if (again->snapshot == NULL || (again->row_ready && !again->in_mark))
		return 0;
	return snapshot_watch(again->snapshot, fds, room);
}

/* ---- messages ---- */

/* One that is not understood must not stop the stream. */
static bool
take_request(Relay *relay, Slice content, Error *err)
{
	ResnapshotRequest request = {0};
	bool		added = false;
	bool		ok = true;

	if (!resnapshot_request_parse(&request, content, err))
	{
		error_prefix(err, "a request for a resnapshot");
		log_report(LOG_LEVEL_WARNING, err);
		error_clear(err);
	}
	else if (request.slot != NULL &&
			 strcmp(request.slot, relay->settings->slot) != 0)
		log_debug("a resnapshot is wanted of slot \"%s\", not of ours",
				  request.slot);
	else if (request.sink != NULL && find_sink(relay, request.sink) == NULL)
		log_warning("resnapshot: there is no sink \"%s\" here, so its request is left out",
					request.sink);
	else
		ok = resnapshot_book_add(&relay->resnapshot.book,
								 relay->pending.position, &request, &added,
								 err) &&
			(!added || remember(relay, err));
	resnapshot_request_free(&request);
	return ok;
}

static void
take_mark(Relay *relay, const LogicalMessage *message)
{
	Resnapshot *again = &relay->resnapshot;
	char		content[64];
	uint64_t	run;
	uint64_t	number;

	snprintf(content, sizeof(content), "%.*s",
			 message->content.size < sizeof(content) ?
			 (int) message->content.size : 0,
			 (const char *) message->content.data);
	if (message->txn == NULL ||
		sscanf(content, "%" SCNx64 " %" SCNu64, &run, &number) != 2 ||
		run != again->run || number <= again->seen)
		return;
	again->seen = number;
	if (again->snapshot == NULL || number < again->first_mark ||
		snapshot_state(again->snapshot) != SNAPSHOT_READING)
		return;
	again->in_mark = true;
	again->txn = *message->txn;
	again->txn.origin = "";
	again->txn.snapshot = "incremental";
	again->mark_began = clock_now();
	again->mark_rows = 0;
	again->mark_bytes = snapshot_stats(again->snapshot)->bytes;
	again->to_the_end = key_set_is_full(&again->changed);
	if (again->to_the_end)
		log_warning("resnapshot: more rows change than --resnapshot-memory has room for: the stream waits until the tables are read");
}

bool
relay_resnapshot_message(Relay *relay, bool *ours, Error *err)
{
	const LogicalMessage *message = &relay->pending.event.message;

	*ours = is_control_prefix(message->prefix);
	if (*ours && strcmp(message->prefix, RESNAPSHOT_PREFIX) == 0)
		return take_request(relay, message->content, err);
	if (*ours && strcmp(message->prefix, MARK_PREFIX) == 0)
		take_mark(relay, message);
	return true;
}

/* ---- changes ---- */

static bool
put_key(Resnapshot *again, const Change *change, Slice key, Error *err)
{
	return key_set_put(&again->changed, change->table->oid, key,
					   change->txn->commit_lsn, err);
}

/* Whether the change's row, before and after, is known from now on. */
static bool
track(Resnapshot *again, const Change *change, Error *err)
{
	RecordKey	found = record_key_find(change, &again->key);
	RecordKey	moved;
	bool		ok = true;

	if (found == RECORD_KEY_FOUND && !buf_failed(&again->key))
		ok = put_key(again, change, buf_slice(&again->key), err);
	else if (change->parts.op != PG_FANOUT__OP__INSERT)
		return error_set(err, ERROR_SNAPSHOT,
						 "table %s.%s: a change does not say of which row it is (replica identity)",
						 change->table->schema, change->table->name);
	moved = ok && change->parts.op == PG_FANOUT__OP__UPDATE ?
		record_key_find_old(change, &again->key, &again->scratch) :
		RECORD_KEY_NONE;
	if (moved == RECORD_KEY_FOUND && !buf_failed(&again->key))
		ok = put_key(again, change, buf_slice(&again->key), err);
	return ok;
}

StepResult
relay_resnapshot_change(Relay *relay, Error *err)
{
	Resnapshot *again = &relay->resnapshot;
	const Change *change = &relay->pending.event.change;
	const char *names[] = {change->table->schema, change->table->name};

	if (again->snapshot == NULL || again->in_mark ||
		!patterns_match(&again->tables, names, 2))
		return STEP_GO_ON;
	if (change->parts.op == PG_FANOUT__OP__TRUNCATE)
	{
		error_set(err, ERROR_SNAPSHOT, "table %s.%s has been truncated",
				  names[0], names[1]);
		error_retriable(err);
		return give_up(relay, err);
	}
	if (!track(again, change, err))
		return give_up(relay, err);
	if (key_set_bytes(&again->changed) <= HARD_LIMIT * again->changed.limit)
		return STEP_GO_ON;
	error_set(err, ERROR_SNAPSHOT, "more rows change than can be kept in mind");
	error_hint(err, "Raise --resnapshot-memory, or ask for fewer tables at a time.");
	error_retriable(err);
	return give_up(relay, err);
}

/* ---- rows ---- */

static bool
is_full(const Resnapshot *again)
{
	const SnapshotStats *stats = snapshot_stats(again->snapshot);

	return again->mark_rows >= MARK_ROWS ||
		stats->bytes - again->mark_bytes >= MARK_BYTES ||
		(again->mark_rows % ROWS_PER_LOOK == 0 &&
		 clock_now() - again->mark_began > MARK_TIME);
}

/* For rows that have not come in yet, instead of ending the mark. */
static bool
may_wait(const Resnapshot *again)
{
	return again->to_the_end ||
		clock_now() - again->mark_began < MARK_PATIENCE;
}

bool
relay_resnapshot_row(Relay *relay, SourceResult *kind, StepResult *step,
					 Error *err)
{
	Resnapshot *again = &relay->resnapshot;
	SourceEvent *event = &relay->pending.event;

	*step = STEP_GO_ON;
	again->waiting = false;
	again->row_offered = false;
	if (!again->in_mark)
		return false;
	if (!again->to_the_end && is_full(again))
	{
		again->in_mark = false;
		return false;
	}
	*kind = snapshot_row(again->snapshot, &again->txn, event, err);
	if (*kind == SOURCE_CHANGE)
	{
		event->change.only = again->only;
		again->mark_rows++;
		again->row_offered = true;
		again->last = again->txn.commit_lsn;
		return true;
	}
	if (*kind == SOURCE_AGAIN)
		return true;
	if (*kind == SOURCE_FAILED)
		*step = give_up(relay, err);
	else if (snapshot_state(again->snapshot) == SNAPSHOT_ALL_READ)
		*step = finish_attempt(relay, err);
	else if (may_wait(again))
	{
		again->waiting = true;
		*kind = SOURCE_AGAIN;
		return true;
	}
	again->in_mark = false;
	return false;
}

bool
relay_resnapshot_waits(const Relay *relay)
{
	return relay->resnapshot.in_mark && relay->resnapshot.waiting;
}

/* ---- the stream is lost, and begins anew ---- */

/* A row that not every sink has taken is offered again, at another mark. */
void
relay_resnapshot_lost(Relay *relay)
{
	Resnapshot *again = &relay->resnapshot;

	if (again->row_offered && relay->pending.kind == SOURCE_CHANGE)
		snapshot_row_again(again->snapshot);
	again->in_mark = false;
	again->waiting = false;
	again->row_offered = false;
}

/* A sink that has lost rows, as one may that was made anew, needs all. */
void
relay_resnapshot_resume(Relay *relay)
{
	Resnapshot *again = &relay->resnapshot;

	if (again->snapshot == NULL || again->last == LSN_INVALID)
		return;
	for (size_t i = 0; i < fanout_count(relay->fanout); i++)
	{
		if (fanout_sink(relay->fanout, i)->accepted.lsn >= again->last)
			continue;
		log_warning("resnapshot: a sink has lost rows that it had taken: the tables are read from the beginning");
		drop_attempt(again);
		return;
	}
}
