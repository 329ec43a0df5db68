/*
 * file_place.c
 *		Where a file sink's files are. See file_place.h.
 */
#include "file_place.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sidecar.h"

#define PLACE_FLAGS (O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK)

/* ---- names ---- */

static char *
with_suffix(const char *name, const char *suffix)
{
	char	   *text;

	return asprintf(&text, "%s%s", name, suffix) >= 0 ? text : NULL;
}

static bool
place_split(FilePlace *place, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t		size = slash != NULL ? (size_t) (slash - path) : 0;

	place->path = strdup(path);
	place->name = strdup(slash != NULL ? slash + 1 : path);
	if (slash == NULL)
		place->directory = strdup(".");
	else
		place->directory = strndup(path, size > 0 ? size : 1);
	return place->path != NULL && place->name != NULL &&
		place->directory != NULL &&
		(place->sidecar_name = with_suffix(place->name, ".checkpoint")) &&
		(place->notes_name = with_suffix(place->name, ".notes"));
}

bool
file_place_init(FilePlace *place, const char *path, mode_t mode, Error *err)
{
	memset(place, 0, sizeof(*place));
	place->dir = -1;
	place->mode = mode;
	if (!place_split(place, path))
	{
		file_place_free(place);
		return error_no_memory(err);
	}
	if (place->name[0] != '\0' && strcmp(place->name, ".") != 0 &&
		strcmp(place->name, "..") != 0)
		return true;
	file_place_free(place);
	error_set(err, ERROR_USAGE, "\"%s\" names no file", path);
	return error_hint(err,
		"Write file:/directory/name, file:name or file:- (standard output).");
}

void
file_place_free(FilePlace *place)
{
	file_place_leave(place);
	free(place->path);
	free(place->directory);
	free(place->name);
	free(place->sidecar_name);
	free(place->notes_name);
	memset(place, 0, sizeof(*place));
	place->dir = -1;
}

char *
file_place_rotated_name(const FilePlace *place, Lsn lsn)
{
	const char *dot = strrchr(place->name, '.');
	int			stem = dot != NULL && dot > place->name ?
		(int) (dot - place->name) : (int) strlen(place->name);
	char	   *name;

	if (asprintf(&name, "%.*s.%016" PRIX64 "%s", stem, place->name, lsn,
				 place->name + stem) < 0)
		return NULL;
	return name;
}

/* ---- the directory ---- */

static bool
place_error(const char *what, const char *path, Error *err)
{
	int			fault = errno;

	error_set(err, fault == ENOSPC || fault == EDQUOT ? ERROR_DISK :
			  ERROR_SINK_SETUP, "cannot %s \"%s\": %s", what, path,
			  strerror(fault));
	if (fault == ENOENT || fault == ENOTDIR)
		return error_hint(err, "Its directory must exist: create it first.");
	if (fault == ELOOP)
		return error_hint(err, "It is a symbolic link, which is not followed: name the file itself, or - for standard output.");
	if (fault == ENXIO)
		return error_hint(err,
			"It is a pipe that nobody reads: start the reader first.");
	if (fault == EACCES || fault == EPERM || fault == EROFS)
		return error_hint(err, "The user that runs pg_fanout (user id %ld) must be allowed to write the file and its directory.",
						  (long) geteuid());
	return false;
}

bool
file_place_enter(FilePlace *place, Error *err)
{
	file_place_leave(place);
	place->dir = open(place->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return place->dir >= 0 ||
		place_error("open directory", place->directory, err);
}

void
file_place_leave(FilePlace *place)
{
	if (place->dir >= 0)
		close(place->dir);
	place->dir = -1;
}

/* ---- the file ---- */

static FileType
place_wrong(const FilePlace *place, const char *what, Error *err)
{
	error_set(err, ERROR_SINK_SETUP, "\"%s\" is %s", place->path, what);
	error_hint(err, "Name a file, or - for standard output.");
	return FILE_TYPE_WRONG;
}

FileType
file_place_type(const FilePlace *place, Error *err)
{
	struct stat status;

	if (fstatat(place->dir, place->name, &status, AT_SYMLINK_NOFOLLOW) != 0)
	{
		if (errno == ENOENT)
			return FILE_TYPE_MISSING;
		place_error("examine", place->path, err);
		return FILE_TYPE_WRONG;
	}
	if (S_ISREG(status.st_mode))
		return FILE_TYPE_REGULAR;
	if (S_ISDIR(status.st_mode))
		return place_wrong(place, "a directory", err);
	if (S_ISLNK(status.st_mode))
		return place_wrong(place, "a symbolic link, which is not followed",
						   err);
	if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode))
		return FILE_TYPE_STREAM;
	return place_wrong(place, "neither a file, a pipe nor a character device",
					   err);
}

bool
file_place_check(const FilePlace *place, Error *err)
{
	FileType	type = file_place_type(place, err);

	if (type == FILE_TYPE_WRONG)
		return false;
	if (type != FILE_TYPE_MISSING &&
		faccessat(place->dir, place->name, W_OK, AT_EACCESS) != 0)
		return place_error("write", place->path, err);
	if (type != FILE_TYPE_STREAM &&
		faccessat(place->dir, ".", W_OK | X_OK, AT_EACCESS) != 0)
		return place_error("create files in", place->directory, err);
	return true;
}

/*
 * A new file gets exactly the mode asked for, whatever the umask; whoever made
 * it, its name is on disk before a checkpoint can tell of it. O_NONBLOCK is
 * for pipes without a reader; on a pipe it may stay.
 */
int
file_place_open(const FilePlace *place, Error *err)
{
	int			fd = openat(place->dir, place->name,
							O_WRONLY | O_CREAT | O_EXCL | PLACE_FLAGS, 0600);

	if (fd >= 0 && fchmod(fd, place->mode) != 0)
	{
		place_error("set the mode of", place->path, err);
		close(fd);
		return -1;
	}
	if (fd < 0 && errno == EEXIST)
		fd = openat(place->dir, place->name, O_WRONLY | PLACE_FLAGS);
	if (fd < 0)
	{
		place_error("open", place->path, err);
		return -1;
	}
	if (fsync(place->dir) == 0)
		return fd;
	sidecar_io_error("sync the directory of", place->path, err);
	close(fd);
	return -1;
}

int64_t
file_place_size(const FilePlace *place, const char *name)
{
	struct stat status;

	if (fstatat(place->dir, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
		!S_ISREG(status.st_mode))
		return -1;
	return status.st_size;
}

/* The sidecar's lock keeps others away between the look and the rename. */
bool
file_place_rename(const FilePlace *place, const char *name, Error *err)
{
	struct stat status;

	if (fstatat(place->dir, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
	{
		error_set(err, ERROR_SINK_WRITE, "cannot rotate \"%s\": \"%s\" exists",
				  place->path, name);
		return error_hint(err,
			"Move it away: a file of that name is left from another run.");
	}
	if (renameat(place->dir, place->name, place->dir, name) != 0 ||
		fsync(place->dir) != 0)
		return sidecar_io_error("rename", place->path, err);
	return true;
}
