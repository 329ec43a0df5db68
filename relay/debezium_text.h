/*
 * debezium_text.h
 *		Values that the wire brings as the server's text but Debezium takes
 *		apart: hstore, points and geometries, bits, times with a zone.
 *
 * Each returns false if the text is not what that type prints.
 */
#ifndef PG_FANOUT_DEBEZIUM_TEXT_H
#define PG_FANOUT_DEBEZIUM_TEXT_H

#include "buf.h"
#include "debezium_json.h"

/* '"a"=>"1", "b"=>NULL' as a JSON object. */
extern bool debezium_append_hstore(Buf *out, Slice text,
								   DebeziumEscape escape, Buf *scratch);

/* "(1,2)" as an object with x, y, wkb and srid. */
extern bool debezium_append_point(Buf *out, Slice text);

/* PostGIS's hexadecimal EWKB as an object with wkb and srid. */
extern bool debezium_append_geometry(Buf *out, Slice text, Buf *scratch);

/* "[1,2.5]" of pgvector as an array, in floats or doubles. */
extern bool debezium_append_vector(Buf *out, Slice text, bool floats);

/* "{1:1.5,3:2}/5" as an object with dimensions and pairs. */
extern bool debezium_append_sparse(Buf *out, Slice text);

/* A geometric value's text with its numbers as Java prints them. */
extern void debezium_append_geometric(Buf *out, Slice text);

/* '101' as bytes, last bit first, without zero bytes at the end; base64. */
extern bool debezium_append_bits(Buf *out, Slice text, Buf *scratch);

/* "12:34:56.5+05:30" in UTC, as a string. */
extern bool debezium_append_timetz(Buf *out, Slice text);

#endif							/* PG_FANOUT_DEBEZIUM_TEXT_H */
