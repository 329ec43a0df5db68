/*
 * catalog.c
 *		A table's description from the catalog. See catalog.h.
 *
 * Puts together the record that the plugin would send and lets table.c judge
 * it like one that came over the wire. What the plugin learns from the
 * server's caches is asked for in one query; it knows no stream and no Change.
 */
#include "catalog.h"

#include <stdlib.h>
#include <string.h>

#include "connection.h"

/* pg_type.oid of types that have an encoding of their own. */
typedef struct TypeEncoding
{
	uint32_t	oid;
	PgFanout__Encoding encoding;
} TypeEncoding;

static const TypeEncoding type_encodings[] = {
	{16, PG_FANOUT__ENCODING__BOOL},	/* bool */
	{17, PG_FANOUT__ENCODING__BYTES},	/* bytea */
	{20, PG_FANOUT__ENCODING__INT64},	/* int8 */
	{21, PG_FANOUT__ENCODING__INT32},	/* int2 */
	{23, PG_FANOUT__ENCODING__INT32},	/* int4 */
	{26, PG_FANOUT__ENCODING__UINT32},	/* oid */
	{28, PG_FANOUT__ENCODING__UINT32},	/* xid */
	{114, PG_FANOUT__ENCODING__JSON},	/* json */
	{700, PG_FANOUT__ENCODING__FLOAT},	/* float4 */
	{701, PG_FANOUT__ENCODING__DOUBLE}, /* float8 */
	{1082, PG_FANOUT__ENCODING__DATE},	/* date */
	{1083, PG_FANOUT__ENCODING__TIME},	/* time */
	{1114, PG_FANOUT__ENCODING__TIMESTAMP}, /* timestamp */
	{1184, PG_FANOUT__ENCODING__TIMESTAMPTZ},	/* timestamptz */
	{1186, PG_FANOUT__ENCODING__INTERVAL},	/* interval */
	{1700, PG_FANOUT__ENCODING__NUMERIC},	/* numeric */
	{2950, PG_FANOUT__ENCODING__UUID},	/* uuid */
	{3802, PG_FANOUT__ENCODING__JSON},	/* jsonb */
};

/* ---- the queries ---- */

static const char table_query[] =
	"SELECT c.oid, n.nspname, c.relname, c.relreplident, c.relkind"
	" FROM pg_catalog.pg_class c"
	" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	" WHERE c.oid = pg_catalog.to_regclass($1)";

enum
{
	TABLE_OID,
	TABLE_SCHEMA,
	TABLE_NAME,
	TABLE_IDENTITY,
	TABLE_KIND
};

/*
 * A row for each column, of an enum one for each label. walk goes from each
 * column's type through domains, into an array once, and again through
 * domains; int2vector and oidvector pass for arrays but go as text. Of
 * indexes, those count that the server lets count; where a column stands
 * twice, the last.
 */
static const char columns_query[] =
	"WITH RECURSIVE attribute AS ("
	" SELECT a.* FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1"
	"  AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'),"
	" type AS ("
	" SELECT t.oid, t.typtype, t.typbasetype, t.typelem,"
	"  t.oid NOT IN (22, 30)"
	"  AND COALESCE(pg_catalog.to_jsonb(t)->>'typsubscript' = 'array_subscript_handler',"
	"   t.typelem <> 0 AND t.typlen = -1) AS is_true_array"
	"  FROM pg_catalog.pg_type t),"
	" walk AS ("
	" SELECT DISTINCT atttypid AS start, atttypid AS oid, false AS in_array"
	"  FROM attribute"
	" UNION ALL"
	" SELECT w.start,"
	"   CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.typelem END,"
	"   w.in_array OR t.typtype <> 'd'"
	"  FROM walk w JOIN type t ON t.oid = w.oid"
	"  WHERE t.typtype = 'd' OR (t.is_true_array AND NOT w.in_array)),"
	" key AS ("
	" SELECT k.attnum, pg_catalog.max(k.n) FILTER (WHERE i.indisprimary) AS key_position,"
	"   pg_catalog.max(k.n) FILTER (WHERE i.indisvalid AND i.indisunique"
	"    AND i.indimmediate AND i.indpred IS NULL"
	"    AND CASE c.relreplident WHEN 'd' THEN i.indisprimary"
	"     WHEN 'i' THEN i.indisreplident END) AS identity_position"
	"  FROM pg_catalog.pg_class c"
	"  JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indislive,"
	"  pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY k(attnum, n)"
	"  WHERE c.oid = $1 AND k.n <= i.indnkeyatts GROUP BY k.attnum)"
	" SELECT a.attnum, a.attname, a.atttypid, n.nspname || '.' || t.typname,"
	"  a.atttypmod, a.attnotnull, COALESCE(key.key_position, 0),"
	"  COALESCE(key.identity_position, 0), a.attgenerated <> '',"
	"  walk.oid, walk.in_array, walked.typtype = 'e', e.enumlabel"
	" FROM attribute a"
	" JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
	" JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace"
	" JOIN walk ON walk.start = a.atttypid"
	" JOIN type walked ON walked.oid = walk.oid AND walked.typtype <> 'd'"
	"  AND (walk.in_array OR NOT walked.is_true_array)"
	" LEFT JOIN key ON key.attnum = a.attnum"
	" LEFT JOIN pg_catalog.pg_enum e ON e.enumtypid = walk.oid"
	" ORDER BY a.attnum, e.enumsortorder";

enum
{
	COLUMN_NUMBER,
	COLUMN_NAME,
	COLUMN_TYPE_OID,
	COLUMN_TYPE_NAME,
	COLUMN_TYPMOD,
	COLUMN_NOT_NULL,
	COLUMN_KEY_POSITION,
	COLUMN_IDENTITY_POSITION,
	COLUMN_GENERATED,
	COLUMN_BASE_OID,
	COLUMN_IS_ARRAY,
	COLUMN_IS_ENUM,
	COLUMN_LABEL
};

static PGresult *
catalog_query(PGconn *conn, const char *sql, const char *parameter,
			  Error *err)
{
	PGresult   *result = PQexecParams(conn, sql, 1, NULL, &parameter, NULL,
									  NULL, 0);

	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		return result;
	connection_error(conn, result, err);
	PQclear(result);
	return NULL;
}

/* ---- the record ---- */

/* Strings are the results'. */
typedef struct CatalogRecord
{
	PgFanout__Table table;
	PgFanout__Column *columns;
	PgFanout__Column **pointers;
	char	  **labels;
} CatalogRecord;

static bool
record_allocate(CatalogRecord *record, size_t rows, Error *err)
{
	record->columns = calloc(rows + 1, sizeof(*record->columns));
	record->pointers = calloc(rows + 1, sizeof(*record->pointers));
	record->labels = calloc(rows + 1, sizeof(*record->labels));
	if (record->columns == NULL || record->pointers == NULL ||
		record->labels == NULL)
		return error_no_memory(err);
	return true;
}

static void
record_free(CatalogRecord *record)
{
	free(record->columns);
	free(record->pointers);
	free(record->labels);
}

static PgFanout__ReplicaIdentity
identity_of(char letter)
{
	switch (letter)
	{
		case 'i':
			return PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_INDEX;
		case 'f':
			return PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_FULL;
		case 'n':
			return PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_NOTHING;
		default:
			return PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_DEFAULT;
	}
}

static PgFanout__Encoding
encoding_of(uint32_t oid, bool is_enum)
{
	for (size_t i = 0; i < sizeof(type_encodings) / sizeof(type_encodings[0]);
		 i++)
	{
		if (type_encodings[i].oid == oid)
			return type_encodings[i].encoding;
	}
	return is_enum ? PG_FANOUT__ENCODING__ENUM : PG_FANOUT__ENCODING__TEXT;
}

static uint32_t
value_number(const PGresult *result, int row, int column)
{
	return (uint32_t) strtoul(PQgetvalue(result, row, column), NULL, 10);
}

static bool
value_bool(const PGresult *result, int row, int column)
{
	return PQgetvalue(result, row, column)[0] == 't';
}

static void
column_fill(PgFanout__Column *column, const PGresult *result, int row)
{
	pg_fanout__column__init(column);
	column->number = value_number(result, row, COLUMN_NUMBER);
	column->name = PQgetvalue(result, row, COLUMN_NAME);
	column->type_oid = value_number(result, row, COLUMN_TYPE_OID);
	column->type_name = PQgetvalue(result, row, COLUMN_TYPE_NAME);
	column->typmod = (int32_t) strtol(PQgetvalue(result, row, COLUMN_TYPMOD),
									  NULL, 10);
	column->not_null = value_bool(result, row, COLUMN_NOT_NULL);
	column->key_position = value_number(result, row, COLUMN_KEY_POSITION);
	column->identity_position =
		value_number(result, row, COLUMN_IDENTITY_POSITION);
	column->generated = value_bool(result, row, COLUMN_GENERATED) ?
		PG_FANOUT__GENERATED__GENERATED_STORED :
		PG_FANOUT__GENERATED__GENERATED_NO;
	column->encoding = encoding_of(value_number(result, row, COLUMN_BASE_OID),
								   value_bool(result, row, COLUMN_IS_ENUM));
	column->array = value_bool(result, row, COLUMN_IS_ARRAY);
}

/* Rows with one number follow each other, and so do their labels. */
static void
record_fill_columns(CatalogRecord *record, const PGresult *result)
{
	PgFanout__Column *column = NULL;

	record->table.column = record->pointers;
	for (int row = 0; row < PQntuples(result); row++)
	{
		if (column == NULL ||
			column->number != value_number(result, row, COLUMN_NUMBER))
		{
			column = &record->columns[record->table.n_column];
			record->pointers[record->table.n_column++] = column;
			column_fill(column, result, row);
			column->enum_label = &record->labels[row];
		}
		if (!PQgetisnull(result, row, COLUMN_LABEL))
		{
			record->labels[row] = PQgetvalue(result, row, COLUMN_LABEL);
			column->n_enum_label++;
		}
	}
}

static Table *
record_build(CatalogRecord *record, const PGresult *table,
			 const PGresult *columns, Error *err)
{
	Table	   *built;

	pg_fanout__table__init(&record->table);
	record->table.oid = value_number(table, 0, TABLE_OID);
	record->table.schema = PQgetvalue(table, 0, TABLE_SCHEMA);
	record->table.name = PQgetvalue(table, 0, TABLE_NAME);
	record->table.identity =
		identity_of(PQgetvalue(table, 0, TABLE_IDENTITY)[0]);
	if (!record_allocate(record, (size_t) PQntuples(columns), err))
		return NULL;
	record_fill_columns(record, columns);
	record->table.version = table_fingerprint(&record->table);
	built = table_new(&record->table);
	if (built == NULL)
		error_set(err, ERROR_SOURCE,
			"cannot understand the catalog's description of table \"%s\"",
				  record->table.name);
	return built;
}

static bool
check_found(const PGresult *table, const char *name, Error *err)
{
	const char *kind;

	if (PQntuples(table) != 1)
	{
		error_set(err, ERROR_USAGE, "table \"%s\" does not exist", name);
		return error_hint(err,
			"Write it as in SQL and with its schema: public.orders.");
	}
	kind = PQgetvalue(table, 0, TABLE_KIND);
	if (kind[0] == 'r' || kind[0] == 'p')
		return true;
	error_set(err, ERROR_USAGE, "\"%s\" is not a table", name);
	return error_detail(err,
		"Only tables and partitioned tables have changes to send.");
}

Table *
catalog_table(PGconn *conn, const char *name, Error *err)
{
	PGresult   *table = catalog_query(conn, table_query, name, err);
	PGresult   *columns = NULL;
	CatalogRecord record = {0};
	Table	   *built = NULL;

	if (table == NULL || !check_found(table, name, err))
		goto done;
	columns = catalog_query(conn, columns_query,
							PQgetvalue(table, 0, TABLE_OID), err);
	if (columns != NULL)
		built = record_build(&record, table, columns, err);

done:
	record_free(&record);
	PQclear(columns);
	PQclear(table);
	return built;
}
