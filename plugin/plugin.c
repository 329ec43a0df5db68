/*
 * plugin.c
 *		The output plugin: life of a decoding session, and transactions that
 *		are decoded at their commit.
 *
 * Begin is sent with a transaction's first record, so that a transaction
 * without any costs nothing on the wire. Nothing is held across a commit.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "fmgr.h"
#include "replication/origin.h"
#include "utils/memutils.h"

#include "change.h"
#include "compat.h"
#include "plugin.h"
#include "text.h"

PG_MODULE_MAGIC_EXT(
					.name = "pg_fanout"
);

extern PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *cb);

/* Where the plugin itself must tell the client that it is alive. */
#define PLUGIN_PROGRESS_EVERY	100

/* Beyond this many the client is told again rather than more remembered. */
#define PLUGIN_MAX_ANNOUNCEMENTS 100000

/* ---- session ---- */

/* In the current context, the session's. */
static void
plugin_allocate_images(Plugin *plugin)
{
	for (int i = 0; i < lengthof(plugin->values); i++)
	{
		plugin->values[i] = palloc(sizeof(Datum) * MaxHeapAttributeNumber);
		plugin->isnull[i] = palloc(sizeof(bool) * MaxHeapAttributeNumber);
	}
}

static void
plugin_startup(LogicalDecodingContext *ctx, OutputPluginOptions *opt,
			   bool is_init)
{
	MemoryContext context = AllocSetContextCreate(ctx->context, "pg_fanout",
												  ALLOCSET_DEFAULT_SIZES);
	Plugin	   *plugin = MemoryContextAllocZero(context, sizeof(Plugin));
	MemoryContext old = MemoryContextSwitchTo(context);

	plugin->ctx = ctx;
	plugin->context = context;
	plugin->scratch = AllocSetContextCreate(context, "pg_fanout scratch",
											ALLOCSET_DEFAULT_SIZES);
	ctx->output_plugin_private = plugin;
	opt->output_type = OUTPUT_PLUGIN_BINARY_OUTPUT;
	option_parse(ctx->output_plugin_options, &plugin->options);
	ctx->streaming &= !is_init && plugin->options.streaming;
	ctx->twophase_opt_given = false;	/* the slot alone decides */
	if (!is_init)
	{
		text_setup();
		plugin_allocate_images(plugin);
		plugin->announcements = plugin_new_announcements(context);
		plugin->cache = cache_new(context, plugin->options.publication_names);
		frame_init(&plugin->frame, ctx, context, plugin->options.batch_bytes);
	}
	MemoryContextSwitchTo(old);
}

static void
plugin_shutdown(LogicalDecodingContext *ctx)
{
	Plugin	   *plugin = plugin_of(ctx);

	if (plugin != NULL)
		MemoryContextDelete(plugin->context);
	ctx->output_plugin_private = NULL;
}

/* ---- what all transactions need ---- */

char *
plugin_origin_name(RepOriginId origin)
{
	char	   *name;

	if (origin == InvalidRepOriginId ||
		!replorigin_by_oid(origin, true, &name))
		return pstrdup("");
	return text_to_utf8(name);
}

HTAB *
plugin_new_announcements(MemoryContext context)
{
	HASHCTL		control = {
		.keysize = sizeof(Oid),
		.entrysize = sizeof(Announcement),
		.hcxt = context
	};

	return hash_create("pg_fanout announcements", 16, &control,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
plugin_announce_to(Plugin *plugin, HTAB *announcements,
				   const CacheEntry *entry)
{
	bool		found;
	Announcement *known = hash_search(announcements, &entry->published_as,
									  HASH_ENTER, &found);

	if (found && known->version == entry->version)
		return;

	/* In case writing fails, and decoding goes on after an abort. */
	known->version = 0;
	frame_put_packed(&plugin->frame, entry->record, entry->record_size);
	known->version = entry->version;
}

void
plugin_announce(Plugin *plugin, CacheEntry *entry)
{
	if (plugin->stream != NULL)
	{
		if (entry->stream == plugin->stream->serial)
			return;
		plugin_announce_to(plugin, plugin->stream->announcements, entry);
		entry->stream = plugin->stream->serial;
		return;
	}
	if (entry->announced)
		return;
	plugin_announce_to(plugin, plugin->announcements, entry);
	entry->announced = true;
}

static void
plugin_put_begin(Plugin *plugin, ReorderBufferTXN *txn)
{
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__Begin begin = PG_FANOUT__BEGIN__INIT;

	begin.xid = txn->xid;
	begin.commit_lsn = txn->final_lsn;
	begin.commit_time = plugin_unix_time(txn->xact_time.commit_time);
	begin.origin = plugin_origin_name(txn->origin_id);
	record.kind_case = PG_FANOUT__RECORD__KIND_BEGIN;
	record.begin = &begin;
	frame_put_record(&plugin->frame, &record);
}

void
plugin_begin(Plugin *plugin, ReorderBufferTXN *txn)
{
	if (plugin->stream != NULL)
		stream_begin_block(plugin);
	else if (!plugin->begun)
	{
		plugin_put_begin(plugin, txn);
		plugin->begun = true;
	}
}

/*
 * The server does not pass it for messages, but it keeps it to notice an
 * abort. Once the top-level transaction has committed no part of it can abort
 * any more, the server keeps nothing, and it does not matter which part it is.
 */
TransactionId
plugin_subxid(const Plugin *plugin)
{
	return TransactionIdIsValid(CheckXidAlive) ? CheckXidAlive :
		plugin->stream->xid;
}

static void
plugin_count_skipped(Plugin *plugin)
{
	if (!COMPAT_PLUGIN_REPORTS_PROGRESS ||
		++plugin->skipped < PLUGIN_PROGRESS_EVERY)
		return;
	plugin->skipped = 0;
	OutputPluginUpdateProgress(plugin->ctx, false);
}

/* ---- transactions that are decoded at their commit ---- */

static void
plugin_begin_transaction(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
	Plugin	   *plugin = plugin_of(ctx);

	frame_discard_partial(&plugin->frame);
	row_reset_settings();
	plugin->begun = false;
	plugin->records = 0;
}

static void
plugin_put_commit(Plugin *plugin, ReorderBufferTXN *txn,
				  XLogRecPtr commit_lsn)
{
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;
	PgFanout__Commit commit = PG_FANOUT__COMMIT__INIT;

	commit.xid = txn->xid;
	commit.commit_lsn = commit_lsn;
	commit.end_lsn = txn->end_lsn;
	commit.commit_time = plugin_unix_time(txn->xact_time.commit_time);
	commit.records = plugin->records;
	record.kind_case = PG_FANOUT__RECORD__KIND_COMMIT;
	record.commit = &commit;
	frame_put_record(&plugin->frame, &record);
	frame_flush(&plugin->frame);
}

static void
plugin_commit(LogicalDecodingContext *ctx, ReorderBufferTXN *txn,
			  XLogRecPtr commit_lsn)
{
	Plugin	   *plugin = plugin_of(ctx);

	OutputPluginUpdateProgress(ctx, !plugin->begun);
	if (plugin->begun)
		plugin_put_commit(plugin, txn, commit_lsn);
	plugin->begun = false;
	cache_sweep(plugin->cache);
	if (hash_get_num_entries(plugin->announcements) > PLUGIN_MAX_ANNOUNCEMENTS)
	{
		hash_destroy(plugin->announcements);
		plugin->announcements = plugin_new_announcements(plugin->context);
	}
}

/* ---- changes, streamed or not ---- */

static void
plugin_change(LogicalDecodingContext *ctx, ReorderBufferTXN *txn,
			  Relation relation, ReorderBufferChange *change)
{
	Plugin	   *plugin = plugin_of(ctx);
	MemoryContext old = MemoryContextSwitchTo(plugin->scratch);

	if (is_publishable_relation(relation) &&
		publish_change(plugin, cache_find(plugin->cache, relation), txn,
					   change))
		plugin->records++;
	else
		plugin_count_skipped(plugin);
	MemoryContextSwitchTo(old);
	MemoryContextReset(plugin->scratch);
}

/* Does the truncation count, and as the relation itself? */
static bool
plugin_publishes_truncate(const CacheEntry *entry)
{
	return entry->actions.pubtruncate && entry->published_as == entry->relid;
}

static void
plugin_put_truncate(Plugin *plugin, PgFanout__Truncate *truncate,
					ReorderBufferChange *change)
{
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;

	truncate->cascade = change->data.truncate.cascade;
	truncate->restart_identity = change->data.truncate.restart_seqs;
	truncate->lsn = change->lsn;
	if (plugin->stream != NULL)
	{
		truncate->xid = plugin->stream->xid;
		truncate->subxid = change->txn->xid;
	}
	record.kind_case = PG_FANOUT__RECORD__KIND_TRUNCATE;
	record.truncate = truncate;
	frame_put_record(&plugin->frame, &record);
	plugin->records++;
}

static void
plugin_truncate(LogicalDecodingContext *ctx, ReorderBufferTXN *txn,
				int count, Relation relations[], ReorderBufferChange *change)
{
	Plugin	   *plugin = plugin_of(ctx);
	MemoryContext old = MemoryContextSwitchTo(plugin->scratch);
	PgFanout__Truncate truncate = PG_FANOUT__TRUNCATE__INIT;

	truncate.table = palloc(sizeof(uint32_t) * count);
	for (int i = 0; i < count; i++)
	{
		CacheEntry *entry;

		if (!is_publishable_relation(relations[i]))
			continue;
		entry = cache_find(plugin->cache, relations[i]);
		if (!plugin_publishes_truncate(entry))
			continue;
		plugin_begin(plugin, txn);
		plugin_announce(plugin, entry);
		truncate.table[truncate.n_table++] = entry->relid;
	}
	if (truncate.n_table > 0)
		plugin_put_truncate(plugin, &truncate, change);
	else
		plugin_count_skipped(plugin);
	MemoryContextSwitchTo(old);
	MemoryContextReset(plugin->scratch);
}

static void
plugin_put_message(Plugin *plugin, PgFanout__Message *message)
{
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;

	if (message->transactional && plugin->stream != NULL)
	{
		message->xid = plugin->stream->xid;
		message->subxid = plugin_subxid(plugin);
	}
	record.kind_case = PG_FANOUT__RECORD__KIND_MESSAGE;
	record.message = message;
	frame_put_record(&plugin->frame, &record);
	if (message->transactional)
		plugin->records++;
	else
		frame_flush(&plugin->frame);
}

static void
plugin_message(LogicalDecodingContext *ctx, ReorderBufferTXN *txn,
			   XLogRecPtr lsn, bool transactional, const char *prefix,
			   Size size, const char *content)
{
	Plugin	   *plugin = plugin_of(ctx);
	PgFanout__Message message = PG_FANOUT__MESSAGE__INIT;
	MemoryContext old;

	if (!plugin->options.messages && !is_control_prefix(prefix))
	{
		plugin_count_skipped(plugin);
		return;
	}
	old = MemoryContextSwitchTo(plugin->scratch);
	if (transactional)
		plugin_begin(plugin, txn);
	message.transactional = transactional;
	message.lsn = lsn;
	message.prefix = text_to_utf8(prefix);
	message.content.len = size;
	message.content.data = (uint8_t *) unconstify(char *, content);
	plugin_put_message(plugin, &message);
	MemoryContextSwitchTo(old);
	MemoryContextReset(plugin->scratch);
}

static bool
plugin_filter_by_origin(LogicalDecodingContext *ctx, RepOriginId origin)
{
	return plugin_of(ctx)->options.local_only && origin != InvalidRepOriginId;
}

void
_PG_output_plugin_init(OutputPluginCallbacks *cb)
{
	cb->startup_cb = plugin_startup;
	cb->shutdown_cb = plugin_shutdown;
	cb->begin_cb = plugin_begin_transaction;
	cb->commit_cb = plugin_commit;
	cb->change_cb = plugin_change;
	cb->truncate_cb = plugin_truncate;
	cb->message_cb = plugin_message;
	cb->filter_by_origin_cb = plugin_filter_by_origin;
	cb->stream_change_cb = plugin_change;
	cb->stream_truncate_cb = plugin_truncate;
	cb->stream_message_cb = plugin_message;
	stream_init_callbacks(cb);
}
