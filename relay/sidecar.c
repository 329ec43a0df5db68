/*
 * sidecar.c
 *		A small file beside another one. See sidecar.h.
 *
 * Temporary file, fsync, rename, fsync of the directory: after a crash either
 * the old content or the new one is there, whole.
 */
#include "sidecar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failpoint.h"

#define SIDECAR_MODE	0600
#define SIDECAR_FLAGS	(O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK)
#define SIDECAR_TRIES	100
#define SIDECAR_READ	1024

bool
sidecar_io_error(const char *what, const char *name, Error *err)
{
	int			fault = errno;

	error_set(err, ERROR_DISK, "cannot %s \"%s\": %s", what, name,
			  strerror(fault));
	if (fault == ENOSPC || fault == EDQUOT || fault == EFBIG)
		return error_hint(err, "Make room (or raise the quota or file size limit) and start again: nothing that is not safe was confirmed, and writing goes on where the checkpoint stands.");
	return false;
}

static bool
open_error(const char *name, Error *err)
{
	int			fault = errno;

	error_set(err, ERROR_SINK_SETUP, "cannot open \"%s\": %s", name,
			  strerror(fault));
	if (fault == ELOOP)
		return error_hint(err, "It is a symbolic link, which is not followed: name the file itself.");
	if (fault == EACCES || fault == EPERM || fault == EROFS)
		return error_hint(err, "The user that runs pg_fanout (user id %ld) must be allowed to write the file and its directory.",
						  (long) geteuid());
	return false;
}

/* Whether fd still is the file that has the name. */
static bool
has_name(int dir, const char *name, int fd)
{
	struct stat by_name;
	struct stat by_fd;

	return fstatat(dir, name, &by_name, AT_SYMLINK_NOFOLLOW) == 0 &&
		fstat(fd, &by_fd) == 0 &&
		by_name.st_dev == by_fd.st_dev && by_name.st_ino == by_fd.st_ino;
}

/*
 * Opens and locks. Between the two the holder may have replaced the file: then
 * the lock is on one without a name, and the new one is tried.
 */
static bool
open_locked(Sidecar *sidecar, Error *err)
{
	for (int i = 0; i < SIDECAR_TRIES; i++)
	{
		sidecar->fd = openat(sidecar->dir, sidecar->name,
							 O_RDWR | O_CREAT | SIDECAR_FLAGS, SIDECAR_MODE);
		if (sidecar->fd < 0)
			return open_error(sidecar->name, err);
		if (flock(sidecar->fd, LOCK_EX | LOCK_NB) != 0)
			break;
		if (has_name(sidecar->dir, sidecar->name, sidecar->fd))
			return true;
		close(sidecar->fd);
		sidecar->fd = -1;
	}
	error_set(err, ERROR_SINK_SETUP, "\"%s\" is in use by another process",
			  sidecar->name);
	return error_hint(err, "Another pg_fanout writes to this file: stop it, or give this one another file.");
}

bool
sidecar_open(Sidecar *sidecar, int dir, const char *name, Error *err)
{
	struct stat status;
	size_t		size = strlen(name) + sizeof(".tmp");

	memset(sidecar, 0, sizeof(*sidecar));
	sidecar->dir = dir;
	sidecar->fd = -1;
	sidecar->name = strdup(name);
	sidecar->temporary = malloc(size);
	if (sidecar->name == NULL || sidecar->temporary == NULL)
	{
		error_no_memory(err);
		goto failed;
	}
	memcpy(sidecar->temporary, name, strlen(name));
	memcpy(sidecar->temporary + strlen(name), ".tmp", sizeof(".tmp"));
	if (!open_locked(sidecar, err))
		goto failed;
	if (fstat(sidecar->fd, &status) != 0 || !S_ISREG(status.st_mode))
	{
		error_set(err, ERROR_SINK_SETUP, "\"%s\" is not a regular file", name);
		goto failed;
	}
	sidecar->empty = status.st_size == 0;
	return true;

failed:
	sidecar_close(sidecar);
	return false;
}

bool
sidecar_read(const Sidecar *sidecar, Buf *text, Error *err)
{
	off_t		offset = 0;

	for (;;)
	{
		ssize_t		size;

		if (!buf_reserve(text, SIDECAR_READ))
			return error_set(err, ERROR_CHECKPOINT, "\"%s\" is too large",
							 sidecar->name);
		size = pread(sidecar->fd, text->data + text->size, SIDECAR_READ,
					 offset);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return sidecar_io_error("read", sidecar->name, err);
		if (size == 0)
			return true;
		text->size += (size_t) size;
		offset += size;
	}
}

static bool
write_whole(int fd, Slice text)
{
	while (text.size > 0)
	{
		ssize_t		size = write(fd, text.data, text.size);

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return false;
		text.data += size;
		text.size -= (size_t) size;
	}
	return true;
}

bool
sidecar_write(Sidecar *sidecar, Slice text, Error *err)
{
	int			fd = openat(sidecar->dir, sidecar->temporary,
							O_RDWR | O_CREAT | O_TRUNC | SIDECAR_FLAGS,
							SIDECAR_MODE);

	if (fd < 0)
		return sidecar_io_error("create", sidecar->temporary, err);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0 || !write_whole(fd, text) ||
		fsync(fd) != 0)
	{
		sidecar_io_error("write", sidecar->temporary, err);
		goto failed;
	}
	if (failpoint_fails(FAILPOINT_SIDECAR_WRITTEN) ||
		renameat(sidecar->dir, sidecar->temporary, sidecar->dir,
				 sidecar->name) != 0 ||
		failpoint_fails(FAILPOINT_SIDECAR_RENAMED) ||
		fsync(sidecar->dir) != 0)
	{
		sidecar_io_error("replace", sidecar->name, err);
		goto failed;
	}
	close(sidecar->fd);
	sidecar->fd = fd;
	sidecar->empty = false;
	return true;

failed:
	close(fd);
	unlinkat(sidecar->dir, sidecar->temporary, 0);
	return false;
}

void
sidecar_close(Sidecar *sidecar)
{
	if (sidecar->fd >= 0)
	{
		if (sidecar->empty)
			unlinkat(sidecar->dir, sidecar->name, 0);
		close(sidecar->fd);
	}
	free(sidecar->name);
	free(sidecar->temporary);
	memset(sidecar, 0, sizeof(*sidecar));
	sidecar->fd = -1;
}
