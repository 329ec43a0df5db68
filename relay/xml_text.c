/*
 * xml_text.c
 *		The text of one element of a small XML answer. See xml_text.h.
 */
#include "xml_text.h"

#include <string.h>

/*
 * The first '<name' followed by '>' or a blank; returns where its text begins.
 */
static const uint8_t *
tag_open(Slice xml, const char *name)
{
	size_t		size = strlen(name);
	const uint8_t *end = xml.data + xml.size;
	const uint8_t *at = xml.data;

	while (at != NULL && (size_t) (end - at) > size + 1)
	{
		at = memchr(at, '<', (size_t) (end - at));
		if (at == NULL || (size_t) (end - at) <= size + 1)
			return NULL;
		at++;
		if (memcmp(at, name, size) != 0 ||
			strchr("> \t\r\n", at[size]) == NULL ||
			at[size] == '\0')
			continue;
		at = memchr(at, '>', (size_t) (end - at));
		return at == NULL || at[-1] == '/' ? NULL : at + 1;
	}
	return NULL;
}

/* One character of a reference ("amp;..."); how long it is, 0: none known. */
static size_t
entity_decode(const uint8_t *at, size_t size, char *out)
{
	static const struct
	{
		const char *name;
		char		value;
	}			known[] = {{"amp;", '&'}, {"lt;", '<'}, {"gt;", '>'},
	{"quot;", '"'}, {"apos;", '\''}, {"#34;", '"'}, {"#39;", '\''},
	{"#x22;", '"'}, {"#38;", '&'}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		size_t		length = strlen(known[i].name);

		if (size >= length && memcmp(at, known[i].name, length) == 0)
		{
			*out = known[i].value;
			return length;
		}
	}
	return 0;
}

bool
xml_text(Slice xml, const char *name, char *out, size_t size)
{
	const uint8_t *at = xml.size == 0 ? NULL : tag_open(xml, name);
	const uint8_t *end = xml.data + xml.size;
	size_t		used = 0;

	for (; at != NULL && at < end && *at != '<'; at++)
	{
		size_t		skip = 0;

		if (used + 1 >= size)
			return false;
		out[used] = (char) *at;
		if (*at == '&')
			skip = entity_decode(at + 1, (size_t) (end - at) - 1, &out[used]);
		used++;
		at += skip;
	}
	if (at == NULL || at >= end)
		return false;
	out[used] = '\0';
	return true;
}
