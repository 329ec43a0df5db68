/*
 * lsn.c
 *		Positions in the stream as text. See lsn.h.
 */
#include "lsn.h"

#include <inttypes.h>
#include <stddef.h>

#include "hex.h"

const char *
lsn_format(Lsn lsn, char *text)
{
	snprintf(text, LSN_TEXT_SIZE, "%" PRIX32 "/%" PRIX32,
			 (uint32_t) (lsn >> 32), (uint32_t) lsn);
	return text;
}

/* One to eight hex digits; returns what follows them, NULL: none or more. */
static const char *
hex_parse(const char *text, uint32_t *value)
{
	int			count = 0;

	*value = 0;
	for (; hex_digit(*text) >= 0; text++, count++)
	{
		if (count == 8)
			return NULL;
		*value = *value << 4 | (uint32_t) hex_digit(*text);
	}
	return count > 0 ? text : NULL;
}

bool
lsn_parse(const char *text, Lsn *lsn)
{
	uint32_t	high;
	uint32_t	low;

	text = hex_parse(text, &high);
	if (text == NULL || *text != '/')
		return false;
	text = hex_parse(text + 1, &low);
	if (text == NULL || *text != '\0')
		return false;
	*lsn = (Lsn) high << 32 | low;
	return true;
}
