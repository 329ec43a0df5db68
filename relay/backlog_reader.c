/*
 * backlog_reader.c
 *		A place in the backlog. See backlog_reader.h.
 *
 * A block is copied: from the one being filled (then it is copied again when
 * there is more in it), from the recent ones, or from its file.
 */
#include "backlog_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include "backlog_state.h"
#include "wire.h"

#define RECORD_KEEP		((size_t) 1024 * 1024)	/* of the buffer, after use */

void
backlog_reader_init(BacklogReader *reader, const Backlog *backlog)
{
	*reader = (BacklogReader) {.backlog = backlog, .file = {.fd = -1},
		.whole = true};
	buf_init(&reader->block, SPOOL_BLOCK_SIZE);
	buf_init(&reader->scratch, SPOOL_SCRATCH_SIZE);
	buf_init(&reader->record, BACKLOG_CONTENT_LIMIT);
}

static void
close_file(BacklogReader *reader)
{
	if (reader->file.fd >= 0)
		close(reader->file.fd);
	reader->file.fd = -1;
}

void
backlog_reader_free(BacklogReader *reader)
{
	close_file(reader);
	buf_free(&reader->block);
	buf_free(&reader->scratch);
	buf_free(&reader->record);
}

/* ---- segments ---- */

static void
go_to(BacklogReader *reader, uint64_t segment)
{
	close_file(reader);
	reader->segment = segment;
	reader->entered = false;
	reader->cursor = (SpoolCursor) {0};
	reader->whole = true;
	reader->at = 0;
	buf_clear(&reader->block);
}

void
backlog_reader_seek(BacklogReader *reader, Position wanted)
{
	const Backlog *backlog = reader->backlog;
	size_t		i = backlog->count;

	while (i > 1 && position_before(wanted, backlog->segments[i - 1].start))
		i--;
	go_to(reader, i > 0 ? backlog->segments[i - 1].number : 0);
}

static bool
is_written(const Backlog *backlog, uint64_t segment)
{
	return backlog->writing &&
		segment == backlog->segments[backlog->count - 1].number;
}

/* Whether there is more in the segment than was read. */
static bool
has_more(const BacklogReader *reader)
{
	const Backlog *backlog = reader->backlog;
	const BacklogSegment *segment = backlog_find(backlog, reader->segment);
	size_t		seen = reader->whole ? 0 : reader->block.size;

	if (reader->at < reader->block.size)
		return true;
	if (segment == NULL)
		return false;
	if (!is_written(backlog, reader->segment))
		return reader->cursor.block < segment->extent.blocks;
	return reader->cursor.block < backlog->file.blocks ||
		backlog->open.size > seen;
}

/* The number of the segment behind; 0: there is none. */
static uint64_t
following(const BacklogReader *reader)
{
	const Backlog *backlog = reader->backlog;

	if (reader->segment == 0)
		return backlog->count > 0 ? backlog->segments[0].number : 0;
	return backlog_find(backlog, reader->segment + 1) != NULL ?
		reader->segment + 1 : 0;
}

bool
backlog_reader_at_end(const BacklogReader *reader)
{
	return !has_more(reader) && following(reader) == 0;
}

/* ---- blocks ---- */

static bool
copy(BacklogReader *reader, Slice bytes, Error *err)
{
	buf_clear(&reader->block);
	buf_append_slice(&reader->block, bytes);
	return !buf_failed(&reader->block) || error_no_memory(err);
}

static const BacklogBlock *
find_recent(const Backlog *backlog, uint64_t segment, uint32_t number)
{
	for (size_t i = 0; i < BACKLOG_RECENT; i++)
	{
		const BacklogBlock *block = &backlog->recent[i];

		if (block->segment == segment && block->number == number)
			return block;
	}
	return NULL;
}

static bool
read_file(BacklogReader *reader, uint64_t size, Error *err)
{
	char		name[BACKLOG_NAME_SIZE];

	if (reader->file.fd < 0)
		reader->file.fd = backlog_open_file(reader->backlog, reader->segment,
											O_RDONLY, err);
	if (reader->file.fd < 0)
		return false;
	reader->file.size = size;
	switch (spool_file_read(&reader->file, &reader->cursor, &reader->block,
							&reader->scratch, err))
	{
		case SPOOL_FILE_BLOCK:
			return true;
		case SPOOL_FILE_END:
			error_set(err, ERROR_SPOOL, "the spool is damaged: the file is cut short");
			break;
		case SPOOL_FILE_FAILED:
			if (err->code == ERROR_DISK)
				err->code = ERROR_SPOOL;
			break;
	}
	error_prefix(err, "\"%s/%s\"", reader->backlog->directory,
				 backlog_segment_name(reader->segment, name));
	return error_hint(err, "What the sinks have not got of it is gone, and the slot is ahead of it. Restore the file if it can be; else see README, Outages, for how to go on without it.");
}

/* The next block, or the same with more in it; there is one. */
static bool
fetch(BacklogReader *reader, Error *err)
{
	const Backlog *backlog = reader->backlog;
	const BacklogSegment *segment = backlog_find(backlog, reader->segment);
	bool		written = is_written(backlog, reader->segment);
	uint32_t	number = reader->cursor.block;
	const BacklogBlock *recent;

	if (reader->whole)
		reader->at = 0;
	if (written && number == backlog->file.blocks)
	{
		reader->whole = false;
		return copy(reader, buf_slice(&backlog->open), err);
	}
	reader->whole = true;
	recent = find_recent(backlog, reader->segment, number);
	if (recent != NULL)
	{
		reader->cursor = (SpoolCursor) {recent->end, number + 1};
		return copy(reader, buf_slice(&recent->bytes), err);
	}
	if (!read_file(reader, written ? backlog->file.size :
				   segment->extent.size, err))
		return false;
	if (!written && number + 1 == segment->extent.blocks &&
		reader->block.size > segment->extent.tail)
		reader->block.size = segment->extent.tail;
	return true;
}

/* ---- entries ---- */

static bool
cut_short(const BacklogReader *reader, Error *err)
{
	char		name[BACKLOG_NAME_SIZE];

	return error_set(err, ERROR_SPOOL,
					 "the spool is damaged: \"%s/%s\" ends within an entry",
					 reader->backlog->directory,
					 backlog_segment_name(reader->segment, name));
}

/* The content of an entry that goes on in other blocks. */
static bool
gather(BacklogReader *reader, size_t size, Slice *content, Error *err)
{
	buf_clear(&reader->record);
	if (!buf_reserve(&reader->record, size))
		return error_no_memory(err);
	while (size > 0)
	{
		size_t		part = reader->block.size - reader->at;

		if (part == 0)
		{
			if (!has_more(reader))
				return cut_short(reader, err);
			if (!fetch(reader, err))
				return false;
			continue;
		}
		part = part < size ? part : size;
		buf_append(&reader->record, reader->block.data + reader->at, part);
		reader->at += part;
		size -= part;
	}
	*content = buf_slice(&reader->record);
	return true;
}

static bool
read_entry(BacklogReader *reader, BacklogEntry *entry, Error *err)
{
	WireReader	head = wire_reader(reader->block.data + reader->at,
								   reader->block.size - reader->at);
	uint32_t	kind;
	uint32_t	size;

	if (!wire_read_fixed32(&head, &kind) || !wire_read_fixed32(&head, &size) ||
		!wire_read_fixed64(&head, &entry->position.lsn) ||
		!wire_read_fixed64(&head, &entry->position.seq))
		return cut_short(reader, err);
	entry->kind = (BacklogKind) kind;
	reader->at += BACKLOG_ENTRY_HEAD;
	if (size > reader->block.size - reader->at)
		return gather(reader, size, &entry->content, err);
	entry->content = slice_make(reader->block.data + reader->at, size);
	reader->at += size;
	return true;
}

/* The head is the first block. */
static BacklogRead
enter(BacklogReader *reader, Error *err)
{
	reader->entered = true;
	if (!has_more(reader))
		return BACKLOG_SEGMENT;
	if (!fetch(reader, err))
		return BACKLOG_DAMAGED;
	reader->at = reader->block.size;
	return BACKLOG_SEGMENT;
}

BacklogRead
backlog_read(BacklogReader *reader, BacklogEntry *entry, Error *err)
{
	if (reader->record.capacity > RECORD_KEEP)
		buf_free(&reader->record);

	/* a block that was copied half full may have got nothing more */
	while (reader->entered && reader->at == reader->block.size &&
		   has_more(reader))
		if (!fetch(reader, err))
			return BACKLOG_DAMAGED;
	if (reader->segment == 0 || (reader->entered && !has_more(reader)))
	{
		uint64_t	next = following(reader);

		if (next == 0)
			return BACKLOG_NOTHING;
		go_to(reader, next);
	}
	if (!reader->entered)
		return enter(reader, err);
	return read_entry(reader, entry, err) ? BACKLOG_ENTRY : BACKLOG_DAMAGED;
}
