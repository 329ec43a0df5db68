/*
 * catalog_detail.c
 *		What a table's description leaves out. See catalog_detail.h.
 */
#include "catalog_detail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"

/*
 * A row for each column. base goes down through domains; the modifier is that
 * of the last step. The unique index is the first by name (a clustered one
 * before all) that has neither expressions nor a condition.
 */
static const char detail_query[] =
	"WITH RECURSIVE attribute AS ("
	" SELECT a.* FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1"
	"  AND a.attnum > 0 AND NOT a.attisdropped),"
	" base AS ("
	" SELECT attnum, atttypid AS oid, atttypmod AS typmod FROM attribute"
	" UNION ALL"
	" SELECT b.attnum, t.typbasetype, t.typtypmod"
	"  FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid"
	"  WHERE t.typtype = 'd'),"
	" chosen AS ("
	" SELECT i.indkey, i.indnkeyatts"
	"  FROM pg_catalog.pg_index i"
	"  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
	"  WHERE i.indrelid = $1 AND i.indisunique AND NOT i.indisprimary"
	"   AND i.indisvalid AND i.indexprs IS NULL AND i.indpred IS NULL"
	"  ORDER BY NOT i.indisclustered, c.relname LIMIT 1),"
	" key AS ("
	" SELECT k.attnum, k.n FROM chosen,"
	"  pg_catalog.unnest(chosen.indkey::pg_catalog.int2[])"
	"   WITH ORDINALITY k(attnum, n)"
	"  WHERE k.n <= chosen.indnkeyatts)"
	" SELECT a.attnum, a.atttypid, base.oid, n.nspname || '.' || t.typname,"
	"  base.typmod, COALESCE(key.n, 0),"
	"  CASE WHEN a.attgenerated = '' THEN"
	"   pg_catalog.pg_get_expr(d.adbin, d.adrelid) END"
	" FROM attribute a"
	" JOIN base ON base.attnum = a.attnum"
	" JOIN pg_catalog.pg_type t ON t.oid = base.oid AND t.typtype <> 'd'"
	" JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace"
	" LEFT JOIN key ON key.attnum = a.attnum"
	" LEFT JOIN pg_catalog.pg_attrdef d"
	"  ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
	" ORDER BY a.attnum";

enum
{
	DETAIL_NUMBER,
	DETAIL_TYPE_OID,
	DETAIL_BASE_OID,
	DETAIL_BASE_NAME,
	DETAIL_BASE_TYPMOD,
	DETAIL_UNIQUE_POSITION,
	DETAIL_PRESET
};

/* The columns and all their texts are one allocation behind the detail. */
static TableDetail *
detail_allocate(const PGresult *result, char **texts)
{
	size_t		count = (size_t) PQntuples(result);
	size_t		size = sizeof(TableDetail) + count * sizeof(ColumnDetail);
	size_t		columns = size;
	TableDetail *detail;

	for (int i = 0; i < PQntuples(result); i++)
		size += (size_t) PQgetlength(result, i, DETAIL_BASE_NAME) +
			(size_t) PQgetlength(result, i, DETAIL_PRESET) + 2;
	detail = calloc(1, size);
	if (detail == NULL)
		return NULL;
	*texts = (char *) detail + columns;
	detail->columns = (ColumnDetail *) (detail + 1);
	detail->count = count;
	return detail;
}

static uint32_t
value_number(const PGresult *result, int row, int column)
{
	return (uint32_t) strtoul(PQgetvalue(result, row, column), NULL, 10);
}

/* Copies a value to where the texts go; NULL: it is NULL. */
static const char *
take_text(char **texts, const PGresult *result, int row, int column)
{
	char	   *text = *texts;
	size_t		size = (size_t) PQgetlength(result, row, column) + 1;

	if (PQgetisnull(result, row, column))
		return NULL;
	memcpy(text, PQgetvalue(result, row, column), size);
	*texts += size;
	return text;
}

static TableDetail *
detail_build(const PGresult *result, Error *err)
{
	char	   *texts;
	TableDetail *detail = detail_allocate(result, &texts);
	ColumnDetail *columns;

	if (detail == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	columns = (ColumnDetail *) (detail + 1);
	for (int i = 0; i < PQntuples(result); i++)
	{
		ColumnDetail *column = &columns[i];

		column->number = value_number(result, i, DETAIL_NUMBER);
		column->type_oid = value_number(result, i, DETAIL_TYPE_OID);
		column->base_oid = value_number(result, i, DETAIL_BASE_OID);
		column->base_typmod =
			(int32_t) strtol(PQgetvalue(result, i, DETAIL_BASE_TYPMOD), NULL,
							 10);
		column->unique_position =
			value_number(result, i, DETAIL_UNIQUE_POSITION);
		column->base_name = take_text(&texts, result, i, DETAIL_BASE_NAME);
		column->preset = take_text(&texts, result, i, DETAIL_PRESET);
	}
	return detail;
}

TableDetail *
catalog_detail(PGconn *conn, uint32_t oid, Error *err)
{
	char		text[16];
	const char *parameter = text;
	TableDetail *detail = NULL;
	PGresult   *result;

	snprintf(text, sizeof(text), "%u", oid);
	result = PQexecParams(conn, detail_query, 1, NULL, &parameter, NULL, NULL,
						  0);
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		detail = detail_build(result, err);
	else
		connection_error(conn, result, err);
	PQclear(result);
	return detail;
}

void
catalog_detail_free(TableDetail *detail)
{
	free(detail);
}
