/*
 * publication_command.h
 *		--create-publication: with the rights of a tables' owner.
 */
#ifndef PG_FANOUT_PUBLICATION_COMMAND_H
#define PG_FANOUT_PUBLICATION_COMMAND_H

#include "connection.h"
#include "settings.h"

/*
 * Creates the one publication that -o publication_names names, for the tables
 * given. Fails with ERROR_USAGE (no such table, no one name), ERROR_AUTH (what
 * the role may not publish, and who may).
 */
extern MUST_USE bool publication_command_create(const Settings *settings,
												ConnectionOptions *connection,
												Error *err);

#endif							/* PG_FANOUT_PUBLICATION_COMMAND_H */
