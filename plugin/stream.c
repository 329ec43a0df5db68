/*
 * stream.c
 *		Transactions streamed while in progress, and two-phase commit.
 *
 * A block's start is sent with its first record, like Begin, and a transaction
 * of which no block was sent ends without a word. Prepared transactions are
 * the exception: after a restart nobody could tell whether their preparation
 * was left out.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "compat.h"
#include "plugin.h"
#include "text.h"

/* ---- streamed transactions ---- */

static Stream *
stream_new(Plugin *plugin, ReorderBufferTXN *txn)
{
	MemoryContext context = AllocSetContextCreate(plugin->context,
												  "pg_fanout stream",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Stream	   *stream = palloc0(sizeof(Stream));

	stream->context = context;
	stream->serial = ++plugin->last_serial;
	stream->xid = txn->xid;
	stream->origin = plugin_origin_name(txn->origin_id);
	stream->announcements = plugin_new_announcements(context);
	MemoryContextSwitchTo(old);
	return stream;
}

static void
stream_free(ReorderBufferTXN *txn)
{
	Stream	   *stream = txn->output_plugin_private;

	txn->output_plugin_private = NULL;
	if (stream != NULL)
		MemoryContextDelete(stream->context);
}

static void
stream_start(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
	Plugin	   *plugin = plugin_of(ctx);

	frame_discard_partial(&plugin->frame);
	row_reset_settings();
	if (txn->output_plugin_private == NULL)
		txn->output_plugin_private = stream_new(plugin, txn);
	plugin->stream = txn->output_plugin_private;
	plugin->stream->open = false;
}

void
stream_begin_block(Plugin *plugin)
{
	Stream	   *stream = plugin->stream;
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__StreamStart start = PG_FANOUT__STREAM_START__INIT;

	if (stream->open)
		return;
	start.xid = stream->xid;
	start.first = !stream->started;
	record.kind_case = PG_FANOUT__RECORD__KIND_STREAM_START;
	record.stream_start = &start;
	frame_put_record(&plugin->frame, &record);
	stream->open = true;
	stream->started = true;
}

static void
stream_end_block(Plugin *plugin)
{
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__StreamStop stop = PG_FANOUT__STREAM_STOP__INIT;

	if (!plugin->stream->open)
		return;
	stop.xid = plugin->stream->xid;
	record.kind_case = PG_FANOUT__RECORD__KIND_STREAM_STOP;
	record.stream_stop = &stop;
	frame_put_record(&plugin->frame, &record);
	frame_flush(&plugin->frame);
	plugin->stream->open = false;
}

/* Also called after a change whose transaction turned out to be aborted. */
static void
stream_stop(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
	Plugin	   *plugin = plugin_of(ctx);

	frame_discard_partial(&plugin->frame);
	stream_end_block(plugin);
	plugin->stream = NULL;
	cache_sweep(plugin->cache);
}

/*
 * PostgreSQL 18 may call this for a transaction that was never streamed, and
 * without streaming having been asked for.
 */
static void
stream_abort(LogicalDecodingContext *ctx, ReorderBufferTXN *txn,
			 XLogRecPtr lsn)
{
	Plugin	   *plugin = plugin_of(ctx);
	ReorderBufferTXN *top = compat_top_transaction(txn);
	Stream	   *stream = top->output_plugin_private;
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__StreamAbort abort = PG_FANOUT__STREAM_ABORT__INIT;

	if (stream == NULL)
		return;
	if (stream->started)
	{
		abort.xid = top->xid;
		abort.subxid = txn->xid;
		abort.lsn = lsn;
		record.kind_case = PG_FANOUT__RECORD__KIND_STREAM_ABORT;
		record.stream_abort = &abort;
		frame_put_record(&plugin->frame, &record);
		frame_flush(&plugin->frame);
	}
	if (txn == top)
		stream_free(txn);
}

static void
stream_put_commit(Plugin *plugin, ReorderBufferTXN *txn, XLogRecPtr lsn,
				  const Stream *stream)
{
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__StreamCommit commit = PG_FANOUT__STREAM_COMMIT__INIT;

	commit.xid = txn->xid;
	commit.commit_lsn = lsn;
	commit.end_lsn = txn->end_lsn;
	commit.commit_time = plugin_unix_time(txn->xact_time.commit_time);
	commit.origin = stream->origin;
	record.kind_case = PG_FANOUT__RECORD__KIND_STREAM_COMMIT;
	record.stream_commit = &commit;
	frame_put_record(&plugin->frame, &record);
	frame_flush(&plugin->frame);
}

static void
stream_commit(LogicalDecodingContext *ctx, ReorderBufferTXN *txn,
			  XLogRecPtr lsn)
{
	Stream	   *stream = txn->output_plugin_private;
	bool		started = stream != NULL && stream->started;

	OutputPluginUpdateProgress(ctx, !started);
	if (started)
		stream_put_commit(plugin_of(ctx), txn, lsn, stream);
	stream_free(txn);
}

/* ---- two-phase commit; only slots that were created for it get here ---- */

static bool
prepare_filter(LogicalDecodingContext *ctx, TransactionId xid,
			   const char *gid)
{
	return false;
}

static void
prepare_put(Plugin *plugin, ReorderBufferTXN *txn, XLogRecPtr lsn)
{
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__Prepare prepare = PG_FANOUT__PREPARE__INIT;
	MemoryContext old = MemoryContextSwitchTo(plugin->scratch);

	prepare.xid = txn->xid;
	prepare.gid = text_to_utf8(txn->gid);
	prepare.prepare_lsn = lsn;
	prepare.end_lsn = txn->end_lsn;
	prepare.prepare_time = plugin_unix_time(txn->xact_time.prepare_time);
	record.kind_case = PG_FANOUT__RECORD__KIND_PREPARE;
	record.prepare = &prepare;
	frame_put_record(&plugin->frame, &record);
	frame_flush(&plugin->frame);
	MemoryContextSwitchTo(old);
	MemoryContextReset(plugin->scratch);
}

static void
prepare_begin(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
	Plugin	   *plugin = plugin_of(ctx);
	MemoryContext old = MemoryContextSwitchTo(plugin->scratch);

	frame_discard_partial(&plugin->frame);
	row_reset_settings();
	plugin->begun = false;
	plugin->records = 0;
	plugin_begin(plugin, txn);
	MemoryContextSwitchTo(old);
	MemoryContextReset(plugin->scratch);
}

static void
prepare_end(LogicalDecodingContext *ctx, ReorderBufferTXN *txn,
			XLogRecPtr lsn)
{
	Plugin	   *plugin = plugin_of(ctx);

	frame_discard_partial(&plugin->frame);
	OutputPluginUpdateProgress(ctx, false);
	prepare_put(plugin, txn, lsn);
	plugin->begun = false;
	cache_sweep(plugin->cache);
}

static void
prepare_end_stream(LogicalDecodingContext *ctx, ReorderBufferTXN *txn,
				   XLogRecPtr lsn)
{
	Plugin	   *plugin = plugin_of(ctx);
	Stream	   *stream = txn->output_plugin_private;

	OutputPluginUpdateProgress(ctx, false);
	if (stream != NULL && !stream->started)
	{
		plugin->stream = stream;
		stream_begin_block(plugin);
		stream_end_block(plugin);
		plugin->stream = NULL;
	}
	prepare_put(plugin, txn, lsn);
	stream_free(txn);
}

static void
prepare_commit(LogicalDecodingContext *ctx, ReorderBufferTXN *txn,
			   XLogRecPtr lsn)
{
	Plugin	   *plugin = plugin_of(ctx);
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__CommitPrepared commit = PG_FANOUT__COMMIT_PREPARED__INIT;
	MemoryContext old = MemoryContextSwitchTo(plugin->scratch);

	OutputPluginUpdateProgress(ctx, false);
	commit.xid = txn->xid;
	commit.gid = text_to_utf8(txn->gid);
	commit.commit_lsn = lsn;
	commit.end_lsn = txn->end_lsn;
	commit.commit_time = plugin_unix_time(txn->xact_time.commit_time);
	record.kind_case = PG_FANOUT__RECORD__KIND_COMMIT_PREPARED;
	record.commit_prepared = &commit;
	frame_put_record(&plugin->frame, &record);
	frame_flush(&plugin->frame);
	MemoryContextSwitchTo(old);
	MemoryContextReset(plugin->scratch);
}

static void
prepare_rollback(LogicalDecodingContext *ctx, ReorderBufferTXN *txn,
				 XLogRecPtr prepare_end_lsn, TimestampTz prepare_time)
{
	Plugin	   *plugin = plugin_of(ctx);
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__RollbackPrepared rollback = PG_FANOUT__ROLLBACK_PREPARED__INIT;
	MemoryContext old = MemoryContextSwitchTo(plugin->scratch);

	OutputPluginUpdateProgress(ctx, false);
	rollback.xid = txn->xid;
	rollback.gid = text_to_utf8(txn->gid);
	rollback.prepare_end_lsn = prepare_end_lsn;
	rollback.rollback_end_lsn = txn->end_lsn;
	rollback.prepare_time = plugin_unix_time(prepare_time);
	rollback.rollback_time = plugin_unix_time(txn->xact_time.commit_time);
	record.kind_case = PG_FANOUT__RECORD__KIND_ROLLBACK_PREPARED;
	record.rollback_prepared = &rollback;
	frame_put_record(&plugin->frame, &record);
	frame_flush(&plugin->frame);
	MemoryContextSwitchTo(old);
	MemoryContextReset(plugin->scratch);
}

void
stream_init_callbacks(OutputPluginCallbacks *callbacks)
{
	callbacks->stream_start_cb = stream_start;
	callbacks->stream_stop_cb = stream_stop;
	callbacks->stream_abort_cb = stream_abort;
	callbacks->stream_commit_cb = stream_commit;
	callbacks->stream_prepare_cb = prepare_end_stream;
	callbacks->filter_prepare_cb = prepare_filter;
	callbacks->begin_prepare_cb = prepare_begin;
	callbacks->prepare_cb = prepare_end;
	callbacks->commit_prepared_cb = prepare_commit;
	callbacks->rollback_prepared_cb = prepare_rollback;
}
