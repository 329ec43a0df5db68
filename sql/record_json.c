/*
 * record_json.c
 *		The records of a frame as JSON. See record_json.h.
 *
 * Control records are unpacked by protobuf-c into memory of the current
 * context; rows are shown by the code that the relay's JSON uses. Knows
 * neither slots nor how the frames came here.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "change.h"
#include "change.pb-c.h"
#include "record_json.h"
#include "row_json.h"

/* Tables described within a stream belong to it. */
typedef struct TableKey
{
	uint32		stream;
	uint32		oid;
} TableKey;

typedef struct TableEntry
{
	TableKey	key;
	Table	   *table;
} TableEntry;

static void
record_fail(const char *kind)
{
	ereport(ERROR,
			errcode(ERRCODE_DATA_CORRUPTED),
			errmsg("malformed %s record in the output of the slot", kind));
}

/* ---- tables ---- */

void
record_reader_init(RecordReader *reader, MemoryContext context)
{
	HASHCTL		control = {
		.keysize = sizeof(TableKey),
		.entrysize = sizeof(TableEntry),
		.hcxt = context
	};

	memset(reader, 0, sizeof(*reader));
	reader->context = context;
	reader->tables = hash_create("pg_fanout records' tables", 64, &control,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
reader_add_table(RecordReader *reader, const PgFanout__Table *record)
{
	TableKey	key = {reader->stream, record->oid};
	MemoryContext old = MemoryContextSwitchTo(reader->context);
	Table	   *table = table_new(record);
	TableEntry *entry;
	bool		found;

	if (table == NULL)
		record_fail("table");
	entry = hash_search(reader->tables, &key, HASH_ENTER, &found);
	if (found)
		table_free(entry->table);
	entry->table = table;
	MemoryContextSwitchTo(old);
}

static const Table *
reader_find_table(const RecordReader *reader, uint32 oid)
{
	TableKey	key = {reader->stream, oid};
	TableEntry *entry = hash_search(reader->tables, &key, HASH_FIND, NULL);

	if (entry == NULL)
		ereport(ERROR,
				errcode(ERRCODE_DATA_CORRUPTED),
				errmsg("change of a table that was not described before: %u",
					   oid));
	return entry->table;
}

/* json, and a domain over it, may hold more than jsonb can. */
static bool
column_may_not_fit(const Column *column)
{
	return column->encoding == PG_FANOUT__ENCODING__JSON &&
		strcmp(column->type_name, "pg_catalog.jsonb") != 0 &&
		strcmp(column->type_name, "pg_catalog._jsonb") != 0;
}

static const Table *
table_with_json_as_text(const Table *table)
{
	Table	   *copy = palloc(sizeof(Table));
	Column	   *columns = palloc(sizeof(Column) * Max(table->column_count, 1));

	*copy = *table;
	copy->columns = columns;
	for (size_t i = 0; i < table->column_count; i++)
	{
		columns[i] = table->columns[i];
		if (column_may_not_fit(&columns[i]))
			columns[i].encoding = PG_FANOUT__ENCODING__TEXT;
	}
	return copy;
}

/* ---- members of an object ---- */

static void
put_key(Buf *out, const char *key)
{
	if (out->size > 0 && out->data[out->size - 1] != '{')
		buf_append_byte(out, ',');
	json_append_string(out, slice_of(key));
	buf_append_byte(out, ':');
}

static void
put_string(Buf *out, const char *key, const char *value)
{
	put_key(out, key);
	json_append_string(out, slice_of(value));
}

static void
put_uint(Buf *out, const char *key, uint64 value)
{
	put_key(out, key);
	json_append_uint(out, value);
}

static void
put_bool(Buf *out, const char *key, bool value)
{
	put_key(out, key);
	json_append_bool(out, value);
}

static void
put_lsn(Buf *out, const char *key, uint64 value)
{
	put_key(out, key);
	json_append_lsn(out, value);
}

static void
put_time(Buf *out, const char *key, int64 value)
{
	put_key(out, key);
	json_append_timestamptz(out, value);
}

static void
put_table_name(Buf *out, const Table *table)
{
	char	   *name = psprintf("%s.%s", table->schema, table->name);

	json_append_string(out, slice_of(name));
}

/*
 * An enum's label as protobuf-c has it, in lower case and without its prefix.
 */
static void
put_label(Buf *out, const char *key, const ProtobufCEnumDescriptor *labels,
		  int value, const char *prefix)
{
	const ProtobufCEnumValue *label =
		protobuf_c_enum_descriptor_get_value(labels, value);
	char	   *text = pstrdup(label != NULL ? label->name : "UNKNOWN");
	size_t		length = strlen(prefix);

	for (char *at = text; *at != '\0'; at++)
		*at = pg_ascii_tolower((unsigned char) *at);
	put_string(out, key, strncmp(text, prefix, length) == 0 ?
			   text + length : text);
}

/* The transaction of a record inside a stream; outside Begin has told it. */
static void
put_stream_xids(Buf *out, uint32 xid, uint32 subxid)
{
	if (xid == 0)
		return;
	put_uint(out, "xid", xid);
	if (subxid != 0 && subxid != xid)
		put_uint(out, "subxid", subxid);
}

/* ---- transactions ---- */

static RecordRow
put_begin(RecordReader *reader, const PgFanout__Begin *begin, Buf *out)
{
	reader->xid = begin->xid;
	put_string(out, "kind", "begin");
	put_uint(out, "xid", begin->xid);
	put_lsn(out, "commit_lsn", begin->commit_lsn);
	put_time(out, "commit_time", begin->commit_time);
	if (begin->origin[0] != '\0')
		put_string(out, "origin", begin->origin);
	return (RecordRow) {begin->commit_lsn, begin->xid};
}

static RecordRow
put_commit(RecordReader *reader, const PgFanout__Commit *commit, Buf *out)
{
	reader->xid = 0;
	put_string(out, "kind", "commit");
	put_uint(out, "xid", commit->xid);
	put_lsn(out, "commit_lsn", commit->commit_lsn);
	put_lsn(out, "end_lsn", commit->end_lsn);
	put_time(out, "commit_time", commit->commit_time);
	put_uint(out, "records", commit->records);
	return (RecordRow) {commit->commit_lsn, commit->xid};
}

static RecordRow
put_stream_start(RecordReader *reader, const PgFanout__StreamStart *start,
				 Buf *out)
{
	reader->stream = start->xid;
	put_string(out, "kind", "stream_start");
	put_uint(out, "xid", start->xid);
	put_bool(out, "first", start->first);
	return (RecordRow) {0, start->xid};
}

static RecordRow
put_stream_stop(RecordReader *reader, const PgFanout__StreamStop *stop,
				Buf *out)
{
	reader->stream = 0;
	put_string(out, "kind", "stream_stop");
	put_uint(out, "xid", stop->xid);
	return (RecordRow) {0, stop->xid};
}

static RecordRow
put_stream_abort(const PgFanout__StreamAbort *abort, Buf *out)
{
	put_string(out, "kind", "stream_abort");
	put_uint(out, "xid", abort->xid);
	put_uint(out, "subxid", abort->subxid);
	put_lsn(out, "lsn", abort->lsn);
	return (RecordRow) {abort->lsn, abort->xid};
}

static RecordRow
put_stream_commit(const PgFanout__StreamCommit *commit, Buf *out)
{
	put_string(out, "kind", "stream_commit");
	put_uint(out, "xid", commit->xid);
	put_lsn(out, "commit_lsn", commit->commit_lsn);
	put_lsn(out, "end_lsn", commit->end_lsn);
	put_time(out, "commit_time", commit->commit_time);
	if (commit->origin[0] != '\0')
		put_string(out, "origin", commit->origin);
	return (RecordRow) {commit->commit_lsn, commit->xid};
}

static RecordRow
put_prepare(RecordReader *reader, const PgFanout__Prepare *prepare, Buf *out)
{
	reader->xid = 0;
	put_string(out, "kind", "prepare");
	put_uint(out, "xid", prepare->xid);
	put_string(out, "gid", prepare->gid);
	put_lsn(out, "prepare_lsn", prepare->prepare_lsn);
	put_lsn(out, "end_lsn", prepare->end_lsn);
	put_time(out, "prepare_time", prepare->prepare_time);
	return (RecordRow) {prepare->prepare_lsn, prepare->xid};
}

static RecordRow
put_commit_prepared(const PgFanout__CommitPrepared *commit, Buf *out)
{
	put_string(out, "kind", "commit_prepared");
	put_uint(out, "xid", commit->xid);
	put_string(out, "gid", commit->gid);
	put_lsn(out, "commit_lsn", commit->commit_lsn);
	put_lsn(out, "end_lsn", commit->end_lsn);
	put_time(out, "commit_time", commit->commit_time);
	return (RecordRow) {commit->commit_lsn, commit->xid};
}

static RecordRow
put_rollback_prepared(const PgFanout__RollbackPrepared *rollback, Buf *out)
{
	put_string(out, "kind", "rollback_prepared");
	put_uint(out, "xid", rollback->xid);
	put_string(out, "gid", rollback->gid);
	put_lsn(out, "prepare_end_lsn", rollback->prepare_end_lsn);
	put_lsn(out, "rollback_end_lsn", rollback->rollback_end_lsn);
	put_time(out, "prepare_time", rollback->prepare_time);
	put_time(out, "rollback_time", rollback->rollback_time);
	return (RecordRow) {rollback->rollback_end_lsn, rollback->xid};
}

/* ---- tables ---- */

static void
put_column_labels(Buf *out, const PgFanout__Column *column)
{
	put_key(out, "labels");
	buf_append_byte(out, '[');
	for (size_t i = 0; i < column->n_enum_label; i++)
	{
		if (i > 0)
			buf_append_byte(out, ',');
		json_append_string(out, slice_of(column->enum_label[i]));
	}
	buf_append_byte(out, ']');
}

/* What is off, zero or none is left out. */
static void
put_column(Buf *out, const PgFanout__Column *column)
{
	buf_append_byte(out, '{');
	put_uint(out, "number", column->number);
	put_string(out, "name", column->name);
	put_string(out, "type", column->type_name);
	put_label(out, "encoding", &pg_fanout__encoding__descriptor,
			  column->encoding, "");
	if (column->typmod != -1)
	{
		put_key(out, "typmod");
		json_append_int(out, column->typmod);
	}
	if (column->array)
		put_bool(out, "array", true);
	if (column->not_null)
		put_bool(out, "not_null", true);
	if (column->key_position > 0)
		put_uint(out, "key_position", column->key_position);
	if (column->identity_position > 0)
		put_uint(out, "identity_position", column->identity_position);
	if (column->generated != PG_FANOUT__GENERATED__GENERATED_NO)
		put_bool(out, "generated", true);
	if (column->n_enum_label > 0)
		put_column_labels(out, column);
	buf_append_byte(out, '}');
}

static RecordRow
put_table(RecordReader *reader, const PgFanout__Table *table, Buf *out)
{
	reader_add_table(reader, table);
	put_string(out, "kind", "table");
	put_uint(out, "oid", table->oid);
	put_string(out, "version", psprintf(UINT64_FORMAT, table->version));
	put_string(out, "schema", table->schema);
	put_string(out, "name", table->name);
	put_label(out, "identity", &pg_fanout__replica_identity__descriptor,
			  table->identity, "replica_identity_");
	put_key(out, "columns");
	buf_append_byte(out, '[');
	for (size_t i = 0; i < table->n_column; i++)
	{
		if (i > 0)
			buf_append_byte(out, ',');
		put_column(out, table->column[i]);
	}
	buf_append_byte(out, ']');
	return (RecordRow) {0, reader->stream ? reader->stream : reader->xid};
}

/* ---- changes ---- */

static void
put_unchanged(Buf *out, const Table *table, Slice numbers)
{
	WireReader	reader = wire_reader(numbers.data, numbers.size);
	uint64_t	number;
	bool		first = true;

	put_key(out, "unchanged");
	buf_append_byte(out, '[');
	while (wire_read_varint(&reader, &number))
	{
		const Column *column = table_find_column(table, (uint32) number);

		if (column == NULL)
			record_fail("change");
		if (!first)
			buf_append_byte(out, ',');
		first = false;
		json_append_string(out, slice_of(column->name));
	}
	buf_append_byte(out, ']');
}

static void
put_row(Buf *out, const char *key, const Table *table, Slice row,
		RowColumns columns, Slice skip)
{
	put_key(out, key);
	if (!row_append_json(out, table, row, columns, skip))
		record_fail("change");
}

static void
put_rows(Buf *out, const Table *table, const Body *body, RecordStyle style)
{
	if (style == RECORD_JSON_AS_TEXT)
		table = table_with_json_as_text(table);
	if (body->before.data != NULL)
		put_row(out, "before", table, body->before,
				body->before_is_key ? ROW_SENT : ROW_WHOLE,
				slice_make(NULL, 0));
	if (body->after.data != NULL)
		put_row(out, "after", table, body->after, ROW_WHOLE, body->unchanged);
}

static RecordRow
put_change(RecordReader *reader, Slice bytes, RecordStyle style, Buf *out)
{
	ChangeHeader change;
	Body		body;
	const Table *table;

	if (!change_parse(bytes, &change) || !body_parse(change.body, &body))
		record_fail("change");
	table = reader_find_table(reader, change.table);
	put_string(out, "kind", "change");
	put_label(out, "op", &pg_fanout__op__descriptor, body.op, "");
	put_key(out, "table");
	put_table_name(out, table);
	put_stream_xids(out, change.xid, change.subxid);
	if (style != RECORD_WITHOUT_ROWS)
		put_rows(out, table, &body, style);
	if (body.before_is_key)
		put_bool(out, "before_is_key", true);
	if (body.unchanged.size > 0)
		put_unchanged(out, table, body.unchanged);
	put_lsn(out, "lsn", body.lsn);
	return (RecordRow) {body.lsn, change.xid ? change.xid : reader->xid, true};
}

static RecordRow
put_truncate(RecordReader *reader, const PgFanout__Truncate *truncate,
			 Buf *out)
{
	put_string(out, "kind", "truncate");
	put_key(out, "tables");
	buf_append_byte(out, '[');
	for (size_t i = 0; i < truncate->n_table; i++)
	{
		if (i > 0)
			buf_append_byte(out, ',');
		put_table_name(out, reader_find_table(reader, truncate->table[i]));
	}
	buf_append_byte(out, ']');
	put_stream_xids(out, truncate->xid, truncate->subxid);
	put_bool(out, "cascade", truncate->cascade);
	put_bool(out, "restart_identity", truncate->restart_identity);
	put_lsn(out, "lsn", truncate->lsn);
	return (RecordRow) {truncate->lsn,
		truncate->xid ? truncate->xid : reader->xid};
}

/* UTF-8 without NUL goes as text, all else as base64. */
static RecordRow
put_message(RecordReader *reader, const PgFanout__Message *message, Buf *out)
{
	Slice		content = slice_make(message->content.data,
									 message->content.len);
	bool		text = content.size == 0 ||
		(pg_verify_mbstr(PG_UTF8, (const char *) content.data,
						 (int) content.size, true));

	put_string(out, "kind", "message");
	put_bool(out, "transactional", message->transactional);
	put_string(out, "prefix", message->prefix);
	put_key(out, "content");
	if (text)
		json_append_string(out, content);
	else
	{
		json_append_base64(out, content);
		put_bool(out, "base64", true);
	}
	put_stream_xids(out, message->xid, message->subxid);
	put_lsn(out, "lsn", message->lsn);
	return (RecordRow) {message->lsn, message->xid ? message->xid :
		message->transactional ? reader->xid : 0};
}

/* ---- records ---- */

static void *
record_alloc(void *data, size_t size)
{
	return palloc(size);
}

static void
record_free(void *data, void *pointer)
{
	if (pointer != NULL)
		pfree(pointer);
}

static ProtobufCAllocator record_allocator = {record_alloc, record_free};

static RecordRow
put_control(RecordReader *reader, const PgFanout__Record *record, Buf *out)
{
	switch (record->kind_case)
	{
		case PG_FANOUT__RECORD__KIND_BEGIN:
			return put_begin(reader, record->begin, out);
		case PG_FANOUT__RECORD__KIND_COMMIT:
			return put_commit(reader, record->commit, out);
		case PG_FANOUT__RECORD__KIND_TABLE:
			return put_table(reader, record->table, out);
		case PG_FANOUT__RECORD__KIND_TRUNCATE:
			return put_truncate(reader, record->truncate, out);
		case PG_FANOUT__RECORD__KIND_MESSAGE:
			return put_message(reader, record->message, out);
		case PG_FANOUT__RECORD__KIND_STREAM_START:
			return put_stream_start(reader, record->stream_start, out);
		case PG_FANOUT__RECORD__KIND_STREAM_STOP:
			return put_stream_stop(reader, record->stream_stop, out);
		case PG_FANOUT__RECORD__KIND_STREAM_ABORT:
			return put_stream_abort(record->stream_abort, out);
		case PG_FANOUT__RECORD__KIND_STREAM_COMMIT:
			return put_stream_commit(record->stream_commit, out);
		case PG_FANOUT__RECORD__KIND_PREPARE:
			return put_prepare(reader, record->prepare, out);
		case PG_FANOUT__RECORD__KIND_COMMIT_PREPARED:
			return put_commit_prepared(record->commit_prepared, out);
		case PG_FANOUT__RECORD__KIND_ROLLBACK_PREPARED:
			return put_rollback_prepared(record->rollback_prepared, out);
		default:
			record_fail("unknown");
	}
	return (RecordRow) {0};
}

/* A Change is not unpacked: its rows would be copied for nothing. */
static bool
record_is_change(Slice record, Slice *change)
{
	WireReader	reader = wire_reader(record.data, record.size);
	WireField	field;

	if (wire_next(&reader, &field) != WIRE_FIELD ||
		field.number != PG_FANOUT__RECORD__KIND_CHANGE ||
		field.kind != WIRE_BYTES || reader.at != reader.end)
		return false;
	*change = slice_make(field.data, field.size);
	return true;
}

RecordRow
record_append_json(RecordReader *reader, Slice record, RecordStyle style,
				   Buf *out)
{
	PgFanout__Record *unpacked;
	Slice		change;
	RecordRow	row;

	buf_append_byte(out, '{');
	if (record_is_change(record, &change))
		row = put_change(reader, change, style, out);
	else
	{
		unpacked = pg_fanout__record__unpack(&record_allocator, record.size,
											 record.data);
		if (unpacked == NULL)
			record_fail("control");
		row = put_control(reader, unpacked, out);
	}
	buf_append_byte(out, '}');
	return row;
}
