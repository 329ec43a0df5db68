/*
 * lake_cleaner.h
 *		Removes what no manifest lists, and intents that have served.
 *
 * After a start, once the chain is taken over: objects of earlier epochs that
 * an intent names and no manifest covers, then uploads of earlier epochs that
 * were not completed. Nothing that could still be listed is touched: whoever
 * wrote it has lost the chain, and what is listed lies before the chain's own
 * count of intents. Later: intents of objects that are listed. One request at
 * a time, beside everything else.
 */
#ifndef PG_FANOUT_LAKE_CLEANER_H
#define PG_FANOUT_LAKE_CLEANER_H

#include "lake_chain.h"

typedef enum LakeCleanerStep
{
	CLEANER_OFF,				/* the chain is not taken over yet */
	CLEANER_SCAN,				/* reads an intent */
	CLEANER_ORPHANS,			/* removes what it names */
	CLEANER_UPLOADS,			/* reads a page of uploads */
	CLEANER_ABORTS,				/* ends those of the page */
	CLEANER_INTENTS				/* removes intents that have served */
} LakeCleanerStep;

typedef struct LakeCleaner
{
	LakeChain *chain;			/* borrowed */
	LakeCleanerStep step;
	StoreRequest request;
	Buf			key;
	Buf			list;			/* what remains to be done, one behind the
								 * other, each with a NUL */
	Buf			mark;			/* of the next page; empty: none */
	size_t		at;				/* in list */
	uint64_t	intent;			/* the one being read */
	uint64_t	next;			/* the first number that is free; 0: not
								 * known yet */
	uint64_t	covered;		/* intents before need not be kept */
	uint64_t	removed;		/* for the log */
	bool		may_not;		/* remove: the store refused it */
} LakeCleaner;

extern void lake_cleaner_init(LakeCleaner *cleaner, LakeChain *chain);

/* The chain is taken over. */
extern void lake_cleaner_begin(LakeCleaner *cleaner);

/* Goes on. false: the sink failed. */
extern MUST_USE bool lake_cleaner_poll(LakeCleaner *cleaner, Error *err);
extern void lake_cleaner_free(LakeCleaner *cleaner);

#endif							/* PG_FANOUT_LAKE_CLEANER_H */
