/*
 * query_wait.c
 *		A command that may take long. See query_wait.h.
 */
#include "query_wait.h"

#include <poll.h>

#include "clock.h"
#include "signals.h"

#define TURN			CLOCK_SECOND
#define CANCEL_TEXT		256

/* The server gives back what it had begun. */
static void
cancel(PGconn *conn)
{
	PGcancel   *handle = PQgetCancel(conn);
	char		text[CANCEL_TEXT];

	if (handle != NULL)
		PQcancel(handle, text, sizeof(text));
	PQfreeCancel(handle);
}

/* false: a stop signal came first. */
static bool
wait_result(PGconn *conn)
{
	while (PQconsumeInput(conn) && PQisBusy(conn))
	{
		struct pollfd fds[] = {
			{.fd = PQsocket(conn), .events = POLLIN},
			{.fd = signals_descriptor(), .events = POLLIN}
		};

		if (signals_stop())
			return false;
		poll(fds, 2, clock_ms_until(clock_now() + TURN));
	}
	return true;
}

/* The first result; those behind it, if any, say nothing more. */
static PGresult *
take_result(PGconn *conn)
{
	PGresult   *result = PQgetResult(conn);
	PGresult   *more;

	while ((more = PQgetResult(conn)) != NULL)
		PQclear(more);
	return result;
}

PGresult *
query_wait(PGconn *conn, const char *sql, Error *err)
{
	bool		stopped;
	PGresult   *result;
	ExecStatusType status;

	if (!PQsendQuery(conn, sql))
	{
		connection_error(conn, NULL, err);
		return NULL;
	}
	stopped = !wait_result(conn);
	if (stopped)
		cancel(conn);
	result = take_result(conn);
	status = PQresultStatus(result);
	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		return result;
	if (stopped)
		error_set(err, ERROR_CONNECT, "stopped by a signal while the server worked on it");
	else
		connection_error(conn, result, err);
	PQclear(result);
	return NULL;
}
