/*
 * catalog.c
 *		A table's description from the catalog. See catalog.h.
 *
 * Puts together the record that the plugin would send and lets table.c judge
 * it like one that came over the wire. What the plugin learns from the
 * server's caches is asked for in one query; it knows no stream and no Change.
 */
#include "catalog.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "connection.h"
#include "utf8.h"

#define STRING_LIMIT	4096	/* names and labels have at most 63 bytes */
#define TYPES_LIMIT		(TABLE_MAX_COLUMNS * 11 + 16)

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

#define SELECT_TABLE \
	"SELECT c.oid, n.nspname, c.relname, c.relreplident, c.relkind" \
	" FROM pg_catalog.pg_class c" \
	" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace" \
	" WHERE c.oid = "

static const char table_query[] =
	SELECT_TABLE "pg_catalog.to_regclass($1)";
static const char table_by_oid_query[] =
	SELECT_TABLE "$1::pg_catalog.oid";

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
 * domains; int2vector and oidvector pass for arrays but go as text.
 */
#define WALK_TYPES \
	" type AS NOT MATERIALIZED (" \
	" SELECT t.oid, t.typtype, t.typbasetype, t.typelem, t.typdelim," \
	"  t.oid NOT IN (22, 30)" \
	"  AND COALESCE(pg_catalog.to_jsonb(t)->>'typsubscript' = 'array_subscript_handler'," \
	"   t.typelem <> 0 AND t.typlen = -1) AS is_true_array" \
	"  FROM pg_catalog.pg_type t)," \
	" walk AS (" \
	" SELECT DISTINCT atttypid AS start, atttypid AS oid, false AS in_array" \
	"  FROM attribute" \
	" UNION ALL" \
	" SELECT w.start," \
	"   CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.typelem END," \
	"   w.in_array OR t.typtype <> 'd'" \
	"  FROM walk w JOIN type t ON t.oid = w.oid" \
	"  WHERE t.typtype = 'd' OR (t.is_true_array AND NOT w.in_array))"

#define SELECT_COLUMNS \
	" SELECT a.attnum, a.attname, a.atttypid, n.nspname || '.' || t.typname," \
	"  a.atttypmod, a.attnotnull, COALESCE(key.key_position, 0)," \
	"  COALESCE(key.identity_position, 0), a.attgenerated <> ''," \
	"  walk.oid, walk.in_array, walked.typdelim, walked.typtype = 'e'," \
	"  e.enumlabel" \
	" FROM attribute a" \
	" JOIN pg_catalog.pg_type t ON t.oid = a.atttypid" \
	" JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace" \
	" JOIN walk ON walk.start = a.atttypid" \
	" JOIN type walked ON walked.oid = walk.oid AND walked.typtype <> 'd'" \
	"  AND (walk.in_array OR NOT walked.is_true_array)" \
	" LEFT JOIN key ON key.attnum = a.attnum" \
	" LEFT JOIN pg_catalog.pg_enum e ON e.enumtypid = walk.oid" \
	" ORDER BY a.attnum, e.enumsortorder"

/*
 * Of indexes, those count that the server lets count; where a column stands
 * twice, the last.
 */
static const char columns_query[] =
	"WITH RECURSIVE attribute AS ("
	" SELECT a.* FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1"
	"  AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'),"
	WALK_TYPES ","
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
	SELECT_COLUMNS;

/* Types by their oids, in the shape of columns numbered from 1. */
static const char types_query[] =
	"WITH RECURSIVE attribute AS ("
	" SELECT n AS attnum, 'type' AS attname, oid AS atttypid,"
	"  -1 AS atttypmod, false AS attnotnull, '' AS attgenerated"
	"  FROM pg_catalog.unnest($1::pg_catalog.oid[]) WITH ORDINALITY u(oid, n)),"
	WALK_TYPES ","
	" key AS (SELECT 0 AS attnum, 0 AS key_position, 0 AS identity_position"
	"  WHERE false)"
	SELECT_COLUMNS;

/*
 * Of each attribute number: dropped or not, and whether its row is younger
 * than transaction $2, or its own. Transaction ids wrap around, and a row may
 * be older than one round: what counts lies between $2 and the next id to be
 * given.
 */
static const char attributes_query[] =
	"SELECT a.attnum, a.attisdropped, $2::pg_catalog.int8 <> 0 AND"
	"  (a.xmin::pg_catalog.text::pg_catalog.int8 - $2::pg_catalog.int8"
	"   + 4294967296) % 4294967296 <"
	"  (now.xid - $2::pg_catalog.int8 + 4294967296) % 4294967296"
	" FROM pg_catalog.pg_attribute a,"
	"  (SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())"
	"   ::pg_catalog.text::pg_catalog.numeric % 4294967296 AS xid) now"
	" WHERE a.attrelid = $1 AND a.attnum > 0 ORDER BY a.attnum";

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
	COLUMN_DELIMITER,
	COLUMN_IS_ENUM,
	COLUMN_LABEL
};

enum
{
	ATTRIBUTE_NUMBER,
	ATTRIBUTE_IS_DROPPED,
	ATTRIBUTE_IS_CHANGED
};

static PGresult *
catalog_query_with(PGconn *conn, const char *sql, int count,
				   const char *const *parameters, Error *err)
{
	PGresult   *result = PQexecParams(conn, sql, count, NULL, parameters, NULL,
									  NULL, 0);

	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		return result;
	connection_error(conn, result, err);
	PQclear(result);
	return NULL;
}

static PGresult *
catalog_query(PGconn *conn, const char *sql, const char *parameter,
			  Error *err)
{
	return catalog_query_with(conn, sql, 1, &parameter, err);
}

/* ---- the record ---- */

/* Strings are the results', but for those that had to be made UTF-8. */
typedef struct CatalogRecord
{
	PgFanout__Table table;
	PgFanout__Column *columns;
	PgFanout__Column **pointers;
	char	  **labels;
	char	  **repaired;
	size_t		repaired_count;
	bool		failed;			/* no memory for one of those */
} CatalogRecord;

/* Of names and labels in a database whose encoding promises nothing. */
static char *
record_string(CatalogRecord *record, const PGresult *result, int row,
			  int column)
{
	char	   *value = PQgetvalue(result, row, column);
	Slice		text = slice_of(value);
	char	  **list;
	Buf			out;

	if (utf8_valid_size(text) == text.size)
		return value;
	list = realloc(record->repaired,
				   (record->repaired_count + 1) * sizeof(char *));
	if (list != NULL)
		record->repaired = list;
	buf_init(&out, STRING_LIMIT);
	utf8_append_repaired(&out, text);
	if (list == NULL || buf_string(&out) == NULL)
	{
		buf_free(&out);
		record->failed = true;
		return value;
	}
	record->repaired[record->repaired_count++] = (char *) out.data;
	return (char *) out.data;
}

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
	for (size_t i = 0; i < record->repaired_count; i++)
		free(record->repaired[i]);
	free(record->repaired);
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

/* As the record has it: a comma, which nearly all have, is left out. */
static uint32_t
delimiter_of(char delimiter)
{
	return delimiter == ',' ? 0 : (uint8_t) delimiter;
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
column_fill(CatalogRecord *record, PgFanout__Column *column,
			const PGresult *result, int row)
{
	pg_fanout__column__init(column);
	column->number = value_number(result, row, COLUMN_NUMBER);
	column->name = record_string(record, result, row, COLUMN_NAME);
	column->type_oid = value_number(result, row, COLUMN_TYPE_OID);
	column->type_name = record_string(record, result, row, COLUMN_TYPE_NAME);
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
	column->delimiter = column->array ?
		delimiter_of(PQgetvalue(result, row, COLUMN_DELIMITER)[0]) : 0;
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
			column_fill(record, column, result, row);
			column->enum_label = &record->labels[row];
		}
		if (!PQgetisnull(result, row, COLUMN_LABEL))
		{
			record->labels[row] = record_string(record, result, row,
												COLUMN_LABEL);
			column->n_enum_label++;
		}
	}
}

static Table *
record_finish(CatalogRecord *record, const PGresult *columns, Error *err)
{
	Table	   *built = NULL;

	if (!record_allocate(record, (size_t) PQntuples(columns), err))
		return NULL;
	record_fill_columns(record, columns);
	if (record->failed)
	{
		error_no_memory(err);
		return NULL;
	}
	record->table.version = table_fingerprint(&record->table);
	built = table_new(&record->table);
	if (built == NULL)
		error_set(err, ERROR_SOURCE,
			"cannot understand the catalog's description of table \"%s\"",
				  record->table.name);
	return built;
}

static Table *
record_build(const PGresult *table, const PGresult *columns, Error *err)
{
	CatalogRecord record = {0};
	Table	   *built;

	pg_fanout__table__init(&record.table);
	record.table.oid = value_number(table, 0, TABLE_OID);
	record.table.schema = record_string(&record, table, 0, TABLE_SCHEMA);
	record.table.name = record_string(&record, table, 0, TABLE_NAME);
	record.table.identity =
		identity_of(PQgetvalue(table, 0, TABLE_IDENTITY)[0]);
	built = record_finish(&record, columns, err);
	record_free(&record);
	return built;
}

/* ---- by name ---- */

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
	Table	   *built = NULL;

	if (table == NULL || !check_found(table, name, err))
		goto done;
	columns = catalog_query(conn, columns_query,
							PQgetvalue(table, 0, TABLE_OID), err);
	if (columns != NULL)
		built = record_build(table, columns, err);

done:
	PQclear(columns);
	PQclear(table);
	return built;
}

/* ---- pictures ---- */

typedef struct OidText
{
	char		text[16];
} OidText;

static const char *
oid_text(uint32_t oid, OidText *out)
{
	snprintf(out->text, sizeof(out->text), "%" PRIu32, oid);
	return out->text;
}

static bool
picture_table(TablePicture *picture, PGconn *conn, const char *oid, Error *err)
{
	PGresult   *table = catalog_query(conn, table_by_oid_query, oid, err);
	PGresult   *columns = NULL;
	bool		ok = table != NULL;

	if (ok && PQntuples(table) == 1)
	{
		columns = catalog_query(conn, columns_query, oid, err);
		if (columns != NULL)
			picture->table = record_build(table, columns, err);
		ok = picture->table != NULL;
	}
	PQclear(columns);
	PQclear(table);
	return ok;
}

static bool
picture_attributes(TablePicture *picture, PGconn *conn, const char *oid,
				   const char *xid, Error *err)
{
	const char *parameters[] = {oid, xid};
	PGresult   *result = catalog_query_with(conn, attributes_query, 2,
											parameters, err);

	if (result == NULL)
		return false;
	for (int row = 0; row < PQntuples(result); row++)
	{
		uint32_t	number = value_number(result, row, ATTRIBUTE_NUMBER);

		if (number > TABLE_MAX_COLUMNS)
			continue;
		picture->attributes[number] =
			(value_bool(result, row, ATTRIBUTE_IS_DROPPED) ?
			 ATTRIBUTE_DROPPED : ATTRIBUTE_LIVE) |
			(value_bool(result, row, ATTRIBUTE_IS_CHANGED) ?
			 ATTRIBUTE_CHANGED : 0);
	}
	PQclear(result);
	return true;
}

static bool
picture_types(TablePicture *picture, PGconn *conn, const TableWish *wish,
			  Error *err)
{
	CatalogRecord record = {0};
	PGresult   *types = NULL;
	Buf			list;

	buf_init(&list, TYPES_LIMIT);
	buf_append_string(&list, "{");
	for (size_t i = 0; i < wish->type_count; i++)
		buf_printf(&list, "%s%" PRIu32, i > 0 ? "," : "", wish->types[i]);
	buf_append_string(&list, "}");
	pg_fanout__table__init(&record.table);
	record.table.schema = "types";
	record.table.name = "types";
	if (buf_failed(&list))
		error_no_memory(err);
	else
		types = catalog_query(conn, types_query, buf_string(&list), err);
	if (types != NULL)
		picture->types = record_finish(&record, types, err);
	record_free(&record);
	PQclear(types);
	buf_free(&list);
	return picture->types != NULL;
}

/* All queries see one state of the catalog. */
TablePicture *
catalog_picture(PGconn *conn, const TableWish *wish, Error *err)
{
	TablePicture *picture = calloc(1, sizeof(*picture));
	PGresult   *result;
	OidText		oid;
	OidText		xid;
	bool		ok;

	if (picture == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	oid_text(wish->oid, &oid);
	oid_text(wish->xid, &xid);
	result = connection_query(conn,
		"BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY", err);
	ok = result != NULL &&
		picture_table(picture, conn, oid.text, err) &&
		picture_attributes(picture, conn, oid.text, xid.text, err) &&
		picture_types(picture, conn, wish, err);
	PQclear(result);
	if (ok)
	{
		result = connection_query(conn, "COMMIT", err);
		ok = result != NULL;
		PQclear(result);
	}
	if (ok)
		return picture;
	catalog_picture_free(picture);
	return NULL;
}

void
catalog_picture_free(TablePicture *picture)
{
	if (picture == NULL)
		return;
	table_free(picture->table);
	table_free(picture->types);
	free(picture);
}
