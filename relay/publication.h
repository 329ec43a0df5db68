/*
 * publication.h
 *		Whether the publications that the user named exist.
 *
 * pgoutput of PostgreSQL 18 and newer passes over a missing one with a warning
 * and sends nothing, so somebody has to look beforehand.
 */
#ifndef PG_FANOUT_PUBLICATION_H
#define PG_FANOUT_PUBLICATION_H

#include <libpq-fe.h>

#include "error.h"
#include "source.h"

/*
 * Looks up each name of the option publication_names, over any connection. An
 * option that is not there is no failure.
 */
extern MUST_USE bool publication_check(PGconn *conn,
									   const SourceOptions *options,
									   Error *err);

/*
 * Takes the next name of a list as the server reads it: names with commas
 * between, folded to lower case unless quoted. *at moves on. false: there is
 * none left, or (then **at is not the end) the list is not valid.
 */
extern bool publication_next(const char **at, Buf *name);

#endif							/* PG_FANOUT_PUBLICATION_H */
