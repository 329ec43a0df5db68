/*
 * avro_value.h
 *		A payload of Kafka Connect's JSON as Avro's bytes.
 *
 * Reads along the schema, whose order the payload has: no tree is built and
 * nothing is looked up. Pure.
 */
#ifndef PG_FANOUT_AVRO_VALUE_H
#define PG_FANOUT_AVRO_VALUE_H

#include "avro_schema.h"

/*
 * Appends the value. scratch is emptied and used. false: the payload is not of
 * this schema. That out met its limit is told by buf_failed only.
 */
extern bool avro_append_value(Buf *out, const AvroSchema *schema,
							  Slice payload, Buf *scratch);

#endif							/* PG_FANOUT_AVRO_VALUE_H */
