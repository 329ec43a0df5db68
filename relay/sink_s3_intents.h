/*
 * sink_s3_intents.h
 *		Names of objects, written down before the objects appear.
 *
 * What an object is called is only known to the relay that writes it, since
 * its epoch is in the name, and where a flush by time or memory falls is known
 * to nobody else either. So before closed objects appear under their keys an
 * intent lists these; after a crash the next relay finds by the intents what
 * no manifest lists, and removes it. That is all they are for: an intent that
 * is lost leaves an object that no reader of manifests sees.
 */
#ifndef PG_FANOUT_SINK_S3_INTENTS_H
#define PG_FANOUT_SINK_S3_INTENTS_H

#include "sink_s3_name.h"
#include "sink_s3_objects.h"

/* What an intent holds; a reader may trust it. */
#define SINK_S3_INTENT_KEYS	1000

typedef struct SinkS3Intents
{
	ObjectStore *store;			/* borrowed */
	const SinkS3Names *names;
	uint64_t	next;			/* number of the next one; 0: not known yet */
	StoreRequest put;
	Buf			key;
	Buf			text;
} SinkS3Intents;

extern void sink_s3_intents_init(SinkS3Intents *intents, ObjectStore *store,
								 const SinkS3Names *names);

/* Writes down what was closed and publishes what is written down. */
extern MUST_USE bool sink_s3_intents_poll(SinkS3Intents *intents,
										  SinkS3Objects *objects, Error *err);
extern void sink_s3_intents_free(SinkS3Intents *intents);

#endif							/* PG_FANOUT_SINK_S3_INTENTS_H */
