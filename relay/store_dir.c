/*
 * store_dir.c
 *		A local directory as an object store.
 *
 * An object is written to a hidden file beside its name, forced to disk and
 * renamed; the directory is forced too. The hidden name depends on the
 * object's name alone, so that a second try after a crash takes over what the
 * first left behind. Keys never leave the directory and follow no symbolic
 * link. All work is done at once in start: there is never anything pending.
 */
#include "object_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failpoint.h"

#define DIR_FILE_MODE	0640	/* rows of the database: not for everyone */
#define DIR_MODE		0750
#define DIR_NAME_SIZE	256
#define DIR_UPLOAD_SIZE 24
#define DIR_MAX_GET		((size_t) 16 * 1024 * 1024)

/* A file being written. */
typedef struct DirFile
{
	int			dir;			/* its directory */
	int			fd;
	char		name[DIR_NAME_SIZE];
	char		hidden[DIR_NAME_SIZE];
} DirFile;

typedef struct DirUpload
{
	struct DirUpload *next;
	char		id[DIR_UPLOAD_SIZE];
	int			parts;			/* written so far */
	DirFile		file;
} DirUpload;

typedef struct DirStore
{
	ObjectStore base;
	char	   *path;
	int			root;			/* -1: not opened */
	uint64_t	uploads_begun;
	DirUpload  *uploads;
} DirStore;

static bool
dir_error(const DirStore *store, Error *err, const char *action,
		  const char *key)
{
	int			cause = errno;
	bool		disk = cause == ENOSPC || cause == EDQUOT || cause == EIO;

	error_set(err, disk ? ERROR_DISK : store->root < 0 ? ERROR_SINK_SETUP :
			  ERROR_SINK_WRITE, "could not %s \"%s%s%s\": %s", action,
			  store->path, key[0] == '\0' ? "" : "/", key, strerror(cause));
	if (cause == ENOSPC || cause == EDQUOT)
		return error_hint(err, "Free space on the file system of \"%s\" and start again: "
						  "the relay goes on where its checkpoint stands.",
						  store->path);
	if (cause == EACCES || cause == EPERM || cause == EROFS)
		return error_hint(err, "The directory must be writable for the user pg_fanout runs as.");
	if (cause == ELOOP || cause == ENOTDIR)
		return error_hint(err, "Below \"%s\" symbolic links are not followed.",
						  store->path);
	return false;
}

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

/*
 * The directory of a key, opened, and its last part in name. -1: errno.
 */
static int
dir_walk(const DirStore *store, const char *key, bool make, char *name)
{
	int			dir = dup(store->root);

	while (dir >= 0)
	{
		size_t		size = strcspn(key, "/");
		int			next;

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
		close(dir);
		dir = next;
		key += size + 1;
	}
	return -1;
}

/* ---- writing ---- */

static void
dir_file_close(DirFile *file)
{
	if (file->fd >= 0)
		close(file->fd);
	if (file->dir >= 0)
		close(file->dir);
	file->fd = file->dir = -1;
}

static void
dir_file_discard(DirFile *file)
{
	if (file->dir >= 0)
		unlinkat(file->dir, file->hidden, 0);
	dir_file_close(file);
}

static bool
dir_file_open(DirFile *file, const DirStore *store, const char *key)
{
	int			size;

	file->fd = -1;
	file->dir = dir_walk(store, key, true, file->name);
	if (file->dir < 0)
		return false;
	size = snprintf(file->hidden, sizeof(file->hidden), ".%s.tmp", file->name);
	if (size < 0 || size >= (int) sizeof(file->hidden))
	{
		errno = ENAMETOOLONG;
		return false;
	}
	file->fd = openat(file->dir, file->hidden, O_WRONLY | O_CREAT | O_TRUNC |
					  O_NOFOLLOW | O_CLOEXEC, DIR_FILE_MODE);
	return file->fd >= 0;
}

static bool
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

static bool
dir_file_publish(DirFile *file)
{
	if (fsync(file->fd) != 0 || failpoint_fails(FAILPOINT_DIR_SYNCED) ||
		renameat(file->dir, file->hidden, file->dir, file->name) != 0 ||
		failpoint_fails(FAILPOINT_DIR_RENAMED) || fsync(file->dir) != 0)
		return false;
	dir_file_close(file);
	return true;
}

/* errno of what failed survives the cleaning up. */
static bool
dir_put(DirStore *store, StoreRequest *request)
{
	DirFile		file;
	int			cause;

	if (dir_file_open(&file, store, request->key) &&
		dir_file_write(&file, request->body) && dir_file_publish(&file))
		return true;
	cause = errno;
	dir_file_discard(&file);
	errno = cause;
	return dir_error(store, &request->error, "write", request->key);
}

/* ---- uploads in parts ---- */

static DirUpload **
dir_upload_find(DirStore *store, const char *id)
{
	DirUpload **link = &store->uploads;

	while (*link != NULL && strcmp((*link)->id, id) != 0)
		link = &(*link)->next;
	return link;
}

static void
dir_upload_end(DirUpload **link)
{
	DirUpload  *upload = *link;

	*link = upload->next;
	dir_file_discard(&upload->file);
	free(upload);
}

static bool
dir_begin(DirStore *store, StoreRequest *request)
{
	DirUpload  *upload = calloc(1, sizeof(*upload));

	if (upload == NULL)
		return error_no_memory(&request->error);
	upload->next = store->uploads;
	store->uploads = upload;
	snprintf(upload->id, sizeof(upload->id), "%llu",
			 (unsigned long long) ++store->uploads_begun);
	if (!dir_file_open(&upload->file, store, request->key))
	{
		dir_error(store, &request->error, "write", request->key);
		dir_upload_end(&store->uploads);
		return false;
	}
	buf_append_string(&request->answer, upload->id);
	return true;
}

static bool
dir_part(DirStore *store, StoreRequest *request)
{
	DirUpload **link = dir_upload_find(store, request->upload);

	if (*link == NULL || request->part != (*link)->parts + 1)
		return error_set(&request->error, ERROR_INTERNAL,
						 "part %d of \"%s\" out of order", request->part,
						 request->key);
	if (!dir_file_write(&(*link)->file, request->body))
		return dir_error(store, &request->error, "write", request->key);
	(*link)->parts++;
	buf_printf(&request->answer, "%d", request->part);
	return true;
}

static bool
dir_complete(DirStore *store, StoreRequest *request)
{
	DirUpload **link = dir_upload_find(store, request->upload);

	if (*link == NULL || request->tag_count != (*link)->parts)
		return error_set(&request->error, ERROR_INTERNAL,
						 "upload of \"%s\" lacks parts", request->key);
	if (!dir_file_publish(&(*link)->file))
		return dir_error(store, &request->error, "write", request->key);
	dir_upload_end(link);
	return true;
}

static bool
dir_abort(DirStore *store, StoreRequest *request)
{
	DirUpload **link = dir_upload_find(store, request->upload);

	if (*link != NULL)
		dir_upload_end(link);
	return true;
}

/* ---- reading and removing ---- */

static bool
dir_read(int fd, Buf *out)
{
	ssize_t		got = 1;

	while (got > 0)
	{
		if (!buf_reserve(out, 4096))
		{
			errno = EFBIG;
			return false;
		}
		got = read(fd, out->data + out->size, 4096);
		if (got > 0)
			out->size += (size_t) got;
	}
	return got == 0;
}

static bool
dir_get(DirStore *store, StoreRequest *request)
{
	char		name[DIR_NAME_SIZE];
	int			dir = dir_walk(store, request->key, false, name);
	int			fd = -1;
	bool		ok = false;

	if (dir >= 0)
		fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
	{
		request->state = STORE_MISSING;
		ok = true;
	}
	else
		ok = fd >= 0 && dir_read(fd, &request->answer);
	if (!ok)
		dir_error(store, &request->error, "read", request->key);
	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	return ok;
}

static bool
dir_delete(DirStore *store, StoreRequest *request)
{
	char		name[DIR_NAME_SIZE];
	int			dir = dir_walk(store, request->key, false, name);
	bool		ok;

	ok = dir >= 0 && unlinkat(dir, name, 0) == 0 && fsync(dir) == 0;
	if (!ok && errno != ENOENT)
		dir_error(store, &request->error, "remove", request->key);
	else
		ok = true;
	if (dir >= 0)
		close(dir);
	return ok;
}

/* ---- the interface ---- */

static bool
dir_store_open(ObjectStore *base, Error *err)
{
	DirStore   *store = (DirStore *) base;

	if (store->root >= 0)
		return true;
	if (mkdir(store->path, DIR_MODE) != 0 && errno != EEXIST)
	{
		bool		orphan = errno == ENOENT;

		dir_error(store, err, "create directory", "");
		return orphan ? error_hint(err, "The directory above it must exist.") :
			false;
	}
	store->root = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return store->root >= 0 || dir_error(store, err, "open directory", "");
}

static void
dir_store_start(ObjectStore *base, StoreRequest *request)
{
	static bool (*const verbs[]) (DirStore *, StoreRequest *) = {
		[STORE_PUT] = dir_put,[STORE_GET] = dir_get,
		[STORE_DELETE] = dir_delete,
		[STORE_BEGIN] = dir_begin,[STORE_PART] = dir_part,
		[STORE_COMPLETE] = dir_complete,[STORE_ABORT] = dir_abort
	};

	error_clear(&request->error);
	buf_free(&request->answer);
	buf_init(&request->answer, DIR_MAX_GET);
	if (!verbs[request->verb] ((DirStore *) base, request))
		request->state = STORE_FAILED;
	else if (request->state == STORE_PENDING)
		request->state = STORE_DONE;
}

static void
dir_store_poll(ObjectStore *base)
{
	(void) base;
}

static void
dir_store_cancel(ObjectStore *base, StoreRequest *request)
{
	(void) base;
	(void) request;
}

static int
dir_store_watch(ObjectStore *base, struct pollfd *fds, int room,
				int64_t *deadline)
{
	(void) base;
	(void) fds;
	(void) room;
	(void) deadline;
	return 0;
}

static void
dir_store_free(ObjectStore *base)
{
	DirStore   *store = (DirStore *) base;

	while (store->uploads != NULL)
		dir_upload_end(&store->uploads);
	if (store->root >= 0)
		close(store->root);
	free(store->path);
	free(store);
}

static const ObjectStoreOps store_dir_ops = {
	.name = "dir",
	.open = dir_store_open,
	.start = dir_store_start,
	.poll = dir_store_poll,
	.cancel = dir_store_cancel,
	.watch = dir_store_watch,
	.free = dir_store_free
};

ObjectStore *
store_dir_new(const char *path, Error *err)
{
	DirStore   *store;

	if (path == NULL || path[0] == '\0')
	{
		error_set(err, ERROR_USAGE,
				  "URL of the directory sink names no directory");
		error_hint(err, "Write dir:///path/of/directory.");
		return NULL;
	}
	store = calloc(1, sizeof(*store));
	if (store == NULL || (store->path = strdup(path)) == NULL)
	{
		free(store);
		error_no_memory(err);
		return NULL;
	}
	store->base.ops = &store_dir_ops;
	store->root = -1;
	return &store->base;
}
