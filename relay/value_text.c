/*
 * value_text.c
 *		A value as plain text. See value_text.h.
 */
#include "value_text.h"

#include "row_json.h"

static bool
is_string(const Column *column)
{
	switch (column->encoding)
	{
		case PG_FANOUT__ENCODING__TEXT:
		case PG_FANOUT__ENCODING__NUMERIC:
		case PG_FANOUT__ENCODING__JSON:
		case PG_FANOUT__ENCODING__ENUM:
			return !column->is_array;
		default:
			return false;
	}
}

bool
value_text(const Column *column, const WireField *value, Buf *scratch,
		   Slice *text)
{
	if (is_string(column))
	{
		*text = slice_make(value->data, value->size);
		return value->kind == WIRE_BYTES;
	}
	buf_clear(scratch);
	if (!column_append_json(scratch, column, value) || buf_failed(scratch))
		return false;
	*text = buf_slice(scratch);
	if (text->size >= 2 && text->data[0] == '"')
		*text = slice_make(text->data + 1, text->size - 2);
	return true;
}
