/*
 * source_plugin_stream.c
 *		Transactions that the plugin streams while they are in progress.
 *
 * They come in blocks, several transactions by turns; what is in a block goes
 * to the spool. Then an abort drops a subtransaction or all of it, or a commit
 * makes it come back: begin, its records, commit, as if it came only now. A
 * transaction of which nothing is left gives nothing, like one that was empty
 * from the beginning.
 */
#include "source_plugin.h"

#include "spool.h"

static void
release_table(void *table)
{
	table_free(table);
}

static void
end_replay(SourcePlugin *source)
{
	oid_map_free(&source->replay.tables, release_table);
	source->replay = (Replay) {.held = SOURCE_EMPTY};
	source->in_transaction = false;
}

void
source_plugin_reset_stream(SourcePlugin *source)
{
	end_replay(source);
	source->in_block = false;
	if (source->spool != NULL)
		spool_clear(source->spool);
}

/* ---- blocks ---- */

static SourceResult
read_start(SourcePlugin *source, Slice bytes, Error *err)
{
	PgFanout__StreamStart *start = pg_fanout__stream_start__unpack(NULL,
																   bytes.size,
																   bytes.data);
	SourceResult result = SOURCE_EMPTY;

	if (start == NULL || source->spool == NULL || source->in_block ||
		source->in_transaction ||
		(!start->first && !spool_knows(source->spool, start->xid)))
		result = source_plugin_malformed("StreamStart", err);
	else if (start->first && !spool_begin(source->spool, start->xid, err))
		result = SOURCE_FAILED;
	else
	{
		source->in_block = true;
		source->block_xid = start->xid;
	}
	if (start != NULL)
		pg_fanout__stream_start__free_unpacked(start, NULL);
	return result;
}

static SourceResult
read_stop(SourcePlugin *source, Slice bytes, Error *err)
{
	PgFanout__StreamStop *stop = pg_fanout__stream_stop__unpack(NULL,
																bytes.size,
																bytes.data);
	bool		fits = stop != NULL && source->in_block &&
		stop->xid == source->block_xid;

	if (stop != NULL)
		pg_fanout__stream_stop__free_unpacked(stop, NULL);
	source->in_block = false;
	return fits ? SOURCE_EMPTY : source_plugin_malformed("StreamStop", err);
}

SourceResult
source_plugin_keep(SourcePlugin *source, uint32_t xid, uint32_t subxid,
				   Error *err)
{
	if (xid != source->block_xid || subxid == 0)
		return source_plugin_malformed("streamed", err);
	return spool_append(source->spool, xid, subxid, source->record, err) ?
		SOURCE_EMPTY : SOURCE_FAILED;
}

/* ---- what becomes of them ---- */

/*
 * PostgreSQL 18 may report the abort of a transaction that was never streamed,
 * even without having been asked to stream.
 */
static SourceResult
read_abort(SourcePlugin *source, Slice bytes, Error *err)
{
	PgFanout__StreamAbort *abort = pg_fanout__stream_abort__unpack(NULL,
																   bytes.size,
																   bytes.data);
	SourceResult result = SOURCE_EMPTY;

	if (abort == NULL || source->in_block || source->in_transaction)
		result = source_plugin_malformed("StreamAbort", err);
	else if (source->spool != NULL &&
			 !spool_abort(source->spool, abort->xid, abort->subxid, err))
		result = SOURCE_FAILED;
	if (abort != NULL)
		pg_fanout__stream_abort__free_unpacked(abort, NULL);
	return result;
}

static void
begin_replay(SourcePlugin *source, const PgFanout__StreamCommit *commit)
{
	Transaction txn = {
		.xid = commit->xid, .commit_lsn = commit->commit_lsn,
		.commit_time = commit->commit_time
	};

	source_plugin_enter(source, &txn, commit->origin);
	source->replay = (Replay) {.active = true, .held = SOURCE_EMPTY,
		.end_lsn = commit->end_lsn};
	spool_replay(source->spool, commit->xid);
}

static SourceResult
read_stream_commit(SourcePlugin *source, Slice bytes, Error *err)
{
	PgFanout__StreamCommit *commit =
		pg_fanout__stream_commit__unpack(NULL, bytes.size, bytes.data);
	bool		fits = commit != NULL && source->spool != NULL &&
		!source->in_block && !source->in_transaction &&
		commit->end_lsn >= commit->commit_lsn &&
		spool_knows(source->spool, commit->xid);

	if (fits)
		begin_replay(source, commit);
	if (commit != NULL)
		pg_fanout__stream_commit__free_unpacked(commit, NULL);
	return fits ? SOURCE_EMPTY : source_plugin_malformed("StreamCommit", err);
}

SourceResult
source_plugin_control(SourcePlugin *source, uint32_t kind, Slice bytes,
					  Error *err)
{
	switch (kind)
	{
		case RECORD_STREAM_START:
			return read_start(source, bytes, err);
		case RECORD_STREAM_STOP:
			return read_stop(source, bytes, err);
		case RECORD_STREAM_ABORT:
			return read_abort(source, bytes, err);
		case RECORD_STREAM_COMMIT:
			return read_stream_commit(source, bytes, err);
		default:
			return SOURCE_EMPTY;
	}
}

/* ---- replay ---- */

/* The commit, if anything came before it; SOURCE_EMPTY: nothing did. */
static SourceResult
finish_replay(SourcePlugin *source, SourceEvent *event)
{
	bool		begun = source->replay.begun;

	event->end = (TxnEnd) {
		.txn = source->txn, .end_lsn = source->replay.end_lsn,
		.records = source->replay.records
	};
	end_replay(source);
	return begun ? SOURCE_COMMIT : SOURCE_EMPTY;
}

/* SOURCE_EMPTY: a record for us alone; SOURCE_COMMIT: all are through. */
static SourceResult
read_spooled(SourcePlugin *source, SourceEvent *event, Error *err)
{
	Slice		record;

	switch (spool_next(source->spool, &record, err))
	{
		case SPOOL_RECORD:
			return source_plugin_read(source, record, event, err);
		case SPOOL_AGAIN:
			return SOURCE_AGAIN;
		case SPOOL_END:
			return SOURCE_COMMIT;
		case SPOOL_FAILED:
			break;
	}
	return SOURCE_FAILED;
}

/* A truncation counts once: so does the plugin. */
static SourceResult
read_replayed(SourcePlugin *source, SourceEvent *event, Error *err)
{
	for (;;)
	{
		SourceResult result = source_plugin_next_truncated(source, event, err);

		if (result != SOURCE_EMPTY)
			return result;
		result = read_spooled(source, event, err);
		if (result == SOURCE_CHANGE || result == SOURCE_MESSAGE ||
			source->truncate != NULL)
			source->replay.records++;
		if (result != SOURCE_EMPTY)
			return result;
	}
}

SourceResult
source_plugin_replay(SourcePlugin *source, SourceEvent *event, Error *err)
{
	Replay	   *replay = &source->replay;
	SourceResult result = replay->held;

	if (result != SOURCE_EMPTY)
	{
		*event = replay->event;
		replay->held = SOURCE_EMPTY;
		return result;
	}
	result = read_replayed(source, event, err);
	if (result == SOURCE_COMMIT)
		return finish_replay(source, event);
	if (replay->begun || result == SOURCE_AGAIN || result == SOURCE_FAILED)
		return result;
	replay->begun = true;
	replay->held = result;
	replay->event = *event;
	event->txn = source->txn;
	return SOURCE_BEGIN;
}
