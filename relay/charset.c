/*
 * charset.c
 *		Text of a database that is not in UTF-8, made UTF-8. See charset.h.
 */
#include "charset.h"

#include <stdlib.h>

#define REPLACEMENT		"\xef\xbf\xbd"
#define SINGLE_SHIFT_2	0x8e
#define SINGLE_SHIFT_3	0x8f

/* A character's last two bytes are its place in a table. */
#define TABLE_SIZE		65536

/* size 0: not mapped */
typedef struct CharsetEntry
{
	uint8_t		size;
	uint8_t		utf8[CHARSET_MAX_UTF8];
} CharsetEntry;

struct Charset
{
	CharsetShape shape;
	CharsetEntry *plain;
	CharsetEntry *shifted;		/* behind SINGLE_SHIFT_3; else NULL */
};

Charset *
charset_new(CharsetShape shape)
{
	Charset    *charset = calloc(1, sizeof(*charset));

	if (charset == NULL)
		return NULL;
	charset->shape = shape;
	charset->plain = calloc(TABLE_SIZE, sizeof(CharsetEntry));
	if (shape == CHARSET_EUC_JP)
		charset->shifted = calloc(TABLE_SIZE, sizeof(CharsetEntry));
	if (charset->plain != NULL &&
		(charset->shifted != NULL || shape != CHARSET_EUC_JP))
		return charset;
	charset_free(charset);
	return NULL;
}

void
charset_free(Charset *charset)
{
	if (charset == NULL)
		return;
	free(charset->plain);
	free(charset->shifted);
	free(charset);
}

/* How many bytes the character takes that begins so. */
static size_t
announced_size(const Charset *charset, uint8_t first)
{
	if (first < 0x80 || charset->shape == CHARSET_SINGLE)
		return 1;
	if (charset->shape == CHARSET_EUC_JP && first == SINGLE_SHIFT_3)
		return 3;
	return 2;
}

/* The size of the character at the start of the text, 0 if there is none. */
static size_t
character_size(const Charset *charset, Slice text)
{
	size_t		size = announced_size(charset, text.data[0]);

	if (size > text.size)
		return 0;
	for (size_t i = 1; i < size; i++)
	{
		if (text.data[i] < 0xa1 || text.data[i] == 0xff)
			return 0;
	}
	return size;
}

static CharsetEntry *
find_entry(const Charset *charset, const uint8_t *character, size_t size)
{
	switch (size)
	{
		case 1:
			return &charset->plain[character[0]];
		case 2:
			return &charset->plain[character[0] << 8 | character[1]];
		default:
			return &charset->shifted[character[1] << 8 | character[2]];
	}
}

bool
charset_map(Charset *charset, Slice character, Slice utf8)
{
	CharsetEntry *entry;

	if (character.size == 0 ||
		character_size(charset, character) != character.size ||
		utf8.size == 0 || utf8.size > sizeof(entry->utf8))
		return false;
	entry = find_entry(charset, character.data, character.size);
	entry->size = (uint8_t) utf8.size;
	memcpy(entry->utf8, utf8.data, utf8.size);
	return true;
}

static size_t
ascii_size(Slice text)
{
	size_t		size = 0;

	while (size < text.size && text.data[size] < 0x80)
		size++;
	return size;
}

bool
charset_is_ascii(Slice text)
{
	return ascii_size(text) == text.size;
}

void
charset_append(Buf *out, const Charset *charset, Slice text)
{
	while (text.size > 0)
	{
		size_t		size = ascii_size(text);

		buf_append(out, text.data, size);
		text = slice_make(text.data + size, text.size - size);
		if (text.size == 0)
			break;
		size = character_size(charset, text);
		if (size > 0 && find_entry(charset, text.data, size)->size > 0)
		{
			const CharsetEntry *entry = find_entry(charset, text.data, size);

			buf_append(out, entry->utf8, entry->size);
		}
		else
			buf_append_string(out, REPLACEMENT);
		size = size > 0 ? size : 1;
		text = slice_make(text.data + size, text.size - size);
	}
}
