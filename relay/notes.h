/*
 * notes.h
 *		What a sink remembers beside its checkpoint: a value under each key.
 *
 * For what outlives the process and belongs to a place in the stream: which
 * number stands for which column. A note is in memory at once; the sink writes
 * the new ones where its data is, before the next checkpoint that it writes:
 * no checkpoint stands without the notes taken before it. Notes are replaced,
 * never removed. Knows no sink.
 *
 * As text, for files and objects: "pg_fanout notes 1", then a line "KEY HEX"
 * for each, then "end COUNT".
 */
#ifndef PG_FANOUT_NOTES_H
#define PG_FANOUT_NOTES_H

#include "buf.h"
#include "error.h"

/*
 * Before the keys of what belongs to one sink alone: no other one takes it
 * over.
 */
#define NOTE_OF_ONE_SINK	"sink."

/* Of the text form, and of what it is read from: a hundred thousand tables. */
#define NOTES_LIMIT		((size_t) 256 << 20)

typedef struct Note
{
	char	   *key;			/* printable, without blanks */
	uint8_t    *data;
	size_t		size;
	bool		dirty;			/* not written yet */
} Note;

typedef struct Notes
{
	Note	   *items;			/* sorted by key */
	size_t		count;
	size_t		capacity;
	bool		dirty;			/* one of them is */
} Notes;

/*
 * Copies key and value; a note that is the same already stays as it is.
 */
extern MUST_USE bool notes_set(Notes *notes, const char *key, Slice value,
							   Error *err);

/* Valid until the next notes_set; data NULL: there is none. */
extern Slice notes_find(const Notes *notes, const char *key);

/*
 * Adds those of another sink that have keys of their own, but for what belongs
 * to that sink alone.
 */
extern MUST_USE bool notes_merge(Notes *notes, const Notes *other, Error *err);

/* All of them are as they are written. */
extern void notes_written(Notes *notes);

extern void notes_append(Buf *out, const Notes *notes);

/* Adds what the text holds, as written. Cut or damaged: ERROR_CHECKPOINT. */
extern MUST_USE bool notes_parse(Notes *notes, Slice text, Error *err);
extern void notes_free(Notes *notes);

#endif							/* PG_FANOUT_NOTES_H */
