/*
 * slot_command.c
 *		--create-slot and --drop-slot.
 *
 * A slot begins where no transaction is open, so making one waits for those
 * that are; on a standby it waits for the primary to say which are.
 */
#include "slot_command.h"

#include "log.h"
#include "slot.h"

static const char blocker_query[] =
"SELECT pg_catalog.format('process %s has one open since %s', pid,"
" xact_start::pg_catalog.timestamptz(0)) FROM pg_catalog.pg_stat_activity"
" WHERE backend_xid IS NOT NULL AND pid <> pg_catalog.pg_backend_pid()"
" UNION ALL SELECT pg_catalog.format('%I is prepared since %s', gid,"
" prepared::pg_catalog.timestamptz(0)) FROM pg_catalog.pg_prepared_xacts"
" LIMIT 1";

/* Over a second connection: the first one is busy. */
static void
say_waiting(void *arg, PGconn *busy)
{
	Error		err;
	PGconn	   *conn;
	PGresult   *result = NULL;
	PGresult   *standby = NULL;

	(void) busy;
	error_clear(&err);
	conn = connection_open(arg, CONNECTION_SQL, &err);
	if (conn != NULL)
		standby = connection_query(conn, "SELECT WHERE pg_catalog.pg_is_in_recovery()", &err);
	if (standby != NULL && PQntuples(standby) > 0)
		log_info("the server is a standby and waits for the primary to log which transactions run; this makes it do so, there: SELECT pg_log_standby_snapshot();");
	else
	{
		if (standby != NULL)
			result = connection_query(conn, blocker_query, &err);
		log_info("the server waits for the end of the transactions that were open when this began%s%s",
				 result != NULL && PQntuples(result) > 0 ? ": " : "",
				 result != NULL && PQntuples(result) > 0 ?
				 PQgetvalue(result, 0, 0) : "");
	}
	PQclear(standby);
	PQclear(result);
	PQfinish(conn);
}

bool
slot_command_create(const Settings *settings,
					ConnectionOptions *connection, Error *err)
{
	QueryWait	wait = {say_waiting, connection};
	SlotCreate	create = {
		.slot = settings->slot, .plugin = settings->plugin,
		.if_not_exists = settings->if_not_exists,
		.two_phase = settings->two_phase,
		.failover = settings->enable_failover,
		.wait = &wait
	};
	PGconn	   *conn = connection_open(connection, CONNECTION_REPLICATION,
									   err);
	char		text[LSN_TEXT_SIZE];
	Lsn			start;
	bool		ok;

	if (conn == NULL)
		return false;
	if (settings->two_phase)
		log_warning("--start refuses two-phase slots: a prepared transaction that was confirmed "
					"would come without its rows after a restart");
	ok = slot_create(conn, &create, &start, err);
	PQfinish(conn);
	if (ok && start != LSN_INVALID)
		log_info("created replication slot \"%s\" at %s", settings->slot,
				 lsn_format(start, text));
	else if (ok)
		log_info("replication slot \"%s\" exists already", settings->slot);
	return ok;
}

bool
slot_command_drop(const Settings *settings,
				  ConnectionOptions *connection, Error *err)
{
	PGconn	   *conn = connection_open(connection, CONNECTION_REPLICATION,
									   err);
	bool		ok;

	if (conn == NULL)
		return false;
	ok = slot_drop(conn, settings->slot, false, err);
	PQfinish(conn);
	if (ok)
		log_info("dropped replication slot \"%s\"", settings->slot);
	return ok;
}
