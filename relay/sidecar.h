/*
 * sidecar.h
 *		A small file beside another one, replaced atomically and held by one
 *		process at a time.
 *
 * The lock (flock) is on the sidecar itself; each replacement is locked before
 * it takes the name, so the name is locked all the time. Knows nothing of what
 * stands in it.
 */
#ifndef PG_FANOUT_SIDECAR_H
#define PG_FANOUT_SIDECAR_H

#include "buf.h"
#include "error.h"

typedef struct Sidecar
{
	int			dir;			/* borrowed: the directory it is in */
	int			fd;				/* of the file that has the name; -1: closed */
	bool		empty;			/* nothing was ever written */
	char	   *name;
	char	   *temporary;
} Sidecar;

/*
 * Opens or creates it and takes the lock; ERROR_SINK_SETUP if another process
 * has it. An empty file is one that was never written.
 */
extern MUST_USE bool sidecar_open(Sidecar *sidecar, int dir, const char *name,
								  Error *err);

/* Appends the content to text. */
extern MUST_USE bool sidecar_read(const Sidecar *sidecar, Buf *text,
								  Error *err);

/* Replaces the content. When it returns true it is on disk, name included. */
extern MUST_USE bool sidecar_write(Sidecar *sidecar, Slice text, Error *err);

/* Lets go of it; one that is still empty is removed. */
extern void sidecar_close(Sidecar *sidecar);

/*
 * Fills err for a system call that failed: full disks are told from the rest.
 */
extern bool sidecar_io_error(const char *what, const char *name, Error *err);

#endif							/* PG_FANOUT_SIDECAR_H */
