/*
 * proto_text.h
 *		The typed .proto of a table: what a consumer compiles to read the
 *		records of the protobuf format.
 *
 * One self-contained top-level message per table, everything nested in it (Op,
 * Source, Row, arrays, Interval), so that the message index in a schema
 * registry stays 0 and no names collide between two tables' files. Names that
 * are no identifiers are escaped injectively and the original is kept in a
 * comment and in json_name.
 */
#ifndef PG_FANOUT_PROTO_TEXT_H
#define PG_FANOUT_PROTO_TEXT_H

#include "buf.h"
#include "table.h"

/*
 * Appends the .proto (proto3) of the table. package: of the file; NULL: made
 * from the table's schema. Dropped numbers below the highest are reserved.
 */
extern void proto_append_table(Buf *out, const Table *table, const char *package);

#endif							/* PG_FANOUT_PROTO_TEXT_H */
