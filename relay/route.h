/*
 * route.h
 *		Where a record goes: a template over the names of its table.
 *
 * "{db}.{schema}.{table}" with the sink's {prefix}. What a topic or an object
 * key cannot hold is escaped injectively ("_" followed by two hex digits per
 * byte, "_" itself only where it would be ambiguous), so that two tables never
 * meet in one topic by accident. A template without {table} sends many tables
 * to one topic on purpose.
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
} RouteNames;

/* Whether every {name} is known and braces match. */
extern MUST_USE bool route_check(const char *template, Error *err);

/* Appends the expansion; at most 249 bytes for a topic, else ERROR_RECORD. */
extern MUST_USE bool route_expand(Buf *out, const char *template,
								  const RouteNames *names, Error *err);

#endif							/* PG_FANOUT_ROUTE_H */
