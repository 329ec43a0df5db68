/*
 * snapshot_worker.c
 *		A connection that reads rows of a snapshot. See snapshot_worker.h.
 */
#include "snapshot_worker.h"

#define COMMAND_LIMIT	1024

/*
 * Policies of row security would leave rows out in silence: the server is to
 * fail instead. A table that is being altered is waited for, but not so long
 * that the stream's status messages are missed.
 */
static const char prepare_query[] =
"SELECT pg_catalog.set_config('row_security', 'off', false),"
" pg_catalog.set_config('lock_timeout', '5s', false)";

static bool
run(SnapshotWorker *worker, const char *sql, Error *err)
{
	PGresult   *result = connection_query(worker->conn, sql, err);

	PQclear(result);
	return result != NULL;
}

static bool
import(SnapshotWorker *worker, const char *snapshot, Error *err)
{
	char	   *literal = connection_quote_literal(worker->conn, snapshot);
	bool		ok = false;
	Buf			sql;

	buf_init(&sql, COMMAND_LIMIT);
	buf_printf(&sql, "SET TRANSACTION SNAPSHOT %s",
			   literal != NULL ? literal : "");
	if (literal == NULL || buf_failed(&sql))
		error_no_memory(err);
	else
		ok = run(worker, "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
				 err) && run(worker, buf_string(&sql), err);
	PQfreemem(literal);
	buf_free(&sql);
	return ok || error_prefix(err, "cannot import the snapshot");
}

bool
snapshot_worker_open(SnapshotWorker *worker, ConnectionOptions *options,
					 const char *snapshot, Error *err)
{
	*worker = (SnapshotWorker) {0};
	worker->conn = connection_open(options, CONNECTION_SQL, err);
	return worker->conn != NULL && run(worker, prepare_query, err) &&
		import(worker, snapshot, err);
}

void
snapshot_worker_close(SnapshotWorker *worker)
{
	PQfinish(worker->conn);
	*worker = (SnapshotWorker) {0};
}

bool
snapshot_worker_start(SnapshotWorker *worker, const char *sql, Error *err)
{
	if (PQsendQuery(worker->conn, sql) == 0)
		return connection_error(worker->conn, NULL, err);
	worker->copying = true;
	worker->started = false;
	return true;
}

static SnapshotRead
failed(const SnapshotWorker *worker, const PGresult *result, Error *err)
{
	connection_error(worker->conn, result, err);
	return SNAPSHOT_FAILED;
}

/* What the server says to the command, before the first row. */
static SnapshotRead
read_start(SnapshotWorker *worker, Error *err)
{
	PGresult   *result;

	if (PQisBusy(worker->conn))
		return SNAPSHOT_NOTHING;
	result = PQgetResult(worker->conn);
	worker->started = PQresultStatus(result) == PGRES_COPY_OUT;
	if (!worker->started)
		failed(worker, result, err);
	PQclear(result);
	return worker->started ? SNAPSHOT_ROW : SNAPSHOT_FAILED;
}

static SnapshotRead
read_end(SnapshotWorker *worker, Error *err)
{
	SnapshotRead outcome = SNAPSHOT_END;
	PGresult   *result;

	while ((result = PQgetResult(worker->conn)) != NULL)
	{
		if (outcome == SNAPSHOT_END &&
			PQresultStatus(result) != PGRES_COMMAND_OK)
			outcome = failed(worker, result, err);
		PQclear(result);
	}
	worker->copying = false;
	return outcome;
}

/* As far as it is here already. */
static SnapshotRead
read_row(SnapshotWorker *worker, SnapshotLine *line, Error *err)
{
	int			got;

	if (!worker->started)
	{
		SnapshotRead result = read_start(worker, err);

		if (result != SNAPSHOT_ROW)
			return result;
	}
	got = PQgetCopyData(worker->conn, &line->text, 1);
	if (got == 0)
		return SNAPSHOT_NOTHING;
	if (got == -1)
		return read_end(worker, err);
	if (got < 0)
		return failed(worker, NULL, err);
	line->size = (size_t) got - 1;	/* without its line break */
	return SNAPSHOT_ROW;
}

SnapshotRead
snapshot_worker_read(SnapshotWorker *worker, SnapshotLine *line, Error *err)
{
	SnapshotRead result = read_row(worker, line, err);

	if (result != SNAPSHOT_NOTHING)
		return result;
	if (PQconsumeInput(worker->conn) == 0)
		return failed(worker, NULL, err);
	return read_row(worker, line, err);
}
