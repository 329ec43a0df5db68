/*
 * sink_s3_progress.c
 *		The S3 sink's checkpoint and notes. See sink_s3_progress.h.
 */
#include "sink_s3_progress.h"

#include "clock.h"
#include "failpoint.h"

#define SINK_S3_KEY_LIMIT			2048
#define SINK_S3_CHECKPOINT_LIMIT	65536

void
sink_s3_progress_init(SinkS3Progress *progress, ObjectStore *store)
{
	progress->store = store;
	buf_init(&progress->key, SINK_S3_KEY_LIMIT);
	buf_init(&progress->text, SINK_S3_CHECKPOINT_LIMIT);
	buf_init(&progress->notes_key, SINK_S3_KEY_LIMIT);
	buf_init(&progress->notes_text, NOTES_LIMIT);
}

/* ---- reading ---- */

/* Gets an object and waits for it; its state says whether it was there. */
static bool
get_object(SinkS3Progress *progress, StoreRequest *get, int64_t timeout,
		   Error *err)
{
	get->verb = STORE_GET;
	get->deadline = clock_now() + timeout;
	store_start(progress->store, get);
	store_wait(progress->store, get);
	if (get->state != STORE_FAILED)
		return true;
	*err = get->error;
	return false;
}

static bool
read_notes(SinkS3Progress *progress, int64_t timeout, Notes *notes, Error *err)
{
	StoreRequest get = {.key = buf_string(&progress->notes_key)};
	bool		ok = get_object(progress, &get, timeout, err);

	if (ok && get.state != STORE_MISSING)
		ok = notes_parse(notes, buf_slice(&get.answer), err) ||
			error_prefix(err, "object \"%s\"", get.key);
	store_release(progress->store, &get);
	return ok;
}

static bool
take_checkpoint(SinkS3Progress *progress, const SlotIdentity *identity,
				const char *name, Slice text, Error *err)
{
	Checkpoint	found;

	if (!checkpoint_parse(&found, text, err) ||
		!checkpoint_verify(&found, identity, name, err))
		return error_prefix(err, "checkpoint object \"%s\"",
							buf_string(&progress->key));
	progress->checkpoint.position = found.position;
	return true;
}

SinkResume
sink_s3_progress_read(SinkS3Progress *progress, const SlotIdentity *identity,
					  const char *name, int64_t timeout, Notes *notes,
					  Error *err)
{
	StoreRequest get = {.key = buf_string(&progress->key)};
	SinkResume	result = SINK_RESUME_FAILED;

	checkpoint_init(&progress->checkpoint, identity, name, LSN_INVALID);
	if (!get_object(progress, &get, timeout, err))
		goto done;
	if (get.state == STORE_MISSING)
		result = SINK_NEW;
	else if (take_checkpoint(progress, identity, name, buf_slice(&get.answer),
							 err) &&
			 read_notes(progress, timeout, notes, err))
		result = SINK_RESUMED;

done:
	store_release(progress->store, &get);
	return result;
}

/* ---- writing ---- */

static void
put_object(SinkS3Progress *progress, StoreRequest *put, Buf *key, Slice body,
		   const StoreMeta *meta)
{
	store_release(progress->store, put);
	*put = (StoreRequest) {
		.verb = STORE_PUT, .key = buf_string(key), .body = body, .meta = meta
	};
	store_start(progress->store, put);
}

static void
put_checkpoint(SinkS3Progress *progress)
{
	static const StoreMeta meta = {.content_type = "application/json"};

	put_object(progress, &progress->put, &progress->key,
			   buf_slice(&progress->text), &meta);
}

static bool
put_notes(SinkS3Progress *progress, Notes *notes, Error *err)
{
	static const StoreMeta meta = {.content_type = "text/plain"};

	buf_clear(&progress->notes_text);
	notes_append(&progress->notes_text, notes);
	if (buf_failed(&progress->notes_text))
		return error_no_memory(err);
	put_object(progress, &progress->notes_put, &progress->notes_key,
			   buf_slice(&progress->notes_text), &meta);

	/* those that are taken while it is on its way go with the next one */
	notes_written(notes);
	return true;
}

bool
sink_s3_progress_send(SinkS3Progress *progress, Lsn lsn, Notes *notes,
					  Error *err)
{
	progress->checkpoint.position = (Position) {lsn, 0};
	progress->sent_at = clock_now();
	buf_clear(&progress->text);
	checkpoint_append(&progress->text, &progress->checkpoint);
	if (buf_failed(&progress->text))
		return error_no_memory(err);
	if (!failpoint_passes(FAILPOINT_OBJECT_CHECKPOINT, err))
		return false;
	if (notes->dirty)
		return put_notes(progress, notes, err);
	put_checkpoint(progress);
	return true;
}

bool
sink_s3_progress_is_idle(const SinkS3Progress *progress)
{
	return progress->put.state == STORE_IDLE &&
		progress->notes_put.state == STORE_IDLE;
}

static bool
is_lost(const StoreRequest *put, Error *err)
{
	if (put->state != STORE_FAILED && put->state != STORE_MISSING)
		return false;
	*err = put->error;
	return true;
}

SinkS3Sent
sink_s3_progress_poll(SinkS3Progress *progress, Error *err)
{
	if (is_lost(&progress->notes_put, err) || is_lost(&progress->put, err))
		return SINK_S3_SEND_FAILED;
	if (progress->notes_put.state == STORE_DONE)
	{
		store_release(progress->store, &progress->notes_put);
		put_checkpoint(progress);
	}
	if (progress->put.state == STORE_DONE)
	{
		store_release(progress->store, &progress->put);
		return SINK_S3_STORED;
	}
	return sink_s3_progress_is_idle(progress) ? SINK_S3_IDLE : SINK_S3_BUSY;
}

void
sink_s3_progress_free(SinkS3Progress *progress)
{
	if (progress->store != NULL)
	{
		store_release(progress->store, &progress->put);
		store_release(progress->store, &progress->notes_put);
	}
	buf_free(&progress->key);
	buf_free(&progress->text);
	buf_free(&progress->notes_key);
	buf_free(&progress->notes_text);
}
