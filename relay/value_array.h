/*
 * value_array.h
 *		Arrays: from the server's text to the message Array of change.proto.
 */
#ifndef PG_FANOUT_VALUE_ARRAY_H
#define PG_FANOUT_VALUE_ARRAY_H

#include "buf.h"
#include "change.pb-c.h"

/*
 * Appends the field of that number, holding the array, byte for byte as the
 * output plugin does. encoding is the elements', delimiter what their type
 * puts between them. false: the text is no such array; out may hold rubbish
 * behind its old end. That out met its limit is told by buf_failed only.
 */
extern bool value_append_array(Buf *out, uint32_t number,
							   PgFanout__Encoding encoding, char delimiter,
							   Slice text);

#endif							/* PG_FANOUT_VALUE_ARRAY_H */
