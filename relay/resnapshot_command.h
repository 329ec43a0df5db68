/*
 * resnapshot_command.h
 *		--resnapshot: asks a slot's relay to read tables again.
 */
#ifndef PG_FANOUT_RESNAPSHOT_COMMAND_H
#define PG_FANOUT_RESNAPSHOT_COMMAND_H

#include "connection.h"
#include "settings.h"
#include "setup.h"

/*
 * Writes the request into the WAL, once it is sure that it means something.
 * Fails with ERROR_USAGE (a pattern that matches no table, a sink that is none
 * of those configured), as slot_usable does, or on a standby.
 */
extern MUST_USE bool resnapshot_command_send(const Settings *settings,
											 ConnectionOptions *connection,
											 const SinkSetups *sinks,
											 Error *err);

#endif							/* PG_FANOUT_RESNAPSHOT_COMMAND_H */
