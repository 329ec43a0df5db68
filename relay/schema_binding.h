/*
 * schema_binding.h
 *		Under which schema ids a table's records go out, and to which topic.
 *
 * A binding walks a table's key and value schema through the registry: looked
 * up, put behind the subject's earlier schemas, registered. It decides what a
 * schema break means (on_schema_break). Keeps no state of its own beyond the
 * process: after a restart it gets the same answers from the registry. Asks
 * one question at a time and waits for none: see schema_registry.h.
 */
#ifndef PG_FANOUT_SCHEMA_BINDING_H
#define PG_FANOUT_SCHEMA_BINDING_H

#include "schema_registry.h"
#include "table.h"

/* Zero byte, id; of protobuf one more: the first message of its file. */
#define SCHEMA_FRAME_AVRO		5
#define SCHEMA_FRAME_PROTOBUF	6

typedef enum SchemaPart
{
	SCHEMA_KEY,
	SCHEMA_VALUE
} SchemaPart;

#define SCHEMA_PARTS	2

/* What the bindings of one format share. */
typedef struct SchemaBinder
{
	SchemaRegistry *registry;
	const SchemaOptions *options;
	SchemaType	type;
	uint32_t	flat;			/* values are rows alone with these fields, by
								 * ProtoExtra; 0: not alone */
	struct SchemaBinding *current;	/* whose question is under way */
} SchemaBinder;

/* What a binding is made from. */
typedef struct SchemaDraft
{
	const char *topic;
	bool		keyed;			/* the key has a schema too */
	const char *texts[SCHEMA_PARTS];	/* as they are without any history */
	const char *names[SCHEMA_PARTS];	/* full names of the records */
} SchemaDraft;

typedef struct SchemaBinding
{
	/* once it is ready */
	char	   *topic;			/* where records go */
	uint32_t	ids[SCHEMA_PARTS];
	uint32_t   *numbers[SCHEMA_PARTS];	/* of the columns' fields; NULL: the
										 * columns' own */

	/* on the way */
	char	   *base_topic;
	char	   *texts[SCHEMA_PARTS];
	char	   *names[SCHEMA_PARTS];
	bool		keyed;
	bool		done[SCHEMA_PARTS];
	int			state;
	SchemaPart	part;
	bool		asked;
	unsigned	generation;		/* 1: the base topic; 2: TOPIC-v2... */
	unsigned	existing;		/* highest that was found to exist */
	char	   *successor;		/* text that takes the place of the draft's */
	uint32_t   *successor_numbers;
} SchemaBinding;

typedef enum SchemaBound
{
	SCHEMA_BOUND,
	SCHEMA_BOUND_WAIT,			/* ask again after a poll */
	SCHEMA_BOUND_FAILED
} SchemaBound;

/* Copies the draft. NULL: out of memory. */
extern SchemaBinding *schema_binding_new(const SchemaBinder *binder,
										 const SchemaDraft *draft,
										 Error *err);

/*
 * Goes on. table: the one the draft was made for, each time; NULL: records
 * that belong to none. Once bound it stays so.
 */
extern SchemaBound schema_binding_step(SchemaBinder *binder,
									   SchemaBinding *binding,
									   const Table *table, Error *err);

/* Drops its question, if one is under way. NULL is allowed. */
extern void schema_binding_free(SchemaBinder *binder, SchemaBinding *binding);

/* Writes what stands before a record: as many bytes as the type has. */
extern size_t schema_frame_put(uint8_t *at, SchemaType type, uint32_t id);

#endif							/* PG_FANOUT_SCHEMA_BINDING_H */
