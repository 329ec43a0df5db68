/*
 * frame.h
 *		The frame being filled: whole records, and at its end perhaps one that
 *		is still being written.
 *
 * An error in a streamed transaction may jump out of a record half written;
 * frame_discard_partial is then called before anything else is added. No other
 * call looks at the unfinished record, so nothing of it is ever sent.
 */
#ifndef PG_FANOUT_FRAME_H
#define PG_FANOUT_FRAME_H

#include "lib/stringinfo.h"
#include "replication/logical.h"
#include "replication/output_plugin.h"

#include "change.pb-c.h"
#include "wire.h"

typedef struct Frame
{
	LogicalDecodingContext *ctx;
	MemoryContext context;		/* of the buffer */
	StringInfoData data;
	int			complete;		/* where the last whole record ends */
	int			threshold;		/* bytes at which a frame is written out */
	const char *subject;		/* what the open record is about; for errors */
} Frame;

/* A nested message being written; see frame_open. */
typedef int FrameMark;

extern void frame_init(Frame *frame, LogicalDecodingContext *ctx,
					   MemoryContext context, int threshold);

/* Adds a whole control record. */
extern void frame_put_record(Frame *frame, const PgFanout__Record *record);

/* Adds a whole record that frame_pack_record made. */
extern void frame_put_packed(Frame *frame, const uint8_t *packed, size_t size);

/* A Record packed as frame_put_packed takes it, in palloc'd memory. */
extern uint8_t *frame_pack_record(const PgFanout__Record *record,
								  size_t *size);

/* Writes the whole records out, if there are any. Changes the frame. */
extern void frame_flush(Frame *frame);

/* Forgets a record that was not finished. */
extern void frame_discard_partial(Frame *frame);

/* Makes room; error if the open record would not fit into a frame. */
extern void frame_grow(Frame *frame, size_t more);

/*
 * Where to write the next bytes, with room for that many. The pointer is good
 * until the next call that takes the frame.
 */
static inline uint8_t *
frame_reserve(Frame *frame, size_t more)
{
	if (unlikely(more >= (size_t) (frame->data.maxlen - frame->data.len)))
		frame_grow(frame, more);
	return (uint8_t *) frame->data.data + frame->data.len;
}

/* Takes over what was written from frame_reserve's pointer up to end. */
static inline void
frame_advance(Frame *frame, const uint8_t *end)
{
	frame->data.len = (int) ((const char *) end - frame->data.data);
	Assert(frame->data.len < frame->data.maxlen);
}

/* Starts a record written piece by piece. */
static inline void
frame_begin_record(Frame *frame, const char *subject)
{
	Assert(frame->data.len == frame->complete);
	frame->subject = subject;
}

/* Ends it; a full frame is written out. */
static inline void
frame_end_record(Frame *frame)
{
	frame->complete = frame->data.len;
	frame->subject = NULL;
	if (frame->complete >= frame->threshold)
		frame_flush(frame);
}

/*
 * Opens a nested message and leaves width bytes for its length; frame_close
 * writes the shortest length. It moves the content if that takes another
 * number of bytes and returns that number, the best guess for the next one's
 * width.
 */
static inline FrameMark
frame_open(Frame *frame, uint32_t number, size_t width)
{
	uint8_t    *at = frame_reserve(frame, WIRE_MAX_PREFIX);

	frame_advance(frame, wire_put_tag(at, number, WIRE_BYTES) + width);
	return frame->data.len - frame->complete;
}

extern size_t frame_close(Frame *frame, FrameMark mark, size_t width);

#endif							/* PG_FANOUT_FRAME_H */
