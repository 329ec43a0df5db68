/*
 * lake_walk.h
 *		One walk along a chain of manifests, compared with what is stored.
 *
 * Faults are said, not returned; what could not be read is returned.
 */
#ifndef PG_FANOUT_LAKE_WALK_H
#define PG_FANOUT_LAKE_WALK_H

#include "object_store.h"
#include "sink.h"
#include "lake_manifest.h"
#include "lake_name.h"

typedef struct LakeTopicEnd
{
	char	   *topic;
	Position	last;
} LakeTopicEnd;

typedef struct LakeWalk
{
	ObjectStore *store;
	int64_t		timeout;
	SinkVerify *verify;
	LakeNames names;
	StoreRequest request;
	Buf			key;
	Checkpoint	pointer;
	LakeManifest manifest;	/* the one being read */
	char		hash[SIGV4_HASH_SIZE];	/* of the one before; "": unknown */
	Lsn			begin;			/* of the chain */
	Lsn			end;			/* of the one before */
	LakeTopicEnd   *topics;			/* sorted */
	size_t		topic_count;

	/* the roll-up that has the next manifest */
	Buf			rollup;
	size_t		rollup_at;
	uint64_t	rollup_number;

	/* totals */
	uint64_t	manifests;
	uint64_t	objects;
	uint64_t	records;
	uint64_t	listed;			/* records of this manifest's objects */
	uint64_t	bytes;
} LakeWalk;

/* Store, timeout, verify and names (slot, sink, path) must be set. */
extern void lake_walk_init(LakeWalk *walk);
extern MUST_USE bool lake_walk_chain(LakeWalk *walk, Error *err);
extern void lake_walk_free(LakeWalk *walk);

/* A line of the report. */
extern void lake_walk_say(LakeWalk *walk, bool fault,
						  const char *format,...)
			__attribute__((format(printf, 3, 4)));

/* Asks the store and waits; walk->request then has the outcome. */
extern MUST_USE bool lake_walk_ask(LakeWalk *walk, StoreRequest request,
								   Error *err);

#endif							/* PG_FANOUT_LAKE_WALK_H */
