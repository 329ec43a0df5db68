/*
 * debezium_decimal.h
 *		Numbers of any length in the forms that Java's BigDecimal has: unscaled
 *		bytes, plain text, toString.
 *
 * Knows neither tables nor the wire.
 */
#ifndef PG_FANOUT_DEBEZIUM_DECIMAL_H
#define PG_FANOUT_DEBEZIUM_DECIMAL_H

#include "buf.h"

/* A finite number as text, taken apart; the slices are the text's. */
typedef struct DebeziumDecimal
{
	bool		negative;
	Slice		whole;			/* digits before the point */
	Slice		fraction;		/* and behind it; its size is the scale */
} DebeziumDecimal;

/* false: no plain decimal number (NaN and infinities are none). */
extern bool debezium_decimal_read(Slice text, DebeziumDecimal *decimal);

/*
 * The same of money as the server prints it, in any locale: the last point or
 * comma that has one or two digits behind it is the decimal point. Its digits
 * go into scratch.
 */
extern bool debezium_decimal_read_money(Slice text, Buf *scratch,
										DebeziumDecimal *decimal);

/* Cuts zeros at the end of the fraction. */
extern void debezium_decimal_strip(DebeziumDecimal *decimal);

/*
 * The unscaled value at that scale (at least the number's own) as the shortest
 * two's complement, most significant byte first, in base64 with its quotes.
 * scratch is emptied.
 */
extern void debezium_decimal_append_bytes(Buf *out,
										  const DebeziumDecimal *decimal,
										  size_t scale, Buf *scratch);

/* Plain digits at that scale: "1.50". No quotes. */
extern void debezium_decimal_append_plain(Buf *out,
										  const DebeziumDecimal *decimal,
										  size_t scale);

/* As Java's toString: "1.50", but "1E-7" for very small ones. No quotes. */
extern void debezium_decimal_append_java(Buf *out,
										 const DebeziumDecimal *decimal,
										 size_t scale);

#endif							/* PG_FANOUT_DEBEZIUM_DECIMAL_H */
