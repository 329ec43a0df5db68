/*
 * sink_s3.c
 *		Records as objects in a bucket or a directory, exactly once, in order.
 *
 * One object per topic is open at a time; a flush closes all of them together
 * at a commit: a cut. When they have all arrived, a manifest lists them, and
 * only then what they hold is delivered and the commit's end durable. Whoever
 * reads what the chain of manifests lists sees every record once. What a crash
 * leaves without a manifest is written again under other names, and removed.
 *
 * Cuts need not fall in the same places again: what counts is decided by which
 * manifest has a number, not by what objects are called or where they end. So
 * a flush may be due by time or memory, and nothing is compared with what an
 * earlier relay had uploaded.
 *
 * Knows neither the source nor what records say, nor whether the store is a
 * bucket.
 */
#include "sink.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "failpoint.h"
#include "lake.h"
#include "lake_options.h"
#include "lake_store.h"
#include "lake_verify.h"
#include "log.h"
#include "wire.h"

#define SINK_S3_ABORT_TIME		(3 * CLOCK_SECOND)
#define SINK_S3_MAX_FDS			32

/*
 * A row may be 1 GB, and is not cut: what a flush of parts must have room for.
 */
#define SINK_S3_MAX_RECORD		((int64_t) 1 << 31)

typedef struct SinkS3
{
	Sink		base;
	const LakeOptions *options;
	Lake		lake;
	Buf			key;			/* of the object being opened */

	/* since the last cut */
	uint64_t	open_bytes;
	uint64_t	open_records;
	int64_t		open_since;		/* first record, monotonic */

	bool		in_transaction; /* records came, their commit did not yet */
	Lsn			committed;		/* everything before it was offered */

	uint64_t	sent_records;	/* as of what is on its way to the chain */
	uint64_t	durable_records;
	Lsn			wanted;			/* to be recorded without waiting */

	uint64_t	records;
	uint64_t	bytes;
} SinkS3;

extern const SinkOps sink_s3_ops;
static void sink_s3_free(Sink *base);

/* ---- making ---- */

/* So large that no object comes to more parts than S3 takes. */
static size_t
sink_s3_part_bytes(const LakeOptions *options)
{
	int64_t		least = (options->flush_bytes + SINK_S3_MAX_RECORD) /
		(STORE_MAX_PARTS / 2);

	return (size_t) (options->part_bytes > least ? options->part_bytes :
					 least);
}

static Sink *
sink_s3_create(const SinkConfig *config, Error *err)
{
	const LakeOptions *options = config->options;
	LakeNames	names = {
		.path = strcmp(config->scheme, "s3") == 0 ? config->path : NULL,
		.sink = config->name,.extension = config->format->extension,
		.suffix = compression_extension((Compression) options->compression)
	};
	ObjectStore *store;
	SinkS3	   *sink;

	sink = calloc(1, sizeof(*sink));
	if (sink == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	sink->base.ops = &sink_s3_ops;
	sink->base.config = config;
	sink->options = options;
	buf_init(&sink->key, LAKE_KEY_LIMIT);
	store = lake_store_make(config, err);
	if (store == NULL)
	{
		sink_s3_free(&sink->base);
		return NULL;
	}
	lake_init(&sink->lake, store, &names, (uint64_t) options->rollup);
	sink->lake.objects.plan.compression = (Compression) options->compression;
	sink->lake.objects.plan.level = (int) options->compression_level;
	sink->lake.objects.plan.part_bytes = sink_s3_part_bytes(options);
	return &sink->base;
}

/* ---- opening ---- */

static SinkResume
sink_s3_resume(Sink *base, const SlotIdentity *identity, Error *err)
{
	SinkS3	   *sink = (SinkS3 *) base;
	SinkResume	result;

	result = lake_start(&sink->lake, identity, sink->options->connect_timeout,
						&base->notes, err);
	if (result == SINK_RESUMED)
		base->durable = sink->lake.chain.lsn;
	base->accepted.lsn = result == SINK_NEW ? identity->confirmed :
		base->durable;
	base->accepted.seq = 0;
	sink->committed = base->accepted.lsn;
	return result;
}

static bool
sink_s3_read_notes(Sink *base, const SlotIdentity *identity, Error *err)
{
	SinkS3	   *sink = (SinkS3 *) base;

	return lake_read_notes(&sink->lake, identity, &base->notes, err);
}

static bool
sink_s3_check(Sink *base, Error *err)
{
	SinkS3	   *sink = (SinkS3 *) base;

	return lake_store_try(sink->lake.store, &sink->lake.names, base->config,
						  err);
}

static bool
sink_s3_verify_all(Sink *base, SinkVerify *verify, Error *err)
{
	SinkS3	   *sink = (SinkS3 *) base;
	const SinkConfig *config = base->config;

	/* opening would make it */
	if (strcmp(config->scheme, "dir") == 0 && access(config->path, F_OK) != 0)
		return error_set(err, ERROR_SINK_SETUP,
						 "could not open directory \"%s\": %s", config->path,
						 strerror(errno));
	return sink->lake.store->ops->open(sink->lake.store, err) &&
		lake_verify(sink->lake.store, sink->lake.names.path,
					sink->options->connect_timeout, verify, err);
}

/* ---- records ---- */

static const char *
lake_content_type(const SinkS3 *sink)
{
	switch (sink->lake.objects.plan.compression)
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

static LakeObject *
sink_s3_open_object(SinkS3 *sink, const char *topic, Position start,
					Error *err)
{
	char		lsn[LSN_TEXT_SIZE];
	char		position[LSN_TEXT_SIZE + 24];
	StoreMeta	meta = {.content_type = lake_content_type(sink),
	.system = sink->lake.system,.slot = sink->lake.slot,.position = position};

	snprintf(position, sizeof(position), "%s,%" PRIu64,
			 lsn_format(start.lsn, lsn), start.seq);
	buf_clear(&sink->key);
	if (!lake_name_object(&sink->key, &sink->lake.names, topic, start, err))
		return NULL;
	if (sink->open_records == 0)
		sink->open_since = clock_now();
	return lake_objects_open(&sink->lake.objects, topic,
							 buf_string(&sink->key), &meta, err);
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
sink_s3_take(SinkS3 *sink, const Delivery *delivery, const Record *record,
			 Error *err)
{
	const char *topic = delivery_topic(delivery, record);
	LakeObject *object = lake_objects_find(&sink->lake.objects, topic);
	uint64_t	size;

	if (object == NULL)
		object = sink_s3_open_object(sink, topic, delivery->position, err);
	if (object == NULL ||
		!sink_s3_append(sink, object->writer, record->value, &size, err))
		return false;
	lake_object_count(object, delivery->position,
					  delivery->table == NULL ? 0 :
					  delivery->table->version, size);
	sink->open_bytes += size;
	sink->open_records++;
	sink->records++;
	sink->bytes += record->value.size;
	return true;
}

/*
 * Closes the objects that are large enough. Only here, when all of a delivery
 * is in: two objects of a topic never begin at one position, and so never have
 * one name.
 */
static bool
sink_s3_close_large(SinkS3 *sink, const Delivery *delivery, Error *err)
{
	for (size_t i = 0; i < delivery->count; i++)
	{
		LakeObject *object =
			lake_objects_find(&sink->lake.objects,
							  delivery_topic(delivery, &delivery->records[i]));

		if (object != NULL &&
			object->bytes >= (uint64_t) sink->options->flush_bytes &&
			!lake_objects_close(&sink->lake.objects, object, err))
			return false;
	}
	return true;
}

/* Objects have no keys, and so no use for tombstones. */
static bool
sink_s3_take_all(SinkS3 *sink, const Delivery *delivery, Error *err)
{
	for (size_t i = 0; i < delivery->count; i++)
	{
		const Record *record = &delivery->records[i];

		if (record->value.data != NULL &&
			!sink_s3_take(sink, delivery, record, err))
			return false;
	}
	if (!sink_s3_close_large(sink, delivery, err))
		return false;
	sink->base.accepted = delivery_end(delivery);
	if (delivery->txn != NULL)
		sink->in_transaction = true;
	else if (!delivery->aside)
	{
		/* a message is its own commit: no cut may part it from its position */
		sink->committed = delivery->position.lsn + 1;
		sink->base.accepted = (Position) {sink->committed, 0};
	}
	return true;
}

/* ---- flushing ---- */

static bool
sink_s3_cut(SinkS3 *sink, Error *err)
{
	sink->open_bytes = sink->open_records = 0;
	return lake_objects_cut(&sink->lake.objects, sink->committed,
							sink->records, err);
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
	const LakeOptions *options = sink->options;

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

/* Everything that was offered is in the chain, or on its way there. */
static bool
sink_s3_is_settled(const SinkS3 *sink)
{
	return !sink_s3_has_open(sink) && sink->lake.objects.closed == NULL &&
		sink->lake.objects.cuts == NULL && !sink->in_transaction;
}

static bool
sink_s3_pointer_is_due(const SinkS3 *sink)
{
	if (!sink_s3_is_settled(sink) || sink->committed <= sink->base.durable)
		return !sink->lake.chain.pointer.chain.exists;
	return sink->wanted > sink->base.durable ||
		clock_now() >= sink->lake.chain.sent_at +
		sink->base.config->checkpoint_interval;
}

/* Begins the next write to the chain, if there is anything to say. */
static bool
sink_s3_add_to_chain(SinkS3 *sink, Error *err)
{
	Notes	   *notes = &sink->base.notes;
	LakeCut	cut;
	bool		ok;

	if (!lake_chain_is_idle(&sink->lake.chain))
		return true;
	if (sink->lake.chain.pointer.chain.exists &&
		lake_objects_complete(&sink->lake.objects, &cut))
	{
		sink->sent_records = cut.records;
		ok = lake_chain_append(&sink->lake.chain, &cut, notes, err);
		buf_free(&cut.entries);
		return ok;
	}
	if (!sink_s3_pointer_is_due(sink))
		return true;
	sink->sent_records = sink->records;
	return lake_chain_record(&sink->lake.chain, sink->committed, notes, err);
}

/* Takes note of what is on its way. false: the sink failed. */
static bool
sink_s3_poll_chain(SinkS3 *sink, Error *err)
{
	switch (lake_poll_chain(&sink->lake, err))
	{
		case LAKE_IDLE:
		case LAKE_BUSY:
			break;
		case LAKE_STORED:
			if (!failpoint_passes(FAILPOINT_OBJECT_RECORDED, err))
				return false;
			sink->base.durable = sink->lake.chain.lsn;
			sink->durable_records = sink->sent_records;
			break;
		case LAKE_SEND_FAILED:
			return false;
	}
	return true;
}

/* When open objects hold all the memory, some of them must go. */
static bool
sink_s3_make_room(SinkS3 *sink, Error *err)
{
	size_t		memory = (size_t) sink->options->memory;

	if (!lake_objects_relieve(&sink->lake.objects, memory / 4, err))
		return false;
	return lake_poll(&sink->lake, err);
}

static SinkResult
sink_s3_put(Sink *base, const Delivery *delivery, Error *err)
{
	SinkS3	   *sink = (SinkS3 *) base;
	size_t		memory = (size_t) sink->options->memory;

	if (sink->lake.objects.plan.buffered >= memory &&
		!sink_s3_make_room(sink, err))
		return SINK_FAILED;
	if (sink->lake.objects.plan.buffered >= memory)
		return SINK_FULL;
	return sink_s3_take_all(sink, delivery, err) ? SINK_OK : SINK_FAILED;
}

/* A step of everything but flushing. */
static bool
sink_s3_advance_once(SinkS3 *sink, Error *err)
{
	lake_follow(&sink->lake, sink->base.timeline);
	return sink_s3_poll_chain(sink, err) &&
		lake_poll(&sink->lake, err) &&
		sink_s3_add_to_chain(sink, err) &&
		sink_s3_poll_chain(sink, err);
}

/* A directory is done at once: on, as long as that changes anything. */
static bool
sink_s3_advance(SinkS3 *sink, Error *err)
{
	Lsn			durable;

	do
	{
		durable = sink->base.durable;
		if (!sink_s3_advance_once(sink, err))
			return false;
	} while (sink->base.durable != durable);
	return true;
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
	int64_t		pointer =
		sink->lake.chain.sent_at + base->config->checkpoint_interval;

	if (sink_s3_has_open(sink) && !sink->in_transaction && flush < *deadline)
		*deadline = flush;
	if (lake_chain_is_idle(&sink->lake.chain) && sink_s3_is_settled(sink) &&
		sink->committed > base->durable && pointer < *deadline)
		*deadline = pointer;
	return sink->lake.store->ops->watch(sink->lake.store, fds, room, deadline);
}

/* ---- the end ---- */

static void
sink_s3_wait(SinkS3 *sink, int64_t deadline)
{
	struct pollfd fds[SINK_S3_MAX_FDS];
	int			count;

	count = sink->lake.store->ops->watch(sink->lake.store, fds,
										 SINK_S3_MAX_FDS, &deadline);
	poll(fds, (nfds_t) count, clock_ms_until(deadline));
}

static bool
sink_s3_drain_failed(const SinkS3 *sink, Error *err)
{
	if (sink->lake.objects.closed != NULL)
		error_set(err, ERROR_SINK_WRITE,
				  "%zu objects were not written in the time for stopping",
				  sink->lake.objects.closed_count);
	else
		error_set(err, ERROR_SINK_WRITE,
				  "manifest and pointer were not written in the time for stopping");
	return error_detail(err,
						"What is missing is written after the next start.");
}

/*
 * Objects that hold records of a transaction whose commit did not come cannot
 * count, and what they hold beside these comes again with them: an object is
 * listed whole or not at all.
 */
static bool
sink_s3_drain(Sink *base, int64_t deadline, Error *err)
{
	SinkS3	   *sink = (SinkS3 *) base;

	if (sink->in_transaction)
		log_info("sink %s: stopped within a transaction: it is delivered after the next start, with what came since the last flush",
				 base->config->name);
	else
	{
		if (sink_s3_has_open(sink) && !sink_s3_cut(sink, err))
			return false;
		sink->wanted = sink->committed;
	}
	for (;;)
	{
		if (!sink_s3_advance(sink, err))
			return false;
		if (base->durable >= sink->committed ||
			(sink->in_transaction && sink->lake.objects.cuts == NULL &&
			 lake_chain_is_idle(&sink->lake.chain)))
			return true;
		if (clock_now() >= deadline)
			return sink_s3_drain_failed(sink, err);
		sink_s3_wait(sink, deadline);
	}
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
			 sink->lake.objects.open_count, sink->lake.objects.closed_count);
}

static void
sink_s3_free(Sink *base)
{
	SinkS3	   *sink = (SinkS3 *) base;

	lake_free(&sink->lake, clock_now() + SINK_S3_ABORT_TIME);
	buf_free(&sink->key);
	free(sink);
}

static const char *const sink_s3_schemes[] = {"s3", "dir", NULL};

const SinkOps sink_s3_ops = {
	.name = "s3",
	.framed = true,
	.schemes = sink_s3_schemes,
	.options = &lake_option_table,
	.has_topics = true,
	.create = sink_s3_create,
	.resume = sink_s3_resume,
	.read_notes = sink_s3_read_notes,
	.check = sink_s3_check,
	.verify = sink_s3_verify_all,
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
