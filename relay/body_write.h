/*
 * body_write.h
 *		Writing a Change's typed body into a Buf.
 *
 * Fields 1 to 6 of Body in change.proto, in the order of their numbers. The
 * Buf's own failure tells whether all of it went in. Knows no table.
 */
#ifndef PG_FANOUT_BODY_WRITE_H
#define PG_FANOUT_BODY_WRITE_H

#include "buf.h"

/* The fields of Body in change.proto. */
#define BODY_OP				1
#define BODY_BEFORE			2
#define BODY_AFTER			3
#define BODY_UNCHANGED		4
#define BODY_LSN			5
#define BODY_BEFORE_IS_KEY	6

/* PostgreSQL limits a value to 1 GB, and what it sends as one message too. */
#define BODY_LIMIT			((size_t) 1 << 30)

extern void body_put_uint(Buf *body, uint32_t number, uint64_t value);

/* A string or bytes. */
extern void body_put_bytes(Buf *body, uint32_t number, Slice bytes);

/* One of packed numbers. */
extern void body_put_packed(Buf *body, uint64_t value);

/*
 * A nested message: what is put between open and close is its content. open
 * gives the mark that close takes; 0: no memory.
 */
extern size_t body_open(Buf *body, uint32_t number);
extern void body_close(Buf *body, size_t mark);

#endif							/* PG_FANOUT_BODY_WRITE_H */
