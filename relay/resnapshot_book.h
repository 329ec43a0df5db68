/*
 * resnapshot_book.h
 *		Requests to read tables again: which there are, and up to where those
 *		that are done have been delivered. A note of the sinks (notes.h) keeps
 *		it across restarts. Pure.
 *
 * As text: a line "last LSN SEQ", the position of the last request that was
 * taken; then a line "LSN SEQ END REQUEST" for each, END being 0 for those
 * that are not done. Done ones stay until every sink is durable at their end:
 * a note may be older than the rows it speaks of.
 */
#ifndef PG_FANOUT_RESNAPSHOT_BOOK_H
#define PG_FANOUT_RESNAPSHOT_BOOK_H

#include "lsn.h"
#include "resnapshot_request.h"

#define RESNAPSHOT_NOTE		"resnapshot"
#define RESNAPSHOT_BOOK_LIMIT	((size_t) 4 << 20)	/* of the text */

typedef struct ResnapshotEntry
{
	Position	asked;			/* of its message */
	Lsn			end;			/* LSN_INVALID: not done */
	ResnapshotRequest request;
} ResnapshotEntry;

typedef struct ResnapshotBook
{
	Position	last;
	ResnapshotEntry *entries;	/* in the order they were asked */
	size_t		count;
} ResnapshotBook;

extern void resnapshot_book_free(ResnapshotBook *book);

/*
 * What the note says; data NULL: there is none. Done ones are to be done anew
 * if a sink may lack them: durable is the smallest of all sinks.
 */
extern MUST_USE bool resnapshot_book_read(ResnapshotBook *book, Slice note,
										  Lsn durable, Error *err);

/* Forgets those that are done and durable, and writes the rest. */
extern MUST_USE bool resnapshot_book_write(ResnapshotBook *book, Lsn durable,
										   Buf *out, Error *err);

/*
 * Takes the request over, and empties it; *added: it had not been taken
 * before.
 */
extern MUST_USE bool resnapshot_book_add(ResnapshotBook *book, Position asked,
										 ResnapshotRequest *request,
										 bool *added, Error *err);

/* The first that is not done; NULL: none. Valid until the next call. */
extern ResnapshotEntry *resnapshot_book_next(ResnapshotBook *book);

/* Whether one that is not done asks for just this, of all sinks. */
extern bool resnapshot_book_has(const ResnapshotBook *book, const char *table);

#endif							/* PG_FANOUT_RESNAPSHOT_BOOK_H */
