/*
 * backlog_entry.c
 *		What stands in the backlog. See backlog_entry.h.
 *
 * Changes are written by hand, as they are by the plugin; the rare other
 * records go through protobuf-c.
 */
#include "backlog_entry.h"

#include <stdlib.h>
#include <string.h>

#include "body_write.h"
#include "change.pb-c.h"
#include "wire.h"

#define RECORD_IN_FRAME		1	/* Frame.record */
#define CHANGE_TABLE		1	/* fields of Change */
#define CHANGE_BODY			4
#define NOTE_KEY			1
#define NOTE_VALUE			2
#define DETAIL_OID			1
#define DETAIL_COLUMN		2

/* Fields of a column's detail. */
enum
{
	COLUMN_NUMBER = 1,
	COLUMN_TYPE_OID,
	COLUMN_BASE_OID,
	COLUMN_BASE_NAME,
	COLUMN_BASE_TYPMOD,
	COLUMN_UNIQUE_POSITION,
	COLUMN_PRESET
};

bool
backlog_is_boundary(BacklogKind kind)
{
	return kind == BACKLOG_END || kind == BACKLOG_LONE_MESSAGE ||
		kind == BACKLOG_IDLE;
}

bool
backlog_is_record(BacklogKind kind)
{
	return kind >= BACKLOG_BEGIN && kind <= BACKLOG_COMMIT;
}

/* ---- records ---- */

/* What stands before a record's content of that size; makes room for it. */
static bool
open_record(Buf *out, PgFanout__Record__KindCase kind, size_t size)
{
	uint8_t    *at;

	buf_clear(out);
	if (!buf_reserve(out, size + 2 * (WIRE_MAX_TAG + WIRE_MAX_VARINT)))
		return false;
	at = wire_put_tag(out->data, RECORD_IN_FRAME, WIRE_BYTES);
	at = wire_put_varint(at, 1 + wire_varint_size(size) + size);
	at = wire_put_tag(at, (uint32_t) kind, WIRE_BYTES);
	at = wire_put_varint(at, size);
	out->size = (size_t) (at - out->data);
	return true;
}

static void
pack_record(Buf *out, PgFanout__Record__KindCase kind,
			const ProtobufCMessage *message)
{
	size_t		size = protobuf_c_message_get_packed_size(message);

	if (!open_record(out, kind, size))
		return;
	protobuf_c_message_pack(message, out->data + out->size);
	out->size += size;
}

void
backlog_write_begin(Buf *out, const Transaction *txn)
{
	PgFanout__Begin begin = PG_FANOUT__BEGIN__INIT;

	begin.xid = txn->xid;
	begin.commit_lsn = txn->commit_lsn;
	begin.commit_time = txn->commit_time;
	begin.origin = (char *) txn->origin;
	pack_record(out, PG_FANOUT__RECORD__KIND_BEGIN, &begin.base);
}

void
backlog_write_commit(Buf *out, const TxnEnd *end)
{
	PgFanout__Commit commit = PG_FANOUT__COMMIT__INIT;

	commit.xid = end->txn.xid;
	commit.commit_lsn = end->txn.commit_lsn;
	commit.end_lsn = end->end_lsn;
	commit.commit_time = end->txn.commit_time;
	commit.records = end->records;
	pack_record(out, PG_FANOUT__RECORD__KIND_COMMIT, &commit.base);
}

void
backlog_write_table(Buf *out, const Table *table)
{
	PgFanout__Table record = PG_FANOUT__TABLE__INIT;
	PgFanout__Column *columns = calloc(table->column_count + 1,
									   sizeof(*columns));
	PgFanout__Column **pointers = calloc(table->column_count + 1,
										 sizeof(*pointers));

	buf_clear(out);
	if (columns == NULL || pointers == NULL)
		out->failed = true;
	else
	{
		record.oid = table->oid;
		record.version = table->version;
		record.schema = (char *) table->schema;
		record.name = (char *) table->name;
		record.identity = table->identity;
		record.n_column = table->column_count;
		record.column = pointers;
		for (size_t i = 0; i < table->column_count; i++)
		{
			table_record_column(&table->columns[i], &columns[i]);
			pointers[i] = &columns[i];
		}
		pack_record(out, PG_FANOUT__RECORD__KIND_TABLE, &record.base);
	}
	free(columns);
	free(pointers);
}

void
backlog_write_change(Buf *out, const Change *change)
{
	Slice		body = change->body;
	size_t		size = 1 + wire_varint_size(change->table->oid) +
		1 + wire_varint_size(body.size) + body.size;
	uint8_t    *at;

	if (!open_record(out, PG_FANOUT__RECORD__KIND_CHANGE, size))
		return;
	at = wire_put_uint(out->data + out->size, CHANGE_TABLE,
					   change->table->oid);
	wire_put_bytes(at, CHANGE_BODY, body.data, body.size);
	out->size += size;
}

void
backlog_write_message(Buf *out, const LogicalMessage *message)
{
	PgFanout__Message record = PG_FANOUT__MESSAGE__INIT;

	record.transactional = message->txn != NULL;
	record.lsn = message->lsn;
	record.prefix = (char *) message->prefix;
	record.content.data = (uint8_t *) message->content.data;
	record.content.len = message->content.size;
	pack_record(out, PG_FANOUT__RECORD__KIND_MESSAGE, &record.base);
}

/* ---- notes ---- */

static bool
damaged(const char *what, Error *err)
{
	return error_set(err, ERROR_SPOOL, "the spool is damaged: malformed %s",
					 what);
}

void
backlog_write_note(Buf *out, const char *key, Slice value)
{
	buf_clear(out);
	body_put_bytes(out, NOTE_KEY, slice_of(key));
	body_put_bytes(out, NOTE_VALUE, value);
}

bool
backlog_read_note(Slice content, char **key, Slice *value, Error *err)
{
	WireReader	reader = wire_reader(content.data, content.size);
	WireField	name;
	WireField	field;

	if (wire_next(&reader, &name) != WIRE_FIELD || name.number != NOTE_KEY ||
		name.kind != WIRE_BYTES || wire_next(&reader, &field) != WIRE_FIELD ||
		field.number != NOTE_VALUE || field.kind != WIRE_BYTES)
		return damaged("note", err);
	*value = slice_make(field.data, field.size);
	*key = strndup((const char *) name.data, name.size);
	return *key != NULL || error_no_memory(err);
}

/* ---- details ---- */

static void
write_column(Buf *out, const ColumnDetail *column)
{
	size_t		mark = body_open(out, DETAIL_COLUMN);

	body_put_uint(out, COLUMN_NUMBER, column->number);
	body_put_uint(out, COLUMN_TYPE_OID, column->type_oid);
	body_put_uint(out, COLUMN_BASE_OID, column->base_oid);
	if (column->base_name != NULL)
		body_put_bytes(out, COLUMN_BASE_NAME, slice_of(column->base_name));
	body_put_uint(out, COLUMN_BASE_TYPMOD, (uint32_t) column->base_typmod);
	body_put_uint(out, COLUMN_UNIQUE_POSITION, column->unique_position);
	if (column->preset != NULL)
		body_put_bytes(out, COLUMN_PRESET, slice_of(column->preset));
	body_close(out, mark);
}

void
backlog_write_detail(Buf *out, uint32_t oid, const TableDetail *detail)
{
	buf_clear(out);
	body_put_uint(out, DETAIL_OID, oid);
	for (size_t i = 0; i < detail->count; i++)
		write_column(out, &detail->columns[i]);
}

/* Copies a text to where the texts go. */
static const char *
keep_text(char **texts, const WireField *field)
{
	char	   *text = *texts;

	memcpy(text, field->data, field->size);
	text[field->size] = '\0';
	*texts += field->size + 1;
	return text;
}

static bool
read_column(const WireField *from, ColumnDetail *column, char **texts)
{
	WireReader	reader = wire_reader(from->data, from->size);
	WireField	field;
	WireResult	result;

	while ((result = wire_next(&reader, &field)) == WIRE_FIELD)
	{
		bool		text = field.number == COLUMN_BASE_NAME ||
			field.number == COLUMN_PRESET;

		if (field.kind != (text ? WIRE_BYTES : WIRE_VARINT))
			return false;
		if (field.number == COLUMN_NUMBER)
			column->number = (uint32_t) field.value;
		else if (field.number == COLUMN_TYPE_OID)
			column->type_oid = (uint32_t) field.value;
		else if (field.number == COLUMN_BASE_OID)
			column->base_oid = (uint32_t) field.value;
		else if (field.number == COLUMN_BASE_NAME)
			column->base_name = keep_text(texts, &field);
		else if (field.number == COLUMN_BASE_TYPMOD)
			column->base_typmod = (int32_t) (uint32_t) field.value;
		else if (field.number == COLUMN_UNIQUE_POSITION)
			column->unique_position = (uint32_t) field.value;
		else if (field.number == COLUMN_PRESET)
			column->preset = keep_text(texts, &field);
	}
	return result == WIRE_END;
}

static size_t
count_columns(Slice content)
{
	WireReader	reader = wire_reader(content.data, content.size);
	WireField	field;
	size_t		count = 0;

	while (wire_next(&reader, &field) == WIRE_FIELD)
		count += field.number == DETAIL_COLUMN;
	return count;
}

/*
 * One allocation: detail, columns, texts. A text with its NUL is never longer
 * than it is with tag and length in the content.
 */
TableDetail *
backlog_read_detail(Slice content, uint32_t *oid, Error *err)
{
	WireReader	reader = wire_reader(content.data, content.size);
	size_t		columns = count_columns(content);
	TableDetail *detail = calloc(1, sizeof(*detail) + content.size +
								 columns * sizeof(ColumnDetail));
	char	   *texts;
	WireField	field;
	WireResult	result;

	*oid = 0;
	if (detail == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	detail->columns = (ColumnDetail *) (detail + 1);
	texts = (char *) (detail->columns + columns);
	while ((result = wire_next(&reader, &field)) == WIRE_FIELD)
	{
		if (field.number == DETAIL_OID && field.kind == WIRE_VARINT)
			*oid = (uint32_t) field.value;
		else if (field.number != DETAIL_COLUMN || field.kind != WIRE_BYTES ||
				 !read_column(&field, &detail->columns[detail->count++],
							  &texts))
			break;
	}
	if (result == WIRE_END && *oid != 0)
		return detail;
	free(detail);
	damaged("detail of a table", err);
	return NULL;
}
