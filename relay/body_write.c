/*
 * body_write.c
 *		Writing a Change's typed body. See body_write.h.
 */
#include "body_write.h"

#include "wire.h"

void
body_put_uint(Buf *body, uint32_t number, uint64_t value)
{
	uint8_t		bytes[WIRE_MAX_SCALAR];
	uint8_t    *end = wire_put_uint(bytes, number, value);

	buf_append(body, bytes, (size_t) (end - bytes));
}

void
body_put_bytes(Buf *body, uint32_t number, Slice bytes)
{
	uint8_t    *end;

	if (!buf_reserve(body, WIRE_MAX_PREFIX + bytes.size))
		return;
	end = wire_put_bytes(body->data + body->size, number, bytes.data,
						 bytes.size);
	body->size = (size_t) (end - body->data);
}

void
body_put_packed(Buf *body, uint64_t value)
{
	uint8_t		bytes[WIRE_MAX_VARINT];
	uint8_t    *end = wire_put_varint(bytes, value);

	buf_append(body, bytes, (size_t) (end - bytes));
}

size_t
body_open(Buf *body, uint32_t number)
{
	if (!buf_reserve(body, WIRE_MAX_PREFIX))
		return 0;
	body->size = (size_t) (wire_open_nested(body->data + body->size, number) -
						   body->data);
	return body->size;
}

void
body_close(Buf *body, size_t mark)
{
	if (mark == 0 || !buf_reserve(body, WIRE_NESTED_ROOM))
		return;
	body->size = wire_close_nested(body->data, mark, body->size);
}
