/*
 * backlog_state.h
 *		The backlog's state, shared by the files it is made of.
 *
 * backlog_recover.c looks at what a start finds, backlog_adopt.c goes on with
 * that or not, backlog.c writes, backlog_sync.c makes it safe,
 * backlog_reader.c reads. Nobody else includes this.
 */
#ifndef PG_FANOUT_BACKLOG_STATE_H
#define PG_FANOUT_BACKLOG_STATE_H

#include "backlog.h"
#include "backlog_segment.h"
#include "job.h"
#include "spool_file.h"

#define BACKLOG_ENTRY_HEAD	24	/* kind, size, position */
#define BACKLOG_RECENT		16	/* blocks that stay in memory */

/* A block that was written, as it was before it was compressed. */
typedef struct BacklogBlock
{
	uint64_t	segment;		/* 0: none */
	uint32_t	number;
	uint64_t	end;			/* in the file */
	Buf			bytes;
} BacklogBlock;

/* A sync under way: what the thread was given, and what is safe then. */
typedef struct BacklogSync
{
	int		   *fds;			/* the directory among them */
	size_t		count;
	int			fault;			/* errno; 0: all is well */
	uint64_t	segment;		/* those before it are on disk as a whole */
	Position	end;
} BacklogSync;

struct Backlog
{
	char	   *directory;
	int			dir;
	uint64_t	limit;
	uint64_t	segment_bytes;

	BacklogSegment *segments;	/* by number, without gaps */
	size_t		count;
	size_t		capacity;
	uint64_t	highest;		/* number found, belonging or not */
	uint64_t   *strays;			/* numbers of files that do not belong */
	size_t		stray_count;
	Checkpoint	whose;			/* for new heads */
	Notes		found;			/* of what a start found */

	bool		writing;		/* the last segment is open: */
	SpoolFile	file;
	uint32_t	last_size;		/* of the last block that was written */
	uint64_t	sealed_bytes;	/* of the other segments */
	bool		fresh;			/* the next segment is a first one */
	bool		outdated;		/* the open segment's head is */
	bool		notes_complete; /* in the open segment */
	bool		at_boundary;	/* nothing was appended behind the last one */
	Position	end;			/* of the last boundary */
	Lsn			durable;		/* in every sink */
	Buf			open;			/* the block being filled */
	Buf			scratch;
	BacklogBlock recent[BACKLOG_RECENT];
	size_t		next_recent;
	int64_t		retry_at;		/* disk full: when to try again, or 0 */
	int			attempt;
	Error		full;			/* what was said then */

	Job	job;
	BacklogSync sync;
	bool		sync_failed;	/* once is for good */
	Position	synced;
};

/* NULL: there is none with that number. */
extern BacklogSegment *backlog_find(const Backlog *backlog, uint64_t number);

/* -1: failed. */
extern int	backlog_open_file(const Backlog *backlog, uint64_t number,
							  int flags, Error *err);

/* Puts it behind the others. */
extern MUST_USE bool backlog_add_segment(Backlog *backlog,
										 const BacklogSegment *segment,
										 Error *err);

extern void backlog_unlink(const Backlog *backlog, uint64_t number);

/* Writes the block at hand, as far as it is filled. */
extern BacklogResult backlog_write_out(Backlog *backlog, Error *err);

/* ---- backlog_sync.c ---- */

/* Forgets a sync that is over. */
extern void backlog_drop_sync(Backlog *backlog);

/* ---- backlog_recover.c ---- */

/* Fills segments, strays, end and found. */
extern MUST_USE bool backlog_recover(Backlog *backlog, Error *err);

#endif							/* PG_FANOUT_BACKLOG_STATE_H */
