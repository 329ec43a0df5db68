/*
 * sink_null.c
 *		The null sink: counts and forgets. For measuring what stands before it,
 *		and for moving a slot on.
 *
 * Keeps no checkpoint: everything is durable once it is committed, and every
 * start is a new one.
 */
#include "sink.h"

#include <stdlib.h>

typedef struct SinkNull
{
	Sink		base;
	bool		resumed;
	uint64_t	records;
	uint64_t	bytes;
	uint64_t	committed;		/* of records */
} SinkNull;

extern const SinkOps sink_null_ops;

static Sink *
sink_null_create(const SinkConfig *config, Error *err)
{
	SinkNull   *null;

	if (config->authority[0] != '\0' || config->path[0] != '\0')
	{
		error_set(err, ERROR_USAGE, "a null sink has neither host nor path");
		error_hint(err, "Write null: and nothing behind it.");
		return NULL;
	}
	null = calloc(1, sizeof(*null));
	if (null == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	null->base.ops = &sink_null_ops;
	null->base.config = config;
	null->base.forgetful = true;
	return &null->base;
}

static SinkResume
sink_null_resume(Sink *sink, const SlotIdentity *identity, Error *err)
{
	SinkNull   *null = (SinkNull *) sink;

	(void) err;
	if (!null->resumed)
		sink->accepted = (Position) {identity->confirmed, 0};
	null->resumed = true;
	return SINK_NEW;
}

static bool
sink_null_check(Sink *sink, Error *err)
{
	(void) sink;
	(void) err;
	return true;
}

static void
null_advance(Sink *sink, Lsn lsn)
{
	Position	position = {lsn, 0};

	if (position_before(sink->accepted, position))
		sink->accepted = position;
	if (lsn > sink->durable)
		sink->durable = lsn;
}

static SinkResult
sink_null_put(Sink *sink, const Delivery *delivery, Error *err)
{
	SinkNull   *null = (SinkNull *) sink;

	(void) err;
	for (size_t i = 0; i < delivery->count; i++)
	{
		const Record *record = &delivery->records[i];

		null->bytes += record->key.size + record->value.size;
	}
	null->records++;
	sink->accepted = delivery_end(delivery);

	/* a message outside transactions is complete in itself */
	if (delivery->txn == NULL && null->committed + 1 == null->records)
	{
		null->committed = null->records;
		null_advance(sink, delivery->position.lsn);
	}
	return SINK_OK;
}

static SinkResult
sink_null_commit(Sink *sink, const TxnEnd *end, Error *err)
{
	SinkNull   *null = (SinkNull *) sink;

	(void) err;
	null->committed = null->records;
	null_advance(sink, end->end_lsn);
	return SINK_OK;
}

static SinkPoll
sink_null_poll(Sink *sink, Error *err)
{
	(void) sink;
	(void) err;
	return SINK_POLL_OK;
}

static bool
sink_null_record(Sink *sink, Lsn idle, Error *err)
{
	(void) err;
	null_advance(sink, idle);
	return true;
}

static int
sink_null_watch(Sink *sink, struct pollfd *fds, int room, int64_t *deadline)
{
	(void) sink;
	(void) fds;
	(void) room;
	(void) deadline;
	return 0;
}

static bool
sink_null_drain(Sink *sink, int64_t deadline, Error *err)
{
	(void) sink;
	(void) deadline;
	(void) err;
	return true;
}

static void
sink_null_stats(const Sink *sink, SinkStats *stats)
{
	const SinkNull *null = (const SinkNull *) sink;

	memset(stats, 0, sizeof(*stats));
	stats->records = null->records;
	stats->bytes = null->bytes;
	stats->in_flight = null->records - null->committed;
}

static void
sink_null_free(Sink *sink)
{
	free(sink);
}

static const char *const null_schemes[] = {"null", NULL};

const SinkOps sink_null_ops = {
	.name = "null",
	.schemes = null_schemes,
	.options = NULL,
	.create = sink_null_create,
	.resume = sink_null_resume,
	.check = sink_null_check,
	.put = sink_null_put,
	.commit = sink_null_commit,
	.poll = sink_null_poll,
	.record = sink_null_record,
	.watch = sink_null_watch,
	.drain = sink_null_drain,
	.reopen = sink_no_reopen,
	.stats = sink_null_stats,
	.free = sink_null_free
};
