/*
 * row.h
 *		Rows as protobuf messages: Datums to wire bytes.
 *
 * Knows nothing of publications and transactions. Values are those of a
 * decoded tuple: an out-of-line value that is still on disk is never read, the
 * caller learns of it instead.
 */
#ifndef PG_FANOUT_ROW_H
#define PG_FANOUT_ROW_H

#include "access/tupdesc.h"
#include "nodes/bitmapset.h"

#include "frame.h"
#include "type.h"

/* A tuple taken apart. The arrays have one place per attribute. */
typedef struct RowImage
{
	Datum	   *values;
	bool	   *isnull;
} RowImage;

/* How the values of one column are written. */
typedef struct ColumnEncoder
{
	AttrNumber	number;
	bool		varlena;		/* may be out of line */
	TypeInfo	type;
	FmgrInfo	output;			/* VALUE_OUTPUT, VALUE_ENUM */
	int16		element_length; /* arrays: of the elements */
	bool		element_by_value;
	char		element_align;
	EnumLabel  *labels;			/* VALUE_ENUM: by oid */
	int			label_count;
} ColumnEncoder;

typedef struct RowEncoder
{
	int			count;
	size_t		width;			/* of the last row's length */
	ColumnEncoder columns[FLEXIBLE_ARRAY_MEMBER];
} RowEncoder;

/* Columns of a row that were not written because their value is on disk. */
typedef struct RowUnchanged
{
	int			count;
	AttrNumber	numbers[MaxHeapAttributeNumber];
} RowUnchanged;

/* In the current memory context, which it has to itself for all its parts. */
extern RowEncoder *row_encoder_new(TupleDesc desc, const Bitmapset *columns);

/*
 * Writes the row as the nested message with this field number. unchanged may
 * be NULL: then such columns are left out without a word.
 */
extern void row_put(Frame *frame, RowEncoder *encoder, uint32_t number,
					const RowImage *row, RowUnchanged *unchanged);

/*
 * Takes from the old row the values that the new one has only on disk. The
 * result points into both.
 */
extern void row_complete(TupleDesc desc, RowImage *after,
						 const RowImage *before);

/*
 * To be called when the decoding of a transaction, or of a block of a streamed
 * one, begins: the settings for text output last as long as that.
 */
extern void row_reset_settings(void);

/* One value as field number; array.c needs it for elements. */
extern void value_put(Frame *frame, ColumnEncoder *column, uint32_t number,
					  Datum value);

/* The bare bytes of a number; kind is at most VALUE_LAST_NUMBER. */
extern uint8_t *value_store_number(uint8_t *at, ValueKind kind, Datum value);

/* An array as the message Array of change.proto. */
extern void array_put(Frame *frame, ColumnEncoder *column, Datum value);

#endif							/* PG_FANOUT_ROW_H */
