/*
 * lake_intents.c
 *		Names of objects, written down first. See lake_intents.h.
 *
 * One intent is on its way at a time, about objects of one cut: the manifest
 * of a cut then covers all intents up to its own last one.
 */
#include "lake_intents.h"

#include <inttypes.h>

#include "failpoint.h"
#include "json_value.h"

#define INTENT_LIMIT	((size_t) 16 << 20)

void
lake_intents_init(LakeIntents *intents, ObjectStore *store,
				  const LakeNames *names)
{
	*intents = (LakeIntents) {.store = store,.names = names};
	buf_init(&intents->key, LAKE_KEY_LIMIT);
	buf_init(&intents->text, INTENT_LIMIT);
}

bool
lake_intents_answered(const LakeIntents *intents)
{
	return intents->put.state == STORE_DONE ||
		intents->put.state == STORE_FAILED;
}

void
lake_intents_free(LakeIntents *intents)
{
	if (intents->store != NULL)
		store_release(intents->store, &intents->put);
	buf_free(&intents->key);
	buf_free(&intents->text);
}

/* Lists the first that have no intent, of one cut. */
static void
compose(LakeIntents *intents, LakeObjects *objects)
{
	LakeObject *at = objects->closed;
	size_t		count = 0;
	uint64_t	cut;

	while (at->intent != 0)
		at = at->next;
	cut = at->cut;
	buf_clear(&intents->text);
	buf_printf(&intents->text,
			   "{\"pg_fanout_intent\":1,\"epoch\":%" PRIu64 ",\"keys\":[",
			   intents->names->epoch);
	for (; at != NULL && at->cut == cut && count < LAKE_INTENT_KEYS;
		 at = at->next)
	{
		if (count++ > 0)
			buf_append_byte(&intents->text, ',');
		json_append_string(&intents->text,
						   slice_of(object_writer_key(at->writer)));
		at->intent = intents->next;
	}
	buf_append_string(&intents->text, "]}\n");
	objects->unnamed -= count;
	lake_objects_cut_of(objects, cut)->intents = intents->next + 1;
}

static bool
send(LakeIntents *intents, LakeObjects *objects, Error *err)
{
	static const StoreMeta meta = {.content_type = "application/json"};

	if (!failpoint_passes(FAILPOINT_OBJECT_INTENT, err))
		return false;
	compose(intents, objects);
	buf_clear(&intents->key);
	if (!lake_name_control(&intents->key, intents->names, LAKE_INTENT,
						   intents->next, err))
		return false;
	if (buf_failed(&intents->text))
		return error_no_memory(err);
	intents->put = (StoreRequest) {
		.verb = STORE_PUT, .key = buf_string(&intents->key),
			.body = buf_slice(&intents->text), .meta = &meta
	};
	store_start(intents->store, &intents->put);
	return true;
}

static void
publish(LakeIntents *intents, LakeObjects *objects)
{
	for (LakeObject *at = objects->closed; at != NULL; at = at->next)
		if (at->intent == intents->next)
			object_writer_publish(at->writer);
	intents->next++;
}

bool
lake_intents_poll(LakeIntents *intents, LakeObjects *objects,
				  Error *err)
{
	for (;;)
	{
		if (intents->put.state == STORE_FAILED)
		{
			*err = intents->put.error;
			return false;
		}
		if (intents->put.state == STORE_DONE)
		{
			publish(intents, objects);
			store_release(intents->store, &intents->put);
		}
		if (intents->put.state != STORE_IDLE || intents->next == 0 ||
			objects->unnamed == 0)
			return true;
		if (!send(intents, objects, err))
			return false;
	}
}
