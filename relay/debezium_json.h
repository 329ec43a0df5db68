/*
 * debezium_json.h
 *		Single values as Kafka Connect's JSON converter writes them: strings in
 *		Jackson's escapes, floats in Java's layout, dates and times in ISO 8601
 *		as java.time prints them.
 *
 * Nothing fails here except by the limit of the buffer; knows neither tables
 * nor the wire.
 */
#ifndef PG_FANOUT_DEBEZIUM_JSON_H
#define PG_FANOUT_DEBEZIUM_JSON_H

#include "buf.h"

/* How strings are escaped. */
typedef enum DebeziumEscape
{
	DEBEZIUM_ESCAPE_BYTES,		/* as bytes: beyond U+FFFF as two escapes */
	DEBEZIUM_ESCAPE_CHARS,		/* as characters: those stay themselves */
	DEBEZIUM_ESCAPE_HEADER		/* a header's text: quote and backslash only */
} DebeziumEscape;

/* A string with its quotes; bytes that are no UTF-8 become U+FFFD. */
extern void debezium_append_string(Buf *out, Slice text,
								   DebeziumEscape escape);

/*
 * The fewest digits that give the same value again, laid out as Java does:
 * "1.0", "1.0E10"; "NaN", "Infinity", "-Infinity" as strings.
 */
extern void debezium_append_double(Buf *out, double value);
extern void debezium_append_float(Buf *out, float value);

/* All that follow come with their quotes. */
extern void debezium_append_hex(Buf *out, Slice bytes);

/* How many digits the fraction of a second has. */
#define DEBEZIUM_FRACTION_SHORT (-1)	/* as many as it needs, or none */

/* Days since 1970-01-01: "2024-02-29", "-0043-03-15", "+10000-01-01". */
extern void debezium_append_date(Buf *out, int64_t days, const char *zone);

/* Microseconds since midnight. */
extern void debezium_append_time(Buf *out, uint64_t time, const char *zone);

/*
 * Microseconds since 1970 modulo 2^64 as the wire has them: what would be
 * before PostgreSQL's first moment is beyond year 294246. digits: as above or
 * a number up to 6.
 */
extern void debezium_append_moment(Buf *out, int64_t time, int digits);

/*
 * Such a time in units of that many microseconds, towards the past; false:
 * it does not fit, and *out is the nearest value.
 */
extern bool debezium_moment_units(int64_t time, int64_t unit, int64_t *out);

#endif							/* PG_FANOUT_DEBEZIUM_JSON_H */
