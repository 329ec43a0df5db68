/*
 * pgoutput_row.h
 *		From the tuples of a pgoutput message to the typed body of a Change.
 *
 * The same bytes that our plugin sends for the same rows (Body in
 * change.proto, fields 1 to 6).
 */
#ifndef PG_FANOUT_PGOUTPUT_ROW_H
#define PG_FANOUT_PGOUTPUT_ROW_H

#include "error.h"
#include "pgoutput_relation.h"

typedef struct RowWriter
{
	Buf			body;
	Buf			text;			/* one value made UTF-8 */
	bool		raw_text;		/* values may be no UTF-8 */
	const Charset *charset;		/* of values; NULL: UTF-8, or unknown */
	PgoutputValue old[PGOUTPUT_MAX_COLUMNS];
	PgoutputValue new[PGOUTPUT_MAX_COLUMNS];
} RowWriter;

extern void row_writer_init(RowWriter *writer, bool raw_text,
							const Charset *charset);
extern void row_writer_free(RowWriter *writer);

/*
 * Whether the description has the labels of all enums in the change's rows,
 * as far as those are no arrays.
 */
extern bool row_writer_knows_labels(RowWriter *writer,
									const Relation *relation,
									const PgoutputChange *change);

/*
 * Makes the body of an insert, update or delete of that relation in
 * writer->body; lsn is the change's own.
 */
extern MUST_USE bool row_writer_put(RowWriter *writer,
									const Relation *relation,
									const PgoutputMessage *message, Lsn lsn,
									Error *err);

/*
 * Makes the body of a row that was read from the table, whose values stand in
 * writer->new; lsn is the snapshot's.
 */
extern MUST_USE bool row_writer_put_read(RowWriter *writer,
										 const Relation *relation, Lsn lsn,
										 Error *err);

#endif							/* PG_FANOUT_PGOUTPUT_ROW_H */
