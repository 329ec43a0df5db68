/*
 * check_role.c
 *		--check: what the role may do, and the output plugin.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check_part.h"

#define PLUGIN_OWN		"pg_fanout"
#define PLUGIN_BUILTIN	"pgoutput"

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
