/*
 * backlog_recover.c
 *		What a start finds of the backlog: its longest run of whole
 *		transactions.
 *
 * Heads say which segments were on disk as a whole when they were written:
 * those are believed, and read when a sink wants them. Those behind them are
 * read to the last boundary before anything that is damaged or missing, which
 * is what a crash leaves. Files are not touched: whether the run is of use is
 * for others to say.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backlog_reader.h"
#include "backlog_state.h"
#include "log.h"

/* A file in the directory. */
typedef struct Found
{
	uint64_t	number;
	uint64_t	size;
	bool		whole;			/* has a head */
	BacklogSegment segment;
} Found;

typedef struct FoundList
{
	Found	   *items;
	size_t		count;
} FoundList;

/* ---- the files ---- */

static int
by_number(const void *a, const void *b)
{
	uint64_t	one = ((const Found *) a)->number;
	uint64_t	two = ((const Found *) b)->number;

	return one < two ? -1 : one > two;
}

static bool
add_found(FoundList *list, uint64_t number, Error *err)
{
	Found	   *larger = realloc(list->items,
								 (list->count + 1) * sizeof(*larger));

	if (larger == NULL)
		return error_no_memory(err);
	list->items = larger;
	list->items[list->count++] = (Found) {.number = number};
	return true;
}

static bool
list_files(const Backlog *backlog, FoundList *list, Error *err)
{
	DIR		   *dir = opendir(backlog->directory);
	struct dirent *entry;
	bool		ok = true;

	if (dir == NULL)
		return error_set(err, ERROR_DISK, "cannot read \"%s\": %s",
						 backlog->directory, strerror(errno));
	while (ok && (entry = readdir(dir)) != NULL)
	{
		uint64_t	number = backlog_segment_number(entry->d_name);

		if (number != 0)
			ok = add_found(list, number, err);
	}
	closedir(dir);
	if (list->count > 0)
		qsort(list->items, list->count, sizeof(*list->items), by_number);
	return ok;
}

/* No whole head: a crash came while the segment was made. */
static bool
look_at(const Backlog *backlog, Found *found, Error *err)
{
	SpoolFile	file = {0};
	SpoolCursor cursor = {0};
	struct stat status;
	Buf			block;
	Buf			scratch;
	Error		ignored;
	bool		ok = true;

	file.fd = backlog_open_file(backlog, found->number, O_RDONLY, err);
	if (file.fd < 0)
		return false;
	buf_init(&block, SPOOL_BLOCK_SIZE);
	buf_init(&scratch, SPOOL_SCRATCH_SIZE);
	if (fstat(file.fd, &status) == 0)
		found->size = file.size = (uint64_t) status.st_size;
	if (spool_file_read(&file, &cursor, &block, &scratch,
						&ignored) == SPOOL_FILE_BLOCK)
	{
		ok = backlog_segment_read_head(&found->segment, buf_slice(&block),
									   err);
		found->whole = ok && found->segment.number == found->number;
	}
	buf_free(&block);
	buf_free(&scratch);
	close(file.fd);
	return ok;
}

/* ---- reading ---- */

/* What one segment holds of whole transactions. */
typedef struct Scan
{
	BacklogExtent extent;
	Notes		notes;
} Scan;

static bool
take_note(Scan *scan, const BacklogEntry *entry, Error *err)
{
	char	   *key;
	Slice		value;
	bool		ok;

	if (entry->kind != BACKLOG_NOTE && entry->kind != BACKLOG_HELD_NOTE)
		return true;
	if (!backlog_read_note(entry->content, &key, &value, err))
		return false;
	ok = notes_set(&scan->notes, key, value, err);
	free(key);
	return ok;
}

static void
take_boundary(Scan *scan, const BacklogReader *reader,
			  const BacklogEntry *entry)
{
	Position	end = scan->extent.end;

	/* what stands before a reset is read, too, and given up at once */
	if (backlog_is_boundary(entry->kind))
		end = entry->position;
	else if (entry->kind != BACKLOG_RESET)
		return;
	scan->extent = (BacklogExtent) {
		.end = end, .size = reader->cursor.offset,
		.blocks = reader->cursor.block, .tail = (uint32_t) reader->at
	};
}

/*
 * Reads the last segment of the list; what is damaged ends it. Only memory can
 * fail.
 */
static bool
scan_last(Backlog *backlog, uint64_t size, Scan *scan, Error *err)
{
	BacklogSegment *last = &backlog->segments[backlog->count - 1];
	BacklogReader reader;
	BacklogEntry entry;
	BacklogRead result;
	Error		damage;
	bool		ok = true;

	*scan = (Scan) {.extent = {.end = last->start}};
	last->extent = (BacklogExtent) {
		.size = size, .blocks = UINT32_MAX, .tail = UINT32_MAX
	};
	backlog_reader_init(&reader, backlog);
	backlog_reader_seek(&reader, last->start);
	while (ok && (result = backlog_read(&reader, &entry,
										&damage)) != BACKLOG_DAMAGED &&
		   result != BACKLOG_NOTHING)
	{
		if (result != BACKLOG_ENTRY)
			continue;
		ok = take_note(scan, &entry, err);
		take_boundary(scan, &reader, &entry);
	}
	backlog_reader_free(&reader);
	last->extent = scan->extent;
	return ok;
}

static bool
same_extent(const BacklogExtent *a, const BacklogExtent *b)
{
	return a->end.lsn == b->end.lsn && a->end.seq == b->end.seq &&
		a->blocks == b->blocks && a->tail == b->tail;
}

/* ---- the run ---- */

/* Where those begin that may belong: behind a gap, or at a first one. */
static size_t
find_begin(const FoundList *list, uint64_t synced_to)
{
	size_t		begin = 0;

	for (size_t i = 0; i < list->count; i++)
	{
		const Found *found = &list->items[i];
		const Found *next = &list->items[i + 1];

		if (found->whole && found->segment.first)
			begin = i;
		if (found->number > synced_to || i + 1 == list->count)
			continue;
		if (!found->whole || next->number != found->number + 1 ||
			(next->whole && found->size < next->segment.before.size))
		{
			log_warning("the spool is damaged: segment %" PRIX64 " or the one behind it is missing or cut short; what is before it is of no use",
						found->number);
			begin = i + 1;
		}
	}
	return begin;
}

static uint64_t
find_synced(const FoundList *list)
{
	uint64_t	number = 0;

	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].whole && list->items[i].segment.synced_to > number)
			number = list->items[i].segment.synced_to;
	return number;
}

/*
 * Adds what follows on what is there. *complete: nothing of it is missing, so
 * the next may follow.
 */
static bool
add_to_run(Backlog *backlog, const FoundList *list, size_t i,
		   uint64_t synced_to, bool *complete, Error *err)
{
	const Found *found = &list->items[i];
	const Found *next = i + 1 < list->count ? &list->items[i + 1] : NULL;
	BacklogSegment segment = found->segment;
	Scan		scan;
	bool		ok;

	if (next != NULL && (!next->whole || next->number != found->number + 1))
		next = NULL;
	*complete = next != NULL;
	segment.synced = found->number <= synced_to && next != NULL;
	if (segment.synced)
	{
		segment.extent = next->segment.before;
		return backlog_add_segment(backlog, &segment, err);
	}
	if (!backlog_add_segment(backlog, &segment, err))
		return false;
	ok = scan_last(backlog, found->size, &scan, err);
	if (next != NULL)
		*complete = same_extent(&scan.extent, &next->segment.before);
	notes_free(&backlog->found);
	backlog->found = scan.notes;
	return ok;
}

/* One without a whole transaction has no notes to go by, and no use. */
static bool
drop_barren(Backlog *backlog, const FoundList *list, Error *err)
{
	while (backlog->count > 0)
	{
		BacklogSegment *last = &backlog->segments[backlog->count - 1];
		size_t		i = 0;
		Scan		scan;

		if (last->extent.blocks > 0)
			return true;
		if (--backlog->count == 0)
			return true;
		last--;
		while (list->items[i].number != last->number)
			i++;
		if (!scan_last(backlog, list->items[i].size, &scan, err))
			return false;
		notes_free(&backlog->found);
		backlog->found = scan.notes;
	}
	return true;
}

static bool
find_strays(Backlog *backlog, const FoundList *list, Error *err)
{
	if (list->count == 0)
		return true;
	backlog->strays = calloc(list->count, sizeof(*backlog->strays));
	if (backlog->strays == NULL)
		return error_no_memory(err);
	for (size_t i = 0; i < list->count; i++)
	{
		uint64_t	number = list->items[i].number;

		if (backlog_find(backlog, number) == NULL)
			backlog->strays[backlog->stray_count++] = number;
		backlog->highest = number;
	}
	return true;
}

bool
backlog_recover(Backlog *backlog, Error *err)
{
	FoundList	list = {0};
	uint64_t	synced_to;
	bool		complete = true;
	bool		ok = list_files(backlog, &list, err);

	for (size_t i = 0; ok && i < list.count; i++)
		ok = look_at(backlog, &list.items[i], err);
	synced_to = find_synced(&list);
	for (size_t i = find_begin(&list, synced_to);
		 ok && complete && i < list.count && list.items[i].whole; i++)
		ok = add_to_run(backlog, &list, i, synced_to, &complete, err);
	ok = ok && drop_barren(backlog, &list, err) &&
		find_strays(backlog, &list, err);
	if (ok && backlog->count > 0)
		backlog->end = backlog->segments[backlog->count - 1].extent.end;
	free(list.items);
	return ok;
}
