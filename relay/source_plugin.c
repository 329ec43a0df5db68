/*
 * source_plugin.c
 *		The source for our own output plugin: frames of change.proto.
 *
 * Changes are walked in place; the rare control records go through protobuf-c.
 * Asks for no streaming: the server sends a transaction when it has committed.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "change.pb-c.h"
#include "oid_map.h"
#include "source.h"

#define RECORD_IN_FRAME		1	/* Frame.record */

/* Field numbers of Record, as in change.proto. */
enum
{
	RECORD_BEGIN = 1,
	RECORD_COMMIT = 2,
	RECORD_TABLE = 3,
	RECORD_CHANGE = 4,
	RECORD_TRUNCATE = 5,
	RECORD_MESSAGE = 6
};

#define ORIGIN_SIZE			513 /* a replication origin's name and its NUL */
#define TRUNCATE_BODY_SIZE	(2 * WIRE_MAX_SCALAR)

typedef struct SourcePlugin
{
	Source		base;
	SourceOptions options;
	const char **names;
	const char **values;

	OidMap		tables;
	WireReader	frame;

	bool		in_transaction;
	Transaction txn;
	char		origin[ORIGIN_SIZE];

	/* a truncation gives one change for each of its tables */
	PgFanout__Truncate *truncate;
	size_t		truncate_next;
	uint8_t		truncate_body[TRUNCATE_BODY_SIZE];

	PgFanout__Message *message;
} SourcePlugin;

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
	return error_hint(err, "Leave it out.");
}

static SourceOptions
source_plugin_options(Source *base)
{
	return ((SourcePlugin *) base)->options;
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
}

static bool
source_plugin_feed(Source *base, Slice frame, Lsn lsn, Error *err)
{
	SourcePlugin *source = (SourcePlugin *) base;

	if (source->frame.at != source->frame.end || source->truncate != NULL)
		return error_set(err, ERROR_INTERNAL,
						 "frame fed before the last one was read");
	(void) lsn;
	source->frame = wire_reader(frame.data, frame.size);
	return true;
}

/* Never asked for: our plugin sends what there is to know. */
static bool
source_plugin_describe(Source *base, const TablePicture *picture, Error *err)
{
	(void) base;
	(void) picture;
	return error_set(err, ERROR_INTERNAL, "a table described unasked");
}

static SourceResult
malformed(const char *record, Error *err)
{
	error_set(err, ERROR_SOURCE, "malformed %s record from the output plugin",
			  record);
	error_hint(err, "Are the plugin and pg_fanout of the same version? "
			   "Compare SELECT fanout.version() with pg_fanout --version.");
	return SOURCE_FAILED;
}

/* ---- records: one function each ---- */

static SourceResult
read_begin(SourcePlugin *source, Slice bytes, SourceEvent *event, Error *err)
{
	PgFanout__Begin *begin = pg_fanout__begin__unpack(NULL, bytes.size,
													  bytes.data);

	if (begin == NULL || source->in_transaction)
	{
		if (begin != NULL)
			pg_fanout__begin__free_unpacked(begin, NULL);
		return malformed("Begin", err);
	}
	snprintf(source->origin, sizeof(source->origin), "%s", begin->origin);
	source->txn.xid = begin->xid;
	source->txn.commit_lsn = begin->commit_lsn;
	source->txn.commit_time = begin->commit_time;
	source->txn.origin = source->origin;
	source->in_transaction = true;
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
		return malformed("Commit", err);
	}
	source->in_transaction = false;
	event->end.txn = source->txn;
	event->end.end_lsn = commit->end_lsn;
	event->end.records = commit->records;
	pg_fanout__commit__free_unpacked(commit, NULL);
	return SOURCE_COMMIT;
}

static bool
read_table(SourcePlugin *source, Slice bytes, Error *err)
{
	PgFanout__Table *record = pg_fanout__table__unpack(NULL, bytes.size,
													   bytes.data);
	Table	   *table = record ? table_new(record) : NULL;
	Table	   *old;

	if (record != NULL)
		pg_fanout__table__free_unpacked(record, NULL);
	if (table == NULL || table->oid == 0)
	{
		table_free(table);
		malformed("Table", err);
		return false;
	}
	old = oid_map_find(&source->tables, table->oid);
	if (!oid_map_set(&source->tables, table->oid, table))
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
	const Table *table = oid_map_find(&source->tables, oid);

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

	if (!source->in_transaction || !change_parse(bytes, &header) ||
		!body_parse(header.body, &change->parts))
		return malformed("Change", err);
	change->txn = &source->txn;
	change->table = find_table(source, header.table, err);
	change->body = header.body;
	return change->table != NULL ? SOURCE_CHANGE : SOURCE_FAILED;
}

static SourceResult
read_truncate(SourcePlugin *source, Slice bytes, Error *err)
{
	source->truncate = pg_fanout__truncate__unpack(NULL, bytes.size,
												   bytes.data);
	source->truncate_next = 0;
	if (source->truncate == NULL || !source->in_transaction)
		return malformed("Truncate", err);
	return SOURCE_EMPTY;
}

/* The next table of the truncation at hand; SOURCE_EMPTY: it is used up. */
static SourceResult
next_truncated(SourcePlugin *source, SourceEvent *event, Error *err)
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
	if (message == NULL || (message->transactional && !source->in_transaction))
		return malformed("Message", err);
	event->message.txn = message->transactional ? &source->txn : NULL;
	event->message.lsn = message->lsn;
	event->message.prefix = message->prefix;
	event->message.content = slice_make(message->content.data,
										message->content.len);
	return SOURCE_MESSAGE;
}

/* ---- walking ---- */

/* SOURCE_EMPTY: the record was for us alone. */
static SourceResult
read_record(SourcePlugin *source, Slice record, SourceEvent *event, Error *err)
{
	WireReader	reader = wire_reader(record.data, record.size);
	WireField	field;
	Slice		bytes;

	if (wire_next(&reader, &field) != WIRE_FIELD || field.kind != WIRE_BYTES ||
		reader.at != reader.end)
		return malformed("framing of a", err);
	bytes = slice_make(field.data, field.size);
	switch (field.number)
	{
		case RECORD_BEGIN:
			return read_begin(source, bytes, event, err);
		case RECORD_COMMIT:
			return read_commit(source, bytes, event, err);
		case RECORD_TABLE:
			return read_table(source, bytes, err) ? SOURCE_EMPTY :
				SOURCE_FAILED;
		case RECORD_CHANGE:
			return read_change(source, bytes, event, err);
		case RECORD_TRUNCATE:
			return read_truncate(source, bytes, err);
		case RECORD_MESSAGE:
			return read_message(source, bytes, event, err);
		default:
			/* streaming and two-phase records: not asked for, so not for us */
			return SOURCE_EMPTY;
	}
}

static SourceResult
source_plugin_next(Source *base, SourceEvent *event, Error *err)
{
	SourcePlugin *source = (SourcePlugin *) base;
	WireField	field;

	release_event(source);
	for (;;)
	{
		SourceResult result = next_truncated(source, event, err);

		if (result != SOURCE_EMPTY)
			return result;
		switch (wire_next(&source->frame, &field))
		{
			case WIRE_END:
				return SOURCE_EMPTY;
			case WIRE_BAD:
				return malformed("frame around a", err);
			case WIRE_FIELD:
				break;
		}
		if (field.number != RECORD_IN_FRAME || field.kind != WIRE_BYTES)
			return malformed("frame around a", err);
		result = read_record(source, slice_make(field.data, field.size), event,
							 err);
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
	.free = source_plugin_free
};

static Source *
source_plugin_create(const SourceConfig *config, Error *err)
{
	const SourceOptions *user = &config->user;
	SourcePlugin *source = calloc(1, sizeof(*source));
	size_t		count = user->count + 1;

	if (source == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	source->base.ops = &source_plugin_ops;
	source->names = calloc(count, sizeof(char *));
	source->values = calloc(count, sizeof(char *));
	if (source->names == NULL || source->values == NULL)
	{
		error_no_memory(err);
		goto failed;
	}
	source->names[0] = "proto_version";
	source->values[0] = "1";
	for (size_t i = 0; i < user->count; i++)
	{
		if (!check_option(user->names[i], err))
			goto failed;
		source->names[i + 1] = user->names[i];
		source->values[i + 1] = user->values[i];
	}
	source->options = (SourceOptions) {source->names, source->values, count};
	return &source->base;

failed:
	source_plugin_free(&source->base);
	return NULL;
}
