/*
 * protobuf_key.c
 *		Keys of the protobuf format.
 */
#include "protobuf_key.h"

#include "format.h"
#include "record_key.h"
#include "row_json.h"
#include "schema_renumber.h"

const char *const protobuf_key_words[] = {"protobuf", "json", "text", NULL};

static bool
refuse_row(const Change *change, Error *err)
{
	return error_set(err, ERROR_RECORD, "malformed row of table %s.%s",
					 change->table->schema, change->table->name);
}

static bool
append_json(Buf *out, const Change *change, Slice row, Error *err)
{
	Slice		none = {NULL, 0};

	return row_append_json(out, change->table, row, ROW_KEY, none) ||
		refuse_row(change, err);
}

static bool
is_string(const Column *column)
{
	return !column->is_array &&
		(column->encoding == PG_FANOUT__ENCODING__TEXT ||
		 column->encoding == PG_FANOUT__ENCODING__NUMERIC ||
		 column->encoding == PG_FANOUT__ENCODING__JSON ||
		 column->encoding == PG_FANOUT__ENCODING__ENUM);
}

/* {"name":"value"} becomes value: nothing in it is escaped. */
static void
strip_object(Buf *out, const Column *column)
{
	Buf			name;
	size_t		begin;
	size_t		end = out->size - 1;

	buf_init(&name, 4096);
	json_append_string(&name, slice_of(column->name));
	begin = name.size + 2;
	buf_free(&name);
	if (buf_failed(out))
		return;
	if (out->data[begin] == '"')
	{
		begin++;
		end--;
	}
	out->size = end;
	buf_consume(out, begin);
}

/* A key of one column is that value's text, of several their JSON. */
static bool
append_text(Buf *out, const Change *change, Slice row, Error *err)
{
	const Table *table = change->table;
	const Column *column = &table->columns[table->keys[0]];
	WireReader	reader = wire_reader(row.data, row.size);
	WireField	field;

	if (table->key_count == 1 && is_string(column) &&
		wire_next(&reader, &field) == WIRE_FIELD)
	{
		buf_append(out, field.data, field.size);
		return true;
	}
	if (!append_json(out, change, row, err))
		return false;
	if (table->key_count == 1)
		strip_object(out, column);
	return true;
}

static bool
append_protobuf(Buf *out, const Change *change, Slice row,
				const SchemaBinding *binding, Error *err)
{
	const uint32_t *numbers = binding == NULL ? NULL :
		binding->numbers[SCHEMA_KEY];

	if (numbers == NULL)
		buf_append_slice(out, row);
	else if (!schema_renumber_row(out, change->table, numbers, row))
		return refuse_row(change, err);
	return true;
}

static bool
append_key(const ProtobufKeys *keys, Buf *out, const Change *change,
		   const SchemaBinding *binding, Error *err)
{
	Slice		row = buf_slice(&keys->row);

	switch (keys->format)
	{
		case PROTOBUF_KEY_JSON:
			return append_json(out, change, row, err);
		case PROTOBUF_KEY_TEXT:
			return append_text(out, change, row, err);
		default:
			return append_protobuf(out, change, row, binding, err);
	}
}

static bool
render_key(ProtobufKeys *keys, ProtobufKey *key, const Change *change,
		   const SchemaBinding *binding, Error *err)
{
	uint8_t		frame[SCHEMA_FRAME_PROTOBUF];
	size_t		frame_size = 0;

	format_recycle(&key->bytes);
	if (binding != NULL)
		frame_size = schema_frame_put(frame, SCHEMA_PROTOBUF,
									  binding->ids[SCHEMA_KEY]);
	/* an empty row is a key too, and its data must not be NULL */
	buf_reserve(&key->bytes, 1);
	buf_append(&key->bytes, frame, frame_size);
	if (!append_key(keys, &key->bytes, change, binding, err) ||
		!format_fits(&key->bytes, err))
		return false;
	key->framed = buf_slice(&key->bytes);
	key->payload = slice_make(key->bytes.data + frame_size,
							  key->bytes.size - frame_size);
	return true;
}

bool
protobuf_keys_render(ProtobufKeys *keys, const Change *change,
					 const SchemaBinding *binding, Error *err)
{
	ProtobufKey *both[2] = {&keys->new, &keys->old};

	for (int old = 0; old < 2; old++)
	{
		RecordKey	found = old ?
			record_key_find_old(change, &keys->row, &keys->scratch) :
			record_key_find(change, &keys->row);

		both[old]->framed = both[old]->payload = slice_make(NULL, 0);
		if (found == RECORD_KEY_BAD)
			return refuse_row(change, err);
		if (!format_fits(&keys->row, err) ||
			!format_fits(&keys->scratch, err))
			return false;
		if (found == RECORD_KEY_FOUND &&
			!render_key(keys, both[old], change, binding, err))
			return false;
	}
	return true;
}

void
protobuf_keys_init(ProtobufKeys *keys, ProtobufKeyFormat format)
{
	*keys = (ProtobufKeys) {.format = format};
	buf_init(&keys->new.bytes, FORMAT_LIMIT);
	buf_init(&keys->old.bytes, FORMAT_LIMIT);
	buf_init(&keys->row, FORMAT_LIMIT);
	buf_init(&keys->scratch, FORMAT_LIMIT);
}

void
protobuf_keys_free(ProtobufKeys *keys)
{
	buf_free(&keys->new.bytes);
	buf_free(&keys->old.bytes);
	buf_free(&keys->row);
	buf_free(&keys->scratch);
}
