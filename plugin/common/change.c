/*
 * change.c
 *		Takes a Change record and its typed body apart. See change.h.
 *
 * Strict: fields come once and in the order of their numbers, as the plugin
 * writes them; anything else (field 15 too, which only the relay appends) is
 * malformed. Knows nothing of tables: rows stay bytes here.
 */
#include "change.h"

/* The numbers of change.proto. */
enum
{
	BODY_OP = 1,
	BODY_BEFORE = 2,
	BODY_AFTER = 3,
	BODY_UNCHANGED = 4,
	BODY_LSN = 5,
	BODY_BEFORE_IS_KEY = 6
};

enum
{
	CHANGE_TABLE = 1,
	CHANGE_XID = 2,
	CHANGE_SUBXID = 3,
	CHANGE_BODY = 4
};

/* ---- one field ---- */

static bool
field_read_uint64(const WireField *field, uint64_t *value)
{
	*value = field->value;
	return field->kind == WIRE_VARINT;
}

static bool
field_read_uint32(const WireField *field, uint32_t *value)
{
	*value = (uint32_t) field->value;
	return field->kind == WIRE_VARINT && field->value <= UINT32_MAX;
}

static bool
field_read_bool(const WireField *field, bool *value)
{
	*value = field->value != 0;
	return field->kind == WIRE_VARINT && field->value <= 1;
}

static bool
field_read_bytes(const WireField *field, Slice *value)
{
	*value = slice_make(field->data, field->size);
	return field->kind == WIRE_BYTES;
}

static bool
field_read_op(const WireField *field, PgFanout__Op *op)
{
	if (field->kind != WIRE_VARINT ||
		field->value < PG_FANOUT__OP__INSERT ||
		field->value > PG_FANOUT__OP__READ)
		return false;
	*op = (PgFanout__Op) field->value;
	return true;
}

/* Packed column numbers: whole varints that fit 32 bits. */
static bool
field_read_numbers(const WireField *field, Slice *value)
{
	WireReader	reader = wire_reader(field->data, field->size);
	uint64_t	number;

	if (!field_read_bytes(field, value))
		return false;
	while (reader.at < reader.end)
	{
		if (!wire_read_varint(&reader, &number) || number > UINT32_MAX)
			return false;
	}
	return true;
}

/* ---- body ---- */

static bool
body_read_field(Body *body, const WireField *field)
{
	switch (field->number)
	{
		case BODY_OP:
			return field_read_op(field, &body->op);
		case BODY_BEFORE:
			return field_read_bytes(field, &body->before);
		case BODY_AFTER:
			return field_read_bytes(field, &body->after);
		case BODY_UNCHANGED:
			return field_read_numbers(field, &body->unchanged);
		case BODY_LSN:
			return field_read_uint64(field, &body->lsn);
		case BODY_BEFORE_IS_KEY:
			return field_read_bool(field, &body->before_is_key);
	}
	return false;
}

bool
body_parse(Slice bytes, Body *body)
{
	WireReader	reader = wire_reader(bytes.data, bytes.size);
	WireField	field;
	uint32_t	previous = 0;
	WireResult	result;

	memset(body, 0, sizeof(*body));
	while ((result = wire_next(&reader, &field)) == WIRE_FIELD)
	{
		if (field.number <= previous || !body_read_field(body, &field))
			return false;
		previous = field.number;
	}
	return result == WIRE_END && body->op != PG_FANOUT__OP__OP_UNKNOWN;
}

/* ---- change ---- */

static bool
change_read_field(ChangeHeader *change, const WireField *field)
{
	switch (field->number)
	{
		case CHANGE_TABLE:
			return field_read_uint32(field, &change->table);
		case CHANGE_XID:
			return field_read_uint32(field, &change->xid);
		case CHANGE_SUBXID:
			return field_read_uint32(field, &change->subxid);
		case CHANGE_BODY:
			return field_read_bytes(field, &change->body);
	}
	return false;
}

bool
change_parse(Slice bytes, ChangeHeader *change)
{
	WireReader	reader = wire_reader(bytes.data, bytes.size);
	WireField	field;
	uint32_t	previous = 0;
	WireResult	result;

	memset(change, 0, sizeof(*change));
	while ((result = wire_next(&reader, &field)) == WIRE_FIELD)
	{
		if (field.number <= previous || !change_read_field(change, &field))
			return false;
		previous = field.number;
	}
	return result == WIRE_END && change->table != 0 &&
		change->body.data != NULL;
}
