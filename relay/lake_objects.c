/*
 * lake_objects.c
 *		The objects of a sink. See lake_objects.h.
 */
#include "lake_objects.h"

#include <poll.h>
#include <stdlib.h>

#include "clock.h"
#include "failpoint.h"
#include "lake_manifest.h"

/* Of a manifest's text: beyond that complete cuts are listed one by one. */
#define MERGE_LIMIT		((size_t) 1 << 20)

void
lake_objects_init(LakeObjects *objects, ObjectStore *store)
{
	*objects = (LakeObjects) {.plan.store = store};
	buf_init(&objects->next.entries, LAKE_MANIFEST_LIMIT);
}

/* FNV-1a. */
static uint32_t
topic_hash(const char *topic)
{
	uint32_t	hash = 2166136261u;

	for (; *topic != '\0'; topic++)
		hash = (hash ^ (uint8_t) *topic) * 16777619u;
	return hash;
}

static void
object_free(LakeObject *object)
{
	object_writer_free(object->writer);
	free(object->topic);
	free(object);
}

/* ---- open ones ---- */

LakeObject *
lake_objects_find(LakeObjects *objects, const char *topic)
{
	uint32_t	hash = topic_hash(topic);
	LakeObject *object = objects->buckets[hash % LAKE_BUCKETS];

	while (object != NULL && (object->hash != hash ||
							  strcmp(object->topic, topic) != 0))
		object = object->chain;
	return object;
}

LakeObject *
lake_objects_open(LakeObjects *objects, const char *topic,
				  const char *key, const StoreMeta *meta, Error *err)
{
	LakeObject *object = calloc(1, sizeof(*object));
	LakeObject **bucket;

	if (object == NULL || (object->topic = strdup(topic)) == NULL)
	{
		free(object);
		error_no_memory(err);
		return NULL;
	}
	object->hash = topic_hash(topic);
	object->writer = object_writer_new(&objects->plan, key, meta, err);
	if (object->writer == NULL)
	{
		object_free(object);
		return NULL;
	}
	bucket = &objects->buckets[object->hash % LAKE_BUCKETS];
	object->chain = *bucket;
	*bucket = object;
	object->next = objects->open;
	objects->open = object;
	objects->open_count++;
	return object;
}

void
lake_object_count(LakeObject *object, Position position, uint64_t schema,
				  uint64_t bytes)
{
	if (object->records == 0)
	{
		object->first = position;
		object->schema = schema;
	}
	if (object->schema != schema)
		object->schema = 0;
	object->last = position;
	object->records++;
	object->bytes += bytes;
}

static void
open_remove(LakeObjects *objects, LakeObject *object)
{
	LakeObject **chain = &objects->buckets[object->hash % LAKE_BUCKETS];
	LakeObject **link = &objects->open;

	while (*chain != object)
		chain = &(*chain)->chain;
	*chain = object->chain;
	while (*link != object)
		link = &(*link)->next;
	*link = object->next;
	objects->open_count--;
}

/* ---- closing ---- */

static void
closed_append(LakeObjects *objects, LakeObject *object)
{
	object->cut = objects->next.number;
	object->next = NULL;
	if (objects->closed_last != NULL)
		objects->closed_last->next = object;
	else
		objects->closed = object;
	objects->closed_last = object;
	objects->closed_count++;
}

/* What the next manifest says of it. */
static bool
closed_list(LakeObjects *objects, const LakeObject *object, Error *err)
{
	LakeCut  *cut = &objects->next;
	LakeEntry entry = {
		.key = object_writer_key(object->writer),.topic = object->topic,
		.first = object->first,.last = object->last,
		.records = object->records,
		.bytes = object_writer_size(object->writer),
		.crc = object_writer_crc(object->writer),.schema = object->schema
	};

	lake_entry_append(&cut->entries, &entry);
	cut->listed += object->records;
	if (!buf_failed(&cut->entries))
		return true;
	error_set(err, ERROR_SINK_WRITE,
			  "a transaction comes to more objects than a manifest can list");
	return error_hint(err,
					  "Raise the option flush_bytes, so that they are fewer.");
}

bool
lake_objects_close(LakeObjects *objects, LakeObject *object, Error *err)
{
	open_remove(objects, object);
	closed_append(objects, object);
	objects->unnamed++;
	return object_writer_finish(object->writer, err) &&
		closed_list(objects, object, err);
}

bool
lake_objects_relieve(LakeObjects *objects, size_t bytes, Error *err)
{
	while (objects->open != NULL && objects->plan.uploading < bytes)
	{
		LakeObject *largest = objects->open;

		for (LakeObject *at = objects->open; at != NULL; at = at->next)
			if (object_writer_memory(at->writer) >
				object_writer_memory(largest->writer))
				largest = at;
		if (!lake_objects_close(objects, largest, err))
			return false;
	}
	return true;
}

bool
lake_objects_cut(LakeObjects *objects, Lsn end, uint64_t records,
				 Error *err)
{
	LakeCut  *cut = calloc(1, sizeof(*cut));

	if (cut == NULL)
		return error_no_memory(err);
	while (objects->open != NULL)
		if (!lake_objects_close(objects, objects->open, err))
		{
			free(cut);
			return false;
		}
	*cut = objects->next;
	cut->end = end;
	cut->records = records;
	objects->next = (LakeCut) {.number = cut->number + 1};
	buf_init(&objects->next.entries, LAKE_MANIFEST_LIMIT);
	if (objects->cuts_last != NULL)
		objects->cuts_last->next = cut;
	else
		objects->cuts = cut;
	objects->cuts_last = cut;
	return true;
}

LakeCut *
lake_objects_cut_of(LakeObjects *objects, uint64_t number)
{
	LakeCut  *cut = objects->cuts;

	while (cut != NULL && cut->number != number)
		cut = cut->next;
	return cut != NULL ? cut : &objects->next;
}

/* ---- progress ---- */

/* Takes those that have arrived off the list. */
static bool
closed_poll(LakeObjects *objects, Error *err)
{
	LakeObject **link = &objects->closed;
	LakeObject *last = NULL;

	while (*link != NULL)
	{
		LakeObject *object = *link;
		ObjectState state = object_writer_poll(object->writer, err);

		if (state == OBJECT_FAILED)
			return false;
		if (state != OBJECT_DONE)
		{
			last = object;
			link = &object->next;
			continue;
		}
		if (!failpoint_passes(FAILPOINT_OBJECT_STORED, err))
			return false;
		*link = object->next;
		if (objects->closed_last == object)
			objects->closed_last = last;
		object_free(object);
		objects->closed_count--;
	}
	return true;
}

bool
lake_objects_poll(LakeObjects *objects, Error *err)
{
	objects->plan.store->ops->poll(objects->plan.store);
	for (LakeObject *object = objects->open; object != NULL;
		 object = object->next)
		if (object_writer_poll(object->writer, err) == OBJECT_FAILED)
			return false;
	return closed_poll(objects, err);
}

static void
cut_merge(LakeCut *into, LakeCut *more)
{
	if (into->entries.size > 0 && more->entries.size > 0)
		buf_append_byte(&into->entries, ',');
	buf_append_slice(&into->entries, buf_slice(&more->entries));
	into->end = more->end;
	into->records = more->records;
	into->listed += more->listed;
	if (more->intents > into->intents)
		into->intents = more->intents;
	buf_free(&more->entries);
}

bool
lake_objects_complete(LakeObjects *objects, LakeCut *cut)
{
	uint64_t	oldest = objects->closed != NULL ? objects->closed->cut :
		objects->next.number;
	bool		found = false;

	while (objects->cuts != NULL && objects->cuts->number < oldest &&
		   (!found || cut->entries.size < MERGE_LIMIT))
	{
		LakeCut  *done = objects->cuts;

		objects->cuts = done->next;
		if (objects->cuts == NULL)
			objects->cuts_last = NULL;
		if (found)
			cut_merge(cut, done);
		else
			*cut = *done;
		free(done);
		found = true;
	}
	return found;
}

/* ---- the end ---- */

static bool
objects_aborting(const LakeObjects *objects)
{
	for (const LakeObject *at = objects->closed; at != NULL; at = at->next)
		if (object_writer_aborting(at->writer))
			return true;
	return false;
}

static void
closed_wait(LakeObjects *objects, int64_t deadline)
{
	ObjectStore *store = objects->plan.store;

	while (objects_aborting(objects) && clock_now() < deadline)
	{
		struct pollfd fds[32];
		int64_t		until = deadline;
		int			count = store->ops->watch(store, fds, 32, &until);

		poll(fds, (nfds_t) count, clock_ms_until(until));
		store->ops->poll(store);
	}
}

void
lake_objects_abort(LakeObjects *objects, int64_t deadline)
{
	while (objects->open != NULL)
	{
		LakeObject *object = objects->open;

		open_remove(objects, object);
		closed_append(objects, object);
	}
	for (LakeObject *at = objects->closed; at != NULL; at = at->next)
		object_writer_abort(at->writer);
	closed_wait(objects, deadline);
	while (objects->closed != NULL)
	{
		LakeObject *object = objects->closed;

		objects->closed = object->next;
		object_free(object);
	}
	objects->closed_last = NULL;
	objects->closed_count = 0;
	while (objects->cuts != NULL)
	{
		LakeCut  *cut = objects->cuts;

		objects->cuts = cut->next;
		buf_free(&cut->entries);
		free(cut);
	}
	objects->cuts_last = NULL;
	buf_free(&objects->next.entries);
}
