/*
 * schema_renumber.c
 *		Rows and bodies with other field numbers.
 */
#include "schema_renumber.h"

#include "wire.h"

/* The numbers of change.proto. */
enum
{
	BODY_BEFORE = 2,
	BODY_AFTER = 3,
	BODY_UNCHANGED = 4
};

typedef struct Renumbering
{
	const Table *table;
	const uint32_t *numbers;
} Renumbering;

/* 0: no column's. */
static uint32_t
new_number(const Renumbering *by, uint64_t number)
{
	const Column *column = number <= TABLE_MAX_NUMBER ?
		table_find_column(by->table, (uint32_t) number) : NULL;

	return column == NULL ? 0 : by->numbers[column - by->table->columns];
}

/* The field as it was, under that number. */
static void
append_field(Buf *out, uint32_t number, const WireField *field)
{
	uint8_t    *at;

	if (!buf_reserve(out, WIRE_MAX_SCALAR + WIRE_MAX_PREFIX + field->size))
		return;
	at = out->data + out->size;
	switch (field->kind)
	{
		case WIRE_VARINT:
			at = wire_put_uint(at, number, field->value);
			break;
		case WIRE_FIXED32:
			at = wire_put_fixed32(at, number, (uint32_t) field->value);
			break;
		case WIRE_FIXED64:
			at = wire_put_fixed64(at, number, field->value);
			break;
		case WIRE_BYTES:
			at = wire_put_bytes(at, number, field->data, field->size);
			break;
	}
	out->size = (size_t) (at - out->data);
}

static bool
append_row(Buf *out, const Renumbering *by, Slice row)
{
	WireReader	reader = wire_reader(row.data, row.size);
	WireField	field;
	WireResult	result;

	while ((result = wire_next(&reader, &field)) == WIRE_FIELD)
	{
		uint32_t	number = new_number(by, field.number);

		if (number == 0)
			return false;
		append_field(out, number, &field);
	}
	return result == WIRE_END;
}

/* How long a row becomes: its tag stands before it. */
static bool
measure_row(const Renumbering *by, Slice row, size_t *size)
{
	WireReader	reader = wire_reader(row.data, row.size);
	WireField	field;
	WireResult	result;

	*size = row.size;
	while ((result = wire_next(&reader, &field)) == WIRE_FIELD)
	{
		uint64_t	kind = field.kind;

		*size += wire_varint_size((uint64_t) new_number(by, field.number)
								  << 3 | kind);
		*size -= wire_varint_size((uint64_t) field.number << 3 | kind);
	}
	return result == WIRE_END;
}

static bool
append_nested(Buf *out, const Renumbering *by, const WireField *field)
{
	Slice		row = slice_make(field->data, field->size);
	size_t		size;
	uint8_t    *at;

	if (field->kind != WIRE_BYTES || !measure_row(by, row, &size))
		return false;
	if (!buf_reserve(out, WIRE_MAX_PREFIX + size))
		return true;
	at = wire_put_tag(out->data + out->size, field->number, WIRE_BYTES);
	at = wire_put_varint(at, size);
	out->size = (size_t) (at - out->data);
	return append_row(out, by, row);
}

/* Packed or not, the numbers come out one by one: readers take both. */
static bool
append_unchanged(Buf *out, const Renumbering *by, const WireField *field)
{
	WireReader	reader = wire_reader(field->data, field->size);
	uint64_t	value = field->value;
	bool		packed = field->kind == WIRE_BYTES;

	do
	{
		WireField	one = {.kind = WIRE_VARINT};

		if (packed && reader.at >= reader.end)
			return true;
		if (packed && !wire_read_varint(&reader, &value))
			return false;
		one.value = new_number(by, value);
		if (one.value == 0)
			return false;
		append_field(out, BODY_UNCHANGED, &one);
	} while (packed);
	return true;
}

bool
schema_renumber_row(Buf *out, const Table *table, const uint32_t *numbers,
					Slice row)
{
	Renumbering by = {table, numbers};

	return append_row(out, &by, row);
}

bool
schema_renumber_body(Buf *out, const Table *table, const uint32_t *numbers,
					 Slice body)
{
	Renumbering by = {table, numbers};
	WireReader	reader = wire_reader(body.data, body.size);
	WireField	field;
	WireResult	result;

	while ((result = wire_next(&reader, &field)) == WIRE_FIELD)
	{
		if (field.number == BODY_BEFORE || field.number == BODY_AFTER)
		{
			if (!append_nested(out, &by, &field))
				return false;
		}
		else if (field.number == BODY_UNCHANGED)
		{
			if (!append_unchanged(out, &by, &field))
				return false;
		}
		else
			append_field(out, field.number, &field);
	}
	return result == WIRE_END;
}
