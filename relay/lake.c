/*
 * lake.c
 *		Objects, the chain that lists them, and who keeps both in order. See
 *		lake.h.
 */
#include "lake.h"

#include <inttypes.h>

void
lake_init(Lake *lake, ObjectStore *store, const LakeNames *names,
		  uint64_t rollup)
{
	lake->store = store;
	lake->names = *names;
	lake_objects_init(&lake->objects, store);
	lake_chain_init(&lake->chain, store, &lake->names);
	lake_intents_init(&lake->intents, store, &lake->names);
	lake_cleaner_init(&lake->cleaner, &lake->chain);
	lake_rollup_init(&lake->rollup, &lake->chain, rollup);
}

static bool
open_store(Lake *lake, const SlotIdentity *identity, Error *err)
{
	LakeNames  *names = &lake->names;
	ObjectStore *store = lake->store;

	snprintf(lake->system, sizeof(lake->system), "%" PRIu64,
			 identity->system_id);
	snprintf(lake->slot, sizeof(lake->slot), "%s", identity->slot);
	names->timeline = identity->timeline;
	names->slot = lake->slot;
	lake_name_chain(names, identity->system_id);

	/* of no epoch yet: whoever takes over next may remove what is left */
	lake_name_owner(names, store->owner, sizeof(store->owner));
	return store->ops->open(store, err);
}

bool
lake_read_notes(Lake *lake, const SlotIdentity *identity, Notes *notes,
				Error *err)
{
	return open_store(lake, identity, err) &&
		lake_chain_read_notes(&lake->chain, identity, notes, err);
}

SinkResume
lake_start(Lake *lake, const SlotIdentity *identity, int64_t timeout,
		   Notes *notes, Error *err)
{
	ObjectStore *store = lake->store;
	SinkResume	result;

	if (!open_store(lake, identity, err))
		return SINK_RESUME_FAILED;
	store->stop = identity->stop;
	result = lake_chain_start(&lake->chain, identity, timeout, notes, err);
	store->stop = NULL;
	lake_name_owner(&lake->names, store->owner, sizeof(store->owner));
	if (result == SINK_RESUMED)
		lake_cleaner_begin(&lake->cleaner);
	return result;
}

static bool
poll_once(Lake *lake, Error *err)
{
	if (!lake_objects_poll(&lake->objects, err) ||
		!lake_cleaner_poll(&lake->cleaner, err))
		return false;
	if (lake->intents.next == 0)
		lake->intents.next = lake->cleaner.next;
	return lake_intents_poll(&lake->intents, &lake->objects, err) &&
		lake_rollup_poll(&lake->rollup, err) &&
		lake_objects_poll(&lake->objects, err);
}

/*
 * Polling objects moves the store, too. An intent that is answered by that is
 * taken at once: with nothing else on its way nobody would be woken for it.
 */
bool
lake_poll(Lake *lake, Error *err)
{
	do
	{
		if (!poll_once(lake, err))
			return false;
	} while (lake_intents_answered(&lake->intents));
	return true;
}

LakeSent
lake_poll_chain(Lake *lake, Error *err)
{
	LakeSent	sent = lake_chain_poll(&lake->chain, err);

	/* a new chain stands */
	if (sent == LAKE_STORED && lake->cleaner.step == CLEANER_OFF &&
		lake->cleaner.next == 0)
		lake_cleaner_begin(&lake->cleaner);
	return sent;
}

void
lake_free(Lake *lake, int64_t deadline)
{
	if (lake->store == NULL)
		return;
	lake_chain_free(&lake->chain);
	lake_intents_free(&lake->intents);
	lake_cleaner_free(&lake->cleaner);
	lake_rollup_free(&lake->rollup);
	lake_objects_abort(&lake->objects, deadline);
	lake->store->ops->free(lake->store);
}
