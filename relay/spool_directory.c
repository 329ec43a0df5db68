/*
 * spool_directory.c
 *		The private directory of the spool. See spool_directory.h.
 */
#include "spool_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY_MODE	0700
#define FILE_MODE		0600
#define FILE_PREFIX		".pg_fanout-spool-"
#define FILE_TEMPLATE	FILE_PREFIX "XXXXXX"

char *
spool_directory_default(void)
{
	const char *parent = getenv("TMPDIR");
	char	   *path;

	if (parent == NULL || parent[0] == '\0')
		parent = "/var/tmp";
	if (asprintf(&path, "%s/pg_fanout-%ld", parent, (long) geteuid()) < 0)
		return NULL;
	return path;
}

static bool
directory_error(const char *what, const char *path, int fault, Error *err)
{
	error_set(err, ERROR_DISK, "cannot %s \"%s\": %s", what, path,
			  strerror(fault));
	if (fault == EMFILE || fault == ENFILE)
		return error_hint(err, "Raise the limit of open files (ulimit -n): each large transaction in progress takes one.");
	return error_hint(err, "Name a directory with --spool-directory, or leave transactions in progress to the server with --streaming=off.");
}

/* ---- the directory ---- */

static bool
check_private(const char *path, Error *err)
{
	struct stat status;

	if (lstat(path, &status) != 0)
		return directory_error("look at the spool directory", path, errno,
							   err);
	if (!S_ISDIR(status.st_mode))
		return directory_error("use the spool directory", path, ENOTDIR, err);
	if (status.st_uid == geteuid() && (status.st_mode & 077) == 0)
		return true;
	error_set(err, ERROR_SECRET_FILE,
			  "the spool directory \"%s\" is open to others", path);
	return error_hint(err, "It will hold rows: it must belong to the user that runs pg_fanout (user id %ld) and have mode 0700.",
					  (long) geteuid());
}

/* Whatever has such a name is nobody's any more, or will be in an instant. */
static void
remove_left_over(const char *path)
{
	DIR		   *dir = opendir(path);
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, FILE_PREFIX, strlen(FILE_PREFIX)) == 0)
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
}

bool
spool_directory_prepare(const char *path, bool *made, Error *err)
{
	if (mkdir(path, DIRECTORY_MODE) == 0)
		*made = true;
	else if (errno != EEXIST)
		return directory_error("make the spool directory", path, errno, err);
	if (!check_private(path, err))
		return false;
	remove_left_over(path);
	return true;
}

/* ---- files ---- */

/* For file systems without O_TMPFILE. */
static int
open_and_unlink(const char *path)
{
	char	   *name;
	int			fd;

	if (asprintf(&name, "%s/" FILE_TEMPLATE, path) < 0)
	{
		errno = ENOMEM;
		return -1;
	}
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	free(name);
	return fd;
}

int
spool_directory_open_file(const char *path, Error *err)
{
	int			fd = open(path, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC,
						  FILE_MODE);

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
		fd = open_and_unlink(path);
	if (fd < 0)
		directory_error("open a file in the spool directory", path, errno,
						err);
	return fd;
}
