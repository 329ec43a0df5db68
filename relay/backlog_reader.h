/*
 * backlog_reader.h
 *		A place in the backlog from which entries are read.
 *
 * At the end of the log the entries come from memory. Takes up one block of
 * memory, and a record that is larger than that while it is at hand.
 */
#ifndef PG_FANOUT_BACKLOG_READER_H
#define PG_FANOUT_BACKLOG_READER_H

#include "backlog.h"
#include "spool_file.h"

typedef struct BacklogReader
{
	const Backlog *backlog;
	uint64_t	segment;		/* 0: none yet */
	bool		entered;		/* its beginning was told */
	SpoolFile	file;			/* fd -1: not open */
	SpoolCursor cursor;			/* of the block to be fetched next */
	bool		whole;			/* the block at hand is; else that is it */
	Buf			block;
	size_t		at;				/* in it */
	Buf			scratch;
	Buf			record;			/* of an entry that no block holds whole */
} BacklogReader;

typedef enum BacklogRead
{
	BACKLOG_ENTRY,				/* *entry; valid until the next call */
	BACKLOG_SEGMENT,			/* from here on, what was said of tables does
								 * not count */
	BACKLOG_NOTHING,			/* at the end */
	BACKLOG_DAMAGED				/* err says where */
} BacklogRead;

extern void backlog_reader_init(BacklogReader *reader, const Backlog *backlog);
extern void backlog_reader_free(BacklogReader *reader);

/* To the beginning of the segment that holds what follows that position. */
extern void backlog_reader_seek(BacklogReader *reader, Position wanted);
extern BacklogRead backlog_read(BacklogReader *reader, BacklogEntry *entry,
								Error *err);

/* Whether nothing is to be read now. */
extern bool backlog_reader_at_end(const BacklogReader *reader);

#endif							/* PG_FANOUT_BACKLOG_READER_H */
