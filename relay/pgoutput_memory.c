/*
 * pgoutput_memory.c
 *		What tables were. See pgoutput_memory.h.
 *
 * A note is a sequence of fields 1, in the order of their positions, each a
 * message with the position (1, fixed64) and the packed Table record (2).
 */
#include "pgoutput_memory.h"

#include <inttypes.h>
#include <stdlib.h>

#include "wire.h"

/* Of one table; the oldest goes when another comes. */
#define MAX_DESCRIPTIONS	8

#define KEY_PREFIX			"pgoutput.table."
#define NOTE_LIMIT			((size_t) 64 << 20)
#define NOTE_DESCRIPTION	1
#define DESCRIPTION_LSN		1
#define DESCRIPTION_RECORD	2

typedef struct Description
{
	Lsn			commit_lsn;
	Table	   *table;
	uint8_t    *record;			/* packed */
	size_t		size;
} Description;

typedef struct TableMemory
{
	size_t		count;
	Description items[MAX_DESCRIPTIONS + 1];	/* by position */
} TableMemory;

void
memory_init(Memory *memory)
{
	*memory = (Memory) {0};
	buf_init(&memory->note, NOTE_LIMIT);
}

static void
free_description(Description *description)
{
	table_free(description->table);
	free(description->record);
}

static void
free_table(void *value)
{
	TableMemory *table = value;

	for (size_t i = 0; i < table->count; i++)
		free_description(&table->items[i]);
	free(table);
}

void
memory_free(Memory *memory)
{
	oid_map_free(&memory->tables, free_table);
	buf_free(&memory->note);
}

const Table *
memory_find(const Memory *memory, uint32_t oid, Lsn commit_lsn)
{
	const TableMemory *table = oid_map_find(&memory->tables, oid);
	const Table *found = NULL;

	for (size_t i = 0; table != NULL && i < table->count; i++)
		if (table->items[i].commit_lsn <= commit_lsn)
			found = table->items[i].table;
	return found;
}

/* ---- adding ---- */

static bool
has_same_columns(const Table *one, const Table *other)
{
	if (one->column_count != other->column_count)
		return false;
	for (size_t i = 0; i < one->column_count; i++)
		if (one->columns[i].number != other->columns[i].number ||
			one->columns[i].type_oid != other->columns[i].type_oid ||
			strcmp(one->columns[i].name, other->columns[i].name) != 0)
			return false;
	return true;
}

static bool
make_description(Description *description, Lsn commit_lsn, Slice record)
{
	PgFanout__Table *unpacked = pg_fanout__table__unpack(NULL, record.size,
														 record.data);

	*description = (Description) {.commit_lsn = commit_lsn};
	if (unpacked == NULL)
		return false;
	description->table = table_new(unpacked);
	pg_fanout__table__free_unpacked(unpacked, NULL);
	description->record = malloc(record.size + 1);
	if (description->table == NULL || description->record == NULL)
	{
		free_description(description);
		return false;
	}
	memcpy(description->record, record.data, record.size);
	description->size = record.size;
	return true;
}

/* Behind those of its position and before it. */
static void
insert_description(TableMemory *table, const Description *description)
{
	size_t		at = table->count;

	while (at > 0 &&
		   table->items[at - 1].commit_lsn > description->commit_lsn)
	{
		table->items[at] = table->items[at - 1];
		at--;
	}
	table->items[at] = *description;
	if (++table->count <= MAX_DESCRIPTIONS)
		return;
	free_description(&table->items[0]);
	memmove(&table->items[0], &table->items[1],
			--table->count * sizeof(table->items[0]));
}

static TableMemory *
find_or_make(Memory *memory, uint32_t oid)
{
	TableMemory *table = oid_map_find(&memory->tables, oid);

	if (table != NULL)
		return table;
	table = calloc(1, sizeof(*table));
	if (table != NULL && oid_map_set(&memory->tables, oid, table))
		return table;
	free(table);
	return NULL;
}

static bool
add(Memory *memory, uint32_t oid, Lsn commit_lsn, Slice record, bool *changed,
	Error *err)
{
	const Table *before = memory_find(memory, oid, commit_lsn);
	TableMemory *table = find_or_make(memory, oid);
	Description description;

	*changed = false;
	if (table == NULL || !make_description(&description, commit_lsn, record))
		return error_no_memory(err);
	if (before != NULL && has_same_columns(before, description.table))
	{
		free_description(&description);
		return true;
	}
	insert_description(table, &description);
	*changed = true;
	return true;
}

/* ---- notes ---- */

static void
append_description(Buf *note, const Description *description)
{
	size_t		size = 1 + 8 + 1 + wire_varint_size(description->size) +
		description->size;
	uint8_t		bytes[2 * WIRE_MAX_SCALAR + WIRE_MAX_PREFIX];
	uint8_t    *end = wire_put_tag(bytes, NOTE_DESCRIPTION, WIRE_BYTES);

	end = wire_put_varint(end, size);
	end = wire_put_fixed64(end, DESCRIPTION_LSN, description->commit_lsn);
	end = wire_put_tag(end, DESCRIPTION_RECORD, WIRE_BYTES);
	end = wire_put_varint(end, description->size);
	buf_append(note, bytes, (size_t) (end - bytes));
	buf_append(note, description->record, description->size);
}

bool
memory_add(Memory *memory, uint32_t oid, Lsn commit_lsn, Slice record,
		   bool *changed, Error *err)
{
	const TableMemory *table;

	if (!add(memory, oid, commit_lsn, record, changed, err))
		return false;
	if (!*changed)
		return true;
	table = oid_map_find(&memory->tables, oid);
	buf_clear(&memory->note);
	for (size_t i = 0; i < table->count; i++)
		append_description(&memory->note, &table->items[i]);
	return !buf_failed(&memory->note) || error_no_memory(err);
}

Slice
memory_note(const Memory *memory, uint32_t oid, char key[MEMORY_KEY_SIZE])
{
	snprintf(key, MEMORY_KEY_SIZE, KEY_PREFIX "%" PRIu32, oid);
	return buf_slice(&memory->note);
}

static bool
recall_description(Memory *memory, uint32_t oid, Slice bytes, Error *err)
{
	WireReader	reader = wire_reader(bytes.data, bytes.size);
	WireField	lsn;
	WireField	record;
	bool		changed;

	return wire_next(&reader, &lsn) == WIRE_FIELD &&
		lsn.number == DESCRIPTION_LSN && lsn.kind == WIRE_FIXED64 &&
		wire_next(&reader, &record) == WIRE_FIELD &&
		record.number == DESCRIPTION_RECORD && record.kind == WIRE_BYTES &&
		reader.at == reader.end &&
		add(memory, oid, lsn.value, slice_make(record.data, record.size),
			&changed, err);
}

static bool
recall_note(Memory *memory, const Note *note, Error *err)
{
	const char *digits = note->key + strlen(KEY_PREFIX);
	uint32_t	oid = (uint32_t) strtoul(digits, NULL, 10);
	WireReader	reader = wire_reader(note->data, note->size);
	WireField	field;
	WireResult	result = WIRE_BAD;

	while (oid != 0 && (result = wire_next(&reader, &field)) == WIRE_FIELD)
		if (field.number != NOTE_DESCRIPTION || field.kind != WIRE_BYTES ||
			!recall_description(memory, oid,
								slice_make(field.data, field.size), err))
			break;
	if (result == WIRE_END)
		return true;
	return error_set(err, ERROR_CHECKPOINT,
					 "note \"%s\" of a checkpoint is damaged", note->key);
}

bool
memory_recall(Memory *memory, const Notes *notes, Error *err)
{
	for (size_t i = 0; i < notes->count; i++)
		if (strncmp(notes->items[i].key, KEY_PREFIX,
					strlen(KEY_PREFIX)) == 0 &&
			!recall_note(memory, &notes->items[i], err))
			return false;
	return true;
}
