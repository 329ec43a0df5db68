/*
 * publication.h
 *		Which tables, actions and columns the client's publications include.
 *
 * With the meaning pgoutput gives them, but that a publication that does not
 * exist is an error on every version.
 */
#ifndef PG_FANOUT_PUBLICATION_H
#define PG_FANOUT_PUBLICATION_H

#include "catalog/pg_publication.h"
#include "nodes/bitmapset.h"
#include "utils/rel.h"

/* What a relation's changes are published as. */
typedef struct PublishedAs
{
	PublicationActions actions;
	Oid			relid;			/* the relation or a partition ancestor */
	int			level;			/* how many ancestors up that is */
	List	   *publications;	/* of Publication *, those that count there */
} PublishedAs;

/* The publications with these names, in the current memory context. */
extern List *publication_load(List *names);

/*
 * publications is NIL: no publication was asked for, and every table counts.
 * Allocates in the current memory context.
 */
extern PublishedAs publication_resolve(List *publications, Relation relation);

/*
 * The columns to send of the relation with the oid published->relid, as
 * attribute numbers. Error if publications contradict each other.
 */
extern Bitmapset *publication_columns(const PublishedAs *published,
									  Relation target);

/* Does anything but truncation get published? */
static inline bool
publication_has_rows(const PublicationActions *actions)
{
	return actions->pubinsert || actions->pubupdate || actions->pubdelete;
}

#endif							/* PG_FANOUT_PUBLICATION_H */
