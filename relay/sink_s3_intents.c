/*
 * sink_s3_intents.c
 *		Names of objects, written down first. See sink_s3_intents.h.
 *
 * One intent is on its way at a time, about objects of one cut: the manifest
 * of a cut then covers all intents up to its own last one.
 */
#include "sink_s3_intents.h"

#include <inttypes.h>

#include "json_value.h"

#define INTENT_LIMIT	((size_t) 16 << 20)

void
sink_s3_intents_init(SinkS3Intents *intents, ObjectStore *store,
					 const SinkS3Names *names)
{
	*intents = (SinkS3Intents) {.store = store,.names = names};
	buf_init(&intents->key, SINK_S3_KEY_LIMIT);
	buf_init(&intents->text, INTENT_LIMIT);
}

void
sink_s3_intents_free(SinkS3Intents *intents)
{
	if (intents->store != NULL)
		store_release(intents->store, &intents->put);
	buf_free(&intents->key);
	buf_free(&intents->text);
}

/* Lists the first that have no intent, of one cut. */
static void
compose(SinkS3Intents *intents, SinkS3Objects *objects)
{
	SinkS3Object *at = objects->closed;
	size_t		count = 0;
	uint64_t	cut;

	while (at->intent != 0)
		at = at->next;
	cut = at->cut;
	buf_clear(&intents->text);
	buf_printf(&intents->text,
			   "{\"pg_fanout_intent\":1,\"epoch\":%" PRIu64 ",\"keys\":[",
			   intents->names->epoch);
	for (; at != NULL && at->cut == cut && count < SINK_S3_INTENT_KEYS;
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
	sink_s3_objects_cut_of(objects, cut)->intents = intents->next + 1;
}

static bool
send(SinkS3Intents *intents, SinkS3Objects *objects, Error *err)
{
	static const StoreMeta meta = {.content_type = "application/json"};

	compose(intents, objects);
	buf_clear(&intents->key);
	if (!sink_s3_name_control(&intents->key, intents->names, SINK_S3_INTENT,
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
publish(SinkS3Intents *intents, SinkS3Objects *objects)
{
	for (SinkS3Object *at = objects->closed; at != NULL; at = at->next)
		if (at->intent == intents->next)
			object_writer_publish(at->writer);
	intents->next++;
}

bool
sink_s3_intents_poll(SinkS3Intents *intents, SinkS3Objects *objects,
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
