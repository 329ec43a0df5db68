/*
 * numbering.c
 *		What each field number of a topic means.
 *
 * A note is a message: topic (1), oid (2), schema (3) and table (4) of the one
 * that came first, and a field 5 for each number with the number (1), encoding
 * (2), whether it is an array (3) and the column's name (4). There are as many
 * as numbers at most, so a note is bounded.
 */
#include "numbering.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "body_write.h"
#include "log.h"
#include "sigv4.h"
#include "wire.h"

#define NOTE_LIMIT		((size_t) 4 << 20)
#define NAME_LIMIT		((size_t) 4096)

enum
{
	NOTE_TOPIC = 1,
	NOTE_OID = 2,
	NOTE_SCHEMA = 3,
	NOTE_TABLE = 4,
	NOTE_FIELD = 5
};

enum
{
	FIELD_NUMBER = 1,
	FIELD_ENCODING = 2,
	FIELD_ARRAY = 3,
	FIELD_NAME = 4
};

typedef struct Field
{
	uint32_t	number;
	PgFanout__Encoding encoding;
	bool		is_array;
	char	   *name;
} Field;

struct Numbering
{
	Numbering  *next;
	char	   *topic;
	uint32_t	oid;			/* of the table that came first, as it was
								 * last */
	char	   *schema;
	char	   *table;
	Field	   *fields;
	size_t		count;
	bool		changed;		/* since it was noted */
};

/* ---- fields ---- */

static Field *
find_field(Numbering *known, uint32_t number)
{
	for (size_t i = 0; i < known->count; i++)
		if (known->fields[i].number == number)
			return &known->fields[i];
	return NULL;
}

static bool
set_text(char **place, const char *text, size_t size)
{
	char	   *copy = strndup(text, size);

	if (copy == NULL)
		return false;
	free(*place);
	*place = copy;
	return true;
}

static bool
add_field(Numbering *known, const Field *field, const char *name, size_t size,
		  Error *err)
{
	Field	   *fields =
		realloc(known->fields, (known->count + 1) * sizeof(*fields));
	Field		added = *field;

	if (fields != NULL)
		known->fields = fields;
	added.name = NULL;
	if (fields == NULL || !set_text(&added.name, name, size))
		return error_no_memory(err);
	fields[known->count++] = added;
	return true;
}

static bool
same_type(const Field *field, const Column *column)
{
	return field->encoding == column->encoding &&
		field->is_array == column->is_array;
}

static bool
same_name(const Numbering *known, const Table *table)
{
	return strcmp(known->schema, table->schema) == 0 &&
		strcmp(known->table, table->name) == 0;
}

/* ---- notes ---- */

/* Topics may be longer than keys are. */
static void
note_key(char *key, size_t size, const char *topic)
{
	char		hash[65];

	sigv4_hash(slice_of(topic), hash);
	snprintf(key, size, NOTE_OF_ONE_SINK "numbering.%.32s", hash);
}

static void
append_field(Buf *out, const Field *field)
{
	Buf			text;

	buf_init(&text, NAME_LIMIT);
	body_put_uint(&text, FIELD_NUMBER, field->number);
	body_put_uint(&text, FIELD_ENCODING, field->encoding);
	body_put_uint(&text, FIELD_ARRAY, field->is_array);
	body_put_bytes(&text, FIELD_NAME, slice_of(field->name));
	if (buf_failed(&text))
		out->failed = true;
	body_put_bytes(out, NOTE_FIELD, buf_slice(&text));
	buf_free(&text);
}

static bool
write_note(Numbering *known, Notes *notes, Error *err)
{
	char		key[64];
	Buf			note;
	bool		ok;

	buf_init(&note, NOTE_LIMIT);
	body_put_bytes(&note, NOTE_TOPIC, slice_of(known->topic));
	body_put_uint(&note, NOTE_OID, known->oid);
	body_put_bytes(&note, NOTE_SCHEMA, slice_of(known->schema));
	body_put_bytes(&note, NOTE_TABLE, slice_of(known->table));
	for (size_t i = 0; i < known->count; i++)
		append_field(&note, &known->fields[i]);
	note_key(key, sizeof(key), known->topic);
	ok = (!buf_failed(&note) || error_no_memory(err)) &&
		notes_set(notes, key, buf_slice(&note), err);
	buf_free(&note);
	known->changed = !ok;
	return ok;
}

static bool
read_field(Numbering *known, const WireField *note, Error *err)
{
	WireReader	reader = wire_reader(note->data, note->size);
	Field		field = {0};
	const char *name = "";
	size_t		size = 0;
	WireField	part;

	while (wire_next(&reader, &part) == WIRE_FIELD)
	{
		if (part.number == FIELD_NUMBER)
			field.number = (uint32_t) part.value;
		else if (part.number == FIELD_ENCODING)
			field.encoding = (PgFanout__Encoding) part.value;
		else if (part.number == FIELD_ARRAY)
			field.is_array = part.value != 0;
		else if (part.number == FIELD_NAME && part.kind == WIRE_BYTES)
		{
			name = (const char *) part.data;
			size = part.size;
		}
	}
	return add_field(known, &field, name, size, err);
}

static bool
read_part(Numbering *known, const WireField *part, Error *err)
{
	const char *text = (const char *) part->data;
	bool		ok = true;

	if (part->number == NOTE_OID)
		known->oid = (uint32_t) part->value;
	else if (part->kind != WIRE_BYTES)
		return true;
	else if (part->number == NOTE_FIELD)
		return read_field(known, part, err);
	else if (part->number == NOTE_SCHEMA)
		ok = set_text(&known->schema, text, part->size);
	else if (part->number == NOTE_TABLE)
		ok = set_text(&known->table, text, part->size);
	return ok || error_no_memory(err);
}

/* What an earlier process knew of the topic, if it did. */
static bool
read_note(Numbering *known, const Notes *notes, Error *err)
{
	char		key[64];
	Slice		note;
	WireReader	reader;
	WireField	part;

	note_key(key, sizeof(key), known->topic);
	note = notes_find(notes, key);
	reader = wire_reader(note.data, note.size);
	while (wire_next(&reader, &part) == WIRE_FIELD)
		if (!read_part(known, &part, err))
			return false;
	return true;
}

/* ---- clashes ---- */

static bool
refuse_new_table(const Numbering *known, const Field *field,
				 const Table *table, const Column *column, Error *err)
{
	error_set(err, ERROR_RECORD,
			  "table %s.%s was made anew: field %" PRIu32 " of topic \"%s\" was column \"%s\" and is column \"%s\"%s now",
			  table->schema, table->name, column->number, known->topic,
			  field->name, column->name,
			  strcmp(field->name, column->name) == 0 ? " of another type" : "");
	error_detail(err, "Consumers would read values under other names than theirs.");
	return error_hint(err, "Give its columns their former numbers (in CREATE TABLE, order decides), or the records another topic, or use a schema registry with on_schema_break=remap; or, once all consumers have the new .proto, start once with --renew-fields=%s.",
					  known->topic);
}

static bool
refuse(const Numbering *known, const Field *field, const Table *table,
	   const Column *column, Error *err)
{
	if (same_name(known, table))
		return refuse_new_table(known, field, table, column, err);
	error_set(err, ERROR_RECORD,
		"tables %s.%s and %s.%s cannot share topic \"%s\": field %" PRIu32
		" is column \"%s\" of the one and \"%s\" of the other",
			  known->schema, known->table, table->schema, table->name,
			  known->topic, column->number, field->name, column->name);
	return error_hint(err, "Give each table a topic of its own with {schema} and {table} in the topic template, or use format=json.");
}

/* A column of the table whose numbers these are has changed. */
static bool
change_field(Numbering *known, Field *field, const Table *table,
			 const Column *column, Error *err)
{
	if (!same_type(field, column))
		log_warning("column \"%s\" of table %s.%s has another type than before: consumers of topic \"%s\" need its new .proto",
					column->name, table->schema, table->name, known->topic);
	known->changed = true;
	field->encoding = column->encoding;
	field->is_array = column->is_array;
	return set_text(&field->name, column->name, strlen(column->name)) ||
		error_no_memory(err);
}

static bool
add_column(Numbering *known, const Table *table, const Column *column,
		   Error *err)
{
	Field	   *field = find_field(known, column->number);
	Field		added = {column->number, column->encoding, column->is_array};

	if (field == NULL)
	{
		known->changed = true;
		return add_field(known, &added, column->name, strlen(column->name),
						 err);
	}
	if (same_type(field, column) && strcmp(field->name, column->name) == 0)
		return true;
	if (known->oid == table->oid)
		return change_field(known, field, table, column, err);
	return refuse(known, field, table, column, err);
}

/* ---- topics ---- */

static bool
is_renewed(const NumberingBook *book, const char *topic)
{
	for (size_t i = 0; book->renewed != NULL && i < book->renewed->count; i++)
		if (strcmp(book->renewed->items[i], topic) == 0)
			return true;
	return false;
}

/* NULL: out of memory. */
static Numbering *
find_topic(NumberingBook *book, const char *topic, Error *err)
{
	Numbering  *known;

	for (known = book->topics; known != NULL; known = known->next)
		if (strcmp(known->topic, topic) == 0)
			return known;
	known = calloc(1, sizeof(*known));
	if (known == NULL || !set_text(&known->topic, topic, strlen(topic)))
	{
		free(known);
		error_no_memory(err);
		return NULL;
	}
	known->next = book->topics;
	book->topics = known;
	if (is_renewed(book, topic))
		log_warning("what the fields of topic \"%s\" meant is forgotten, as --renew-fields says",
					topic);
	else if (!read_note(known, book->notes, err))
		return NULL;
	return known;
}

/* Of the first table, or of one that took its place without a clash. */
static bool
take_table(Numbering *known, const Table *table, Error *err)
{
	bool		first = known->schema == NULL || known->table == NULL;

	if (!first && (known->oid == table->oid) == same_name(known, table))
		return true;
	known->changed = true;
	known->oid = table->oid;
	return (set_text(&known->schema, table->schema, strlen(table->schema)) &&
			set_text(&known->table, table->name, strlen(table->name))) ||
		error_no_memory(err);
}

bool
numbering_add(NumberingBook *book, const char *topic, const Table *table,
			  Error *err)
{
	Numbering  *known = find_topic(book, topic, err);

	if (known == NULL || (known->schema == NULL &&
						  !take_table(known, table, err)))
		return false;
	for (size_t i = 0; i < table->column_count; i++)
		if (!add_column(known, table, &table->columns[i], err))
			return false;
	return take_table(known, table, err) &&
		(!known->changed || write_note(known, book->notes, err));
}

void
numbering_free(Numbering *topics)
{
	while (topics != NULL)
	{
		Numbering  *next = topics->next;

		for (size_t i = 0; i < topics->count; i++)
			free(topics->fields[i].name);
		free(topics->fields);
		free(topics->topic);
		free(topics->schema);
		free(topics->table);
		free(topics);
		topics = next;
	}
}
