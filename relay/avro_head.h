/*
 * avro_head.h
 *		What all records of one kind share: the Connect schemas that stand at
 *		their head, the Avro schemas made of them, and their ids.
 *
 * A head is '{"schema":...,"payload":', byte for byte the same in all records
 * of a table until the table changes.
 */
#ifndef PG_FANOUT_AVRO_HEAD_H
#define PG_FANOUT_AVRO_HEAD_H

#include "avro_schema.h"
#include "format.h"
#include "oid_map.h"
#include "schema_binding.h"

typedef struct AvroHead
{
	struct AvroHead *next;		/* in its topic, the one used last first */
	char	   *topic;
	Buf			heads[SCHEMA_PARTS];	/* empty: records have no key */
	AvroSchema	schemas[SCHEMA_PARTS];
	SchemaBinding *binding;
} AvroHead;

typedef struct AvroHeads
{
	SchemaBinder binder;
	OidMap		topics;			/* by a hash of the name */
} AvroHeads;

/*
 * Of this record; makes it if it is new. A record without value (a tombstone)
 * has that of the record before it with such a key. NULL: failed.
 */
extern AvroHead *avro_head_find(AvroHeads *heads, const char *topic,
								const Record *record, Error *err);

/* What stands behind the head, without the brace that closes the record. */
extern Slice avro_head_payload(const AvroHead *head, SchemaPart part,
							   Slice record);

extern void avro_heads_free(AvroHeads *heads);

#endif							/* PG_FANOUT_AVRO_HEAD_H */
