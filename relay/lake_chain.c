/*
 * lake_chain.c
 *		The manifest chain: adding to it. See lake_chain.h.
 *
 * A condition that does not hold may be the echo of our own write, whose
 * answer was lost: then what is stored is what we sent, to the byte, and it
 * was written. Anything else there is another relay's.
 */
#include "lake_chain.h"

#include <inttypes.h>

#include "clock.h"
#include "failpoint.h"
#include "lake_store.h"

#define POINTER_LIMIT	65536

static const StoreMeta json_meta = {.content_type = "application/json"};
static const StoreMeta notes_meta = {.content_type = "text/plain"};

void
lake_chain_init(LakeChain *chain, ObjectStore *store, LakeNames *names)
{
	*chain = (LakeChain) {.store = store,.names = names};
	buf_init(&chain->key, LAKE_KEY_LIMIT);
	buf_init(&chain->text, LAKE_MANIFEST_LIMIT);
	buf_init(&chain->side, NOTES_LIMIT);
}

void
lake_chain_free(LakeChain *chain)
{
	if (chain->store != NULL)
		store_release(chain->store, &chain->request);
	buf_free(&chain->key);
	buf_free(&chain->text);
	buf_free(&chain->side);
}

const char *
lake_chain_key(LakeChain *chain, LakeKind kind, uint64_t number,
			   Error *err)
{
	buf_clear(&chain->key);
	if (!lake_name_control(&chain->key, chain->names, kind, number, err))
		return NULL;
	return buf_string(&chain->key);
}

/* ---- sending ---- */

/* Begins a request in place of the last one. */
static bool
send(LakeChain *chain, LakeStep step, StoreRequest request,
	 LakeKind kind, uint64_t number, Error *err)
{
	store_release(chain->store, &chain->request);
	request.key = lake_chain_key(chain, kind, number, err);
	if (request.key == NULL)
		return false;
	request.deadline = chain->deadline;
	chain->request = request;
	chain->step = step;
	store_start(chain->store, &chain->request);
	return true;
}

static bool
send_notes(LakeChain *chain, Notes *notes, Error *err)
{
	StoreRequest put = {.verb = STORE_PUT,.meta = &notes_meta};

	buf_clear(&chain->side);
	notes_append(&chain->side, notes);
	if (buf_failed(&chain->side))
		return error_no_memory(err);

	/* those that are taken while it is on its way go with the next one */
	notes_written(notes);
	chain->notes_epoch = chain->names->epoch;
	put.body = buf_slice(&chain->side);
	return send(chain, CHAIN_NOTES, put, LAKE_NOTES, chain->notes_epoch,
				err);
}

static bool
send_manifest(LakeChain *chain, LakeStep step, Error *err)
{
	StoreRequest put = {.verb = STORE_PUT,.meta = &json_meta,
	.condition = STORE_CREATE,.body = buf_slice(&chain->text)};

	if (!failpoint_passes(FAILPOINT_OBJECT_MANIFEST, err))
		return false;
	return send(chain, step, put, LAKE_MANIFEST, chain->manifest.number,
				err);
}

static bool
send_pointer(LakeChain *chain, Error *err)
{
	StoreRequest put = {.verb = STORE_PUT,.meta = &json_meta,
	.condition = chain->create_pointer ? STORE_CREATE : STORE_REPLACE};
	Checkpoint *pointer = &chain->pointer;

	memcpy(put.etag, chain->etag, sizeof(put.etag));
	pointer->position = (Position) {chain->lsn, 0};
	pointer->chain = (CheckpointChain) {
		.exists = true,.manifest = chain->number,
			.epoch = chain->names->epoch,.notes = chain->notes_epoch,
			.intents = chain->intents_left,.rollups = chain->rollups,
			.rolled = chain->rolled
	};
	buf_clear(&chain->side);
	checkpoint_append(&chain->side, pointer);
	if (buf_failed(&chain->side))
		return error_no_memory(err);
	put.body = buf_slice(&chain->side);
	if (!failpoint_passes(FAILPOINT_OBJECT_CHECKPOINT, err))
		return false;
	return send(chain, CHAIN_POINTER, put, LAKE_POINTER, 0, err);
}

/* Reads what is in the place of what we wrote. */
static bool
send_read(LakeChain *chain, LakeStep step, Error *err)
{
	StoreRequest get = {.verb = STORE_GET};
	bool		manifest = step == CHAIN_MANIFEST_READ;

	return send(chain, step, get,
				manifest ? LAKE_MANIFEST : LAKE_POINTER,
				manifest ? chain->manifest.number : 0, err);
}

static bool
send_next(LakeChain *chain, Error *err)
{
	return chain->manifest.number != 0 ?
		send_manifest(chain, CHAIN_MANIFEST, err) : send_pointer(chain, err);
}

/* ---- what is asked for ---- */

static bool
begin(LakeChain *chain, Lsn lsn, Notes *notes, Error *err)
{
	chain->lsn = lsn;
	chain->sent_at = clock_now();
	if (notes != NULL && notes->dirty)
		return send_notes(chain, notes, err);
	return send_next(chain, err);
}

/* The text of the next manifest; its notes may only be known by begin. */
static bool
compose(LakeChain *chain, const LakeCut *cut, bool notes_first, Error *err)
{
	LakeManifest *manifest = &chain->manifest;

	*manifest = (LakeManifest) {
		.owner = chain->pointer,.number = chain->number + 1,
			.epoch = chain->names->epoch,
			.notes = notes_first ? chain->names->epoch : chain->notes_epoch,
			.intents = cut->intents > chain->intents ? cut->intents :
			chain->intents,
			.prev_end = chain->end,.records = cut->listed
	};
	manifest->owner.position.lsn = cut->end;
	memcpy(manifest->prev_hash, chain->hash, sizeof(chain->hash));
	buf_clear(&chain->text);
	lake_manifest_append(&chain->text, manifest, buf_slice(&cut->entries));
	if (!buf_failed(&chain->text))
		return true;
	error_set(err, ERROR_SINK_WRITE,
			  "manifest %" PRIu64 " of %" PRIu64 " records is too large",
			  manifest->number, cut->listed);
	return error_hint(err, "It lists all objects up to a commit: raise the option flush_bytes, so that they are fewer.");
}

bool
lake_chain_append(LakeChain *chain, const LakeCut *cut, Notes *notes,
				  Error *err)
{
	assert(chain->step == CHAIN_IDLE && chain->pointer.chain.exists);
	return compose(chain, cut, notes->dirty, err) &&
		begin(chain, cut->end, notes, err);
}

bool
lake_chain_claim(LakeChain *chain, Lsn lsn, Error *err)
{
	LakeCut	nothing = {.end = chain->end};

	chain->names->epoch = chain->number + 1;
	return compose(chain, &nothing, false, err) &&
		begin(chain, lsn, NULL, err);
}

bool
lake_chain_point(LakeChain *chain, Lsn lsn, Error *err)
{
	return begin(chain, lsn, NULL, err);
}

bool
lake_chain_record(LakeChain *chain, Lsn lsn, Notes *notes, Error *err)
{
	assert(chain->step == CHAIN_IDLE);
	if (!chain->pointer.chain.exists)
	{
		chain->create_pointer = true;
		chain->end = lsn;
	}
	return begin(chain, lsn, notes, err);
}

/* ---- outcomes ---- */

static bool
other_writer(const LakeChain *chain, const char *what, uint64_t epoch,
			 Error *err)
{
	error_set(err, ERROR_TWO_WRITERS,
			  "another relay has taken over: %s \"%s\" is not ours", what,
			  chain->request.key);
	error_detail(err, "It has epoch %" PRIu64 ", this relay has %" PRIu64 ".",
				 epoch, chain->names->epoch);
	return error_hint(err, "Only one relay may write with this slot, sink name and place. What it has written stays right: stop one of the two, or give the sink another name.");
}

static void
manifest_stored(LakeChain *chain)
{
	chain->number = chain->manifest.number;
	chain->end = chain->manifest.owner.position.lsn;
	chain->intents = chain->manifest.intents;
	sigv4_hash(buf_slice(&chain->text), chain->hash);
}

/* A claim is told apart by its number. */
static bool
after_manifest(LakeChain *chain, Error *err)
{
	manifest_stored(chain);
	if (!failpoint_passes(FAILPOINT_OBJECT_MANIFEST_STORED, err))
		return false;
	if (chain->number == chain->names->epoch)
		return send_manifest(chain, CHAIN_PROBE, err);
	return send_pointer(chain, err);
}

static bool
after_manifest_read(LakeChain *chain, Error *err)
{
	LakeManifest found;
	Slice		text = buf_slice(&chain->request.answer);

	if (chain->request.state == STORE_MISSING)
		return send_manifest(chain, CHAIN_MANIFEST, err);
	if (slice_equal(text, buf_slice(&chain->text)))
		return after_manifest(chain, err);
	if (!lake_manifest_parse(&found, text, NULL, NULL, err))
		return error_prefix(err, "object \"%s\"", chain->request.key);
	return other_writer(chain, "manifest", found.epoch, err);
}

/* The claim was written a moment ago: to create it again must be refused. */
static bool
after_probe(LakeChain *chain, Error *err)
{
	if (chain->request.state == STORE_CONFLICT)
		return send_pointer(chain, err);
	return lake_store_unconditional(err);
}

static LakeSent
pointer_without_tag(LakeChain *chain, Error *err)
{
	if (chain->step == CHAIN_POINTER)
		return send_read(chain, CHAIN_POINTER_READ, err) ? LAKE_BUSY :
			LAKE_SEND_FAILED;
	error_set(err, ERROR_SINK_SETUP,
			  "the server gives no ETag for \"%s\"", chain->request.key);
	error_hint(err, "Without it two relays could write over one another.");
	return LAKE_SEND_FAILED;
}

static LakeSent
pointer_stored(LakeChain *chain, Error *err)
{
	if (chain->request.etag[0] == '\0')
		return pointer_without_tag(chain, err);
	memcpy(chain->etag, chain->request.etag, sizeof(chain->etag));
	store_release(chain->store, &chain->request);
	chain->step = CHAIN_IDLE;
	chain->manifest.number = 0;
	if (!chain->create_pointer)
		return LAKE_STORED;
	chain->create_pointer = false;
	return lake_chain_claim(chain, chain->lsn, err) ? LAKE_BUSY :
		LAKE_SEND_FAILED;
}

static LakeSent
after_pointer_read(LakeChain *chain, Error *err)
{
	Checkpoint	found;
	Slice		text = buf_slice(&chain->request.answer);

	if (chain->request.state == STORE_MISSING)
	{
		error_set(err, ERROR_CHECKPOINT,
				  "object \"%s\" was removed while the relay was running",
				  chain->request.key);
		error_hint(err, "It says where the sink's chain of manifests ends: restore it.");
		return LAKE_SEND_FAILED;
	}
	if (slice_equal(text, buf_slice(&chain->side)))
		return pointer_stored(chain, err);
	if (checkpoint_parse(&found, text, err))
		other_writer(chain, "pointer", found.chain.epoch, err);
	return LAKE_SEND_FAILED;
}

/* ---- going on ---- */

static LakeSent
busy(bool ok)
{
	return ok ? LAKE_BUSY : LAKE_SEND_FAILED;
}

/* The request is over, one way or the other. */
static LakeSent
go_on(LakeChain *chain, Error *err)
{
	bool		conflict = chain->request.state == STORE_CONFLICT;

	switch (chain->step)
	{
		case CHAIN_IDLE:
			break;
		case CHAIN_NOTES:
			return busy(send_next(chain, err));
		case CHAIN_MANIFEST:
			return busy(conflict ?
						send_read(chain, CHAIN_MANIFEST_READ, err) :
						after_manifest(chain, err));
		case CHAIN_MANIFEST_READ:
			return busy(after_manifest_read(chain, err));
		case CHAIN_PROBE:
			return busy(after_probe(chain, err));
		case CHAIN_POINTER:
			return conflict ? busy(send_read(chain, CHAIN_POINTER_READ, err)) :
				pointer_stored(chain, err);
		case CHAIN_POINTER_READ:
			return after_pointer_read(chain, err);
	}
	return LAKE_IDLE;
}

LakeSent
lake_chain_poll(LakeChain *chain, Error *err)
{
	LakeSent	sent = LAKE_BUSY;

	if (chain->step == CHAIN_IDLE)
		return LAKE_IDLE;
	/* a directory has each step done at once */
	while (sent == LAKE_BUSY)
	{
		if (chain->request.state == STORE_PENDING)
			return LAKE_BUSY;
		if (chain->request.state == STORE_FAILED)
		{
			*err = chain->request.error;
			return LAKE_SEND_FAILED;
		}
		sent = go_on(chain, err);
	}
	return sent;
}
