/*
 * resnapshot_command.c
 *		--resnapshot. See resnapshot_command.h.
 *
 * The relay meets the request in the stream, where nobody sees an answer: what
 * can be wrong with it is found here.
 */
#include "resnapshot_command.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "pattern.h"
#include "publication.h"
#include "resnapshot_request.h"
#include "slot.h"

#define NAME_LIMIT		1024
#define NAMES_LIMIT		((size_t) 64 * 1024)

typedef struct Wanted
{
	Patterns	patterns;
	bool	   *found;			/* for each: it matches a table */
} Wanted;

/* ---- the sink ---- */

/* Without a configuration the names are the running relay's alone. */
static bool
check_sink(const char *name, const SinkSetups *sinks, Error *err)
{
	size_t		known = 0;
	Buf			names;

	if (name == NULL)
		return true;
	buf_init(&names, NAMES_LIMIT);
	for (size_t i = 0; i < sinks->count; i++)
	{
		const SinkSetup *setup = &sinks->setups[i];

		if (setup->verify_only)
			continue;
		if (strcmp(setup->name, name) == 0)
		{
			buf_free(&names);
			return true;
		}
		buf_printf(&names, "%s%s", known++ > 0 ? ", " : "", setup->name);
	}
	if (known > 0)
	{
		error_set(err, ERROR_USAGE,
				  "--resnapshot-sink: no sink is called \"%s\"", name);
		error_hint(err, "The sinks are: %s.",
				   buf_failed(&names) ? "too many to list" :
				   buf_string(&names));
	}
	buf_free(&names);
	return known == 0;
}

/* ---- the slot ---- */

static bool
check_primary(PGconn *conn, ServerInfo *server, Error *err)
{
	PGresult   *result =
		connection_query(conn, "SELECT pg_catalog.pg_is_in_recovery()", err);

	if (result == NULL)
		return false;
	server->in_recovery = PQgetvalue(result, 0, 0)[0] == 't';
	PQclear(result);
	snprintf(server->database, sizeof(server->database), "%s", PQdb(conn));
	if (!server->in_recovery)
		return true;
	error_set(err, ERROR_USAGE,
			  "--resnapshot writes a message into the WAL, and a standby writes none");
	return error_hint(err, "Connect to the primary. For a slot that only the standby has, call fanout.resnapshot() on the primary: its message reaches the standby's slots, too.");
}

/* Whatever its plugin is: nothing is read from it here. */
static bool
check_slot(PGconn *conn, const Settings *settings, const ServerInfo *server,
		   SlotInfo *slot, Error *err)
{
	const char *plugin = settings->plugin;

	if (!slot_find(conn, settings->slot, slot, err))
		return false;
	if (slot->exists && slot->plugin[0] != '\0')
		plugin = slot->plugin;
	return slot_usable(slot, settings->slot, plugin, server, err);
}

/* ---- the tables ---- */

static const char published_query[] =
"SELECT schemaname, tablename FROM pg_catalog.pg_publication_tables"
" WHERE pubname = $1";

/* Without publications: all whose changes can be in a stream. */
static const char tables_query[] =
"SELECT n.nspname, c.relname FROM pg_catalog.pg_class c"
" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
" WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p'"
" AND n.nspname NOT IN ('pg_catalog', 'information_schema')";

/* As the relay compares them: not the server. */
static bool
mark_found(PGconn *conn, Wanted *wanted, const char *sql,
		   const char *publication, Error *err)
{
	PGresult   *result = PQexecParams(conn, sql, publication != NULL, NULL,
									  &publication, NULL, NULL, 0);
	bool		ok = PQresultStatus(result) == PGRES_TUPLES_OK;

	if (!ok)
		connection_error(conn, result, err);
	for (int row = 0; ok && row < PQntuples(result); row++)
	{
		const char *names[] = {
			PQgetvalue(result, row, 0), PQgetvalue(result, row, 1)
		};

		for (size_t i = 0; i < wanted->patterns.count; i++)
			if (pattern_matches(&wanted->patterns.items[i], names, 2))
				wanted->found[i] = true;
	}
	PQclear(result);
	return ok;
}

static bool
mark_published(PGconn *conn, Wanted *wanted, const SourceOptions *options,
			   bool *named, Error *err)
{
	bool		ok = publication_check(conn, options, err);
	Buf			name;

	*named = false;
	buf_init(&name, NAME_LIMIT);
	for (size_t i = 0; ok && i < options->count; i++)
	{
		const char *at = options->values[i];

		if (at == NULL || strcmp(options->names[i], "publication_names") != 0)
			continue;
		*named = true;
		while (ok && publication_next(&at, &name))
			ok = mark_found(conn, wanted, published_query, buf_string(&name),
							err);
	}
	buf_free(&name);
	return ok;
}

static bool
check_tables(PGconn *conn, const Settings *settings, Wanted *wanted,
			 Error *err)
{
	SourceOptions options = settings_source_options(settings);
	bool		named;

	if (!mark_published(conn, wanted, &options, &named, err) ||
		(!named && !mark_found(conn, wanted, tables_query, NULL, err)))
		return false;
	for (size_t i = 0; i < wanted->patterns.count; i++)
	{
		if (wanted->found[i])
			continue;
		error_set(err, ERROR_USAGE, "--resnapshot: \"%s\" matches no table%s",
				  wanted->patterns.items[i].text,
				  named ? " that is published" : "");
		return error_hint(err, "Write schema.table as the catalog has it, without quotes; * and ? are wildcards.%s",
						  named ? " What is published stands in pg_publication_tables: partitions, or their root." : "");
	}
	return true;
}

/* ---- the message ---- */

static bool
emit(PGconn *conn, const Settings *settings, Lsn *lsn, Error *err)
{
	const ResnapshotRequest request = {
		.tables = settings->resnapshot, .slot = settings->slot,
		.sink = settings->resnapshot_sink
	};
	const char *values[] = {RESNAPSHOT_PREFIX, NULL};
	PGresult   *result;
	bool		ok = false;
	Buf			content;

	buf_init(&content, RESNAPSHOT_LIMIT + 1);
	if (!resnapshot_request_write(&content, &request, err))
		goto done;
	values[1] = buf_string(&content);
	result = PQexecParams(conn, "SELECT pg_catalog.pg_logical_emit_message("
						  "true, $1::pg_catalog.text, $2::pg_catalog.text)",
						  2, NULL, values, NULL, NULL, 0);
	ok = PQresultStatus(result) == PGRES_TUPLES_OK &&
		lsn_parse(PQgetvalue(result, 0, 0), lsn);
	if (!ok)
	{
		connection_error(conn, result, err);
		if (err->hint[0] == '\0')
			error_hint(err, "The role must be able to execute pg_catalog.pg_logical_emit_message, which everyone is unless that was revoked.");
		error_prefix(err, "cannot write the request");
	}
	PQclear(result);

done:
	buf_free(&content);
	return ok;
}

static void
report(const Settings *settings, const SlotInfo *slot, Lsn lsn)
{
	char		text[LSN_TEXT_SIZE];

	log_info("requested at %s that tables be read again",
			 lsn_format(lsn, text));
	if (slot->active)
		log_info("the relay that server process %d sends slot \"%s\" to reads the request when it gets there",
				 slot->active_pid, settings->slot);
	else
		log_info("no relay is connected to slot \"%s\": it reads the request when it is started",
				 settings->slot);
}

static bool
send_request(PGconn *conn, const Settings *settings, Wanted *wanted,
			 Error *err)
{
	ServerInfo	server = {0};
	SlotInfo	slot;
	Lsn			lsn;

	if (!check_primary(conn, &server, err) ||
		!check_slot(conn, settings, &server, &slot, err) ||
		!check_tables(conn, settings, wanted, err) ||
		!emit(conn, settings, &lsn, err))
		return false;
	report(settings, &slot, lsn);
	return true;
}

bool
resnapshot_command_send(const Settings *settings,
						ConnectionOptions *connection,
						const SinkSetups *sinks, Error *err)
{
	Wanted		wanted = {0};
	PGconn	   *conn = NULL;
	bool		ok = false;

	if (!check_sink(settings->resnapshot_sink, sinks, err) ||
		!patterns_parse(&wanted.patterns, "--resnapshot",
						&settings->resnapshot, 2, err))
		goto done;
	wanted.found = calloc(wanted.patterns.count, sizeof(*wanted.found));
	if (wanted.found == NULL)
	{
		error_no_memory(err);
		goto done;
	}
	conn = connection_open(connection, CONNECTION_SQL, err);
	ok = conn != NULL && send_request(conn, settings, &wanted, err);

done:
	PQfinish(conn);
	free(wanted.found);
	patterns_free(&wanted.patterns);
	return ok;
}
