/*
 * option.c
 *		Options: names, values from text, structs of them. See option.h.
 *
 * Knows no particular option. What is printed of a table is in
 * option_print.c.
 */
#include "option.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clock.h"

#define OPTION_NAME_MAX		64	/* longer names are not compared for hints */
#define OPTION_LIST_MAX		1000
#define OPTION_DIGITS_MAX	6	/* after the decimal point */

/* ---- names ---- */

static char
name_fold(char letter)
{
	return letter == '_' || letter == '.' ? '-' : letter;
}

/* Whether the first size characters are the same; '-', '_' and '.' are one. */
static bool
name_equal(const char *a, const char *b, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (name_fold(a[i]) != name_fold(b[i]) || a[i] == '\0')
			return false;
	return true;
}

static bool
option_has_name(const Option *option, const char *name)
{
	size_t		size = strlen(option->name);

	if (option->type == OPTION_MAP)
		return strlen(name) > size && name[size - 1] == '.' &&
			name_equal(option->name, name, size);
	return strlen(name) == size && name_equal(option->name, name, size);
}

const Option *
option_find(const OptionTable *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++)
		if (option_has_name(&table->options[i], name))
			return &table->options[i];
	return NULL;
}

const Option *
option_find_letter(const OptionTable *table, char letter)
{
	for (size_t i = 0; i < table->count && letter != 0; i++)
		if (table->options[i].letter == letter)
			return &table->options[i];
	return NULL;
}

/*
 * Edit distance (Levenshtein); names beyond OPTION_NAME_MAX are far from
 * everything.
 */
static size_t
name_distance(const char *a, const char *b)
{
	size_t		row[OPTION_NAME_MAX + 1];
	size_t		size = strlen(b);

	if (strlen(a) > OPTION_NAME_MAX || size > OPTION_NAME_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= size; j++)
		row[j] = j;
	for (size_t i = 0; a[i] != '\0'; i++)
	{
		size_t		diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < size; j++)
		{
			size_t		best = diagonal + (name_fold(a[i]) != name_fold(b[j]));

			diagonal = row[j + 1];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (diagonal + 1 < best)
				best = diagonal + 1;
			row[j + 1] = best;
		}
	}
	return row[size];
}

/*
 * A name is near if at most a third of it has to change, two letters at least.
 */
static bool
name_is_near(size_t distance, const char *name)
{
	size_t		limit = strlen(name) / 3;

	return distance <= (limit > 2 ? limit : 2) && distance < strlen(name);
}

static bool
option_unknown(const OptionTable *table, const char *name, Error *err)
{
	const char *best = NULL;
	size_t		best_distance = SIZE_MAX;

	for (size_t i = 0; i < table->count; i++)
	{
		size_t		distance = name_distance(name, table->options[i].name);

		if (distance < best_distance)
		{
			best_distance = distance;
			best = table->options[i].name;
		}
	}
	error_set(err, ERROR_USAGE, "unknown option \"%s\" (%s)", name,
			  table->title);
	if (best != NULL && name_is_near(best_distance, name))
		error_hint(err, "Perhaps you meant \"%s\".", best);
	else
		error_hint(err, "--help lists the options.");
	return false;
}

/* ---- numbers with units ---- */

typedef struct OptionUnit
{
	const char *name;
	int64_t		factor;
} OptionUnit;

static const OptionUnit byte_units[] = {
	{"B", 1}, {"kB", 1024}, {"MB", INT64_C(1) << 20}, {"GB", INT64_C(1) << 30},
	{"TB", INT64_C(1) << 40}, {NULL, 0}
};

static const OptionUnit time_units[] = {
	{"us", 1}, {"ms", CLOCK_MS}, {"s", CLOCK_SECOND},
	{"min", 60 * CLOCK_SECOND}, {"h", 3600 * CLOCK_SECOND},
	{"d", 86400 * CLOCK_SECOND}, {NULL, 0}
};

static const OptionUnit *
unit_find(const OptionUnit *units, const char *name)
{
	for (; units->name != NULL; units++)
		if (strcasecmp(units->name, name) == 0)
			return units;
	return NULL;
}

/* Moves text past its digits. false: there are none, or too many. */
static bool
digits_parse(const char **text, int64_t *value)
{
	const char *start = *text;

	*value = 0;
	for (; isdigit((unsigned char) **text); (*text)++)
		if (__builtin_mul_overflow(*value, 10, value) ||
			__builtin_add_overflow(*value, **text - '0', value))
			return false;
	return *text > start;
}

/* The digits behind a point, as that share of factor. */
static bool
fraction_parse(const char **text, int64_t factor, int64_t *value)
{
	int64_t		digits = 0;
	int64_t		scale = 1;
	const char *start = *text;

	for (; isdigit((unsigned char) **text); (*text)++)
	{
		if (*text - start == OPTION_DIGITS_MAX)
			return false;
		digits = digits * 10 + (**text - '0');
		scale *= 10;
	}
	*value = factor / scale * digits + factor % scale * digits / scale;
	return *text > start;
}

/* "64MB", "1.5 h", "10" in units of preset. */
static bool
quantity_parse(const char *text, const OptionUnit *units, const char *preset,
			   int64_t *value)
{
	const OptionUnit *unit;
	const char *fraction = NULL;
	int64_t		part;

	if (!digits_parse(&text, value))
		return false;
	if (*text == '.')
	{
		fraction = ++text;
		while (isdigit((unsigned char) *text))
			text++;
	}
	while (*text == ' ')
		text++;
	unit = unit_find(units, *text != '\0' ? text : preset);
	if (unit == NULL || __builtin_mul_overflow(*value, unit->factor, value))
		return false;
	if (fraction == NULL)
		return true;
	return fraction_parse(&fraction, unit->factor, &part) &&
		!__builtin_add_overflow(*value, part, value);
}

static bool
integer_parse(const char *text, int64_t *value)
{
	bool		negative = *text == '-';

	if (negative)
		text++;
	if (!digits_parse(&text, value) || *text != '\0')
		return false;
	if (negative)
		*value = -*value;
	return true;
}

static bool
bool_parse(const char *text, bool *value)
{
	static const char *const words[] = {
		"off", "on", "false", "true", "no", "yes", "0", "1"
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(text, words[i]) == 0)
		{
			*value = i % 2 == 1;
			return true;
		}
	return false;
}

/* A number as people write it: in the largest unit that leaves no rest. */
static const char *
quantity_format(OptionType type, int64_t value, char *text, size_t room)
{
	const OptionUnit *units = type == OPTION_BYTES ? byte_units : time_units;
	const OptionUnit *unit = units;

	if (type == OPTION_INT || value == 0)
	{
		snprintf(text, room, "%" PRId64, value);
		return text;
	}
	for (; units->name != NULL; units++)
		if (value % units->factor == 0)
			unit = units;
	snprintf(text, room, "%" PRId64 "%s", value / unit->factor, unit->name);
	return text;
}

/* ---- setting ---- */

static bool
number_error(const Option *option, const char *text, Error *err)
{
	char		min[32];
	char		max[32];

	error_set(err, ERROR_USAGE, "invalid value \"%s\" for option \"%s\"", text,
			  option->name);
	quantity_format(option->type, option->min, min, sizeof(min));
	quantity_format(option->type, option->max, max, sizeof(max));
	if (option->min != 0 || option->max != 0)
		error_hint(err, "It must lie between %s and %s.", min, max);
	else if (option->type == OPTION_INT)
		error_hint(err, "It must be a whole number.");
	if (option->type == OPTION_BYTES)
		error_detail(err, "Units are B, kB, MB, GB and TB (of 1024).");
	if (option->type == OPTION_TIME)
		error_detail(err,
			"Units are us, ms, s, min, h and d; without one: seconds.");
	return false;
}

static bool
number_set(const Option *option, int64_t *place, const char *text, Error *err)
{
	int64_t		value = 0;
	bool		good;

	if (option->type == OPTION_BYTES)
		good = quantity_parse(text, byte_units, "B", &value);
	else if (option->type == OPTION_TIME)
		good = quantity_parse(text, time_units, "s", &value);
	else
		good = integer_parse(text, &value);
	if (good && (option->min != 0 || option->max != 0))
		good = value >= option->min && value <= option->max;
	if (!good)
		return number_error(option, text, err);
	*place = value;
	return true;
}

static bool
bool_set(const Option *option, bool *place, const char *text, Error *err)
{
	if (bool_parse(text, place))
		return true;
	error_set(err, ERROR_USAGE, "invalid value \"%s\" for option \"%s\"", text,
			  option->name);
	return error_hint(err, "It must be on or off.");
}

static bool
word_set(const Option *option, int *place, const char *text, Error *err)
{
	size_t		used = 0;

	for (int i = 0; option->words[i] != NULL; i++)
		if (strcmp(option->words[i], text) == 0)
		{
			*place = i;
			return true;
		}
	error_set(err, ERROR_USAGE, "invalid value \"%s\" for option \"%s\"", text,
			  option->name);
	error_hint(err, "It must be one of");
	used = strlen(err->hint);
	for (int i = 0; option->words[i] != NULL && used < sizeof(err->hint); i++)
		used += (size_t) snprintf(err->hint + used, sizeof(err->hint) - used,
								  "%s %s", i > 0 ? "," : "", option->words[i]);
	if (used < sizeof(err->hint))
		snprintf(err->hint + used, sizeof(err->hint) - used, ".");
	return false;
}

static void
secret_free(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}

static bool
string_set(char **place, const char *text, Error *err)
{
	char	   *copy = strdup(text);

	if (copy == NULL)
		return error_no_memory(err);
	secret_free(*place);
	*place = copy;
	return true;
}

static bool
list_add(const Option *option, OptionList *list, const char *text, Error *err)
{
	char	  **items;

	if (list->count == OPTION_LIST_MAX)
		return error_set(err, ERROR_USAGE, "option \"%s\" is given too often",
						 option->name);
	items = realloc(list->items, (list->count + 1) * sizeof(*items));
	if (items == NULL)
		return error_no_memory(err);
	list->items = items;
	list->items[list->count] = NULL;
	if (!string_set(&list->items[list->count], text, err))
		return false;
	list->count++;
	return true;
}

static bool
map_set(const Option *option, OptionMap *map, const char *name,
		const char *text, Error *err)
{
	OptionPair *pairs;
	OptionPair	pair = {NULL, NULL};

	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->pairs[i].name, name) == 0)
			return string_set(&map->pairs[i].value, text, err);
	if (map->count == OPTION_LIST_MAX)
		return error_set(err, ERROR_USAGE, "too many options \"%s*\"",
						 option->name);
	pairs = realloc(map->pairs, (map->count + 1) * sizeof(*pairs));
	if (pairs == NULL)
		return error_no_memory(err);
	map->pairs = pairs;
	if (!string_set(&pair.name, name, err) ||
		!string_set(&pair.value, text, err))
	{
		free(pair.name);
		return false;
	}
	map->pairs[map->count++] = pair;
	return true;
}

bool
option_set(const OptionTable *table, void *values, const char *name,
		   const char *text, Error *err)
{
	const Option *option = option_find(table, name);
	void	   *place;

	if (option == NULL)
		return option_unknown(table, name, err);
	if (text == NULL && option->type != OPTION_FLAG)
		return error_set(err, ERROR_USAGE, "option \"%s\" needs a value",
						 option->name);
	place = (char *) values + option->offset;
	switch (option->type)
	{
		case OPTION_FLAG:
		case OPTION_BOOL:
			return bool_set(option, place, text != NULL ? text : "on", err);
		case OPTION_INT:
		case OPTION_BYTES:
		case OPTION_TIME:
			return number_set(option, place, text, err);
		case OPTION_STRING:
		case OPTION_SECRET:
			return string_set(place, text, err);
		case OPTION_WORD:
			return word_set(option, place, text, err);
		case OPTION_LIST:
			return list_add(option, place, text, err);
		case OPTION_MAP:
			return map_set(option, place, name + strlen(option->name), text,
						   err);
	}
	return error_set(err, ERROR_INTERNAL, "option \"%s\" has no type", name);
}

/* ---- structs ---- */

void *
option_new(const OptionTable *table)
{
	void	   *values = calloc(1, table->size > 0 ? table->size : 1);
	Error		err;

	for (size_t i = 0; i < table->count && values != NULL; i++)
	{
		const Option *option = &table->options[i];

		if (option->preset == NULL)
			continue;
		if (!option_set(table, values, option->name, option->preset, &err))
		{
			option_free(table, values);
			return NULL;
		}
	}
	return values;
}

static void
option_free_value(const Option *option, void *place)
{
	OptionList *list = place;
	OptionMap  *map = place;

	switch (option->type)
	{
		case OPTION_STRING:
		case OPTION_SECRET:
			secret_free(*(char **) place);
			break;
		case OPTION_LIST:
			for (size_t i = 0; i < list->count; i++)
				secret_free(list->items[i]);
			free(list->items);
			break;
		case OPTION_MAP:
			for (size_t i = 0; i < map->count; i++)
			{
				free(map->pairs[i].name);
				secret_free(map->pairs[i].value);
			}
			free(map->pairs);
			break;
		default:
			break;
	}
}

void
option_free(const OptionTable *table, void *values)
{
	if (values == NULL)
		return;
	for (size_t i = 0; i < table->count; i++)
		option_free_value(&table->options[i],
						  (char *) values + table->options[i].offset);
	free(values);
}

static bool
string_equal(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
list_equal(const OptionList *a, const OptionList *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!string_equal(a->items[i], b->items[i]))
			return false;
	return true;
}

static bool
map_equal(const OptionMap *a, const OptionMap *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!string_equal(a->pairs[i].name, b->pairs[i].name) ||
			!string_equal(a->pairs[i].value, b->pairs[i].value))
			return false;
	return true;
}

static bool
value_equal(const Option *option, const void *a, const void *b)
{
	switch (option->type)
	{
		case OPTION_FLAG:
		case OPTION_BOOL:
			return *(const bool *) a == *(const bool *) b;
		case OPTION_INT:
		case OPTION_BYTES:
		case OPTION_TIME:
			return *(const int64_t *) a == *(const int64_t *) b;
		case OPTION_WORD:
			return *(const int *) a == *(const int *) b;
		case OPTION_STRING:
		case OPTION_SECRET:
			return string_equal(*(char *const *) a, *(char *const *) b);
		case OPTION_LIST:
			return list_equal(a, b);
		case OPTION_MAP:
			return map_equal(a, b);
	}
	return false;
}

bool
option_equal(const OptionTable *table, const void *a, const void *b)
{
	for (size_t i = 0; i < table->count; i++)
	{
		const Option *option = &table->options[i];

		if (!value_equal(option, (const char *) a + option->offset,
						 (const char *) b + option->offset))
			return false;
	}
	return true;
}
