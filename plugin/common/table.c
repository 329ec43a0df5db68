/*
 * table.c
 *		A table's description. See table.h.
 *
 * The record may come from the network, so nothing in it is believed before
 * it was looked at. Compiled for the backend (PG_FANOUT_BACKEND: palloc, which
 * throws) and for the relay (malloc); it knows neither libpq nor relations.
 */
#ifdef PG_FANOUT_BACKEND
#include "postgres.h"
#define table_alloc(size)	palloc(size)
#define table_release(old)	pfree(old)
#else
#include <stdlib.h>
#define table_alloc(size)	malloc(size)
#define table_release(old)	free(old)
#endif

#include <string.h>

#include "table.h"
#include "wire.h"

#define FNV_OFFSET	UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME	UINT64_C(0x00000100000001b3)

/* Where Table.column stands in change.proto; the fingerprint relies on it. */
#define FIELD_COLUMN	6

/* ASCII */
#define COLUMN_MAX_DELIMITER	0x7f

/* ---- validation ---- */

static bool
record_is_string(const char *string)
{
	return string != NULL && string[0] != '\0';
}

static bool
record_column_is_valid(const PgFanout__Column *column, uint32_t previous)
{
	if (column->number <= previous || column->number > TABLE_MAX_NUMBER)
		return false;
	if (!record_is_string(column->name) ||
		!record_is_string(column->type_name))
		return false;
	if (column->key_position > TABLE_MAX_COLUMNS ||
		column->identity_position > TABLE_MAX_COLUMNS)
		return false;
	if ((unsigned) column->encoding > PG_FANOUT__ENCODING__ENUM ||
		(unsigned) column->generated > PG_FANOUT__GENERATED__GENERATED_STORED)
		return false;
	for (size_t i = 0; i < column->n_enum_label; i++)
	{
		if (column->enum_label[i] == NULL)
			return false;
	}
	return column->delimiter <= COLUMN_MAX_DELIMITER;
}

/* No two columns may claim the same place in an index. */
static bool
record_positions_are_distinct(const PgFanout__Table *record)
{
	bool		key[TABLE_MAX_COLUMNS + 1] = {false};
	bool		identity[TABLE_MAX_COLUMNS + 1] = {false};

	for (size_t i = 0; i < record->n_column; i++)
	{
		const PgFanout__Column *column = record->column[i];

		if (key[column->key_position] || identity[column->identity_position])
			return false;
		key[column->key_position] = column->key_position > 0;
		identity[column->identity_position] = column->identity_position > 0;
	}
	return true;
}

static bool
record_is_valid(const PgFanout__Table *record)
{
	uint32_t	previous = 0;

	if (!record_is_string(record->schema) || !record_is_string(record->name))
		return false;
	if ((unsigned) record->identity >
		PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_NOTHING)
		return false;
	if (record->n_column > TABLE_MAX_COLUMNS)
		return false;
	for (size_t i = 0; i < record->n_column; i++)
	{
		if (!record_column_is_valid(record->column[i], previous))
			return false;
		previous = record->column[i]->number;
	}
	return record_positions_are_distinct(record);
}

/* ---- building ---- */

/*
 * The parts of the one allocation: what needs alignment first (all of it that
 * of a pointer or less), then the characters.
 */
typedef struct TableParts
{
	Column	   *columns;
	size_t	   *keys;
	const char **labels;
	char	   *text;
} TableParts;

static size_t
record_text_size(const PgFanout__Table *record)
{
	size_t		size = strlen(record->schema) + strlen(record->name) + 2;

	for (size_t i = 0; i < record->n_column; i++)
	{
		const PgFanout__Column *column = record->column[i];

		size += strlen(column->name) + strlen(column->type_name) + 2;
		for (size_t j = 0; j < column->n_enum_label; j++)
			size += strlen(column->enum_label[j]) + 1;
	}
	return size;
}

static size_t
record_label_count(const PgFanout__Table *record)
{
	size_t		count = 0;

	for (size_t i = 0; i < record->n_column; i++)
		count += record->column[i]->n_enum_label;
	return count;
}

static Table *
table_allocate(const PgFanout__Table *record, TableParts *parts)
{
	size_t		columns_size = record->n_column * sizeof(Column);
	size_t		keys_size = record->n_column * sizeof(size_t);
	size_t		labels_size = record_label_count(record) * sizeof(char *);
	char	   *at = table_alloc(sizeof(Table) + columns_size + keys_size +
								 labels_size + record_text_size(record));

	if (at == NULL)
		return NULL;
	memset(at, 0, sizeof(Table) + columns_size);
	parts->columns = (Column *) (at + sizeof(Table));
	parts->keys = (size_t *) ((char *) parts->columns + columns_size);
	parts->labels = (const char **) ((char *) parts->keys + keys_size);
	parts->text = (char *) parts->labels + labels_size;
	return (Table *) at;
}

static const char *
parts_copy_string(TableParts *parts, const char *string)
{
	size_t		size = strlen(string) + 1;
	char	   *copy = memcpy(parts->text, string, size);

	parts->text += size;
	return copy;
}

static void
column_fill(Column *column, const PgFanout__Column *record, TableParts *parts)
{
	column->number = record->number;
	column->type_oid = record->type_oid;
	column->typmod = record->typmod;
	column->key_position = record->key_position;
	column->identity_position = record->identity_position;
	column->encoding = record->encoding;
	column->is_array = record->array;
	column->delimiter = record->delimiter ? (char) record->delimiter : ',';
	column->not_null = record->not_null;
	column->generated =
		record->generated != PG_FANOUT__GENERATED__GENERATED_NO;
	column->name = parts_copy_string(parts, record->name);
	column->type_name = parts_copy_string(parts, record->type_name);
	column->labels = parts->labels;
	column->label_count = record->n_enum_label;
	for (size_t i = 0; i < record->n_enum_label; i++)
		*parts->labels++ = parts_copy_string(parts, record->enum_label[i]);
}

/*
 * Collects the columns of one index in the order of their positions. A gap
 * means that the index has a column which is not sent; what is left of it does
 * not identify a row, so there is no key then.
 */
static size_t
table_collect_keys(const Table *table, bool identity, size_t *keys)
{
	size_t		count = 0;

	for (;;)
	{
		size_t		i = 0;

		for (; i < table->column_count; i++)
		{
			const Column *column = &table->columns[i];

			if ((identity ? column->identity_position :
				 column->key_position) == count + 1)
				break;
		}
		if (i == table->column_count)
			break;
		keys[count++] = i;
	}
	for (size_t i = 0; i < table->column_count; i++)
	{
		const Column *column = &table->columns[i];

		if ((identity ? column->identity_position :
			 column->key_position) > count)
			return 0;
	}
	return count;
}

static void
table_choose_keys(Table *table, size_t *keys)
{
	table->keys = keys;
	if (table->identity ==
		PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_INDEX)
		table->key_count = table_collect_keys(table, true, keys);
	if (table->key_count == 0)
		table->key_count = table_collect_keys(table, false, keys);
	if (table->key_count > 0 || table->identity !=
		PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_FULL)
		return;
	for (size_t i = 0; i < table->column_count; i++)
		keys[i] = i;
	table->key_count = table->column_count;
}

Table *
table_new(const PgFanout__Table *record)
{
	TableParts	parts;
	Table	   *table;

	if (!record_is_valid(record))
		return NULL;
	table = table_allocate(record, &parts);
	if (table == NULL)
		return NULL;
	table->oid = record->oid;
	table->version = record->version;
	table->identity = record->identity;
	table->schema = parts_copy_string(&parts, record->schema);
	table->name = parts_copy_string(&parts, record->name);
	table->columns = parts.columns;
	table->column_count = record->n_column;
	for (size_t i = 0; i < record->n_column; i++)
		column_fill(&parts.columns[i], record->column[i], &parts);
	table_choose_keys(table, parts.keys);
	return table;
}

void
table_record_column(const Column *column, PgFanout__Column *record)
{
	pg_fanout__column__init(record);
	record->number = column->number;
	record->name = (char *) column->name;
	record->type_oid = column->type_oid;
	record->type_name = (char *) column->type_name;
	record->typmod = column->typmod;
	record->not_null = column->not_null;
	record->key_position = column->key_position;
	record->identity_position = column->identity_position;
	record->generated = column->generated ?
		PG_FANOUT__GENERATED__GENERATED_STORED :
		PG_FANOUT__GENERATED__GENERATED_NO;
	record->n_enum_label = column->label_count;
	record->enum_label = (char **) column->labels;
	record->encoding = column->encoding;
	record->array = column->is_array;
	record->delimiter = (unsigned char) column->delimiter;
}

void
table_free(Table *table)
{
	if (table != NULL)
		table_release(table);
}

const Column *
table_find_column(const Table *table, uint32_t number)
{
	size_t		low = 0;
	size_t		high = table->column_count;

	/* Without dropped columns it stands where its number says. */
	if (number - 1 < high && table->columns[number - 1].number == number)
		return &table->columns[number - 1];
	while (low < high)
	{
		size_t		middle = (low + high) / 2;

		if (table->columns[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < table->column_count && table->columns[low].number == number)
		return &table->columns[low];
	return NULL;
}

/* ---- fingerprint ---- */

/* Packing into it hashes (FNV-1a) instead of keeping the bytes. */
typedef struct HashBuffer
{
	ProtobufCBuffer base;
	uint64_t	hash;
} HashBuffer;

static void
hash_append(ProtobufCBuffer *buffer, size_t size, const uint8_t *data)
{
	HashBuffer *hash = (HashBuffer *) buffer;

	for (size_t i = 0; i < size; i++)
		hash->hash = (hash->hash ^ data[i]) * FNV_PRIME;
}

/*
 * The hash of the packed record with version 0. The columns, its last field,
 * are packed one by one: protobuf-c would take memory from malloc for nested
 * messages and drop what it cannot get.
 */
uint64_t
table_fingerprint(const PgFanout__Table *record)
{
	HashBuffer	hash = {{hash_append}, FNV_OFFSET};
	PgFanout__Table head = *record;

	head.version = 0;
	head.n_column = 0;
	pg_fanout__table__pack_to_buffer(&head, &hash.base);
	for (size_t i = 0; i < record->n_column; i++)
	{
		uint8_t		prefix[WIRE_MAX_SCALAR];
		uint8_t    *end = wire_put_tag(prefix, FIELD_COLUMN, WIRE_BYTES);

		end = wire_put_varint(end,
			pg_fanout__column__get_packed_size(record->column[i]));
		hash_append(&hash.base, (size_t) (end - prefix), prefix);
		pg_fanout__column__pack_to_buffer(record->column[i], &hash.base);
	}
	return hash.hash;
}
