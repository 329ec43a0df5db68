/*
 * bytes.h
 *		Sizes as people read them.
 */
#ifndef PG_FANOUT_BYTES_H
#define PG_FANOUT_BYTES_H

#define BYTES_TEXT_SIZE 32

/* Writes "1.5 MB" into text (BYTES_TEXT_SIZE bytes) and returns it. */
extern const char *bytes_format(double bytes, char *text);

#endif							/* PG_FANOUT_BYTES_H */
