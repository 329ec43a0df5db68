/*
 * store_dir_file.h
 *		Files of a directory store: keys as paths, and how a file comes to be.
 *
 * A file is written below DIR_UPLOADS under a name that nobody else uses,
 * forced to disk and given its own name in one step; the directory is forced
 * too. Keys never leave the store and follow no symbolic link. What fails says
 * so in errno.
 */
#ifndef PG_FANOUT_STORE_DIR_FILE_H
#define PG_FANOUT_STORE_DIR_FILE_H

#include <dirent.h>

#include "object_store.h"

#define DIR_FILE_MODE	0640	/* rows of the database: not for everyone */
#define DIR_MODE		0750
#define DIR_NAME_SIZE	256
#define DIR_UPLOADS		"_pg_fanout/.uploads"

/* A file being written. */
typedef struct DirFile
{
	int			dir;			/* where it will be */
	int			uploads;		/* where it is */
	int			fd;
	char		name[DIR_NAME_SIZE];
	char		hidden[DIR_NAME_SIZE];	/* OWNER.PID.NUMBER; "": none */
} DirFile;

typedef enum DirPublished
{
	DIR_PUBLISHED,
	DIR_PUBLISH_CONFLICT,		/* the condition does not hold */
	DIR_PUBLISH_FAILED
} DirPublished;

/*
 * The directory of a key, opened, and its last part in name (DIR_NAME_SIZE
 * bytes). -1: failed. make: directories on the way.
 */
extern int	dir_walk(int root, const char *key, bool make, char *name);

/* In any case dir_file_discard must follow. */
extern MUST_USE bool dir_file_open(DirFile *file, int root, const char *key,
								   const char *owner);
extern MUST_USE bool dir_file_write(DirFile *file, Slice data);

/* etag: of STORE_REPLACE. */
extern DirPublished dir_file_publish(DirFile *file, StoreCondition condition,
									 const char *etag);
extern void dir_file_discard(DirFile *file);

/* What earlier writers left unfinished. NULL: failed, or there is none. */
extern DIR *dir_uploads_open(int root);

/* One that is gone already is no failure. */
extern MUST_USE bool dir_uploads_remove(int root, const char *name);

#endif							/* PG_FANOUT_STORE_DIR_FILE_H */
