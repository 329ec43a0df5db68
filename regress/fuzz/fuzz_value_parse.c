/*
 * fuzz_value_parse.c
 *		Values as the server prints them: whatever is taken can be read.
 *
 * The first byte is the encoding, with its high bit an array, the second what
 * stands between an array's elements, and the rest is the text.
 */
#include "fuzz.h"
#include "value_parse.h"

#define ARRAY_BIT	0x80

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Column		column = {.number = 3, .name = "c", .type_name = "t"};
	Table		table = {.columns = &column, .column_count = 1,
	.schema = "s", .name = "t"};
	Slice		none = {0};
	Error		err = {0};
	Buf			row;
	Buf			json;

	if (size < 2)
		return 0;
	column.encoding = (data[0] & ~ARRAY_BIT) %
		(PG_FANOUT__ENCODING__ENUM + 1);
	column.is_array = (data[0] & ARRAY_BIT) != 0;
	column.delimiter = data[1] % 2 == 0 ? ',' : ';';
	buf_init(&row, 1 << 24);
	buf_init(&json, 1 << 26);
	if (value_parse(&row, &column, slice_make(data + 2, size - 2), &err))
	{
		if (!row_append_json(&json, &table, buf_slice(&row), ROW_WHOLE,
							 none) && !buf_failed(&json))
			abort();
	}
	else if (row.size != 0 || err.code == ERROR_NONE)
		abort();
	buf_free(&json);
	buf_free(&row);
	return 0;
}
