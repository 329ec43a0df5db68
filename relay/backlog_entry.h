/*
 * backlog_entry.h
 *		What stands in the backlog: records of the stream as the output plugin
 *		would send them, and what the relay adds to them.
 *
 * An entry is a kind, a position and a content. Of what a source reads the
 * content is a frame with one record (change.proto), numbered by the entry's
 * position: filters leave gaps, so the reader cannot count. What is added to
 * Transaction, Change, LogicalMessage or TxnEnd must be added here, too.
 */
#ifndef PG_FANOUT_BACKLOG_ENTRY_H
#define PG_FANOUT_BACKLOG_ENTRY_H

#include "buf.h"
#include "error.h"
#include "lsn.h"
#include "source.h"
#include "table_detail.h"

/* A record of PostgreSQL's largest value and what stands around it. */
#define BACKLOG_CONTENT_LIMIT	(((size_t) 1 << 30) + (1 << 20))

/* They are on disk: never reuse a number. */
typedef enum BacklogKind
{
	/* for a source */
	BACKLOG_BEGIN = 1,
	BACKLOG_TABLE = 2,
	BACKLOG_CHANGE = 3,
	BACKLOG_MESSAGE = 4,		/* in a transaction */
	BACKLOG_LONE_MESSAGE = 5,	/* outside; a boundary */
	BACKLOG_COMMIT = 6,

	/* for the relay */
	BACKLOG_END = 7,			/* the transaction's end; a boundary */
	BACKLOG_NOTE = 8,			/* taken here */
	BACKLOG_HELD_NOTE = 9,		/* taken before the segment */
	BACKLOG_DETAIL = 10,		/* of the table described before */
	BACKLOG_IDLE = 11,			/* the stream came so far; a boundary */
	BACKLOG_RESET = 12,			/* the open transaction will not go on */
	BACKLOG_SNAPSHOT = 13,		/* what Transaction.snapshot is from here on,
								 * in this segment; empty: NULL */
	BACKLOG_ONLY = 14			/* the same of Change.only */
} BacklogKind;

typedef struct BacklogEntry
{
	BacklogKind kind;
	Position	position;		/* of a boundary: where the stream goes on */
	Slice		content;
} BacklogEntry;

/* Whether everything up to here is whole. */
extern bool backlog_is_boundary(BacklogKind kind);

/* Whether the content is a frame. */
extern bool backlog_is_record(BacklogKind kind);

/* Each replaces what is in out; check buf_failed. */
extern void backlog_write_begin(Buf *out, const Transaction *txn);
extern void backlog_write_table(Buf *out, const Table *table);
extern void backlog_write_change(Buf *out, const Change *change);
extern void backlog_write_message(Buf *out, const LogicalMessage *message);
extern void backlog_write_commit(Buf *out, const TxnEnd *end);
extern void backlog_write_note(Buf *out, const char *key, Slice value);
extern void backlog_write_detail(Buf *out, uint32_t oid,
								 const TableDetail *detail);

/* *key is a copy, the caller's to free; *value is the content's. */
extern MUST_USE bool backlog_read_note(Slice content, char **key,
									   Slice *value, Error *err);

/* NULL: failed. The caller's to free. */
extern TableDetail *backlog_read_detail(Slice content, uint32_t *oid,
										Error *err);

#endif							/* PG_FANOUT_BACKLOG_ENTRY_H */
