/*
 * spool_directory.h
 *		The private directory of the spool and the files in it.
 *
 * The files have no name, so that nobody else can open them and nothing is
 * left behind even after kill -9. Where the file system cannot make such
 * files they have one for an instant; those that a crash left in that instant
 * are removed at the next start.
 */
#ifndef PG_FANOUT_SPOOL_DIRECTORY_H
#define PG_FANOUT_SPOOL_DIRECTORY_H

#include <stdbool.h>

#include "error.h"

/* "$TMPDIR/pg_fanout-UID", /var/tmp without TMPDIR; NULL: out of memory. */
extern char *spool_directory_default(void);

/*
 * Makes it (0700) unless it is there, and sets *made if so; removes what is
 * left over. Fails if it belongs to somebody else or others may look into it.
 */
extern MUST_USE bool spool_directory_prepare(const char *path, bool *made,
											 Error *err);

/* An empty file without a name, mode 0600; -1: failed. */
extern int	spool_directory_open_file(const char *path, Error *err);

#endif							/* PG_FANOUT_SPOOL_DIRECTORY_H */
