/*
 * format_protobuf.c
 *		The protobuf format: the bytes the server sent, and Source behind them.
 *
 * A value is the change's body (Body of change.proto, which is what the typed
 * .proto of the table describes) with field 15, Source, appended: putting
 * protobuf messages one behind the other merges them, so nothing is decoded or
 * copied field by field. A key is a Row with the key columns' fields. A
 * logical message is a Message with Source in field 15 too. Fields of Source
 * that are zero or empty are left out, but for the position, commit_lsn and
 * seq.
 */
#include "format.h"

#include <stdlib.h>

#include "record_key.h"
#include "wire.h"

/* The numbers of change.proto. */
enum
{
	BODY_SOURCE = 15
};

enum
{
	SOURCE_DB = 1,
	SOURCE_SCHEMA = 2,
	SOURCE_TABLE = 3,
	SOURCE_COMMIT_LSN = 4,
	SOURCE_SEQ = 5,
	SOURCE_XID = 6,
	SOURCE_COMMIT_TIME = 7,
	SOURCE_SNAPSHOT = 8,
	SOURCE_ORIGIN = 9,
	SOURCE_VERSION = 10
};

enum
{
	MESSAGE_TRANSACTIONAL = 1,
	MESSAGE_LSN = 2,
	MESSAGE_PREFIX = 3,
	MESSAGE_CONTENT = 4,
	MESSAGE_XID = 5
};

typedef struct FormatProtobuf
{
	Format		base;
	char	   *database;
	Buf			key;
	Buf			old_key;
	Buf			value;
	Buf			message;
	Buf			scratch;
	PositionHeaders headers;
} FormatProtobuf;

/* Whose Source it is. */
typedef struct SourceOf
{
	const Table *table;			/* NULL: a logical message */
	const Transaction *txn;		/* NULL: not in a transaction */
	Position	position;
	bool		snapshot;
} SourceOf;

/* ---- Source ---- */

static uint8_t *
put_text(uint8_t *at, uint32_t number, const char *text)
{
	size_t		size = text != NULL ? strlen(text) : 0;

	return size > 0 ? wire_put_bytes(at, number, text, size) : at;
}

static size_t
text_room(const char *text)
{
	return text != NULL ? strlen(text) + WIRE_MAX_PREFIX : 0;
}

static size_t
source_room(const char *database, const SourceOf *of)
{
	size_t		room = 8 * WIRE_MAX_SCALAR + WIRE_NESTED_ROOM;

	room += text_room(database);
	if (of->table != NULL)
		room += text_room(of->table->schema) + text_room(of->table->name);
	return room + (of->txn != NULL ? text_room(of->txn->origin) : 0);
}

static uint8_t *
put_source_fields(uint8_t *at, const char *database, const SourceOf *of)
{
	const Transaction *txn = of->txn;

	at = put_text(at, SOURCE_DB, database);
	if (of->table != NULL)
	{
		at = put_text(at, SOURCE_SCHEMA, of->table->schema);
		at = put_text(at, SOURCE_TABLE, of->table->name);
	}
	at = wire_put_uint(at, SOURCE_COMMIT_LSN, of->position.lsn);
	at = wire_put_uint(at, SOURCE_SEQ, of->position.seq);
	if (txn != NULL && txn->xid != 0)
		at = wire_put_uint(at, SOURCE_XID, txn->xid);
	if (txn != NULL && txn->commit_time != 0)
		at = wire_put_uint(at, SOURCE_COMMIT_TIME,
						   (uint64_t) txn->commit_time);
	if (of->snapshot)
		at = wire_put_uint(at, SOURCE_SNAPSHOT, 1);
	if (txn != NULL)
		at = put_text(at, SOURCE_ORIGIN, txn->origin);
	if (of->table != NULL && of->table->version != 0)
		at = wire_put_fixed64(at, SOURCE_VERSION, of->table->version);
	return at;
}

/* Appends Source to out, for which there must be source_room. */
static void
append_source(Buf *out, const char *database, const SourceOf *of)
{
	uint8_t    *content = wire_open_nested(out->data + out->size, BODY_SOURCE);
	uint8_t    *end = put_source_fields(content, database, of);

	out->size = wire_close_nested(out->data, (size_t) (content - out->data),
								  (size_t) (end - out->data));
}

/* ---- the operations ---- */

/* Into a buffer of its own for each of the two: both are wanted at once. */
static bool
render_key(FormatProtobuf *protobuf, const Change *change, bool old,
		   Slice *key, Error *err)
{
	/* an empty row is a key too, and its data must not be NULL */
	static const uint8_t empty[1];
	Buf		   *out = old ? &protobuf->old_key : &protobuf->key;
	RecordKey	found;

	*key = slice_make(NULL, 0);
	format_recycle(out);
	found = old ? record_key_find_old(change, out, &protobuf->scratch) :
		record_key_find(change, out);
	if (found == RECORD_KEY_BAD)
		return error_set(err, ERROR_RECORD, "malformed row of table %s.%s",
						 change->table->schema, change->table->name);
	if (found == RECORD_KEY_FOUND)
		*key = out->size > 0 ? buf_slice(out) : slice_make(empty, 0);
	return format_fits(out, err) && format_fits(&protobuf->scratch, err);
}

static bool
render_value(FormatProtobuf *protobuf, const Change *change, Position position,
			 Error *err)
{
	SourceOf	of = {
		.table = change->table, .txn = change->txn, .position = position,
		.snapshot = change->parts.op == PG_FANOUT__OP__READ
	};
	Buf		   *out = &protobuf->value;

	format_recycle(out);
	buf_append_slice(out, change->body);
	buf_reserve(out, source_room(protobuf->database, &of));
	if (!format_fits(out, err))
		return false;
	append_source(out, protobuf->database, &of);
	return true;
}

static FormatResult
format_protobuf_change(Format *format, const Change *change, Position position,
					   const char *topic, Records *out, Error *err)
{
	FormatProtobuf *protobuf = (FormatProtobuf *) format;
	PlainRecord plain = {.op = change->parts.op};

	(void) topic;
	if (!render_key(protobuf, change, false, &plain.key, err) ||
		!render_key(protobuf, change, true, &plain.old_key, err) ||
		!render_value(protobuf, change, position, err))
		return FORMAT_FAILED;
	plain.value = buf_slice(&protobuf->value);
	format_put_plain(out, &plain, position, &protobuf->headers);
	return FORMAT_OK;
}

static FormatResult
format_protobuf_message(Format *format, const LogicalMessage *message,
						Position position, const char *topic, Records *records,
						Error *err)
{
	FormatProtobuf *protobuf = (FormatProtobuf *) format;
	SourceOf	of = {.txn = message->txn, .position = position};
	Buf		   *out = &protobuf->message;
	uint8_t    *at;

	(void) topic;
	format_recycle(out);
	buf_reserve(out, 3 * WIRE_MAX_SCALAR + text_room(message->prefix) +
				WIRE_MAX_PREFIX + message->content.size +
				source_room(protobuf->database, &of));
	if (!format_fits(out, err))
		return FORMAT_FAILED;
	at = out->data;
	if (message->txn != NULL)
		at = wire_put_uint(at, MESSAGE_TRANSACTIONAL, 1);
	if (message->lsn != 0)
		at = wire_put_uint(at, MESSAGE_LSN, message->lsn);
	at = put_text(at, MESSAGE_PREFIX, message->prefix);
	if (message->content.size > 0)
		at = wire_put_bytes(at, MESSAGE_CONTENT, message->content.data,
							message->content.size);
	if (message->txn != NULL && message->txn->xid != 0)
		at = wire_put_uint(at, MESSAGE_XID, message->txn->xid);
	out->size = (size_t) (at - out->data);
	append_source(out, protobuf->database, &of);
	records->count = 1;
	records->records[0] = (Record) {.value = buf_slice(out)};
	return FORMAT_OK;
}

static void
format_protobuf_free(Format *format)
{
	FormatProtobuf *protobuf = (FormatProtobuf *) format;

	buf_free(&protobuf->key);
	buf_free(&protobuf->old_key);
	buf_free(&protobuf->value);
	buf_free(&protobuf->message);
	buf_free(&protobuf->scratch);
	free(protobuf->database);
	free(protobuf);
}

extern const FormatOps format_protobuf_ops;

static Format *
format_protobuf_create(const FormatConfig *config, Error *err)
{
	FormatProtobuf *protobuf = calloc(1, sizeof(*protobuf));

	if (protobuf == NULL ||
		(protobuf->database = strdup(config->database)) == NULL)
	{
		free(protobuf);
		error_no_memory(err);
		return NULL;
	}
	protobuf->base.ops = &format_protobuf_ops;
	buf_init(&protobuf->key, FORMAT_LIMIT);
	buf_init(&protobuf->old_key, FORMAT_LIMIT);
	buf_init(&protobuf->value, FORMAT_LIMIT);
	buf_init(&protobuf->message, FORMAT_LIMIT);
	buf_init(&protobuf->scratch, FORMAT_LIMIT);
	return &protobuf->base;
}

const FormatOps format_protobuf_ops = {
	.name = "protobuf",
	.extension = "pb",
	.binary = true,
	.create = format_protobuf_create,
	.begin = format_no_begin,
	.change = format_protobuf_change,
	.message = format_protobuf_message,
	.commit = format_no_commit,
	.tick = format_no_tick,
	.watch = format_no_watch,
	.free = format_protobuf_free
};
