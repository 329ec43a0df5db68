/*
 * table.c
 *		The Table record of a relation.
 *
 * Only what every source of changes can know goes into it, and only what can
 * be read without locking a user's table: no default expressions, and the
 * indexes' columns from pg_index instead of the opened index.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "common/table.h"
#include "compat.h"
#include "table.h"
#include "text.h"
#include "type.h"

/* Where in an index the table's columns stand, by attribute number; 0: no. */
typedef struct KeyPositions
{
	uint8		primary[MaxHeapAttributeNumber + 1];
	uint8		identity[MaxHeapAttributeNumber + 1];
} KeyPositions;

Bitmapset *
table_columns(Relation relation, bool generated)
{
	TupleDesc	desc = RelationGetDescr(relation);
	Bitmapset  *columns = NULL;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (attribute->attisdropped ||
			attribute->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
			continue;
		if (attribute->attgenerated != '\0' && !generated)
			continue;
		columns = bms_add_member(columns, attribute->attnum);
	}
	return columns;
}

/*
 * A key that a column list hides in part is no key at all: rows that differ
 * in the hidden part would be taken for one.
 */
static bool
table_sends_key(Form_pg_index index, const Bitmapset *columns)
{
	for (int i = 0; i < index->indnkeyatts; i++)
		if (!bms_is_member(index->indkey.values[i], columns))
			return false;
	return true;
}

static void
table_number_keys(Form_pg_index index, const Bitmapset *columns,
				  uint8 *positions)
{
	if (!table_sends_key(index, columns))
		return;
	for (int i = 0; i < index->indnkeyatts; i++)
		positions[index->indkey.values[i]] = i + 1;
}

/*
 * The primary key counts even if it is deferrable, when it cannot serve as
 * the identity. The relation's own fields for the two differ over versions.
 */
static void
table_find_keys(Relation relation, const Bitmapset *columns,
				KeyPositions *keys)
{
	List	   *indexes = RelationGetIndexList(relation);
	Oid			identity = RelationGetReplicaIndex(relation);
	ListCell   *cell;

	memset(keys, 0, sizeof(*keys));
	foreach(cell, indexes)
	{
		HeapTuple	tuple =
			SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
		Form_pg_index index;

		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for index %u", lfirst_oid(cell));
		index = (Form_pg_index) GETSTRUCT(tuple);
		if (index->indisprimary)
			table_number_keys(index, columns, keys->primary);
		if (index->indexrelid == identity)
			table_number_keys(index, columns, keys->identity);
		ReleaseSysCache(tuple);
	}
	list_free(indexes);
}

static PgFanout__ReplicaIdentity
table_identity(Relation relation)
{
	switch (relation->rd_rel->relreplident)
	{
		case REPLICA_IDENTITY_INDEX:
			return PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_INDEX;
		case REPLICA_IDENTITY_FULL:
			return PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_FULL;
		case REPLICA_IDENTITY_NOTHING:
			return PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_NOTHING;
		default:
			return PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_DEFAULT;
	}
}

static void
table_list_labels(PgFanout__Column *column, Oid type)
{
	int			count;
	EnumLabel  *labels = type_labels(type, &count);

	column->enum_label = palloc(sizeof(char *) * Max(count, 1));
	column->n_enum_label = count;
	for (int i = 0; i < count; i++)
		column->enum_label[i] = unconstify(char *, labels[i].label);
	pfree(labels);
}

static PgFanout__Column *
table_describe_column(Form_pg_attribute attribute, const KeyPositions *keys)
{
	PgFanout__Column *column = palloc(sizeof(PgFanout__Column));
	TypeInfo	type = type_info(attribute->atttypid);

	pg_fanout__column__init(column);
	column->number = attribute->attnum;
	column->name = text_to_utf8(pstrdup(NameStr(attribute->attname)));
	column->type_oid = attribute->atttypid;
	column->type_name = type_name(attribute->atttypid);
	column->typmod = attribute->atttypmod;
	column->not_null = attribute->attnotnull;
	column->key_position = keys->primary[attribute->attnum];
	column->identity_position = keys->identity[attribute->attnum];
	if (attribute->attgenerated != '\0')
		column->generated = PG_FANOUT__GENERATED__GENERATED_STORED;
	if (type.kind == VALUE_ENUM)
		table_list_labels(column, type.oid);
	column->encoding = type.encoding;
	column->array = type.is_array;
	column->delimiter = (uint8) type.delimiter;
	return column;
}

static void
table_describe_columns(PgFanout__Table *table, TupleDesc desc,
					   const Bitmapset *columns, const KeyPositions *keys)
{
	int			number = -1;

	table->column = palloc(sizeof(PgFanout__Column *) * Max(desc->natts, 1));
	table->n_column = 0;
	while ((number = bms_next_member(columns, number)) >= 0)
		table->column[table->n_column++] =
			table_describe_column(TupleDescAttr(desc, number - 1), keys);
}

PgFanout__Table *
table_describe(Relation relation, const Bitmapset *columns)
{
	PgFanout__Table *table = palloc(sizeof(PgFanout__Table));
	KeyPositions keys;
	char	   *schema = get_namespace_name(RelationGetNamespace(relation));

	if (columns == NULL)
		columns = table_columns(relation, true);
	text_setup();
	table_find_keys(relation, columns, &keys);
	pg_fanout__table__init(table);
	table->oid = RelationGetRelid(relation);
	table->schema = text_to_utf8(schema ? schema : "");
	table->name = text_to_utf8(pstrdup(RelationGetRelationName(relation)));
	table->identity = table_identity(relation);
	table_describe_columns(table, RelationGetDescr(relation), columns, &keys);
	table->version = table_fingerprint(table);
	return table;
}
