/*
 * numbering.c
 *		What each field number of a topic means.
 */
#include "numbering.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

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
	char	   *schema;			/* of the table that came first */
	char	   *table;
	Field	   *fields;
	size_t		count;
};

static Field *
find_field(Numbering *known, uint32_t number)
{
	for (size_t i = 0; i < known->count; i++)
		if (known->fields[i].number == number)
			return &known->fields[i];
	return NULL;
}

static bool
add_field(Numbering *known, const Column *column, Error *err)
{
	Field	   *fields =
		realloc(known->fields, (known->count + 1) * sizeof(*fields));
	char	   *name = strdup(column->name);

	if (fields != NULL)
		known->fields = fields;
	if (fields == NULL || name == NULL)
	{
		free(name);
		return error_no_memory(err);
	}
	fields[known->count++] = (Field) {column->number, column->encoding,
		column->is_array, name};
	return true;
}

static bool
same_type(const Field *field, const Column *column)
{
	return field->encoding == column->encoding &&
		field->is_array == column->is_array;
}

static bool
same_table(const Numbering *known, const Table *table)
{
	return strcmp(known->schema, table->schema) == 0 &&
		strcmp(known->table, table->name) == 0;
}

static bool
refuse(const Numbering *known, const Field *field, const Table *table,
	   const Column *column, Error *err)
{
	error_set(err, ERROR_RECORD,
		"tables %s.%s and %s.%s cannot share topic \"%s\": field %" PRIu32
		" is column \"%s\" of the one and \"%s\" of the other",
			  known->schema, known->table, table->schema, table->name,
			  known->topic, column->number, field->name, column->name);
	return error_hint(err, "Give each table a topic of its own with {schema} and {table} in the topic template, or use format=json.");
}

static bool
add_column(Numbering *known, const Table *table, const Column *column,
		   Error *err)
{
	Field	   *field = find_field(known, column->number);

	if (field == NULL)
		return add_field(known, column, err);
	if (same_table(known, table))
	{
		if (!same_type(field, column))
			log_warning("column \"%s\" of table %s.%s has another type than before: consumers of topic \"%s\" need its new .proto",
						column->name, table->schema, table->name,
						known->topic);
		field->encoding = column->encoding;
		field->is_array = column->is_array;
		return true;
	}
	if (same_type(field, column) && strcmp(field->name, column->name) == 0)
		return true;
	return refuse(known, field, table, column, err);
}

static Numbering *
find_topic(Numbering **topics, const char *topic, const Table *table)
{
	Numbering  *known;

	for (known = *topics; known != NULL; known = known->next)
		if (strcmp(known->topic, topic) == 0)
			return known;
	known = calloc(1, sizeof(*known));
	if (known == NULL)
		return NULL;
	known->next = *topics;
	known->topic = strdup(topic);
	known->schema = strdup(table->schema);
	known->table = strdup(table->name);
	*topics = known;
	if (known->topic == NULL || known->schema == NULL || known->table == NULL)
		return NULL;
	return known;
}

bool
numbering_add(Numbering **topics, const char *topic, const Table *table,
			  Error *err)
{
	Numbering  *known = find_topic(topics, topic, table);

	if (known == NULL)
		return error_no_memory(err);
	for (size_t i = 0; i < table->column_count; i++)
		if (!add_column(known, table, &table->columns[i], err))
			return false;
	return true;
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
