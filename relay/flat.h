/*
 * flat.h
 *		Rows that go alone, without the record around them: what the plain
 *		formats share of flatten=on.
 *
 * A delete is its tombstone, nothing, or the old row before the tombstone; a
 * truncate is nothing. Knows no encoding.
 */
#ifndef PG_FANOUT_FLAT_H
#define PG_FANOUT_FLAT_H

#include "format.h"
#include "proto_text.h"

/* Indexes into flat_delete_words. */
typedef enum FlatDeletes
{
	FLAT_DELETES_TOMBSTONE,
	FLAT_DELETES_DROP,
	FLAT_DELETES_REWRITE
} FlatDeletes;

typedef struct FlatOptions
{
	bool		flatten;
	int			deletes;		/* FlatDeletes */
	char	   *fields;
} FlatOptions;

extern const char *const flat_delete_words[];

/* member: the FlatOptions in the struct of the table. */
#define FLAT_OPTION_ROWS(type, member) \
	{"flatten", 0, OPTION_BOOL, \
		offsetof(type, member) + offsetof(FlatOptions, flatten), \
		.preset = "off", .help = \
	"the row alone in place of the record around it"}, \
	{"flatten-delete", 0, OPTION_WORD, \
		offsetof(type, member) + offsetof(FlatOptions, deletes), \
		.preset = "tombstone", .words = flat_delete_words, .help = \
	"with flatten: a delete is its tombstone, nothing (drop), or the old row, marked as deleted, before the tombstone (rewrite)"}, \
	{"flatten-fields", 0, OPTION_STRING, \
		offsetof(type, member) + offsetof(FlatOptions, fields), \
		.preset = "", .argument = "FIELDS", .help = \
	"with flatten: members to add to the row, __op in JSON, fanout_op in protobuf: op, db, schema, table, lsn, seq, xid, commit_time, origin, unchanged, with commas between"}

/* What flatten_fields calls a field; what its field calls an operation. */
extern const char *const flat_field_names[PROTO_EXTRA_COUNT];
extern const char *flat_op_name(PgFanout__Op op);

/*
 * The fields that rows have beside their columns, as bits by ProtoExtra;
 * deleted among them with rewrite.
 */
extern MUST_USE bool flat_fields(const FlatOptions *options, uint32_t *fields,
								 Error *err);

/* Whether nothing comes of the change, not even a tombstone. */
extern bool flat_drops(const FlatOptions *options, const Body *parts);

/* Whether the change becomes a value; a tombstone it may become without. */
extern bool flat_has_value(const FlatOptions *options, const Body *parts);

/*
 * The record and the tombstones around it, as format_put_plain; of one whose
 * value has no data the tombstones alone.
 */
extern void flat_put(Records *out, const PlainRecord *plain, Position position,
					 PositionHeaders *headers);

#endif							/* PG_FANOUT_FLAT_H */
