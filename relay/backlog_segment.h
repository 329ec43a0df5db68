/*
 * backlog_segment.h
 *		A segment of the backlog: a file of blocks with a head that says whose
 *		it is and what stands before it. For the backlog's own files.
 *
 * The head is the file's first block. It holds where the segment begins, as a
 * checkpoint does, and where the one before it ended: behind that place a file
 * may have what a crash left, which is not part of the backlog.
 */
#ifndef PG_FANOUT_BACKLOG_SEGMENT_H
#define PG_FANOUT_BACKLOG_SEGMENT_H

#include "buf.h"
#include "checkpoint.h"
#include "error.h"
#include "lsn.h"
#include "spool_file.h"

#define BACKLOG_NAME_SIZE	32

/* How far a segment goes: whole transactions, and no further. */
typedef struct BacklogExtent
{
	Position	end;
	uint64_t	size;			/* of the file, up to whole blocks */
	uint32_t	blocks;
	uint32_t	tail;			/* bytes that count of the last block */
} BacklogExtent;

typedef struct BacklogSegment
{
	uint64_t	number;
	Position	start;
	bool		first;			/* what may be found before it is none */
	uint64_t	synced_to;		/* that segment and those before it were on
								 * disk when this one was made */
	BacklogExtent before;		/* of the segment before */
	BacklogExtent extent;		/* what is known of its own */
	bool		synced;			/* all of it */
	Checkpoint	whose;
} BacklogSegment;

extern const char *backlog_segment_name(uint64_t number, char *name);

/* 0: not the name of one. */
extern uint64_t backlog_segment_number(const char *name);

/* Replaces what is in out; check buf_failed. */
extern void backlog_segment_write_head(Buf *out,
									   const BacklogSegment *segment);

/* false: no head, err says why. */
extern MUST_USE bool backlog_segment_read_head(BacklogSegment *segment,
											   Slice head, Error *err);

#endif							/* PG_FANOUT_BACKLOG_SEGMENT_H */
