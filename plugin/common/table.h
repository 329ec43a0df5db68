/*
 * table.h
 *		A table's description, as both halves use it.
 *
 * Built from a Table record (change.proto), whoever made that: the plugin, the
 * extension from the catalog, the relay from a catalog query. Immutable once
 * built; one allocation holds it all.
 */
#ifndef PG_FANOUT_TABLE_H
#define PG_FANOUT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "change.pb-c.h"

#define TABLE_MAX_COLUMNS	1600

/*
 * The highest attribute number. Above PostgreSQL's own 1,600 because a source
 * that cannot learn a column's number gives it one from 2048 up.
 */
#define TABLE_MAX_NUMBER	4095

typedef struct Column
{
	uint32_t	number;			/* attribute number = field number */
	uint32_t	type_oid;
	int32_t		typmod;			/* -1: none */
	uint32_t	key_position;	/* 1.. in the primary key, 0: no part of it */
	uint32_t	identity_position;	/* 1.. in the identity index, 0: no part */
	PgFanout__Encoding encoding;	/* of the value or an array's elements */
	bool		is_array;
	char		delimiter;		/* between an array's elements in text */
	bool		not_null;
	bool		generated;
	const char *name;
	const char *type_name;		/* schema-qualified */
	const char *const *labels;	/* of an enum */
	size_t		label_count;
} Column;

typedef struct Table
{
	uint32_t	oid;
	uint64_t	version;		/* fingerprint of the content */
	PgFanout__ReplicaIdentity identity;
	const char *schema;
	const char *name;
	const Column *columns;		/* by number, ascending */
	size_t		column_count;

	/*
	 * The columns that identify a row, as indexes into columns and in the
	 * order of their index: the identity index if one is set, else the
	 * primary key, else (FULL) all columns, else none. An index of which
	 * the record lacks a position (a publication's column list left it out)
	 * counts as not there.
	 */
	const size_t *keys;
	size_t		key_count;
} Table;

/*
 * Builds a Table from an unpacked record. NULL: out of memory (relay only), or
 * the record is malformed: no name, columns not ascending or too many, unknown
 * encoding, two columns with one position in an index. The version is taken
 * as it stands. Free with table_free.
 */
extern Table *table_new(const PgFanout__Table *record);
extern void table_free(Table *table);

/* The column with this attribute number; NULL if there is none. */
extern const Column *table_find_column(const Table *table, uint32_t number);

/*
 * The record of a column, as table_new takes it; the column's until that is
 * freed.
 */
extern void table_record_column(const Column *column,
								  PgFanout__Column *record);

/* The fingerprint of a record: of all its fields but version. */
extern uint64_t table_fingerprint(const PgFanout__Table *record);

#endif							/* PG_FANOUT_TABLE_H */
