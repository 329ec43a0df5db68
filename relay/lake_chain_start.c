/*
 * lake_chain_start.c
 *		The manifest chain: finding its end and taking it over.
 *
 * A few objects are read, however long the chain is: the pointer, the manifest
 * it names, and those behind it, of which there is one at most unless the
 * pointer is an old copy. What an earlier relay still has on its way may
 * arrive meanwhile: then all is read once more.
 */
#include "lake_chain.h"

#include <inttypes.h>

#include "clock.h"
#include "log.h"

#define START_TRIES		10

/* ---- reading ---- */

/* Gets an object and waits for it; its state says whether it was there. */
static bool
get_object(LakeChain *chain, LakeKind kind, uint64_t number, Error *err)
{
	StoreRequest *get = &chain->request;

	store_release(chain->store, get);
	*get = (StoreRequest) {.verb = STORE_GET,.deadline = chain->deadline};
	get->key = lake_chain_key(chain, kind, number, err);
	if (get->key == NULL)
		return false;
	store_start(chain->store, get);
	store_wait(chain->store, get);
	if (get->state != STORE_FAILED)
		return true;
	*err = get->error;
	return false;
}

static bool
is_missing(const LakeChain *chain)
{
	return chain->request.state == STORE_MISSING;
}

static bool
read_notes(LakeChain *chain, Notes *notes, Error *err)
{
	if (!get_object(chain, LAKE_NOTES, chain->notes_epoch, err))
		return false;
	if (is_missing(chain) && chain->notes_epoch == 0)
		return true;
	if (is_missing(chain))
	{
		error_set(err, ERROR_CHECKPOINT, "object \"%s\" is missing",
				  chain->request.key);
		return error_hint(err, "The sink's pointer or last manifest names it: restore it.");
	}
	return notes_parse(notes, buf_slice(&chain->request.answer), err) ||
		error_prefix(err, "object \"%s\"", chain->request.key);
}

static bool
continues(const LakeChain *chain, const LakeManifest *found)
{
	return chain->end == found->prev_end &&
		strcmp(chain->hash, found->prev_hash) == 0;
}

/*
 * The manifest just read becomes the chain's last. follows: the one before is
 * known.
 */
static bool
take_manifest(LakeChain *chain, uint64_t number, bool follows, Error *err)
{
	Slice		text = buf_slice(&chain->request.answer);
	LakeManifest found;

	if (!lake_manifest_parse(&found, text, NULL, NULL, err))
		return error_prefix(err, "object \"%s\"", chain->request.key);
	if (found.number != number ||
		found.owner.system_id != chain->pointer.system_id ||
		(follows && !continues(chain, &found)))
	{
		error_set(err, ERROR_CHECKPOINT,
				  "object \"%s\" does not continue the chain of manifests",
				  chain->request.key);
		return error_hint(err, "Look with pg_fanout --verify. Give the sink another name or place to begin a chain anew.");
	}
	chain->number = number;
	chain->end = found.owner.position.lsn;
	chain->timeline = found.owner.timeline;
	chain->intents = found.intents;
	chain->names->epoch = found.epoch;
	chain->notes_epoch = found.notes;
	sigv4_hash(text, chain->hash);
	return true;
}

static bool
manifest_lost(const LakeChain *chain, Error *err)
{
	error_set(err, ERROR_CHECKPOINT, "manifest \"%s\" is missing",
			  chain->request.key);
	error_detail(err, "The sink's pointer says that it is the last one.");
	return error_hint(err, "What it listed is not known any more. Restore it, or give the sink another name or place to begin a chain anew.");
}

/* From the manifest that the pointer names to the end. */
static bool
follow(LakeChain *chain, uint64_t number, Error *err)
{
	if (number > 0)
	{
		if (!get_object(chain, LAKE_MANIFEST, number, err))
			return false;
		if (is_missing(chain))
			return manifest_lost(chain, err);
		if (!take_manifest(chain, number, false, err))
			return false;
	}
	for (;;)
	{
		if (!get_object(chain, LAKE_MANIFEST, ++number, err))
			return false;
		if (is_missing(chain))
			return true;
		if (!take_manifest(chain, number, true, err))
			return false;
	}
}

/* A chain without its pointer, or with one that knows of none. */
static bool
has_no_chain(LakeChain *chain, const char *what, Error *err)
{
	if (!get_object(chain, LAKE_MANIFEST, 1, err))
		return false;
	if (is_missing(chain))
		return true;
	error_set(err, ERROR_CHECKPOINT,
			  "there are manifests, as \"%s\", but the sink's pointer %s",
			  chain->request.key, what);
	return error_hint(err, "The pointer, \"SINK.json\" beside the directory of the manifests, says where they end: restore it, or give the sink another name or place to begin a chain anew.");
}

/* ---- taking over ---- */

static bool
wait_for(LakeChain *chain, Error *err)
{
	LakeSent	sent;

	while ((sent = lake_chain_poll(chain, err)) == LAKE_BUSY)
		store_wait(chain->store, &chain->request);
	return sent == LAKE_STORED;
}

/*
 * As versions without manifests left it: the chain begins where it stands. A
 * pointer that has a chain comes first, so that a claim never stands alone.
 */
static bool
migrate(LakeChain *chain, const Checkpoint *found, Error *err)
{
	char		lsn[LSN_TEXT_SIZE];

	if (!has_no_chain(chain, "is an older version's", err))
		return false;
	chain->end = found->position.lsn;
	if (!lake_chain_point(chain, chain->end, err) || !wait_for(chain, err))
		return false;
	log_info("sink %s: the checkpoint of an older version becomes a chain of manifests, which begins at %s",
			 chain->names->sink, lsn_format(chain->end, lsn));
	return true;
}

static void
forget(LakeChain *chain, const SlotIdentity *identity)
{
	store_release(chain->store, &chain->request);
	checkpoint_init(&chain->pointer, identity, chain->names->sink,
					LSN_INVALID);
	chain->step = CHAIN_IDLE;
	chain->manifest.number = 0;
	chain->create_pointer = false;
	chain->number = chain->intents = chain->notes_epoch = 0;
	chain->intents_left = chain->rollups = chain->rolled = 0;
	chain->end = LSN_INVALID;
	chain->hash[0] = '\0';
	chain->names->epoch = 1;
}

/* Whether it is ours; where it stands is only known with the manifests. */
static bool
take_pointer(LakeChain *chain, const SlotIdentity *identity,
			 Checkpoint *found, Error *err)
{
	const char *sink = chain->names->sink;

	memcpy(chain->etag, chain->request.etag, sizeof(chain->etag));
	if (checkpoint_parse(found, buf_slice(&chain->request.answer), err) &&
		(found->chain.exists ?
		 checkpoint_belongs(found, identity, sink, err) :
		 checkpoint_verify(found, identity, sink, err)))
		return true;
	return error_prefix(err, "checkpoint object \"%s\"", chain->request.key);
}

/* Everything before has been read; what follows is written. */
static bool
claim(LakeChain *chain, const SlotIdentity *identity,
	  const Checkpoint *found, Error *err)
{
	Lsn			lsn = found->position.lsn;
	Checkpoint	at = *found;

	if (chain->end > lsn)
	{
		lsn = chain->end;
		at.timeline = chain->timeline;
		at.position = (Position) {lsn, 0};
	}
	if (!checkpoint_verify(&at, identity, chain->names->sink, err))
		return error_hint(err, "If a spool was in use, it may hold them: switch it on again (spool, spool_backlog_directory). Look with: SELECT slot_name, confirmed_flush_lsn FROM pg_replication_slots; A chain never has a gap: if the changes in between can be done without, or were copied in another way, give the sink another name or place to begin a chain at the slot's position.");
	chain->intents_left = found->chain.intents;
	chain->rollups = found->chain.rollups;
	chain->rolled = found->chain.rolled;
	chain->pointer.chain.exists = true;
	return lake_chain_claim(chain, lsn, err) && wait_for(chain, err);
}

static SinkResume
start_once(LakeChain *chain, const SlotIdentity *identity, Notes *notes,
		   Error *err)
{
	Checkpoint	found;

	forget(chain, identity);
	if (!get_object(chain, LAKE_POINTER, 0, err))
		return SINK_RESUME_FAILED;
	if (is_missing(chain))
		return has_no_chain(chain, "is missing", err) ? SINK_NEW :
			SINK_RESUME_FAILED;
	if (!take_pointer(chain, identity, &found, err))
		return SINK_RESUME_FAILED;
	if (!found.chain.exists)
	{
		if (!migrate(chain, &found, err))
			return SINK_RESUME_FAILED;
	}
	else if (found.chain.manifest == 0)
		chain->end = found.position.lsn;
	chain->notes_epoch = found.chain.notes;
	if (follow(chain, found.chain.manifest, err) &&
		read_notes(chain, notes, err) &&
		claim(chain, identity, &found, err))
		return SINK_RESUMED;
	return SINK_RESUME_FAILED;
}

bool
lake_chain_read_notes(LakeChain *chain, const SlotIdentity *identity,
					  Notes *notes, Error *err)
{
	Checkpoint	found;

	forget(chain, identity);
	if (!get_object(chain, LAKE_POINTER, 0, err))
		return false;
	if (is_missing(chain))
		return true;
	if (!take_pointer(chain, identity, &found, err))
		return false;
	chain->notes_epoch = found.chain.notes;
	return read_notes(chain, notes, err);
}

SinkResume
lake_chain_start(LakeChain *chain, const SlotIdentity *identity,
				 int64_t timeout, Notes *notes, Error *err)
{
	SinkResume	result = SINK_RESUME_FAILED;

	chain->deadline = clock_now() + timeout;
	for (int i = 0; i < START_TRIES; i++)
	{
		result = start_once(chain, identity, notes, err);
		if (result != SINK_RESUME_FAILED || err->code != ERROR_TWO_WRITERS)
			break;
		log_debug("sink %s: %s: reading the chain again", chain->names->sink,
				  err->message);
	}
	chain->deadline = 0;
	return result;
}
