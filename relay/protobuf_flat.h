/*
 * protobuf_flat.h
 *		Values of the protobuf format that are a row alone.
 *
 * The row as the server sent it, then the fields beside its columns
 * (proto_text.h). Knows neither keys nor the registry.
 */
#ifndef PG_FANOUT_PROTOBUF_FLAT_H
#define PG_FANOUT_PROTOBUF_FLAT_H

#include "flat.h"

typedef struct ProtobufFlat
{
	uint32_t	fields;			/* bits by ProtoExtra; 0: not flattened */
	const char *database;
} ProtobufFlat;

/*
 * The fields of these options, 0 if rows are not alone. unchanged is always
 * among them: an absent field is NULL unless it is said not to have been sent.
 */
extern MUST_USE bool protobuf_flat_fields(const FlatOptions *options,
										  uint32_t *fields, Error *err);

/* Appends the .proto of the records with these options. */
extern MUST_USE bool protobuf_flat_print(Buf *out, const FlatOptions *options,
										 const Table *table, Error *err);

/*
 * Appends the row of a change that has one: after it, or before a delete.
 * numbers: of the columns' fields, NULL: the columns' own.
 */
extern MUST_USE bool protobuf_flat_append(Buf *out, const ProtobufFlat *flat,
										  const Change *change,
										  Position position,
										  const uint32_t *numbers,
										  Error *err);

#endif							/* PG_FANOUT_PROTOBUF_FLAT_H */
