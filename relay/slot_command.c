/*
 * slot_command.c
 *		--create-slot and --drop-slot.
 */
#include "slot_command.h"

#include "log.h"
#include "slot.h"

bool
slot_command_create(const Settings *settings,
					ConnectionOptions *connection, Error *err)
{
	SlotCreate	create = {
		.slot = settings->slot, .plugin = settings->plugin,
		.if_not_exists = settings->if_not_exists,
		.two_phase = settings->two_phase, .failover = settings->enable_failover
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
	ok = slot_drop(conn, settings->slot, err);
	PQfinish(conn);
	if (ok)
		log_info("dropped replication slot \"%s\"", settings->slot);
	return ok;
}
