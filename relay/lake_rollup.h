/*
 * lake_rollup.h
 *		Many manifests in one object, for readers.
 *
 * A roll-up holds the text of consecutive manifests, a line each: so many, or
 * fewer where they are large. Roll-ups are numbered from 1 on without gaps;
 * the pointer says how many there are and up to which manifest they reach.
 * They are made from the manifests beside everything else, one request at a
 * time, and add nothing to them.
 */
#ifndef PG_FANOUT_LAKE_ROLLUP_H
#define PG_FANOUT_LAKE_ROLLUP_H

#include "lake_chain.h"

typedef enum LakeRollupStep
{
	ROLLUP_IDLE,
	ROLLUP_READ,
	ROLLUP_WRITE,
	ROLLUP_ADOPT				/* it is there already */
} LakeRollupStep;

typedef struct LakeRollup
{
	LakeChain *chain;			/* borrowed */
	uint64_t	period;			/* manifests in one */
	LakeRollupStep step;
	uint64_t	read;			/* the last manifest in text */
	StoreRequest request;
	Buf			key;
	Buf			text;
} LakeRollup;

extern void lake_rollup_init(LakeRollup *rollup, LakeChain *chain,
							 uint64_t period);

/* Goes on, and begins when it is time. false: the sink failed. */
extern MUST_USE bool lake_rollup_poll(LakeRollup *rollup, Error *err);
extern void lake_rollup_free(LakeRollup *rollup);

#endif							/* PG_FANOUT_LAKE_ROLLUP_H */
