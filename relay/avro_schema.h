/*
 * avro_schema.h
 *		A Kafka Connect schema as Avro has it: text for the registry, and a
 *		plan for writing values.
 *
 * What Confluent's AvroConverter makes of Connect schemas: names, logical
 * types, unions for what is optional, connect.* properties. Names are adjusted
 * as Debezium's schema.name.adjustment.mode=avro does. Pure.
 */
#ifndef PG_FANOUT_AVRO_SCHEMA_H
#define PG_FANOUT_AVRO_SCHEMA_H

#include "buf.h"
#include "error.h"

typedef enum AvroKind
{
	AVRO_BOOLEAN,
	AVRO_INT,					/* int and long are the same bytes */
	AVRO_FLOAT,
	AVRO_DOUBLE,
	AVRO_STRING,
	AVRO_BYTES,
	AVRO_ARRAY,
	AVRO_MAP,					/* of strings */
	AVRO_RECORD
} AvroKind;

typedef struct AvroNode AvroNode;

typedef struct AvroField
{
	char	   *name;			/* as the JSON converter writes it: "id": */
	size_t		name_size;
	AvroNode   *node;
} AvroField;

struct AvroNode
{
	AvroKind	kind;
	bool		optional;
	bool		null_last;		/* the union's second branch is null */
	AvroNode   *items;			/* of an array, or of a map's values */
	AvroField  *fields;			/* of a record */
	size_t		field_count;
};

/* One schema: of keys or of values. */
typedef struct AvroSchema
{
	AvroNode   *root;
	char	   *text;			/* Avro's JSON */
	char	   *name;			/* full name of the record; "" if it is none */
} AvroSchema;

/*
 * From a Connect schema as the JSON converter writes it. false: no such schema
 * (ERROR_RECORD), or out of memory. Free with avro_schema_free, always.
 */
extern MUST_USE bool avro_schema_make(AvroSchema *schema, Slice connect,
									  Error *err);
extern void avro_schema_free(AvroSchema *schema);

#endif							/* PG_FANOUT_AVRO_SCHEMA_H */
