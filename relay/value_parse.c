/*
 * value_parse.c
 *		A column's value, from the server's text to the wire. See
 *		value_parse.h.
 */
#include "value_parse.h"

#include "value_array.h"
#include "value_scalar.h"

static bool
append_value(Buf *out, const Column *column, Slice text)
{
	if (text.size == 0)
		text = slice_of("");	/* whoever passed no address for it */
	if (column->is_array)
		return value_append_array(out, column->number, column->encoding,
								  column->delimiter, text);
	return value_append_field(out, column->number, column->encoding, text);
}

bool
value_parse(Buf *out, const Column *column, Slice text, Error *err)
{
	size_t		start = out->size;

	if (!append_value(out, column, text))
	{
		error_set(err, ERROR_SOURCE,
				  "cannot understand a value of column \"%s\"", column->name);
		error_detail(err, "Its type is %s%s and its text has %zu bytes.",
					 column->type_name, column->is_array ? ", an array," : "",
					 text.size);
	}
	else if (buf_failed(out))
	{
		error_set(err, ERROR_RECORD, "value of column \"%s\" is too large",
				  column->name);
		error_detail(err, "A row has room for %zu bytes.", out->limit);
	}
	else
		return true;
	out->size = start;
	return false;
}
