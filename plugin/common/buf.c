/*
 * buf.c
 *		Bytes that grow up to a limit. See buf.h.
 *
 * In the backend (PG_FANOUT_BACKEND) memory comes from the current memory
 * context and running out throws; in the relay it comes from malloc.
 */
#ifdef PG_FANOUT_BACKEND
#include "postgres.h"
#define buf_realloc(old, size) \
	((old) ? repalloc_huge(old, size) : \
	 MemoryContextAllocHuge(CurrentMemoryContext, size))
#define buf_release(old)	pfree(old)
#else
#include <stdlib.h>
#define buf_realloc(old, size)	realloc(old, size)
#define buf_release(old)	free(old)
#endif

#include <stdio.h>

#include "buf.h"

#define BUF_MIN_CAPACITY	256

void
buf_init(Buf *buf, size_t limit)
{
	memset(buf, 0, sizeof(*buf));
	buf->limit = limit;
}

void
buf_free(Buf *buf)
{
	if (buf->data != NULL)
		buf_release(buf->data);
	buf_init(buf, buf->limit);
}

void
buf_clear(Buf *buf)
{
	buf->size = 0;
	buf->failed = false;
}

bool
buf_reserve(Buf *buf, size_t more)
{
	size_t		capacity = buf->capacity;
	uint8_t    *data;

	if (buf->failed)
		return false;
	if (more <= capacity - buf->size)
		return true;
	if (more > buf->limit - buf->size)
		goto failed;
	if (capacity < BUF_MIN_CAPACITY)
		capacity = buf->limit < BUF_MIN_CAPACITY ? buf->limit :
			BUF_MIN_CAPACITY;
	while (capacity - buf->size < more)
		capacity = capacity > buf->limit / 2 ? buf->limit : capacity * 2;
	data = buf_realloc(buf->data, capacity);
	if (data == NULL)
		goto failed;
	buf->data = data;
	buf->capacity = capacity;
	return true;

failed:
	buf->failed = true;
	return false;
}

void
buf_append(Buf *buf, const void *data, size_t size)
{
	if (size == 0 || !buf_reserve(buf, size))
		return;
	memcpy(buf->data + buf->size, data, size);
	buf->size += size;
}

void
buf_append_string(Buf *buf, const char *string)
{
	buf_append(buf, string, strlen(string));
}

void
buf_append_byte(Buf *buf, uint8_t byte)
{
	buf_append(buf, &byte, 1);
}

void
buf_append_slice(Buf *buf, Slice slice)
{
	buf_append(buf, slice.data, slice.size);
}

void
buf_printf(Buf *buf, const char *format,...)
{
	va_list		args;
	int			size;

	va_start(args, format);
	size = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (size < 0 || !buf_reserve(buf, (size_t) size + 1))
		return;
	va_start(args, format);
	vsnprintf((char *) buf->data + buf->size, (size_t) size + 1, format, args);
	va_end(args);
	buf->size += (size_t) size;
}

void
buf_consume(Buf *buf, size_t size)
{
	if (size == 0)
		return;
	memmove(buf->data, buf->data + size, buf->size - size);
	buf->size -= size;
}

const char *
buf_string(Buf *buf)
{
	if (!buf_reserve(buf, 1))
		return NULL;
	buf->data[buf->size] = '\0';
	return (const char *) buf->data;
}
