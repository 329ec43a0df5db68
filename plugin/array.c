/*
 * array.c
 *		Arrays on the wire: the message Array of change.proto.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/array.h"

#include "row.h"

/* Array in change.proto */
#define ARRAY_ELEMENT		1
#define ARRAY_NULL_INDEX	2
#define ARRAY_DIMENSION		3
#define ARRAY_LOWER_BOUND	4

#define ARRAY_INTERRUPT_EVERY	1024

typedef struct ArrayElements
{
	Datum	   *values;
	bool	   *nulls;
	int			count;
	int			null_count;
} ArrayElements;

static ArrayElements
array_take_apart(const ColumnEncoder *column, ArrayType *array)
{
	ArrayElements elements;

	deconstruct_array(array, ARR_ELEMTYPE(array), column->element_length,
					  column->element_by_value, column->element_align,
					  &elements.values, &elements.nulls, &elements.count);
	elements.null_count = 0;
	for (int i = 0; i < elements.count; i++)
		elements.null_count += elements.nulls[i] ? 1 : 0;
	return elements;
}

static void
array_put_packed(Frame *frame, ValueKind kind, const ArrayElements *elements)
{
	size_t		width = elements->count < 32 ? 1 : 2;
	FrameMark	mark = frame_open(frame, ARRAY_ELEMENT, width);

	for (int i = 0; i < elements->count; i++)
	{
		if (elements->nulls[i])
			continue;
		frame_advance(frame,
					  value_store_number(frame_reserve(frame, WIRE_MAX_SCALAR),
										 kind, elements->values[i]));
		if (i % ARRAY_INTERRUPT_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
	}
	frame_close(frame, mark, width);
}

static void
array_put_repeated(Frame *frame, ColumnEncoder *column,
				   const ArrayElements *elements)
{
	for (int i = 0; i < elements->count; i++)
	{
		if (!elements->nulls[i])
			value_put(frame, column, ARRAY_ELEMENT, elements->values[i]);
		if (i % ARRAY_INTERRUPT_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

static void
array_put_nulls(Frame *frame, const ArrayElements *elements)
{
	FrameMark	mark = frame_open(frame, ARRAY_NULL_INDEX, 1);

	for (int i = 0; i < elements->count; i++)
	{
		if (elements->nulls[i])
			frame_advance(frame,
						  wire_put_varint(frame_reserve(frame,
														WIRE_MAX_VARINT),
										  i));
	}
	frame_close(frame, mark, 1);
}

/* Left out for the plain case, which is nearly all arrays. */
static void
array_put_shape(Frame *frame, const ArrayType *array)
{
	int			dimensions = ARR_NDIM(array);
	const int  *lengths = ARR_DIMS(array);
	const int  *bounds = ARR_LBOUND(array);
	FrameMark	mark;

	if (dimensions == 0 || (dimensions == 1 && bounds[0] == 1))
		return;
	mark = frame_open(frame, ARRAY_DIMENSION, 1);
	for (int i = 0; i < dimensions; i++)
		frame_advance(frame,
					  wire_put_varint(frame_reserve(frame, WIRE_MAX_VARINT),
									  lengths[i]));
	frame_close(frame, mark, 1);
	mark = frame_open(frame, ARRAY_LOWER_BOUND, 1);
	for (int i = 0; i < dimensions; i++)
		frame_advance(frame,
					  wire_put_varint(frame_reserve(frame, WIRE_MAX_VARINT),
									  wire_zigzag(bounds[i])));
	frame_close(frame, mark, 1);
}

void
array_put(Frame *frame, ColumnEncoder *column, Datum value)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	size_t		width = wire_varint_size(VARSIZE(array));
	ArrayElements elements = array_take_apart(column, array);
	FrameMark	mark = frame_open(frame, column->number, width);

	if (elements.null_count < elements.count)
	{
		if (column->type.kind <= VALUE_LAST_NUMBER)
			array_put_packed(frame, column->type.kind, &elements);
		else
			array_put_repeated(frame, column, &elements);
	}
	if (elements.null_count > 0)
		array_put_nulls(frame, &elements);
	array_put_shape(frame, array);
	frame_close(frame, mark, width);
	if (elements.count > 0)
	{
		pfree(elements.values);
		pfree(elements.nulls);
	}
	if ((Pointer) array != DatumGetPointer(value))
		pfree(array);
}
