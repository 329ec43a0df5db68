/*
 * check.c
 *		--check: what would keep --start from working, or hurt later.
 *
 * Each check is one function that fills an Error or a remark; one place prints
 * them and keeps count.
 */
#include "check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fanout.h"
#include "log.h"
#include "slot.h"

typedef struct Check
{
	const Settings *settings;
	PGconn	   *conn;			/* replication connection */
	ServerInfo	server;
	SlotInfo	slot;
	bool		failed;
	Error		first;			/* the first failure */
} Check;

/* ---- findings ---- */

static void
say_ok(const char *format,...) __attribute__((format(printf, 1, 2)));

static void
say_ok(const char *format,...)
{
	va_list		args;

	va_start(args, format);
	printf("ok    ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
}

static void
say_warning(const char *hint, const char *format,...)
			__attribute__((format(printf, 2, 3)));

static void
say_warning(const char *hint, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	printf("warn  ");
	vprintf(format, args);
	printf("\n      %s\n", hint);
	va_end(args);
}

static void
say_failure(Check *check, const Error *failure)
{
	printf("FAIL  %s\n", failure->message);
	if (failure->detail[0] != '\0')
		printf("      %s\n", failure->detail);
	if (failure->hint[0] != '\0')
		printf("      %s\n", failure->hint);
	if (!check->failed)
		check->first = *failure;
	check->failed = true;
}

/* ---- asking the server ---- */

/*
 * One value of a one-row query as text, into a buffer; false: no row, or err.
 */
static bool
ask(Check *check, const char *sql, char *value, size_t size, Error *err)
{
	PGresult   *result = connection_query(check->conn, sql, err);
	bool		found = result != NULL && PQntuples(result) > 0 &&
		!PQgetisnull(result, 0, 0);

	value[0] = '\0';
	if (found)
		snprintf(value, size, "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
	return found;
}

/* A setting's value; empty: the server has no such setting or hides it. */
static void
ask_setting(Check *check, const char *name, char *value, size_t size)
{
	Error		ignored;
	char		sql[256];

	error_clear(&ignored);
	snprintf(sql, sizeof(sql),
		"SELECT setting FROM pg_catalog.pg_settings WHERE name = '%s'", name);
	ask(check, sql, value, size, &ignored);
}

static void
check_server(Check *check)
{
	char		value[256];

	say_ok("connected to PostgreSQL %d.%d, database \"%s\", system identifier %" PRIu64,
		   check->server.version / 10000, check->server.version % 10000,
		   check->server.database, check->server.system_id);
	ask_setting(check, "wal_level", value, sizeof(value));
	if (strcmp(value, "logical") == 0)
		say_ok("wal_level is logical");
	else
	{
		Error		failure;

		error_clear(&failure);
		error_set(&failure, ERROR_SLOT_UNUSABLE,
				  "wal_level is %s, logical decoding needs logical", value);
		error_hint(&failure,
			"ALTER SYSTEM SET wal_level = logical; then restart the server.");
		say_failure(check, &failure);
	}
	ask_setting(check, "max_slot_wal_keep_size", value, sizeof(value));
	if (strcmp(value, "-1") == 0)
		say_warning("Set it to what the disk can spare: then an abandoned slot is lost instead of the server.",
					"max_slot_wal_keep_size is unlimited: a slot nobody reads fills the disk with WAL");
	else
		say_ok("max_slot_wal_keep_size is %s MB", value);
	ask_setting(check, "synchronous_standby_names", value, sizeof(value));
	if (strchr(value, '*') != NULL)
		say_warning("Name the real standbys, or every COMMIT waits for the sinks.",
			"synchronous_standby_names has '*', which matches pg_fanout too");
}

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

static void
check_plugin(Check *check)
{
	const char *plugin = check->settings->plugin;
	char		value[1024];
	Error		failure;

	ask_setting(check, "output_plugin_libraries", value, sizeof(value));
	if (value[0] == '\0')
	{
		say_ok("the server does not restrict output plugins, or does not tell this role");
		return;
	}
	if (list_holds(value, plugin))
	{
		say_ok("output_plugin_libraries allows %s", plugin);
		return;
	}
	error_clear(&failure);
	error_set(&failure, ERROR_PLUGIN_REFUSED,
			  "output_plugin_libraries (%s) does not allow %s", value, plugin);
	error_hint(&failure, "As superuser, with the list unquoted: "
			   "ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, %s; "
			   "SELECT pg_reload_conf();", plugin);
	say_failure(check, &failure);
}

static void
check_role(Check *check)
{
	char		value[16];
	Error		failure;

	error_clear(&failure);
	ask(check, "SELECT rolreplication OR rolsuper FROM pg_catalog.pg_roles"
		" WHERE rolname = current_user", value, sizeof(value), &failure);
	if (value[0] == 't')
	{
		say_ok("the role may replicate");
		return;
	}
	error_set(&failure, ERROR_AUTH, "the role may not replicate");
	error_hint(&failure,
		"ALTER ROLE ... REPLICATION; (on RDS: GRANT rds_replication TO ...)");
	say_failure(check, &failure);
}

static void
check_slot(Check *check)
{
	const char *name = check->settings->slot;
	char		text[LSN_TEXT_SIZE];
	Error		failure;

	if (name == NULL)
	{
		say_warning("Name it with -S.", "no slot given: not looked at");
		return;
	}
	error_clear(&failure);
	if (!slot_find(check->conn, name, &check->slot, &failure) ||
		!slot_usable(&check->slot, name, check->settings->plugin,
					 &check->server, &failure))
	{
		say_failure(check, &failure);
		return;
	}
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
}

/* Tables whose updates and deletes would come without a key. */
static void
check_identities(Check *check)
{
	char		value[64];
	Error		ignored;

	error_clear(&ignored);
	if (!ask(check, "SELECT pg_catalog.count(*) FROM pg_catalog.pg_class c"
			 " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
			 " WHERE c.relkind = 'r' AND c.relpersistence = 'p'"
			 " AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
			 " AND (c.relreplident = 'n' OR c.relreplident = 'd' AND NOT EXISTS"
			 " (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary))",
			 value, sizeof(value), &ignored))
		return;
	if (strcmp(value, "0") == 0)
		say_ok("every table has a replica identity");
	else
		say_warning("Give them a primary key, or ALTER TABLE ... REPLICA IDENTITY USING INDEX or FULL.",
					"%s tables have no replica identity: their updates and deletes come without a key", value);
}

static void
check_publication(Check *check, const char *name)
{
	char	   *literal = connection_quote_literal(check->conn, name);
	char		value[64];
	char		sql[512];
	Error		failure;

	error_clear(&failure);
	snprintf(sql, sizeof(sql),
			 "SELECT pg_catalog.count(*) FROM pg_catalog.pg_publication_tables"
			 " WHERE pubname = %s HAVING pg_catalog.count(*) > 0 OR EXISTS"
			 " (SELECT FROM pg_catalog.pg_publication WHERE pubname = %s)",
			 literal, literal);
	PQfreemem(literal);
	if (ask(check, sql, value, sizeof(value), &failure))
		say_ok("publication \"%s\" has %s tables", name, value);
	else
	{
		error_set(&failure, ERROR_PUBLICATION,
				  "publication \"%s\" does not exist", name);
		error_hint(&failure, "CREATE PUBLICATION ... FOR ALL TABLES; before the slot is created.");
		say_failure(check, &failure);
	}
}

static void
check_publications(Check *check)
{
	SourceOptions options = settings_source_options(check->settings);

	for (size_t i = 0; i < options.count; i++)
	{
		char	   *list;
		char	   *state = NULL;

		if (strcmp(options.names[i], "publication_names") != 0 ||
			options.values[i] == NULL)
			continue;
		list = strdup(options.values[i]);
		for (char *name = list ? strtok_r(list, ", ", &state) : NULL;
			 name != NULL;
			 name = strtok_r(NULL, ", ", &state))
			check_publication(check, name);
		free(list);
	}
}

/* ---- sinks ---- */

static void
check_sinks(Check *check, const SinkSetups *setups)
{
	Error		failure;
	Fanout	   *fanout;

	error_clear(&failure);
	if (setups->count == 0)
	{
		say_warning("Say where records go with --sink.",
					"no sink given: none looked at");
		return;
	}
	fanout = fanout_new(setups, check->server.database, &failure);
	if (fanout == NULL)
	{
		say_failure(check, &failure);
		return;
	}
	for (size_t i = 0; i < setups->count; i++)
	{
		Sink	   *sink = (Sink *) fanout_sink(fanout, i);

		error_clear(&failure);
		if (sink->ops->check(sink, &failure))
			say_ok("sink %s can be written", setups->setups[i].name);
		else
		{
			error_prefix(&failure, "sink %s", setups->setups[i].name);
			say_failure(check, &failure);
		}
	}
	fanout_free(fanout);
}

bool
check_all(const Settings *settings, ConnectionOptions *connection,
		  const SinkSetups *setups, Error *err)
{
	Check		check = {.settings = settings};
	Error		failure;

	error_clear(&failure);
	check.conn = connection_open(connection, CONNECTION_REPLICATION, &failure);
	if (check.conn == NULL ||
		!slot_server(check.conn, &check.server, &failure))
		say_failure(&check, &failure);
	else
	{
		check_server(&check);
		check_plugin(&check);
		check_role(&check);
		check_slot(&check);
		check_publications(&check);
		check_identities(&check);
		check_sinks(&check, setups);
	}
	PQfinish(check.conn);
	if (check.failed)
		*err = check.first;
	return !check.failed;
}
