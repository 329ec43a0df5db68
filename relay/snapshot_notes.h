/*
 * snapshot_notes.h
 *		What sinks remember of a snapshot (notes.h): which attempt it was, and
 *		which tables are finished; and what follows for the stream. Pure.
 *
 * Under "snapshot" the slot's place that the snapshot leads to and the number
 * of the attempt, from 0; under "snapshot.OID" a finished table. Both belong
 * to that place: for another one they say nothing.
 */
#ifndef PG_FANOUT_SNAPSHOT_NOTES_H
#define PG_FANOUT_SNAPSHOT_NOTES_H

#include "error.h"
#include "lsn.h"
#include "notes.h"

#define SNAPSHOT_NOTE_KEY_SIZE		32
#define SNAPSHOT_NOTE_VALUE_SIZE	96

/* As text, for a note. */
typedef struct SnapshotNote
{
	char		key[SNAPSHOT_NOTE_KEY_SIZE];
	char		value[SNAPSHOT_NOTE_VALUE_SIZE];
} SnapshotNote;

#define SNAPSHOT_NOT_DONE			UINT64_MAX

typedef struct SnapshotDone
{
	Lsn			start;			/* the slot's place */
	Lsn			end;			/* a sink that is here has all of the table;
								 * SNAPSHOT_NOT_DONE: it is being read anew */
	Lsn			point;			/* what committed before is in its rows, and
								 * the stream leaves it out; LSN_INVALID: the
								 * stream leaves out nothing */
	uint64_t	hash;			/* of what was read */
} SnapshotDone;

extern void snapshot_note_attempt(SnapshotNote *note, Lsn start,
								  uint64_t attempt);
extern void snapshot_note_done(SnapshotNote *note, uint32_t oid,
							   const SnapshotDone *done);

/* The next attempt's number: 0 if there was none for this place. */
extern MUST_USE bool snapshot_notes_attempt(const Notes *notes, Lsn start,
											uint64_t *attempt, Error *err);

/* false: the table is not finished, or for another place. */
extern bool snapshot_notes_done(const Notes *notes, uint32_t oid, Lsn start,
								SnapshotDone *done);

/* Changes that the stream has and that are in rows of a snapshot already. */
typedef struct SnapshotCover
{
	struct CoveredTable *tables;	/* by oid */
	size_t		count;
	Lsn			most;			/* nothing is covered from here on */
} SnapshotCover;

/* Of all snapshots; those of older places cover nothing any more. */
extern MUST_USE bool snapshot_cover_read(SnapshotCover *cover,
										 const Notes *notes, Error *err);
extern void snapshot_cover_free(SnapshotCover *cover);
extern bool snapshot_covers(const SnapshotCover *cover, uint32_t oid,
							Lsn commit_lsn);

#endif							/* PG_FANOUT_SNAPSHOT_NOTES_H */
