/*
 * format_json.c
 *		The json format: one plain object per change, members in this order.
 *
 * Of a row:
 *	{"op":"update",				insert, update, delete, truncate or read
 *								(snapshot)
 *	 "db":"bank","schema":"burst_bank","table":"customer",
 *	 "lsn":"0/16B3748",			of the commit; with seq the position
 *	 "seq":1,					1.. in the transaction
 *	 "xid":745,
 *	 "commit_time":"2026-01-31T13:00:00.123456Z",
 *	 "origin":"node2",			only if there is one
 *	 "key":{"custkey":7},		null: the table has none
 *	 "before":{...},			the identity columns or the whole row, or null
 *	 "after":{...},				the whole row without unchanged, or null
 *	 "unchanged":["notes"]}		only if there are any: large values not sent
 *								because they did not change
 * Of a logical message:
 *	{"op":"message","db":"bank","lsn":...,"seq":...,"xid":...,
 *	 "commit_time":...,"origin":...,"transactional":true,
 *	 "prefix":"...","content":"..."}
 * with "content_base64" in place of "content" if that is no UTF-8, and xid and
 * commit_time null if it is not transactional. With flatten=on a row's record
 * is its row alone: "after", or "before" of a delete, and the members of
 * flatten_fields, "__" before their names; of deletes what flatten_delete
 * says, of truncates nothing. The key is {"custkey":7} as
 * above. How values look is told in row_json.h. Knows no sink.
 */
#include "flat.h"

#include <stdlib.h>

#include "json_value.h"
#include "record_key.h"
#include "row_json.h"

typedef struct FormatJsonOptions
{
	FlatOptions flat;
} FormatJsonOptions;

static const Option format_json_options[] = {
	FLAT_OPTION_ROWS(FormatJsonOptions, flat),
};

static const OptionTable format_json_option_table = {
	.title = "json format",
	.prefix = "sink",
	.options = format_json_options,
	.count = sizeof(format_json_options) / sizeof(format_json_options[0]),
	.size = sizeof(FormatJsonOptions)
};

typedef struct FormatJson
{
	Format		base;
	const FlatOptions *flat;	/* NULL: presets */
	uint32_t	fields;			/* of flattened rows, by ProtoExtra */
	char	   *database;
	Buf			key;
	Buf			old_key;
	Buf			value;
	Buf			message;
	Buf			row;			/* key columns before they are rendered */
	Buf			scratch;
	PositionHeaders headers;
} FormatJson;

static void
append_text(Buf *out, const char *text)
{
	buf_append(out, text, strlen(text));
}

static bool
row_error(const Change *change, const char *what, Error *err)
{
	return error_set(err, ERROR_RECORD, "malformed %s of table %s.%s", what,
					 change->table->schema, change->table->name);
}

/* ---- keys ---- */

/* Appends the key columns of row as an object. */
static bool
append_key(Buf *out, const Change *change, Slice row, Error *err)
{
	Slice		none = {NULL, 0};

	if (!row_append_json(out, change->table, row, ROW_KEY, none))
		return row_error(change, "key", err);
	return format_fits(out, err);
}

/* Into a buffer of its own for each of the two: both are wanted at once. */
static bool
render_key(FormatJson *json, const Change *change, bool old, Slice *key,
		   Error *err)
{
	Buf		   *out = old ? &json->old_key : &json->key;
	RecordKey	found = old ?
		record_key_find_old(change, &json->row, &json->scratch) :
		record_key_find(change, &json->row);

	*key = slice_make(NULL, 0);
	if (found == RECORD_KEY_NONE)
		return true;
	if (found == RECORD_KEY_BAD)
		return row_error(change, "row", err);
	if (!format_fits(&json->row, err))
		return false;
	format_recycle(out);
	if (!append_key(out, change, buf_slice(&json->row), err))
		return false;
	*key = buf_slice(out);
	return true;
}

/* ---- parts of a value ---- */

static void
append_member(Buf *out, const char *name, const char *text)
{
	append_text(out, name);
	json_append_string(out, slice_of(text));
}

/* From "lsn" to "origin". txn NULL: not in a transaction. */
static void
append_position(Buf *out, Position position, const Transaction *txn)
{
	append_text(out, ",\"lsn\":");
	json_append_lsn(out, position.lsn);
	append_text(out, ",\"seq\":");
	json_append_uint(out, position.seq);
	if (txn == NULL)
	{
		append_text(out, ",\"xid\":null,\"commit_time\":null");
		return;
	}
	append_text(out, ",\"xid\":");
	json_append_uint(out, txn->xid);
	append_text(out, ",\"commit_time\":");
	json_append_timestamptz(out, txn->commit_time);
	if (txn->origin != NULL && txn->origin[0] != '\0')
		append_member(out, ",\"origin\":", txn->origin);
}

static bool
append_row(Buf *out, const Change *change, Slice row, RowColumns columns,
		   Slice skip, Error *err)
{
	if (row.data == NULL)
		append_text(out, "null");
	else if (!row_append_json(out, change->table, row, columns, skip))
		return row_error(change, "row", err);
	return true;
}

static bool
append_unchanged_names(Buf *out, const Change *change, Error *err)
{
	Slice		numbers = change->parts.unchanged;
	WireReader	reader = wire_reader(numbers.data, numbers.size);
	const char *comma = "";
	uint64_t	number;

	while (reader.at < reader.end)
	{
		const Column *column = NULL;

		if (wire_read_varint(&reader, &number) && number <= TABLE_MAX_NUMBER)
			column = table_find_column(change->table, (uint32_t) number);
		if (column == NULL)
			return row_error(change, "list of unchanged columns", err);
		append_member(out, comma, column->name);
		comma = ",";
	}
	return true;
}

static bool
append_unchanged(Buf *out, const Change *change, Error *err)
{
	if (change->parts.unchanged.size == 0)
		return true;
	append_text(out, ",\"unchanged\":[");
	if (!append_unchanged_names(out, change, err))
		return false;
	buf_append_byte(out, ']');
	return true;
}

static bool
append_value_key(FormatJson *json, const Change *change, Error *err)
{
	append_text(&json->value, ",\"key\":");
	switch (record_key_find(change, &json->row))
	{
		case RECORD_KEY_FOUND:
			return append_key(&json->value, change, buf_slice(&json->row),
							  err);
		case RECORD_KEY_NONE:
			append_text(&json->value, "null");
			return true;
		case RECORD_KEY_BAD:
			break;
	}
	return row_error(change, "row", err);
}

static bool
append_rows(FormatJson *json, const Change *change, Error *err)
{
	const Body *parts = &change->parts;
	Slice		none = {NULL, 0};
	Buf		   *out = &json->value;

	append_text(out, ",\"before\":");
	if (!append_row(out, change, parts->before,
					parts->before_is_key ? ROW_SENT : ROW_WHOLE, none, err))
		return false;
	append_text(out, ",\"after\":");
	return append_row(out, change, parts->after, ROW_WHOLE, parts->unchanged,
					  err) &&
		append_unchanged(out, change, err);
}

/* ---- the operations ---- */

static bool
render_value(FormatJson *json, const Change *change, Position position,
			 Error *err)
{
	Buf		   *out = &json->value;

	format_recycle(out);
	append_member(out, "{\"op\":", flat_op_name(change->parts.op));
	append_member(out, ",\"db\":", json->database);
	append_member(out, ",\"schema\":", change->table->schema);
	append_member(out, ",\"table\":", change->table->name);
	append_position(out, position, change->txn);
	if (!append_value_key(json, change, err) ||
		!append_rows(json, change, err))
		return false;
	buf_append_byte(out, '}');
	return format_fits(out, err);
}

/* ---- flattened rows ---- */

static void
append_text_or_null(Buf *out, const char *text)
{
	if (text == NULL || *text == '\0')
		append_text(out, "null");
	else
		json_append_string(out, slice_of(text));
}

static bool
append_field(FormatJson *json, int field, const Change *change,
			 Position position, Error *err)
{
	Buf		   *out = &json->value;

	switch (field)
	{
		case PROTO_EXTRA_OP:
			append_text_or_null(out, flat_op_name(change->parts.op));
			break;
		case PROTO_EXTRA_DB:
			append_text_or_null(out, json->database);
			break;
		case PROTO_EXTRA_SCHEMA:
			append_text_or_null(out, change->table->schema);
			break;
		case PROTO_EXTRA_TABLE:
			append_text_or_null(out, change->table->name);
			break;
		case PROTO_EXTRA_LSN:
			json_append_lsn(out, position.lsn);
			break;
		case PROTO_EXTRA_SEQ:
			json_append_uint(out, position.seq);
			break;
		case PROTO_EXTRA_XID:
			json_append_uint(out, change->txn->xid);
			break;
		case PROTO_EXTRA_COMMIT_TIME:
			json_append_timestamptz(out, change->txn->commit_time);
			break;
		case PROTO_EXTRA_ORIGIN:
			append_text_or_null(out, change->txn->origin);
			break;
		case PROTO_EXTRA_UNCHANGED:
			buf_append_byte(out, '[');
			if (!append_unchanged_names(out, change, err))
				return false;
			buf_append_byte(out, ']');
			break;
		case PROTO_EXTRA_DELETED:
			append_text(out, change->parts.op == PG_FANOUT__OP__DELETE ?
						"true" : "false");
			break;
	}
	return true;
}

/* Before a member behind the row, which may have none. */
static void
append_flat_name(Buf *out, const char *name)
{
	if (!buf_failed(out) && out->data[out->size - 1] != '{')
		buf_append_byte(out, ',');
	append_text(out, "\"__");
	append_text(out, name);
	append_text(out, "\":");
}

static bool
render_flat(FormatJson *json, const Change *change, Position position,
			Error *err)
{
	const Body *parts = &change->parts;
	bool		gone = parts->op == PG_FANOUT__OP__DELETE;
	RowColumns	columns = gone && parts->before_is_key ? ROW_SENT : ROW_WHOLE;
	Buf		   *out = &json->value;

	format_recycle(out);
	if (!append_row(out, change, gone ? parts->before : parts->after, columns,
					gone ? slice_make(NULL, 0) : parts->unchanged, err) ||
		!format_fits(out, err))
		return false;
	out->size--;				/* its brace */
	for (int i = -1; i < PROTO_EXTRA_DELETED; i++)
	{
		int			field = i < 0 ? PROTO_EXTRA_DELETED : i;

		if ((json->fields & (1u << field)) == 0)
			continue;
		append_flat_name(out, flat_field_names[field]);
		if (!append_field(json, field, change, position, err))
			return false;
	}
	buf_append_byte(out, '}');
	return format_fits(out, err);
}

static bool
put_flat(FormatJson *json, const Change *change, PlainRecord *plain,
		 Position position, Records *out, Error *err)
{
	if (flat_drops(json->flat, &change->parts))
		return true;
	if (flat_has_value(json->flat, &change->parts))
	{
		if (!render_flat(json, change, position, err))
			return false;
		plain->value = buf_slice(&json->value);
	}
	flat_put(out, plain, position, &json->headers);
	return true;
}

static FormatResult
format_json_change(Format *format, const Change *change, Position position,
				   const char *topic, Records *out, Error *err)
{
	FormatJson *json = (FormatJson *) format;
	PlainRecord plain = {.op = change->parts.op};

	(void) topic;
	if (!render_key(json, change, false, &plain.key, err) ||
		!render_key(json, change, true, &plain.old_key, err))
		return FORMAT_FAILED;
	out->count = 0;
	if (json->flat != NULL && json->flat->flatten)
		return put_flat(json, change, &plain, position, out, err) ?
			FORMAT_OK : FORMAT_FAILED;
	if (!render_value(json, change, position, err))
		return FORMAT_FAILED;
	plain.value = buf_slice(&json->value);
	format_put_plain(out, &plain, position, &json->headers);
	return FORMAT_OK;
}

/* Strictly: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
static bool
is_utf8(Slice text)
{
	const uint8_t *at = text.data;
	const uint8_t *end = text.data + text.size;

	while (at < end)
	{
		uint8_t		lead = *at++;
		int			more =
			lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
		uint8_t		low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
		uint8_t		high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;

		if (lead >= 0x80 && (lead < 0xc2 || lead > 0xf4))
			return false;
		for (; more > 0; more--, low = 0x80, high = 0xbf)
			if (at == end || *at < low || *at++ > high)
				return false;
	}
	return true;
}

static FormatResult
format_json_message(Format *format, const LogicalMessage *message,
					Position position, const char *topic, Records *records,
					Error *err)
{
	FormatJson *json = (FormatJson *) format;
	Buf		   *out = &json->message;

	(void) topic;
	format_recycle(out);
	append_member(out, "{\"op\":", "message");
	append_member(out, ",\"db\":", json->database);
	append_position(out, position, message->txn);
	append_text(out, message->txn != NULL ? ",\"transactional\":true" :
				",\"transactional\":false");
	append_member(out, ",\"prefix\":", message->prefix);
	if (is_utf8(message->content))
	{
		append_text(out, ",\"content\":");
		json_append_string(out, message->content);
	}
	else
	{
		append_text(out, ",\"content_base64\":");
		json_append_base64(out, message->content);
	}
	buf_append_byte(out, '}');
	records->count = 1;
	records->records[0] = (Record) {.value = buf_slice(out)};
	return format_fits(out, err) ? FORMAT_OK : FORMAT_FAILED;
}

static void
format_json_free(Format *format)
{
	FormatJson *json = (FormatJson *) format;

	buf_free(&json->key);
	buf_free(&json->old_key);
	buf_free(&json->value);
	buf_free(&json->message);
	buf_free(&json->row);
	buf_free(&json->scratch);
	free(json->database);
	free(json);
}

extern const FormatOps format_json_ops;

static Format *
format_json_create(const FormatConfig *config, Error *err)
{
	FormatJson *json = calloc(1, sizeof(*json));

	if (json == NULL ||
		(json->database = strdup(config->database)) == NULL)
	{
		free(json);
		error_no_memory(err);
		return NULL;
	}
	json->base.ops = &format_json_ops;
	buf_init(&json->key, FORMAT_LIMIT);
	buf_init(&json->old_key, FORMAT_LIMIT);
	buf_init(&json->value, FORMAT_LIMIT);
	buf_init(&json->message, FORMAT_LIMIT);
	buf_init(&json->row, FORMAT_LIMIT);
	buf_init(&json->scratch, FORMAT_LIMIT);
	if (config->options != NULL)
		json->flat = &((const FormatJsonOptions *) config->options)->flat;
	if (json->flat == NULL || flat_fields(json->flat, &json->fields, err))
		return &json->base;
	format_json_free(&json->base);
	return NULL;
}

const FormatOps format_json_ops = {
	.name = "json",
	.extension = "jsonl",
	.binary = false,
	.options = &format_json_option_table,
	.create = format_json_create,
	.begin = format_no_begin,
	.change = format_json_change,
	.message = format_json_message,
	.commit = format_no_commit,
	.tick = format_no_tick,
	.watch = format_no_watch,
	.free = format_json_free
};
