/*
 * buf.h
 *		Bytes, owned (Buf) and borrowed (Slice).
 *
 * A Buf grows on demand up to the limit it is given at birth. Failure sticks:
 * once an append did not fit, later appends do nothing and buf_failed says so,
 * so a run of appends needs one check at its end. Compiled into the relay
 * (malloc) and into the extension (palloc, which throws where malloc returns
 * NULL): see buf.c.
 */
#ifndef PG_FANOUT_BUF_H
#define PG_FANOUT_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Slice
{
	const uint8_t *data;
	size_t		size;
} Slice;

static inline Slice
slice_make(const void *data, size_t size)
{
	Slice		slice = {(const uint8_t *) data, size};

	return slice;
}

static inline Slice
slice_of(const char *string)
{
	return slice_make(string, strlen(string));
}

static inline bool
slice_equal(Slice a, Slice b)
{
	return a.size == b.size &&
		(a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

typedef struct Buf
{
	uint8_t    *data;
	size_t		size;
	size_t		capacity;
	size_t		limit;			/* bytes it may never pass */
	bool		failed;
} Buf;

extern void buf_init(Buf *buf, size_t limit);
extern void buf_free(Buf *buf);

/* Empties it and forgets a failure; keeps the memory. */
extern void buf_clear(Buf *buf);

/* Makes room for that many bytes behind the last one. */
extern bool buf_reserve(Buf *buf, size_t more);
extern void buf_append(Buf *buf, const void *data, size_t size);
extern void buf_append_string(Buf *buf, const char *string);
extern void buf_append_byte(Buf *buf, uint8_t byte);
extern void buf_append_slice(Buf *buf, Slice slice);
extern void buf_printf(Buf *buf, const char *format,...)
			__attribute__((format(printf, 2, 3)));

/* Drops that many bytes from the front. */
extern void buf_consume(Buf *buf, size_t size);

/*
 * The content as a string; the NUL is not part of size. NULL after a failure.
 */
extern const char *buf_string(Buf *buf);

static inline bool
buf_failed(const Buf *buf)
{
	return buf->failed;
}

static inline Slice
buf_slice(const Buf *buf)
{
	return slice_make(buf->data, buf->size);
}

#endif							/* PG_FANOUT_BUF_H */
