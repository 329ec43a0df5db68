/*
 * debezium_filler.h
 *		What stands where no value was sent: defaults, zeros, and placeholders
 *		of large values that did not change.
 *
 * Rendered once per column and copied. The result depends on the column and
 * the options only.
 */
#ifndef PG_FANOUT_DEBEZIUM_FILLER_H
#define PG_FANOUT_DEBEZIUM_FILLER_H

#include "debezium_value.h"

/*
 * Appends what stands for a column that is NOT NULL but was not sent: zero, an
 * empty string, 1970.
 */
extern void debezium_append_zero(Buf *out, const DebeziumType *type);

/* Appends what stands for a large value that was not sent. */
extern void debezium_append_placeholder(Buf *out, const DebeziumType *type,
										const char *placeholder);

/*
 * Appends a column's default, from pg_get_expr's text of it. Expressions are
 * not evaluated: a function's result is a zero. false: there is none that
 * Debezium would show; out is as it was.
 */
extern bool debezium_append_default(DebeziumWriter *writer,
									const DebeziumType *type,
									const Column *column,
									const ColumnDetail *detail);

#endif							/* PG_FANOUT_DEBEZIUM_FILLER_H */
