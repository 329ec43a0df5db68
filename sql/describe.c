/*
 * describe.c
 *		SQL functions that describe: the library's version, a table's .proto.
 *
 * The table's description is made by the plugin's own code, so that it is the
 * one that the records follow.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "common/table.h"
#include "compat.h"
#include "proto_text.h"
#include "table.h"

#define PROTO_LIMIT (64 * 1024 * 1024)

extern PGDLLEXPORT Datum pg_fanout_version(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum pg_fanout_proto(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(pg_fanout_version);
PG_FUNCTION_INFO_V1(pg_fanout_proto);

Datum
pg_fanout_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(PG_FANOUT_VERSION));
}

static void
describe_check_kind(Relation relation)
{
	if (relation->rd_rel->relkind == RELKIND_RELATION ||
		relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		return;
	ereport(ERROR,
			errcode(ERRCODE_WRONG_OBJECT_TYPE),
			errmsg("\"%s\" is not a table", RelationGetRelationName(relation)),
			errdetail("Only tables and partitioned tables have changes to send."));
}

static Table *
describe_table(Oid relid)
{
	Relation	relation = relation_open(relid, AccessShareLock);
	Table	   *table;

	describe_check_kind(relation);
	table = table_new(table_describe(relation, NULL));
	if (table == NULL)
		elog(ERROR, "description of table \"%s\" is malformed",
			 RelationGetRelationName(relation));
	relation_close(relation, AccessShareLock);
	return table;
}

static const char *
describe_package(FunctionCallInfo fcinfo)
{
	char	   *package;

	if (PG_ARGISNULL(1))
		return NULL;
	package = text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (!proto_package_is_valid(package))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("invalid protobuf package \"%s\"", package),
				errhint("A package is made of ASCII letters, digits and underscores with dots between, like com.example.bank."));
	return package;
}

Datum
pg_fanout_proto(PG_FUNCTION_ARGS)
{
	const char *package;
	const char *text;
	Buf			out;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	package = describe_package(fcinfo);
	buf_init(&out, PROTO_LIMIT);
	proto_append_table(&out, describe_table(PG_GETARG_OID(0)), package);
	text = buf_string(&out);
	if (text == NULL)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("description of the table is too large"));
	PG_RETURN_TEXT_P(cstring_to_text(pg_any_to_server(text, out.size,
													  PG_UTF8)));
}
