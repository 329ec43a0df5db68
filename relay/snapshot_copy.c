/*
 * snapshot_copy.c
 *		A line of COPY's text format, taken apart. See snapshot_copy.h.
 *
 * Values only shrink when their escapes are undone, so each stays where it
 * is. Encodings that a server can have never hide a tab or a backslash inside
 * another character.
 */
#include "snapshot_copy.h"

#include <string.h>

static char
unescape(char letter)
{
	switch (letter)
	{
		case 'b':
			return '\b';
		case 'f':
			return '\f';
		case 'n':
			return '\n';
		case 'r':
			return '\r';
		case 't':
			return '\t';
		case 'v':
			return '\v';
		default:
			return letter;
	}
}

/* Undoes the escapes between from and end; NULL: the last is cut off. */
static char *
unescape_value(char *from, char *end)
{
	char	   *to = memchr(from, '\\', (size_t) (end - from));

	if (to == NULL)
		return end;
	for (from = to; from < end; from++)
	{
		if (*from != '\\')
			*to++ = *from;
		else if (++from == end)
			return NULL;
		else
			*to++ = unescape(*from);
	}
	return to;
}

bool
snapshot_copy_split(char *line, size_t size, PgoutputValue *values,
					size_t count)
{
	char	   *end = line + size;
	char	   *at = line;

	if (count == 0)
		return size == 0;
	for (size_t i = 0; i < count; i++)
	{
		char	   *tab = memchr(at, '\t', (size_t) (end - at));
		char	   *stop = tab != NULL ? tab : end;
		char	   *last;

		if ((tab == NULL) != (i + 1 == count))
			return false;
		if (stop - at == 2 && at[0] == '\\' && at[1] == 'N')
			values[i] = (PgoutputValue) {.kind = PGOUTPUT_NULL};
		else
		{
			last = unescape_value(at, stop);
			if (last == NULL)
				return false;
			values[i].kind = PGOUTPUT_TEXT;
			values[i].text = slice_make(at, (size_t) (last - at));
		}
		at = stop + 1;
	}
	return true;
}
