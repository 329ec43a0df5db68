/*
 * route.c
 *		Where a record goes: a template over the names of its table. See
 *		route.h.
 *
 * Why two tables cannot meet: in an escaped name "-" and two lower-case hex
 * digits always are an escape, because a "-" of the name is escaped itself
 * where two such digits follow it, so a name can be read back. "." never
 * stands in one, and route_check wants it between the names that vary. "_"
 * would be the usual mark, but "_" and two hex digits is what names are made
 * of (date_added, burst_bank).
 */
#include "route.h"

#include <stdio.h>

#define ROUTE_TOPIC_MAX 249		/* Kafka's limit for a topic */

typedef enum RouteField
{
	ROUTE_PREFIX,
	ROUTE_DATABASE,
	ROUTE_SCHEMA,
	ROUTE_TABLE,
	ROUTE_SINK,
	ROUTE_VALUE,
	ROUTE_UNKNOWN
} RouteField;

static const char *const field_names[] = {
	[ROUTE_PREFIX] = "prefix", [ROUTE_DATABASE] = "db",
	[ROUTE_SCHEMA] = "schema", [ROUTE_TABLE] = "table", [ROUTE_SINK] = "sink",
	[ROUTE_VALUE] = "route"
};

/* ---- characters ---- */

static bool
is_hex(char letter)
{
	return (letter >= '0' && letter <= '9') ||
		(letter >= 'a' && letter <= 'f');
}

static bool
is_plain(char letter)
{
	return is_hex(letter) || (letter >= 'g' && letter <= 'z') ||
		(letter >= 'A' && letter <= 'Z') || letter == '_';
}

/*
 * Appends a name, escaped. dots: "." as it is (the prefix, the same for all,
 * and a value, which has a topic for itself).
 */
static void
append_name(Buf *out, const char *name, bool dots)
{
	for (; *name != '\0'; name++)
	{
		bool		plain = is_plain(*name) || (dots && *name == '.') ||
			(*name == '-' && !(is_hex(name[1]) && is_hex(name[2])));

		if (plain)
			buf_append_byte(out, (uint8_t) *name);
		else
			buf_printf(out, "-%02x", (unsigned char) *name);
	}
}

/* Bytes that continue a UTF-8 character count for nothing. */
static void
append_underscored(Buf *out, const char *name)
{
	for (; *name != '\0'; name++)
	{
		uint8_t		byte = (uint8_t) *name;

		if (is_plain(*name) || *name == '.' || *name == '-')
			buf_append_byte(out, byte);
		else if ((byte & 0xc0) != 0x80)
			buf_append(out, "__", byte >= 0xf0 ? 2 : 1);
	}
}

/* ---- the template ---- */

/* The field that begins at "{"; *end: behind its "}". */
static RouteField
field_parse(const char *text, const char **end)
{
	size_t		size = strcspn(text + 1, "{}");
	int			field = 0;

	*end = text + 1 + size;
	if (**end != '}')
		return ROUTE_UNKNOWN;
	++*end;
	while (field < ROUTE_UNKNOWN &&
		   (strlen(field_names[field]) != size ||
			memcmp(field_names[field], text + 1, size) != 0))
		field++;
	return (RouteField) field;
}

static bool
route_unknown_field(const char *at, const char *end, bool by_value, Error *err)
{
	if (end[-1] != '}')
		return error_set(err, ERROR_USAGE, "template has \"{\" without \"}\"");
	error_set(err, ERROR_USAGE, "unknown field \"%.*s\" in a template",
			  (int) (end - at), at);
	return error_hint(err, by_value ? "Fields are {db} and {route}." :
					  "Fields are {prefix}, {db}, {schema}, {table} and {sink}.");
}

static bool
route_check_character(char letter, Error *err)
{
	if (letter == '}')
		return error_set(err, ERROR_USAGE, "template has \"}\" without \"{\"");
	if (is_plain(letter) || letter == '-' || letter == '.')
		return true;
	error_set(err, ERROR_USAGE,
			  "character in a template that a topic cannot have");
	return error_hint(err, "Besides fields a template may have letters, digits, \".\", \"_\" and \"-\".");
}

/*
 * Two fields that differ from table to table need a "." between them: with
 * "{schema}_{table}" the tables a_b.c and a.b_c would meet in one topic.
 */
static bool
route_ambiguous(Error *err)
{
	error_set(err, ERROR_USAGE,
			  "no \".\" between {schema} and {table} in a template");
	return error_hint(err, "Without it two tables could share a topic by accident: write {schema}.{table}.");
}

static bool
is_field_of(RouteField field, bool by_value)
{
	if (by_value)
		return field == ROUTE_DATABASE || field == ROUTE_VALUE;
	return field < ROUTE_VALUE;
}

static bool
check_template(const char *template, bool by_value, Error *err)
{
	const char *end;
	bool		open = false;	/* a varying field, and no "." since */

	if (*template == '\0')
		return error_set(err, ERROR_USAGE, "template is empty");
	for (const char *at = template; *at != '\0'; at = end)
	{
		RouteField	field;

		end = at + 1;
		if (*at == '.')
			open = false;
		if (*at != '{')
		{
			if (!route_check_character(*at, err))
				return false;
			continue;
		}
		field = field_parse(at, &end);
		if (!is_field_of(field, by_value))
			return route_unknown_field(at, end, by_value, err);
		if (field != ROUTE_SCHEMA && field != ROUTE_TABLE)
			continue;
		if (open)
			return route_ambiguous(err);
		open = true;
	}
	return true;
}

bool
route_check(const char *template, Error *err)
{
	return check_template(template, false, err);
}

bool
route_check_by_value(const char *template, Error *err)
{
	return check_template(template, true, err);
}

/* ---- expansion ---- */

static const char *
field_value(RouteField field, const RouteNames *names)
{
	switch (field)
	{
		case ROUTE_PREFIX:
			return names->prefix != NULL ? names->prefix : "";
		case ROUTE_DATABASE:
			return names->database;
		case ROUTE_SCHEMA:
			return names->schema;
		case ROUTE_TABLE:
			return names->table;
		case ROUTE_SINK:
			return names->sink;
		case ROUTE_VALUE:
			return names->route;
		case ROUTE_UNKNOWN:
			break;
	}
	return NULL;
}

/* Appends the field at *at and moves behind it. */
static bool
route_expand_field(Buf *out, const char **at, const RouteNames *names,
				   Error *err)
{
	const char *start = *at;
	RouteField	field = field_parse(start, at);
	const char *value;

	if (field == ROUTE_UNKNOWN)
		return route_unknown_field(start, *at, false, err);
	value = field_value(field, names);
	if (value == NULL)
	{
		error_set(err, ERROR_RECORD, "no value for {%s} in a template",
				  field_names[field]);
		return error_hint(err,
						  "Logical messages have no schema and no table.");
	}
	if (names->underscores)
		append_underscored(out, value);
	else
		append_name(out, value,
					field == ROUTE_PREFIX || field == ROUTE_VALUE);
	if (field == ROUTE_PREFIX && *value == '\0' && **at == '.')
		++*at;
	return true;
}

static bool
route_check_result(const Buf *out, size_t start, Error *err)
{
	size_t		size = out->size - start;
	const char *text = (const char *) out->data + start;

	if (buf_failed(out))
		return error_no_memory(err);
	if (size == 0 || (size <= 2 && memcmp(text, "..", size) == 0))
		return error_set(err, ERROR_RECORD,
						 "topic would be empty, \".\" or \"..\"");
	if (size <= ROUTE_TOPIC_MAX)
		return true;
	error_set(err, ERROR_RECORD, "topic is longer than %d bytes",
			  ROUTE_TOPIC_MAX);
	error_detail(err, "It would be \"%.*s...\".", 200, text);
	return error_hint(err, "Use a shorter prefix or template, or rename the table.");
}

bool
route_expand(Buf *out, const char *template, const RouteNames *names,
			 Error *err)
{
	size_t		start = out->size;
	const char *at = template;

	while (*at != '\0')
	{
		if (*at == '{')
		{
			if (!route_expand_field(out, &at, names, err))
				return false;
		}
		else
			buf_append_byte(out, (uint8_t) *at++);
	}
	return route_check_result(out, start, err);
}
