/*
 * lake_chain.h
 *		The manifest chain of an object sink: what counts, and who may add.
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
#ifndef PG_FANOUT_LAKE_CHAIN_H
#define PG_FANOUT_LAKE_CHAIN_H

#include "checkpoint.h"
#include "notes.h"
#include "object_store.h"
#include "lake_manifest.h"
#include "lake_name.h"
#include "lake_objects.h"

typedef enum LakeStep
{
	CHAIN_IDLE,
	CHAIN_NOTES,
	CHAIN_MANIFEST,
	CHAIN_MANIFEST_READ,		/* its number is taken: by whom? */
	CHAIN_PROBE,				/* does the store honour conditions? */
	CHAIN_POINTER,
	CHAIN_POINTER_READ			/* it is not the one we know */
} LakeStep;

typedef enum LakeSent
{
	LAKE_IDLE,				/* nothing on its way */
	LAKE_BUSY,
	LAKE_STORED,				/* the pointer is; said once */
	LAKE_SEND_FAILED
} LakeSent;

typedef struct LakeChain
{
	ObjectStore *store;			/* borrowed */
	LakeNames *names;			/* the sink's: the epoch is set here */

	/* as stored */
	Checkpoint	pointer;		/* chain.exists: there is one */
	char		etag[STORE_TAG_SIZE];
	uint64_t	number;			/* of the last manifest */
	uint32_t	timeline;		/* its */
	Lsn			end;			/* its */
	uint64_t	intents;		/* its */
	uint64_t	notes_epoch;	/* 0: old notes, or none */
	char		hash[SIGV4_HASH_SIZE];	/* of its text; "" before the first */

	/* what the next pointer says; set by who does these things */
	uint64_t	intents_left;	/* the first intent that may be there */
	uint64_t	rollups;
	uint64_t	rolled;

	/* on its way */
	LakeStep	step;
	LakeManifest manifest;	/* number 0: none */
	bool		create_pointer;
	Lsn			lsn;			/* of the next pointer */
	int64_t		deadline;		/* of requests; 0: none */
	StoreRequest request;
	Buf			key;
	Buf			text;			/* of the manifest */
	Buf			side;			/* of the notes, of the pointer */
	int64_t		sent_at;		/* monotonic */
} LakeChain;

extern void lake_chain_init(LakeChain *chain, ObjectStore *store,
							LakeNames *names);

/*
 * Reads where the chain stands and takes it over, waiting for it as long as
 * the timeout. SINK_NEW: nothing is written yet, lake_chain_record must
 * come first. ERROR_CHECKPOINT: it is not of this slot, or parts of it are
 * missing: it is never guessed what they said.
 */
extern SinkResume lake_chain_start(LakeChain *chain,
								   const SlotIdentity *identity,
								   int64_t timeout, Notes *notes,
								   Error *err);

/* What relays before noted; claims nothing. */
extern MUST_USE bool lake_chain_read_notes(LakeChain *chain,
										   const SlotIdentity *identity,
										   Notes *notes, Error *err);

/* Everything up to there is in the chain. Only when idle. */
extern MUST_USE bool lake_chain_record(LakeChain *chain, Lsn lsn,
									   Notes *notes, Error *err);

/* Adds a manifest; all objects of the cut have arrived. Only when idle. */
extern MUST_USE bool lake_chain_append(LakeChain *chain,
									   const LakeCut *cut, Notes *notes,
									   Error *err);

/*
 * Goes on. ERROR_TWO_WRITERS: another relay has taken over.
 */
extern LakeSent lake_chain_poll(LakeChain *chain, Error *err);

static inline bool
lake_chain_is_idle(const LakeChain *chain)
{
	return chain->step == CHAIN_IDLE;
}

/* Gives up what is on its way. */
extern void lake_chain_free(LakeChain *chain);

/* ---- for lake_chain_start.c ---- */

/* Claims the next number; position: of the pointer to be. */
extern MUST_USE bool lake_chain_claim(LakeChain *chain, Lsn lsn,
									  Error *err);

/* Replaces the pointer with one that has a chain. */
extern MUST_USE bool lake_chain_point(LakeChain *chain, Lsn lsn,
									  Error *err);

/* Of a kind and number, in chain->key; NULL: err says why. */
extern const char *lake_chain_key(LakeChain *chain, LakeKind kind,
								  uint64_t number, Error *err);

#endif							/* PG_FANOUT_LAKE_CHAIN_H */
