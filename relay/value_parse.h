/*
 * value_parse.h
 *		A column's value: from the text that the server prints to the field of
 *		a row.
 *
 * For sources that get rows as text (pgoutput, COPY) and have to hand out what
 * our output plugin sends. The text is that of a session with these settings,
 * in UTF-8: DateStyle ISO, IntervalStyle postgres, TimeZone UTC, bytea_output
 * hex, extra_float_digits 1 or more, lc_monetary C. Pure; nothing is allocated
 * but room in out.
 */
#ifndef PG_FANOUT_VALUE_PARSE_H
#define PG_FANOUT_VALUE_PARSE_H

#include "buf.h"
#include "error.h"
#include "table.h"

/*
 * Appends the field (tag and value) of that column, byte for byte as
 * plugin/value.c and array.c write it. Text that the column's type does not
 * have under those settings is an error (ERROR_SOURCE), never a guess; so is a
 * value that does not fit into out (ERROR_RECORD). out then ends where it did.
 * Errors do not show the value.
 */
extern MUST_USE bool value_parse(Buf *out, const Column *column, Slice text,
								 Error *err);

#endif							/* PG_FANOUT_VALUE_PARSE_H */
