/*
 * route.h
 *		Where a record goes: a template over the names of its table.
 *
 * Fields are {prefix} {db} {schema} {table} {sink}:
 * "{prefix}.{schema}.{table}". What a topic or an object key cannot hold is
 * escaped injectively ("-" and two lower-case hex digits per byte; "." in a
 * name too, "-" itself only where two such digits follow it), so that two
 * tables never meet in one topic by accident: Order.Item becomes Order-2eItem.
 * A template without {table} sends many tables to one topic on purpose.
 *
 * Records that are routed by a value instead have {db} and {route}, which is
 * escaped likewise but keeps its dots.
 */
#ifndef PG_FANOUT_ROUTE_H
#define PG_FANOUT_ROUTE_H

#include "buf.h"
#include "error.h"

typedef struct RouteNames
{
	const char *prefix;			/* may be NULL: then "{prefix}." vanishes */
	const char *database;
	const char *schema;
	const char *table;
	const char *sink;
	const char *route;			/* the value that says where to */

	/*
	 * As Debezium does it: one "_" for each character (UTF-16 unit) that a
	 * topic cannot hold, dots kept. Two tables may meet.
	 */
	bool		underscores;
} RouteNames;

/*
 * Whether every {name} is known, braces match, the rest may stand in a topic,
 * and a "." divides {schema} from {table}.
 */
extern MUST_USE bool route_check(const char *template, Error *err);

/* The same of a template for records that are routed by a value. */
extern MUST_USE bool route_check_by_value(const char *template, Error *err);

/*
 * Appends the expansion of a checked template. Longer than 249 bytes, empty,
 * "." or "..", or a field without value (NULL; but see prefix): ERROR_RECORD,
 * and out is to be thrown away. A prefix keeps its dots.
 */
extern MUST_USE bool route_expand(Buf *out, const char *template,
								  const RouteNames *names, Error *err);

#endif							/* PG_FANOUT_ROUTE_H */
