/*
 * type.h
 *		How the values of a type stand on the wire.
 *
 * The table of encodings in the design, for types: a domain counts as its base
 * type, an array has its element's encoding, and a type without an encoding of
 * its own goes as its text output.
 */
#ifndef PG_FANOUT_TYPE_H
#define PG_FANOUT_TYPE_H

#include "fmgr.h"

#include "change.pb-c.h"

/* What the encoder does with a Datum; numbers first: those pack in arrays. */
typedef enum ValueKind
{
	VALUE_BOOL,
	VALUE_INT2,
	VALUE_INT4,
	VALUE_INT8,
	VALUE_UINT32,
	VALUE_FLOAT4,
	VALUE_FLOAT8,
	VALUE_DATE,
	VALUE_TIME,
	VALUE_TIMESTAMP,
	VALUE_LAST_NUMBER = VALUE_TIMESTAMP,
	VALUE_TEXT,					/* a varlena that holds the text itself */
	VALUE_NAME,
	VALUE_BYTES,
	VALUE_UUID,
	VALUE_INTERVAL,
	VALUE_NUMERIC,
	VALUE_JSONB,
	VALUE_ENUM,
	VALUE_OUTPUT				/* whatever the type's output function says */
} ValueKind;

typedef struct TypeInfo
{
	Oid			oid;			/* base type, of the elements of an array */
	ValueKind	kind;
	bool		is_array;
	PgFanout__Encoding encoding;
	char		delimiter;		/* of an array's text; 0: a comma */
} TypeInfo;

typedef struct EnumLabel
{
	Oid			oid;
	float4		order;
	const char *label;			/* UTF-8 */
} EnumLabel;

extern TypeInfo type_info(Oid type);

/* "schema.name" in UTF-8 and unquoted, palloc'd. */
extern char *type_name(Oid type);

/*
 * The labels of an enum in sort order, palloc'd; to be re-read after a change
 * of pg_enum.
 */
extern EnumLabel *type_labels(Oid type, int *count);

#endif							/* PG_FANOUT_TYPE_H */
