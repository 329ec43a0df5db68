/*
 * table_picture.h
 *		A table as today's catalog shows it, for a source that reads rows of
 *		yesterday.
 *
 * The stream may lie behind the catalog: columns of its rows may have been
 * renamed or dropped since. So the picture shows, beside the live columns,
 * which numbers were given away before and what has changed lately.
 */
#ifndef PG_FANOUT_TABLE_PICTURE_H
#define PG_FANOUT_TABLE_PICTURE_H

#include "table.h"

/* What the catalog is to be asked; the slices' owner is who asks. */
typedef struct TableWish
{
	uint32_t	oid;
	uint32_t	xid;			/* the transaction being read; 0: unknown */
	const uint32_t *types;		/* types to be described too, by oid */
	size_t		type_count;		/* at most TABLE_MAX_COLUMNS */
} TableWish;

/* Of an attribute number; flags. */
#define ATTRIBUTE_LIVE		1
#define ATTRIBUTE_DROPPED	2
#define ATTRIBUTE_CHANGED	4	/* since the transaction of the wish */

typedef struct TablePicture
{
	/*
	 * Its live columns without virtual generated ones. NULL: there is no such
	 * table any more.
	 */
	Table	   *table;
	uint8_t		attributes[TABLE_MAX_COLUMNS + 1];	/* by number; 0: none */

	/*
	 * The wish's types as columns, numbered by their places there, from 1. A
	 * type that is gone is left out.
	 */
	Table	   *types;
} TablePicture;

#endif							/* PG_FANOUT_TABLE_PICTURE_H */
