/*
 * debezium_type.h
 *		What Debezium makes of a column's type: the Connect type, its semantic
 *		name, and how values are written.
 *
 * Decided once per column; writers and the schema go by the result.
 */
#ifndef PG_FANOUT_DEBEZIUM_TYPE_H
#define PG_FANOUT_DEBEZIUM_TYPE_H

#include "buf.h"
#include "debezium_options.h"
#include "table.h"
#include "table_detail.h"

typedef enum DebeziumKind
{
	DEBEZIUM_BOOL,
	DEBEZIUM_INT16,
	DEBEZIUM_INT32,
	DEBEZIUM_INT64,
	DEBEZIUM_OID,
	DEBEZIUM_FLOAT,
	DEBEZIUM_DOUBLE,
	DEBEZIUM_DECIMAL,
	DEBEZIUM_DECIMAL_VARIABLE,
	DEBEZIUM_DECIMAL_DOUBLE,
	DEBEZIUM_DECIMAL_STRING,
	DEBEZIUM_MONEY,
	DEBEZIUM_MONEY_DOUBLE,
	DEBEZIUM_MONEY_STRING,
	DEBEZIUM_STRING,
	DEBEZIUM_JSON,
	DEBEZIUM_XML,
	DEBEZIUM_LTREE,
	DEBEZIUM_TSVECTOR,
	DEBEZIUM_ENUM,
	DEBEZIUM_UUID,
	DEBEZIUM_BYTES,				/* four kinds: bytea by binary mode */
	DEBEZIUM_BYTES_BASE64,
	DEBEZIUM_BYTES_BASE64_URL,
	DEBEZIUM_BYTES_HEX,
	DEBEZIUM_DATE,
	DEBEZIUM_DATE_CONNECT,
	DEBEZIUM_DATE_ISO,
	DEBEZIUM_TIME,
	DEBEZIUM_TIME_CONNECT,
	DEBEZIUM_TIME_MICRO,
	DEBEZIUM_TIME_NANO,
	DEBEZIUM_TIME_ISO,
	DEBEZIUM_TIMETZ,
	DEBEZIUM_TIMESTAMP,
	DEBEZIUM_TIMESTAMP_CONNECT,
	DEBEZIUM_TIMESTAMP_MICRO,
	DEBEZIUM_TIMESTAMP_NANO,
	DEBEZIUM_TIMESTAMP_ISO,
	DEBEZIUM_TIMESTAMPTZ,
	DEBEZIUM_INTERVAL,
	DEBEZIUM_INTERVAL_STRING,
	DEBEZIUM_BIT,
	DEBEZIUM_BITS,
	DEBEZIUM_POINT,
	DEBEZIUM_GEOMETRY,
	DEBEZIUM_GEOGRAPHY,
	DEBEZIUM_HSTORE,
	DEBEZIUM_HSTORE_MAP,
	DEBEZIUM_VECTOR,
	DEBEZIUM_HALFVEC,
	DEBEZIUM_SPARSEVEC,
	DEBEZIUM_KIND_COUNT
} DebeziumKind;

/*
 * How a value that a large object's placeholder stands for is written, for
 * arrays: what Debezium has a placeholder for.
 */
typedef enum DebeziumFamily
{
	DEBEZIUM_FAMILY_NONE,
	DEBEZIUM_FAMILY_TEXT,		/* one element: the placeholder */
	DEBEZIUM_FAMILY_BYTES,
	DEBEZIUM_FAMILY_NUMBERS,	/* its bytes as elements */
	DEBEZIUM_FAMILY_UUID		/* one element: an uuid made from it */
} DebeziumFamily;

typedef struct DebeziumType
{
	DebeziumKind kind;			/* of the value, or of an array's elements */
	PgFanout__Encoding encoding;	/* on the wire */
	bool		array;
	bool		element_optional;	/* NULL elements may stand in an array */
	bool		never;			/* no value can be converted: always null */
	bool		geometric;		/* text whose numbers are printed by Java */
	DebeziumFamily family;
	int			scale;			/* decimals; digits of a fraction of seconds */
	int			precision;		/* of decimals, 0: none; length of bits */
	const char *const *labels;	/* the column's, of an enum */
	size_t		label_count;
} DebeziumType;

/*
 * The type of a column. detail: of that column, or NULL if nothing is known.
 * false: Debezium leaves such a column out.
 */
extern bool debezium_type_find(const Column *column,
							   const ColumnDetail *detail,
							   const DebeziumOptions *options,
							   DebeziumType *type);

/* Whether values are JSON strings in Connect's schema. */
extern bool debezium_type_is_string(const DebeziumType *type);

/*
 * Appends the schema of a value or field: an object. preset: the default as
 * JSON, data NULL: none. field: the member's name, NULL: no field.
 */
extern void debezium_type_append_schema(Buf *out, const DebeziumType *type,
										bool optional, Slice preset,
										const char *field);

#endif							/* PG_FANOUT_DEBEZIUM_TYPE_H */
