/*
 * source_plugin.c
 *		The source for our own output plugin: frames of change.proto.
 *
 * Changes are walked in place; the rare control records go through protobuf-c.
 * Records of a transaction that is streamed while in progress go to the spool
 * (source_plugin_stream.c) and come back through here at its commit.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "source_plugin.h"

#define RECORD_IN_FRAME		1	/* Frame.record */
#define OWN_OPTIONS			2	/* at most, before the user's */
#define STREAMING_OPTION	1	/* the second, if there is a spool */

static void
release_event(SourcePlugin *source)
{
	if (source->message != NULL)
		pg_fanout__message__free_unpacked(source->message, NULL);
	source->message = NULL;
}

static void
release_truncate(SourcePlugin *source)
{
	if (source->truncate != NULL)
		pg_fanout__truncate__free_unpacked(source->truncate, NULL);
	source->truncate = NULL;
}

static void
release_table(void *table)
{
	table_free(table);
}

/* ---- options ---- */

/* What the relay itself decides: the user may not. */
static bool
check_option(const char *name, Error *err)
{
	if (strcmp(name, "streaming") != 0 && strcmp(name, "proto_version") != 0)
		return true;
	error_set(err, ERROR_USAGE,
			  "plugin option \"%s\" is set by pg_fanout itself", name);
	return error_hint(err, strcmp(name, "streaming") == 0 ?
					  "Use --streaming=on or --streaming=off." :
					  "Leave it out.");
}

static SourceOptions
source_plugin_options(Source *base, bool streaming)
{
	SourcePlugin *source = (SourcePlugin *) base;

	if (source->spool != NULL)
		source->values[STREAMING_OPTION] = streaming ? "on" : "off";
	return source->options;
}

static void
source_plugin_reset(Source *base)
{
	SourcePlugin *source = (SourcePlugin *) base;

	release_event(source);
	release_truncate(source);
	oid_map_free(&source->tables, release_table);
	source->in_transaction = false;
	source->frame = wire_reader(NULL, 0);
	source_plugin_reset_stream(source);
}

static bool
source_plugin_feed(Source *base, Slice frame, Lsn lsn, Error *err)
{
	SourcePlugin *source = (SourcePlugin *) base;

	if (source->frame.at != source->frame.end || source->truncate != NULL ||
		source->replay.active)
		return error_set(err, ERROR_INTERNAL,
						 "frame fed before the last one was read");
	(void) lsn;
	source->frame = wire_reader(frame.data, frame.size);
	return true;
}

/* Never asked for: our plugin sends what there is to know. */
static bool
source_plugin_describe(Source *base, const TablePicture *picture,
					   SourceNote *note, Error *err)
{
	(void) base;
	(void) picture;
	(void) note;
	return error_set(err, ERROR_INTERNAL, "a table described unasked");
}

static bool
source_plugin_recall(Source *base, const Notes *notes, Error *err)
{
	(void) base;
	(void) notes;
	(void) err;
	return true;
}

SourceResult
source_plugin_malformed(const char *record, Error *err)
{
	error_set(err, ERROR_SOURCE, "malformed %s record from the output plugin",
			  record);
	error_hint(err, "Are the plugin and pg_fanout of the same version? "
			   "Compare SELECT fanout.version() with pg_fanout --version.");
	return SOURCE_FAILED;
}

/* ---- records: one function each ---- */

void
source_plugin_enter(SourcePlugin *source, const Transaction *txn,
					const char *origin)
{
	snprintf(source->origin, sizeof(source->origin), "%s", origin);
	source->txn = *txn;
	source->txn.origin = source->origin;
	source->in_transaction = true;
}

static SourceResult
read_begin(SourcePlugin *source, Slice bytes, SourceEvent *event, Error *err)
{
	PgFanout__Begin *begin = pg_fanout__begin__unpack(NULL, bytes.size,
													  bytes.data);
	Transaction txn;

	if (begin == NULL || source->in_transaction || source->in_block)
	{
		if (begin != NULL)
			pg_fanout__begin__free_unpacked(begin, NULL);
		return source_plugin_malformed("Begin", err);
	}
	txn = (Transaction) {.xid = begin->xid, .commit_lsn = begin->commit_lsn,
		.commit_time = begin->commit_time};
	source_plugin_enter(source, &txn, begin->origin);
	pg_fanout__begin__free_unpacked(begin, NULL);
	event->txn = source->txn;
	return SOURCE_BEGIN;
}

static SourceResult
read_commit(SourcePlugin *source, Slice bytes, SourceEvent *event, Error *err)
{
	PgFanout__Commit *commit = pg_fanout__commit__unpack(NULL, bytes.size,
														 bytes.data);

	if (commit == NULL || !source->in_transaction ||
		commit->commit_lsn != source->txn.commit_lsn ||
		commit->end_lsn < commit->commit_lsn)
	{
		if (commit != NULL)
			pg_fanout__commit__free_unpacked(commit, NULL);
		return source_plugin_malformed("Commit", err);
	}
	source->in_transaction = false;
	event->end.txn = source->txn;
	event->end.end_lsn = commit->end_lsn;
	event->end.records = commit->records;
	pg_fanout__commit__free_unpacked(commit, NULL);
	return SOURCE_COMMIT;
}

/* A streamed transaction has its own descriptions, and no others. */
static OidMap *
current_tables(SourcePlugin *source)
{
	return source->replay.active ? &source->replay.tables : &source->tables;
}

static bool
read_table(SourcePlugin *source, Slice bytes, Error *err)
{
	PgFanout__Table *record = pg_fanout__table__unpack(NULL, bytes.size,
													   bytes.data);
	Table	   *table = record ? table_new(record) : NULL;
	OidMap	   *tables = current_tables(source);
	Table	   *old;

	if (record != NULL)
		pg_fanout__table__free_unpacked(record, NULL);
	if (table == NULL || table->oid == 0)
	{
		table_free(table);
		source_plugin_malformed("Table", err);
		return false;
	}
	old = oid_map_find(tables, table->oid);
	if (!oid_map_set(tables, table->oid, table))
	{
		table_free(table);
		return error_no_memory(err);
	}
	table_free(old);
	return true;
}

static const Table *
find_table(SourcePlugin *source, uint32_t oid, Error *err)
{
	const Table *table = oid_map_find(current_tables(source), oid);

	if (table == NULL)
		error_set(err, ERROR_SOURCE,
				  "change of table %" PRIu32 " before its description", oid);
	return table;
}

static SourceResult
read_change(SourcePlugin *source, Slice bytes, SourceEvent *event, Error *err)
{
	Change	   *change = &event->change;
	ChangeHeader header;

	if (!change_parse(bytes, &header))
		return source_plugin_malformed("Change", err);
	if (source->in_block)
		return source_plugin_keep(source, header.xid, header.subxid, err);
	if (!source->in_transaction || !body_parse(header.body, &change->parts))
		return source_plugin_malformed("Change", err);
	change->txn = &source->txn;
	change->only = NULL;
	change->table = find_table(source, header.table, err);
	change->body = header.body;
	return change->table != NULL ? SOURCE_CHANGE : SOURCE_FAILED;
}

static SourceResult
read_truncate(SourcePlugin *source, Slice bytes, Error *err)
{
	PgFanout__Truncate *truncate;
	SourceResult result = SOURCE_EMPTY;

	truncate = pg_fanout__truncate__unpack(NULL, bytes.size, bytes.data);
	source->truncate = truncate;
	source->truncate_next = 0;
	if (truncate == NULL || (!source->in_transaction && !source->in_block))
		return source_plugin_malformed("Truncate", err);
	if (source->in_block)
	{
		result = source_plugin_keep(source, truncate->xid, truncate->subxid,
									err);
		release_truncate(source);
	}
	return result;
}

SourceResult
source_plugin_next_truncated(SourcePlugin *source, SourceEvent *event,
							 Error *err)
{
	Change	   *change = &event->change;
	PgFanout__Truncate *truncate = source->truncate;
	uint8_t    *end;

	if (truncate == NULL)
		return SOURCE_EMPTY;
	if (source->truncate_next == truncate->n_table)
	{
		release_truncate(source);
		return SOURCE_EMPTY;
	}
	end = wire_put_uint(source->truncate_body, 1, PG_FANOUT__OP__TRUNCATE);
	end = wire_put_uint(end, 5, truncate->lsn);
	memset(change, 0, sizeof(*change));
	change->txn = &source->txn;
	change->only = NULL;
	change->table = find_table(source,
							   truncate->table[source->truncate_next++], err);
	change->body = slice_make(source->truncate_body,
							  (size_t) (end - source->truncate_body));
	change->parts.op = PG_FANOUT__OP__TRUNCATE;
	change->parts.lsn = truncate->lsn;
	return change->table != NULL ? SOURCE_CHANGE : SOURCE_FAILED;
}

static SourceResult
read_message(SourcePlugin *source, Slice bytes, SourceEvent *event, Error *err)
{
	PgFanout__Message *message = pg_fanout__message__unpack(NULL, bytes.size,
															bytes.data);

	source->message = message;
	if (message != NULL && message->transactional && source->in_block)
		return source_plugin_keep(source, message->xid, message->subxid, err);
	if (message == NULL || (message->transactional && !source->in_transaction))
		return source_plugin_malformed("Message", err);
	event->message.txn = message->transactional ? &source->txn : NULL;
	event->message.lsn = message->lsn;
	event->message.prefix = message->prefix;
	event->message.content = slice_make(message->content.data,
										message->content.len);
	return SOURCE_MESSAGE;
}

/* ---- walking ---- */

static SourceResult
read_description(SourcePlugin *source, Slice bytes, Error *err)
{
	/* sent once for the whole transaction: no subtransaction takes it along */
	if (source->in_block)
		return source_plugin_keep(source, source->block_xid,
								  source->block_xid, err);
	return read_table(source, bytes, err) ? SOURCE_EMPTY : SOURCE_FAILED;
}

SourceResult
source_plugin_read(SourcePlugin *source, Slice record, SourceEvent *event,
				   Error *err)
{
	WireReader	reader = wire_reader(record.data, record.size);
	WireField	field;
	Slice		bytes;

	if (wire_next(&reader, &field) != WIRE_FIELD || field.kind != WIRE_BYTES ||
		reader.at != reader.end)
		return source_plugin_malformed("framing of a", err);
	bytes = slice_make(field.data, field.size);
	release_event(source);
	source->record = record;
	switch (field.number)
	{
		case RECORD_BEGIN:
			return read_begin(source, bytes, event, err);
		case RECORD_COMMIT:
			return read_commit(source, bytes, event, err);
		case RECORD_TABLE:
			return read_description(source, bytes, err);
		case RECORD_CHANGE:
			return read_change(source, bytes, event, err);
		case RECORD_TRUNCATE:
			return read_truncate(source, bytes, err);
		case RECORD_MESSAGE:
			return read_message(source, bytes, event, err);
		case RECORD_PREPARE:
		case RECORD_COMMIT_PREPARED:
		case RECORD_ROLLBACK_PREPARED:
			/* only a slot made for two-phase commit has them: refused */
			return source_plugin_malformed("two-phase", err);
		default:
			return source_plugin_control(source, field.number, bytes, err);
	}
}

/* What the next record of the frame gives; there is one. */
static SourceResult
read_frame(SourcePlugin *source, SourceEvent *event, Error *err)
{
	WireField	field;

	if (wire_next(&source->frame, &field) != WIRE_FIELD ||
		field.number != RECORD_IN_FRAME || field.kind != WIRE_BYTES)
		return source_plugin_malformed("frame around a", err);
	return source_plugin_read(source, slice_make(field.data, field.size),
							  event, err);
}

static SourceResult
source_plugin_next(Source *base, SourceEvent *event, Error *err)
{
	SourcePlugin *source = (SourcePlugin *) base;

	for (;;)
	{
		SourceResult result = source->replay.active ?
			source_plugin_replay(source, event, err) :
			source_plugin_next_truncated(source, event, err);

		if (result != SOURCE_EMPTY)
			return result;
		if (source->frame.at == source->frame.end)
			return SOURCE_EMPTY;
		result = read_frame(source, event, err);
		if (result != SOURCE_EMPTY)
			return result;
	}
}

static void
source_plugin_free(Source *base)
{
	SourcePlugin *source = (SourcePlugin *) base;

	source_plugin_reset(base);
	free(source->names);
	free(source->values);
	free(source);
}

static Source *source_plugin_create(const SourceConfig *config, Error *err);

const SourceOps source_plugin_ops = {
	.name = "pg_fanout",
	.plugin = "pg_fanout",
	.create = source_plugin_create,
	.options = source_plugin_options,
	.reset = source_plugin_reset,
	.feed = source_plugin_feed,
	.next = source_plugin_next,
	.describe = source_plugin_describe,
	.recall = source_plugin_recall,
	.free = source_plugin_free
};

/* What we ask the plugin for; the user's options follow. */
static size_t
add_own_options(SourcePlugin *source)
{
	size_t		count = 0;

	source->names[count] = "proto_version";
	source->values[count++] = "1";
	if (source->spool != NULL)
	{
		source->names[count] = "streaming";
		source->values[count++] = "on";
	}
	return count;
}

static Source *
source_plugin_create(const SourceConfig *config, Error *err)
{
	const SourceOptions *user = &config->user;
	SourcePlugin *source = calloc(1, sizeof(*source));
	size_t		count;

	if (source == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	source->base.ops = &source_plugin_ops;
	source->spool = config->spool;
	source->names = calloc(user->count + OWN_OPTIONS, sizeof(char *));
	source->values = calloc(user->count + OWN_OPTIONS, sizeof(char *));
	if (source->names == NULL || source->values == NULL)
	{
		error_no_memory(err);
		goto failed;
	}
	count = add_own_options(source);
	for (size_t i = 0; i < user->count; i++)
	{
		if (!check_option(user->names[i], err))
			goto failed;
		source->names[count] = user->names[i];
		source->values[count++] = user->values[i];
	}
	source->options = (SourceOptions) {source->names, source->values, count};
	return &source->base;

failed:
	source_plugin_free(&source->base);
	return NULL;
}
