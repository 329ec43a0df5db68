/*
 * hex.h
 *		Hexadecimal digits.
 */
#ifndef PG_FANOUT_HEX_H
#define PG_FANOUT_HEX_H

/* The digit's value; -1: it is none. */
static inline int
hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

#endif							/* PG_FANOUT_HEX_H */
