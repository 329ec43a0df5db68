/*
 * debezium_value.h
 *		A row's values as Debezium's JSON has them.
 *
 * Values come from the network: kind and range are checked. A value that
 * Debezium cannot convert is no error: it becomes null, as there.
 */
#ifndef PG_FANOUT_DEBEZIUM_VALUE_H
#define PG_FANOUT_DEBEZIUM_VALUE_H

#include "debezium_type.h"
#include "wire.h"

typedef enum DebeziumOutcome
{
	DEBEZIUM_DONE,
	DEBEZIUM_UNCONVERTIBLE,		/* null stands in its place */
	DEBEZIUM_MALFORMED			/* no value of this type: out holds rubbish */
} DebeziumOutcome;

/* Where values go, and room to work in. */
typedef struct DebeziumWriter
{
	Buf			out;
	Buf			digits;			/* of long numbers */
	Buf			text;			/* JSON that becomes a string */
	bool		header;			/* as the header converter writes */
	bool		warned;			/* of text in no form that is known */
} DebeziumWriter;

extern void debezium_writer_init(DebeziumWriter *writer, size_t limit);
extern void debezium_writer_free(DebeziumWriter *writer);

/* Appends the value of a field. */
extern DebeziumOutcome debezium_append_value(DebeziumWriter *writer,
											 const DebeziumType *type,
											 const WireField *field);

/* Bytes in one of the four forms for bytea. */
extern void debezium_append_bytes(Buf *out, DebeziumKind kind, Slice bytes);

#endif							/* PG_FANOUT_DEBEZIUM_VALUE_H */
