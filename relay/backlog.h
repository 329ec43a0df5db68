/*
 * backlog.h
 *		The log of what the stream delivered and a sink has not got: a durable
 *		queue of whole transactions on local disk.
 *
 * Segments in a private directory, each complete in itself: it begins between
 * two transactions, with the notes as they stood. Entries are appended at its
 * end and read by any number of readers (backlog_reader.h); a segment goes
 * when everything in it is durable in every sink. Blocks are compressed and
 * have checksums (spool_file.h).
 *
 * What is appended is in memory, then in the page cache; it counts as safe
 * only when it was synced, directory included, and then up to the end of the
 * last whole transaction. Syncing happens on a thread of its own and only when
 * asked for. Knows no sink, and no stream.
 */
#ifndef PG_FANOUT_BACKLOG_H
#define PG_FANOUT_BACKLOG_H

#include "backlog_entry.h"
#include "notes.h"
#include "sink.h"

typedef struct Backlog Backlog;

typedef struct BacklogConfig
{
	const char *directory;
	int64_t		limit;			/* bytes of all segments */
	int64_t		segment_bytes;	/* then, at a commit, the next one */
	int			wake_fd;		/* an eventfd: readable when a sync is over */
} BacklogConfig;

typedef enum BacklogResult
{
	BACKLOG_OK,
	BACKLOG_FULL,				/* nothing taken, err says why: later again */
	BACKLOG_FAILED
} BacklogResult;

/*
 * Makes and locks the directory (0700) and looks at what is there: the longest
 * run of whole transactions. Changes nothing yet. NULL: the directory is not
 * private or in use, or another version wrote it.
 */
extern Backlog *backlog_open(const BacklogConfig *config, Error *err);
extern void backlog_close(Backlog *backlog);

/* ---- what was found ---- */

extern bool backlog_is_empty(const Backlog *backlog);

/* Whether it belongs to that slot; else ERROR_SPOOL. */
extern MUST_USE bool backlog_verify(const Backlog *backlog,
									const SlotIdentity *identity, Error *err);
extern Position backlog_start(const Backlog *backlog);
extern Position backlog_end(const Backlog *backlog);

/* As they stood at its end. */
extern const Notes *backlog_notes(const Backlog *backlog);

/*
 * Then one of the two, before anything else. adopt: it goes on at its end;
 * everything that was found is synced. renew: what was found is thrown away,
 * and a new one begins at start.
 */
extern MUST_USE bool backlog_adopt(Backlog *backlog,
								   const SlotIdentity *identity, Error *err);
extern MUST_USE bool backlog_renew(Backlog *backlog,
								   const SlotIdentity *identity,
								   Position start, Error *err);

/* ---- writing ---- */

/*
 * What comes from now on is of this timeline: the next segment says so, and
 * begins with the next transaction.
 */
extern void backlog_follow(Backlog *backlog, uint32_t timeline);

/*
 * Between two transactions, before the first entry of the next: sees to room
 * and begins the next segment if it is time to. held: all notes there are. One
 * transaction may exceed the limit: what was begun is always taken.
 */
extern BacklogResult backlog_ready(Backlog *backlog, const Notes *held,
								   Error *err);

/* The segment that entries go to; in another one tables are not described. */
extern uint64_t backlog_segment(const Backlog *backlog);
extern BacklogResult backlog_append(Backlog *backlog,
									const BacklogEntry *entry, Error *err);

/* Until then FULL is the answer without a try: the disk is. 0: it is not. */
extern int64_t backlog_retry_time(const Backlog *backlog);

/* ---- what is safe ---- */

/* Begins to sync what is there now, unless that is under way. */
extern MUST_USE bool backlog_sync(Backlog *backlog, Error *err);

/* Takes back a sync that is over; false: failed, what is safe is unknown. */
extern MUST_USE bool backlog_take_sync(Backlog *backlog, Error *err);

/* Syncs and waits for it. */
extern MUST_USE bool backlog_sync_all(Backlog *backlog, Error *err);
extern Position backlog_synced(const Backlog *backlog);

/* ---- what may go ---- */

/*
 * Every sink is durable up to there, and the readers are in that segment or
 * in later ones.
 */
extern void backlog_release(Backlog *backlog, Lsn durable, uint64_t reader);

/* Bytes it takes. */
extern uint64_t backlog_bytes(const Backlog *backlog);

#endif							/* PG_FANOUT_BACKLOG_H */
