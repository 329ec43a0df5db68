/*
 * mask.c
 *		What stands in place of a value. See mask.h.
 */
#include "mask.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "value_text.h"

#define HASH_SIZE			32
#define TRUNCATE_MAX		INT64_C(1000000)

/* ---- parsing ---- */

static bool
fail(const char *text, Error *err)
{
	/* not the mask's text: it may be what is to be hidden */
	error_set(err, ERROR_USAGE, "mask: \"%.*s\" has no mask behind it",
			  (int) strcspn(text, "="), text);
	return error_hint(err, "Write schema.table.column=fixed:TEXT, =hash or =truncate:N (characters).");
}

static bool
parse_length(Mask *mask, const char *digits)
{
	char	   *end;
	long long	length;

	if (digits[0] < '0' || digits[0] > '9')
		return false;
	length = strtoll(digits, &end, 10);
	mask->length = (size_t) length;
	return *end == '\0' && length <= TRUNCATE_MAX;
}

/* What stands behind the "=". */
static bool
parse_kind(Mask *mask, const char *pattern, const char *kind, Error *err)
{
	if (strcmp(kind, "hash") == 0)
	{
		mask->kind = MASK_HASH;
		return true;
	}
	if (strncmp(kind, "fixed:", 6) == 0)
	{
		mask->kind = MASK_FIXED;
		mask->text = strdup(kind + 6);
		return mask->text != NULL || error_no_memory(err);
	}
	mask->kind = MASK_TRUNCATE;
	if (strncmp(kind, "truncate:", 9) == 0 && parse_length(mask, kind + 9))
		return true;
	return fail(pattern, err);
}

bool
mask_parse(Mask *mask, const char *text, Error *err)
{
	const char *equals = strchr(text, '=');

	*mask = (Mask) {0};
	if (equals == NULL)
		return fail(text, err);
	if (!pattern_parse(&mask->pattern, text, (size_t) (equals - text), 3,
					   err))
		return error_prefix(err, "mask");
	if (parse_kind(mask, text, equals + 1, err))
		return true;
	mask_free(mask);
	return false;
}

void
mask_free(Mask *mask)
{
	pattern_free(&mask->pattern);
	free(mask->text);
	*mask = (Mask) {0};
}

bool
mask_keeps_apart(const Mask *mask)
{
	return mask->kind == MASK_HASH;
}

/* ---- values ---- */

static bool
append_hash(Buf *out, const char *salt, Slice text)
{
	uint8_t		digest[HASH_SIZE];
	unsigned	size = sizeof(digest);

	if (HMAC(EVP_sha256(), salt, (int) strlen(salt), text.data, text.size,
			 digest, &size) == NULL)
		return false;
	for (unsigned i = 0; i < size; i++)
		buf_printf(out, "%02x", digest[i]);
	return true;
}

/* Cuts between characters, never within one. */
static Slice
first_characters(Slice text, size_t length)
{
	size_t		at = 0;

	while (at < text.size)
	{
		if ((text.data[at] & 0xc0) != 0x80 && length-- == 0)
			break;
		at++;
	}
	return slice_make(text.data, at);
}

bool
mask_apply(const Mask *mask, const char *salt, const Column *column,
		   const WireField *value, Buf *scratch, Buf *out)
{
	Slice		text;

	if (mask->kind == MASK_FIXED)
	{
		buf_append_string(out, mask->text);
		return true;
	}
	if (!value_text(column, value, scratch, &text))
		return false;
	if (mask->kind == MASK_HASH)
		return append_hash(out, salt, text);
	buf_append_slice(out, first_characters(text, mask->length));
	return true;
}
