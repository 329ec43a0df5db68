/*
 * publication_command.c
 *		--create-publication. See publication_command.h.
 */
#include "publication_command.h"

#include <string.h>

#include "log.h"
#include "publication.h"

#define NAME_LIMIT		1024
#define COMMAND_LIMIT	((size_t) 1024 * 1024)
#define ALL_TABLES		"*"

/* The one name in -o publication_names. */
static bool
find_name(const Settings *settings, Buf *name, Error *err)
{
	SourceOptions options = settings_source_options(settings);
	const char *at = "";

	for (size_t i = 0; i < options.count; i++)
		if (strcmp(options.names[i], "publication_names") == 0 &&
			options.values[i] != NULL)
			at = options.values[i];
	if (publication_next(&at, name) && *at == '\0')
		return true;
	error_set(err, ERROR_USAGE,
			  "--create-publication needs the name of one publication");
	return error_hint(err, "Name it with -o publication_names=NAME.");
}

/* Adds the table's name as SQL writes it, whoever's search path it is. */
static bool
append_table(Buf *sql, PGconn *conn, const char *table, Error *err)
{
	static const char query[] =
		"SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)"
		" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
		" ON n.oid = c.relnamespace WHERE c.oid = pg_catalog.to_regclass($1)";
	PGresult   *result = PQexecParams(conn, query, 1, NULL, &table, NULL,
									  NULL, 0);
	bool		ok = false;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		connection_error(conn, result, err);
	else if (PQntuples(result) == 0)
	{
		error_set(err, ERROR_USAGE, "table \"%s\" does not exist", table);
		error_hint(err, "Write it as in SQL, with its schema: schema.table.");
	}
	else
	{
		buf_append_string(sql, PQgetvalue(result, 0, 0));
		ok = true;
	}
	PQclear(result);
	return ok;
}

static bool
append_tables(Buf *sql, PGconn *conn, const OptionList *tables, Error *err)
{
	if (tables->count == 1 && strcmp(tables->items[0], ALL_TABLES) == 0)
	{
		buf_append_string(sql, " FOR ALL TABLES");
		return true;
	}
	buf_append_string(sql, " FOR TABLE ");
	for (size_t i = 0; i < tables->count; i++)
	{
		if (i > 0)
			buf_append_string(sql, ", ");
		if (!append_table(sql, conn, tables->items[i], err))
			return false;
	}
	return true;
}

static bool
publication_exists(PGconn *conn, const char *name)
{
	PGresult   *result =
		PQexecParams(conn, "SELECT FROM pg_catalog.pg_publication"
					 " WHERE pubname = $1", 1, NULL, &name, NULL, NULL, 0);
	bool		found = PQresultStatus(result) == PGRES_TUPLES_OK &&
		PQntuples(result) == 1;

	PQclear(result);
	return found;
}

static bool
create(PGconn *conn, const char *name, const OptionList *tables, Error *err)
{
	char	   *quoted = connection_quote_name(conn, name);
	PGresult   *result = NULL;
	Buf			sql;

	buf_init(&sql, COMMAND_LIMIT);
	buf_printf(&sql, "CREATE PUBLICATION %s", quoted != NULL ? quoted : "");
	PQfreemem(quoted);
	if (append_tables(&sql, conn, tables, err))
	{
		if (buf_string(&sql) != NULL)
			result = connection_query(conn, buf_string(&sql), err);
		else
			error_no_memory(err);
	}
	buf_free(&sql);
	PQclear(result);
	return result != NULL ||
		error_prefix(err, "cannot create publication \"%s\"", name);
}

bool
publication_command_create(const Settings *settings,
						   ConnectionOptions *connection, Error *err)
{
	const OptionList *tables = &settings->create_publication;
	PGconn	   *conn = NULL;
	bool		ok = false;
	Buf			name;

	buf_init(&name, NAME_LIMIT);
	if (!find_name(settings, &name, err))
		goto done;
	conn = connection_open(connection, CONNECTION_SQL, err);
	if (conn == NULL)
		goto done;
	if (settings->if_not_exists && publication_exists(conn, buf_string(&name)))
	{
		log_info("publication \"%s\" exists already", buf_string(&name));
		ok = true;
		goto done;
	}
	ok = create(conn, buf_string(&name), tables, err);
	if (ok)
		log_info("created publication \"%s\"", buf_string(&name));

done:
	PQfinish(conn);
	buf_free(&name);
	return ok;
}
