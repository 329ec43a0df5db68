/*
 * schema_lineage.h
 *		What earlier schemas of a subject have used up, read from the latest of
 *		them: which field number means what, and what is retired.
 *
 * The registry is the only memory of a subject's history that outlives the
 * relay. A successor keeps the numbers and names of fields that are gone
 * reserved, so that the text depends on the latest schema and the table only:
 * the successor of itself is itself. Pure; reads the .proto of anybody, not
 * just ours.
 */
#ifndef PG_FANOUT_SCHEMA_LINEAGE_H
#define PG_FANOUT_SCHEMA_LINEAGE_H

#include "error.h"
#include "proto_text.h"

/* Numbers that no column has: where remapped fields go. */
#define LINEAGE_FIRST_NUMBER	2048

typedef struct LineageField
{
	uint32_t	number;
	Slice		type;			/* its last word, if it is qualified */
	Slice		name;
	bool		repeated;
} LineageField;

/* Slices point into text. */
typedef struct SchemaLineage
{
	char	   *text;
	LineageField *fields;
	size_t		field_count;
	uint8_t		reserved[PROTO_RESERVED_SIZE];
	Slice	   *names;			/* reserved */
	size_t		name_count;
} SchemaLineage;

/*
 * Reads the message Row in the first message of a .proto, or that message
 * itself if it has none. false: out of memory. What is no .proto has no
 * fields. Free with schema_lineage_free, always.
 */
extern MUST_USE bool schema_lineage_read(SchemaLineage *lineage,
										 const char *text, Error *err);
extern void schema_lineage_free(SchemaLineage *lineage);

/* What a table's next schema has to respect. past points into the others. */
typedef struct SchemaSuccessor
{
	ProtoPast	past;
	uint32_t   *numbers;
	char	  **kept;			/* names of fields that stay, by column */
	size_t		column_count;
	uint8_t		reserved[PROTO_RESERVED_SIZE];
	char	  **names;
	bool		remapped;		/* a field's number is not its column's */
	const Column *clash;		/* first column whose number means something
								 * else; NULL: none */
	char		meant[80];		/* what it means */
} SchemaSuccessor;

/*
 * key: of the table's key, else of its rows. remap: a column that clashes gets
 * a free number, and keeps it as long as its name and type stay; a clash is
 * never set then. Free with schema_successor_free, always.
 */
extern MUST_USE bool schema_successor_make(SchemaSuccessor *successor,
										   const SchemaLineage *lineage,
										   const Table *table, bool key,
										   bool remap, Error *err);
extern void schema_successor_free(SchemaSuccessor *successor);

#endif							/* PG_FANOUT_SCHEMA_LINEAGE_H */
