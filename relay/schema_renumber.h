/*
 * schema_renumber.h
 *		Rows and bodies with the field numbers of a remapped schema.
 *
 * What the server sent has columns' numbers; on_schema_break=remap gives some
 * fields others. Pure.
 */
#ifndef PG_FANOUT_SCHEMA_RENUMBER_H
#define PG_FANOUT_SCHEMA_RENUMBER_H

#include "buf.h"
#include "table.h"

/*
 * Appends the row with numbers[i] for the field of column i. false: malformed,
 * or a field that is no column's. That out met its limit is told by buf_failed
 * only.
 */
extern bool schema_renumber_row(Buf *out, const Table *table,
								const uint32_t *numbers, Slice row);

/* The same with a change's body: both rows, and the numbers not sent. */
extern bool schema_renumber_body(Buf *out, const Table *table,
								 const uint32_t *numbers, Slice body);

#endif							/* PG_FANOUT_SCHEMA_RENUMBER_H */
