/*
 * value_scalar.h
 *		Single values: from the server's text to the field of a row.
 *
 * Writes the bytes that the output plugin writes for the same value. Knows
 * encodings, not columns; arrays are value_array's business.
 */
#ifndef PG_FANOUT_VALUE_SCALAR_H
#define PG_FANOUT_VALUE_SCALAR_H

#include "buf.h"
#include "change.pb-c.h"

/*
 * Appends the value of an encoding that arrays pack, without a tag. false: the
 * text is no such value, and nothing was appended. That out met its limit is
 * told by buf_failed only, here and below.
 */
extern bool value_append_number(Buf *out, PgFanout__Encoding encoding,
								Slice text);

/*
 * Appends the field of that number, tag and value, whatever the encoding.
 * false: the text is no such value; out may hold rubbish behind its old end.
 */
extern bool value_append_field(Buf *out, uint32_t number,
							   PgFanout__Encoding encoding, Slice text);

#endif							/* PG_FANOUT_VALUE_SCALAR_H */
