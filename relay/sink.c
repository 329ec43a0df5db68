/*
 * sink.c
 *		What sinks share. See sink.h.
 */
#include "sink.h"

#include "wire.h"

bool
sink_no_reopen(Sink *sink, Error *err)
{
	(void) sink;
	(void) err;
	return true;
}

void
sink_frame(Buf *out, Slice value, bool binary)
{
	uint8_t		length[WIRE_MAX_VARINT];
	size_t		size;

	size = binary ?
		(size_t) (wire_put_varint(length, value.size) - length) : 1;

	/* all or nothing: half a record must not stay behind a failure */
	if (!buf_reserve(out, value.size + size))
		return;
	if (binary)
		buf_append(out, length, size);
	buf_append_slice(out, value);
	if (!binary)
		buf_append_byte(out, '\n');
}
