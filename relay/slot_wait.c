/*
 * slot_wait.c
 *		Creating a replication slot. See slot_wait.h.
 */
#include "slot_wait.h"

#include <poll.h>
#include <stdio.h>

#include "clock.h"
#include "log.h"
#include "signals.h"

#define COMMAND_LIMIT	4096
#define FIRST_LOOK		(5 * CLOCK_SECOND)
#define LOOK_INTERVAL	(60 * CLOCK_SECOND)

bool
slot_wait_start(SlotWait *wait, PGconn *conn, ConnectionOptions *options,
				const SlotCreate *create, Error *err)
{
	Buf			sql;
	bool		ok;

	*wait = (SlotWait) {
		.conn = conn, .options = options, .slot = create->slot,
		.started = clock_now(), .look = clock_now() + FIRST_LOOK
	};
	buf_init(&sql, COMMAND_LIMIT);
	ok = slot_create_command(conn, create, &sql, err);
	if (ok && (buf_failed(&sql) || PQsendQuery(conn, buf_string(&sql)) == 0))
		ok = connection_error(conn, NULL, err);
	buf_free(&sql);
	return ok;
}

/* ---- who is in the way ---- */

/* Prepared transactions have no process: 0 stands for them. */
static const char blocker_query[] =
"SELECT pg_catalog.pg_is_in_recovery(), a.pid, a.usename, a.state,"
" extract(epoch FROM pg_catalog.now() - a.xact_start)::pg_catalog.int8, p.gid"
" FROM (SELECT) one LEFT JOIN pg_catalog.pg_stat_activity a"
" ON a.pid = ANY (pg_catalog.pg_blocking_pids(%d))"
" LEFT JOIN (SELECT gid FROM pg_catalog.pg_prepared_xacts"
" ORDER BY prepared LIMIT 1) p ON 0 = ANY (pg_catalog.pg_blocking_pids(%d))";

static void
tell_process(const SlotWait *wait, const PGresult *result, int row)
{
	log_warning("creating slot \"%s\" waits for process %s, whose transaction is %s s old (user %s, %s)",
				wait->slot, PQgetvalue(result, row, 1),
				PQgetvalue(result, row, 4), PQgetvalue(result, row, 2),
				PQgetvalue(result, row, 3));
	log_warning("hint: End that transaction, or: SELECT pg_terminate_backend(%s);",
				PQgetvalue(result, row, 1));
}

static void
tell_blockers(const SlotWait *wait, const PGresult *result)
{
	for (int i = 0; i < PQntuples(result); i++)
	{
		if (PQgetvalue(result, i, 0)[0] == 't')
			log_info("creating slot \"%s\": the server is a standby and waits for the primary to log which transactions run; this makes it do so, there: SELECT pg_log_standby_snapshot();",
					 wait->slot);
		else if (!PQgetisnull(result, i, 1))
			tell_process(wait, result, i);
		else if (!PQgetisnull(result, i, 5))
			log_warning("creating slot \"%s\" waits for the prepared transaction \"%s\"",
						wait->slot, PQgetvalue(result, i, 5));
		else
			log_info("still creating slot \"%s\"; no transaction is in its way",
					 wait->slot);
	}
}

/* It is told for people only: that it cannot be found out is no failure. */
static void
look_for_blockers(SlotWait *wait)
{
	PGconn	   *conn;
	PGresult   *result;
	int			pid = PQbackendPID(wait->conn);
	char		sql[sizeof(blocker_query) + 32];
	Error		ignored;

	wait->look = clock_now() + LOOK_INTERVAL;
	conn = connection_open(wait->options, CONNECTION_SQL, &ignored);
	if (conn == NULL)
		return;
	snprintf(sql, sizeof(sql), blocker_query, pid, pid);
	result = connection_query(conn, sql, &ignored);
	if (result != NULL)
		tell_blockers(wait, result);
	PQclear(result);
	PQfinish(conn);
}

/* ---- the answer ---- */

static bool
read_answer(SlotWait *wait, const PGresult *result, Error *err)
{
	const char *name;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
	{
		connection_error(wait->conn, result, err);
		return error_prefix(err, "cannot create replication slot \"%s\"",
							wait->slot);
	}
	if (PQntuples(result) != 1 || PQnfields(result) < 3 ||
		!lsn_parse(PQgetvalue(result, 0, 1), &wait->point))
		return error_set(err, ERROR_SOURCE, "the server's answer to CREATE_REPLICATION_SLOT is not understood");
	name = PQgetvalue(result, 0, 2);
	snprintf(wait->snapshot, sizeof(wait->snapshot), "%s", name);
	return true;
}

SlotWaitResult
slot_wait_poll(SlotWait *wait, Error *err)
{
	PGresult   *result;
	bool		ok = true;

	if (PQconsumeInput(wait->conn) == 0)
	{
		connection_error(wait->conn, NULL, err);
		return SLOT_WAIT_FAILED;
	}
	if (PQisBusy(wait->conn))
	{
		if (clock_now() >= wait->look)
			look_for_blockers(wait);
		return SLOT_WAIT_BUSY;
	}
	while ((result = PQgetResult(wait->conn)) != NULL)
	{
		ok = ok && read_answer(wait, result, err);
		PQclear(result);
	}
	return ok ? SLOT_WAIT_DONE : SLOT_WAIT_FAILED;
}

void
slot_wait_cancel(SlotWait *wait)
{
	PGcancel   *cancel = PQgetCancel(wait->conn);
	PGresult   *result;
	char		ignored[256];

	if (cancel != NULL && PQcancel(cancel, ignored, sizeof(ignored)))
		while ((result = PQgetResult(wait->conn)) != NULL)
			PQclear(result);
	PQfreeCancel(cancel);
}

/* ---- waiting ---- */

static void
wait_answer(const SlotWait *wait)
{
	struct pollfd fds[] = {
		{.fd = PQsocket(wait->conn), .events = POLLIN},
		{.fd = signals_descriptor(), .events = POLLIN}
	};

	poll(fds, 2, clock_ms_until(wait->look));
	if (fds[1].revents != 0)
		signals_drain();
}

bool
slot_wait_create(SlotWait *wait, PGconn *conn, ConnectionOptions *options,
				 const SlotCreate *create, bool *stopped, Error *err)
{
	SlotWaitResult result;

	*stopped = false;
	if (!slot_wait_start(wait, conn, options, create, err))
		return false;
	while ((result = slot_wait_poll(wait, err)) == SLOT_WAIT_BUSY)
	{
		if (signals_stop())
		{
			slot_wait_cancel(wait);
			*stopped = true;
			log_info("stopped before slot \"%s\" was created", wait->slot);
			return false;
		}
		wait_answer(wait);
	}
	return result == SLOT_WAIT_DONE;
}
