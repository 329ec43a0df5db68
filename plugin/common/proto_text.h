/*
 * proto_text.h
 *		The typed .proto of a table: what a consumer compiles to read the
 *		records of the protobuf format.
 *
 * One self-contained top-level message per table, everything nested in it (Op,
 * Source, Row, arrays, Interval), so that the message index in a schema
 * registry stays 0 and no names collide between two tables' files. Names that
 * are no identifiers are escaped injectively and the original is kept in a
 * comment and, where nothing else has that name in JSON, in json_name:
 *
 *	_xHH		a byte that an identifier cannot hold here, in hexadecimal
 *	_xnN		behind a column's name: it would clash with a column of a lower
 *				number in JSON or in generated Java; N is its own number
 *	_			behind a name that a language or this file has taken
 */
#ifndef PG_FANOUT_PROTO_TEXT_H
#define PG_FANOUT_PROTO_TEXT_H

#include "buf.h"
#include "table.h"

/*
 * What earlier schemas of the same records have used up: that, and nothing
 * else, is reserved.
 */
typedef struct ProtoPast
{
	const uint32_t *numbers;	/* of the columns' fields, in the columns'
								 * order; NULL: the columns' own */
	const char *const *kept;	/* names that the columns' fields have already,
								 * in the columns' order; NULL: none */
	const uint8_t *reserved;	/* bit n: number n; NULL: none */
	const char *const *names;	/* reserved, as identifiers */
	size_t		name_count;
} ProtoPast;

/* Bytes of ProtoPast.reserved. */
#define PROTO_RESERVED_SIZE	(TABLE_MAX_NUMBER / 8 + 1)

/*
 * Appends the .proto (proto3) of the table. package: of the file; NULL: made
 * from the table's schema, "fanout." before it. Dropped numbers below the
 * highest are reserved. The text depends on the table's names, columns and
 * types only: not on its oid.
 */
extern void proto_append_table(Buf *out, const Table *table,
							   const char *package);

/*
 * The same behind earlier schemas. A number or name that is in use is not
 * reserved; a column whose name is reserved gets _xnN behind it.
 */
extern void proto_append_table_after(Buf *out, const Table *table,
									 const ProtoPast *past);

/*
 * Appends the .proto of the key of the table's records: one message with the
 * key columns, in the package fanout_key.SCHEMA. past: as above, or NULL.
 */
extern void proto_append_key(Buf *out, const Table *table,
							 const ProtoPast *past);

/*
 * What a row that goes alone may have beside its columns: fields fanout_op and
 * so on, from PROTO_EXTRA_NUMBER up, where no column's number ever is.
 */
typedef enum ProtoExtra
{
	PROTO_EXTRA_OP,
	PROTO_EXTRA_DB,
	PROTO_EXTRA_SCHEMA,
	PROTO_EXTRA_TABLE,
	PROTO_EXTRA_LSN,
	PROTO_EXTRA_SEQ,
	PROTO_EXTRA_XID,
	PROTO_EXTRA_COMMIT_TIME,
	PROTO_EXTRA_ORIGIN,
	PROTO_EXTRA_UNCHANGED,
	PROTO_EXTRA_DELETED,
	PROTO_EXTRA_COUNT
} ProtoExtra;

#define PROTO_EXTRA_NUMBER	2000
#define PROTO_EXTRA_END		2048

/*
 * Appends the .proto of the table's rows alone: one message with its columns
 * and extras (bit n: the field n), in the package fanout_row.SCHEMA. past: as
 * above, or NULL.
 */
extern void proto_append_flat(Buf *out, const Table *table, uint32_t extras,
							  const ProtoPast *past);

/* Appends the .proto of logical messages. */
extern void proto_append_message(Buf *out);

/* Which of a table's messages. */
typedef enum ProtoKind
{
	PROTO_CHANGE,
	PROTO_KEY,
	PROTO_FLAT					/* a row alone */
} ProtoKind;

/* Appends the full name of that message. */
extern void proto_append_name(Buf *out, const Table *table, ProtoKind kind);

/*
 * Appends a column's name as its field has it when nothing clashes: what names
 * of different schemas are compared by, once _xnN is off their ends.
 */
extern void proto_append_column_name(Buf *out, const Column *column);

/* What the field of the column has for its type. */
extern const char *proto_column_type(const Column *column);

/* Identifiers joined by dots: anything else is not to be put into a .proto. */
extern bool proto_package_is_valid(const char *package);

#endif							/* PG_FANOUT_PROTO_TEXT_H */
