/*
 * pgoutput_align.h
 *		Which attribute numbers the columns of a Relation message have.
 *
 * A table's numbers ascend in the order of the message and are never given
 * twice, so today's catalog often proves what they were, even where columns
 * have been renamed or dropped since. What it does not prove stays unknown.
 */
#ifndef PG_FANOUT_PGOUTPUT_ALIGN_H
#define PG_FANOUT_PGOUTPUT_ALIGN_H

#include "table_picture.h"

/* From here on are numbers for columns whose own is not known. */
#define ALIGN_FIRST_UNKNOWN	2048

typedef struct AlignColumn
{
	const char *name;
	uint32_t	type_oid;
	bool		type_is_gone;	/* then the column gets no number of its own */
	uint32_t	number;			/* set by align_columns */
} AlignColumn;

/*
 * Sets the numbers. old: what was found out for the same oid before, or NULL;
 * it decides where the picture leaves a choice. false: out of memory.
 */
extern bool align_columns(AlignColumn *columns, size_t count,
						  const TablePicture *picture, const Table *old);

#endif							/* PG_FANOUT_PGOUTPUT_ALIGN_H */
