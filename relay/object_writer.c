/*
 * object_writer.c
 *		One object being written. See object_writer.h.
 *
 * One control request begins, completes, puts or aborts, one after the other;
 * each part has a request of its own.
 */
#include "object_writer.h"

#include <stdlib.h>
#include <zlib.h>

#include "failpoint.h"

/*
 * What one chunk can come to beyond a full part, compressors' own store
 * included.
 */
#define OBJECT_SLACK	(4 * OBJECT_CHUNK)

typedef struct ObjectPart
{
	StoreRequest request;
	Buf			body;
} ObjectPart;

struct ObjectWriter
{
	ObjectPlan *plan;
	char	   *key;
	StoreMeta	meta;			/* its texts are owned, but for the type */
	ObjectState state;
	Compressor *compressor;		/* NULL: the first chunk is not full yet */
	Buf			chunk;			/* not compressed yet */
	Buf			part;			/* compressed, not sent yet */
	ObjectPart **parts;			/* NULL: arrived */
	char	  **tags;
	int			part_count;
	int			parts_done;		/* all before it have arrived */
	char	   *upload;			/* NULL: not begun, or not answered yet */
	StoreRequest control;
	uint64_t	size;			/* sent, or ready to be */
	uint32_t	crc;			/* of that many bytes */
	bool		published;		/* it may appear under its key */
	size_t		held;			/* as counted in the plan */
	size_t		sending;		/* likewise */
};

/* ---- memory ---- */

/* Keeps the plan's sums right after anything changed. */
static void
writer_account(ObjectWriter *writer)
{
	ObjectPlan *plan = writer->plan;
	size_t		sending = 0;
	size_t		held;

	for (int i = writer->parts_done; i < writer->part_count; i++)
		if (writer->parts[i] != NULL)
			sending += writer->parts[i]->body.capacity;
	if (writer->state == OBJECT_UPLOADING)
		sending += writer->part.capacity;
	held = sending + writer->chunk.capacity + sizeof(*writer);
	if (writer->state != OBJECT_UPLOADING)
		held += writer->part.capacity;
	if (writer->compressor != NULL)
		held += compressor_memory(writer->compressor);
	plan->buffered += held - writer->held;
	plan->uploading += sending - writer->sending;
	writer->held = held;
	writer->sending = sending;
}

size_t
object_writer_memory(const ObjectWriter *writer)
{
	return writer->held;
}

uint64_t
object_writer_size(const ObjectWriter *writer)
{
	return writer->size;
}

uint32_t
object_writer_crc(const ObjectWriter *writer)
{
	return writer->crc;
}

const char *
object_writer_key(const ObjectWriter *writer)
{
	return writer->key;
}

static char *
text_copy(const char *text, bool *ok)
{
	char	   *copy = text == NULL ? NULL : strdup(text);

	*ok &= text == NULL || copy != NULL;
	return copy;
}

ObjectWriter *
object_writer_new(ObjectPlan *plan, const char *key, const StoreMeta *meta,
				  Error *err)
{
	ObjectWriter *writer = calloc(1, sizeof(*writer));
	bool		ok = true;

	if (writer == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	writer->plan = plan;
	buf_init(&writer->chunk, OBJECT_CHUNK);
	buf_init(&writer->part, plan->part_bytes + OBJECT_SLACK);
	writer->key = text_copy(key, &ok);
	writer->meta.content_type = meta->content_type;
	writer->meta.system = text_copy(meta->system, &ok);
	writer->meta.slot = text_copy(meta->slot, &ok);
	writer->meta.position = text_copy(meta->position, &ok);
	writer_account(writer);
	if (ok)
		return writer;
	object_writer_free(writer);
	error_no_memory(err);
	return NULL;
}

static void
part_free(ObjectWriter *writer, int i)
{
	ObjectPart *part = writer->parts[i];

	if (part == NULL)
		return;
	store_release(writer->plan->store, &part->request);
	buf_free(&part->body);
	free(part);
	writer->parts[i] = NULL;
}

static void
writer_drop(ObjectWriter *writer)
{
	for (int i = 0; i < writer->part_count; i++)
		part_free(writer, i);
	store_release(writer->plan->store, &writer->control);
	buf_free(&writer->chunk);
	buf_free(&writer->part);
	compressor_free(writer->compressor);
	writer->compressor = NULL;
}

void
object_writer_free(ObjectWriter *writer)
{
	if (writer == NULL)
		return;
	writer_drop(writer);
	writer->plan->buffered -= writer->held;
	writer->plan->uploading -= writer->sending;
	for (int i = 0; i < writer->part_count; i++)
		free(writer->tags[i]);
	free(writer->parts);
	free(writer->tags);
	free(writer->upload);
	free(writer->key);
	free((char *) writer->meta.system);
	free((char *) writer->meta.slot);
	free((char *) writer->meta.position);
	free(writer);
}

/* ---- requests ---- */

static void
control_start(ObjectWriter *writer, StoreVerb verb)
{
	StoreRequest *control = &writer->control;

	store_release(writer->plan->store, control);
	memset(control, 0, sizeof(*control));
	control->verb = verb;
	control->key = writer->key;
	control->upload = writer->upload;
	control->meta = &writer->meta;
	if (verb == STORE_PUT)
		control->body = buf_slice(&writer->part);
	control->tags = writer->tags;
	control->tag_count = writer->part_count;
	control->size = writer->size;
	if ((verb == STORE_PUT &&
		 !failpoint_passes(FAILPOINT_OBJECT_PUT, &control->error)) ||
		(verb == STORE_COMPLETE &&
		 !failpoint_passes(FAILPOINT_OBJECT_COMPLETE, &control->error)))
		control->state = STORE_FAILED;
	else
		store_start(writer->plan->store, control);
}

static bool
parts_grow(ObjectWriter *writer, Error *err)
{
	size_t		room =
		writer->part_count == 0 ? 8 : (size_t) writer->part_count * 2;
	ObjectPart **parts;
	char	  **tags;

	/* a power of two from 8 on: full */
	if (writer->part_count != 0 &&
		(writer->part_count < 8 ||
		 (writer->part_count & (writer->part_count - 1)) != 0))
		return true;
	parts = realloc(writer->parts, room * sizeof(*parts));
	if (parts == NULL)
		return error_no_memory(err);
	writer->parts = parts;
	tags = realloc(writer->tags, room * sizeof(*tags));
	if (tags == NULL)
		return error_no_memory(err);
	writer->tags = tags;
	return true;
}

static void
part_start(ObjectWriter *writer, int i)
{
	ObjectPart *part = writer->parts[i];

	part->request.verb = STORE_PART;
	part->request.key = writer->key;
	part->request.upload = writer->upload;
	part->request.part = i + 1;
	part->request.body = buf_slice(&part->body);
	if (failpoint_passes(FAILPOINT_OBJECT_PART, &part->request.error))
		store_start(writer->plan->store, &part->request);
	else
		part->request.state = STORE_FAILED;
}

/* Makes the first bytes of what is ready the next part. */
static bool
writer_cut_part(ObjectWriter *writer, size_t size, Error *err)
{
	ObjectPart *part;
	Buf			rest;

	if (writer->part_count >= STORE_MAX_PARTS)
		return error_set(err, ERROR_SINK_WRITE,
						 "object \"%s\" has too many parts",
						 writer->key);
	if (!parts_grow(writer, err) || (part = calloc(1, sizeof(*part))) == NULL)
		return error_no_memory(err);
	buf_init(&rest, writer->part.limit);
	buf_append(&rest, writer->part.data + size, writer->part.size - size);
	if (buf_failed(&rest))
	{
		free(part);
		return error_no_memory(err);
	}
	part->body = writer->part;
	part->body.size = size;
	writer->part = rest;
	writer->tags[writer->part_count] = NULL;
	writer->parts[writer->part_count++] = part;
	if (writer->part_count == 1)
		control_start(writer, STORE_BEGIN);
	return true;
}

/* ---- bytes ---- */

static bool
writer_cut_full_parts(ObjectWriter *writer, Error *err)
{
	size_t		part_bytes = writer->plan->part_bytes;

	while (writer->part.size >= part_bytes)
		if (!writer_cut_part(writer, part_bytes, err))
			return false;
	return true;
}

/* Takes note of what was added to the part. */
static void
writer_count(ObjectWriter *writer, size_t before)
{
	size_t		more = writer->part.size - before;

	writer->size += more;
	writer->crc = (uint32_t) crc32_z(writer->crc, writer->part.data + before,
									 more);
}

static bool
writer_flush_chunk(ObjectWriter *writer, Error *err)
{
	size_t		before = writer->part.size;

	if (writer->compressor == NULL)
		writer->compressor = compressor_new(writer->plan->compression,
											writer->plan->level, err);
	if (writer->compressor == NULL ||
		!compressor_write(writer->compressor, buf_slice(&writer->chunk),
						  &writer->part, err))
		return false;
	writer_count(writer, before);
	buf_clear(&writer->chunk);
	return true;
}

bool
object_writer_append(ObjectWriter *writer, Slice data, Error *err)
{
	bool		ok = true;

	assert(writer->state == OBJECT_OPEN);
	while (ok && data.size > 0)
	{
		size_t		room = OBJECT_CHUNK - writer->chunk.size;
		size_t		size = data.size < room ? data.size : room;

		buf_append(&writer->chunk, data.data, size);
		if (buf_failed(&writer->chunk))
			return error_no_memory(err);
		data = slice_make(data.data + size, data.size - size);
		if (writer->chunk.size == OBJECT_CHUNK)
			ok = writer_flush_chunk(writer, err) &&
				writer_cut_full_parts(writer, err);
	}
	writer_account(writer);
	return ok;
}

bool
object_writer_finish(ObjectWriter *writer, Error *err)
{
	size_t		before;

	assert(writer->state == OBJECT_OPEN);
	if (!writer_flush_chunk(writer, err))
		return false;
	before = writer->part.size;
	if (!compressor_finish(writer->compressor, &writer->part, err))
		return false;
	writer_count(writer, before);
	if (!writer_cut_full_parts(writer, err) ||
		(writer->part_count > 0 && writer->part.size > 0 &&
		 !writer_cut_part(writer, writer->part.size, err)))
		return false;
	compressor_free(writer->compressor);
	writer->compressor = NULL;
	buf_free(&writer->chunk);
	writer->state = OBJECT_UPLOADING;
	writer_account(writer);
	return true;
}

/* ---- progress ---- */

static ObjectState
writer_fail(ObjectWriter *writer, const StoreRequest *request, Error *err)
{
	*err = request->error;
	writer->state = OBJECT_FAILED;
	return OBJECT_FAILED;
}

/* false: it failed; request says which. */
static bool
writer_poll_part(ObjectWriter *writer, int i, Error *err)
{
	ObjectPart *part = writer->parts[i];

	if (part == NULL)
		return true;
	if (part->request.state == STORE_IDLE && writer->upload != NULL)
		part_start(writer, i);
	if (part->request.state == STORE_FAILED ||
		part->request.state == STORE_MISSING)
	{
		writer_fail(writer, &part->request, err);
		return false;
	}
	if (part->request.state != STORE_DONE)
		return true;
	writer->tags[i] = strdup(buf_string(&part->request.answer));
	if (writer->tags[i] == NULL)
	{
		writer->state = OBJECT_FAILED;
		return error_no_memory(err);
	}
	part_free(writer, i);
	return true;
}

static bool
writer_poll_parts(ObjectWriter *writer, Error *err)
{
	for (int i = writer->parts_done; i < writer->part_count; i++)
		if (!writer_poll_part(writer, i, err))
			return false;
	while (writer->parts_done < writer->part_count &&
		   writer->parts[writer->parts_done] == NULL)
		writer->parts_done++;
	return true;
}

/* false: out of memory. */
static bool
writer_take_upload(ObjectWriter *writer, Error *err)
{
	if (writer->control.verb != STORE_BEGIN ||
		writer->control.state != STORE_DONE ||
		writer->upload != NULL)
		return true;
	writer->upload = strdup(buf_string(&writer->control.answer));
	if (writer->upload != NULL)
		return true;
	writer->state = OBJECT_FAILED;
	return error_no_memory(err);
}

static void
writer_go_on(ObjectWriter *writer)
{
	bool		arrived = writer->parts_done == writer->part_count;
	bool		begun = writer->upload != NULL;

	if (writer->state != OBJECT_UPLOADING)
		return;
	if (begun && arrived && writer->published &&
		writer->control.verb == STORE_BEGIN)
		control_start(writer, STORE_COMPLETE);
	if (writer->control.verb != STORE_BEGIN &&
		writer->control.state == STORE_DONE)
	{
		writer_drop(writer);
		writer->state = OBJECT_DONE;
	}
}

void
object_writer_publish(ObjectWriter *writer)
{
	assert(writer->state == OBJECT_UPLOADING);
	writer->published = true;
	if (writer->part_count == 0)
		control_start(writer, STORE_PUT);
	else
		writer_go_on(writer);
}

ObjectState
object_writer_poll(ObjectWriter *writer, Error *err)
{
	if (writer->state == OBJECT_FAILED)
	{
		error_set(err, ERROR_SINK_WRITE, "object \"%s\" has failed before",
				  object_writer_key(writer));
		return OBJECT_FAILED;
	}
	if (writer->state == OBJECT_DONE || writer->control.state == STORE_IDLE)
		return writer->state;
	if (writer->control.state == STORE_FAILED ||
		writer->control.state == STORE_MISSING)
		return writer_fail(writer, &writer->control, err);
	if (writer_take_upload(writer, err) && writer_poll_parts(writer, err))
		writer_go_on(writer);
	writer_account(writer);
	return writer->state;
}

/* ---- giving up ---- */

void
object_writer_abort(ObjectWriter *writer)
{
	bool		open = writer->upload != NULL && writer->state != OBJECT_DONE;

	writer_drop(writer);
	if (open)
		control_start(writer, STORE_ABORT);
	if (writer->state != OBJECT_DONE)
		writer->state = OBJECT_FAILED;
	writer_account(writer);
}

bool
object_writer_aborting(const ObjectWriter *writer)
{
	return writer->control.verb == STORE_ABORT &&
		writer->control.state == STORE_PENDING;
}
