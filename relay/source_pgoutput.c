/*
 * source_pgoutput.c
 *		The source for PostgreSQL's own output plugin.
 *
 * A frame is one message. Rows come as text and leave in the encoding of our
 * plugin. What a table is has to be asked for (SOURCE_WANTS_TABLE) each time
 * the server describes it; what was found out is remembered, for when the
 * catalog no longer tells. Messages of
 * transactions in progress wait in the spool.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pgoutput.h"
#include "pgoutput_options.h"
#include "pgoutput_row.h"
#include "pgoutput_tables.h"
#include "source.h"
#include "spool.h"
#include "utf8.h"
#include "wire.h"

/* From 1970, where our times begin, to 2000, where the server's do. */
#define SERVER_EPOCH		INT64_C(946684800000000)

#define ORIGIN_SIZE			513 /* a replication origin's name and its NUL */
#define TRUNCATE_BODY_SIZE	(2 * WIRE_MAX_SCALAR)
#define LSN_SIZE			8	/* in front of a message in the spool */
#define TEXT_LIMIT			((size_t) 1 << 30)

/* The record at hand, as it came: from a frame or from the spool. */
typedef struct Record
{
	bool		present;
	Lsn			lsn;
	Slice		bytes;
	bool		in_stream;		/* they have a xid in front */
	PgoutputMessage message;
} Record;

typedef struct SourcePgoutput
{
	Source		base;
	bool		raw_text;
	const Charset *charset;
	PgoutputOptions options;
	Tables		tables;

	Slice		frame;			/* data NULL: used up */
	Lsn			frame_lsn;
	bool		taken;			/* parsed: only what it began is left */
	Record		record;
	RowWriter  *writer;
	Buf			text;			/* a name made UTF-8, a record for the spool */

	bool		in_transaction;
	bool		begun;			/* BEGIN was handed out */
	uint64_t	count;			/* records of the transaction */
	Transaction txn;
	char		origin[ORIGIN_SIZE];

	size_t		truncate_next;
	uint8_t		truncate_body[TRUNCATE_BODY_SIZE];

	Spool	   *spool;			/* NULL: nothing is streamed */
	uint32_t	stream;			/* transaction of the open block; 0: none */
	bool		replaying;
	PgoutputCommit replayed;	/* the commit that ends the replay */
} SourcePgoutput;

/* ---- errors ---- */

static SourceResult
malformed(Error *err)
{
	error_set(err, ERROR_SOURCE, "malformed message from pgoutput");
	return SOURCE_FAILED;
}

static SourceResult
unexpected(PgoutputKind kind, Error *err)
{
	error_set(err, ERROR_SOURCE, "unexpected message \"%c\" from pgoutput",
			  kind > ' ' && kind < 0x7f ? (char) kind : '?');
	return SOURCE_FAILED;
}

/* ---- life ---- */

static SourceOptions
source_pgoutput_options(Source *base, bool streaming)
{
	return pgoutput_options_get(&((SourcePgoutput *) base)->options,
								streaming);
}

static void
source_pgoutput_reset(Source *base)
{
	SourcePgoutput *source = (SourcePgoutput *) base;

	tables_reset(&source->tables);
	source->frame = slice_make(NULL, 0);
	source->record.present = false;
	source->in_transaction = false;
	source->begun = false;
	source->stream = 0;
	source->replaying = false;
	if (source->spool != NULL)
		spool_clear(source->spool);
}

static void
source_pgoutput_free(Source *base)
{
	SourcePgoutput *source = (SourcePgoutput *) base;

	source_pgoutput_reset(base);
	tables_free(&source->tables);
	if (source->writer != NULL)
		row_writer_free(source->writer);
	free(source->writer);
	buf_free(&source->text);
	free(source);
}

static bool
source_pgoutput_feed(Source *base, Slice frame, Lsn lsn, Error *err)
{
	SourcePgoutput *source = (SourcePgoutput *) base;

	if (source->frame.data != NULL || source->record.present ||
		source->replaying)
		return error_set(err, ERROR_INTERNAL,
						 "frame fed before the last one was read");
	source->frame = frame;
	source->frame_lsn = lsn;
	source->taken = false;
	return true;
}

static void
append_text(const SourcePgoutput *source, Buf *out, const char *string)
{
	if (source->charset != NULL)
		charset_append(out, source->charset, slice_of(string));
	else
		utf8_append_repaired(out, slice_of(string));
}

/* Text of the server as UTF-8, in source->text if it has to be repaired. */
static const char *
valid_text(SourcePgoutput *source, const char *string)
{
	const char *repaired;

	if (source->charset == NULL && !source->raw_text)
		return string;
	buf_clear(&source->text);
	append_text(source, &source->text, string);
	repaired = buf_string(&source->text);
	return repaired != NULL ? repaired : "";
}

/* ---- tables ---- */

static SourceResult
want_table(SourcePgoutput *source, SourceEvent *event, Error *err)
{
	const Record *record = &source->record;

	switch (tables_ask(&source->tables, record->bytes, record->in_stream,
					   source->txn.xid, &event->wish, err))
	{
		case TABLES_KNOWN:
			return SOURCE_EMPTY;
		case TABLES_ASKED:
			return SOURCE_WANTS_TABLE;
		case TABLES_FAILED:
			break;
	}
	return SOURCE_FAILED;
}

static bool
source_pgoutput_describe(Source *base, const TablePicture *picture,
						 SourceNote *note, Error *err)
{
	SourcePgoutput *source = (SourcePgoutput *) base;

	return tables_describe(&source->tables, picture, source->txn.commit_lsn,
						   note, err);
}

static bool
source_pgoutput_recall(Source *base, const Notes *notes, Error *err)
{
	return memory_recall(&((SourcePgoutput *) base)->tables.memory, notes,
						 err);
}

/* An enum's label may be younger than the table's description. */
static bool
wants_labels(SourcePgoutput *source, SourceEvent *event)
{
	const PgoutputChange *change = &source->record.message.change;
	const Relation *relation;
	Error		ignored;

	if (memchr("IUD", source->record.message.kind, 3) == NULL)
		return false;
	relation = tables_find(&source->tables, change->relation, &ignored);
	return relation != NULL &&
		!row_writer_knows_labels(source->writer, relation, change) &&
		tables_ask_for_labels(&source->tables, change->relation,
							  source->txn.xid, &event->wish);
}

/* ---- transactions ---- */

static void
start_transaction(SourcePgoutput *source, uint32_t xid, Lsn commit_lsn,
				  int64_t commit_time)
{
	source->origin[0] = '\0';
	source->txn = (Transaction) {
		.xid = xid, .commit_lsn = commit_lsn,
		.commit_time = (int64_t) ((uint64_t) commit_time + SERVER_EPOCH),
		.origin = source->origin
	};
	source->in_transaction = true;
	source->begun = false;
	source->count = 0;
}

static SourceResult
read_begin(SourcePgoutput *source, const PgoutputBegin *begin, Error *err)
{
	if (source->in_transaction)
		return malformed(err);
	start_transaction(source, begin->xid, begin->commit_lsn,
					  begin->commit_time);
	return SOURCE_EMPTY;
}

/* Comes before the transaction's first change. */
static SourceResult
read_origin(SourcePgoutput *source, const char *name, Error *err)
{
	if (!source->in_transaction || source->begun)
		return malformed(err);
	snprintf(source->origin, sizeof(source->origin), "%s",
			 valid_text(source, name));
	return SOURCE_EMPTY;
}

/* Transactions without records, which old servers send, are passed over. */
static SourceResult
end_transaction(SourcePgoutput *source, const PgoutputCommit *commit,
				SourceEvent *event, Error *err)
{
	if (!source->in_transaction ||
		commit->commit_lsn != source->txn.commit_lsn ||
		commit->end_lsn < commit->commit_lsn)
		return malformed(err);
	source->in_transaction = false;
	if (!source->begun)
		return SOURCE_EMPTY;
	event->end = (TxnEnd) {
		.txn = source->txn, .end_lsn = commit->end_lsn,
		.records = source->count
	};
	return SOURCE_COMMIT;
}

/* ---- changes ---- */

static SourceResult
read_change(SourcePgoutput *source, SourceEvent *event, Error *err)
{
	const PgoutputMessage *message = &source->record.message;
	Change	   *change = &event->change;
	const Relation *relation = tables_find(&source->tables,
										   message->change.relation, err);

	if (relation == NULL)
		return SOURCE_FAILED;
	if (!row_writer_put(source->writer, relation, message, source->record.lsn,
						err))
	{
		error_prefix(err, "table %s.%s", relation->table->schema,
					 relation->table->name);
		return SOURCE_FAILED;
	}
	change->txn = &source->txn;
	change->only = NULL;
	change->table = relation->table;
	change->body = buf_slice(&source->writer->body);
	if (!body_parse(change->body, &change->parts))
	{
		error_set(err, ERROR_INTERNAL, "a body was made that is none");
		return SOURCE_FAILED;
	}
	source->count++;
	return SOURCE_CHANGE;
}

/* One table of the truncation; the record stays until there is none left. */
static SourceResult
read_truncate(SourcePgoutput *source, SourceEvent *event, Error *err)
{
	const PgoutputTruncate *truncate = &source->record.message.truncate;
	Change	   *change = &event->change;
	const Relation *relation;
	uint8_t    *end;

	if (truncate->count == 0)
		return malformed(err);
	relation = tables_find(&source->tables,
						   pgoutput_truncated(truncate,
											  source->truncate_next), err);
	if (relation == NULL)
		return SOURCE_FAILED;
	if (source->truncate_next++ == 0)
		source->count++;
	end = wire_put_uint(source->truncate_body, 1, PG_FANOUT__OP__TRUNCATE);
	end = wire_put_uint(end, 5, source->record.lsn);
	memset(change, 0, sizeof(*change));
	change->txn = &source->txn;
	change->only = NULL;
	change->table = relation->table;
	change->body = slice_make(source->truncate_body,
							  (size_t) (end - source->truncate_body));
	change->parts.op = PG_FANOUT__OP__TRUNCATE;
	change->parts.lsn = source->record.lsn;
	return SOURCE_CHANGE;
}

static SourceResult
read_logical(SourcePgoutput *source, SourceEvent *event, Error *err)
{
	const PgoutputLogical *logical = &source->record.message.logical;

	if (logical->transactional && !source->in_transaction)
		return malformed(err);
	event->message.txn = logical->transactional ? &source->txn : NULL;
	event->message.lsn = logical->lsn;
	event->message.prefix = valid_text(source, logical->prefix);
	event->message.content = logical->content;
	source->count += logical->transactional;
	return SOURCE_MESSAGE;
}

/* ---- transactions in progress ---- */

static SourceResult
start_stream(SourcePgoutput *source, Error *err)
{
	const PgoutputMessage *message = &source->record.message;

	if (source->spool == NULL || source->stream != 0 || message->xid == 0 ||
		source->in_transaction)
		return unexpected(PGOUTPUT_STREAM_START, err);
	if (message->first && !spool_begin(source->spool, message->xid, err))
		return SOURCE_FAILED;
	source->stream = message->xid;
	return SOURCE_EMPTY;
}

static SourceResult
stop_stream(SourcePgoutput *source, Error *err)
{
	if (source->stream == 0)
		return unexpected(PGOUTPUT_STREAM_STOP, err);
	source->stream = 0;
	return SOURCE_EMPTY;
}

/* PostgreSQL 18 sends one even if no streaming was asked for. */
static SourceResult
abort_stream(SourcePgoutput *source, Error *err)
{
	const PgoutputMessage *message = &source->record.message;

	if (source->stream != 0)
		return unexpected(PGOUTPUT_STREAM_ABORT, err);
	if (source->spool != NULL &&
		!spool_abort(source->spool, message->xid, message->subxid, err))
		return SOURCE_FAILED;
	return SOURCE_EMPTY;
}

static SourceResult
commit_stream(SourcePgoutput *source, Error *err)
{
	const PgoutputMessage *message = &source->record.message;

	if (source->spool == NULL || source->stream != 0 || source->in_transaction)
		return unexpected(PGOUTPUT_STREAM_COMMIT, err);
	start_transaction(source, message->xid, message->commit.commit_lsn,
					  message->commit.commit_time);
	source->replayed = message->commit;
	source->replaying = true;
	spool_replay(source->spool, message->xid);
	return SOURCE_EMPTY;
}

/*
 * What describes tables, types and the origin is said once per transaction: it
 * stays even if the subtransaction that said it is rolled back.
 */
static SourceResult
spool_frame(SourcePgoutput *source, Error *err)
{
	const PgoutputMessage *message = &source->record.message;
	uint32_t	subxid = memchr("RYO", message->kind, 3) != NULL ?
		source->stream : message->xid;
	uint8_t		lsn[LSN_SIZE];

	wire_store_fixed64(lsn, source->record.lsn);
	buf_clear(&source->text);
	buf_append(&source->text, lsn, sizeof(lsn));
	buf_append_slice(&source->text, source->frame);
	if (buf_failed(&source->text))
	{
		error_no_memory(err);
		return SOURCE_FAILED;
	}
	return spool_append(source->spool, source->stream, subxid,
						buf_slice(&source->text), err) ? SOURCE_EMPTY :
		SOURCE_FAILED;
}

/* ---- walking ---- */

static bool
is_spooled(const SourcePgoutput *source)
{
	const PgoutputMessage *message = &source->record.message;

	if (source->stream == 0 || source->replaying)
		return false;
	if (message->kind == PGOUTPUT_MESSAGE)
		return message->logical.transactional;
	return memchr("RYOIUDT", message->kind, 7) != NULL;
}

/* Records of a transaction, before which its BEGIN has to come. */
static bool
belongs_inside(const PgoutputMessage *message)
{
	return memchr("IUDT", message->kind, 4) != NULL ||
		(message->kind == PGOUTPUT_MESSAGE && message->logical.transactional);
}

/* A message that is neither asked for nor for the relay itself. */
static bool
is_unwanted(const SourcePgoutput *source)
{
	const PgoutputMessage *message = &source->record.message;

	return message->kind == PGOUTPUT_MESSAGE && !source->options.messages &&
		!is_control_prefix(message->logical.prefix);
}

/* What is not handed out. */
static SourceResult
read_control(SourcePgoutput *source, SourceEvent *event, Error *err)
{
	const PgoutputMessage *message = &source->record.message;

	switch (message->kind)
	{
		case PGOUTPUT_BEGIN:
			return read_begin(source, &message->begin, err);
		case PGOUTPUT_ORIGIN:
			return read_origin(source, message->origin, err);
		case PGOUTPUT_COMMIT:
			return end_transaction(source, &message->commit, event, err);
		case PGOUTPUT_TYPE:
			return tables_name_type(&source->tables, &message->type, err) ?
				SOURCE_EMPTY : SOURCE_FAILED;
		case PGOUTPUT_STREAM_START:
			return start_stream(source, err);
		case PGOUTPUT_STREAM_STOP:
			return stop_stream(source, err);
		case PGOUTPUT_STREAM_COMMIT:
			return commit_stream(source, err);
		case PGOUTPUT_STREAM_ABORT:
			return abort_stream(source, err);
		default:
			return unexpected(message->kind, err);
	}
}

/*
 * The record at hand. It is used up, unless something has to be handed out
 * before it: BEGIN, a question for labels, the first tables of a truncation.
 */
static SourceResult
read_record(SourcePgoutput *source, SourceEvent *event, Error *err)
{
	const PgoutputMessage *message = &source->record.message;

	if (is_unwanted(source))
	{
		source->record.present = false;
		return SOURCE_EMPTY;
	}
	if (!is_spooled(source) && belongs_inside(message))
	{
		if (!source->in_transaction)
			return unexpected(message->kind, err);
		if (!source->begun)
		{
			source->begun = true;
			event->txn = source->txn;
			return SOURCE_BEGIN;
		}
		if (message->kind == PGOUTPUT_TRUNCATE &&
			source->truncate_next + 1 < message->truncate.count)
			return read_truncate(source, event, err);
		if (wants_labels(source, event))
			return SOURCE_WANTS_TABLE;
	}
	source->record.present = false;
	if (is_spooled(source))
		return spool_frame(source, err);
	switch (message->kind)
	{
		case PGOUTPUT_RELATION:
			return want_table(source, event, err);
		case PGOUTPUT_INSERT:
		case PGOUTPUT_UPDATE:
		case PGOUTPUT_DELETE:
			return read_change(source, event, err);
		case PGOUTPUT_TRUNCATE:
			return read_truncate(source, event, err);
		case PGOUTPUT_MESSAGE:
			return read_logical(source, event, err);
		default:
			return read_control(source, event, err);
	}
}

static SourceResult
take_record(SourcePgoutput *source, Slice bytes, bool in_stream, Error *err)
{
	source->record.bytes = bytes;
	source->record.in_stream = in_stream;
	switch (pgoutput_parse(bytes, in_stream, &source->record.message))
	{
		case PGOUTPUT_OK:
			source->record.present = true;
			source->truncate_next = 0;
			return SOURCE_EMPTY;
		case PGOUTPUT_UNKNOWN:
			return unexpected(source->record.message.kind, err);
		case PGOUTPUT_MALFORMED:
			break;
	}
	return malformed(err);
}

static SourceResult
take_replayed(SourcePgoutput *source, SourceEvent *event, Error *err)
{
	Slice		bytes;
	WireReader	reader;

	switch (spool_next(source->spool, &bytes, err))
	{
		case SPOOL_RECORD:
			break;
		case SPOOL_AGAIN:
			return SOURCE_AGAIN;
		case SPOOL_END:
			source->replaying = false;
			return end_transaction(source, &source->replayed, event, err);
		case SPOOL_FAILED:
			return SOURCE_FAILED;
	}
	reader = wire_reader(bytes.data, bytes.size);
	if (!wire_read_fixed64(&reader, &source->record.lsn))
		return malformed(err);
	return take_record(source, slice_make(reader.at,
										  (size_t) (reader.end - reader.at)),
					   true, err);
}

static SourceResult
source_pgoutput_next(Source *base, SourceEvent *event, Error *err)
{
	SourcePgoutput *source = (SourcePgoutput *) base;
	SourceResult result = SOURCE_EMPTY;

	while (result == SOURCE_EMPTY)
	{
		if (source->record.present)
			result = read_record(source, event, err);
		else if (source->replaying)
			result = take_replayed(source, event, err);
		else if (source->frame.data == NULL)
			return SOURCE_EMPTY;
		else if (!source->taken)
		{
			source->taken = true;
			source->record.lsn = source->frame_lsn;
			result = take_record(source, source->frame, source->stream != 0,
								 err);
		}
		else
			source->frame = slice_make(NULL, 0);
	}
	return result;
}

static Source *source_pgoutput_create(const SourceConfig *config, Error *err);

const SourceOps source_pgoutput_ops = {
	.name = "pgoutput",
	.plugin = "pgoutput",
	.needs_publications = true,
	.reads_text = true,
	.create = source_pgoutput_create,
	.options = source_pgoutput_options,
	.reset = source_pgoutput_reset,
	.feed = source_pgoutput_feed,
	.next = source_pgoutput_next,
	.describe = source_pgoutput_describe,
	.recall = source_pgoutput_recall,
	.free = source_pgoutput_free
};

static Source *
source_pgoutput_create(const SourceConfig *config, Error *err)
{
	SourcePgoutput *source = calloc(1, sizeof(*source));

	if (source == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	source->base.ops = &source_pgoutput_ops;
	source->raw_text = config->raw_text;
	source->charset = config->charset;
	source->spool = config->spool;
	source->writer = calloc(1, sizeof(*source->writer));
	buf_init(&source->text, TEXT_LIMIT);
	if (!tables_init(&source->tables, source->charset, err))
		goto failed;
	if (source->writer == NULL)
	{
		error_no_memory(err);
		goto failed;
	}
	row_writer_init(source->writer, source->raw_text, source->charset);
	if (pgoutput_options_set(&source->options, config, err))
		return &source->base;

failed:
	source_pgoutput_free(&source->base);
	return NULL;
}
