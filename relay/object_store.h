/*
 * object_store.h
 *		Objects by key: an S3 bucket or a local directory behind one interface.
 *
 * The caller owns a StoreRequest, fills its upper half and starts it; the
 * store works on it while it is polled and at last sets its state. Nothing
 * calls back: whoever started a request looks at its state. An object becomes
 * visible under its key whole or not at all. Knows no sink, no format and no
 * checkpoint.
 *
 * A PUT may have a condition, which is what keeps two writers apart. It is
 * tried again as any other: CONFLICT may be the echo of an attempt of our own
 * whose answer was lost, so whoever gets it reads the object and compares.
 */
#ifndef PG_FANOUT_OBJECT_STORE_H
#define PG_FANOUT_OBJECT_STORE_H

#include <assert.h>
#include <poll.h>
#include <stdatomic.h>

#include "buf.h"
#include "error.h"

/* Of one upload in parts: what S3 allows. */
#define STORE_MAX_PARTS		10000
#define STORE_MIN_PART		((int64_t) 5 * 1024 * 1024)


/* What a GET without a range may bring. */
#define STORE_MAX_ANSWER	((size_t) 64 * 1024 * 1024)

#define STORE_TAG_SIZE		256
#define STORE_OWNER_SIZE	64

typedef struct ObjectStore ObjectStore;

/*
 * A page of a list is lines, each with a LF behind: "KEY", "KEY/" of what has
 * more below it or, of uploads, "KEY<TAB>UPLOAD". A last line that begins with
 * a TAB has the mark to go on behind. Keys that hold either character are left
 * out: no sink makes them. A directory's uploads may be of any prefix and
 * begin with their writer's owner instead of a key.
 */
typedef enum StoreVerb
{
	STORE_PUT,					/* key, body, meta, condition; tag */
	STORE_GET,					/* key, offset, size; answer: content; tag */
	STORE_HEAD,					/* key; size */
	STORE_DELETE,				/* key */
	STORE_BEGIN,				/* key, meta; answer: upload */
	STORE_PART,					/* key, upload, part, body; answer: tag */
	STORE_COMPLETE,				/* key, upload, tags, size */
	STORE_ABORT,				/* key, upload */
	STORE_LIST,					/* key: "" or ends in '/', after; answer: a
								 * page of one level */
	STORE_UPLOADS				/* key: a prefix, after; answer: a page of
								 * uploads that were not completed */
} StoreVerb;

typedef enum StoreCondition
{
	STORE_ALWAYS,
	STORE_CREATE,				/* only if there is no such object */
	STORE_REPLACE				/* only if it has the tag in etag */
} StoreCondition;

typedef enum StoreState
{
	STORE_IDLE,					/* not started yet */
	STORE_PENDING,
	STORE_DONE,
	STORE_MISSING,				/* GET, HEAD: no such object */
	STORE_CONFLICT,				/* PUT: its condition does not hold */
	STORE_FAILED				/* for good: error says why */
} StoreState;

/* What is kept with an object, where the store can. */
typedef struct StoreMeta
{
	const char *content_type;
	const char *system;			/* x-amz-meta-pg-fanout-system */
	const char *slot;			/* x-amz-meta-pg-fanout-slot */
	const char *position;		/* x-amz-meta-pg-fanout-position: its first */
} StoreMeta;

typedef struct StoreRequest
{
	/* set by the caller; borrowed until the state is no longer PENDING */
	StoreVerb	verb;
	const char *key;
	const char *upload;
	int			part;			/* 1 to STORE_MAX_PARTS, in order */
	Slice		body;
	const StoreMeta *meta;
	char *const *tags;			/* one per part */
	int			tag_count;
	uint64_t	offset;			/* of GET */
	uint64_t	size;			/* COMPLETE: of the whole object, HEAD sets
								 * it; GET: how much, 0: all */
	StoreCondition condition;
	const char *after;			/* LIST, UPLOADS: goes on behind this page's
								 * mark; NULL: from the beginning */
	int64_t		deadline;		/* monotonic; 0: repeat what may succeed for
								 * ever */

	/* set by the store */
	StoreState	state;
	char		etag[STORE_TAG_SIZE];	/* of what was read or written, where
										 * the store says so */
	Buf			answer;			/* upload, tag: string; freed by the caller */
	Error		error;

	/* the store's own */
	struct StoreRequest *next;
	void	   *transfer;
} StoreRequest;

typedef struct ObjectStoreOps
{
	const char *name;

	/* Reaches for nothing that may block for long. */
	bool		(*open) (ObjectStore *store, Error *err);
	void		(*start) (ObjectStore *store, StoreRequest *request);

	/* Goes on with what is pending, without waiting. */
	void		(*poll) (ObjectStore *store);

	/* Forgets a request, whatever its state; its outcome is then unknown. */
	void		(*cancel) (ObjectStore *store, StoreRequest *request);

	/* As in sink.h. */
	int			(*watch) (ObjectStore *store, struct pollfd *fds, int room,
						  int64_t *deadline);
	void		(*free) (ObjectStore *store);
} ObjectStoreOps;

struct ObjectStore
{
	const ObjectStoreOps *ops;

	/*
	 * What marks this writer's unfinished uploads, where their keys do not (a
	 * directory): set by the sink, "" at first.
	 */
	char		owner[STORE_OWNER_SIZE];

	/* Set by who waits: NULL, or ends store_wait() sooner. */
	const atomic_bool *stop;
};

/* What an S3 store is made with: borrowed, lives as long as the store. */
typedef struct StoreS3Options
{
	const char *sink;			/* for the log */
	const char *bucket;
	const char *endpoint;		/* NULL: Amazon's, by region */
	int			path_style;		/* S3PathStyle of s3_target.h */
	const char *access_key_id;
	const char *secret_access_key;
	const char *session_token;
	const char *profile;
	const char *credentials_file;
	const char *region;
	const char *ca_file;
	const char *storage_class;
	const char *encryption;		/* "AES256", "aws:kms" */
	const char *kms_key_id;
	int64_t		max_uploads;
	int64_t		connect_timeout;	/* microseconds */
	int64_t		request_timeout;	/* without any progress */
} StoreS3Options;

/* NULL: failed. Both check what they are given and touch nothing yet. */
extern ObjectStore *store_s3_new(const StoreS3Options *options, Error *err);
extern ObjectStore *store_dir_new(const char *path, Error *err);

/* ---- what callers use ---- */

static inline void
store_start(ObjectStore *store, StoreRequest *request)
{
	assert(request->state != STORE_PENDING);
	request->state = STORE_PENDING;
	store->ops->start(store, request);
}

/* Ends it if need be and frees what it holds of its own. */
static inline void
store_release(ObjectStore *store, StoreRequest *request)
{
	if (request->state == STORE_PENDING)
		store->ops->cancel(store, request);
	buf_free(&request->answer);
	request->state = STORE_IDLE;
}

/*
 * Waits for one request: at start and at the end only. Stopped meanwhile, it
 * has FAILED.
 */
extern void store_wait(ObjectStore *store, StoreRequest *request);

#endif							/* PG_FANOUT_OBJECT_STORE_H */
