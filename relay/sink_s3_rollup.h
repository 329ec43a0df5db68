/*
 * sink_s3_rollup.h
 *		Many manifests in one object, for readers.
 *
 * A roll-up holds the text of consecutive manifests, a line each: so many, or
 * fewer where they are large. Roll-ups are numbered from 1 on without gaps;
 * the pointer says how many there are and up to which manifest they reach.
 * They are made from the manifests beside everything else, one request at a
 * time, and add nothing to them.
 */
#ifndef PG_FANOUT_SINK_S3_ROLLUP_H
#define PG_FANOUT_SINK_S3_ROLLUP_H

#include "sink_s3_chain.h"

typedef enum SinkS3RollupStep
{
	ROLLUP_IDLE,
	ROLLUP_READ,
	ROLLUP_WRITE
} SinkS3RollupStep;

typedef struct SinkS3Rollup
{
	SinkS3Chain *chain;			/* borrowed */
	uint64_t	period;			/* manifests in one */
	SinkS3RollupStep step;
	uint64_t	read;			/* the last manifest in text */
	StoreRequest request;
	Buf			key;
	Buf			text;
} SinkS3Rollup;

extern void sink_s3_rollup_init(SinkS3Rollup *rollup, SinkS3Chain *chain,
								uint64_t period);

/* Goes on, and begins when it is time. false: the sink failed. */
extern MUST_USE bool sink_s3_rollup_poll(SinkS3Rollup *rollup, Error *err);
extern void sink_s3_rollup_free(SinkS3Rollup *rollup);

#endif							/* PG_FANOUT_SINK_S3_ROLLUP_H */
