/*
 * slot_command.c
 *		--create-slot and --drop-slot.
 *
 * A slot begins where no transaction is open, so making one waits for those
 * that are; on a standby it waits for the primary to say which are.
 */
#include "slot_command.h"

#include "log.h"
#include "slot_wait.h"

/* *exists: it was there, and that is no error. */
static bool
check_missing(PGconn *conn, const Settings *settings, bool *exists, Error *err)
{
	SlotInfo	info;

	*exists = false;
	if (!settings->if_not_exists)
		return true;
	if (!slot_find(conn, settings->slot, &info, err))
		return false;
	*exists = info.exists;
	return true;
}

static bool
create_slot(const Settings *settings, ConnectionOptions *connection,
			PGconn *conn, Error *err)
{
	SlotCreate	create = {
		.slot = settings->slot, .plugin = settings->plugin,
		.two_phase = settings->two_phase, .failover = settings->enable_failover
	};
	char		text[LSN_TEXT_SIZE];
	SlotWait	wait;
	bool		stopped = false;

	if (settings->two_phase)
		log_warning("--start refuses two-phase slots: a prepared transaction that was confirmed "
					"would come without its rows after a restart");
	if (!slot_wait_create(&wait, conn, connection, &create, &stopped, err))
		return stopped && error_set(err, ERROR_CONNECT,
									"stopped by a signal before slot \"%s\" was created",
									settings->slot);
	log_info("created replication slot \"%s\" at %s", settings->slot,
			 lsn_format(wait.point, text));
	return true;
}

bool
slot_command_create(const Settings *settings,
					ConnectionOptions *connection, Error *err)
{
	PGconn	   *conn = connection_open(connection, CONNECTION_REPLICATION,
									   err);
	bool		exists = false;
	bool		ok = conn != NULL &&
		check_missing(conn, settings, &exists, err);

	if (ok && exists)
		log_info("replication slot \"%s\" exists already", settings->slot);
	else if (ok)
		ok = create_slot(settings, connection, conn, err);
	PQfinish(conn);
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
