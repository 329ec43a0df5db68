/*
 * lake_rollup.c
 *		Many manifests in one object. See lake_rollup.h.
 *
 * A roll-up is created once. One that is there before the pointer says so was
 * written by a relay that was killed: it begins where ours begins, since that
 * depends on the chain alone, and is taken as it is, wherever it ends.
 */
#include "lake_rollup.h"

#include <inttypes.h>

#include "failpoint.h"

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
	StoreRequest put = {.verb = STORE_PUT,.meta = &meta,
	.condition = STORE_CREATE};

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
	return failpoint_passes(FAILPOINT_OBJECT_ROLLUP, err) &&
		start(rollup, ROLLUP_WRITE, put, rollup->chain->rollups + 1, err);
}

/* How many manifests the one that is there has. */
static bool
adopt(LakeRollup *rollup, Error *err)
{
	Slice		ours = buf_slice(&rollup->text);
	Slice		theirs = buf_slice(&rollup->request.answer);
	size_t		same = ours.size < theirs.size ? ours.size : theirs.size;

	if (same == 0 || memcmp(ours.data, theirs.data, same) != 0 ||
		theirs.data[theirs.size - 1] != '\n')
	{
		error_set(err, ERROR_CHECKPOINT,
				  "roll-up \"%s\" holds other manifests than there are",
				  rollup->request.key);
		return error_hint(err, "It can be made anew from the manifests: remove it.");
	}
	rollup->read = rollup->chain->rolled;
	for (size_t i = 0; i < theirs.size; i++)
		rollup->read += theirs.data[i] == '\n';
	return true;
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

/* The request is over. */
static bool
go_on(LakeRollup *rollup, Error *err)
{
	bool		conflict = rollup->request.state == STORE_CONFLICT;
	StoreRequest get = {.verb = STORE_GET};

	switch (rollup->step)
	{
		case ROLLUP_IDLE:
			return begin(rollup, err);
		case ROLLUP_READ:
			return after_read(rollup, err);
		case ROLLUP_WRITE:
			if (conflict)
				return start(rollup, ROLLUP_ADOPT, get,
							 rollup->chain->rollups + 1, err);
			break;
		case ROLLUP_ADOPT:
			if (!adopt(rollup, err))
				return false;
			break;
	}
	after_write(rollup);
	return true;
}

static bool
is_due(const LakeRollup *rollup)
{
	return rollup->chain->number - rollup->chain->rolled >= rollup->period;
}

bool
lake_rollup_poll(LakeRollup *rollup, Error *err)
{
	while (rollup->request.state != STORE_PENDING &&
		   (rollup->step != ROLLUP_IDLE || is_due(rollup)))
	{
		if (rollup->request.state == STORE_FAILED)
		{
			*err = rollup->request.error;
			return false;
		}
		if (!go_on(rollup, err))
			return false;
	}
	return true;
}
