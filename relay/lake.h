/*
 * lake.h
 *		Objects, the chain that lists them, and who keeps both in order.
 *
 * What an object sink needs beside records: a lake is one chain in one store.
 * The parts know of one another what lake_*.h says; here they are made, driven
 * and ended together. Knows no records and not when a flush is due.
 */
#ifndef PG_FANOUT_LAKE_H
#define PG_FANOUT_LAKE_H

#include "lake_chain.h"
#include "lake_cleaner.h"
#include "lake_intents.h"
#include "lake_name.h"
#include "lake_objects.h"
#include "lake_rollup.h"

typedef struct Lake
{
	ObjectStore *store;
	LakeNames	names;
	LakeObjects objects;
	LakeChain	chain;
	LakeIntents intents;
	LakeCleaner cleaner;
	LakeRollup	rollup;
	char		system[24];		/* of the server, as text */
	char		slot[65];
} Lake;

/* Takes the store. names: path, sink, extension and suffix are set. */
extern void lake_init(Lake *lake, ObjectStore *store, const LakeNames *names,
					  uint64_t rollup);

/* As lake_chain_start. */
extern SinkResume lake_start(Lake *lake, const SlotIdentity *identity,
							 int64_t timeout, Notes *notes, Error *err);

/* As lake_chain_read_notes. */
extern MUST_USE bool lake_read_notes(Lake *lake, const SlotIdentity *identity,
									 Notes *notes, Error *err);

/* What comes from now on is of this timeline. */
static inline void
lake_follow(Lake *lake, uint32_t timeline)
{
	lake->names.timeline = timeline;
	lake->chain.pointer.timeline = timeline;
}

/* Goes on with everything but the chain. */
extern MUST_USE bool lake_poll(Lake *lake, Error *err);

/* As lake_chain_poll. */
extern LakeSent lake_poll_chain(Lake *lake, Error *err);

/* Uploads that are not complete are given up until the deadline. */
extern void lake_free(Lake *lake, int64_t deadline);

#endif							/* PG_FANOUT_LAKE_H */
