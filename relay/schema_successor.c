/*
 * schema_successor.c
 *		Which numbers and names a table's next schema may use. See
 *		schema_lineage.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "schema_lineage.h"

/* A row or key of a table that is to follow a lineage. */
typedef struct Following
{
	const SchemaLineage *lineage;
	const Table *table;
	bool		key;
	Buf			names;			/* the columns' names as fields, with NULs */
	size_t	   *name_at;		/* where each begins */
	uint8_t		taken[PROTO_RESERVED_SIZE]; /* numbers given to columns */
} Following;

/* ---- sets of numbers ---- */

static bool
set_has(const uint8_t *set, uint32_t number)
{
	return number <= TABLE_MAX_NUMBER && (set[number / 8] >> (number % 8)) & 1;
}

static void
set_add(uint8_t *set, uint32_t number)
{
	if (number <= TABLE_MAX_NUMBER)
		set[number / 8] |= (uint8_t) (1 << (number % 8));
}

/* ---- looking up ---- */

static bool
has_column(const Following *following, size_t index)
{
	const Table *table = following->table;

	for (size_t i = 0; following->key && i < table->key_count; i++)
		if (table->keys[i] == index)
			return true;
	return !following->key;
}

static Slice
column_name(const Following *following, size_t index)
{
	return slice_of((const char *) following->names.data +
					following->name_at[index]);
}

static Slice
column_type(const Following *following, size_t index)
{
	return slice_of(proto_column_type(&following->table->columns[index]));
}

/* A field's name without the _xnN of a clash, N being its own number. */
static Slice
field_base(const LineageField *field)
{
	char		suffix[16];
	Slice		name = field->name;
	size_t		size = (size_t) snprintf(suffix, sizeof(suffix), "_xn%u",
										 field->number);

	while (name.size > size &&
		   memcmp(name.data + name.size - size, suffix, size) == 0)
		name.size -= size;
	return name;
}

static const LineageField *
find_number(const SchemaLineage *lineage, uint32_t number)
{
	for (size_t i = 0; i < lineage->field_count; i++)
		if (lineage->fields[i].number == number)
			return &lineage->fields[i];
	return NULL;
}

static const LineageField *
find_name(const SchemaLineage *lineage, Slice base)
{
	for (size_t i = 0; i < lineage->field_count; i++)
		if (slice_equal(field_base(&lineage->fields[i]), base))
			return &lineage->fields[i];
	return NULL;
}

static bool
name_is_reserved(const SchemaLineage *lineage, Slice name)
{
	for (size_t i = 0; i < lineage->name_count; i++)
		if (slice_equal(lineage->names[i], name))
			return true;
	return false;
}

static bool
table_has_name(const Following *following, Slice base)
{
	for (size_t i = 0; i < following->table->column_count; i++)
		if (has_column(following, i) &&
			slice_equal(column_name(following, i), base))
			return true;
	return false;
}

static bool
same_type(const LineageField *field, Slice type)
{
	return !field->repeated && slice_equal(field->type, type);
}

/* ---- clashes ---- */

/*
 * A field with another name is the column renamed, unless one of the two names
 * is also somewhere else: then columns have changed places. A number that is
 * retired may come back with the name that went with it.
 */
static bool
column_clashes(const Following *following, size_t index)
{
	const SchemaLineage *lineage = following->lineage;
	uint32_t	number = following->table->columns[index].number;
	const LineageField *field = find_number(lineage, number);
	Slice		name = column_name(following, index);

	if (field == NULL)
		return set_has(lineage->reserved, number) &&
			!name_is_reserved(lineage, name);
	if (!same_type(field, column_type(following, index)))
		return true;
	return !slice_equal(field_base(field), name) &&
		(find_name(lineage, name) != NULL ||
		 table_has_name(following, field_base(field)));
}

static void
note_clash(SchemaSuccessor *successor, const Following *following,
		   size_t index)
{
	const Column *column = &following->table->columns[index];
	const LineageField *field = find_number(following->lineage,
											column->number);

	successor->clash = column;
	if (field == NULL)
		snprintf(successor->meant, sizeof(successor->meant),
				 "a column that was dropped");
	else
		snprintf(successor->meant, sizeof(successor->meant), "%.*s %.*s",
				 (int) (field->type.size < 20 ? field->type.size : 20),
				 (const char *) field->type.data,
				 (int) (field->name.size < 50 ? field->name.size : 50),
				 (const char *) field->name.data);
}

/* ---- numbers ---- */

static void
give_number(SchemaSuccessor *successor, Following *following, size_t index,
			uint32_t number)
{
	successor->numbers[index] = number;
	set_add(following->taken, number);
	successor->remapped |=
		number != following->table->columns[index].number;
}

static void
keep_numbers(SchemaSuccessor *successor, Following *following)
{
	for (size_t i = 0; i < following->table->column_count; i++)
	{
		if (!has_column(following, i))
			continue;
		if (successor->clash == NULL && column_clashes(following, i))
			note_clash(successor, following, i);
		give_number(successor, following, i,
					following->table->columns[i].number);
	}
}

static bool
number_is_free(const Following *following, uint32_t number)
{
	return !set_has(following->taken, number) &&
		!set_has(following->lineage->reserved, number) &&
		find_number(following->lineage, number) == NULL;
}

/* Above all that columns have, or will have. */
static uint32_t
free_number(const Following *following)
{
	for (uint32_t number = LINEAGE_FIRST_NUMBER; number <= TABLE_MAX_NUMBER;
		 number++)
		if (number_is_free(following, number) &&
			table_find_column(following->table, number) == NULL)
			return number;
	return 0;
}

/* Fields of the same name and type keep their numbers, whatever these are. */
static bool
remap_numbers(SchemaSuccessor *successor, Following *following, Error *err)
{
	const Table *table = following->table;

	for (size_t i = 0; i < table->column_count; i++)
	{
		const LineageField *field;

		if (!has_column(following, i))
			continue;
		field = find_name(following->lineage, column_name(following, i));
		if (field != NULL && field->number <= TABLE_MAX_NUMBER &&
			same_type(field, column_type(following, i)))
			give_number(successor, following, i, field->number);
	}
	for (size_t i = 0; i < table->column_count; i++)
	{
		uint32_t	number = table->columns[i].number;

		if (!has_column(following, i) || successor->numbers[i] != 0)
			continue;
		if (!number_is_free(following, number))
			number = free_number(following);
		if (number == 0)
			return error_set(err, ERROR_RECORD, "no field number is free for column \"%s\" of table %s.%s",
							 table->columns[i].name, table->schema,
							 table->name);
		give_number(successor, following, i, number);
	}
	return true;
}

/* ---- what is retired ---- */

static bool
add_name(SchemaSuccessor *successor, Slice name)
{
	char	   *copy = strndup((const char *) name.data, name.size);

	if (copy == NULL)
		return false;
	successor->names[successor->past.name_count++] = copy;
	return true;
}

/*
 * Whether a reserved name has come back with its number: see column_clashes.
 * With another number it stays reserved, and the field gets a longer name.
 */
static bool
name_came_back(const SchemaSuccessor *successor, const Following *following,
			   Slice name)
{
	for (size_t i = 0; i < following->table->column_count; i++)
		if (has_column(following, i) &&
			slice_equal(column_name(following, i), name) &&
			set_has(following->lineage->reserved, successor->numbers[i]))
			return true;
	return false;
}

static bool
retire(SchemaSuccessor *successor, const Following *following, Error *err)
{
	const SchemaLineage *lineage = following->lineage;
	size_t		room = lineage->name_count + lineage->field_count + 1;

	memcpy(successor->reserved, lineage->reserved,
		   sizeof(successor->reserved));
	successor->names = calloc(room, sizeof(char *));
	if (successor->names == NULL)
		return error_no_memory(err);
	for (size_t i = 0; i < lineage->name_count; i++)
		if (!name_came_back(successor, following, lineage->names[i]) &&
			!add_name(successor, lineage->names[i]))
			return error_no_memory(err);
	for (size_t i = 0; i < lineage->field_count; i++)
	{
		const LineageField *field = &lineage->fields[i];

		if (set_has(following->taken, field->number))
			continue;
		set_add(successor->reserved, field->number);
		if (!add_name(successor, field->name))
			return error_no_memory(err);
	}
	return true;
}

/* A field that stays keeps its name: others may clash with it now. */
static bool
keep_names(SchemaSuccessor *successor, const Following *following, Error *err)
{
	size_t		count = following->table->column_count;

	successor->kept = calloc(count + 1, sizeof(char *));
	if (successor->kept == NULL)
		return error_no_memory(err);
	successor->column_count = count;
	for (size_t i = 0; i < count; i++)
	{
		const LineageField *field =
			find_number(following->lineage, successor->numbers[i]);

		if (!has_column(following, i) || field == NULL ||
			!same_type(field, column_type(following, i)) ||
			!slice_equal(field_base(field), column_name(following, i)))
			continue;
		successor->kept[i] = strndup((const char *) field->name.data,
									 field->name.size);
		if (successor->kept[i] == NULL)
			return error_no_memory(err);
	}
	return true;
}

/* ---- putting it together ---- */

static bool
name_columns(Following *following, Error *err)
{
	const Table *table = following->table;

	buf_init(&following->names, (size_t) 16 << 20);
	following->name_at = calloc(table->column_count + 1, sizeof(size_t));
	if (following->name_at == NULL)
		return error_no_memory(err);
	for (size_t i = 0; i < table->column_count; i++)
	{
		following->name_at[i] = following->names.size;
		proto_append_column_name(&following->names, &table->columns[i]);
		buf_append_byte(&following->names, '\0');
	}
	return !buf_failed(&following->names) || error_no_memory(err);
}

bool
schema_successor_make(SchemaSuccessor *successor,
					  const SchemaLineage *lineage, const Table *table,
					  bool key, bool remap, Error *err)
{
	Following	following = {.lineage = lineage, .table = table, .key = key};
	bool		ok = false;

	*successor = (SchemaSuccessor) {0};
	successor->numbers = calloc(table->column_count + 1, sizeof(uint32_t));
	if (successor->numbers == NULL)
		error_no_memory(err);
	else if (name_columns(&following, err))
	{
		if (!remap)
			keep_numbers(successor, &following);
		ok = (!remap || remap_numbers(successor, &following, err)) &&
			retire(successor, &following, err) &&
			keep_names(successor, &following, err);
	}
	successor->past.numbers = successor->numbers;
	successor->past.kept = (const char *const *) successor->kept;
	successor->past.reserved = successor->reserved;
	successor->past.names = (const char *const *) successor->names;
	buf_free(&following.names);
	free(following.name_at);
	return ok;
}

void
schema_successor_free(SchemaSuccessor *successor)
{
	for (size_t i = 0; i < successor->past.name_count; i++)
		free(successor->names[i]);
	for (size_t i = 0; i < successor->column_count; i++)
		free(successor->kept[i]);
	free(successor->kept);
	free(successor->names);
	free(successor->numbers);
	*successor = (SchemaSuccessor) {0};
}
