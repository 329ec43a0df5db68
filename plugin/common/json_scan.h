/*
 * json_scan.h
 *		Finding what needs a look in text that becomes a JSON string: plain
 *		characters are passed over eight at a time.
 *
 * For json_value.c and other writers of strings. Header only: the hot path of
 * every format that is text.
 */
#ifndef PG_FANOUT_JSON_SCAN_H
#define PG_FANOUT_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JSON_EACH_BYTE(value)	(UINT64_C(0x0101010101010101) * (value))

/*
 * Does any of eight bytes need a look: control character, quote, backslash or
 * not ASCII? Says yes for some that do not, never no for one that does.
 */
static inline bool
json_word_is_special(uint64_t word)
{
	uint64_t	quote = word ^ JSON_EACH_BYTE('"');
	uint64_t	slash = word ^ JSON_EACH_BYTE('\\');
	uint64_t	control = word - JSON_EACH_BYTE(0x20);

	quote -= JSON_EACH_BYTE(1);
	slash -= JSON_EACH_BYTE(1);
	return ((word | control | quote | slash) & JSON_EACH_BYTE(0x80)) != 0;
}

/* The first byte that is not plain, or end. */
static inline const uint8_t *
json_skip_plain(const uint8_t *at, const uint8_t *end)
{
	uint64_t	word;

	while (end - at >= 8)
	{
		memcpy(&word, at, 8);
		if (json_word_is_special(word))
			break;
		at += 8;
	}
	while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\')
		at++;
	return at;
}

/*
 * The length of the UTF-8 character here, 0 if it is none: cut short,
 * overlong, a surrogate or beyond U+10FFFF.
 */
static inline size_t
json_utf8_length(const uint8_t *at, const uint8_t *end)
{
	size_t		size = *at < 0xc2 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 :
		*at < 0xf5 ? 4 : 0;

	if (size == 0 || (size_t) (end - at) < size)
		return 0;
	for (size_t i = 1; i < size; i++)
	{
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) ||
		(*at == 0xf0 && at[1] < 0x90) || (*at == 0xf4 && at[1] > 0x8f))
		return 0;
	return size;
}

#endif							/* PG_FANOUT_JSON_SCAN_H */
