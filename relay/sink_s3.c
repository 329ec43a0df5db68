/*
 * sink_s3.c
 *		Records as objects in a bucket or a directory, at least once, in order.
 *
 * One object per topic is open at a time; a flush closes all of them together
 * at a commit. When they have all arrived, the position of that commit is
 * written to the checkpoint object, and only then it is durable. What was
 * written after the last checkpoint is written again after a crash: objects
 * that begin at the same position have the same name and are replaced, so
 * readers see a record twice only where a flush by time or memory fell
 * differently.
 *
 * Knows neither the source nor what records say, nor whether the store is a
 * bucket.
 */
#include "sink.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "checkpoint.h"
#include "clock.h"
#include "s3_target.h"
#include "sink_s3_name.h"
#include "sink_s3_objects.h"
#include "sink_s3_options.h"
#include "sink_s3_progress.h"
#include "wire.h"

#define SINK_S3_KEY_LIMIT		((size_t) 4096)
#define SINK_S3_ABORT_TIME		(3 * CLOCK_SECOND)
#define SINK_S3_MAX_FDS			32

/*
 * A row may be 1 GB, and is not cut: what a flush of parts must have room for.
 */
#define SINK_S3_MAX_RECORD		((int64_t) 1 << 31)

typedef struct SinkS3
{
	Sink		base;
	const SinkS3Options *options;
	ObjectStore *store;
	SinkS3Objects objects;
	SinkS3Names names;
	char		system[24];
	char		slot[65];
	Buf			key;			/* of the object being opened */

	/* since the last cut */
	uint64_t	open_bytes;
	uint64_t	open_records;
	int64_t		open_since;		/* first record, monotonic */

	bool		in_transaction; /* records came, their commit did not yet */
	Lsn			committed;		/* everything before it was offered */
	Lsn			complete;		/* everything before it has arrived */
	uint64_t	complete_records;

	SinkS3Progress progress;
	uint64_t	checkpoint_records; /* as of the one on its way */
	uint64_t	durable_records;
	Lsn			wanted;			/* to be recorded without waiting */

	uint64_t	records;
	uint64_t	bytes;
} SinkS3;

extern const SinkOps sink_s3_ops;
static void sink_s3_free(Sink *base);

/* ---- making ---- */

static StoreS3Options
sink_s3_store_options(const SinkConfig *config)
{
	const SinkS3Options *options = config->options;

	return (StoreS3Options) {
		.sink = config->name,.bucket = config->authority,
			.endpoint = options->endpoint,.path_style = options->path_style,
			.access_key_id = options->access_key_id,
			.secret_access_key = options->secret_access_key,
			.session_token = options->session_token,
			.profile = options->profile,
			.credentials_file = options->credentials_file,
			.region = options->region,.ca_file = options->ca_file,
			.storage_class = options->storage_class,
			.encryption = options->encryption,
			.kms_key_id = options->kms_key_id,
			.max_uploads = options->max_uploads,
			.connect_timeout = options->connect_timeout,
			.request_timeout = options->request_timeout
	};
}

static ObjectStore *
sink_s3_make_store(const SinkConfig *config, Error *err)
{
	StoreS3Options options;

	if (strcmp(config->scheme, "s3") == 0)
	{
		options = sink_s3_store_options(config);
		return store_s3_new(&options, err);
	}
	if (config->authority == NULL || config->authority[0] == '\0')
		return store_dir_new(config->path, err);
	error_set(err, ERROR_USAGE,
			  "URL of the directory sink names a host: \"%s\"",
			  config->authority);
	error_hint(err, "Write dir:///path/of/directory, with three slashes.");
	return NULL;
}

static bool
sink_s3_check_options(const SinkS3Options *options, Error *err)
{
	int			max =
		compression_max_level((Compression) options->compression);

	if (options->compression_level > max)
	{
		error_set(err, ERROR_USAGE,
				  "compression_level %" PRId64 " is not one of %s",
				  options->compression_level,
				  compression_words[options->compression]);
		return error_hint(err, "gzip has 1 to 9, zstd 1 to 19; none has no levels.");
	}
	if (options->memory < 2 * options->part_bytes)
	{
		error_set(err, ERROR_USAGE, "memory is less than two parts");
		return error_hint(err, "Raise the option memory or lower part_bytes.");
	}
	return true;
}

/* So large that no object comes to more parts than S3 takes. */
static size_t
sink_s3_part_bytes(const SinkS3Options *options)
{
	int64_t		least = (options->flush_bytes + SINK_S3_MAX_RECORD) /
		(STORE_MAX_PARTS / 2);

	return (size_t) (options->part_bytes > least ? options->part_bytes :
					 least);
}

static Sink *
sink_s3_create(const SinkConfig *config, Error *err)
{
	const SinkS3Options *options = config->options;
	SinkS3	   *sink;

	if (!sink_s3_check_options(options, err))
		return NULL;
	sink = calloc(1, sizeof(*sink));
	if (sink == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	sink->base.ops = &sink_s3_ops;
	sink->base.config = config;
	sink->options = options;
	buf_init(&sink->key, SINK_S3_KEY_LIMIT);
	sink->store = sink_s3_make_store(config, err);
	if (sink->store == NULL)
	{
		sink_s3_free(&sink->base);
		return NULL;
	}
	sink_s3_progress_init(&sink->progress, sink->store);
	sink->objects.plan.store = sink->store;
	sink->objects.plan.compression = (Compression) options->compression;
	sink->objects.plan.level = (int) options->compression_level;
	sink->objects.plan.part_bytes = sink_s3_part_bytes(options);
	sink->names.path = strcmp(config->scheme, "s3") == 0 ? config->path : NULL;
	sink->names.extension = config->format->extension;
	sink->names.suffix =
		compression_extension((Compression) options->compression);
	return &sink->base;
}

/* ---- opening ---- */

/* Waits for a request that must come to its end at the start. */
static bool
sink_s3_ask(SinkS3 *sink, StoreRequest *request, Error *err)
{
	request->deadline = clock_now() + sink->options->connect_timeout;
	store_start(sink->store, request);
	store_wait(sink->store, request);
	if (request->state != STORE_FAILED)
		return true;
	*err = request->error;
	return false;
}

static SinkResume
sink_s3_resume(Sink *base, const SlotIdentity *identity, Error *err)
{
	SinkS3	   *sink = (SinkS3 *) base;
	const char *name = base->config->name;
	SinkResume	result;

	sink->names.timeline = identity->timeline;
	snprintf(sink->system, sizeof(sink->system), "%" PRIu64,
			 identity->system_id);
	snprintf(sink->slot, sizeof(sink->slot), "%s", identity->slot);
	buf_clear(&sink->progress.key);
	buf_clear(&sink->progress.notes_key);
	if (!sink_s3_name_checkpoint(&sink->progress.key, &sink->names,
								 identity->slot, name, err) ||
		!sink_s3_name_notes(&sink->progress.notes_key, &sink->names,
							identity->slot, name, err) ||
		!sink->store->ops->open(sink->store, err))
		return SINK_RESUME_FAILED;
	result = sink_s3_progress_read(&sink->progress, identity, name,
								   sink->options->connect_timeout,
								   &base->notes, err);
	if (result == SINK_RESUMED)
		base->durable = sink->progress.checkpoint.position.lsn;
	base->accepted.lsn = result == SINK_NEW ? identity->confirmed :
		base->durable;
	base->accepted.seq = 0;
	sink->committed = sink->complete = base->accepted.lsn;
	return result;
}

/* To resume asks for the progress and changes nothing. */
static bool
sink_s3_read_notes(Sink *base, const SlotIdentity *identity, Error *err)
{
	return sink_s3_resume(base, identity, err) != SINK_RESUME_FAILED;
}

/*
 * Begins an upload and gives it up: that needs the rights, and leaves nothing.
 */
static bool
sink_s3_check_upload(SinkS3 *sink, const char *key, Error *err)
{
	StoreRequest begin = {.verb = STORE_BEGIN,.key = key};
	StoreRequest end = {.verb = STORE_ABORT,.key = key};
	bool		ok;

	ok = sink_s3_ask(sink, &begin, err);
	if (ok)
	{
		end.upload = buf_string(&begin.answer);
		ok = sink_s3_ask(sink, &end, err);
	}
	store_release(sink->store, &end);
	store_release(sink->store, &begin);
	return ok;
}

static bool
sink_s3_check(Sink *base, Error *err)
{
	SinkS3	   *sink = (SinkS3 *) base;
	StoreRequest get = {.verb = STORE_GET};
	Buf			key;
	bool		ok;

	buf_init(&key, SINK_S3_KEY_LIMIT);
	ok = sink_s3_name_probe(&key, &sink->names, base->config->name, err) &&
		sink->store->ops->open(sink->store, err);
	if (ok)
	{
		get.key = buf_string(&key);
		ok = sink_s3_ask(sink, &get, err) &&
			sink_s3_check_upload(sink, get.key, err);
	}
	store_release(sink->store, &get);
	buf_free(&key);
	return ok;
}

/* ---- records ---- */

static const char *
sink_s3_content_type(const SinkS3 *sink)
{
	switch (sink->objects.plan.compression)
	{
		case COMPRESSION_GZIP:
			return "application/gzip";
		case COMPRESSION_ZSTD:
			return "application/zstd";
		case COMPRESSION_NONE:
			break;
	}
	return sink->base.config->format->binary ? "application/octet-stream" :
		"application/x-ndjson";
}

static SinkS3Object *
sink_s3_open_object(SinkS3 *sink, const char *topic, Position start,
					Error *err)
{
	char		lsn[LSN_TEXT_SIZE];
	char		position[LSN_TEXT_SIZE + 24];
	StoreMeta	meta = {.content_type = sink_s3_content_type(sink),
	.system = sink->system,.slot = sink->slot,.position = position};

	snprintf(position, sizeof(position), "%s,%" PRIu64,
			 lsn_format(start.lsn, lsn), start.seq);
	buf_clear(&sink->key);
	if (!sink_s3_name_object(&sink->key, &sink->names, topic, start, err))
		return NULL;
	if (sink->open_records == 0)
		sink->open_since = clock_now();
	return sink_s3_objects_open(&sink->objects, topic, buf_string(&sink->key),
								&meta, err);
}

/*
 * As sink_frame does, without a copy of the record in between: it may be
 * large. size: how many bytes it came to.
 */
static bool
sink_s3_append(SinkS3 *sink, ObjectWriter *writer, Slice value, uint64_t *size,
			   Error *err)
{
	uint8_t		length[WIRE_MAX_VARINT];
	Slice		head = {length, 0};
	Slice		tail = slice_of("\n");

	if (sink->base.config->format->binary)
	{
		head.size = (size_t) (wire_put_varint(length, value.size) - length);
		tail.size = 0;
	}
	*size = head.size + value.size + tail.size;
	return object_writer_append(writer, head, err) &&
		object_writer_append(writer, value, err) &&
		object_writer_append(writer, tail, err);
}

static bool
sink_s3_take(SinkS3 *sink, const char *topic, Position position, Slice value,
			 Error *err)
{
	SinkS3Object *object = sink_s3_objects_find(&sink->objects, topic);
	uint64_t	size;

	if (object == NULL)
		object = sink_s3_open_object(sink, topic, position, err);
	if (object == NULL ||
		!sink_s3_append(sink, object->writer, value, &size, err))
		return false;
	object->bytes += size;
	sink->open_bytes += size;
	sink->open_records++;
	sink->records++;
	sink->bytes += value.size;
	if (object->bytes < (uint64_t) sink->options->flush_bytes)
		return true;
	return sink_s3_objects_close(&sink->objects, object, err);
}

/* Objects have no keys, and so no use for tombstones. */
static bool
sink_s3_take_all(SinkS3 *sink, const Delivery *delivery, Error *err)
{
	for (size_t i = 0; i < delivery->count; i++)
	{
		const Record *record = &delivery->records[i];

		if (record->value.data != NULL &&
			!sink_s3_take(sink, delivery_topic(delivery, record),
						  delivery->position, record->value, err))
			return false;
	}
	sink->base.accepted = delivery_end(delivery);
	if (delivery->txn != NULL)
		sink->in_transaction = true;
	return true;
}

/* When open objects hold all the memory, some of them must go. */
static bool
sink_s3_make_room(SinkS3 *sink, Error *err)
{
	size_t		memory = (size_t) sink->options->memory;

	if (!sink_s3_objects_relieve(&sink->objects, memory / 4, err))
		return false;
	return sink_s3_objects_poll(&sink->objects, err);
}

static SinkResult
sink_s3_put(Sink *base, const Delivery *delivery, Error *err)
{
	SinkS3	   *sink = (SinkS3 *) base;
	size_t		memory = (size_t) sink->options->memory;

	if (sink->objects.plan.buffered >= memory && !sink_s3_make_room(sink, err))
		return SINK_FAILED;
	if (sink->objects.plan.buffered >= memory)
		return SINK_FULL;
	return sink_s3_take_all(sink, delivery, err) ? SINK_OK : SINK_FAILED;
}

/* ---- flushing ---- */

static bool
sink_s3_cut(SinkS3 *sink, Error *err)
{
	sink->open_bytes = sink->open_records = 0;
	return sink_s3_objects_cut(&sink->objects, sink->committed, sink->records,
							   err);
}

/* Something is open, or was closed on its own since the last cut. */
static bool
sink_s3_has_open(const SinkS3 *sink)
{
	return sink->open_records > 0;
}

static bool
sink_s3_flush_is_due(const SinkS3 *sink)
{
	const SinkS3Options *options = sink->options;

	return sink_s3_has_open(sink) &&
		(sink->open_bytes >= (uint64_t) options->flush_bytes ||
		 (options->flush_records > 0 &&
		  sink->open_records >= (uint64_t) options->flush_records) ||
		 clock_now() >= sink->open_since + options->flush_interval);
}

static SinkResult
sink_s3_commit(Sink *base, const TxnEnd *end, Error *err)
{
	SinkS3	   *sink = (SinkS3 *) base;

	sink->in_transaction = false;
	sink->committed = end->end_lsn;
	base->accepted = (Position) {end->end_lsn, 0};
	if (sink_s3_flush_is_due(sink) && !sink_s3_cut(sink, err))
		return SINK_FAILED;
	return SINK_OK;
}

/* ---- progress ---- */

static void
sink_s3_settle(SinkS3 *sink)
{
	SinkS3Cut	cut;

	if (sink_s3_objects_complete(&sink->objects, &cut))
	{
		sink->complete = cut.end;
		sink->complete_records = cut.records;
		if (cut.end > sink->wanted)
			sink->wanted = cut.end;
	}
	if (!sink_s3_has_open(sink) && sink->objects.closed == NULL &&
		!sink->in_transaction)
	{
		sink->complete = sink->committed;
		sink->complete_records = sink->records;
	}
}

/* Takes note of the one on its way. false: the sink failed. */
static bool
sink_s3_take_checkpoint(SinkS3 *sink, Error *err)
{
	switch (sink_s3_progress_poll(&sink->progress, err))
	{
		case SINK_S3_IDLE:
		case SINK_S3_BUSY:
			break;
		case SINK_S3_STORED:
			sink->base.durable = sink->progress.checkpoint.position.lsn;
			sink->durable_records = sink->checkpoint_records;
			break;
		case SINK_S3_SEND_FAILED:
			return false;
	}
	return true;
}

static bool
sink_s3_checkpoint_is_due(const SinkS3 *sink)
{
	if (!sink_s3_progress_is_idle(&sink->progress) ||
		sink->complete <= sink->base.durable)
		return false;
	return sink->wanted > sink->base.durable ||
		clock_now() >= sink->progress.sent_at +
		sink->base.config->checkpoint_interval;
}

/* A step of everything but flushing. */
static bool
sink_s3_advance(SinkS3 *sink, Error *err)
{
	if (!sink_s3_objects_poll(&sink->objects, err) ||
		!sink_s3_take_checkpoint(sink, err))
		return false;
	sink_s3_settle(sink);
	if (!sink_s3_checkpoint_is_due(sink))
		return true;
	sink->checkpoint_records = sink->complete_records;
	if (!sink_s3_progress_send(&sink->progress, sink->complete,
							   &sink->base.notes, err))
		return false;
	/* a directory is done at once */
	return sink_s3_take_checkpoint(sink, err);
}

static SinkPoll
sink_s3_poll(Sink *base, Error *err)
{
	SinkS3	   *sink = (SinkS3 *) base;

	if (!sink->in_transaction && sink_s3_flush_is_due(sink) &&
		!sink_s3_cut(sink, err))
		return SINK_POLL_FAILED;
	return sink_s3_advance(sink, err) ? SINK_POLL_OK : SINK_POLL_FAILED;
}

/* With objects open the position is theirs too: they are durable together. */
static bool
sink_s3_record(Sink *base, Lsn idle, Error *err)
{
	SinkS3	   *sink = (SinkS3 *) base;

	if (sink->in_transaction)
		return true;
	if (idle > sink->committed)
		sink->committed = idle;
	if (idle > base->accepted.lsn)
		base->accepted = (Position) {idle, 0};
	if (idle > sink->wanted)
		sink->wanted = idle;
	return sink_s3_advance(sink, err);
}

static int
sink_s3_watch(Sink *base, struct pollfd *fds, int room, int64_t *deadline)
{
	SinkS3	   *sink = (SinkS3 *) base;
	int64_t		flush = sink->open_since + sink->options->flush_interval;
	int64_t		checkpoint =
		sink->progress.sent_at + base->config->checkpoint_interval;

	if (sink_s3_has_open(sink) && !sink->in_transaction && flush < *deadline)
		*deadline = flush;
	if (sink_s3_progress_is_idle(&sink->progress) &&
		sink->complete > base->durable &&
		checkpoint < *deadline)
		*deadline = checkpoint;
	return sink->store->ops->watch(sink->store, fds, room, deadline);
}

/* ---- the end ---- */

static void
sink_s3_wait(SinkS3 *sink, int64_t deadline)
{
	struct pollfd fds[SINK_S3_MAX_FDS];
	int			count;

	count = sink->store->ops->watch(sink->store, fds, SINK_S3_MAX_FDS,
									&deadline);
	poll(fds, (nfds_t) count, clock_ms_until(deadline));
}

/*
 * Records of a transaction whose commit did not come go along: they are
 * written again after the next start, before their commit.
 */
static bool
sink_s3_drain(Sink *base, int64_t deadline, Error *err)
{
	SinkS3	   *sink = (SinkS3 *) base;

	if (sink_s3_has_open(sink) && !sink_s3_cut(sink, err))
		return false;
	sink->in_transaction = false;
	sink->wanted = sink->committed;
	for (;;)
	{
		if (!sink_s3_advance(sink, err))
			return false;
		if (base->durable >= sink->committed)
			return true;
		if (clock_now() >= deadline)
			break;
		sink_s3_wait(sink, deadline);
	}
	if (sink->objects.closed != NULL)
		error_set(err, ERROR_SINK_WRITE,
				  "%zu objects were not written in the time for stopping",
				  sink->objects.closed_count);
	else
		error_set(err, ERROR_SINK_WRITE,
				  "checkpoint object \"%s\" was not written in the time for stopping",
				  buf_string(&sink->progress.key));
	return error_detail(err,
						"What is missing is written after the next start.");
}

static void
sink_s3_stats(const Sink *base, SinkStats *stats)
{
	const SinkS3 *sink = (const SinkS3 *) base;

	stats->records = sink->records;
	stats->bytes = sink->bytes;
	stats->in_flight = sink->records - sink->durable_records;
	snprintf(stats->state, sizeof(stats->state),
			 "%zu objects open, %zu uploading",
			 sink->objects.open_count, sink->objects.closed_count);
}

static void
sink_s3_free(Sink *base)
{
	SinkS3	   *sink = (SinkS3 *) base;

	if (sink->store != NULL)
	{
		sink_s3_progress_free(&sink->progress);
		sink_s3_objects_abort(&sink->objects,
							  clock_now() + SINK_S3_ABORT_TIME);
		sink->store->ops->free(sink->store);
	}
	buf_free(&sink->key);
	free(sink);
}

static const char *const sink_s3_schemes[] = {"s3", "dir", NULL};

const SinkOps sink_s3_ops = {
	.name = "s3",
	.framed = true,
	.schemes = sink_s3_schemes,
	.options = &sink_s3_option_table,
	.has_topics = true,
	.create = sink_s3_create,
	.resume = sink_s3_resume,
	.read_notes = sink_s3_read_notes,
	.check = sink_s3_check,
	.put = sink_s3_put,
	.commit = sink_s3_commit,
	.poll = sink_s3_poll,
	.record = sink_s3_record,
	.watch = sink_s3_watch,
	.drain = sink_s3_drain,
	.reopen = sink_no_reopen,
	.stats = sink_s3_stats,
	.free = sink_s3_free,
};
