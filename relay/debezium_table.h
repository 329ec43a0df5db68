/*
 * debezium_table.h
 *		All that is the same in every record of a table, rendered once: names,
 *		schemas, defaults, and what stands where nothing was sent.
 *
 * It points to nothing outside itself: a table's description may go away
 * while its records are still written. Text lives in one buffer; a Span is a
 * piece of it.
 */
#ifndef PG_FANOUT_DEBEZIUM_TABLE_H
#define PG_FANOUT_DEBEZIUM_TABLE_H

#include "debezium_flat.h"
#include "debezium_value.h"

typedef struct Span
{
	uint32_t	start;
	uint32_t	size;
} Span;

typedef struct DebeziumColumn
{
	uint32_t	number;
	DebeziumType type;
	Span		name;			/* '"id":', with a comma but in the first */
	Span		plain_name;		/* without that comma */
	Span		absent;			/* a NULL: null, or the default */
	Span		unsent;			/* in a row of which only the key was sent */
	Span		placeholder;	/* a large value that did not change */
	Span		preset;			/* the default; empty: none */
	bool		optional;		/* may be NULL */
} DebeziumColumn;

typedef struct DebeziumTable
{
	uint64_t	version;		/* of the description it was made from */
	Buf			text;
	DebeziumColumn *columns;	/* those that are written, by number */
	size_t		column_count;
	size_t	   *keys;			/* indexes into columns, in key order */
	size_t		key_count;		/* 0: records have no key */
	Span		topic;			/* Debezium's name, which schemas have, too */
	Span		collection;		/* "schema.table", ends with a NUL */
	Span		names;			/* '"schema":"s","table":"t"' */
	Span		key_head;		/* what stands before a key's payload */
	Span		value_head;
	size_t		txn_place;		/* for debezium_txn_count */
} DebeziumTable;

typedef struct DebeziumNames
{
	const char *prefix;
	const DebeziumOptions *options;
	const DebeziumFlat *flat;	/* how records are flattened, if they are */
} DebeziumNames;

/*
 * Makes one. detail may be NULL. writer is used meanwhile and left empty.
 * NULL: failed. Free with debezium_table_free.
 */
extern DebeziumTable *debezium_table_new(const Table *table,
										 const TableDetail *detail,
										 const DebeziumNames *names,
										 DebeziumWriter *writer, Error *err);
extern void debezium_table_free(DebeziumTable *table);

static inline Slice
span_of(const DebeziumTable *table, Span span)
{
	return slice_make(table->text.data + span.start, span.size);
}

/*
 * Appends a row as an object. unchanged lists, as packed varints, columns that
 * were not sent; key_only: the row holds its identity's columns only. false:
 * malformed.
 */
extern bool debezium_append_row(DebeziumWriter *writer,
								const DebeziumTable *table, Slice row,
								Slice unchanged, bool key_only);

typedef enum DebeziumKey
{
	DEBEZIUM_KEY_FOUND,
	DEBEZIUM_KEY_NONE,			/* the table has none, or the row not all */
	DEBEZIUM_KEY_BAD
} DebeziumKey;

/* Appends a row's key as an object, without schema. */
extern DebeziumKey debezium_append_key(DebeziumWriter *writer,
									   const DebeziumTable *table, Slice row,
									   Slice unchanged, bool key_only);

#endif							/* PG_FANOUT_DEBEZIUM_TABLE_H */
