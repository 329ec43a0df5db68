/*
 * text.h
 *		Text of the database as UTF-8.
 *
 * Never fails over content: what has no UTF-8 form becomes U+FFFD, because an
 * error here would stop the slot for good. In an SQL_ASCII database valid
 * UTF-8 passes and any other byte becomes U+FFFD.
 */
#ifndef PG_FANOUT_TEXT_H
#define PG_FANOUT_TEXT_H

#include "lib/stringinfo.h"

/* One text_convert takes at most so many bytes and writes at most so many. */
#define TEXT_CHUNK_IN	8192
#define TEXT_CHUNK_OUT	(TEXT_CHUNK_IN * 4 + 4)

/*
 * Finds the conversion. Once per process; to be called before the others, and
 * where catalogs can be read or a transaction can be started for that.
 */
extern void text_setup(void);

/* Nothing to convert: the database is in UTF-8. */
extern bool text_is_utf8(void);

/*
 * Converts the first part of a text, at least one byte of it, and sets *taken
 * to that part's size. Returns the number of bytes written to dest, which has
 * room for TEXT_CHUNK_OUT.
 */
extern size_t text_convert(const char *text, size_t size, char *dest,
						   size_t *taken);

/* The string itself if there is nothing to convert, else a palloc'd copy. */
extern char *text_to_utf8(const char *string);

#endif							/* PG_FANOUT_TEXT_H */
