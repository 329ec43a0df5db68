/*
 * snapshot.c
 *		The life of a snapshot. See snapshot.h.
 */
#include "snapshot_inside.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"

#define SQL_LIMIT		((size_t) 64 << 20)
#define KEY_LIMIT		((size_t) 1 << 30)	/* a row's largest */
#define RANGES_VERSION	140000	/* scans of TID ranges */
#define NUMBERS_BITS	32		/* of a record's number, below the attempt */

/* ---- life ---- */

Snapshot *
snapshot_new(const SnapshotConfig *config, Error *err)
{
	Snapshot   *snapshot = calloc(1, sizeof(*snapshot));

	if (snapshot == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	snapshot->config = config;
	snapshot->readers = calloc((size_t) config->workers,
							   sizeof(*snapshot->readers));
	snapshot->writer = calloc(1, sizeof(*snapshot->writer));
	buf_init(&snapshot->sql, SQL_LIMIT);
	buf_init(&snapshot->key, KEY_LIMIT);
	if (snapshot->readers == NULL || snapshot->writer == NULL)
	{
		error_no_memory(err);
		snapshot_free(snapshot);
		return NULL;
	}
	row_writer_init(snapshot->writer, config->raw_text, config->charset);
	snapshot->stats.started = clock_now();
	return snapshot;
}

void
snapshot_free(Snapshot *snapshot)
{
	if (snapshot == NULL)
		return;
	for (size_t i = 0; i < snapshot->reader_count; i++)
	{
		PQfreemem(snapshot->readers[i].held.text);
		PQfreemem(snapshot->readers[i].next.text);
		snapshot_worker_close(&snapshot->readers[i].worker);
	}
	if (snapshot->state == SNAPSHOT_CREATING && snapshot->slot_conn != NULL)
		slot_wait_cancel(&snapshot->wait);
	PQfinish(snapshot->slot_conn);
	PQfinish(snapshot->control);
	PQfreemem(snapshot->current.text);
	snapshot_tables_free(&snapshot->tables);
	snapshot_plan_free(&snapshot->plan);
	if (snapshot->writer != NULL)
		row_writer_free(snapshot->writer);
	free(snapshot->writer);
	free(snapshot->readers);
	free(snapshot->stale);
	buf_free(&snapshot->sql);
	buf_free(&snapshot->key);
	free(snapshot);
}

SnapshotState
snapshot_state(const Snapshot *snapshot)
{
	return snapshot->state;
}

const SnapshotStats *
snapshot_stats(const Snapshot *snapshot)
{
	return &snapshot->stats;
}

Lsn
snapshot_position(const Snapshot *snapshot)
{
	return snapshot->position;
}

uint64_t
snapshot_numbers(const Snapshot *snapshot)
{
	return snapshot->place.attempt << NUMBERS_BITS;
}

/* ---- the exported snapshot ---- */

static bool
open_workers(Snapshot *snapshot, const char *name, Error *err)
{
	for (int i = 0; i < snapshot->config->workers; i++)
	{
		Reader	   *reader = &snapshot->readers[snapshot->reader_count++];

		if (!snapshot_worker_open(&reader->worker, snapshot->config->options,
								  name, err))
			return false;
	}
	return true;
}

/* What changes while it is being looked at settles: it is tried again. */
static bool
moved(const char *what, Error *err)
{
	error_set(err, ERROR_SNAPSHOT, "%s while the snapshot began", what);
	return error_retriable(err);
}

static bool
read_plan(Snapshot *snapshot, SnapshotPlan *plan, PGconn *conn, Error *err)
{
	const SnapshotConfig *config = snapshot->config;

	if (!snapshot_plan_read(plan, conn, config->publications, err))
		return false;
	if (config->tables != NULL)
		snapshot_plan_choose(plan, config->tables);
	return true;
}

static bool
lock_in(Snapshot *snapshot, PGconn *conn, Error *err)
{
	PGresult   *result;

	buf_clear(&snapshot->sql);
	if (!snapshot_plan_lock(&snapshot->plan, conn, &snapshot->sql, err))
		return false;
	result = connection_query(conn, buf_string(&snapshot->sql), err);
	PQclear(result);
	return result != NULL || error_prefix(err, "cannot lock the tables");
}

/*
 * ALTER TABLE and VACUUM FULL cannot interfere with tables that are locked,
 * and nor can TRUNCATE. What cannot be locked soon is tried again later, so
 * that our own locks are in nobody's way. Each worker has the locks from the
 * beginning: who came later would wait behind an ALTER TABLE that waits for
 * the others.
 */
static bool
lock_tables(Snapshot *snapshot, Error *err)
{
	bool		ok = true;

	for (size_t i = 0; ok && snapshot->plan.count > 0 &&
		 i < snapshot->reader_count; i++)
		ok = lock_in(snapshot, snapshot->readers[i].worker.conn, err);
	return ok;
}

/*
 * A table that was rewritten behind the snapshot but before the lock looks
 * empty: the snapshot's catalog still has its old file.
 */
static const char rewritten_query[] =
"SELECT c.relname FROM pg_catalog.pg_class c"
" WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.oid >= 16384"
"  AND c.relfilenode <> pg_catalog.pg_relation_filenode(c.oid)";

/* No transaction wrote what is read: the first that it does not show. */
static const char time_query[] =
"SELECT (extract(epoch FROM pg_catalog.now()) * 1000000)::pg_catalog.int8,"
" pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())"
"  ::pg_catalog.text::pg_catalog.numeric % 4294967296";

static bool
check_files(Snapshot *snapshot, Error *err)
{
	PGconn	   *conn = snapshot->readers[0].worker.conn;
	PGresult   *files = connection_query(conn, rewritten_query, err);
	PGresult   *time = files != NULL ?
		connection_query(conn, time_query, err) : NULL;
	bool		ok = time != NULL;

	if (ok)
	{
		snapshot->time = strtoll(PQgetvalue(time, 0, 0), NULL, 10);
		snapshot->xid = (uint32_t) strtoul(PQgetvalue(time, 0, 1), NULL, 10);
	}
	if (ok && PQntuples(files) > 0)
		ok = moved("a table was rewritten or truncated", err);
	PQclear(files);
	PQclear(time);
	return ok;
}

/* The plan is made, its tables are locked, and it is still the same. */
static bool
plan_tables(Snapshot *snapshot, Error *err)
{
	SnapshotPlan again = {0};
	bool		ok;

	ok = read_plan(snapshot, &snapshot->plan, snapshot->control, err) &&
		lock_tables(snapshot, err) &&
		read_plan(snapshot, &again, snapshot->control, err);
	if (ok && !snapshot_plan_equal(&snapshot->plan, &again))
		ok = moved("tables or publications changed", err);
	snapshot_plan_free(&again);
	return ok && check_files(snapshot, err) &&
		snapshot_tables_init(&snapshot->tables, &snapshot->plan,
							 snapshot->config->server_version >=
							 RANGES_VERSION, err);
}

static bool
open_control(Snapshot *snapshot, Error *err)
{
	PGresult   *result;

	snapshot->control = connection_open(snapshot->config->options,
										CONNECTION_SQL, err);
	if (snapshot->control == NULL)
		return false;
	result = connection_query(snapshot->control, "SET lock_timeout = '5s'",
							  err);
	PQclear(result);
	return result != NULL;
}

bool
snapshot_import(Snapshot *snapshot, const char *name, Lsn point, Error *err)
{
	const SnapshotConfig *config = snapshot->config;

	snapshot->point = point;
	if (!open_workers(snapshot, name, err))
		return false;
	if (!open_control(snapshot, err) || !plan_tables(snapshot, err))
		return false;
	if (config->charset != NULL)
		snapshot->encoding = PQparameterStatus(snapshot->control,
											   "server_encoding");
	snapshot->state = SNAPSHOT_IMPORTED;
	return true;
}

/*
 * A walsender of its own: the snapshot lives until the connection's next
 * command, and the slot as long as the connection.
 */
bool
snapshot_create(Snapshot *snapshot, Error *err)
{
	const SnapshotConfig *config = snapshot->config;
	char		name[64];		/* nobody else has this process */
	SlotCreate	create = {
		.slot = name, .plugin = config->plugin, .temporary = true,
		.export = true
	};

	snapshot->slot_conn = connection_open(config->options,
										  CONNECTION_REPLICATION, err);
	if (snapshot->slot_conn == NULL)
		return false;
	snprintf(name, sizeof(name), "pg_fanout_snapshot_%d",
			 PQbackendPID(snapshot->slot_conn));
	if (!slot_wait_start(&snapshot->wait, snapshot->slot_conn,
						 config->options, &create, err))
		return false;
	snapshot->wait.slot = config->slot;
	snapshot->state = SNAPSHOT_CREATING;
	return true;
}

bool
snapshot_creating(Snapshot *snapshot, Error *err)
{
	switch (slot_wait_poll(&snapshot->wait, err))
	{
		case SLOT_WAIT_BUSY:
			return true;
		case SLOT_WAIT_FAILED:
			return false;
		case SLOT_WAIT_DONE:
			break;
	}
	if (!snapshot_import(snapshot, snapshot->wait.snapshot,
						 snapshot->wait.point, err))
		return false;
	PQfinish(snapshot->slot_conn);
	snapshot->slot_conn = NULL;
	return true;
}

/* ---- beginning and end ---- */

void
snapshot_count_table(Snapshot *snapshot, const SnapshotTable *table)
{
	SnapshotStats *stats = &snapshot->stats;

	stats->tables++;
	for (size_t part = 0; part < table->part_count; part++)
		stats->blocks += snapshot->plan.parts[table->part + part].blocks;
}

/*
 * A note can be older than the last rows it speaks of: those came to nothing
 * then, and positions of this attempt will pass the one that it names. So it
 * has to be taken back before any row is read, also where only another sink
 * has it than the one whose notes these are.
 */
static bool
sort_out(Snapshot *snapshot, const Notes *notes, Error *err)
{
	const SnapshotPlace *place = &snapshot->place;

	snapshot->stale = calloc(snapshot->plan.count + 1,
							 sizeof(*snapshot->stale));
	if (snapshot->stale == NULL)
		return error_no_memory(err);
	for (size_t i = 0; i < snapshot->plan.count; i++)
	{
		const SnapshotTable *table = &snapshot->plan.tables[i];
		SnapshotDone done;
		bool		noted = snapshot_notes_done(notes, table->oid,
												place->start, &done);

		if (noted && done.end <= place->durable && done.hash == table->hash)
		{
			snapshot->tables.tables[i].skip = true;
			continue;
		}
		if (noted || !place->exact)
			snapshot->stale[snapshot->stale_count++] = i;
		snapshot_count_table(snapshot, table);
	}
	return true;
}

bool
snapshot_begin(Snapshot *snapshot, const SnapshotPlace *place,
			   const Notes *notes, Error *err)
{
	char		point[LSN_TEXT_SIZE];

	if (place->first + 2 >= place->start)
		return error_set(err, ERROR_SNAPSHOT,
						 "there is no room for a snapshot between the sinks' position and the slot's");
	snapshot->place = *place;
	snapshot->position = place->first;
	if (!sort_out(snapshot, notes, err))
		return false;
	log_info("snapshot at %s: reading %zu tables%s",
			 lsn_format(snapshot->point, point), snapshot->stats.tables,
			 snapshot->stats.tables < snapshot->plan.count ?
			 "; others are finished" : "");
	snapshot->state = SNAPSHOT_MARKING;
	return true;
}

void
snapshot_read(Snapshot *snapshot)
{
	snapshot->state = SNAPSHOT_READING;
}

/*
 * Asked is a worker, since others would wait behind who waits for its locks.
 * It sees publications as they are now, but no table that is younger than the
 * snapshot: of those the stream has all rows.
 */
bool
snapshot_finish(Snapshot *snapshot, bool *changed, Error *err)
{
	SnapshotPlan now = {0};
	PGconn	   *conn = snapshot->readers[0].worker.conn;
	bool		ok = read_plan(snapshot, &now, conn, err);

	*changed = false;
	for (size_t i = 0; ok && i < now.count; i++)
	{
		const SnapshotTable *table = &now.tables[i];
		const SnapshotTable *before = snapshot_plan_find(&snapshot->plan,
														 table->oid);

		*changed |= before == NULL || before->hash != table->hash;
	}
	snapshot_plan_free(&now);
	snapshot->state = SNAPSHOT_FINISHING;
	return ok;
}

/* ---- events ---- */

SourceResult
snapshot_begin_txn(Snapshot *snapshot, SourceEvent *event)
{
	snapshot->txn = (Transaction) {
		.xid = snapshot->xid, .commit_lsn = snapshot->position,
		.commit_time = snapshot->time,
		.origin = "", .snapshot = "true"
	};
	snapshot->in_transaction = true;
	snapshot->txn_rows = 0;
	snapshot->txn_bytes = 0;
	event->txn = snapshot->txn;
	return SOURCE_BEGIN;
}

SourceResult
snapshot_end_txn(Snapshot *snapshot, Lsn end, SourceEvent *event)
{
	snapshot->in_transaction = false;
	snapshot->position = end;
	event->end = (TxnEnd) {
		.txn = snapshot->txn, .end_lsn = end, .records = snapshot->txn_rows
	};
	return SOURCE_COMMIT;
}

/* A transaction without rows that takes every sink to that position. */
static SourceResult
empty_txn(Snapshot *snapshot, Lsn end, SnapshotState then, SourceEvent *event)
{
	if (!snapshot->in_transaction)
		return snapshot_begin_txn(snapshot, event);
	snapshot->state = then;
	return snapshot_end_txn(snapshot, end, event);
}

SourceResult
snapshot_next(Snapshot *snapshot, SourceEvent *event, Error *err)
{
	switch (snapshot->state)
	{
		case SNAPSHOT_MARKING:
			return empty_txn(snapshot, snapshot->position + 1, SNAPSHOT_MARKED,
							 event);
		case SNAPSHOT_READING:
			return snapshot_rows_next(snapshot, event, err);
		case SNAPSHOT_FINISHING:
			return empty_txn(snapshot, snapshot->place.start, SNAPSHOT_ENDED,
							 event);
		default:
			return SOURCE_EMPTY;
	}
}

/*
 * Finished tables are remembered with the end of the transaction that has
 * their last rows: a sink that is there has all of them.
 */
bool
snapshot_take_note(Snapshot *snapshot, SnapshotNote *note)
{
	const SnapshotTables *tables = &snapshot->tables;
	const SnapshotTable *table;
	SnapshotDone done = {.start = snapshot->place.start};

	if (snapshot->stale_count > 0)
	{
		snapshot->stale_count--;
		table = &snapshot->plan.tables[snapshot->stale[snapshot->stale_count]];
		done.end = SNAPSHOT_NOT_DONE;
	}
	else if (snapshot->noted < tables->done_count)
	{
		table = tables->tables[tables->done[snapshot->noted++]].plan;
		done.end = snapshot->position + snapshot->in_transaction;
		done.point = snapshot->place.exact ? snapshot->point : LSN_INVALID;
	}
	else
		return false;
	done.hash = table->hash;
	snapshot_note_done(note, table->oid, &done);
	return true;
}

int
snapshot_watch(const Snapshot *snapshot, struct pollfd *fds, int room)
{
	int			used = 0;

	if (snapshot->state == SNAPSHOT_CREATING && room > 0)
		fds[used++] = (struct pollfd) {.fd = PQsocket(snapshot->slot_conn),
			.events = POLLIN};
	for (size_t i = 0; i < snapshot->reader_count && used < room; i++)
		if (snapshot->state == SNAPSHOT_READING &&
			snapshot->readers[i].table != NULL)
			fds[used++] = (struct pollfd) {
				.fd = PQsocket(snapshot->readers[i].worker.conn),
				.events = POLLIN
			};
	return used;
}
