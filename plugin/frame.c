/*
 * frame.c
 *		The frame being filled, and its way to the client.
 *
 * Records are collected in a buffer of our own. The server's is opened only to
 * copy whole records into it: a write that spans callbacks would carry the
 * wrong position, and one write per row costs a system call each.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "frame.h"

/* Frame.record in change.proto */
#define FRAME_RECORD		1

/* The walsender puts its own header in front of a frame. */
#define FRAME_HEADER_ROOM	64
#define FRAME_LIMIT			((size_t) MaxAllocSize - FRAME_HEADER_ROOM)

/* A buffer is given back if a huge row left it larger than this. */
#define FRAME_KEEP(frame)	((frame)->threshold * 4)

static void
frame_allocate(Frame *frame)
{
	MemoryContext old = MemoryContextSwitchTo(frame->context);

	initStringInfo(&frame->data);
	MemoryContextSwitchTo(old);
	frame->complete = 0;
}

void
frame_init(Frame *frame, LogicalDecodingContext *ctx, MemoryContext context,
		   int threshold)
{
	frame->ctx = ctx;
	frame->context = context;
	frame->threshold = threshold;
	frame->subject = NULL;
	frame_allocate(frame);
}

/* The server's buffer would keep the size of the largest frame ever sent. */
static void
frame_shrink_output(Frame *frame)
{
	StringInfo	out = frame->ctx->out;

	if (out->maxlen <= FRAME_KEEP(frame))
		return;
	out->data = repalloc(out->data, frame->threshold);
	out->maxlen = frame->threshold;
	resetStringInfo(out);
}

/* Copies the whole records to the client. */
static void
frame_write_complete(Frame *frame)
{
	LogicalDecodingContext *ctx = frame->ctx;

	OutputPluginPrepareWrite(ctx, true);
	appendBinaryStringInfo(ctx->out, frame->data.data, frame->complete);
	OutputPluginWrite(ctx, true);
	frame_shrink_output(frame);
}

void
frame_flush(Frame *frame)
{
	Assert(frame->data.len == frame->complete);
	if (frame->complete == 0)
		return;
	frame_write_complete(frame);
	resetStringInfo(&frame->data);
	frame->complete = 0;
	if (frame->data.maxlen > FRAME_KEEP(frame))
	{
		pfree(frame->data.data);
		frame_allocate(frame);
	}
}

void
frame_discard_partial(Frame *frame)
{
	frame->data.len = frame->complete;
	frame->subject = NULL;
}

/* Sends the whole records ahead of a large one that is being written. */
static void
frame_send_ahead(Frame *frame)
{
	int			partial = frame->data.len - frame->complete;

	frame_write_complete(frame);
	memmove(frame->data.data, frame->data.data + frame->complete, partial);
	frame->data.len = partial;
	frame->complete = 0;
}

void
frame_grow(Frame *frame, size_t more)
{
	size_t		partial = frame->data.len - frame->complete;

	if (more > FRAME_LIMIT || partial + more > FRAME_LIMIT)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("change of %s is too large for one record",
					   frame->subject ? frame->subject : "a transaction"),
				errdetail("A record holds at most %zu bytes.", FRAME_LIMIT),
				errhint("Exclude the large columns with a publication's column list."));
	if (frame->complete > 0 && partial + more > (size_t) frame->threshold)
		frame_send_ahead(frame);
	enlargeStringInfo(&frame->data, (int) more);
}

size_t
frame_close(Frame *frame, FrameMark mark, size_t width)
{
	size_t		start = (size_t) frame->complete + mark;
	size_t		size = frame->data.len - start;
	size_t		needed = wire_varint_size(size);
	uint8_t    *content;

	if (needed != width)
	{
		frame_reserve(frame, WIRE_MAX_PREFIX);
		start = (size_t) frame->complete + mark;	/* it may have moved */
		content = (uint8_t *) frame->data.data + start;
		memmove(content - width + needed, content, size);
		frame->data.len += (int) needed - (int) width;
	}
	wire_put_varint((uint8_t *) frame->data.data + start - width, size);
	return needed;
}

void
frame_put_record(Frame *frame, const PgFanout__Record *record)
{
	size_t		size = pg_fanout__record__get_packed_size(record);
	uint8_t    *at;

	frame_begin_record(frame, NULL);
	at = frame_reserve(frame, size + WIRE_MAX_PREFIX);
	at = wire_put_tag(at, FRAME_RECORD, WIRE_BYTES);
	at = wire_put_varint(at, size);
	frame_advance(frame, at + pg_fanout__record__pack(record, at));
	frame_end_record(frame);
}

uint8_t *
frame_pack_record(const PgFanout__Record *record, size_t *size)
{
	uint8_t    *packed;

	*size = pg_fanout__record__get_packed_size(record);
	packed = palloc(*size);
	pg_fanout__record__pack(record, packed);
	return packed;
}

void
frame_put_packed(Frame *frame, const uint8_t *packed, size_t size)
{
	uint8_t    *at;

	frame_begin_record(frame, NULL);
	at = frame_reserve(frame, size + WIRE_MAX_PREFIX);
	frame_advance(frame, wire_put_bytes(at, FRAME_RECORD, packed, size));
	frame_end_record(frame);
}
