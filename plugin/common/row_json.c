/*
 * row_json.c
 *		Rows of the wire as JSON text. See row_json.h.
 *
 * Walks a row beside the table's columns: both are in the order of their
 * numbers, so one pass does and nothing is allocated. Rows may come from the
 * network: every kind, range and count is checked. How a single value looks is
 * json_value's business.
 */
#include "row_json.h"

#define ARRAY_MAX_DIMENSIONS	6
#define DAY_MICROSECONDS		INT64_C(86400000000)

/* ---- single values ---- */

static bool
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

static WireKind
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

static bool
append_int32(Buf *out, int64_t value)
{
	json_append_int(out, value);
	return value >= INT32_MIN && value <= INT32_MAX;
}

static bool
append_date(Buf *out, int64_t days)
{
	json_append_date(out, (int32_t) days);
	return days >= INT32_MIN && days <= INT32_MAX;
}

static bool
append_time(Buf *out, int64_t time)
{
	if (time < 0 || time > DAY_MICROSECONDS)
		return false;
	json_append_time(out, time);
	return true;
}

static bool
append_number(Buf *out, PgFanout__Encoding encoding, uint64_t value)
{
	switch (encoding)
	{
		case PG_FANOUT__ENCODING__BOOL:
			json_append_bool(out, value != 0);
			return value <= 1;
		case PG_FANOUT__ENCODING__INT32:
			return append_int32(out, wire_unzigzag(value));
		case PG_FANOUT__ENCODING__INT64:
			json_append_int(out, wire_unzigzag(value));
			return true;
		case PG_FANOUT__ENCODING__UINT32:
			json_append_uint(out, value);
			return value <= UINT32_MAX;
		case PG_FANOUT__ENCODING__FLOAT:
			json_append_float(out, wire_bits_float((uint32_t) value));
			return true;
		case PG_FANOUT__ENCODING__DOUBLE:
			json_append_double(out, wire_bits_double(value));
			return true;
		case PG_FANOUT__ENCODING__DATE:
			return append_date(out, wire_unzigzag(value));
		case PG_FANOUT__ENCODING__TIME:
			return append_time(out, wire_unzigzag(value));
		case PG_FANOUT__ENCODING__TIMESTAMP:
			json_append_timestamp(out, wire_unzigzag(value));
			return true;
		case PG_FANOUT__ENCODING__TIMESTAMPTZ:
			json_append_timestamptz(out, wire_unzigzag(value));
			return true;
		default:
			return false;
	}
}

static bool
append_interval(Buf *out, Slice message)
{
	WireReader	reader = wire_reader(message.data, message.size);
	WireField	field;
	WireResult	result;
	int64_t		parts[4] = {0};

	while ((result = wire_next(&reader, &field)) == WIRE_FIELD)
	{
		if (field.number > 3 || field.kind != WIRE_VARINT)
			return false;
		parts[field.number] = wire_unzigzag(field.value);
	}
	if (result != WIRE_END || parts[1] != (int32_t) parts[1] ||
		parts[2] != (int32_t) parts[2])
		return false;
	json_append_interval(out, (int32_t) parts[1], (int32_t) parts[2],
						 parts[3]);
	return true;
}

static bool
append_bytes(Buf *out, PgFanout__Encoding encoding, Slice bytes)
{
	switch (encoding)
	{
		case PG_FANOUT__ENCODING__TEXT:
		case PG_FANOUT__ENCODING__NUMERIC:
		case PG_FANOUT__ENCODING__ENUM:
			json_append_string(out, bytes);
			return true;
		case PG_FANOUT__ENCODING__JSON:
			json_append_raw(out, bytes);
			return bytes.size > 0;
		case PG_FANOUT__ENCODING__BYTES:
			json_append_base64(out, bytes);
			return true;
		case PG_FANOUT__ENCODING__UUID:
			if (bytes.size != 16)
				return false;
			json_append_uuid(out, bytes.data);
			return true;
		case PG_FANOUT__ENCODING__INTERVAL:
			return append_interval(out, bytes);
		default:
			return false;
	}
}

static bool
append_scalar(Buf *out, PgFanout__Encoding encoding, const WireField *field)
{
	if (field->kind != encoding_wire_kind(encoding))
		return false;
	if (field->kind == WIRE_BYTES)
		return append_bytes(out, encoding,
							slice_make(field->data, field->size));
	return append_number(out, encoding, field->value);
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

/*
 * An array taken apart. elements reads numbers if they are packed, else the
 * fields of the message itself. stride[d] is how many elements one entry of
 * dimension d spans, its own length included.
 */
typedef struct ArrayParts
{
	PgFanout__Encoding encoding;
	WireReader	elements;
	WireReader	nulls;
	uint64_t	next_null;		/* UINT64_MAX: none left */
	uint64_t	count;			/* NULLs included */
	uint64_t	stride[ARRAY_MAX_DIMENSIONS];
	int			dimensions;
} ArrayParts;

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
array_add_elements(ArrayParts *array, const WireField *field)
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
array_read_dimensions(ArrayParts *array, const WireField *field)
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
array_read_field(ArrayParts *array, const WireField *field)
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
array_parse(ArrayParts *array, Slice message)
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
array_next_null(ArrayParts *array, uint64_t least)
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
array_next_element(ArrayParts *array, WireField *field)
{
	if (encoding_is_packed(array->encoding))
		return packed_number_read(array->encoding, &array->elements, field);
	return wire_next(&array->elements, field) == WIRE_FIELD &&
		field->number == ARRAY_ELEMENT;
}

static bool
array_append_one(Buf *out, ArrayParts *array, uint64_t index)
{
	WireField	field;

	if (index == array->next_null)
	{
		buf_append(out, "null", 4);
		return array_next_null(array, index + 1);
	}
	return array_next_element(array, &field) &&
		append_scalar(out, array->encoding, &field);
}

static void
array_append_brackets(Buf *out, const ArrayParts *array, uint64_t index,
					  char bracket)
{
	for (int i = 0; i < array->dimensions; i++)
	{
		if (index % array->stride[i] == 0)
			buf_append_byte(out, (uint8_t) bracket);
	}
}

static bool
append_array(Buf *out, PgFanout__Encoding encoding, Slice message)
{
	ArrayParts	array = {.encoding = encoding};

	if (!array_parse(&array, message) || !array_next_null(&array, 0))
		return false;
	if (array.count == 0)
		buf_append(out, "[]", 2);
	for (uint64_t i = 0; i < array.count && !buf_failed(out); i++)
	{
		if (i > 0)
			buf_append_byte(out, ',');
		array_append_brackets(out, &array, i, '[');
		if (!array_append_one(out, &array, i))
			return false;
		array_append_brackets(out, &array, i + 1, ']');
	}

	/* what is left is a number that was cut short */
	return !encoding_is_packed(encoding) || buf_failed(out) ||
		array.elements.at == array.elements.end;
}

/* ---- rows ---- */

static bool
append_value(Buf *out, const Column *column, const WireField *field)
{
	if (!column->is_array)
		return append_scalar(out, column->encoding, field);
	return field->kind == WIRE_BYTES &&
		append_array(out, column->encoding,
					 slice_make(field->data, field->size));
}

/* The members of one object; first tells whether a comma is due. */
static void
append_name(Buf *out, const Column *column, bool *first)
{
	if (!*first)
		buf_append_byte(out, ',');
	*first = false;
	json_append_string(out, slice_of(column->name));
	buf_append_byte(out, ':');
}

static bool
numbers_contain(Slice numbers, uint32_t number)
{
	WireReader	reader = wire_reader(numbers.data, numbers.size);
	uint64_t	value;

	while (reader.at < reader.end)
	{
		if (!wire_read_varint(&reader, &value))
			return false;
		if (value == number)
			return true;
	}
	return false;
}

/* A row read in the order of its numbers, one field ahead. */
typedef struct RowCursor
{
	Slice		row;
	WireReader	reader;
	WireField	field;			/* number 0: the row is at its end */
} RowCursor;

static bool
cursor_advance(RowCursor *cursor)
{
	uint32_t	previous = cursor->field.number;
	WireResult	result = wire_next(&cursor->reader, &cursor->field);

	if (result == WIRE_END)
		cursor->field.number = 0;
	return result == WIRE_END ||
		(result == WIRE_FIELD && cursor->field.number > previous);
}

static bool
cursor_start(RowCursor *cursor, Slice row)
{
	cursor->row = row;
	cursor->reader = wire_reader(row.data, row.size);
	cursor->field.number = 0;
	return cursor_advance(cursor);
}

static bool
append_columns(Buf *out, const Table *table, Slice row, RowColumns columns,
			   Slice skip)
{
	RowCursor	cursor;
	bool		first = true;

	if (!cursor_start(&cursor, row))
		return false;
	for (size_t i = 0; i < table->column_count; i++)
	{
		const Column *column = &table->columns[i];
		bool		sent = cursor.field.number == column->number;

		if (skip.size > 0 && numbers_contain(skip, column->number))
		{
			if (sent)
				return false;
			continue;
		}
		if (!sent && columns == ROW_SENT)
			continue;
		append_name(out, column, &first);
		if (!sent)
			buf_append(out, "null", 4);
		else if (!append_value(out, column, &cursor.field) ||
				 !cursor_advance(&cursor))
			return false;
	}
	return cursor.field.number == 0;
}

/* Moves to a column, from the start again if it was passed already. */
static bool
cursor_seek(RowCursor *cursor, uint32_t number)
{
	if (cursor->field.number == 0 || cursor->field.number > number)
	{
		if (!cursor_start(cursor, cursor->row))
			return false;
	}
	while (cursor->field.number != 0 && cursor->field.number < number)
	{
		if (!cursor_advance(cursor))
			return false;
	}
	return true;
}

static bool
append_key(Buf *out, const Table *table, Slice row, Slice skip)
{
	RowCursor	cursor;
	bool		first = true;

	if (!cursor_start(&cursor, row))
		return false;
	for (size_t i = 0; i < table->key_count; i++)
	{
		const Column *column = &table->columns[table->keys[i]];

		if (skip.size > 0 && numbers_contain(skip, column->number))
			continue;
		if (!cursor_seek(&cursor, column->number))
			return false;
		append_name(out, column, &first);
		if (cursor.field.number != column->number)
			buf_append(out, "null", 4);
		else if (!append_value(out, column, &cursor.field))
			return false;
	}
	return true;
}

bool
row_append_json(Buf *out, const Table *table, Slice row, RowColumns columns,
				Slice skip)
{
	bool		done;

	buf_append_byte(out, '{');
	if (columns == ROW_KEY)
		done = append_key(out, table, row, skip);
	else
		done = append_columns(out, table, row, columns, skip);
	buf_append_byte(out, '}');
	return done;
}
