/*
 * resnapshot_book.c
 *		Requests to read tables again. See resnapshot_book.h.
 */
#include "resnapshot_book.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
resnapshot_book_free(ResnapshotBook *book)
{
	for (size_t i = 0; i < book->count; i++)
		resnapshot_request_free(&book->entries[i].request);
	free(book->entries);
	*book = (ResnapshotBook) {0};
}

/* ---- reading ---- */

static bool
damaged(Error *err)
{
	return error_set(err, ERROR_CHECKPOINT,
					 "the note about tables to be read again is damaged");
}

/* Empties the entry. */
static bool
append_entry(ResnapshotBook *book, ResnapshotEntry *entry, Error *err)
{
	ResnapshotEntry *more = realloc(book->entries,
									(book->count + 1) * sizeof(*more));

	if (more == NULL)
	{
		resnapshot_request_free(&entry->request);
		return error_no_memory(err);
	}
	book->entries = more;
	book->entries[book->count++] = *entry;
	*entry = (ResnapshotEntry) {0};
	return true;
}

static bool
read_entry(ResnapshotBook *book, const char *line, Lsn durable, Error *err)
{
	ResnapshotEntry entry = {0};
	int			used = 0;

	if (sscanf(line, "%" SCNx64 " %" SCNu64 " %" SCNx64 " %n",
			   &entry.asked.lsn, &entry.asked.seq, &entry.end, &used) != 3 ||
		used == 0)
		return damaged(err);
	if (!resnapshot_request_parse(&entry.request, slice_of(line + used), err))
	{
		resnapshot_request_free(&entry.request);
		return damaged(err);
	}
	if (entry.end > durable)
		entry.end = LSN_INVALID;
	return append_entry(book, &entry, err);
}

static bool
read_lines(ResnapshotBook *book, char *text, Lsn durable, Error *err)
{
	char	   *rest = NULL;
	char	   *line = strtok_r(text, "\n", &rest);

	if (line == NULL ||
		sscanf(line, "last %" SCNx64 " %" SCNu64, &book->last.lsn,
			   &book->last.seq) != 2)
		return damaged(err);
	while ((line = strtok_r(NULL, "\n", &rest)) != NULL)
		if (!read_entry(book, line, durable, err))
			return false;
	return true;
}

bool
resnapshot_book_read(ResnapshotBook *book, Slice note, Lsn durable, Error *err)
{
	char	   *text;
	bool		ok;

	resnapshot_book_free(book);
	if (note.data == NULL)
		return true;
	text = strndup((const char *) note.data, note.size);
	if (text == NULL)
		return error_no_memory(err);
	ok = read_lines(book, text, durable, err);
	free(text);
	return ok;
}

/* ---- writing ---- */

static void
forget_done(ResnapshotBook *book, Lsn durable)
{
	size_t		left = 0;

	for (size_t i = 0; i < book->count; i++)
	{
		ResnapshotEntry *entry = &book->entries[i];

		if (entry->end != LSN_INVALID && entry->end <= durable)
			resnapshot_request_free(&entry->request);
		else
			book->entries[left++] = *entry;
	}
	book->count = left;
}

bool
resnapshot_book_write(ResnapshotBook *book, Lsn durable, Buf *out, Error *err)
{
	bool		ok = true;

	forget_done(book, durable);
	buf_clear(out);
	buf_printf(out, "last %" PRIX64 " %" PRIu64 "\n", book->last.lsn,
			   book->last.seq);
	for (size_t i = 0; ok && i < book->count; i++)
	{
		const ResnapshotEntry *entry = &book->entries[i];

		buf_printf(out, "%" PRIX64 " %" PRIu64 " %" PRIX64 " ",
				   entry->asked.lsn, entry->asked.seq, entry->end);
		ok = resnapshot_request_write(out, &entry->request, err);
		buf_append_string(out, "\n");
	}
	return ok && (!buf_failed(out) || error_no_memory(err));
}

/* ---- requests ---- */

bool
resnapshot_book_add(ResnapshotBook *book, Position asked,
					ResnapshotRequest *request, bool *added, Error *err)
{
	ResnapshotEntry entry = {.asked = asked, .request = *request};

	*request = (ResnapshotRequest) {0};
	*added = position_before(book->last, asked);
	if (!*added)
	{
		resnapshot_request_free(&entry.request);
		return true;
	}
	book->last = asked;
	return append_entry(book, &entry, err);
}

ResnapshotEntry *
resnapshot_book_next(ResnapshotBook *book)
{
	for (size_t i = 0; i < book->count; i++)
		if (book->entries[i].end == LSN_INVALID)
			return &book->entries[i];
	return NULL;
}

bool
resnapshot_book_has(const ResnapshotBook *book, const char *table)
{
	for (size_t i = 0; i < book->count; i++)
	{
		const ResnapshotRequest *request = &book->entries[i].request;

		if (book->entries[i].end == LSN_INVALID && request->sink == NULL &&
			request->tables.count == 1 &&
			strcmp(request->tables.items[0], table) == 0)
			return true;
	}
	return false;
}
