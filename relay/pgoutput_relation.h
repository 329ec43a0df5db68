/*
 * pgoutput_relation.h
 *		From a Relation message to the Table it speaks of.
 *
 * The message has names, types and the replica identity of yesterday, in the
 * order of the attribute numbers, but not the numbers; the picture has the
 * numbers of today. What both agree on is taken; what cannot be known is never
 * guessed: such a column gets a number from ALIGN_FIRST_UNKNOWN up, and a
 * warning says so.
 */
#ifndef PG_FANOUT_PGOUTPUT_RELATION_H
#define PG_FANOUT_PGOUTPUT_RELATION_H

#include "charset.h"
#include "error.h"
#include "oid_map.h"
#include "pgoutput.h"
#include "table_picture.h"

typedef struct Relation
{
	Table	   *table;
	Slice		record;			/* the Table record it was made from, packed */
	bool		has_enums;
	size_t		column_count;

	/* Where the value of table->columns[i] stands in a tuple. */
	uint16_t	places[];
} Relation;

/*
 * old: what the same oid stood for before, or NULL. type_names: by type oid,
 * "schema.name" as far as the stream told; for types that are gone. charset:
 * of the message's names; NULL: UTF-8, or bytes that are to be repaired. NULL:
 * failed. Free with relation_free.
 */
extern MUST_USE Relation *relation_new(const PgoutputRelation *message,
									   const TablePicture *picture,
									   const Table *old,
									   const OidMap *type_names,
									   const Charset *charset, Error *err);
extern void relation_free(Relation *relation);

#endif							/* PG_FANOUT_PGOUTPUT_RELATION_H */
