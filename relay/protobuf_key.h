/*
 * protobuf_key.h
 *		Keys of the protobuf format: as protobuf, JSON or text, framed with a
 *		schema's id or not.
 *
 * Knows neither values nor the registry.
 */
#ifndef PG_FANOUT_PROTOBUF_KEY_H
#define PG_FANOUT_PROTOBUF_KEY_H

#include "schema_binding.h"
#include "source.h"

/* Indexes into protobuf_key_words. */
typedef enum ProtobufKeyFormat
{
	PROTOBUF_KEY_PROTOBUF,
	PROTOBUF_KEY_JSON,
	PROTOBUF_KEY_TEXT
} ProtobufKeyFormat;

extern const char *const protobuf_key_words[];

/* One key; both its slices point into bytes. */
typedef struct ProtobufKey
{
	Buf			bytes;
	Slice		framed;			/* data NULL: there is none */
	Slice		payload;		/* without the frame */
} ProtobufKey;

typedef struct ProtobufKeys
{
	ProtobufKeyFormat format;
	ProtobufKey new;
	ProtobufKey old;			/* of an update that changed it */
	Buf			row;
	Buf			scratch;
} ProtobufKeys;

extern void protobuf_keys_init(ProtobufKeys *keys, ProtobufKeyFormat format);
extern void protobuf_keys_free(ProtobufKeys *keys);

/*
 * Both keys of the change. binding: of its schemas, if keys are protobuf with
 * a registry, else NULL.
 */
extern MUST_USE bool protobuf_keys_render(ProtobufKeys *keys,
										  const Change *change,
										  const SchemaBinding *binding,
										  Error *err);

#endif							/* PG_FANOUT_PROTOBUF_KEY_H */
