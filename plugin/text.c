/*
 * text.c
 *		Text of the database as UTF-8, without errors over content.
 *
 * The server's own conversion functions do the work, called directly and not
 * through pg_do_encoding_conversion: its lookups need a transaction, and
 * messages and two-phase records are decoded outside of one.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "text.h"

#define REPLACEMENT			"\xEF\xBF\xBD"
#define REPLACEMENT_SIZE	3

static bool text_ready = false;
static int	text_encoding = PG_UTF8;

/* fn_oid is InvalidOid: no conversion, or none that leads to UTF-8. */
static FmgrInfo text_conversion;

static void
text_find_conversion(void)
{
	Oid			function = FindDefaultConversionProc(text_encoding, PG_UTF8);

	if (OidIsValid(function))
		fmgr_info_cxt(function, &text_conversion, TopMemoryContext);
}

void
text_setup(void)
{
	MemoryContext old = CurrentMemoryContext;

	if (text_ready)
		return;
	text_encoding = GetDatabaseEncoding();
	if (text_encoding == PG_UTF8 || text_encoding == PG_SQL_ASCII)
		text_ready = true;
	if (text_ready)
		return;
	if (IsTransactionState())
		text_find_conversion();
	else
	{
		StartTransactionCommand();
		text_find_conversion();
		CommitTransactionCommand();
		MemoryContextSwitchTo(old);
	}
	text_ready = true;
}

bool
text_is_utf8(void)
{
	return text_encoding == PG_UTF8;
}

/* Writes as much of the chunk as is valid and returns how much that was. */
static size_t
text_convert_valid(const char *text, size_t size, char *dest, size_t *written)
{
	int			valid;

	if (OidIsValid(text_conversion.fn_oid))
	{
		valid = DatumGetInt32(FunctionCall6(&text_conversion,
											Int32GetDatum(text_encoding),
											Int32GetDatum(PG_UTF8),
											CStringGetDatum(text),
											CStringGetDatum(dest),
											Int32GetDatum((int) size),
											BoolGetDatum(true)));
		*written = strlen(dest);
		return valid;
	}
	valid = pg_encoding_verifymbstr(PG_UTF8, text, (int) size);
	memcpy(dest, text, valid);
	*written = valid;
	return valid;
}

/* How many bytes one U+FFFD stands for: a whole character if it is one. */
static size_t
text_unconvertible_size(const char *text, size_t size)
{
	int			length = -1;

	if (OidIsValid(text_conversion.fn_oid))
		length = pg_encoding_verifymbchar(text_encoding, text, (int) size);
	return length > 0 ? length : 1;
}

/* A part of the text that ends with a whole character, if it is valid. */
static size_t
text_chunk_size(const char *text, size_t size)
{
	int			encoding = text_encoding;
	int			chunk;

	if (size <= TEXT_CHUNK_IN)
		return size;
	if (!OidIsValid(text_conversion.fn_oid))
		encoding = PG_UTF8;
	chunk = pg_encoding_mbcliplen(encoding, text, (int) size, TEXT_CHUNK_IN);
	return chunk > 0 ? chunk : TEXT_CHUNK_IN;
}

size_t
text_convert(const char *text, size_t size, char *dest, size_t *taken)
{
	size_t		chunk = text_chunk_size(text, size);
	size_t		written;

	*taken = text_convert_valid(text, chunk, dest, &written);
	if (*taken < chunk)
	{
		memcpy(dest + written, REPLACEMENT, REPLACEMENT_SIZE);
		written += REPLACEMENT_SIZE;
		*taken += text_unconvertible_size(text + *taken, size - *taken);
	}
	return written;
}

char *
text_to_utf8(const char *string)
{
	size_t		size = strlen(string);
	StringInfoData out;

	if (text_is_utf8())
		return unconstify(char *, string);
	initStringInfo(&out);
	while (size > 0)
	{
		size_t		taken;

		enlargeStringInfo(&out, TEXT_CHUNK_OUT);
		out.len += text_convert(string, size, out.data + out.len, &taken);
		out.data[out.len] = '\0';
		string += taken;
		size -= taken;
	}
	return out.data;
}
