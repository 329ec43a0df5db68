/*
 * sink_s3_objects.c
 *		The objects of a sink. See sink_s3_objects.h.
 */
#include "sink_s3_objects.h"

#include <poll.h>
#include <stdlib.h>

#include "clock.h"
#include "sink_s3_manifest.h"

/* Of a manifest's text: beyond that complete cuts are listed one by one. */
#define MERGE_LIMIT		((size_t) 1 << 20)

void
sink_s3_objects_init(SinkS3Objects *objects, ObjectStore *store)
{
	*objects = (SinkS3Objects) {.plan.store = store};
	buf_init(&objects->next.entries, SINK_S3_MANIFEST_LIMIT);
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
object_free(SinkS3Object *object)
{
	object_writer_free(object->writer);
	free(object->topic);
	free(object);
}

/* ---- open ones ---- */

SinkS3Object *
sink_s3_objects_find(SinkS3Objects *objects, const char *topic)
{
	uint32_t	hash = topic_hash(topic);
	SinkS3Object *object = objects->buckets[hash % SINK_S3_BUCKETS];

	while (object != NULL && (object->hash != hash ||
							  strcmp(object->topic, topic) != 0))
		object = object->chain;
	return object;
}

SinkS3Object *
sink_s3_objects_open(SinkS3Objects *objects, const char *topic,
					 const char *key, const StoreMeta *meta, Error *err)
{
	SinkS3Object *object = calloc(1, sizeof(*object));
	SinkS3Object **bucket;

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
	bucket = &objects->buckets[object->hash % SINK_S3_BUCKETS];
	object->chain = *bucket;
	*bucket = object;
	object->next = objects->open;
	objects->open = object;
	objects->open_count++;
	return object;
}

void
sink_s3_object_count(SinkS3Object *object, Position position, uint64_t schema,
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
open_remove(SinkS3Objects *objects, SinkS3Object *object)
{
	SinkS3Object **chain = &objects->buckets[object->hash % SINK_S3_BUCKETS];
	SinkS3Object **link = &objects->open;

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
closed_append(SinkS3Objects *objects, SinkS3Object *object)
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
closed_list(SinkS3Objects *objects, const SinkS3Object *object, Error *err)
{
	SinkS3Cut  *cut = &objects->next;
	SinkS3Entry entry = {
		.key = object_writer_key(object->writer),.topic = object->topic,
		.first = object->first,.last = object->last,
		.records = object->records,
		.bytes = object_writer_size(object->writer),
		.crc = object_writer_crc(object->writer),.schema = object->schema
	};

	sink_s3_entry_append(&cut->entries, &entry);
	cut->listed += object->records;
	if (!buf_failed(&cut->entries))
		return true;
	error_set(err, ERROR_SINK_WRITE,
			  "a transaction comes to more objects than a manifest can list");
	return error_hint(err,
					  "Raise the option flush_bytes, so that they are fewer.");
}

bool
sink_s3_objects_close(SinkS3Objects *objects, SinkS3Object *object, Error *err)
{
	open_remove(objects, object);
	closed_append(objects, object);
	objects->unnamed++;
	return object_writer_finish(object->writer, err) &&
		closed_list(objects, object, err);
}

bool
sink_s3_objects_relieve(SinkS3Objects *objects, size_t bytes, Error *err)
{
	while (objects->open != NULL && objects->plan.uploading < bytes)
	{
		SinkS3Object *largest = objects->open;

		for (SinkS3Object *at = objects->open; at != NULL; at = at->next)
			if (object_writer_memory(at->writer) >
				object_writer_memory(largest->writer))
				largest = at;
		if (!sink_s3_objects_close(objects, largest, err))
			return false;
	}
	return true;
}

bool
sink_s3_objects_cut(SinkS3Objects *objects, Lsn end, uint64_t records,
					Error *err)
{
	SinkS3Cut  *cut = calloc(1, sizeof(*cut));

	if (cut == NULL)
		return error_no_memory(err);
	while (objects->open != NULL)
		if (!sink_s3_objects_close(objects, objects->open, err))
		{
			free(cut);
			return false;
		}
	*cut = objects->next;
	cut->end = end;
	cut->records = records;
	objects->next = (SinkS3Cut) {.number = cut->number + 1};
	buf_init(&objects->next.entries, SINK_S3_MANIFEST_LIMIT);
	if (objects->cuts_last != NULL)
		objects->cuts_last->next = cut;
	else
		objects->cuts = cut;
	objects->cuts_last = cut;
	return true;
}

SinkS3Cut *
sink_s3_objects_cut_of(SinkS3Objects *objects, uint64_t number)
{
	SinkS3Cut  *cut = objects->cuts;

	while (cut != NULL && cut->number != number)
		cut = cut->next;
	return cut != NULL ? cut : &objects->next;
}

/* ---- progress ---- */

/* Takes those that have arrived off the list. */
static bool
closed_poll(SinkS3Objects *objects, Error *err)
{
	SinkS3Object **link = &objects->closed;
	SinkS3Object *last = NULL;

	while (*link != NULL)
	{
		SinkS3Object *object = *link;
		ObjectState state = object_writer_poll(object->writer, err);

		if (state == OBJECT_FAILED)
			return false;
		if (state != OBJECT_DONE)
		{
			last = object;
			link = &object->next;
			continue;
		}
		*link = object->next;
		if (objects->closed_last == object)
			objects->closed_last = last;
		object_free(object);
		objects->closed_count--;
	}
	return true;
}

bool
sink_s3_objects_poll(SinkS3Objects *objects, Error *err)
{
	objects->plan.store->ops->poll(objects->plan.store);
	for (SinkS3Object *object = objects->open; object != NULL;
		 object = object->next)
		if (object_writer_poll(object->writer, err) == OBJECT_FAILED)
			return false;
	return closed_poll(objects, err);
}

static void
cut_merge(SinkS3Cut *into, SinkS3Cut *more)
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
sink_s3_objects_complete(SinkS3Objects *objects, SinkS3Cut *cut)
{
	uint64_t	oldest = objects->closed != NULL ? objects->closed->cut :
		objects->next.number;
	bool		found = false;

	while (objects->cuts != NULL && objects->cuts->number < oldest &&
		   (!found || cut->entries.size < MERGE_LIMIT))
	{
		SinkS3Cut  *done = objects->cuts;

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
objects_aborting(const SinkS3Objects *objects)
{
	for (const SinkS3Object *at = objects->closed; at != NULL; at = at->next)
		if (object_writer_aborting(at->writer))
			return true;
	return false;
}

static void
closed_wait(SinkS3Objects *objects, int64_t deadline)
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
sink_s3_objects_abort(SinkS3Objects *objects, int64_t deadline)
{
	while (objects->open != NULL)
	{
		SinkS3Object *object = objects->open;

		open_remove(objects, object);
		closed_append(objects, object);
	}
	for (SinkS3Object *at = objects->closed; at != NULL; at = at->next)
		object_writer_abort(at->writer);
	closed_wait(objects, deadline);
	while (objects->closed != NULL)
	{
		SinkS3Object *object = objects->closed;

		objects->closed = object->next;
		object_free(object);
	}
	objects->closed_last = NULL;
	objects->closed_count = 0;
	while (objects->cuts != NULL)
	{
		SinkS3Cut  *cut = objects->cuts;

		objects->cuts = cut->next;
		buf_free(&cut->entries);
		free(cut);
	}
	objects->cuts_last = NULL;
	buf_free(&objects->next.entries);
}
