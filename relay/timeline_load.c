/*
 * timeline_load.c
 *		Asking a server for the history of its timelines. See timeline_load.h.
 */
#include "timeline_load.h"

#include "connection.h"
#include "log.h"

#define FIRST_TIMELINE	1
#define COMMAND_SIZE	64

bool
timeline_load(PGconn *conn, const ServerInfo *server, Timelines *timelines,
			  Error *err)
{
	char		command[COMMAND_SIZE];
	PGresult   *result;
	bool		ok;

	timelines_free(timelines);
	timelines->current = server->timeline;
	timelines->fluid = server->in_recovery;

	/* a standby lags behind what a sink may have from elsewhere */
	timelines->wal_end = server->in_recovery ? LSN_INVALID :
		server->wal_position;
	if (server->timeline <= FIRST_TIMELINE)
		return timelines->known = true;
	snprintf(command, sizeof(command), "TIMELINE_HISTORY %u",
			 server->timeline);
	result = connection_query(conn, command, err);
	if (result == NULL && PQstatus(conn) != CONNECTION_OK)
		return false;
	if (result == NULL || PQntuples(result) != 1 || PQnfields(result) < 2)
	{
		log_debug("the server does not tell the history of its timelines: %s",
				  result == NULL ? err->message : "no answer");
		error_clear(err);
		PQclear(result);
		return true;
	}
	ok = timelines_parse(timelines,
						 slice_make(PQgetvalue(result, 0, 1),
									(size_t) PQgetlength(result, 0, 1)), err);
	PQclear(result);
	return ok;
}
