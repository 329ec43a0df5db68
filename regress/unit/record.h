/*
 * record.h
 *		Table records for the unit tests, put together by hand.
 *
 * A Record holds its columns, so it needs no memory of its own; strings are
 * the caller's. Test code only.
 */
#ifndef PG_FANOUT_TEST_RECORD_H
#define PG_FANOUT_TEST_RECORD_H

#include <assert.h>
#include <stddef.h>

#include "change.pb-c.h"
#include "table.h"

#define RECORD_ROOM (TABLE_MAX_COLUMNS + 1)

typedef struct Record
{
	PgFanout__Table table;
	PgFanout__Column columns[RECORD_ROOM];
	PgFanout__Column *pointers[RECORD_ROOM];
} Record;

static inline void
record_init(Record *record, const char *schema, const char *name)
{
	pg_fanout__table__init(&record->table);
	record->table.oid = 16384;
	record->table.schema = (char *) schema;
	record->table.name = (char *) name;
	record->table.column = record->pointers;
}

/* Adds a column behind the others; the number is one more than the last's. */
static inline PgFanout__Column *
record_add(Record *record, const char *name, PgFanout__Encoding encoding)
{
	size_t		index = record->table.n_column++;
	PgFanout__Column *column = &record->columns[index];

	assert(index < RECORD_ROOM);
	pg_fanout__column__init(column);
	column->number = index > 0 ? record->columns[index - 1].number + 1 : 1;
	column->name = (char *) name;
	column->type_name = "pg_catalog.some";
	column->typmod = -1;
	column->encoding = encoding;
	record->pointers[index] = column;
	return column;
}

static inline PgFanout__Column *
record_add_array(Record *record, const char *name, PgFanout__Encoding encoding)
{
	PgFanout__Column *column = record_add(record, name, encoding);

	column->array = 1;
	return column;
}

#endif							/* PG_FANOUT_TEST_RECORD_H */
