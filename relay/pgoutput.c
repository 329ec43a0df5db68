/*
 * pgoutput.c
 *		Messages of the built-in output plugin pgoutput. See pgoutput.h.
 *
 * Everything comes from the network: each read is checked against what is
 * left, a message must be used up to its last byte, and lists are walked once
 * when they are found, so that taking from them later cannot fail.
 */
#include "pgoutput.h"

#define FLAG_IDENTITY		1
#define FLAG_TRANSACTIONAL	1
#define FLAG_CASCADE		1
#define FLAG_RESTART		2

typedef struct Reader
{
	const uint8_t *at;
	const uint8_t *end;
	bool		failed;			/* sticks; what is read then is zero */
} Reader;

/* ---- primitives ---- */

static const uint8_t *
take(Reader *reader, size_t size)
{
	const uint8_t *at = reader->at;

	if (reader->failed || size > (size_t) (reader->end - reader->at))
	{
		reader->failed = true;
		return NULL;
	}
	reader->at += size;
	return at;
}

static uint64_t
read_number(Reader *reader, size_t size)
{
	const uint8_t *at = take(reader, size);
	uint64_t	value = 0;

	for (size_t i = 0; at != NULL && i < size; i++)
		value = value << 8 | at[i];
	return value;
}

static uint8_t
read_byte(Reader *reader)
{
	return (uint8_t) read_number(reader, 1);
}

static uint32_t
read_uint32(Reader *reader)
{
	return (uint32_t) read_number(reader, 4);
}

static const char *
read_string(Reader *reader)
{
	size_t		left = (size_t) (reader->end - reader->at);
	const uint8_t *nul = reader->failed || left == 0 ? NULL :
		memchr(reader->at, '\0', left);

	if (nul == NULL)
	{
		reader->failed = true;
		return "";
	}
	return (const char *) take(reader, (size_t) (nul - reader->at) + 1);
}

/* A length that the server has as a signed number, and its bytes. */
static Slice
read_counted(Reader *reader)
{
	uint32_t	size = read_uint32(reader);
	const uint8_t *at = size <= INT32_MAX ? take(reader, size) : NULL;

	if (at == NULL)
	{
		reader->failed = true;
		return slice_make(NULL, 0);
	}
	return slice_make(at, size);
}

static Reader
reader_of(Slice bytes)
{
	Reader		reader = {bytes.data, bytes.data, false};

	if (bytes.size > 0)
		reader.end += bytes.size;
	return reader;
}

static Slice
since(const Reader *reader, const uint8_t *start)
{
	return slice_make(start, (size_t) (reader->at - start));
}

/* ---- lists ---- */

static void
read_column(Reader *reader, PgoutputColumn *column)
{
	column->is_identity = (read_byte(reader) & FLAG_IDENTITY) != 0;
	column->name = read_string(reader);
	column->type_oid = read_uint32(reader);
	column->typmod = (int32_t) read_uint32(reader);
}

static void
read_value(Reader *reader, PgoutputValue *value)
{
	uint8_t		kind = read_byte(reader);

	value->kind = (PgoutputValueKind) kind;
	value->text = slice_make(NULL, 0);
	if (kind == PGOUTPUT_TEXT)
		value->text = read_counted(reader);
	else if (kind != PGOUTPUT_NULL && kind != PGOUTPUT_UNCHANGED)
		reader->failed = true;
}

static uint16_t
read_count(Reader *reader)
{
	uint16_t	count = (uint16_t) read_number(reader, 2);

	if (count > PGOUTPUT_MAX_COLUMNS)
		reader->failed = true;
	return count;
}

static void
read_columns(Reader *reader, PgoutputColumns *columns)
{
	const uint8_t *start;
	PgoutputColumn column;

	columns->count = read_count(reader);
	start = reader->at;
	for (uint16_t i = 0; i < columns->count && !reader->failed; i++)
		read_column(reader, &column);
	columns->bytes = since(reader, start);
}

static void
read_tuple(Reader *reader, PgoutputTuple *tuple)
{
	const uint8_t *start;
	PgoutputValue value;

	tuple->count = read_count(reader);
	start = reader->at;
	for (uint16_t i = 0; i < tuple->count && !reader->failed; i++)
		read_value(reader, &value);
	tuple->bytes = since(reader, start);
}

bool
pgoutput_next_column(PgoutputColumns *columns, PgoutputColumn *column)
{
	Reader		reader = reader_of(columns->bytes);

	if (columns->count == 0)
		return false;
	read_column(&reader, column);
	columns->count--;
	columns->bytes = slice_make(reader.at, (size_t) (reader.end - reader.at));
	return !reader.failed;
}

bool
pgoutput_next_value(PgoutputTuple *tuple, PgoutputValue *value)
{
	Reader		reader = reader_of(tuple->bytes);

	if (tuple->count == 0)
		return false;
	read_value(&reader, value);
	tuple->count--;
	tuple->bytes = slice_make(reader.at, (size_t) (reader.end - reader.at));
	return !reader.failed;
}

uint32_t
pgoutput_truncated(const PgoutputTruncate *truncate, size_t index)
{
	Reader		reader = reader_of(slice_make(truncate->relations.data +
											  4 * index, 4));

	return read_uint32(&reader);
}

/* ---- messages: one function each ---- */

static void
read_begin(Reader *reader, PgoutputBegin *begin)
{
	begin->commit_lsn = read_number(reader, 8);
	begin->commit_time = (int64_t) read_number(reader, 8);
	begin->xid = read_uint32(reader);
}

static void
read_commit(Reader *reader, PgoutputCommit *commit)
{
	/* flags, of which none is defined */
	if (read_byte(reader) != 0)
		reader->failed = true;
	commit->commit_lsn = read_number(reader, 8);
	commit->end_lsn = read_number(reader, 8);
	commit->commit_time = (int64_t) read_number(reader, 8);
}

static const char *
read_origin(Reader *reader)
{
	/* the commit's position at the origin, which we have no use for */
	read_number(reader, 8);
	return read_string(reader);
}

static void
read_relation(Reader *reader, PgoutputRelation *relation)
{
	relation->oid = read_uint32(reader);
	relation->schema = read_string(reader);
	relation->name = read_string(reader);
	relation->identity = (char) read_byte(reader);
	read_columns(reader, &relation->columns);
	if (relation->oid == 0 || relation->name[0] == '\0' ||
		memchr("dnfi", relation->identity, 4) == NULL)
		reader->failed = true;
}

static void
read_type(Reader *reader, PgoutputType *type)
{
	type->oid = read_uint32(reader);
	type->schema = read_string(reader);
	type->name = read_string(reader);
}

static void
read_old(Reader *reader, PgoutputChange *change, uint8_t kind)
{
	if (kind != 'K' && kind != 'O')
		reader->failed = true;
	change->old_kind = (char) kind;
	read_tuple(reader, &change->old);
}

static void
read_change(Reader *reader, PgoutputKind kind, PgoutputChange *change)
{
	uint8_t		part;

	change->relation = read_uint32(reader);
	part = read_byte(reader);
	if (kind == PGOUTPUT_DELETE ||
		(kind == PGOUTPUT_UPDATE && part != 'N'))
	{
		read_old(reader, change, part);
		if (kind == PGOUTPUT_DELETE)
			return;
		part = read_byte(reader);
	}
	if (part != 'N')
		reader->failed = true;
	read_tuple(reader, &change->new);
}

static void
read_truncate(Reader *reader, PgoutputTruncate *truncate)
{
	uint32_t	count = read_uint32(reader);
	uint8_t		flags = read_byte(reader);

	truncate->cascade = (flags & FLAG_CASCADE) != 0;
	truncate->restart_identity = (flags & FLAG_RESTART) != 0;
	if (reader->failed || count != (size_t) (reader->end - reader->at) / 4)
	{
		reader->failed = true;
		return;
	}
	truncate->count = count;
	truncate->relations = slice_make(take(reader, 4 * (size_t) count),
									 4 * (size_t) count);
}

static void
read_logical(Reader *reader, PgoutputLogical *logical)
{
	logical->transactional = (read_byte(reader) & FLAG_TRANSACTIONAL) != 0;
	logical->lsn = read_number(reader, 8);
	logical->prefix = read_string(reader);
	logical->content = read_counted(reader);
}

/* From version 4 on the position and time of the abort may follow. */
static void
read_stream_abort(Reader *reader, PgoutputMessage *message)
{
	message->xid = read_uint32(reader);
	message->subxid = read_uint32(reader);
	if (reader->at != reader->end)
		take(reader, 16);
}

static bool
has_xid_in_stream(PgoutputKind kind)
{
	return memchr("RYIUDTM", kind, 7) != NULL;
}

static bool
read_message(Reader *reader, PgoutputMessage *message)
{
	switch (message->kind)
	{
		case PGOUTPUT_BEGIN:
			read_begin(reader, &message->begin);
			return true;
		case PGOUTPUT_COMMIT:
			read_commit(reader, &message->commit);
			return true;
		case PGOUTPUT_ORIGIN:
			message->origin = read_origin(reader);
			return true;
		case PGOUTPUT_RELATION:
			read_relation(reader, &message->relation);
			return true;
		case PGOUTPUT_TYPE:
			read_type(reader, &message->type);
			return true;
		case PGOUTPUT_INSERT:
		case PGOUTPUT_UPDATE:
		case PGOUTPUT_DELETE:
			read_change(reader, message->kind, &message->change);
			return true;
		case PGOUTPUT_TRUNCATE:
			read_truncate(reader, &message->truncate);
			return true;
		case PGOUTPUT_MESSAGE:
			read_logical(reader, &message->logical);
			return true;
		case PGOUTPUT_STREAM_START:
			message->xid = read_uint32(reader);
			message->first = read_byte(reader) == 1;
			return true;
		case PGOUTPUT_STREAM_STOP:
			return true;
		case PGOUTPUT_STREAM_COMMIT:
			message->xid = read_uint32(reader);
			read_commit(reader, &message->commit);
			return true;
		case PGOUTPUT_STREAM_ABORT:
			read_stream_abort(reader, message);
			return true;
	}
	return false;
}

PgoutputResult
pgoutput_parse(Slice bytes, bool in_stream, PgoutputMessage *message)
{
	Reader		reader = reader_of(bytes);

	memset(message, 0, sizeof(*message));
	message->kind = (PgoutputKind) read_byte(&reader);
	if (in_stream && has_xid_in_stream(message->kind))
		message->xid = read_uint32(&reader);
	if (!read_message(&reader, message))
		return PGOUTPUT_UNKNOWN;
	return reader.failed || reader.at != reader.end ? PGOUTPUT_MALFORMED :
		PGOUTPUT_OK;
}
