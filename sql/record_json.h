/*
 * record_json.h
 *		The records of a frame as JSON, one at a time.
 *
 * Keeps what the records before said of tables and transactions, as a reader
 * of the stream has to. Backend code: errors are thrown.
 */
#ifndef PG_FANOUT_RECORD_JSON_H
#define PG_FANOUT_RECORD_JSON_H

#include "utils/hsearch.h"

#include "buf.h"

typedef struct RecordReader
{
	MemoryContext context;		/* of the tables */
	HTAB	   *tables;
	uint32		xid;			/* of the transaction; 0: between two */
	uint32		stream;			/* xid of the open stream block, 0: none */
} RecordReader;

/* What a record says of itself; zero: nothing. */
typedef struct RecordRow
{
	uint64		lsn;
	uint32		xid;
	bool		has_rows;		/* it holds values of a table's rows */
} RecordRow;

typedef enum RecordStyle
{
	RECORD_FULL,
	RECORD_JSON_AS_TEXT,		/* columns with JSON show as strings */
	RECORD_WITHOUT_ROWS
} RecordStyle;

extern void record_reader_init(RecordReader *reader, MemoryContext context);

/*
 * Reads a record and appends it to out as one JSON object, in UTF-8. Reading
 * the same record again in another style does no harm. Error if it is
 * malformed. Leaves memory behind in the current context.
 */
extern RecordRow record_append_json(RecordReader *reader, Slice record,
									RecordStyle style, Buf *out);

#endif							/* PG_FANOUT_RECORD_JSON_H */
