/*
 * store_dir_file.c
 *		Files of a directory store. See store_dir_file.h.
 */
#include "store_dir_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failpoint.h"
#include "sigv4.h"

#define DIR_TRIES	1000		/* for a name that nobody else uses */

/* ---- names ---- */

static bool
dir_name_ok(const char *name, size_t size)
{
	return size > 0 && size < DIR_NAME_SIZE &&
		!(size == 1 && name[0] == '.') &&
		!(size == 2 && name[0] == '.' && name[1] == '.');
}

/* Opens a directory below another, made if it may be; -1: errno. */
static int
dir_enter(int parent, const char *name, bool make)
{
	int			flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int			fd = openat(parent, name, flags);

	if (fd >= 0 || errno != ENOENT || !make)
		return fd;
	if (mkdirat(parent, name, DIR_MODE) != 0 && errno != EEXIST)
		return -1;
	if (fsync(parent) != 0)
		return -1;
	return openat(parent, name, flags);
}

int
dir_walk(int root, const char *key, bool make, char *name)
{
	int			dir = dup(root);

	while (dir >= 0)
	{
		size_t		size = strcspn(key, "/");
		int			next;
		int			cause;

		if (!dir_name_ok(key, size))
		{
			close(dir);
			errno = EINVAL;
			return -1;
		}
		memcpy(name, key, size);
		name[size] = '\0';
		if (key[size] == '\0')
			return dir;
		next = dir_enter(dir, name, make);
		cause = errno;
		close(dir);
		errno = cause;
		dir = next;
		key += size + 1;
	}
	return -1;
}

static int
uploads_open(int root, bool make)
{
	char		name[DIR_NAME_SIZE];

	return dir_walk(root, DIR_UPLOADS "/x", make, name);
}

DIR *
dir_uploads_open(int root)
{
	int			fd = uploads_open(root, false);

	return fd < 0 ? NULL : fdopendir(fd);
}

bool
dir_uploads_remove(int root, const char *name)
{
	int			fd = uploads_open(root, false);
	bool		ok;
	int			cause;

	if (fd < 0)
		return errno == ENOENT;
	ok = unlinkat(fd, name, 0) == 0 || errno == ENOENT;
	cause = errno;
	close(fd);
	errno = cause;
	return ok;
}

/* ---- writing ---- */

static void
close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void
dir_file_discard(DirFile *file)
{
	if (file->hidden[0] != '\0')
		unlinkat(file->uploads, file->hidden, 0);
	file->hidden[0] = '\0';
	close_one(&file->fd);
	close_one(&file->dir);
	close_one(&file->uploads);
}

/* Process ids come again: what a killed process left may have the name. */
static bool
open_hidden(DirFile *file, const char *owner)
{
	static unsigned long long number;
	int			flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;

	for (int i = 0; file->fd < 0 && i < DIR_TRIES; i++)
	{
		snprintf(file->hidden, sizeof(file->hidden), "%s.%ld.%llu",
				 owner[0] == '\0' ? "new" : owner, (long) getpid(), ++number);
		file->fd = openat(file->uploads, file->hidden, flags, DIR_FILE_MODE);
		if (file->fd < 0 && errno != EEXIST)
			break;
	}
	if (file->fd < 0)
		file->hidden[0] = '\0';	/* it is not ours */
	return file->fd >= 0;
}

bool
dir_file_open(DirFile *file, int root, const char *key, const char *owner)
{
	*file = (DirFile) {.fd = -1,.dir = -1,.uploads = -1};
	file->dir = dir_walk(root, key, true, file->name);
	if (file->dir < 0)
		return false;
	file->uploads = uploads_open(root, true);
	return file->uploads >= 0 && open_hidden(file, owner);
}

bool
dir_file_write(DirFile *file, Slice data)
{
	while (data.size > 0)
	{
		ssize_t		written = write(file->fd, data.data, data.size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		data = slice_make(data.data + written, data.size - (size_t) written);
	}
	return true;
}

/* ---- the name ---- */

/* A link never takes the place of a file. */
static DirPublished
publish_create(DirFile *file)
{
	if (linkat(file->uploads, file->hidden, file->dir, file->name, 0) == 0)
		return DIR_PUBLISHED;
	return errno == EEXIST ? DIR_PUBLISH_CONFLICT : DIR_PUBLISH_FAILED;
}

static DirPublished
publish_always(DirFile *file)
{
	if (renameat(file->uploads, file->hidden, file->dir, file->name) != 0)
		return DIR_PUBLISH_FAILED;
	file->hidden[0] = '\0';
	return DIR_PUBLISHED;
}

/* Whether the file of that name has this tag; -1: errno. */
static int
has_tag(const DirFile *file, const char *etag)
{
	int			fd = openat(file->dir, file->name,
							O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char		hash[SIGV4_HASH_SIZE];
	ssize_t		got = 1;
	Buf			content;

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	buf_init(&content, STORE_MAX_ANSWER);
	while (got > 0 && buf_reserve(&content, 65536))
	{
		got = read(fd, content.data + content.size, 65536);
		content.size += got > 0 ? (size_t) got : 0;
	}
	close(fd);
	sigv4_hash(buf_slice(&content), hash);
	buf_free(&content);
	return got != 0 ? -1 : strcmp(hash, etag) == 0;
}

/* Under a lock of the directory: whoever replaces on a condition takes it. */
static DirPublished
publish_replace(DirFile *file, const char *etag)
{
	DirPublished result = DIR_PUBLISH_FAILED;
	int			same;

	if (flock(file->dir, LOCK_EX) != 0)
		return result;
	same = has_tag(file, etag);
	if (same >= 0)
		result = same ? publish_always(file) : DIR_PUBLISH_CONFLICT;
	flock(file->dir, LOCK_UN);
	return result;
}

DirPublished
dir_file_publish(DirFile *file, StoreCondition condition, const char *etag)
{
	DirPublished result;

	if (fsync(file->fd) != 0 || failpoint_fails(FAILPOINT_DIR_SYNCED))
		return DIR_PUBLISH_FAILED;
	switch (condition)
	{
		case STORE_CREATE:
			result = publish_create(file);
			break;
		case STORE_REPLACE:
			result = publish_replace(file, etag);
			break;
		default:
			result = publish_always(file);
			break;
	}
	if (result == DIR_PUBLISHED &&
		(failpoint_fails(FAILPOINT_DIR_RENAMED) || fsync(file->dir) != 0))
		return DIR_PUBLISH_FAILED;
	return result;
}
