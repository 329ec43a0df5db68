/*
 * lake_intents.h
 *		Names of objects, written down before the objects appear.
 *
 * What an object is called is only known to the relay that writes it, since
 * its epoch is in the name, and where a flush by time or memory falls is known
 * to nobody else either. So before closed objects appear under their keys an
 * intent lists these; after a crash the next relay finds by the intents what
 * no manifest lists, and removes it. That is all they are for: an intent that
 * is lost leaves an object that no reader of manifests sees.
 */
#ifndef PG_FANOUT_LAKE_INTENTS_H
#define PG_FANOUT_LAKE_INTENTS_H

#include "lake_name.h"
#include "lake_objects.h"

/* What an intent holds; a reader may trust it. */
#define LAKE_INTENT_KEYS	1000

typedef struct LakeIntents
{
	ObjectStore *store;			/* borrowed */
	const LakeNames *names;
	uint64_t	next;			/* number of the next one; 0: not known yet */
	StoreRequest put;
	Buf			key;
	Buf			text;
} LakeIntents;

extern void lake_intents_init(LakeIntents *intents, ObjectStore *store,
							  const LakeNames *names);

/* Writes down what was closed and publishes what is written down. */
extern MUST_USE bool lake_intents_poll(LakeIntents *intents,
									   LakeObjects *objects, Error *err);

/* Whether there is something for that to do. */
extern bool lake_intents_answered(const LakeIntents *intents);
extern void lake_intents_free(LakeIntents *intents);

#endif							/* PG_FANOUT_LAKE_INTENTS_H */
