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
 * Appends the .proto (proto3) of the table. package: of the file; NULL: made
 * from the table's schema, "fanout." before it. Dropped numbers below the
 * highest are reserved. The text depends on the table's names, columns and
 * types only: not on its oid.
 */
extern void proto_append_table(Buf *out, const Table *table,
							   const char *package);

/* Identifiers joined by dots: anything else is not to be put into a .proto. */
extern bool proto_package_is_valid(const char *package);

#endif							/* PG_FANOUT_PROTO_TEXT_H */
