/*
 * check_table.c
 *		--check: publications, their tables, how rows are identified, and
 *		whether a snapshot may read them.
 *
 * A server refuses UPDATE and DELETE on a published table whose rows it cannot
 * identify: that breaks the application, not the relay, and deserves a line
 * for each such table.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check_part.h"
#include "publication.h"

#define TABLE_LINES		"10"
#define TABLE_QUERY		((size_t) 64 * 1024)
#define NAME_LIMIT		1024

/* ---- publications ---- */

/* What a publication leaves out; a name may have it left out on purpose. */
static void
say_publication(const char *name, const PGresult *result)
{
	const char *missing = PQgetvalue(result, 0, 1);
	const char *tables = PQgetvalue(result, 0, 2);

	if (strcmp(tables, "0") == 0)
		say_warning("ALTER PUBLICATION ... ADD TABLE ...; by the tables' owner.",
					"publication \"%s\" has no tables: nothing is sent", name);
	else
		say_ok("publication \"%s\" has %s tables%s%s", name, tables,
			   PQgetvalue(result, 0, 0)[0] == 't' ? ": all there are" : "",
			   PQgetvalue(result, 0, 3));
	if (missing[0] != '\0')
		say_warning("ALTER PUBLICATION ... SET (publish = 'insert, update, delete, truncate'), unless it is meant so.",
					"publication \"%s\" leaves out: %s", name, missing);
}

static void
check_publication(Check *check, const char *name)
{
	char	   *literal = connection_quote_literal(check->conn, name);
	PGresult   *result = NULL;
	Buf			sql;

	buf_init(&sql, TABLE_QUERY);
	buf_printf(&sql,
			   "SELECT puballtables, pg_catalog.concat_ws(', ',"
			   " CASE WHEN NOT pubinsert THEN 'insert' END,"
			   " CASE WHEN NOT pubupdate THEN 'update' END,"
			   " CASE WHEN NOT pubdelete THEN 'delete' END,"
			   " CASE WHEN NOT pubtruncate THEN 'truncate' END),"
			   " (SELECT pg_catalog.count(*) FROM"
			   " pg_catalog.pg_publication_tables t WHERE t.pubname = p.pubname),"
			   " (SELECT pg_catalog.concat("
			   "', ' || nullif(pg_catalog.count(j->>'prqual'), 0) || ' with a row filter',"
			   "', ' || nullif(pg_catalog.count(j->>'prattrs'), 0) || ' with a column list')"
			   " FROM pg_catalog.pg_publication_rel r, pg_catalog.to_jsonb(r) j"
			   " WHERE r.prpubid = p.oid)"
			   " FROM pg_catalog.pg_publication p WHERE pubname = %s",
			   literal != NULL ? literal : "NULL");
	PQfreemem(literal);
	if (buf_string(&sql) != NULL)
		result = ask_rows(check, buf_string(&sql));
	if (result != NULL && PQntuples(result) == 1)
		say_publication(name, result);
	else if (result != NULL)
		say_fault(check, ERROR_PUBLICATION,
				  "CREATE PUBLICATION ... FOR TABLE ...; by the tables' owner (FOR ALL TABLES needs a superuser, on RDS rds_superuser), before the slot is created.",
				  "publication \"%s\" does not exist", name);
	PQclear(result);
	buf_free(&sql);
}

/* The option's value; NULL: not given. */
static const char *
publication_names(const Check *check)
{
	SourceOptions options = settings_source_options(check->settings);
	const char *names = NULL;

	for (size_t i = 0; i < options.count; i++)
		if (strcmp(options.names[i], "publication_names") == 0)
			names = options.values[i];
	return names;
}

void
check_publications(Check *check)
{
	const char *list = publication_names(check);
	const char *at = list;
	Buf			name;

	if (list == NULL)
	{
		if (strcmp(check->settings->plugin, "pgoutput") == 0)
			say_fault(check, ERROR_USAGE,
					  "CREATE PUBLICATION fan FOR TABLE ...; then -o publication_names=fan.",
					  "pgoutput needs publication_names");
		return;
	}
	buf_init(&name, NAME_LIMIT);
	while (publication_next(&at, &name))
		check_publication(check, buf_string(&name));
	if (*at != '\0' || at == list)
		say_fault(check, ERROR_USAGE,
				  "Put commas between names, and quotes around names that SQL would want quoted.",
				  "publication_names: \"%s\" is no list of names", list);
	buf_free(&name);
}

/* ---- identities ---- */

/*
 * The tables that the slot sends: of the publications, or all. changed: only
 * those whose rows it has to identify.
 */
static void
append_tables(Buf *sql, Check *check, bool changed)
{
	const char *at = publication_names(check);
	const char *between = "";
	Buf			name;

	if (at == NULL)
	{
		buf_append_string(sql,
						  "SELECT c.oid, false AS published FROM pg_catalog.pg_class c"
						  " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
						  " WHERE c.relkind = 'r' AND c.relpersistence = 'p'"
						  " AND n.nspname NOT IN ('pg_catalog', 'information_schema')");
		return;
	}
	buf_append_string(sql,
					  "SELECT DISTINCT c.oid, true AS published FROM"
					  " pg_catalog.pg_publication_tables t"
					  " JOIN pg_catalog.pg_publication p USING (pubname)"
					  " JOIN pg_catalog.pg_namespace n ON n.nspname = t.schemaname"
					  " JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid"
					  " AND c.relname = t.tablename"
					  " WHERE ");
	if (changed)
		buf_append_string(sql, "(p.pubupdate OR p.pubdelete) AND ");
	buf_append_string(sql, "t.pubname IN (");
	buf_init(&name, NAME_LIMIT);
	while (publication_next(&at, &name))
	{
		char	   *literal = connection_quote_literal(check->conn,
													   buf_string(&name));

		buf_printf(sql, "%s%s", between, literal != NULL ? literal : "NULL");
		PQfreemem(literal);
		between = ", ";
	}
	buf_append_string(sql, between[0] != '\0' ? ")" : "NULL)");
	buf_free(&name);
}

/*
 * The tables without identity, those that are updated most first; in every row
 * how many there are, and how many tables altogether.
 */
static PGresult *
ask_identities(Check *check)
{
	PGresult   *result = NULL;
	Buf			sql;

	buf_init(&sql, TABLE_QUERY);
	buf_append_string(&sql, "WITH sent AS (");
	append_tables(&sql, check, true);
	buf_append_string(&sql,
					  "), bad AS (SELECT c.oid, s.published,"
					  " coalesce(pg_catalog.pg_stat_get_tuples_updated(c.oid)"
					  " + pg_catalog.pg_stat_get_tuples_deleted(c.oid), 0) AS changes"
					  " FROM sent s JOIN pg_catalog.pg_class c ON c.oid = s.oid"
					  " WHERE c.relreplident = 'n' OR"
					  " c.relreplident = 'd' AND NOT EXISTS (SELECT FROM"
					  " pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) OR"
					  " c.relreplident = 'i' AND NOT EXISTS (SELECT FROM"
					  " pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisreplident))"
					  " SELECT b.oid::pg_catalog.regclass, b.changes,"
					  " (SELECT pg_catalog.count(*) FROM bad),"
					  " (SELECT pg_catalog.count(*) FROM sent),"
					  " (SELECT pg_catalog.count(*) FROM sent JOIN pg_catalog.pg_class c"
					  " ON c.oid = sent.oid WHERE c.relreplident = 'f')"
					  " FROM (SELECT) one LEFT JOIN bad b ON true"
					  " ORDER BY b.changes DESC NULLS LAST, 1 LIMIT " TABLE_LINES);
	if (buf_string(&sql) != NULL)
		result = ask_rows(check, buf_string(&sql));
	buf_free(&sql);
	return result;
}

static void
say_identity(const PGresult *result, int row, bool published)
{
	const char *table = PQgetvalue(result, row, 0);
	bool		changes = strcmp(PQgetvalue(result, row, 1), "0") != 0;

	if (published)
		say_warning("Give it a primary key, or ALTER TABLE ... REPLICA IDENTITY USING INDEX or FULL.",
					"table %s has no replica identity: while it is published, UPDATE and DELETE on it fail%s",
					table, changes ? ", and it had some" : "");
	else
		say_warning("Give it a primary key, or ALTER TABLE ... REPLICA IDENTITY USING INDEX or FULL.",
					"table %s has no replica identity: its updates and deletes%s come without a key",
					table, changes ? " (it has some)" : "");
}

void
check_identities(Check *check)
{
	bool		published = publication_names(check) != NULL;
	PGresult   *result = ask_identities(check);
	int			shown = 0;
	long		bad;

	if (result == NULL || PQntuples(result) == 0)
		goto done;
	bad = strtol(PQgetvalue(result, 0, 2), NULL, 10);
	if (bad == 0)
		say_ok("every table that is sent has a replica identity (%s tables, %s of them FULL)",
			   PQgetvalue(result, 0, 3), PQgetvalue(result, 0, 4));
	for (; bad > 0 && shown < PQntuples(result); shown++)
		say_identity(result, shown, published);
	if (bad > shown)
		say_warning("Look for them in pg_class.relreplident.",
					"%ld more tables have no replica identity", bad - shown);

done:
	PQclear(result);
}

/* ---- rights ---- */

/*
 * Tables that a snapshot may not read, or not all rows of; in every row how
 * many there are, and how many tables altogether. A column list may do with
 * less than the whole table.
 */
static PGresult *
ask_rights(Check *check)
{
	PGresult   *result = NULL;
	Buf			sql;

	buf_init(&sql, TABLE_QUERY);
	buf_append_string(&sql, "WITH sent AS (");
	append_tables(&sql, check, false);
	buf_append_string(&sql,
					  "), bad AS (SELECT c.oid, c.relname,"
					  " pg_catalog.quote_ident(n.nspname) AS schema,"
					  " pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS usage,"
					  " pg_catalog.has_any_column_privilege(c.oid, 'SELECT') AS readable"
					  " FROM sent s JOIN pg_catalog.pg_class c ON c.oid = s.oid"
					  " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
					  " WHERE NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
					  " OR NOT pg_catalog.has_any_column_privilege(c.oid, 'SELECT')"
					  " OR pg_catalog.row_security_active(c.oid))"
					  " SELECT b.oid::pg_catalog.regclass, b.schema, b.usage, b.readable,"
					  " pg_catalog.quote_ident(current_user),"
					  " (SELECT pg_catalog.count(*) FROM bad),"
					  " (SELECT pg_catalog.count(*) FROM sent)"
					  " FROM (SELECT) one LEFT JOIN bad b ON true"
					  " ORDER BY b.schema, b.relname LIMIT " TABLE_LINES);
	if (buf_string(&sql) != NULL)
		result = ask_rows(check, buf_string(&sql));
	buf_free(&sql);
	return result;
}

static void
say_right(Check *check, const PGresult *result, int row)
{
	const char *table = PQgetvalue(result, row, 0);
	const char *schema = PQgetvalue(result, row, 1);
	const char *role = PQgetvalue(result, row, 4);
	char		hint[ERROR_TEXT_SIZE];

	if (PQgetvalue(result, row, 2)[0] != 't')
	{
		snprintf(hint, sizeof(hint), "GRANT USAGE ON SCHEMA %s TO %s;", schema,
				 role);
		say_fault(check, ERROR_SNAPSHOT, hint,
				  "table %s: the role may not use schema %s, so a snapshot cannot read it",
				  table, schema);
	}
	else if (PQgetvalue(result, row, 3)[0] != 't')
	{
		snprintf(hint, sizeof(hint), "GRANT SELECT ON %s TO %s;", table, role);
		say_fault(check, ERROR_SNAPSHOT, hint,
				  "table %s: the role may not read it, so a snapshot cannot",
				  table);
	}
	else
		say_fault(check, ERROR_SNAPSHOT,
				  "ALTER ROLE ... BYPASSRLS; or leave the table out of the publication.",
				  "table %s: row security hides rows from the role, so a snapshot would lack them",
				  table);
}

void
check_rights(Check *check)
{
	PGresult   *result;
	int			shown = 0;
	long		bad;

	if (check->settings->snapshot == SNAPSHOT_MODE_NEVER)
		return;
	result = ask_rights(check);
	if (result == NULL || PQntuples(result) == 0)
		goto done;
	bad = strtol(PQgetvalue(result, 0, 5), NULL, 10);
	if (bad == 0)
		say_ok("a snapshot may read every table that is sent (%s tables)",
			   PQgetvalue(result, 0, 6));
	for (; bad > 0 && shown < PQntuples(result); shown++)
		say_right(check, result, shown);
	if (bad > shown)
		say_warning("GRANT SELECT ON ALL TABLES IN SCHEMA ... TO ...;",
					"%ld more tables cannot be read by a snapshot",
					bad - shown);

done:
	PQclear(result);
}
