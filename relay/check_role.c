/*
 * check_role.c
 *		--check: what the role may do, the output plugin, the slot.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "check_part.h"

#define PLUGIN_OWN		"pg_fanout"
#define PLUGIN_BUILTIN	"pgoutput"
#define SLOT_QUERY		2048
#define SLOT_SMALL_ROOM	(INT64_C(1024) * 1024 * 1024)

static const char *
role_hint(Platform platform)
{
	switch (platform)
	{
		case PLATFORM_RDS:
			return "As a member of rds_superuser: GRANT rds_replication TO ...;";
		default:
			return "ALTER ROLE ... REPLICATION; (on RDS: GRANT rds_replication TO ...)";
	}
}

/* On RDS it is a membership that counts, which elsewhere means nothing. */
void
check_role(Check *check)
{
	static const char sql[] =
		"SELECT rolname, CASE WHEN rolsuper THEN 'is a superuser'"
		" WHEN rolreplication THEN 'has REPLICATION'"
		" WHEN EXISTS (SELECT FROM pg_catalog.pg_roles g"
		" WHERE g.rolname = 'rds_replication'"
		" AND pg_catalog.pg_has_role(r.oid, g.oid, 'member'))"
		" THEN 'is a member of rds_replication' ELSE '' END"
		" FROM pg_catalog.pg_roles r WHERE rolname = current_user";
	PGresult   *result = ask_rows(check, sql);
	const char *why;

	if (result == NULL || PQntuples(result) != 1)
		goto done;
	why = PQgetvalue(result, 0, 1);
	if (why[0] != '\0' && (strstr(why, "rds_") == NULL ||
						   check->platform == PLATFORM_RDS))
		say_ok("role \"%s\" may replicate: it %s", PQgetvalue(result, 0, 0),
			   why);
	else
		say_fault(check, ERROR_AUTH, role_hint(check->platform),
				  "role \"%s\" may not replicate", PQgetvalue(result, 0, 0));

done:
	PQclear(result);
}

/* ---- the plugin ---- */

/* A list such as 'pgoutput, test_decoding', by words. */
static bool
list_holds(const char *list, const char *word)
{
	size_t		size = strlen(word);

	for (const char *at = strstr(list, word); at != NULL;
		 at = strstr(at + 1, word))
	{
		bool		begins = at == list || strchr(" ,\"", at[-1]) != NULL;

		if (begins && (at[size] == '\0' || strchr(" ,\"", at[size]) != NULL))
			return true;
	}
	return false;
}

/*
 * Our library is not listed anywhere, but the extension that is installed with
 * it is.
 */
static void
check_installed(Check *check, const char *plugin)
{
	char		value[64];

	if (strcmp(plugin, PLUGIN_OWN) != 0)
		return;
	if (check->slot.exists && strcmp(check->slot.plugin, PLUGIN_OWN) == 0)
		return;
	if (ask_value(check, "SELECT name FROM"
				  " pg_catalog.pg_available_extensions WHERE name = '"
				  PLUGIN_OWN "'", value, sizeof(value)))
		say_ok("%s is installed on the server", PLUGIN_OWN);
	else if (check->platform != PLATFORM_OWN)
		say_fault(check, ERROR_PLUGIN_REFUSED,
				  "Use the built-in one: -P pgoutput -o publication_names=...",
				  "a managed server has no output plugin %s", PLUGIN_OWN);
	else
		say_warning("Run make install there, or use the built-in one: -P pgoutput -o publication_names=...",
					"%s does not seem to be installed on the server",
					PLUGIN_OWN);
}

void
check_plugin(Check *check)
{
	const char *plugin = check->settings->plugin;
	char		value[1024];
	char		hint[ERROR_TEXT_SIZE];

	ask_setting(check, "output_plugin_libraries", value, sizeof(value));
	if (strcmp(plugin, PLUGIN_BUILTIN) == 0 && value[0] == '\0')
		say_ok("%s is built in", plugin);
	else if (value[0] == '\0')
		say_ok("the server does not restrict output plugins, or does not tell this role");
	else if (list_holds(value, plugin))
		say_ok("output_plugin_libraries allows %s", plugin);
	else
	{
		snprintf(hint, sizeof(hint), "As superuser, with the list unquoted: "
				 "ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, %s; "
				 "SELECT pg_reload_conf();", plugin);
		say_fault(check, ERROR_PLUGIN_REFUSED, hint,
				  "output_plugin_libraries (%s) does not allow %s", value,
				  plugin);
	}
	check_installed(check, plugin);
}

/* ---- slots ---- */

#define WAL_POSITION \
	"CASE WHEN pg_catalog.pg_is_in_recovery()" \
	" THEN pg_catalog.pg_last_wal_replay_lsn()" \
	" ELSE pg_catalog.pg_current_wal_lsn() END"

/* How much WAL it keeps, and how much more it may keep. */
static void
check_slot_room(Check *check, const char *name)
{
	char	   *literal = connection_quote_literal(check->conn, name);
	char		sql[SLOT_QUERY];
	char		kept[BYTES_TEXT_SIZE];
	char		room[BYTES_TEXT_SIZE];
	PGresult   *result;

	snprintf(sql, sizeof(sql),
			 "SELECT coalesce(pg_catalog.pg_wal_lsn_diff(" WAL_POSITION
			 ", restart_lsn), 0), safe_wal_size"
			 " FROM pg_catalog.pg_replication_slots WHERE slot_name = %s",
			 literal != NULL ? literal : "NULL");
	PQfreemem(literal);
	result = ask_rows(check, sql);
	if (result != NULL && PQntuples(result) == 1)
	{
		const char *safe = PQgetvalue(result, 0, 1);

		bytes_format(strtod(PQgetvalue(result, 0, 0), NULL), kept);
		bytes_format(strtod(safe, NULL), room);
		if (PQgetisnull(result, 0, 1))
			say_ok("slot \"%s\" keeps %s of WAL", name, kept);
		else if (strtoll(safe, NULL, 10) < SLOT_SMALL_ROOM)
			say_warning("Start the relay, or raise max_slot_wal_keep_size.",
						"slot \"%s\" keeps %s of WAL and is lost after %s more",
						name, kept, room);
		else
			say_ok("slot \"%s\" keeps %s of WAL, and may keep %s more", name,
				   kept, room);
	}
	PQclear(result);
}

static void
check_slot_state(Check *check, const char *name)
{
	char		text[LSN_TEXT_SIZE];

	say_ok("slot \"%s\" stands at %s, %s", name,
		   lsn_format(check->slot.confirmed_flush, text),
		   check->slot.wal_status);
	if (check->slot.active)
		say_warning("That may be a running pg_fanout; two cannot read one slot.",
					"slot \"%s\" is in use by process %d", name,
					check->slot.active_pid);
	if (strcmp(check->slot.wal_status, "unreserved") == 0)
		say_warning("Start the relay now, or raise max_slot_wal_keep_size.",
					"slot \"%s\" is about to be invalidated", name);
	check_slot_room(check, name);
}

/* What nobody reads keeps WAL for nobody. */
static void
check_idle_slots(Check *check, const char *name)
{
	char	   *literal = connection_quote_literal(check->conn,
												   name != NULL ? name : "");
	char		sql[SLOT_QUERY];
	char		kept[BYTES_TEXT_SIZE];
	PGresult   *result;

	snprintf(sql, sizeof(sql),
			 "SELECT slot_name, pg_catalog.pg_wal_lsn_diff(" WAL_POSITION
			 ", restart_lsn) FROM pg_catalog.pg_replication_slots"
			 " WHERE NOT active AND slot_name <> %s AND"
			 " pg_catalog.pg_wal_lsn_diff(" WAL_POSITION ", restart_lsn)"
			 " > 1073741824 ORDER BY 2 DESC LIMIT 10",
			 literal != NULL ? literal : "''");
	PQfreemem(literal);
	result = ask_rows(check, sql);
	for (int i = 0; result != NULL && i < PQntuples(result); i++)
	{
		bytes_format(strtod(PQgetvalue(result, i, 1), NULL), kept);
		say_warning("If nobody needs it: SELECT pg_drop_replication_slot(...).",
					"slot \"%s\" is read by nobody and keeps %s of WAL",
					PQgetvalue(result, i, 0), kept);
	}
	PQclear(result);
}

void
check_slot(Check *check)
{
	const char *name = check->settings->slot;
	Error		failure;

	error_clear(&failure);
	if (name == NULL)
		say_warning("Name it with -S.", "no slot given: not looked at");
	else if (!slot_find(check->conn, name, &check->slot, &failure) ||
			 !slot_usable(&check->slot, name, check->settings->plugin,
						  &check->server, &failure))
		say_failure(check, &failure);
	else
		check_slot_state(check, name);
	check_idle_slots(check, name);
}
