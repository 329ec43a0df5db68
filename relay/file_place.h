/*
 * file_place.h
 *		Where a file sink's files are: the directory, held open, and the names
 *		in it.
 *
 * Symbolic links are followed up to the directory, not for the file itself.
 * Knows nothing of what is written.
 */
#ifndef PG_FANOUT_FILE_PLACE_H
#define PG_FANOUT_FILE_PLACE_H

#include <sys/types.h>

#include "error.h"
#include "lsn.h"

typedef struct FilePlace
{
	char	   *path;			/* as configured */
	char	   *directory;
	char	   *name;			/* in the directory */
	char	   *sidecar_name;	/* name.checkpoint */
	char	   *notes_name;		/* name.notes */
	mode_t		mode;			/* of new files */
	int			dir;			/* descriptor of the directory, -1: closed */
} FilePlace;

typedef enum FileType
{
	FILE_TYPE_MISSING,
	FILE_TYPE_REGULAR,
	FILE_TYPE_STREAM,			/* pipe, device: cannot be cut back */
	FILE_TYPE_WRONG				/* directory, link, or not to be looked at:
								 * err */
} FileType;

/* Takes the path apart; ERROR_USAGE if it names no file. */
extern MUST_USE bool file_place_init(FilePlace *place, const char *path,
									 mode_t mode, Error *err);
extern void file_place_free(FilePlace *place);

/* Opens the directory. ERROR_SINK_SETUP: missing or not to be entered. */
extern MUST_USE bool file_place_enter(FilePlace *place, Error *err);
extern void file_place_leave(FilePlace *place);

/* What stands under the name now. */
extern FileType file_place_type(const FilePlace *place, Error *err);

/* Whether the file can be written or made. Touches nothing. */
extern MUST_USE bool file_place_check(const FilePlace *place, Error *err);

/* Opens the file, creating it if it is missing. -1: failed. */
extern int	file_place_open(const FilePlace *place, Error *err);

/* The size of a regular file in the directory; -1: there is none. */
extern int64_t file_place_size(const FilePlace *place, const char *name);

/*
 * "out.jsonl" at 0/16B3748: "out.00000000016B3748.jsonl", all of it before
 * that position; such names sort by position. The caller's to free; NULL:
 * memory.
 */
extern char *file_place_rotated_name(const FilePlace *place, Lsn lsn);

/* Gives the file that name, for good. */
extern MUST_USE bool file_place_rename(const FilePlace *place,
									   const char *name, Error *err);

#endif							/* PG_FANOUT_FILE_PLACE_H */
