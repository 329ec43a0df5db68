/*
 * snapshot_plan.c
 *		Which tables a snapshot reads. See snapshot_plan.h.
 */
#include "snapshot_plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "publication.h"

#define NAME_LIMIT			1024
#define QUERY_LIMIT			((size_t) 1 << 20)
#define RELATION_LIMIT		((size_t) 1 << 20)
#define LISTS_VERSION		150000	/* column lists, row filters */
#define GENERATED_VERSION	180000	/* generated columns can be published */

/* ---- the query ---- */

/*
 * What publications have: of each table and publication the columns' names and
 * the filter. Servers before 15 have neither lists nor filters.
 */
static const char listed_query[] =
"listed AS ("
" SELECT c.oid, p.pubviaroot, t.attnames, t.rowfilter"
"  FROM pg_catalog.pg_publication p"
"  JOIN pg_catalog.pg_publication_tables t ON t.pubname = p.pubname"
"  JOIN pg_catalog.pg_namespace n ON n.nspname = t.schemaname"
"  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid"
"   AND c.relname = t.tablename"
"  WHERE p.pubname IN (%s)),";

static const char listed_query_old[] =
"listed AS ("
" SELECT c.oid, p.pubviaroot, (SELECT pg_catalog.array_agg(a.attname)"
"   FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0"
"   AND NOT a.attisdropped) AS attnames,"
"  NULL::pg_catalog.text AS rowfilter"
"  FROM pg_catalog.pg_publication p"
"  JOIN pg_catalog.pg_publication_tables t ON t.pubname = p.pubname"
"  JOIN pg_catalog.pg_namespace n ON n.nspname = t.schemaname"
"  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid"
"   AND c.relname = t.tablename"
"  WHERE p.pubname IN (%s)),";

/*
 * A partition that one publication has is not read where another has its root
 * as such: the stream has it as the root's then. Any publication without a
 * filter lets all rows pass.
 */
static const char chosen_query[] =
" chosen AS ("
" SELECT l.oid, pg_catalog.max(l.attnames) AS attnames,"
"  CASE WHEN pg_catalog.bool_or(l.rowfilter IS NULL) THEN NULL"
"   ELSE pg_catalog.string_agg('(' || l.rowfilter || ')', ' OR ') END AS filter"
"  FROM listed l WHERE NOT EXISTS ("
"   SELECT FROM listed r WHERE r.pubviaroot AND r.oid <> l.oid"
"    AND r.oid IN (SELECT relid FROM pg_catalog.pg_partition_ancestors(l.oid)))"
"  GROUP BY l.oid)";

/* Without publications: what the server lets be published. */
static const char every_query[] =
" chosen AS ("
" SELECT c.oid, (SELECT pg_catalog.array_agg(a.attname)"
"   FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0"
"   AND NOT a.attisdropped) AS attnames,"
"  NULL::pg_catalog.text AS filter"
"  FROM pg_catalog.pg_class c"
"  WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.oid >= 16384)";

static const char columns_query[] =
" SELECT c.oid, n.nspname, c.relname, c.relreplident, h.filter,"
"  a.attname, a.atttypid, a.atttypmod"
" FROM chosen h JOIN pg_catalog.pg_class c ON c.oid = h.oid"
" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
" LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid"
"  AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = ANY (h.attnames)"
"  AND a.attgenerated <> ALL (%s)"
" ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\", a.attnum";

enum
{
	PLAN_OID,
	PLAN_SCHEMA,
	PLAN_NAME,
	PLAN_IDENTITY,
	PLAN_FILTER,
	PLAN_COLUMN,
	PLAN_TYPE,
	PLAN_TYPMOD
};

/* Partitions of other kinds (foreign tables) have nothing in the stream. */
static const char parts_query[] =
"SELECT t.n - 1, s.nspname, p.relname,"
"  pg_catalog.pg_relation_size(p.oid) /"
"   pg_catalog.current_setting('block_size')::pg_catalog.int8"
" FROM pg_catalog.unnest($1::pg_catalog.oid[]) WITH ORDINALITY t(oid, n)"
" JOIN pg_catalog.pg_class r ON r.oid = t.oid,"
" LATERAL (SELECT r.oid WHERE r.relkind = 'r' UNION ALL"
"  SELECT relid FROM pg_catalog.pg_partition_tree(r.oid)"
"   WHERE isleaf AND r.relkind = 'p') leaf(oid)"
" JOIN pg_catalog.pg_class p ON p.oid = leaf.oid AND p.relkind = 'r'"
" JOIN pg_catalog.pg_namespace s ON s.oid = p.relnamespace"
" ORDER BY t.n, p.oid";

enum
{
	PART_TABLE,
	PART_SCHEMA,
	PART_NAME,
	PART_BLOCKS
};

/* The names as literals with commas between. */
static bool
append_publications(Buf *sql, PGconn *conn, const char *list)
{
	const char *at = list;
	bool		first = true;
	bool		ok = true;
	Buf			name;

	buf_init(&name, NAME_LIMIT);
	while (ok && publication_next(&at, &name))
	{
		char	   *literal = connection_quote_literal(conn,
													   buf_string(&name));

		ok = literal != NULL;
		if (ok)
			buf_printf(sql, "%s%s", first ? "" : ", ", literal);
		first = false;
		PQfreemem(literal);
	}
	buf_free(&name);
	return ok;
}

/*
 * Generated columns that the stream never has, though older servers list them
 * among a publication's.
 */
static const char *
left_out(PGconn *conn, const char *publications)
{
	return publications == NULL || PQserverVersion(conn) >= GENERATED_VERSION ?
		"ARRAY['v']" : "ARRAY['s', 'v']";
}

static PGresult *
query_columns(PGconn *conn, const char *publications, Error *err)
{
	PGresult   *result = NULL;
	bool		ok = true;
	Buf			names;
	Buf			sql;

	buf_init(&names, QUERY_LIMIT);
	buf_init(&sql, 2 * QUERY_LIMIT);
	buf_append_string(&sql, "WITH ");
	if (publications != NULL)
	{
		ok = append_publications(&names, conn, publications);
		buf_printf(&sql, PQserverVersion(conn) >= LISTS_VERSION ?
				   listed_query : listed_query_old, buf_string(&names));
	}
	buf_append_string(&sql, publications != NULL ? chosen_query : every_query);
	buf_printf(&sql, columns_query, left_out(conn, publications));
	if (ok && !buf_failed(&names) && !buf_failed(&sql))
		result = connection_query(conn, buf_string(&sql), err);
	else
		error_no_memory(err);
	buf_free(&names);
	buf_free(&sql);
	return result;
}

/* ---- the tables ---- */

static uint64_t
hash_text(uint64_t hash, const char *text)
{
	/* the NUL too, so that "a","b" is not "ab" */
	for (size_t at = 0; at <= strlen(text); at++)
		hash = (hash ^ (uint8_t) text[at]) * UINT64_C(1099511628211);
	return hash;
}

static void
start_table(SnapshotPlan *plan, int row)
{
	const PGresult *rows = plan->columns;
	SnapshotTable *table = &plan->tables[plan->count++];

	*table = (SnapshotTable) {
		.oid = (uint32_t) strtoul(PQgetvalue(rows, row, PLAN_OID), NULL, 10),
		.schema = PQgetvalue(rows, row, PLAN_SCHEMA),
		.name = PQgetvalue(rows, row, PLAN_NAME),
		.identity = PQgetvalue(rows, row, PLAN_IDENTITY)[0],
		.filter = PQgetisnull(rows, row, PLAN_FILTER) ? NULL :
		PQgetvalue(rows, row, PLAN_FILTER),
		.hash = UINT64_C(14695981039346656037), .column = (size_t) row
	};
	table->hash = hash_text(table->hash,
							table->filter != NULL ? table->filter : "");
}

static bool
fill_tables(SnapshotPlan *plan, Error *err)
{
	int			rows = PQntuples(plan->columns);
	const char *oid = "";

	plan->tables = calloc((size_t) rows + 1, sizeof(*plan->tables));
	if (plan->tables == NULL)
		return error_no_memory(err);
	for (int row = 0; row < rows; row++)
	{
		SnapshotTable *table;

		if (strcmp(oid, PQgetvalue(plan->columns, row, PLAN_OID)) != 0)
			start_table(plan, row);
		oid = PQgetvalue(plan->columns, row, PLAN_OID);
		table = &plan->tables[plan->count - 1];
		if (PQgetisnull(plan->columns, row, PLAN_COLUMN))
			continue;
		table->column_count++;
		for (int i = PLAN_COLUMN; i <= PLAN_TYPMOD; i++)
			table->hash = hash_text(table->hash,
									PQgetvalue(plan->columns, row, i));
	}
	return true;
}

static PGresult *
query_parts(const SnapshotPlan *plan, PGconn *conn, Error *err)
{
	size_t		limit = plan->count * 12 + 16;
	PGresult   *result = NULL;
	const char *parameter;
	Buf			oids;

	buf_init(&oids, limit);
	buf_append_string(&oids, "{");
	for (size_t i = 0; i < plan->count; i++)
		buf_printf(&oids, "%s%" PRIu32, i > 0 ? "," : "",
				   plan->tables[i].oid);
	buf_append_string(&oids, "}");
	parameter = buf_string(&oids);
	if (parameter == NULL)
		error_no_memory(err);
	else
		result = PQexecParams(conn, parts_query, 1, NULL, &parameter, NULL,
							  NULL, 0);
	buf_free(&oids);
	if (parameter == NULL || PQresultStatus(result) == PGRES_TUPLES_OK)
		return result;
	connection_error(conn, result, err);
	PQclear(result);
	return NULL;
}

static bool
fill_parts(SnapshotPlan *plan, Error *err)
{
	const PGresult *rows = plan->part_rows;

	plan->part_count = (size_t) PQntuples(rows);
	plan->parts = calloc(plan->part_count + 1, sizeof(*plan->parts));
	if (plan->parts == NULL)
		return error_no_memory(err);
	for (size_t i = 0; i < plan->part_count; i++)
	{
		int			row = (int) i;
		size_t		owner = strtoul(PQgetvalue(rows, row, PART_TABLE), NULL,
									10);
		SnapshotTable *table;

		if (owner >= plan->count)
			return error_set(err, ERROR_INTERNAL, "a part without its table");
		table = &plan->tables[owner];
		if (table->part_count++ == 0)
			table->part = i;
		plan->parts[i] = (SnapshotPart) {
			.schema = PQgetvalue(rows, row, PART_SCHEMA),
			.name = PQgetvalue(rows, row, PART_NAME),
			.blocks = strtoull(PQgetvalue(rows, row, PART_BLOCKS), NULL, 10)
		};
	}
	return true;
}

bool
snapshot_plan_read(SnapshotPlan *plan, PGconn *conn, const char *publications,
				   Error *err)
{
	*plan = (SnapshotPlan) {0};
	plan->columns = query_columns(conn, publications, err);
	if (plan->columns == NULL || !fill_tables(plan, err))
		return false;
	plan->part_rows = query_parts(plan, conn, err);
	return plan->part_rows != NULL && fill_parts(plan, err);
}

void
snapshot_plan_free(SnapshotPlan *plan)
{
	PQclear(plan->columns);
	PQclear(plan->part_rows);
	free(plan->tables);
	free(plan->parts);
	*plan = (SnapshotPlan) {0};
}

/* Columns and parts are found by their places, which stay. */
void
snapshot_plan_choose(SnapshotPlan *plan, const Patterns *tables)
{
	size_t		count = 0;

	for (size_t i = 0; i < plan->count; i++)
	{
		const char *names[] = {plan->tables[i].schema, plan->tables[i].name};

		if (patterns_match(tables, names, 2))
			plan->tables[count++] = plan->tables[i];
	}
	plan->count = count;
}

const SnapshotTable *
snapshot_plan_find(const SnapshotPlan *plan, uint32_t oid)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->tables[i].oid == oid)
			return &plan->tables[i];
	return NULL;
}

static bool
same_parts(const SnapshotPlan *a, const SnapshotTable *one,
		   const SnapshotPlan *b, const SnapshotTable *other)
{
	if (one->part_count != other->part_count)
		return false;
	for (size_t i = 0; i < one->part_count; i++)
	{
		const SnapshotPart *part = &a->parts[one->part + i];
		const SnapshotPart *twin = &b->parts[other->part + i];

		if (strcmp(part->schema, twin->schema) != 0 ||
			strcmp(part->name, twin->name) != 0)
			return false;
	}
	return true;
}

bool
snapshot_plan_equal(const SnapshotPlan *a, const SnapshotPlan *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
	{
		const SnapshotTable *one = &a->tables[i];
		const SnapshotTable *other = &b->tables[i];

		if (one->oid != other->oid || one->hash != other->hash ||
			strcmp(one->schema, other->schema) != 0 ||
			strcmp(one->name, other->name) != 0 ||
			!same_parts(a, one, b, other))
			return false;
	}
	return true;
}

/* ---- commands ---- */

static bool
append_name(Buf *sql, PGconn *conn, const char *before, const char *name)
{
	char	   *quoted = connection_quote_name(conn, name);

	if (quoted != NULL)
		buf_printf(sql, "%s%s", before, quoted);
	PQfreemem(quoted);
	return quoted != NULL;
}

static bool
append_table(Buf *sql, PGconn *conn, const char *before, const char *schema,
			 const char *name)
{
	return append_name(sql, conn, before, schema) &&
		append_name(sql, conn, ".", name);
}

/*
 * ONLY leaves a root's partitions to their own turn, and children that are not
 * published out.
 */
bool
snapshot_plan_lock(const SnapshotPlan *plan, PGconn *conn, Buf *sql,
				   Error *err)
{
	const char *before = "LOCK TABLE ONLY ";
	bool		ok = true;

	for (size_t i = 0; ok && i < plan->count; i++)
	{
		const SnapshotTable *table = &plan->tables[i];
		const SnapshotPart *parts = &plan->parts[table->part];

		ok = append_table(sql, conn, before, table->schema, table->name);
		before = ", ONLY ";
		for (size_t part = 0; ok && part < table->part_count; part++)
			ok = append_table(sql, conn, before, parts[part].schema,
							  parts[part].name);
	}
	buf_append_string(sql, " IN ACCESS SHARE MODE");
	return (ok && !buf_failed(sql)) || error_no_memory(err);
}

static void
append_range(Buf *sql, SnapshotRange range)
{
	if (range.first > 0)
		buf_printf(sql, " AND ctid >= '(%" PRIu64 ",0)'::pg_catalog.tid",
				   range.first);
	if (range.end > 0)
		buf_printf(sql, " AND ctid < '(%" PRIu64 ",0)'::pg_catalog.tid",
				   range.end);
}

static bool
append_columns(const SnapshotPlan *plan, const SnapshotTable *table,
			   PGconn *conn, Buf *sql)
{
	bool		ok = true;

	for (size_t i = 0; ok && i < table->column_count; i++)
		ok = append_name(sql, conn, i > 0 ? ", " : "",
						 PQgetvalue(plan->columns, (int) (table->column + i),
									PLAN_COLUMN));
	return ok;
}

bool
snapshot_plan_copy(const SnapshotPlan *plan, PGconn *conn,
				   const SnapshotTable *table, const SnapshotPart *part,
				   SnapshotRange range, const char *encoding, Buf *sql,
				   Error *err)
{
	bool		ok;

	buf_append_string(sql, "COPY (SELECT ");
	ok = append_columns(plan, table, conn, sql) &&
		append_table(sql, conn, " FROM ONLY ", part->schema, part->name);
	buf_append_string(sql, " WHERE true");
	append_range(sql, range);
	if (table->filter != NULL)
		buf_printf(sql, " AND (%s)", table->filter);
	buf_append_string(sql, ") TO STDOUT");
	if (encoding != NULL)
		buf_printf(sql, " (ENCODING '%s')", encoding);
	return (ok && !buf_failed(sql)) || error_no_memory(err);
}

/* ---- descriptions ---- */

static uint32_t
column_number(const SnapshotPlan *plan, size_t row, int field)
{
	return (uint32_t) strtol(PQgetvalue(plan->columns, (int) row, field),
							 NULL, 10);
}

static uint32_t
column_type(const SnapshotPlan *plan, size_t row)
{
	return (uint32_t) strtoul(PQgetvalue(plan->columns, (int) row, PLAN_TYPE),
							  NULL, 10);
}

void
snapshot_plan_types(const SnapshotPlan *plan, const SnapshotTable *table,
					uint32_t *types)
{
	for (size_t i = 0; i < table->column_count; i++)
		types[i] = column_type(plan, table->column + i);
}

static void
append_uint32(Buf *out, uint32_t value)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_append_byte(out, (uint8_t) (value >> shift));
}

/* A column counts as flagged if the identity's index has it. */
static bool
is_identity(const TablePicture *picture, const char *name)
{
	const Table *now = picture->table;

	for (size_t i = 0; now != NULL && i < now->column_count; i++)
		if (strcmp(now->columns[i].name, name) == 0)
			return now->columns[i].identity_position > 0;
	return false;
}

Relation *
snapshot_plan_describe(const SnapshotPlan *plan, const SnapshotTable *table,
					   const TablePicture *picture, Error *err)
{
	PgoutputRelation message = {
		.oid = table->oid, .schema = table->schema, .name = table->name,
		.identity = table->identity
	};
	OidMap		no_names = {0};
	Relation   *relation = NULL;
	Buf			columns;

	buf_init(&columns, RELATION_LIMIT);
	for (size_t i = 0; i < table->column_count; i++)
	{
		size_t		row = table->column + i;
		const char *name = PQgetvalue(plan->columns, (int) row, PLAN_COLUMN);

		buf_append_byte(&columns, is_identity(picture, name));
		buf_append(&columns, name, strlen(name) + 1);
		append_uint32(&columns, column_type(plan, row));
		append_uint32(&columns, column_number(plan, row, PLAN_TYPMOD));
	}
	message.columns.count = (uint16_t) table->column_count;
	message.columns.bytes = buf_slice(&columns);
	if (buf_failed(&columns))
		error_no_memory(err);
	else
		relation = relation_new(&message, picture, NULL, &no_names, NULL, err);
	buf_free(&columns);
	return relation;
}
