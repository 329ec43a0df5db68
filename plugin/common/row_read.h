/*
 * row_read.h
 *		Walking rows and arrays of the wire: what every writer of values puts
 *		them together from.
 *
 * Rows may come from the network: kinds, counts and the order of numbers are
 * checked here, the range of a value is the reader's business. Nothing is
 * copied or allocated.
 */
#ifndef PG_FANOUT_ROW_READ_H
#define PG_FANOUT_ROW_READ_H

#include "buf.h"
#include "change.pb-c.h"
#include "wire.h"

#define ARRAY_MAX_DIMENSIONS	6

/* Whether an array's elements of this encoding are packed numbers. */
extern bool encoding_is_packed(PgFanout__Encoding encoding);

/* The kind that a value's field has. */
extern WireKind encoding_wire_kind(PgFanout__Encoding encoding);

/* ---- rows ---- */

/* A row read in the order of its numbers, one field ahead. */
typedef struct RowCursor
{
	Slice		row;
	WireReader	reader;
	WireField	field;			/* number 0: the row is at its end */
} RowCursor;

/* Goes to the next field. false: malformed, or numbers out of order. */
static inline bool
row_cursor_advance(RowCursor *cursor)
{
	uint32_t	previous = cursor->field.number;
	WireResult	result = wire_next(&cursor->reader, &cursor->field);

	if (result == WIRE_END)
		cursor->field.number = 0;
	return result == WIRE_END ||
		(result == WIRE_FIELD && cursor->field.number > previous);
}

/* Stands on the row's first field. false: malformed. */
static inline bool
row_cursor_start(RowCursor *cursor, Slice row)
{
	cursor->row = row;
	cursor->reader = wire_reader(row.data, row.size);
	cursor->field.number = 0;
	return row_cursor_advance(cursor);
}

/*
 * Moves to the field of that number or, if the row has none, behind where it
 * would stand; from the start again if it was passed already. false:
 * malformed.
 */
extern bool row_cursor_seek(RowCursor *cursor, uint32_t number);

/* ---- arrays ---- */

/*
 * An array taken apart. elements reads numbers if they are packed, else the
 * fields of the message itself. stride[d] is how many elements one entry of
 * dimension d spans, its own length included: stride[0] is count.
 */
typedef struct ArrayReader
{
	PgFanout__Encoding encoding;
	WireReader	elements;
	WireReader	nulls;
	uint64_t	next_null;		/* UINT64_MAX: none left */
	uint64_t	index;			/* of the element that comes next */
	uint64_t	count;			/* NULLs included */
	uint64_t	stride[ARRAY_MAX_DIMENSIONS];
	int			dimensions;
} ArrayReader;

/* false: the message is no array of elements of this encoding. */
extern bool array_read_start(ArrayReader *array, PgFanout__Encoding encoding,
							 Slice message);

/*
 * The next element, to be called count times. *null, or *element has its kind,
 * and value or data and size. false: malformed.
 */
extern bool array_read_next(ArrayReader *array, WireField *element,
							bool *null);

/* Whether nothing is left once all count elements were read. */
extern bool array_read_end(const ArrayReader *array);

#endif							/* PG_FANOUT_ROW_READ_H */
