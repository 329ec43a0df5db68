/*
 * debezium_flat.h
 *		Flattened records: the row alone, as Debezium's ExtractNewRecordState
 *		leaves it, and what of the envelope is added to it.
 *
 * Members and headers are picked out of an envelope as it was rendered.
 */
#ifndef PG_FANOUT_DEBEZIUM_FLAT_H
#define PG_FANOUT_DEBEZIUM_FLAT_H

#include "debezium_options.h"
#include "format.h"

/* A record's own headers, at most: those of debezium_context.h. */
#define DEBEZIUM_FLAT_OWN	8
#define DEBEZIUM_FLAT_MAX	24	/* fields that can be added, and headers */

/* What an added field is, and its name in records. */
typedef struct DebeziumPick
{
	const struct DebeziumKnown *known;
	char	   *name;
} DebeziumPick;

typedef struct DebeziumPicks
{
	DebeziumPick items[DEBEZIUM_FLAT_MAX];
	size_t		count;
} DebeziumPicks;

typedef struct DebeziumFlat
{
	bool		on;
	bool		marks;			/* with a member __deleted */
	DebeziumDeletes deletes;
	DebeziumPicks fields;
	DebeziumPicks headers;
} DebeziumFlat;

/* Headers of one record. */
typedef struct DebeziumAdded
{
	RecordHeader headers[DEBEZIUM_FLAT_MAX];
	size_t		count;
	Buf			text;
} DebeziumAdded;

/* Headers that a change's records need. */
typedef struct DebeziumFlatRecords
{
	DebeziumAdded of_rows[2];	/* the second: of a row that is no more */
	DebeziumAdded of_tombstones;
	RecordHeader all[FORMAT_MAX_RECORDS]
	[DEBEZIUM_FLAT_OWN + DEBEZIUM_FLAT_MAX];
} DebeziumFlatRecords;

/* ERROR_USAGE: a field is unknown. Free also after a failure. */
extern MUST_USE bool debezium_flat_init(DebeziumFlat *flat,
										const DebeziumOptions *options,
										Error *err);
extern void debezium_flat_free(DebeziumFlat *flat);

/* Append to a row, open at its end, what is added: its schema, its value. */
extern void debezium_flat_append_schema(Buf *out, const DebeziumFlat *flat);
extern void debezium_flat_append_fields(Buf *out, const DebeziumFlat *flat,
										Slice envelope, bool deleted);

/*
 * The headers of a record that was made from this envelope (an object); of a
 * tombstone, which had none (data NULL), only that it is one.
 */
extern void debezium_flat_add_headers(DebeziumAdded *added,
									  const DebeziumFlat *flat,
									  Slice envelope);


extern void debezium_flat_records_init(DebeziumFlatRecords *records);

/* Once it is known which headers there are. */
extern void debezium_flat_records_start(DebeziumFlatRecords *records,
										const DebeziumFlat *flat);
extern void debezium_flat_records_free(DebeziumFlatRecords *records);

/* Puts headers behind those that a record (the index-th of its change) has. */
extern void debezium_flat_put_headers(DebeziumFlatRecords *records,
									  size_t index,
									  const DebeziumAdded *added,
									  Record *record);

#endif							/* PG_FANOUT_DEBEZIUM_FLAT_H */
