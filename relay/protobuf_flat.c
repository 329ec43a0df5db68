/*
 * protobuf_flat.c
 *		Values of the protobuf format that are a row alone.
 */
#include "protobuf_flat.h"

#include "body_write.h"
#include "schema_renumber.h"

bool
protobuf_flat_fields(const FlatOptions *options, uint32_t *fields, Error *err)
{
	if (!flat_fields(options, fields, err))
		return false;
	*fields = options->flatten ? *fields | 1u << PROTO_EXTRA_UNCHANGED : 0;
	return true;
}

bool
protobuf_flat_print(Buf *out, const FlatOptions *options, const Table *table,
					Error *err)
{
	uint32_t	fields;

	if (!protobuf_flat_fields(options, &fields, err))
		return false;
	if (fields != 0)
		proto_append_flat(out, table, fields, NULL);
	else
		proto_append_table(out, table, NULL);
	return true;
}

/* ---- fields ---- */

/* Empty text is left out. */
static void
put_text(Buf *out, uint32_t number, const char *text)
{
	if (text != NULL && text[0] != '\0')
		body_put_bytes(out, number, slice_of(text));
}

static bool
refuse_row(const Change *change, Error *err)
{
	return error_set(err, ERROR_RECORD, "malformed row of table %s.%s",
					 change->table->schema, change->table->name);
}

static bool
put_unchanged(Buf *out, uint32_t number, const Change *change, Error *err)
{
	Slice		numbers = change->parts.unchanged;
	WireReader	reader = wire_reader(numbers.data, numbers.size);
	uint64_t	unchanged;

	while (reader.at < reader.end)
	{
		const Column *column = NULL;

		if (wire_read_varint(&reader, &unchanged) &&
			unchanged <= TABLE_MAX_NUMBER)
			column = table_find_column(change->table, (uint32_t) unchanged);
		if (column == NULL)
			return refuse_row(change, err);
		put_text(out, number, column->name);
	}
	return true;
}

static bool
put_field(Buf *out, const ProtobufFlat *flat, ProtoExtra field,
		  const Change *change, Position position, Error *err)
{
	uint32_t	number = PROTO_EXTRA_NUMBER + (uint32_t) field;

	switch (field)
	{
		case PROTO_EXTRA_OP:
			put_text(out, number, flat_op_name(change->parts.op));
			break;
		case PROTO_EXTRA_DB:
			put_text(out, number, flat->database);
			break;
		case PROTO_EXTRA_SCHEMA:
			put_text(out, number, change->table->schema);
			break;
		case PROTO_EXTRA_TABLE:
			put_text(out, number, change->table->name);
			break;
		case PROTO_EXTRA_LSN:
			body_put_uint(out, number, position.lsn);
			break;
		case PROTO_EXTRA_SEQ:
			body_put_uint(out, number, position.seq);
			break;
		case PROTO_EXTRA_XID:
			body_put_uint(out, number, change->txn->xid);
			break;
		case PROTO_EXTRA_COMMIT_TIME:
			body_put_uint(out, number, (uint64_t) change->txn->commit_time);
			break;
		case PROTO_EXTRA_ORIGIN:
			put_text(out, number, change->txn->origin);
			break;
		case PROTO_EXTRA_UNCHANGED:
			return put_unchanged(out, number, change, err);
		case PROTO_EXTRA_DELETED:
			body_put_uint(out, number,
						  change->parts.op == PG_FANOUT__OP__DELETE);
			break;
		case PROTO_EXTRA_COUNT:
			break;
	}
	return true;
}

bool
protobuf_flat_append(Buf *out, const ProtobufFlat *flat, const Change *change,
					 Position position, const uint32_t *numbers, Error *err)
{
	Slice		row = change->parts.op == PG_FANOUT__OP__DELETE ?
		change->parts.before : change->parts.after;

	/* a row without any columns is one too, and its data must not be NULL */
	buf_reserve(out, 1);
	if (numbers == NULL)
		buf_append_slice(out, row);
	else if (!schema_renumber_row(out, change->table, numbers, row))
		return refuse_row(change, err);
	for (int field = 0; field < PROTO_EXTRA_COUNT; field++)
		if ((flat->fields >> field & 1) != 0 &&
			!put_field(out, flat, (ProtoExtra) field, change, position, err))
			return false;
	return format_fits(out, err);
}
