/*
 * pgoutput_message.h
 *		Messages of pgoutput for the unit tests, put together by hand.
 *
 * Each put_ appends to the message at hand; xid is the stream's prefix, 0
 * outside of one. Test code only.
 */
#ifndef PG_FANOUT_TEST_PGOUTPUT_MESSAGE_H
#define PG_FANOUT_TEST_PGOUTPUT_MESSAGE_H

#include <string.h>

#include "buf.h"

static inline void
put_number(Buf *out, uint64_t value, int size)
{
	for (int shift = 8 * (size - 1); shift >= 0; shift -= 8)
		buf_append_byte(out, (uint8_t) (value >> shift));
}

static inline void
put_string(Buf *out, const char *string)
{
	buf_append(out, string, strlen(string) + 1);
}

static inline void
put_kind(Buf *out, char kind, uint32_t xid)
{
	buf_clear(out);
	buf_append_byte(out, (uint8_t) kind);
	if (xid != 0)
		put_number(out, xid, 4);
}

static inline void
put_begin(Buf *out, uint64_t commit_lsn, uint32_t xid)
{
	put_kind(out, 'B', 0);
	put_number(out, commit_lsn, 8);
	put_number(out, 5, 8);
	put_number(out, xid, 4);
}

static inline void
put_commit(Buf *out, uint64_t commit_lsn, uint64_t end_lsn)
{
	put_kind(out, 'C', 0);
	put_number(out, 0, 1);
	put_number(out, commit_lsn, 8);
	put_number(out, end_lsn, 8);
	put_number(out, 5, 8);
}

static inline void
put_relation(Buf *out, uint32_t xid, uint32_t oid, const char *schema,
			 const char *name, char identity, int columns)
{
	put_kind(out, 'R', xid);
	put_number(out, oid, 4);
	put_string(out, schema);
	put_string(out, name);
	buf_append_byte(out, (uint8_t) identity);
	put_number(out, (uint64_t) columns, 2);
}

static inline void
put_column(Buf *out, bool is_identity, const char *name, uint32_t type)
{
	put_number(out, is_identity, 1);
	put_string(out, name);
	put_number(out, type, 4);
	put_number(out, UINT32_MAX, 4);
}

/* I, U or D up to its first tuple. */
static inline void
put_change(Buf *out, char kind, uint32_t xid, uint32_t oid)
{
	put_kind(out, kind, xid);
	put_number(out, oid, 4);
}

/* A tuple: kind N, K or O, then each value; NULL: null, "?": unchanged. */
static inline void
put_tuple(Buf *out, char kind, int count, const char *const *values)
{
	buf_append_byte(out, (uint8_t) kind);
	put_number(out, (uint64_t) count, 2);
	for (int i = 0; i < count; i++)
	{
		if (values[i] == NULL)
			buf_append_byte(out, 'n');
		else if (strcmp(values[i], "?") == 0)
			buf_append_byte(out, 'u');
		else
		{
			buf_append_byte(out, 't');
			put_number(out, strlen(values[i]), 4);
			buf_append_string(out, values[i]);
		}
	}
}

static inline void
put_truncate(Buf *out, uint32_t xid, int count, const uint32_t *oids)
{
	put_kind(out, 'T', xid);
	put_number(out, (uint64_t) count, 4);
	put_number(out, 3, 1);
	for (int i = 0; i < count; i++)
		put_number(out, oids[i], 4);
}

static inline void
put_message(Buf *out, uint32_t xid, bool transactional, const char *prefix,
			const char *content)
{
	put_kind(out, 'M', xid);
	put_number(out, transactional, 1);
	put_number(out, 55, 8);
	put_string(out, prefix);
	put_number(out, strlen(content), 4);
	buf_append_string(out, content);
}

#endif							/* PG_FANOUT_TEST_PGOUTPUT_MESSAGE_H */
