/*
 * slot_command.h
 *		--create-slot and --drop-slot.
 */
#ifndef PG_FANOUT_SLOT_COMMAND_H
#define PG_FANOUT_SLOT_COMMAND_H

#include "connection.h"
#include "settings.h"

extern MUST_USE bool slot_command_create(const Settings *settings,
										 ConnectionOptions *connection,
										 Error *err);
extern MUST_USE bool slot_command_drop(const Settings *settings,
									   ConnectionOptions *connection,
									   Error *err);

#endif							/* PG_FANOUT_SLOT_COMMAND_H */
