/*
 * proto_name.h
 *		Names in a table's .proto: of messages, packages and fields.
 *
 * What proto_text.c puts files together from; the rules that names follow are
 * in proto_text.h. Knows no syntax but identifiers.
 */
#ifndef PG_FANOUT_PROTO_NAME_H
#define PG_FANOUT_PROTO_NAME_H

#include "proto_text.h"

#define PROTO_PACKAGE		"fanout"
#define PROTO_KEY_PACKAGE	"fanout_key"
#define PROTO_FLAT_PACKAGE	"fanout_row"

/* A row or a key to be written: which columns, and under which numbers. */
typedef struct ProtoRow
{
	const Table *table;
	const ProtoPast *past;		/* NULL: none */
	bool		key;
	bool		flat;			/* alone, with fields of ours beside it */
} ProtoRow;

/* Names of those fields, by ProtoExtra. */
extern const char *const proto_extra_names[];

/* Whether the row has that column of its table, and under which number. */
extern bool proto_row_has(const ProtoRow *row, size_t index);
extern uint32_t proto_row_number(const ProtoRow *row, size_t index);

/* Of a column that the row has not, or that has no name yet. */
#define PROTO_NO_NAME	SIZE_MAX

/* The fields' names, each with a NUL, and where they begin. */
typedef struct ProtoNames
{
	const ProtoRow *row;
	Buf			text;
	size_t		offset[TABLE_MAX_COLUMNS];
} ProtoNames;

/* Names all columns that the row has, those first whose names are kept. */
extern void proto_names_make(ProtoNames *names, const ProtoRow *row);
extern void proto_names_free(ProtoNames *names);

extern const char *proto_names_get(const ProtoNames *names, size_t index);

/* The name in JSON, once all names are there. */
extern const char *proto_names_json(const ProtoNames *names, size_t index);

/*
 * Appends the name of a message or a package. A taken name gets an underscore
 * at its end, and so does one that is such a name with underscores already, so
 * that no two become one. package: what may not begin like it, or NULL.
 */
extern void proto_append_global_name(Buf *out, const char *name,
									 const char *package);

#endif							/* PG_FANOUT_PROTO_NAME_H */
