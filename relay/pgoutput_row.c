/*
 * pgoutput_row.c
 *		From tuples to the typed body of a Change. See pgoutput_row.h.
 */
#include "pgoutput_row.h"

#include "body_write.h"
#include "change.pb-c.h"
#include "utf8.h"
#include "value_parse.h"

void
row_writer_init(RowWriter *writer, bool raw_text, const Charset *charset)
{
	buf_init(&writer->body, BODY_LIMIT);
	buf_init(&writer->text, BODY_LIMIT);
	writer->raw_text = raw_text;
	writer->charset = charset;
}

void
row_writer_free(RowWriter *writer)
{
	buf_free(&writer->body);
	buf_free(&writer->text);
}

/* ---- values ---- */

static bool
has_to_be_converted(const RowWriter *writer, Slice text)
{
	if (writer->charset != NULL)
		return !charset_is_ascii(text);
	return writer->raw_text && utf8_valid_size(text) < text.size;
}

static bool
put_value(RowWriter *writer, const Column *column, Slice text, Error *err)
{
	if (has_to_be_converted(writer, text))
	{
		buf_clear(&writer->text);
		if (writer->charset != NULL)
			charset_append(&writer->text, writer->charset, text);
		else
			utf8_append_repaired(&writer->text, text);
		if (buf_failed(&writer->text))
			return error_no_memory(err);
		text = buf_slice(&writer->text);
	}
	return value_parse(&writer->body, column, text, err);
}

/*
 * fill: the old row, whose values stand in for those not sent; or NULL. Values
 * that are still missing are left out: put_unchanged lists them.
 */
static bool
put_row(RowWriter *writer, const Relation *relation, uint32_t number,
		PgoutputValue *values, const PgoutputValue *fill, Error *err)
{
	const Table *table = relation->table;
	size_t		mark = body_open(&writer->body, number);

	for (size_t i = 0; i < relation->column_count; i++)
	{
		size_t		place = relation->places[i];
		PgoutputValue *value = &values[place];

		if (value->kind == PGOUTPUT_UNCHANGED && fill != NULL &&
			fill[place].kind == PGOUTPUT_TEXT)
			*value = fill[place];
		if (value->kind == PGOUTPUT_TEXT &&
			!put_value(writer, &table->columns[i], value->text, err))
			return false;
	}
	body_close(&writer->body, mark);
	return true;
}

static void
put_unchanged(RowWriter *writer, const Relation *relation,
			  const PgoutputValue *values)
{
	size_t		mark = 0;

	for (size_t i = 0; i < relation->column_count; i++)
	{
		if (values[relation->places[i]].kind != PGOUTPUT_UNCHANGED)
			continue;
		if (mark == 0)
			mark = body_open(&writer->body, BODY_UNCHANGED);
		body_put_packed(&writer->body, relation->table->columns[i].number);
	}
	body_close(&writer->body, mark);
}

/* ---- the body ---- */

static bool
take_values(const Relation *relation, PgoutputTuple tuple,
			PgoutputValue *values, Error *err)
{
	if (tuple.count != relation->column_count)
		return error_set(err, ERROR_SOURCE,
						 "a row has %u columns instead of %zu",
						 tuple.count, relation->column_count);
	for (size_t i = 0; i < relation->column_count; i++)
		if (!pgoutput_next_value(&tuple, &values[i]))
			return error_set(err, ERROR_INTERNAL, "a tuple changed its size");
	return true;
}

static bool
has_label(const Column *column, Slice text)
{
	for (size_t i = 0; i < column->label_count; i++)
		if (slice_equal(slice_of(column->labels[i]), text))
			return true;
	return false;
}

static bool
has_labels(const Relation *relation, const PgoutputValue *values)
{
	for (size_t i = 0; i < relation->column_count; i++)
	{
		const Column *column = &relation->table->columns[i];
		const PgoutputValue *value = &values[relation->places[i]];

		if (column->encoding == PG_FANOUT__ENCODING__ENUM &&
			!column->is_array && value->kind == PGOUTPUT_TEXT &&
			!has_label(column, value->text))
			return false;
	}
	return true;
}

bool
row_writer_knows_labels(RowWriter *writer, const Relation *relation,
						const PgoutputChange *change)
{
	Error		ignored;

	/* what is wrong with the rows is told when they are written */
	if (!relation->has_enums)
		return true;
	if (change->old_kind != 0 &&
		take_values(relation, change->old, writer->old, &ignored) &&
		!has_labels(relation, writer->old))
		return false;
	return change->new.count == 0 ||
		!take_values(relation, change->new, writer->new, &ignored) ||
		has_labels(relation, writer->new);
}

static PgFanout__Op
op_of(PgoutputKind kind)
{
	if (kind == PGOUTPUT_INSERT)
		return PG_FANOUT__OP__INSERT;
	return kind == PGOUTPUT_UPDATE ? PG_FANOUT__OP__UPDATE :
		PG_FANOUT__OP__DELETE;
}

static bool
put_rows(RowWriter *writer, const Relation *relation,
		 const PgoutputMessage *message, Error *err)
{
	const PgoutputChange *change = &message->change;
	const PgoutputValue *fill = NULL;

	if (change->old_kind != 0)
	{
		if (!take_values(relation, change->old, writer->old, err) ||
			!put_row(writer, relation, BODY_BEFORE, writer->old, NULL, err))
			return false;
		fill = writer->old;
	}
	if (message->kind == PGOUTPUT_DELETE)
		return true;
	if (!take_values(relation, change->new, writer->new, err) ||
		!put_row(writer, relation, BODY_AFTER, writer->new, fill, err))
		return false;
	put_unchanged(writer, relation, writer->new);
	return true;
}

static bool
fits(const RowWriter *writer, Error *err)
{
	if (buf_failed(&writer->body))
		return error_set(err, ERROR_RECORD, "a row is larger than 1 GB");
	return true;
}

bool
row_writer_put(RowWriter *writer, const Relation *relation,
			   const PgoutputMessage *message, Lsn lsn, Error *err)
{
	buf_clear(&writer->body);
	body_put_uint(&writer->body, BODY_OP, op_of(message->kind));
	if (!put_rows(writer, relation, message, err))
		return false;
	body_put_uint(&writer->body, BODY_LSN, lsn);
	if (message->change.old_kind == 'K')
		body_put_uint(&writer->body, BODY_BEFORE_IS_KEY, 1);
	return fits(writer, err);
}

bool
row_writer_put_read(RowWriter *writer, const Relation *relation, Lsn lsn,
					Error *err)
{
	buf_clear(&writer->body);
	body_put_uint(&writer->body, BODY_OP, PG_FANOUT__OP__READ);
	if (!put_row(writer, relation, BODY_AFTER, writer->new, NULL, err))
		return false;
	body_put_uint(&writer->body, BODY_LSN, lsn);
	return fits(writer, err);
}
