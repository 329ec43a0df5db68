/*
 * sink_s3_walk.h
 *		One walk along a chain of manifests, compared with what is stored.
 *
 * Faults are said, not returned; what could not be read is returned.
 */
#ifndef PG_FANOUT_SINK_S3_WALK_H
#define PG_FANOUT_SINK_S3_WALK_H

#include "object_store.h"
#include "sink.h"
#include "sink_s3_manifest.h"
#include "sink_s3_name.h"

typedef struct SinkS3TopicEnd
{
	char	   *topic;
	Position	last;
} SinkS3TopicEnd;

typedef struct SinkS3Walk
{
	ObjectStore *store;
	int64_t		timeout;
	SinkVerify *verify;
	SinkS3Names names;
	StoreRequest request;
	Buf			key;
	Checkpoint	pointer;
	SinkS3Manifest manifest;	/* the one being read */
	char		hash[SIGV4_HASH_SIZE];	/* of the one before; "": unknown */
	Lsn			begin;			/* of the chain */
	Lsn			end;			/* of the one before */
	SinkS3TopicEnd   *topics;			/* sorted */
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
} SinkS3Walk;

/* Store, timeout, verify and names (slot, sink, path) must be set. */
extern void sink_s3_walk_init(SinkS3Walk *walk);
extern MUST_USE bool sink_s3_walk_chain(SinkS3Walk *walk, Error *err);
extern void sink_s3_walk_free(SinkS3Walk *walk);

/* A line of the report. */
extern void sink_s3_walk_say(SinkS3Walk *walk, bool fault,
							 const char *format,...)
			__attribute__((format(printf, 3, 4)));

/* Asks the store and waits; walk->request then has the outcome. */
extern MUST_USE bool sink_s3_walk_ask(SinkS3Walk *walk, StoreRequest request,
									  Error *err);

#endif							/* PG_FANOUT_SINK_S3_WALK_H */
