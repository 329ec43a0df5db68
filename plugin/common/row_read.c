/*
 * row_read.c
 *		Walking rows and arrays of the wire. See row_read.h.
 */
#include "row_read.h"

/* ---- encodings ---- */

bool
encoding_is_packed(PgFanout__Encoding encoding)
{
	switch (encoding)
	{
		case PG_FANOUT__ENCODING__BOOL:
		case PG_FANOUT__ENCODING__INT32:
		case PG_FANOUT__ENCODING__INT64:
		case PG_FANOUT__ENCODING__UINT32:
		case PG_FANOUT__ENCODING__FLOAT:
		case PG_FANOUT__ENCODING__DOUBLE:
		case PG_FANOUT__ENCODING__DATE:
		case PG_FANOUT__ENCODING__TIME:
		case PG_FANOUT__ENCODING__TIMESTAMP:
		case PG_FANOUT__ENCODING__TIMESTAMPTZ:
			return true;
		default:
			return false;
	}
}

WireKind
encoding_wire_kind(PgFanout__Encoding encoding)
{
	if (!encoding_is_packed(encoding))
		return WIRE_BYTES;
	if (encoding == PG_FANOUT__ENCODING__FLOAT)
		return WIRE_FIXED32;
	if (encoding == PG_FANOUT__ENCODING__DOUBLE)
		return WIRE_FIXED64;
	return WIRE_VARINT;
}

/* ---- rows ---- */

bool
row_cursor_seek(RowCursor *cursor, uint32_t number)
{
	if (cursor->field.number == 0 || cursor->field.number > number)
	{
		if (!row_cursor_start(cursor, cursor->row))
			return false;
	}
	while (cursor->field.number != 0 && cursor->field.number < number)
	{
		if (!row_cursor_advance(cursor))
			return false;
	}
	return true;
}

/* ---- arrays ---- */

/* The numbers of change.proto's Array. */
enum
{
	ARRAY_ELEMENT = 1,
	ARRAY_NULL_INDEX = 2,
	ARRAY_DIMENSION = 3,
	ARRAY_LOWER_BOUND = 4
};

static bool
packed_number_read(PgFanout__Encoding encoding, WireReader *reader,
				   WireField *field)
{
	uint32_t	fixed32;

	field->kind = encoding_wire_kind(encoding);
	if (field->kind == WIRE_FIXED64)
		return wire_read_fixed64(reader, &field->value);
	if (field->kind == WIRE_VARINT)
		return wire_read_varint(reader, &field->value);
	if (!wire_read_fixed32(reader, &fixed32))
		return false;
	field->value = fixed32;
	return true;
}

/* How many varints; a last one that is cut short counts, and fails later. */
static uint64_t
packed_count(const WireField *field)
{
	uint64_t	count = 0;

	for (size_t i = 0; i < field->size; i++)
		count += field->data[i] < 0x80;
	return count + (field->size > 0 && field->data[field->size - 1] >= 0x80);
}

static void
array_add_elements(ArrayReader *array, const WireField *field)
{
	WireKind	kind = encoding_wire_kind(array->encoding);

	if (kind == WIRE_BYTES)
	{
		array->count++;
		return;
	}
	array->elements = wire_reader(field->data, field->size);
	if (kind == WIRE_VARINT)
		array->count += packed_count(field);
	else
		array->count += field->size / (kind == WIRE_FIXED32 ? 4 : 8);
}

static bool
array_read_dimensions(ArrayReader *array, const WireField *field)
{
	WireReader	reader = wire_reader(field->data, field->size);
	uint64_t	product = 1;

	while (reader.at < reader.end)
	{
		uint64_t	length;

		if (array->dimensions == ARRAY_MAX_DIMENSIONS ||
			!wire_read_varint(&reader, &length) ||
			length == 0 || length > INT32_MAX)
			return false;
		array->stride[array->dimensions++] = length;
	}
	for (int i = array->dimensions - 1; i >= 0; i--)
	{
		product *= array->stride[i];
		if (product > INT32_MAX)
			return false;
		array->stride[i] = product;
	}
	return true;
}

static bool
array_read_field(ArrayReader *array, const WireField *field)
{
	if (field->kind != WIRE_BYTES)
		return false;
	switch (field->number)
	{
		case ARRAY_ELEMENT:
			array_add_elements(array, field);
			return true;
		case ARRAY_NULL_INDEX:
			array->nulls = wire_reader(field->data, field->size);
			array->count += packed_count(field);
			return true;
		case ARRAY_DIMENSION:
			return array_read_dimensions(array, field);
		case ARRAY_LOWER_BOUND:
			return true;
	}
	return false;
}

/* Fields come once and in order, but elements that are not packed repeat. */
static bool
array_parse(ArrayReader *array, Slice message)
{
	bool		packed = encoding_is_packed(array->encoding);
	WireReader	reader = wire_reader(message.data, message.size);
	WireField	field;
	WireResult	result;
	uint32_t	previous = 0;

	array->elements = reader;
	if (packed)
		array->elements.end = array->elements.at;
	while ((result = wire_next(&reader, &field)) == WIRE_FIELD)
	{
		if (field.number < previous ||
			(field.number == previous &&
			 (packed || field.number != ARRAY_ELEMENT)))
			return false;
		if (!array_read_field(array, &field))
			return false;
		previous = field.number;
	}
	if (array->dimensions == 0 && array->count > 0)
		array->stride[array->dimensions++] = array->count;
	return result == WIRE_END &&
		(array->count == 0 ? array->dimensions == 0 :
		 array->stride[0] == array->count);
}

/* NULLs are told in ascending order, so that one look ahead does. */
static bool
array_next_null(ArrayReader *array, uint64_t least)
{
	if (array->nulls.at == array->nulls.end)
	{
		array->next_null = UINT64_MAX;
		return true;
	}
	return wire_read_varint(&array->nulls, &array->next_null) &&
		array->next_null >= least && array->next_null < array->count;
}

static bool
array_next_element(ArrayReader *array, WireField *field)
{
	if (encoding_is_packed(array->encoding))
		return packed_number_read(array->encoding, &array->elements, field);
	return wire_next(&array->elements, field) == WIRE_FIELD &&
		field->number == ARRAY_ELEMENT;
}

bool
array_read_start(ArrayReader *array, PgFanout__Encoding encoding,
				 Slice message)
{
	memset(array, 0, sizeof(*array));
	array->encoding = encoding;
	return array_parse(array, message) && array_next_null(array, 0);
}

bool
array_read_next(ArrayReader *array, WireField *element, bool *null)
{
	uint64_t	index = array->index++;

	*null = index == array->next_null;
	if (*null)
		return array_next_null(array, index + 1);
	return array_next_element(array, element);
}

bool
array_read_end(const ArrayReader *array)
{
	/* what is left is a number that was cut short */
	return !encoding_is_packed(array->encoding) ||
		array->elements.at == array->elements.end;
}
