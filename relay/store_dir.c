/*
 * store_dir.c
 *		A local directory as an object store.
 *
 * Objects are files, written as store_dir_file.h says. Their tags are hashes
 * of their content. All work is done at once in start: there is never
 * anything pending.
 */
#include "object_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sigv4.h"
#include "store_dir_file.h"

#define DIR_UPLOAD_SIZE 24

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

/* ---- writing ---- */

static bool
dir_file_new(DirFile *file, DirStore *store, const char *key)
{
	return dir_file_open(file, store->root, key, store->base.owner);
}

/* errno of what failed survives the cleaning up. */
static bool
dir_put(DirStore *store, StoreRequest *request)
{
	DirFile		file;
	DirPublished result = DIR_PUBLISH_FAILED;
	int			cause;

	if (dir_file_new(&file, store, request->key) &&
		dir_file_write(&file, request->body))
		result = dir_file_publish(&file, request->condition, request->etag);
	cause = errno;
	dir_file_discard(&file);
	errno = cause;
	if (result == DIR_PUBLISH_FAILED)
		return dir_error(store, &request->error, "write", request->key);
	if (result == DIR_PUBLISH_CONFLICT)
		request->state = STORE_CONFLICT;
	else
		sigv4_hash(request->body, request->etag);
	return true;
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
	if (!dir_file_new(&upload->file, store, request->key))
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
	if (dir_file_publish(&(*link)->file, STORE_ALWAYS, NULL) != DIR_PUBLISHED)
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
	else if (!dir_uploads_remove(store->root, request->upload))
		return dir_error(store, &request->error, "remove", request->upload);
	return true;
}

/* ---- reading and removing ---- */

/* errno */
static bool
dir_read(int fd, const StoreRequest *range, Buf *out)
{
	uint64_t	at = range->offset;
	uint64_t	end = range->size == 0 ? UINT64_MAX : at + range->size;
	ssize_t		got = 1;

	while (got > 0 && at < end)
	{
		size_t		room = end - at < 65536 ? (size_t) (end - at) : 65536;

		if (!buf_reserve(out, room))
		{
			errno = EFBIG;
			return false;
		}
		got = pread(fd, out->data + out->size, room, (off_t) at);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
		{
			out->size += (size_t) got;
			at += (uint64_t) got;
		}
	}
	return got >= 0;
}

/* Opens what is under a key; -1: errno. */
static int
dir_open_key(const DirStore *store, const char *key)
{
	char		name[DIR_NAME_SIZE];
	int			dir = dir_walk(store->root, key, false, name);
	int			fd = -1;
	int			cause;

	if (dir >= 0)
		fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	cause = errno;
	if (dir >= 0)
		close(dir);
	errno = cause;
	return fd;
}

/* For GET and HEAD. */
static bool
dir_get(DirStore *store, StoreRequest *request)
{
	int			fd = dir_open_key(store, request->key);
	struct stat info;
	bool		ok;

	if (fd < 0 && errno == ENOENT)
	{
		request->state = STORE_MISSING;
		return true;
	}
	if (request->verb == STORE_HEAD)
	{
		ok = fd >= 0 && fstat(fd, &info) == 0;
		if (ok)
			request->size = (uint64_t) info.st_size;
	}
	else
		ok = fd >= 0 && dir_read(fd, request, &request->answer);
	if (!ok)
		dir_error(store, &request->error, "read", request->key);
	else if (request->verb == STORE_GET && request->size == 0)
		sigv4_hash(buf_slice(&request->answer), request->etag);
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool
dir_delete(DirStore *store, StoreRequest *request)
{
	char		name[DIR_NAME_SIZE];
	int			dir = dir_walk(store->root, request->key, false, name);
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

/* ---- lists ---- */

static void
append_name(Buf *out, const char *prefix, const char *name, bool is_directory)
{
	if (name[0] != '.' && name[strcspn(name, "\t\n")] == '\0')
		buf_printf(out, "%s%s%s\n", prefix, name, is_directory ? "/" : "");
}

/* The directory of a key that is "" or ends in '/'; NULL: errno. */
static DIR *
dir_open_level(const DirStore *store, const char *key)
{
	char		inner[1100];
	char		name[DIR_NAME_SIZE];
	int			fd;

	/* a key below it leads to it */
	snprintf(inner, sizeof(inner), "%sx", key);
	fd = dir_walk(store->root, inner, false, name);
	return fd < 0 ? NULL : fdopendir(fd);
}

static bool
dir_list(DirStore *store, StoreRequest *request)
{
	DIR		   *level = dir_open_level(store, request->key);
	struct dirent *entry;

	if (level == NULL)
		return errno == ENOENT ||
			dir_error(store, &request->error, "list", request->key);
	while ((entry = readdir(level)) != NULL)
	{
		struct stat info;

		if (fstatat(dirfd(level), entry->d_name, &info,
					AT_SYMLINK_NOFOLLOW) == 0)
			append_name(&request->answer, request->key, entry->d_name,
						S_ISDIR(info.st_mode));
	}
	closedir(level);
	return !buf_failed(&request->answer) || error_no_memory(&request->error);
}

static bool
dir_uploads(DirStore *store, StoreRequest *request)
{
	DIR		   *level = dir_uploads_open(store->root);
	struct dirent *entry;

	if (level == NULL)
		return errno == ENOENT ||
			dir_error(store, &request->error, "list", DIR_UPLOADS);
	while ((entry = readdir(level)) != NULL)
		if (entry->d_name[0] != '.')
			buf_printf(&request->answer, "%s\t%s\n", entry->d_name,
					   entry->d_name);
	closedir(level);
	return !buf_failed(&request->answer) || error_no_memory(&request->error);
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
		[STORE_COMPLETE] = dir_complete,[STORE_ABORT] = dir_abort,
		[STORE_HEAD] = dir_get,[STORE_LIST] = dir_list,
		[STORE_UPLOADS] = dir_uploads
	};

	error_clear(&request->error);
	buf_free(&request->answer);
	buf_init(&request->answer, STORE_MAX_ANSWER);
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
