/*
 * lake_rollup.c
 *		Many manifests in one object. See lake_rollup.h.
 *
 * What a roll-up holds depends on the chain alone. One that was written by a
 * relay that was killed before its pointer said so is written again, the same.
 */
#include "lake_rollup.h"

#include <inttypes.h>

/* Beyond that a roll-up ends early. */
#define ROLLUP_BYTES	((size_t) 8 << 20)

void
lake_rollup_init(LakeRollup *rollup, LakeChain *chain, uint64_t period)
{
	*rollup = (LakeRollup) {.chain = chain,.period = period};
	buf_init(&rollup->key, LAKE_KEY_LIMIT);
	buf_init(&rollup->text, ROLLUP_BYTES + LAKE_MANIFEST_LIMIT);
}

void
lake_rollup_free(LakeRollup *rollup)
{
	if (rollup->chain != NULL && rollup->chain->store != NULL)
		store_release(rollup->chain->store, &rollup->request);
	buf_free(&rollup->key);
	buf_free(&rollup->text);
}

static bool
start(LakeRollup *rollup, LakeRollupStep step, StoreRequest request,
	  uint64_t number, Error *err)
{
	LakeChain *chain = rollup->chain;

	store_release(chain->store, &rollup->request);
	buf_clear(&rollup->key);
	if (!lake_name_control(&rollup->key, chain->names,
						   step == ROLLUP_READ ? LAKE_MANIFEST :
						   LAKE_ROLLUP, number, err))
		return false;
	request.key = buf_string(&rollup->key);
	rollup->request = request;
	rollup->step = step;
	store_start(chain->store, &rollup->request);
	return true;
}

static bool
read_next(LakeRollup *rollup, Error *err)
{
	StoreRequest get = {.verb = STORE_GET};

	return start(rollup, ROLLUP_READ, get, rollup->read + 1, err);
}

static bool
begin(LakeRollup *rollup, Error *err)
{
	buf_clear(&rollup->text);
	rollup->read = rollup->chain->rolled;
	return read_next(rollup, err);
}

static bool
is_full(const LakeRollup *rollup)
{
	return rollup->read - rollup->chain->rolled >= rollup->period ||
		rollup->text.size >= ROLLUP_BYTES;
}

static bool
after_read(LakeRollup *rollup, Error *err)
{
	static const StoreMeta meta = {.content_type = "application/x-ndjson"};
	StoreRequest put = {.verb = STORE_PUT,.meta = &meta};

	if (rollup->request.state == STORE_MISSING)
	{
		error_set(err, ERROR_CHECKPOINT, "manifest \"%s\" is missing",
				  rollup->request.key);
		return error_hint(err, "What it listed is not known any more. Restore it, or give the sink another name or place to begin a chain anew.");
	}
	buf_append_slice(&rollup->text, buf_slice(&rollup->request.answer));
	if (buf_failed(&rollup->text))
		return error_no_memory(err);
	rollup->read++;
	if (!is_full(rollup))
		return read_next(rollup, err);
	put.body = buf_slice(&rollup->text);
	return start(rollup, ROLLUP_WRITE, put, rollup->chain->rollups + 1, err);
}

static void
after_write(LakeRollup *rollup)
{
	rollup->chain->rollups++;
	rollup->chain->rolled = rollup->read;
	store_release(rollup->chain->store, &rollup->request);
	buf_free(&rollup->text);
	buf_init(&rollup->text, ROLLUP_BYTES + LAKE_MANIFEST_LIMIT);
	rollup->step = ROLLUP_IDLE;
}

bool
lake_rollup_poll(LakeRollup *rollup, Error *err)
{
	while (rollup->request.state != STORE_PENDING)
	{
		if (rollup->request.state == STORE_FAILED)
		{
			*err = rollup->request.error;
			return false;
		}
		if (rollup->step == ROLLUP_WRITE)
			after_write(rollup);
		else if (rollup->step == ROLLUP_READ)
		{
			if (!after_read(rollup, err))
				return false;
		}
		else if (rollup->chain->number - rollup->chain->rolled <
				 rollup->period)
			return true;
		else if (!begin(rollup, err))
			return false;
	}
	return true;
}
