/*
 * row.c
 *		Rows as protobuf messages whose field numbers are attribute numbers.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "row.h"

static int
row_compare_labels(const void *a, const void *b)
{
	Oid			left = ((const EnumLabel *) a)->oid;
	Oid			right = ((const EnumLabel *) b)->oid;

	return (left > right) - (left < right);
}

static void
column_encoder_init(ColumnEncoder *column, Form_pg_attribute attribute)
{
	Oid			output;
	bool		varlena;

	column->number = attribute->attnum;
	column->varlena = attribute->attlen == -1;
	column->type = type_info(attribute->atttypid);
	if (column->type.is_array)
		get_typlenbyvalalign(column->type.oid, &column->element_length,
							 &column->element_by_value,
							 &column->element_align);
	if (column->type.kind != VALUE_OUTPUT && column->type.kind != VALUE_ENUM)
		return;
	getTypeOutputInfo(column->type.oid, &output, &varlena);
	fmgr_info(output, &column->output);
	if (column->type.kind == VALUE_ENUM)
	{
		column->labels = type_labels(column->type.oid, &column->label_count);
		qsort(column->labels, column->label_count, sizeof(EnumLabel),
			  row_compare_labels);
	}
}

RowEncoder *
row_encoder_new(TupleDesc desc, const Bitmapset *columns)
{
	size_t		size = sizeof(ColumnEncoder) * bms_num_members(columns);
	RowEncoder *encoder = palloc0(offsetof(RowEncoder, columns) + size);
	int			number = -1;

	encoder->width = 1;
	while ((number = bms_next_member(columns, number)) >= 0)
		column_encoder_init(&encoder->columns[encoder->count++],
							TupleDescAttr(desc, number - 1));
	return encoder;
}

static inline bool
row_is_on_disk(Datum value)
{
	return VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value));
}

void
row_put(Frame *frame, RowEncoder *encoder, uint32_t number,
		const RowImage *row, RowUnchanged *unchanged)
{
	size_t		width = encoder->width;
	FrameMark	mark = frame_open(frame, number, width);

	for (int i = 0; i < encoder->count; i++)
	{
		ColumnEncoder *column = &encoder->columns[i];
		Datum		value = row->values[column->number - 1];

		if (row->isnull[column->number - 1])
			continue;
		if (column->varlena && row_is_on_disk(value))
		{
			if (unchanged != NULL)
				unchanged->numbers[unchanged->count++] = column->number;
		}
		else if (column->type.is_array)
			array_put(frame, column, value);
		else
			value_put(frame, column, column->number, value);
	}
	encoder->width = frame_close(frame, mark, width);
}

void
row_complete(TupleDesc desc, RowImage *after, const RowImage *before)
{
	for (int i = 0; i < desc->natts; i++)
	{
		if (TupleDescAttr(desc, i)->attlen == -1 &&
			!after->isnull[i] && !before->isnull[i] &&
			row_is_on_disk(after->values[i]) &&
			!row_is_on_disk(before->values[i]))
			after->values[i] = before->values[i];
	}
}
