/*
 * charset.h
 *		Text of a database that is not in UTF-8, made UTF-8.
 *
 * The server converts text for us, but fails on characters that UTF-8 lacks,
 * and a walsender that fails once fails for ever. So a source that reads text
 * takes it as it is stored and converts it here, by a map that the server
 * itself made (charset_load.h). Pure.
 */
#ifndef PG_FANOUT_CHARSET_H
#define PG_FANOUT_CHARSET_H

#include "buf.h"

/* Room for the UTF-8 of one character: two code points at most. */
#define CHARSET_MAX_UTF8	7

typedef struct Charset Charset;

typedef enum CharsetShape
{
	CHARSET_SINGLE,				/* one byte each */
	CHARSET_EUC,				/* two from 0xa1 up */
	CHARSET_EUC_JP				/* and 0x8e and one, 0x8f and two */
} CharsetShape;

/* One that maps ASCII only. NULL: no memory. Free with charset_free. */
extern Charset *charset_new(CharsetShape shape);
extern void charset_free(Charset *charset);

/*
 * Maps a character, which is a whole one of the shape, to its UTF-8. false: it
 * is none, or longer than any UTF-8 of a character.
 */
extern bool charset_map(Charset *charset, Slice character, Slice utf8);

/*
 * Appends the text as UTF-8, with one U+FFFD for each character that is not
 * mapped and for each byte that is none.
 */
extern void charset_append(Buf *out, const Charset *charset, Slice text);

/* Whether text is the same in all of them. */
extern bool charset_is_ascii(Slice text);

#endif							/* PG_FANOUT_CHARSET_H */
