/*
 * sink_s3_chain.h
 *		The manifest chain of an object sink: what counts, and who may add to it.
 *
 * Only objects that a manifest lists count. A manifest is created under the
 * next number or not at all (If-None-Match), so there is one history, whoever
 * writes. A relay that starts reads the pointer, follows the chain to its end
 * and takes the next number with a manifest that lists nothing: from then on
 * whatever an earlier relay still has on its way finds its number taken. That
 * number is the relay's epoch and part of all its objects' names, so that
 * nobody ever writes over an object that a manifest lists.
 *
 * The pointer is the sink's checkpoint. It says where the chain ends, or one
 * manifest before, and how far the sink is when nothing was to be written. It
 * is replaced only by who wrote it last (If-Match).
 *
 * One thing is on its way at a time: notes, then the manifest, then the
 * pointer; what it says is durable once the pointer is stored.
 */
#ifndef PG_FANOUT_SINK_S3_CHAIN_H
#define PG_FANOUT_SINK_S3_CHAIN_H

#include "checkpoint.h"
#include "notes.h"
#include "object_store.h"
#include "sink_s3_manifest.h"
#include "sink_s3_name.h"
#include "sink_s3_objects.h"

typedef enum SinkS3Step
{
	CHAIN_IDLE,
	CHAIN_NOTES,
	CHAIN_MANIFEST,
	CHAIN_MANIFEST_READ,		/* its number is taken: by whom? */
	CHAIN_PROBE,				/* does the store honour conditions? */
	CHAIN_POINTER,
	CHAIN_POINTER_READ			/* it is not the one we know */
} SinkS3Step;

typedef enum SinkS3Sent
{
	SINK_S3_IDLE,				/* nothing on its way */
	SINK_S3_BUSY,
	SINK_S3_STORED,				/* the pointer is; said once */
	SINK_S3_SEND_FAILED
} SinkS3Sent;

typedef struct SinkS3Chain
{
	ObjectStore *store;			/* borrowed */
	SinkS3Names *names;			/* the sink's: the epoch is set here */

	/* as stored */
	Checkpoint	pointer;		/* chain.exists: there is one */
	char		etag[STORE_TAG_SIZE];
	uint64_t	number;			/* of the last manifest */
	Lsn			end;			/* its */
	uint64_t	intents;		/* its */
	uint64_t	notes_epoch;	/* 0: old notes, or none */
	char		hash[SIGV4_HASH_SIZE];	/* of its text; "" before the first */

	/* what the next pointer says; set by who does these things */
	uint64_t	intents_left;	/* the first intent that may be there */
	uint64_t	rollups;
	uint64_t	rolled;

	/* on its way */
	SinkS3Step	step;
	SinkS3Manifest manifest;	/* number 0: none */
	bool		create_pointer;
	Lsn			lsn;			/* of the next pointer */
	int64_t		deadline;		/* of requests; 0: none */
	StoreRequest request;
	Buf			key;
	Buf			text;			/* of the manifest */
	Buf			side;			/* of the notes, of the pointer */
	int64_t		sent_at;		/* monotonic */
} SinkS3Chain;

extern void sink_s3_chain_init(SinkS3Chain *chain, ObjectStore *store,
							   SinkS3Names *names);

/*
 * Reads where the chain stands and takes it over, waiting for it as long as
 * the timeout. SINK_NEW: nothing is written yet, sink_s3_chain_record must
 * come first. ERROR_CHECKPOINT: it is not of this slot, or parts of it are
 * missing: it is never guessed what they said.
 */
extern SinkResume sink_s3_chain_start(SinkS3Chain *chain,
									  const SlotIdentity *identity,
									  int64_t timeout, Notes *notes,
									  Error *err);

/* Everything up to there is in the chain. Only when idle. */
extern MUST_USE bool sink_s3_chain_record(SinkS3Chain *chain, Lsn lsn,
										  Notes *notes, Error *err);

/* Adds a manifest; all objects of the cut have arrived. Only when idle. */
extern MUST_USE bool sink_s3_chain_append(SinkS3Chain *chain,
										  const SinkS3Cut *cut, Notes *notes,
										  Error *err);

/*
 * Goes on. ERROR_TWO_WRITERS: another relay has taken over.
 */
extern SinkS3Sent sink_s3_chain_poll(SinkS3Chain *chain, Error *err);

static inline bool
sink_s3_chain_is_idle(const SinkS3Chain *chain)
{
	return chain->step == CHAIN_IDLE;
}

/* Gives up what is on its way. */
extern void sink_s3_chain_free(SinkS3Chain *chain);

/* ---- for sink_s3_chain_start.c ---- */

/* Claims the next number; position: of the pointer to be. */
extern MUST_USE bool sink_s3_chain_claim(SinkS3Chain *chain, Lsn lsn,
										 Error *err);

/* Replaces the pointer with one that has a chain. */
extern MUST_USE bool sink_s3_chain_point(SinkS3Chain *chain, Lsn lsn,
										 Error *err);

/* Of a kind and number, in chain->key; NULL: err says why. */
extern const char *sink_s3_chain_key(SinkS3Chain *chain, SinkS3Kind kind,
									 uint64_t number, Error *err);

#endif							/* PG_FANOUT_SINK_S3_CHAIN_H */
