/*
 * server_watch.c
 *		A second look at the server. See server_watch.h.
 */
#include "server_watch.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"

#define ANSWER_TIMEOUT		(30 * CLOCK_SECOND)
#define CONNECT_INTERVAL	(60 * CLOCK_SECOND)
#define SESSION_ENDED		"57P01"

static const char query[] =
"SELECT pg_catalog.pg_wal_lsn_diff(at.lsn, restart_lsn)::pg_catalog.int8,"
" pg_catalog.pg_wal_lsn_diff(at.lsn, confirmed_flush_lsn)::pg_catalog.int8,"
" safe_wal_size"
" FROM pg_catalog.pg_replication_slots, (SELECT CASE"
" WHEN pg_catalog.pg_is_in_recovery()"
" THEN pg_catalog.pg_last_wal_replay_lsn()"
" ELSE pg_catalog.pg_current_wal_lsn() END AS lsn) at"
" WHERE slot_name = $1 AND restart_lsn IS NOT NULL"
" AND confirmed_flush_lsn IS NOT NULL";

/* ---- the connection ---- */

static void
receive_notice(void *arg, const PGresult *result)
{
	ServerWatch *watch = arg;
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (sqlstate != NULL && strcmp(sqlstate, SESSION_ENDED) == 0)
		watch->told_end = true;
}

void
server_watch_close(ServerWatch *watch)
{
	PQfinish(watch->conn);
	watch->conn = NULL;
	watch->asked = 0;
	watch->told_end = false;
}

static bool
open_watch(ServerWatch *watch)
{
	Error		failure;

	error_clear(&failure);
	watch->next = clock_now() + CONNECT_INTERVAL;
	watch->conn = connection_open(watch->options, CONNECTION_SQL, &failure);
	if (watch->conn == NULL)
	{
		log_debug("no second connection to watch the server: %s",
				  failure.message);
		return false;
	}
	PQsetNoticeReceiver(watch->conn, receive_notice, watch);
	watch->next = clock_now();
	return PQsetnonblocking(watch->conn, 1) == 0;
}

/*
 * One session that is ended may be an administrator's doing; if then no other
 * one can be had, the server is about to stop.
 */
static ServerNews
lost(ServerWatch *watch)
{
	bool		told_end = watch->told_end;

	server_watch_close(watch);
	return told_end && !open_watch(watch) ? SERVER_STOPS : SERVER_NO_NEWS;
}

/* ---- questions ---- */

static bool
ask(ServerWatch *watch)
{
	const char *values[] = {watch->slot};

	if (!PQsendQueryParams(watch->conn, query, 1, NULL, values, NULL, NULL, 0))
		return false;
	watch->asked = clock_now();
	watch->next = watch->asked + watch->interval;
	return true;
}

static ServerNews
take_answer(ServerWatch *watch)
{
	ServerNews	news = SERVER_NO_NEWS;
	PGresult   *result;

	while ((result = PQgetResult(watch->conn)) != NULL)
	{
		if (PQresultStatus(result) == PGRES_TUPLES_OK &&
			PQntuples(result) == 1)
		{
			watch->retained = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
			watch->behind = strtoll(PQgetvalue(result, 0, 1), NULL, 10);
			watch->limited = !PQgetisnull(result, 0, 2);
			watch->room = strtoll(PQgetvalue(result, 0, 2), NULL, 10);
			news = SERVER_ANSWER;
		}
		else if (PQresultStatus(result) == PGRES_FATAL_ERROR)
			receive_notice(watch, result);
		PQclear(result);
	}
	watch->asked = 0;
	return news;
}

static ServerNews
read_watch(ServerWatch *watch)
{
	ServerNews	news = SERVER_NO_NEWS;
	bool		alive = PQconsumeInput(watch->conn);

	if (!PQisBusy(watch->conn) && watch->asked != 0)
		news = take_answer(watch);
	PQflush(watch->conn);
	if (!alive || PQstatus(watch->conn) == CONNECTION_BAD)
		return lost(watch);
	return news;
}

ServerNews
server_watch_turn(ServerWatch *watch)
{
	int64_t		now = clock_now();
	ServerNews	news;

	if (watch->conn == NULL && (now < watch->next || !open_watch(watch)))
		return SERVER_NO_NEWS;
	news = read_watch(watch);
	if (watch->conn == NULL || news != SERVER_NO_NEWS)
		return news;
	if (watch->asked != 0 && now > watch->asked + ANSWER_TIMEOUT)
	{
		server_watch_close(watch);
		watch->next = now + CONNECT_INTERVAL;
	}
	else if (watch->asked == 0 && now >= watch->next && !ask(watch))
		return lost(watch);
	return SERVER_NO_NEWS;
}
