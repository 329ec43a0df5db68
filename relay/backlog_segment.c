/*
 * backlog_segment.c
 *		A segment of the backlog: name and head. See backlog_segment.h.
 */
#include "backlog_segment.h"

#include <inttypes.h>
#include <stdlib.h>

#include "wire.h"

#define VERSION			1
#define NAME_SUFFIX		".backlog"
#define DIGITS			16

/* Of the head: fixed numbers, then the checkpoint's text. */
#define FLAG_FIRST			1
#define HEAD_SIZE			(4 + 4 + 8 + 8 + 8 + 8 + 8 + 4 + 4)

const char *
backlog_segment_name(uint64_t number, char *name)
{
	snprintf(name, BACKLOG_NAME_SIZE, "%016" PRIX64 NAME_SUFFIX, number);
	return name;
}

uint64_t
backlog_segment_number(const char *name)
{
	char		same[BACKLOG_NAME_SIZE];
	uint64_t	number;

	if (strlen(name) != DIGITS + strlen(NAME_SUFFIX))
		return 0;
	number = strtoull(name, NULL, 16);
	return strcmp(backlog_segment_name(number, same), name) == 0 ? number : 0;
}

void
backlog_segment_write_head(Buf *out, const BacklogSegment *segment)
{
	const BacklogExtent *before = &segment->before;
	uint8_t		head[HEAD_SIZE];
	uint8_t    *at = wire_store_fixed32(head, VERSION);

	at = wire_store_fixed32(at, segment->first ? FLAG_FIRST : 0);
	at = wire_store_fixed64(at, segment->number);
	at = wire_store_fixed64(at, segment->synced_to);
	at = wire_store_fixed64(at, before->end.lsn);
	at = wire_store_fixed64(at, before->end.seq);
	at = wire_store_fixed64(at, before->size);
	at = wire_store_fixed32(at, before->blocks);
	wire_store_fixed32(at, before->tail);
	buf_clear(out);
	buf_append(out, head, sizeof(head));
	checkpoint_append(out, &segment->whose);
}

bool
backlog_segment_read_head(BacklogSegment *segment, Slice head, Error *err)
{
	WireReader	reader = wire_reader(head.data, head.size);
	BacklogExtent *before = &segment->before;
	uint32_t	version;
	uint32_t	flags;

	if (!wire_read_fixed32(&reader, &version) ||
		!wire_read_fixed32(&reader, &flags) ||
		!wire_read_fixed64(&reader, &segment->number) ||
		!wire_read_fixed64(&reader, &segment->synced_to) ||
		!wire_read_fixed64(&reader, &before->end.lsn) ||
		!wire_read_fixed64(&reader, &before->end.seq) ||
		!wire_read_fixed64(&reader, &before->size) ||
		!wire_read_fixed32(&reader, &before->blocks) ||
		!wire_read_fixed32(&reader, &before->tail))
		return error_set(err, ERROR_SPOOL, "the spool is damaged: a head is cut short");
	if (version != VERSION)
	{
		error_set(err, ERROR_SPOOL, "the spool has format %" PRIu32 ", which this version does not know",
				  version);
		return error_hint(err, "Another version of pg_fanout wrote it: use that one until the spool is empty.");
	}
	segment->first = (flags & FLAG_FIRST) != 0;
	if (!checkpoint_parse(&segment->whose,
						  slice_make(reader.at,
									 (size_t) (reader.end - reader.at)), err))
	{
		err->code = ERROR_SPOOL;
		return error_prefix(err, "head of the spool");
	}
	segment->start = segment->whose.position;
	return true;
}
