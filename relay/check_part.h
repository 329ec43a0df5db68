/*
 * check_part.h
 *		What the parts of --check share: the server, and how findings are said.
 *
 * A part looks at one thing and says a line: ok, warn or FAIL, the last two
 * with what to do. It changes nothing on the server, and works for a role
 * without any special right: what that may not see is no failure.
 */
#ifndef PG_FANOUT_CHECK_PART_H
#define PG_FANOUT_CHECK_PART_H

#include "connection.h"
#include "settings.h"
#include "slot.h"

/* Whose server it is: parameters are set in different ways. */
typedef enum Platform
{
	PLATFORM_OWN,
	PLATFORM_RDS,				/* and Aurora */
	PLATFORM_CLOUD_SQL,
	PLATFORM_AZURE
} Platform;

typedef struct Check
{
	const Settings *settings;
	PGconn	   *conn;			/* a replication connection, or an ordinary one
								 * where the role may not have one */
	Platform	platform;
	ServerInfo	server;
	SlotInfo	slot;
	bool		failed;
	Error		first;			/* the first failure */
} Check;

/* ---- findings ---- */

extern void say_ok(const char *format,...)
			__attribute__((format(printf, 1, 2)));
extern void say_warning(const char *hint, const char *format,...)
			__attribute__((format(printf, 2, 3)));
extern void say_failure(Check *check, const Error *failure);

/* A failure of one line. */
extern void say_fault(Check *check, ErrorCode code, const char *hint,
					  const char *format,...)
			__attribute__((format(printf, 4, 5)));

/* ---- asking the server ---- */

/*
 * All rows of a query. NULL: it failed, and a warning says so. Free with
 * PQclear.
 */
extern PGresult *ask_rows(Check *check, const char *sql);

/* One value as text; false: there is no row, or it is NULL. */
extern bool ask_value(Check *check, const char *sql, char *value, size_t size);

/* A setting's value; empty: the server has no such setting or hides it. */
extern void ask_setting(Check *check, const char *name, char *value,
						size_t size);

/* The same as a number, in the setting's unit; missing: if it is not shown. */
extern int64_t ask_number(Check *check, const char *name, int64_t missing);

/* ---- the parts ---- */

/* check_server.c: parameters, room for slots and walsenders. */
extern void check_platform(Check *check);
extern void check_server(Check *check);
extern void check_room(Check *check);	/* after check_slot */

/* check_role.c: the role and the plugin. */
extern void check_role(Check *check);
extern void check_plugin(Check *check);

/* check_slot.c: the slot and others beside it. */
extern void check_slot(Check *check);

/*
 * check_table.c: publications, their tables, how rows are identified, and
 * whether a snapshot may read them.
 */
extern void check_publications(Check *check);
extern void check_identities(Check *check);
extern void check_rights(Check *check);

#endif							/* PG_FANOUT_CHECK_PART_H */
