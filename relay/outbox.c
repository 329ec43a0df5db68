/*
 * outbox.c
 *		Rows of an outbox table as records. See outbox.h.
 */
#include "outbox.h"

#include <stdlib.h>
#include <string.h>

#include "body_write.h"
#include "log.h"
#include "pattern.h"
#include "row_json.h"
#include "route.h"
#include "value_text.h"

#define OUTBOX_MAX_HEADERS	16
#define TOPIC_LIMIT			4096

/* What a column is for; headers of one's own are behind. */
enum
{
	ROLE_ROUTE,
	ROLE_KEY,
	ROLE_PAYLOAD,
	ROLE_ID,					/* the first that is a header */
	ROLE_TYPE,
	ROLE_COUNT,
	ROLE_MAX = ROLE_COUNT + OUTBOX_MAX_HEADERS
};

typedef struct Role
{
	const char *column;
	const char *header;			/* NULL: is none */
	char	   *text;			/* of both, if it was cut from an option */
	const Column *found;		/* in the table at hand; NULL: is not there */
	Slice		value;			/* in the row at hand; data NULL: NULL */
	Buf			made;			/* its text, unless the row holds that */
} Role;

struct Outbox
{
	OutboxRules rules;
	Pattern		table;
	Role		roles[ROLE_MAX];
	size_t		role_count;
	Buf			line;
	Buf			topic;
	RecordHeader headers[ROLE_MAX];
};

/* ---- making ---- */

static bool
add_header(Outbox *outbox, const char *text, size_t size, Error *err)
{
	Role	   *role = &outbox->roles[outbox->role_count];
	char	   *colon;

	if (size == 0 || text[0] == ':' || text[size - 1] == ':')
	{
		error_set(err, ERROR_USAGE, "outbox_headers has an empty name");
		return error_hint(err,
						  "Write COLUMN or COLUMN:HEADER, with commas between.");
	}
	if (outbox->role_count == ROLE_MAX)
		return error_set(err, ERROR_USAGE,
						 "outbox_headers has more than %d columns",
						 OUTBOX_MAX_HEADERS);
	role->text = strndup(text, size);
	if (role->text == NULL)
		return error_no_memory(err);
	outbox->role_count++;
	colon = strchr(role->text, ':');
	role->column = role->text;
	role->header = colon != NULL ? colon + 1 : role->text;
	if (colon != NULL)
		*colon = '\0';
	return true;
}

static bool
add_headers(Outbox *outbox, const OptionList *list, Error *err)
{
	for (size_t i = 0; i < list->count; i++)
	{
		const char *at = list->items[i];

		for (;;)
		{
			size_t		size = strcspn(at, ",");

			if (!add_header(outbox, at, size, err))
				return false;
			if (at[size] == '\0')
				break;
			at += size + 1;
		}
	}
	return true;
}

static bool
set_up(Outbox *outbox, Error *err)
{
	const OutboxRules *rules = &outbox->rules;

	outbox->roles[ROLE_ROUTE].column = rules->route;
	outbox->roles[ROLE_KEY].column = rules->key;
	outbox->roles[ROLE_PAYLOAD].column = rules->payload;
	outbox->roles[ROLE_ID].column = rules->id;
	outbox->roles[ROLE_ID].header = "id";
	outbox->roles[ROLE_TYPE].column = rules->type;
	outbox->roles[ROLE_TYPE].header = "eventType";
	outbox->role_count = ROLE_COUNT;
	if (!pattern_parse(&outbox->table, rules->table, strlen(rules->table), 2,
					   err))
		return error_prefix(err, "outbox_table");
	if (!route_check_by_value(rules->topic, err))
		return error_prefix(err, "outbox_topic");
	return add_headers(outbox, rules->headers, err);
}

Outbox *
outbox_new(const OutboxRules *rules, Error *err)
{
	Outbox	   *outbox = calloc(1, sizeof(*outbox));

	if (outbox == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	outbox->rules = *rules;
	for (int i = 0; i < ROLE_MAX; i++)
		buf_init(&outbox->roles[i].made, FORMAT_LIMIT);
	buf_init(&outbox->line, FORMAT_LIMIT);
	buf_init(&outbox->topic, TOPIC_LIMIT);
	if (set_up(outbox, err))
		return outbox;
	outbox_free(outbox);
	return NULL;
}

void
outbox_free(Outbox *outbox)
{
	if (outbox == NULL)
		return;
	for (int i = 0; i < ROLE_MAX; i++)
	{
		free(outbox->roles[i].text);
		buf_free(&outbox->roles[i].made);
	}
	pattern_free(&outbox->table);
	buf_free(&outbox->line);
	buf_free(&outbox->topic);
	free(outbox);
}

/* ---- columns ---- */

bool
outbox_has(const Outbox *outbox, const Table *table)
{
	const char *names[] = {table->schema, table->name};

	return pattern_matches(&outbox->table, names, 2);
}

static const Column *
find_column(const Table *table, const char *name)
{
	for (size_t i = 0; i < table->column_count; i++)
		if (strcmp(table->columns[i].name, name) == 0)
			return &table->columns[i];
	return NULL;
}

/*
 * Every call: descriptions come and go. Only a type may be missing, as in a
 * table of events of one kind.
 */
static bool
find_columns(Outbox *outbox, const Table *table, Error *err)
{
	for (size_t i = 0; i < outbox->role_count; i++)
	{
		Role	   *role = &outbox->roles[i];

		role->found = find_column(table, role->column);
		role->value = slice_make(NULL, 0);
		if (role->found != NULL || i == ROLE_TYPE)
			continue;
		error_set(err, ERROR_USAGE, "outbox table %s.%s has no column %s",
				  table->schema, table->name, role->column);
		return error_hint(err, "Name its columns with outbox_id, outbox_key, outbox_type, outbox_payload, outbox_route and outbox_headers.");
	}
	return true;
}

/* ---- values ---- */

static bool
is_bytes(const Column *column)
{
	return column->encoding == PG_FANOUT__ENCODING__BYTES &&
		!column->is_array;
}

static bool
take_value(Outbox *outbox, size_t index, const WireField *field)
{
	Role	   *role = &outbox->roles[index];
	bool		ok = true;

	if (index == ROLE_PAYLOAD)
		ok = column_append_json(&outbox->line, role->found, field) &&
			!buf_failed(&outbox->line);
	if (index == ROLE_PAYLOAD && is_bytes(role->found))
		role->value = slice_make(field->data, field->size);
	else
		ok = ok && value_text(role->found, field, &role->made, &role->value);

	/* an empty text is no NULL */
	if (ok && role->value.data == NULL)
		role->value = slice_make("", 0);
	return ok;
}

static bool
read_row(Outbox *outbox, Slice row)
{
	WireReader	reader = wire_reader(row.data, row.size);
	WireField	field;

	while (reader.at < reader.end)
	{
		if (wire_next(&reader, &field) != WIRE_FIELD)
			return false;
		for (size_t i = 0; i < outbox->role_count; i++)
		{
			const Column *column = outbox->roles[i].found;

			if (column != NULL && column->number == field.number &&
				!take_value(outbox, i, &field))
				return false;
		}
	}
	return true;
}

/* ---- events ---- */

static bool
expand_topic(Outbox *outbox, Slice route, Error *err)
{
	RouteNames	names = {.database = outbox->rules.database};
	char	   *text;
	bool		ok;

	if (route.data == NULL || route.size == 0)
		return error_set(err, ERROR_RECORD, "column %s is NULL or empty",
						 outbox->rules.route);
	text = strndup((const char *) route.data, route.size);
	if (text == NULL)
		return error_no_memory(err);
	names.route = text;
	ok = route_expand(&outbox->topic, outbox->rules.topic, &names, err);
	free(text);
	return ok;
}

static void
make_event(Outbox *outbox, OutboxEvent *event)
{
	size_t		count = 0;

	for (size_t i = ROLE_ID; i < outbox->role_count; i++)
		if (outbox->roles[i].found != NULL)
			outbox->headers[count++] = (RecordHeader) {
				outbox->roles[i].header, outbox->roles[i].value
			};
	*event = (OutboxEvent) {
		.record = {
			.topic = buf_string(&outbox->topic),
			.key = outbox->roles[ROLE_KEY].value,
			.value = outbox->roles[ROLE_PAYLOAD].value,
			.headers = outbox->headers, .header_count = count
		}
	};
	if (event->record.value.data != NULL)
		event->line = buf_slice(&outbox->line);
}

/* What cannot be an event; the row itself is not told: it may be secret. */
static OutboxResult
refuse(const Outbox *outbox, const Table *table, Error *err)
{
	error_prefix(err, "outbox table %s.%s", table->schema, table->name);
	if (err->code != ERROR_RECORD || !outbox->rules.lenient)
	{
		if (err->code == ERROR_RECORD)
			error_hint(err, "With outbox_on_invalid=warn what is no event is left out.");
		return OUTBOX_FAILED;
	}
	log_warning("%s: left out", err->message);
	error_clear(err);
	return OUTBOX_DROP;
}

static OutboxResult
route_row(Outbox *outbox, const Change *change, OutboxEvent *event, Error *err)
{
	buf_clear(&outbox->line);
	buf_clear(&outbox->topic);
	if (!find_columns(outbox, change->table, err))
		return OUTBOX_FAILED;
	if (!read_row(outbox, change->parts.after))
	{
		error_set(err, ERROR_RECORD, "malformed row of table %s.%s",
				  change->table->schema, change->table->name);
		return OUTBOX_FAILED;
	}
	if (!expand_topic(outbox, outbox->roles[ROLE_ROUTE].value, err))
		return refuse(outbox, change->table, err);
	make_event(outbox, event);
	return OUTBOX_EVENT;
}

OutboxResult
outbox_change(Outbox *outbox, const Change *change, OutboxEvent *event,
			  Error *err)
{
	switch (change->parts.op)
	{
		case PG_FANOUT__OP__INSERT:
		case PG_FANOUT__OP__READ:
			return route_row(outbox, change, event, err);
		case PG_FANOUT__OP__UPDATE:
			error_set(err, ERROR_RECORD, "a row was updated, which is no event");
			return refuse(outbox, change->table, err);
		default:

			/* rows that were sent are cleared away */
			return OUTBOX_DROP;
	}
}
