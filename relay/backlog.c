/*
 * backlog.c
 *		The log of what a sink has not got: opening and writing. See backlog.h.
 *
 * An entry stands in one block, unless it is larger than that. When the disk
 * is full nothing of an entry stays behind: what was written of it is written
 * over.
 */
#include "backlog.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "backlog_state.h"
#include "clock.h"
#include "log.h"
#include "spool_directory.h"
#include "wire.h"

#define FILE_MODE		0600
#define RETRY_BASE		(CLOCK_SECOND / 2)
#define RETRY_LIMIT		(10 * CLOCK_SECOND)

/* ---- opening ---- */

static bool
lock_directory(Backlog *backlog, Error *err)
{
	backlog->dir = open(backlog->directory,
						O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (backlog->dir < 0)
		return error_set(err, ERROR_DISK, "cannot open \"%s\": %s",
						 backlog->directory, strerror(errno));
	if (flock(backlog->dir, LOCK_EX | LOCK_NB) == 0)
		return true;
	error_set(err, ERROR_SPOOL, "the spool's directory \"%s\" is in use by another process",
			  backlog->directory);
	return error_hint(err, "Each slot needs a directory of its own (spool_backlog_directory).");
}

static bool
prepare(Backlog *backlog, Error *err)
{
	bool		made;

	if (!spool_directory_prepare(backlog->directory, &made, err))
	{
		if (err->code == ERROR_DISK)
			error_hint(err, "Name a directory with --spool-backlog-directory; its parent must exist.");
		return false;
	}
	return lock_directory(backlog, err) && backlog_recover(backlog, err);
}

Backlog *
backlog_open(const BacklogConfig *config, Error *err)
{
	Backlog    *backlog = calloc(1, sizeof(*backlog));

	if (backlog == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	backlog->dir = -1;
	backlog->file.fd = -1;
	backlog->limit = (uint64_t) config->limit;
	backlog->segment_bytes = (uint64_t) config->segment_bytes;
	job_init(&backlog->job, config->wake_fd);
	buf_init(&backlog->open, SPOOL_BLOCK_SIZE);
	buf_init(&backlog->scratch, SPOOL_SCRATCH_SIZE);
	for (size_t i = 0; i < BACKLOG_RECENT; i++)
		buf_init(&backlog->recent[i].bytes, SPOOL_BLOCK_SIZE);
	backlog->directory = strdup(config->directory);
	if (backlog->directory == NULL)
		error_no_memory(err);
	else if (prepare(backlog, err))
		return backlog;
	backlog_close(backlog);
	return NULL;
}

/* What is in memory goes to the page cache: a start then finds more. */
void
backlog_close(Backlog *backlog)
{
	Error		ignored;

	if (backlog == NULL)
		return;
	job_join(&backlog->job);
	backlog_drop_sync(backlog);
	if (backlog->writing && backlog->open.size > 0 &&
		!spool_file_append(&backlog->file, buf_slice(&backlog->open),
						   &backlog->scratch, &ignored))
		log_report(LOG_LEVEL_DEBUG, &ignored);
	if (backlog->file.fd >= 0)
		close(backlog->file.fd);
	if (backlog->dir >= 0)
		close(backlog->dir);
	for (size_t i = 0; i < BACKLOG_RECENT; i++)
		buf_free(&backlog->recent[i].bytes);
	buf_free(&backlog->open);
	buf_free(&backlog->scratch);
	notes_free(&backlog->found);
	free(backlog->segments);
	free(backlog->strays);
	free(backlog->directory);
	free(backlog);
}

/* ---- segments ---- */

BacklogSegment *
backlog_find(const Backlog *backlog, uint64_t number)
{
	uint64_t	first = backlog->count > 0 ? backlog->segments[0].number : 0;

	if (number < first || number - first >= backlog->count)
		return NULL;
	return &backlog->segments[number - first];
}

int
backlog_open_file(const Backlog *backlog, uint64_t number, int flags,
				  Error *err)
{
	char		name[BACKLOG_NAME_SIZE];
	int			fd = openat(backlog->dir, backlog_segment_name(number, name),
							flags | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	int			fault = errno;

	if (fd >= 0)
		return fd;
	error_set(err, ERROR_DISK, "cannot open \"%s/%s\": %s",
			  backlog->directory, name, strerror(fault));
	if (fault == ENOSPC || fault == EDQUOT)
		error_retriable(err);
	return -1;
}

bool
backlog_add_segment(Backlog *backlog, const BacklogSegment *segment,
					Error *err)
{
	if (backlog->count == backlog->capacity)
	{
		size_t		capacity = 2 * backlog->capacity + 16;
		BacklogSegment *larger = realloc(backlog->segments,
										 capacity * sizeof(*larger));

		if (larger == NULL)
			return error_no_memory(err);
		backlog->segments = larger;
		backlog->capacity = capacity;
	}
	backlog->segments[backlog->count++] = *segment;
	return true;
}

void
backlog_unlink(const Backlog *backlog, uint64_t number)
{
	char		name[BACKLOG_NAME_SIZE];

	unlinkat(backlog->dir, backlog_segment_name(number, name), 0);
}

/* ---- blocks ---- */

static BacklogResult
is_full(Backlog *backlog, Error *err)
{
	backlog->full = *err;
	backlog->retry_at = clock_now() +
		clock_backoff(++backlog->attempt, RETRY_BASE, RETRY_LIMIT);
	return BACKLOG_FULL;
}

static BacklogResult
write_failed(Backlog *backlog, Error *err)
{
	return err->retriable ? is_full(backlog, err) : BACKLOG_FAILED;
}

/* The block that was written stays in memory, the oldest such goes. */
static void
keep_recent(Backlog *backlog)
{
	BacklogBlock *block = &backlog->recent[backlog->next_recent];
	Buf			bytes = block->bytes;

	backlog->next_recent = (backlog->next_recent + 1) % BACKLOG_RECENT;
	*block = (BacklogBlock) {
		.segment = backlog_segment(backlog),
		.number = backlog->file.blocks - 1,
		.end = backlog->file.size,
		.bytes = backlog->open
	};
	backlog->open = bytes;
	buf_clear(&backlog->open);
}

static bool
write_open(Backlog *backlog, Error *err)
{
	if (backlog->open.size == 0)
		return true;
	if (!spool_file_append(&backlog->file, buf_slice(&backlog->open),
						   &backlog->scratch, err))
		return error_prefix(err, "directory \"%s\"", backlog->directory);
	backlog->last_size = (uint32_t) backlog->open.size;
	backlog->attempt = 0;
	backlog->retry_at = 0;
	keep_recent(backlog);
	return true;
}

static BacklogResult
still_full(const Backlog *backlog, Error *err)
{
	*err = backlog->full;
	return BACKLOG_FULL;
}

static bool
must_wait(const Backlog *backlog)
{
	return backlog->retry_at != 0 && clock_now() < backlog->retry_at;
}

BacklogResult
backlog_write_out(Backlog *backlog, Error *err)
{
	if (must_wait(backlog))
		return still_full(backlog, err);
	return !backlog->writing || write_open(backlog, err) ? BACKLOG_OK :
		write_failed(backlog, err);
}

/* ---- the next segment ---- */

static void
seal(Backlog *backlog)
{
	BacklogSegment *last = &backlog->segments[backlog->count - 1];

	last->extent = (BacklogExtent) {
		.end = backlog->end, .size = backlog->file.size,
		.blocks = backlog->file.blocks, .tail = backlog->last_size
	};
	last->synced = backlog->at_boundary &&
		!position_before(backlog->synced, backlog->end);
	backlog->sealed_bytes += backlog->file.size;
	close(backlog->file.fd);
	backlog->file.fd = -1;
	backlog->writing = false;
	backlog->outdated = false;
}

void
backlog_follow(Backlog *backlog, uint32_t timeline)
{
	if (backlog->whose.timeline == timeline)
		return;
	backlog->whose.timeline = timeline;
	backlog->outdated = backlog->writing;
}

static uint64_t
synced_to(const Backlog *backlog)
{
	uint64_t	number = 0;

	for (size_t i = 0; i < backlog->count && backlog->segments[i].synced; i++)
		number = backlog->segments[i].number;
	return number;
}

static bool
write_head(Backlog *backlog, const BacklogSegment *segment, Error *err)
{
	backlog_segment_write_head(&backlog->open, segment);
	if (buf_failed(&backlog->open))
		return error_no_memory(err);
	if (write_open(backlog, err))
		return true;
	buf_clear(&backlog->open);
	return false;
}

/* Makes the file; it has its place among the segments when the head is in. */
static bool
begin_segment(Backlog *backlog, Error *err)
{
	BacklogSegment segment = {
		.number = backlog->highest + 1, .start = backlog->end,
		.first = backlog->fresh, .synced_to = synced_to(backlog),
		.whose = backlog->whose
	};
	int			fd = backlog_open_file(backlog, segment.number,
									   O_RDWR | O_CREAT | O_TRUNC, err);

	if (fd < 0)
		return false;
	if (backlog->count > 0)
		segment.before = backlog->segments[backlog->count - 1].extent;
	segment.whose.position = segment.start;
	if (!backlog_add_segment(backlog, &segment, err))
	{
		close(fd);
		return false;
	}
	backlog->file = (SpoolFile) {.fd = fd};
	backlog->writing = true;
	if (write_head(backlog, &segment, err))
	{
		backlog->highest++;
		backlog->fresh = false;
		return true;
	}
	close(fd);
	backlog->file.fd = -1;
	backlog->writing = false;
	backlog->count--;
	return false;
}

static BacklogResult
write_held(Backlog *backlog, const Notes *held, Error *err)
{
	BacklogResult result = BACKLOG_OK;
	Buf			content;

	buf_init(&content, BACKLOG_CONTENT_LIMIT);
	for (size_t i = 0; result == BACKLOG_OK && i < held->count; i++)
	{
		const Note *note = &held->items[i];
		BacklogEntry entry = {
			.kind = BACKLOG_HELD_NOTE, .position = backlog->end
		};

		backlog_write_note(&content, note->key,
						   slice_make(note->data, note->size));
		entry.content = buf_slice(&content);
		result = backlog_append(backlog, &entry, err);
	}
	buf_free(&content);
	return result;
}

static BacklogResult
over_limit(const Backlog *backlog, Error *err)
{
	error_set(err, ERROR_SPOOL_FULL,
			  "the spool has %" PRIu64 " bytes, its limit is %" PRIu64,
			  backlog_bytes(backlog), backlog->limit);
	error_hint(err, "Mend the sink that is behind, or raise spool_backlog_limit.");
	return BACKLOG_FULL;
}

/*
 * A segment that every sink has got goes only when there is another one. A
 * message outside transactions is covered only by what comes behind it: that
 * must be let in.
 */
static bool
may_go(const Backlog *backlog)
{
	return backlog->count > 0 && backlog->end.lsn <= backlog->durable;
}

static bool
is_due(const Backlog *backlog)
{
	return backlog->outdated ||
		backlog->file.size >= backlog->segment_bytes ||
		(backlog_bytes(backlog) >= backlog->limit && may_go(backlog));
}

/* The segment that is to be written to is there, with its notes or not. */
static bool
have_segment(Backlog *backlog, Error *err)
{
	if (backlog->writing && backlog->notes_complete && is_due(backlog))
	{
		if (!write_open(backlog, err))
			return false;
		seal(backlog);
	}
	if (backlog->writing)
		return true;
	backlog->notes_complete = false;
	return begin_segment(backlog, err);
}

/* As a whole again when the disk was full: then some stand there twice. */
BacklogResult
backlog_ready(Backlog *backlog, const Notes *held, Error *err)
{
	BacklogResult result;

	if (must_wait(backlog))
		return still_full(backlog, err);
	if (backlog_bytes(backlog) >= backlog->limit && !may_go(backlog))
		return over_limit(backlog, err);
	if (!have_segment(backlog, err))
		return write_failed(backlog, err);
	if (backlog->notes_complete)
		return BACKLOG_OK;
	result = write_held(backlog, held, err);
	backlog->notes_complete = result == BACKLOG_OK;
	return result;
}

uint64_t
backlog_segment(const Backlog *backlog)
{
	return backlog->count > 0 ? backlog->segments[backlog->count - 1].number :
		0;
}

/* ---- appending ---- */

static void
put_head(Backlog *backlog, const BacklogEntry *entry)
{
	uint8_t		head[BACKLOG_ENTRY_HEAD];
	uint8_t    *at = wire_store_fixed32(head, (uint32_t) entry->kind);

	at = wire_store_fixed32(at, (uint32_t) entry->content.size);
	at = wire_store_fixed64(at, entry->position.lsn);
	wire_store_fixed64(at, entry->position.seq);
	buf_append(&backlog->open, head, sizeof(head));
}

/* What was written since belongs to no entry. */
static void
take_back(Backlog *backlog, SpoolFile before)
{
	for (size_t i = 0; i < BACKLOG_RECENT; i++)
	{
		BacklogBlock *block = &backlog->recent[i];

		if (block->segment == backlog_segment(backlog) &&
			block->number >= before.blocks)
			block->segment = 0;
	}
	backlog->file = before;
	buf_clear(&backlog->open);
}

/* Over as many blocks as it takes, from the beginning of one. */
static BacklogResult
append_large(Backlog *backlog, const BacklogEntry *entry, Error *err)
{
	SpoolFile	before = backlog->file;
	uint32_t	last_size = backlog->last_size;
	Slice		rest = entry->content;

	put_head(backlog, entry);
	while (rest.size > 0)
	{
		size_t		room = SPOOL_BLOCK_SIZE - backlog->open.size;
		size_t		part = rest.size < room ? rest.size : room;

		if (room == 0)
		{
			if (write_open(backlog, err))
				continue;
			take_back(backlog, before);
			backlog->last_size = last_size;
			return write_failed(backlog, err);
		}
		buf_append(&backlog->open, rest.data, part);
		rest = slice_make(rest.data + part, rest.size - part);
	}
	return BACKLOG_OK;
}

static BacklogResult
append_entry(Backlog *backlog, const BacklogEntry *entry, Error *err)
{
	size_t		size = BACKLOG_ENTRY_HEAD + entry->content.size;

	if (backlog->open.size + size > SPOOL_BLOCK_SIZE &&
		!write_open(backlog, err))
		return write_failed(backlog, err);
	if (!buf_reserve(&backlog->open, size < SPOOL_BLOCK_SIZE ? size :
					 SPOOL_BLOCK_SIZE))
	{
		error_no_memory(err);
		return BACKLOG_FAILED;
	}
	if (size > SPOOL_BLOCK_SIZE)
		return append_large(backlog, entry, err);
	put_head(backlog, entry);
	buf_append_slice(&backlog->open, entry->content);
	return BACKLOG_OK;
}

BacklogResult
backlog_append(Backlog *backlog, const BacklogEntry *entry, Error *err)
{
	BacklogResult result;

	if (entry->content.size > BACKLOG_CONTENT_LIMIT)
	{
		error_set(err, ERROR_RECORD, "a record of %zu bytes is too large for the spool",
				  entry->content.size);
		return BACKLOG_FAILED;
	}
	if (must_wait(backlog))
		return still_full(backlog, err);
	result = append_entry(backlog, entry, err);
	if (result != BACKLOG_OK)
		return result;
	backlog->at_boundary = backlog_is_boundary(entry->kind);
	if (backlog->at_boundary)
		backlog->end = entry->position;
	return BACKLOG_OK;
}

int64_t
backlog_retry_time(const Backlog *backlog)
{
	return backlog->retry_at;
}

/* ---- what may go ---- */

/* What lies at a position is not durable with it, what lies before it is. */
static bool
is_covered(const BacklogSegment *segment, Lsn durable)
{
	return !position_before((Position) {durable, 0}, segment->extent.end);
}

void
backlog_release(Backlog *backlog, Lsn durable, uint64_t reader)
{
	size_t		sealed = backlog->count - (backlog->writing ? 1 : 0);
	size_t		gone = 0;

	backlog->durable = durable;

	/* the last one, open or not, says where the log ends */
	if (!backlog->writing && sealed > 0)
		sealed--;
	while (gone < sealed && backlog->segments[gone].number < reader &&
		   is_covered(&backlog->segments[gone], durable))
	{
		backlog_unlink(backlog, backlog->segments[gone].number);
		backlog->sealed_bytes -= backlog->segments[gone].extent.size;
		gone++;
	}
	if (gone == 0)
		return;
	backlog->count -= gone;
	memmove(backlog->segments, backlog->segments + gone,
			backlog->count * sizeof(*backlog->segments));
}

uint64_t
backlog_bytes(const Backlog *backlog)
{
	return backlog->sealed_bytes +
		(backlog->writing ? backlog->file.size + backlog->open.size : 0);
}
