/*
 * utf8.c
 *		Whether bytes are UTF-8, and making them so. See utf8.h.
 */
#include "utf8.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* The size that the first byte announces; 0: no character begins with it. */
static size_t
announced_size(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2)
		return 0;
	if (first < 0xe0)
		return 2;
	if (first < 0xf0)
		return 3;
	return first < 0xf5 ? 4 : 0;
}

/* Overlong forms, surrogates and what lies beyond U+10FFFF. */
static bool
is_forbidden(uint8_t first, uint8_t second)
{
	return (first == 0xe0 && second < 0xa0) ||
		(first == 0xed && second > 0x9f) ||
		(first == 0xf0 && second < 0x90) ||
		(first == 0xf4 && second > 0x8f);
}

/* The size of the character at the start, 0 if there is none. */
static size_t
character_size(Slice text)
{
	size_t		size = announced_size(text.data[0]);

	if (size > text.size)
		return 0;
	for (size_t i = 1; i < size; i++)
		if ((text.data[i] & 0xc0) != 0x80)
			return 0;
	if (size > 1 && is_forbidden(text.data[0], text.data[1]))
		return 0;
	return size;
}

size_t
utf8_valid_size(Slice text)
{
	size_t		at = 0;

	while (at < text.size)
	{
		size_t		size = text.data[at] < 0x80 ? 1 :
			character_size(slice_make(text.data + at, text.size - at));

		if (size == 0)
			break;
		at += size;
	}
	return at;
}

void
utf8_append_repaired(Buf *out, Slice text)
{
	while (text.size > 0)
	{
		size_t		valid = utf8_valid_size(text);

		buf_append(out, text.data, valid);
		if (valid == text.size)
			break;
		buf_append_string(out, REPLACEMENT);
		text = slice_make(text.data + valid + 1, text.size - valid - 1);
	}
}
