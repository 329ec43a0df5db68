/*
 * debezium_flat.c
 *		Flattened records. See debezium_flat.h.
 *
 * All of an envelope beside its rows is small: what is wanted of it is looked
 * for in its text. Members' names hold nothing that is escaped.
 */
#include "debezium_flat.h"

#include <stdlib.h>
#include <string.h>

#include "json_value.h"

typedef enum FlatGroup
{
	FLAT_ENVELOPE,
	FLAT_SOURCE,
	FLAT_TRANSACTION
} FlatGroup;

typedef struct DebeziumKnown
{
	FlatGroup	group;
	const char *name;
	const char *schema;			/* its type, and what else it says */
} DebeziumKnown;

#define TYPE_STRING	"\"type\":\"string\",\"optional\":true"
#define TYPE_INT64	"\"type\":\"int64\",\"optional\":true"
#define TYPE_ENUM TYPE_STRING ",\"name\":\"io.debezium.data.Enum\"," \
	"\"version\":1,\"parameters\":{\"allowed\":\"true,first," \
	"first_in_data_collection,last_in_data_collection,last,false,incremental\"}"

static const char *const group_names[] = {NULL, "source", "transaction"};

/* A name alone means the first of them. */
static const DebeziumKnown known_fields[] = {
	{FLAT_ENVELOPE, "op", TYPE_STRING},
	{FLAT_ENVELOPE, "ts_ms", TYPE_INT64},
	{FLAT_ENVELOPE, "ts_us", TYPE_INT64},
	{FLAT_ENVELOPE, "ts_ns", TYPE_INT64},
	{FLAT_TRANSACTION, "id", TYPE_STRING},
	{FLAT_TRANSACTION, "total_order", TYPE_INT64},
	{FLAT_TRANSACTION, "data_collection_order", TYPE_INT64},
	{FLAT_SOURCE, "version", TYPE_STRING},
	{FLAT_SOURCE, "connector", TYPE_STRING},
	{FLAT_SOURCE, "name", TYPE_STRING},
	{FLAT_SOURCE, "ts_ms", TYPE_INT64},
	{FLAT_SOURCE, "snapshot", TYPE_ENUM},
	{FLAT_SOURCE, "db", TYPE_STRING},
	{FLAT_SOURCE, "sequence", TYPE_STRING},
	{FLAT_SOURCE, "ts_us", TYPE_INT64},
	{FLAT_SOURCE, "ts_ns", TYPE_INT64},
	{FLAT_SOURCE, "schema", TYPE_STRING},
	{FLAT_SOURCE, "table", TYPE_STRING},
	{FLAT_SOURCE, "txId", TYPE_INT64},
	{FLAT_SOURCE, "lsn", TYPE_INT64},
	{FLAT_SOURCE, "xmin", TYPE_INT64},
	{FLAT_SOURCE, "origin", TYPE_STRING},
	{FLAT_SOURCE, "origin_lsn", TYPE_INT64}
};

#define KNOWN_COUNT	(sizeof(known_fields) / sizeof(known_fields[0]))

/* ---- options ---- */

static bool
is_text(const char *text, size_t size, const char *name)
{
	return strlen(name) == size && memcmp(text, name, size) == 0;
}

/* "op", "source.ts_ms"; *qualified: with its group before it. */
static const DebeziumKnown *
find_known(const char *text, size_t size, bool *qualified)
{
	const char *dot = memchr(text, '.', size);
	size_t		before = dot != NULL ? (size_t) (dot - text) : 0;
	const char *name = dot != NULL ? dot + 1 : text;

	*qualified = dot != NULL;
	size -= (size_t) (name - text);
	for (size_t i = 0; i < KNOWN_COUNT; i++)
	{
		const DebeziumKnown *known = &known_fields[i];
		const char *group = group_names[known->group];

		if (is_text(name, size, known->name) &&
			(dot == NULL || (group != NULL && is_text(text, before, group))))
			return known;
	}
	return NULL;
}

static bool
add_pick(DebeziumPicks *picks, const char *text, size_t size,
		 const char *prefix, Error *err)
{
	const char *colon = memchr(text, ':', size);
	size_t		field = colon != NULL ? (size_t) (colon - text) : size;
	bool		qualified;
	DebeziumPick *pick = &picks->items[picks->count];
	Buf			name;

	pick->known = find_known(text, field, &qualified);
	if (pick->known == NULL || picks->count == DEBEZIUM_FLAT_MAX)
	{
		error_set(err, ERROR_USAGE, "add_fields and add_headers cannot have \"%.*s\"",
				  (int) size, text);
		return error_hint(err, "They can have op, ts_ms, ts_us and ts_ns, members of source (source.lsn) and of transaction (transaction.id), a new name behind a colon, and commas between.");
	}
	buf_init(&name, FORMAT_LIMIT);
	buf_append_string(&name, prefix);
	if (colon != NULL)
		buf_append(&name, colon + 1, size - field - 1);
	else if (qualified)
		buf_printf(&name, "%s_%s", group_names[pick->known->group],
				   pick->known->name);
	else
		buf_append_string(&name, pick->known->name);
	pick->name = buf_failed(&name) ? NULL : strdup(buf_string(&name));
	buf_free(&name);
	if (pick->name == NULL)
		return error_no_memory(err);
	picks->count++;
	return true;
}

static bool
add_picks(DebeziumPicks *picks, const char *list, const char *prefix,
		  Error *err)
{
	while (*list != '\0')
	{
		size_t		size = strcspn(list, ",");
		size_t		blanks = strspn(list, " ");
		size_t		end = size;

		while (end > blanks && list[end - 1] == ' ')
			end--;
		if (blanks < end &&
			!add_pick(picks, list + blanks, end - blanks, prefix, err))
			return false;
		list += size + (list[size] == ',');
	}
	return true;
}

bool
debezium_flat_init(DebeziumFlat *flat, const DebeziumOptions *options,
				   Error *err)
{
	*flat = (DebeziumFlat) {
		.on = options->flatten,
		.deletes = (DebeziumDeletes) options->deletes
	};
	flat->marks = flat->deletes == DEBEZIUM_DELETES_REWRITE ||
		flat->deletes == DEBEZIUM_DELETES_REWRITE_WITH_TOMBSTONE;
	return add_picks(&flat->fields, options->fields, options->fields_prefix,
					 err) &&
		add_picks(&flat->headers, options->headers, options->headers_prefix,
				  err);
}

static void
free_picks(DebeziumPicks *picks)
{
	for (size_t i = 0; i < picks->count; i++)
		free(picks->items[i].name);
	picks->count = 0;
}

void
debezium_flat_free(DebeziumFlat *flat)
{
	free_picks(&flat->fields);
	free_picks(&flat->headers);
}

/* ---- looking into an envelope ---- */

/* The value that begins here, of any kind. */
static Slice
take_value(const uint8_t *at, const uint8_t *end)
{
	const uint8_t *start = at;
	int			depth = 0;
	bool		string = false;

	for (; at < end; at++)
	{
		if (string)
		{
			if (*at == '\\')
				at++;
			else if (*at == '"')
				string = false;
			continue;
		}
		if (depth == 0 && (*at == ',' || *at == '}'))
			break;
		if (*at == '"')
			string = true;
		depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
	}
	return slice_make(start, (size_t) ((at < end ? at : end) - start));
}

/* The value of an object's member; data NULL: it has none of that name. */
static Slice
find_member(Slice object, const char *name)
{
	const uint8_t *at = object.data;
	const uint8_t *end = object.data + object.size;

	if (object.size < 2 || *at != '{')
		return slice_make(NULL, 0);
	while (at + 1 < end && at[1] == '"')
	{
		const uint8_t *start = at + 2;
		const uint8_t *quote = memchr(start, '"', (size_t) (end - start));
		Slice		value;

		if (quote == NULL || quote + 2 > end)
			break;
		value = take_value(quote + 2, end);
		if (is_text((const char *) start, (size_t) (quote - start), name))
			return value;
		at = value.data + value.size;
	}
	return slice_make(NULL, 0);
}

/* As JSON; data NULL: null. */
static Slice
pick_value(const DebeziumPick *pick, Slice envelope)
{
	const char *group = group_names[pick->known->group];
	Slice		value = group == NULL ? envelope :
		find_member(envelope, group);

	if (value.data != NULL)
		value = find_member(value, pick->known->name);
	if (value.size == 4 && memcmp(value.data, "null", 4) == 0)
		value = slice_make(NULL, 0);
	return value;
}

/* ---- fields ---- */

/* Before a member of an object that may be empty so far. */
static void
append_comma(Buf *out, uint8_t open)
{
	if (!buf_failed(out) && out->size > 0 && out->data[out->size - 1] != open)
		buf_append_byte(out, ',');
}

void
debezium_flat_append_schema(Buf *out, const DebeziumFlat *flat)
{
	if (flat->marks)
	{
		append_comma(out, '[');
		buf_append_string(out, "{" TYPE_STRING ",\"field\":\"__deleted\"}");
	}
	for (size_t i = 0; i < flat->fields.count; i++)
	{
		const DebeziumPick *pick = &flat->fields.items[i];

		append_comma(out, '[');
		buf_append_byte(out, '{');
		buf_append_string(out, pick->known->schema);
		buf_append_string(out, ",\"field\":");
		json_append_string(out, slice_of(pick->name));
		buf_append_byte(out, '}');
	}
}

void
debezium_flat_append_fields(Buf *out, const DebeziumFlat *flat, Slice envelope,
							bool deleted)
{
	if (flat->marks)
	{
		append_comma(out, '{');
		buf_append_string(out, deleted ? "\"__deleted\":\"true\"" :
						  "\"__deleted\":\"false\"");
	}
	for (size_t i = 0; i < flat->fields.count; i++)
	{
		const DebeziumPick *pick = &flat->fields.items[i];
		Slice		value = pick_value(pick, envelope);

		append_comma(out, '{');
		json_append_string(out, slice_of(pick->name));
		buf_append_byte(out, ':');
		if (value.data == NULL)
			buf_append_string(out, "null");
		else
			buf_append_slice(out, value);
	}
}

/* ---- headers ---- */

/* What one escape stands for; moves *at to its last character. */
static uint8_t
unescape(const uint8_t **at, const uint8_t *end)
{
	static const char letters[] = "bfnrt";
	static const char meanings[] = "\b\f\n\r\t";
	const char *found;

	++*at;
	if (*at == end)
		return '\\';
	if (**at == 'u' && end - *at > 4)
	{
		char		digits[5] = {0};

		/* only control characters are written so */
		memcpy(digits, *at + 1, 4);
		*at += 4;
		return (uint8_t) strtoul(digits, NULL, 16);
	}
	found = strchr(letters, **at);
	return found != NULL && *found != '\0' ?
		(uint8_t) meanings[found - letters] : **at;
}

/* A header is the string itself, as Connect's simple converter has it. */
static void
append_plain(Buf *out, Slice value)
{
	const uint8_t *end;

	if (value.size < 2 || value.data[0] != '"')
	{
		buf_append_slice(out, value);
		return;
	}
	end = value.data + value.size - 1;
	for (const uint8_t *at = value.data + 1; at < end; at++)
		buf_append_byte(out, *at == '\\' ? unescape(&at, end) : *at);
}

void
debezium_flat_add_headers(DebeziumAdded *added, const DebeziumFlat *flat,
						  Slice envelope)
{
	static const char tombstone[] = "{\"op\":\"d\"}";
	bool		buried = envelope.data == NULL;
	size_t		ends[DEBEZIUM_FLAT_MAX];
	size_t		start = 0;

	added->count = 0;
	buf_clear(&added->text);
	if (buried)
		envelope = slice_of(tombstone);
	for (size_t i = 0; i < flat->headers.count; i++)
	{
		const DebeziumPick *pick = &flat->headers.items[i];
		Slice		value = pick_value(pick, envelope);

		if (buried && value.data == NULL)
			continue;
		append_plain(&added->text, value);
		ends[added->count] = added->text.size;
		added->headers[added->count++] = (RecordHeader) {
			pick->name, value.data == NULL ? value : slice_of("")
		};
	}
	/* all is there: it does not move any more */
	for (size_t i = 0; i < added->count; start = ends[i++])
		if (added->headers[i].value.data != NULL && ends[i] > start &&
			!buf_failed(&added->text))
			added->headers[i].value =
				slice_make(added->text.data + start, ends[i] - start);
}

/* ---- records ---- */

void
debezium_flat_records_init(DebeziumFlatRecords *records)
{
	buf_init(&records->of_rows[0].text, FORMAT_LIMIT);
	buf_init(&records->of_rows[1].text, FORMAT_LIMIT);
	buf_init(&records->of_tombstones.text, FORMAT_LIMIT);
}

void
debezium_flat_records_start(DebeziumFlatRecords *records,
							const DebeziumFlat *flat)
{
	debezium_flat_add_headers(&records->of_tombstones, flat,
							  slice_make(NULL, 0));
}

void
debezium_flat_records_free(DebeziumFlatRecords *records)
{
	buf_free(&records->of_rows[0].text);
	buf_free(&records->of_rows[1].text);
	buf_free(&records->of_tombstones.text);
}

void
debezium_flat_put_headers(DebeziumFlatRecords *records, size_t index,
						  const DebeziumAdded *added, Record *record)
{
	RecordHeader *all = records->all[index];

	for (size_t i = 0; i < record->header_count; i++)
		all[i] = record->headers[i];
	for (size_t i = 0; i < added->count; i++)
		all[record->header_count + i] = added->headers[i];
	record->headers = all;
	record->header_count += added->count;
}
