/*
 * debezium_table.c
 *		All that is the same in every record of a table, and its rows. See
 *		debezium_table.h.
 */
#include "debezium_table.h"

#include <stdlib.h>

#include "debezium_filler.h"
#include "debezium_json.h"
#include "debezium_schema.h"
#include "record_key.h"
#include "route.h"
#include "row_read.h"

/* 1,600 columns with a schema of some hundred bytes, written three times. */
#define TEXT_LIMIT	((size_t) 64 << 20)

/* ---- making: pieces of text ---- */

typedef struct Maker
{
	DebeziumTable *made;
	const Table *table;
	const TableDetail *detail;
	const DebeziumNames *names;
	DebeziumWriter *writer;
} Maker;

static Span
span_since(const DebeziumTable *made, size_t start)
{
	Span		span = {(uint32_t) start,
	(uint32_t) (made->text.size - start)};

	return span;
}

/* What the writer holds goes into the table's text. */
static Span
take_text(Maker *maker)
{
	DebeziumTable *made = maker->made;
	size_t		start = made->text.size;

	buf_append_slice(&made->text, buf_slice(&maker->writer->out));
	made->text.failed |= maker->writer->out.failed;
	buf_clear(&maker->writer->out);
	return span_since(made, start);
}

static Span
string_text(Maker *maker, const char *text)
{
	buf_append_string(&maker->writer->out, text);
	return take_text(maker);
}

/* ---- making: columns ---- */

static void
make_names(Maker *maker, DebeziumColumn *made, const char *name)
{
	Buf		   *out = &maker->writer->out;

	if (maker->made->column_count > 0)
		buf_append_byte(out, ',');
	debezium_append_string(out, slice_of(name), DEBEZIUM_ESCAPE_BYTES);
	buf_append_byte(out, ':');
	made->name = take_text(maker);
	made->plain_name = made->name;
	if (maker->made->column_count > 0)
	{
		made->plain_name.start++;
		made->plain_name.size--;
	}
}

/* Nothing stands in a record but one of these, if the value is not there. */
static void
make_fillers(Maker *maker, DebeziumColumn *made, const Column *column,
			 const ColumnDetail *detail)
{
	DebeziumWriter *writer = maker->writer;
	const DebeziumOptions *options = maker->names->options;
	bool		preset = debezium_append_default(writer, &made->type, column,
												 detail);
	Span		value = take_text(maker);

	made->optional = !column->not_null;
	if (preset)
		made->preset = value;
	made->absent = preset && options->replace_null ? value :
		string_text(maker, "null");
	made->unsent = made->absent;
	if (column->not_null && preset)
		made->unsent = value;
	else if (column->not_null)
	{
		debezium_append_zero(&writer->out, &made->type);
		made->unsent = take_text(maker);
	}
	debezium_append_placeholder(&writer->out, &made->type,
								options->placeholder);
	made->placeholder = take_text(maker);
}

static void
make_columns(Maker *maker)
{
	DebeziumTable *made = maker->made;

	for (size_t i = 0; i < maker->table->column_count; i++)
	{
		const Column *column = &maker->table->columns[i];
		const ColumnDetail *detail = table_detail_find(maker->detail,
													   column->number,
													   column->type_oid);
		DebeziumColumn *next = &made->columns[made->column_count];

		if (!debezium_type_find(column, detail, maker->names->options,
								&next->type))
			continue;
		next->number = column->number;
		make_names(maker, next, column->name);
		make_fillers(maker, next, column, detail);
		made->column_count++;
	}
}

/* ---- making: keys ---- */

/*
 * Where a column stands in the key, from 1: in the identity's index if there
 * is one, else in the primary key, else in the first unique index.
 */
static uint32_t
key_position(const Maker *maker, const Column *column, int choice)
{
	const ColumnDetail *detail;

	if (choice == 0)
		return maker->table->identity ==
			PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_INDEX ?
			column->identity_position : 0;
	if (choice == 1)
		return column->key_position;
	detail = table_detail_find(maker->detail, column->number,
							   column->type_oid);
	return detail != NULL ? detail->unique_position : 0;
}

/* The index of the written column with this number; column_count: none. */
static size_t
find_written(const DebeziumTable *made, uint32_t number)
{
	size_t		i = 0;

	while (i < made->column_count && made->columns[i].number != number)
		i++;
	return i;
}

/* How many columns a key has. Of an index also those that are not sent. */
static uint32_t
key_size(const Maker *maker, int choice)
{
	const TableDetail *detail = maker->detail;
	uint32_t	count = 0;

	if (choice == 2)
	{
		for (size_t i = 0; detail != NULL && i < detail->count; i++)
			count += detail->columns[i].unique_position > 0;
		return count;
	}
	for (size_t i = 0; i < maker->table->column_count; i++)
		count += key_position(maker, &maker->table->columns[i], choice) > 0;
	return count;
}

/* The positions of one choice: all of 1 to n, or there is no such key. */
static bool
make_keys_of(Maker *maker, int choice)
{
	DebeziumTable *made = maker->made;
	const Table *table = maker->table;
	uint32_t	count = key_size(maker, choice);
	uint32_t	found = 0;

	for (size_t i = 0; i < table->column_count; i++)
	{
		uint32_t	position = key_position(maker, &table->columns[i], choice);
		size_t		written = find_written(made, table->columns[i].number);

		if (position > count)
			return false;
		if (position > 0 && written == made->column_count)
			return false;
		if (position > 0)
			made->keys[position - 1] = written;
		found += position > 0;
	}
	made->key_count = count;
	return count > 0 && found == count;
}

static void
make_keys(Maker *maker)
{
	for (int choice = 0; choice < 3; choice++)
		if (make_keys_of(maker, choice))
			return;
	maker->made->key_count = 0;
}

/* ---- making: heads ---- */

static bool
make_topic(Maker *maker, Error *err)
{
	RouteNames	names = {
		.prefix = maker->names->prefix,
		.schema = maker->table->schema, .table = maker->table->name,
		.underscores = true
	};

	if (!route_expand(&maker->writer->out, "{prefix}.{schema}.{table}", &names,
					  err))
		return false;
	maker->made->topic = take_text(maker);
	return true;
}

static void
make_source_names(Maker *maker)
{
	Buf		   *out = &maker->writer->out;
	const Table *table = maker->table;

	buf_append_string(out, "\"schema\":");
	debezium_append_string(out, slice_of(table->schema),
						   DEBEZIUM_ESCAPE_BYTES);
	buf_append_string(out, ",\"table\":");
	debezium_append_string(out, slice_of(table->name), DEBEZIUM_ESCAPE_BYTES);
	maker->made->names = take_text(maker);
	buf_append_string(out, table->schema);
	buf_append_byte(out, '.');
	buf_append_string(out, table->name);
	buf_append_byte(out, '\0');
	maker->made->collection = take_text(maker);
}

static void
make_heads(Maker *maker)
{
	DebeziumTable *made = maker->made;
	Buf		   *out = &maker->writer->out;

	if (!maker->names->options->schemas)
		return;
	if (made->key_count > 0)
		debezium_schema_append_key(out, made, maker->table);
	made->key_head = take_text(maker);
	if (maker->names->flat->on)
		debezium_schema_append_flat(out, made, maker->table,
									maker->names->flat);
	else
		debezium_schema_append_value(out, made, maker->table);
	made->value_head = take_text(maker);
}

/* Labels are the description's: nobody needs them any more. */
static void
forget_labels(DebeziumTable *made)
{
	for (size_t i = 0; i < made->column_count; i++)
	{
		made->columns[i].type.labels = NULL;
		made->columns[i].type.label_count = 0;
	}
}

static DebeziumTable *
table_allocate(const Table *table, Error *err)
{
	DebeziumTable *made = calloc(1, sizeof(*made));

	if (made != NULL)
	{
		buf_init(&made->text, TEXT_LIMIT);
		made->version = table->version;
		made->columns = calloc(table->column_count + 1,
							   sizeof(*made->columns));
		made->keys = calloc(table->column_count + 1, sizeof(*made->keys));
	}
	if (made != NULL && made->columns != NULL && made->keys != NULL)
		return made;
	debezium_table_free(made);
	error_no_memory(err);
	return NULL;
}

DebeziumTable *
debezium_table_new(const Table *table, const TableDetail *detail,
				   const DebeziumNames *names, DebeziumWriter *writer,
				   Error *err)
{
	DebeziumTable *made = table_allocate(table, err);
	Maker		maker = {made, table, detail, names, writer};
	bool		done;

	if (made == NULL)
		return NULL;
	buf_clear(&writer->out);
	make_columns(&maker);
	make_keys(&maker);
	done = make_topic(&maker, err);
	if (done)
	{
		make_source_names(&maker);
		make_heads(&maker);
		forget_labels(made);
		done = !buf_failed(&made->text) || error_no_memory(err);
	}
	buf_clear(&writer->out);
	if (done)
		return made;
	debezium_table_free(made);
	return NULL;
}

void
debezium_table_free(DebeziumTable *table)
{
	if (table == NULL)
		return;
	buf_free(&table->text);
	free(table->columns);
	free(table->keys);
	free(table);
}

/* ---- rows ---- */

/* Columns that are left out have fields nevertheless. */
static bool
skip_to(RowCursor *cursor, uint32_t number)
{
	while (cursor->field.number != 0 && cursor->field.number < number)
		if (!row_cursor_advance(cursor))
			return false;
	return true;
}

bool
debezium_append_row(DebeziumWriter *writer, const DebeziumTable *table,
					Slice row, Slice unchanged, bool key_only)
{
	Buf		   *out = &writer->out;
	RowCursor	cursor;

	if (!row_cursor_start(&cursor, row))
		return false;
	buf_append_byte(out, '{');
	for (size_t i = 0; i < table->column_count; i++)
	{
		const DebeziumColumn *column = &table->columns[i];
		Span		filler = key_only ? column->unsent : column->absent;

		buf_append_slice(out, span_of(table, column->name));
		if (!skip_to(&cursor, column->number))
			return false;
		if (cursor.field.number == column->number)
		{
			if (debezium_append_value(writer, &column->type, &cursor.field) ==
				DEBEZIUM_MALFORMED)
				return false;
			continue;
		}
		if (unchanged.size > 0 &&
			record_numbers_contain(unchanged, column->number))
			filler = column->placeholder;
		buf_append_slice(out, span_of(table, filler));
	}
	buf_append_byte(out, '}');
	return skip_to(&cursor, UINT32_MAX);
}

/* A key of which a part was not sent would be another row's. */
DebeziumKey
debezium_append_key(DebeziumWriter *writer, const DebeziumTable *table,
					Slice row, Slice unchanged, bool key_only)
{
	Buf		   *out = &writer->out;
	RowCursor	cursor;

	if (table->key_count == 0)
		return DEBEZIUM_KEY_NONE;
	if (!row_cursor_start(&cursor, row))
		return DEBEZIUM_KEY_BAD;
	for (size_t i = 0; i < table->key_count; i++)
	{
		const DebeziumColumn *column = &table->columns[table->keys[i]];

		if (!row_cursor_seek(&cursor, column->number))
			return DEBEZIUM_KEY_BAD;
		buf_append_byte(out, i == 0 ? '{' : ',');
		buf_append_slice(out, span_of(table, column->plain_name));
		if (cursor.field.number == column->number)
		{
			if (debezium_append_value(writer, &column->type, &cursor.field) ==
				DEBEZIUM_MALFORMED)
				return DEBEZIUM_KEY_BAD;
			continue;
		}
		if (key_only || record_numbers_contain(unchanged, column->number))
			return DEBEZIUM_KEY_NONE;
		buf_append_slice(out, span_of(table, column->absent));
	}
	buf_append_byte(out, '}');
	return DEBEZIUM_KEY_FOUND;
}
