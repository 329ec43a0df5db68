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

#include "row_read.h"

#define DAY_MICROSECONDS		INT64_C(86400000000)

/* ---- single values ---- */

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

static bool
array_append_one(Buf *out, ArrayReader *array)
{
	WireField	element;
	bool		null;

	if (!array_read_next(array, &element, &null))
		return false;
	if (!null)
		return append_scalar(out, array->encoding, &element);
	buf_append(out, "null", 4);
	return true;
}

static void
array_append_brackets(Buf *out, const ArrayReader *array, uint64_t index,
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
	ArrayReader array;

	if (!array_read_start(&array, encoding, message))
		return false;
	if (array.count == 0)
		buf_append(out, "[]", 2);
	for (uint64_t i = 0; i < array.count && !buf_failed(out); i++)
	{
		if (i > 0)
			buf_append_byte(out, ',');
		array_append_brackets(out, &array, i, '[');
		if (!array_append_one(out, &array))
			return false;
		array_append_brackets(out, &array, i + 1, ']');
	}
	return buf_failed(out) || array_read_end(&array);
}

/* ---- rows ---- */

bool
column_append_json(Buf *out, const Column *column, const WireField *field)
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

static bool
append_columns(Buf *out, const Table *table, Slice row, RowColumns columns,
			   Slice skip)
{
	RowCursor	cursor;
	bool		first = true;

	if (!row_cursor_start(&cursor, row))
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
		else if (!column_append_json(out, column, &cursor.field) ||
				 !row_cursor_advance(&cursor))
			return false;
	}
	return cursor.field.number == 0;
}

static bool
append_key(Buf *out, const Table *table, Slice row, Slice skip)
{
	RowCursor	cursor;
	bool		first = true;

	if (!row_cursor_start(&cursor, row))
		return false;
	for (size_t i = 0; i < table->key_count; i++)
	{
		const Column *column = &table->columns[table->keys[i]];

		if (skip.size > 0 && numbers_contain(skip, column->number))
			continue;
		if (!row_cursor_seek(&cursor, column->number))
			return false;
		append_name(out, column, &first);
		if (cursor.field.number != column->number)
			buf_append(out, "null", 4);
		else if (!column_append_json(out, column, &cursor.field))
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
