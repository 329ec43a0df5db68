/*
 * record_key.c
 *		The key of a record. See record_key.h.
 *
 * An absent field is a NULL in a whole row, and may be one in a key (replica
 * identity full without a primary key). In a row that holds its identity
 * columns only, and in a column listed as unchanged, it means "not sent": then
 * there is no key, for half a key would be another row's.
 */
#include "record_key.h"

#include "wire.h"

bool
record_numbers_contain(Slice numbers, uint32_t number)
{
	WireReader	reader = wire_reader(numbers.data, numbers.size);
	uint64_t	value;

	while (reader.at < reader.end && wire_read_varint(&reader, &value))
		if (value == number)
			return true;
	return false;
}

static bool
is_key(const Table *table, uint32_t number)
{
	/* without a primary key, a full identity's key are all columns */
	if (table->key_count == table->column_count)
		return true;
	for (size_t i = 0; i < table->key_count; i++)
		if (table->columns[table->keys[i]].number == number)
			return true;
	return false;
}

static uint32_t
last_key(const Table *table)
{
	uint32_t	last = 0;

	for (size_t i = 0; i < table->key_count; i++)
		if (table->columns[table->keys[i]].number > last)
			last = table->columns[table->keys[i]].number;
	return last;
}

/* Copies the key columns' fields of a row; found counts them. */
static bool
copy_key(const Table *table, Slice row, Buf *out, size_t *found)
{
	WireReader	reader = wire_reader(row.data, row.size);
	uint32_t	last = last_key(table);
	uint32_t	previous = 0;
	WireField	field;

	*found = 0;
	while (reader.at < reader.end)
	{
		const uint8_t *start = reader.at;

		if (wire_next(&reader, &field) != WIRE_FIELD ||
			field.number <= previous)
			return false;
		previous = field.number;
		if (field.number > last)
			break;
		if (!is_key(table, field.number))
			continue;
		buf_append(out, start, (size_t) (reader.at - start));
		++*found;
	}
	return true;
}

/* Copies one field of a row. */
static RecordKey
copy_field(Slice row, uint32_t number, Buf *out)
{
	WireReader	reader = wire_reader(row.data, row.size);
	WireField	field;

	while (reader.at < reader.end)
	{
		const uint8_t *start = reader.at;

		if (wire_next(&reader, &field) != WIRE_FIELD)
			return RECORD_KEY_BAD;
		if (field.number != number)
			continue;
		buf_append(out, start, (size_t) (reader.at - start));
		return RECORD_KEY_FOUND;
	}
	return RECORD_KEY_NONE;
}

/*
 * Puts the key together column by column, what the new row left out as
 * unchanged from the old one. Rare: a key that is stored out of line.
 */
static RecordKey
merge_key(const Change *change, Buf *out)
{
	const Table *table = change->table;
	const Body *parts = &change->parts;

	buf_clear(out);
	for (size_t i = 0; i < table->column_count; i++)
	{
		uint32_t	number = table->columns[i].number;
		bool		unchanged = record_numbers_contain(parts->unchanged,
													   number);
		RecordKey	result;

		if (!is_key(table, number))
			continue;
		result = copy_field(unchanged ? parts->before : parts->after, number,
							out);
		if (result == RECORD_KEY_BAD ||
			(result == RECORD_KEY_NONE && unchanged))
			return result;
	}
	return RECORD_KEY_FOUND;
}

static RecordKey
find_in_after(const Change *change, Buf *out)
{
	size_t		found;

	if (change->parts.after.data == NULL)
		return RECORD_KEY_NONE;
	if (!copy_key(change->table, change->parts.after, out, &found))
		return RECORD_KEY_BAD;
	if (found < change->table->key_count && change->parts.unchanged.size > 0)
		return merge_key(change, out);
	return RECORD_KEY_FOUND;
}

static RecordKey
find_in_before(const Change *change, Buf *out)
{
	size_t		found;

	if (change->parts.before.data == NULL)
		return RECORD_KEY_NONE;
	if (!copy_key(change->table, change->parts.before, out, &found))
		return RECORD_KEY_BAD;
	if (found < change->table->key_count && change->parts.before_is_key)
		return RECORD_KEY_NONE;
	return RECORD_KEY_FOUND;
}

RecordKey
record_key_find(const Change *change, Buf *out)
{
	buf_clear(out);
	if (change->table->key_count == 0)
		return RECORD_KEY_NONE;
	switch (change->parts.op)
	{
		case PG_FANOUT__OP__INSERT:
		case PG_FANOUT__OP__UPDATE:
		case PG_FANOUT__OP__READ:
			return find_in_after(change, out);
		case PG_FANOUT__OP__DELETE:
			return find_in_before(change, out);
		default:
			return RECORD_KEY_NONE;
	}
}

RecordKey
record_key_find_old(const Change *change, Buf *out, Buf *scratch)
{
	RecordKey	result;

	buf_clear(out);
	if (change->table->key_count == 0 ||
		change->parts.op != PG_FANOUT__OP__UPDATE)
		return RECORD_KEY_NONE;
	result = find_in_before(change, out);
	if (result != RECORD_KEY_FOUND)
		return result;
	result = record_key_find(change, scratch);
	if (result == RECORD_KEY_FOUND &&
		slice_equal(buf_slice(out), buf_slice(scratch)))
		return RECORD_KEY_NONE;
	return result == RECORD_KEY_BAD ? result : RECORD_KEY_FOUND;
}
