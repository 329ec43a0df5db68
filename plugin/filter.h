/*
 * filter.h
 *		Row filters: the WHERE of a publication's table.
 *
 * Evaluated on rows in the shape of the relation they are published as. A
 * filter lives in the memory context it was made in and goes with it.
 */
#ifndef PG_FANOUT_FILTER_H
#define PG_FANOUT_FILTER_H

#include "publication.h"
#include "row.h"

typedef enum RowAction
{
	ROW_INSERT,
	ROW_UPDATE,
	ROW_DELETE
} RowAction;

#define ROW_ACTIONS (ROW_DELETE + 1)

typedef struct RowFilter RowFilter;

/* NULL: no publication restricts the rows. target is published->relid. */
extern RowFilter *filter_new(const PublishedAs *published, Relation target);

/*
 * Is the change to be sent? before and after are NULL if absent. *action turns
 * an update into an insert or a delete if only one of its rows matches.
 */
extern bool filter_passes(RowFilter *filter, const RowImage *before,
						  const RowImage *after, RowAction *action);

#endif							/* PG_FANOUT_FILTER_H */
