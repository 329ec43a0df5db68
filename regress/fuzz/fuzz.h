/*
 * fuzz.h
 *		What the fuzz targets share: an input cut into frames, tables that fit
 *		whatever comes, and what must hold for every Change.
 *
 * An input is a sequence of frames, each behind its length in two bytes (high
 * byte first); the last may be cut short. Test code only.
 */
#ifndef PG_FANOUT_FUZZ_H
#define PG_FANOUT_FUZZ_H

#include <stdlib.h>

#include "row_json.h"
#include "source.h"

#define FUZZ_FRAME_HEADER	2

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes the next frame; false: there is none left. */
static inline bool
fuzz_next_frame(Slice *input, Slice *frame)
{
	size_t		size;

	if (input->size < FUZZ_FRAME_HEADER)
		return false;
	size = (size_t) input->data[0] << 8 | input->data[1];
	if (size > input->size - FUZZ_FRAME_HEADER)
		size = input->size - FUZZ_FRAME_HEADER;
	*frame = slice_make(input->data + FUZZ_FRAME_HEADER, size);
	*input = slice_make(frame->data + size,
						input->size - FUZZ_FRAME_HEADER - size);
	return true;
}

/*
 * Reads the rows of a Change as a format would. must: they were made here, not
 * by a stranger, so they have to be right.
 */
static inline void
fuzz_read_change(const Change *change, bool must)
{
	RowColumns	before = change->parts.before_is_key ? ROW_SENT : ROW_WHOLE;
	Slice		none = {0};
	Buf			out;
	bool		ok = true;

	buf_init(&out, 1 << 26);
	if (change->parts.before.data != NULL)
		ok &= row_append_json(&out, change->table, change->parts.before,
							  before, none);
	if (change->parts.after.data != NULL)
		ok &= row_append_json(&out, change->table, change->parts.after,
							  ROW_WHOLE, change->parts.unchanged);
	if (must && !ok && !buf_failed(&out))
		abort();
	buf_free(&out);
}

#endif							/* PG_FANOUT_FUZZ_H */
