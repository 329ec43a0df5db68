/*
 * utf8.h
 *		Whether bytes are UTF-8, and making them so.
 *
 * For text from databases whose encoding promises nothing (SQL_ASCII). What
 * counts as UTF-8 is what the server's own check lets pass.
 */
#ifndef PG_FANOUT_UTF8_H
#define PG_FANOUT_UTF8_H

#include "buf.h"

/* How many bytes from the start are whole, valid characters. */
extern size_t utf8_valid_size(Slice text);

/* Appends the text with U+FFFD for each byte that belongs to no character. */
extern void utf8_append_repaired(Buf *out, Slice text);

#endif							/* PG_FANOUT_UTF8_H */
