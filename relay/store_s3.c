/*
 * store_s3.c
 *		A bucket as an object store, over libcurl's multi interface.
 *
 * A few workers send at once; other requests wait in a queue. Waits for
 * nothing: libcurl's sockets are asked with a zero timeout.
 */
#include "object_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "clock.h"
#include "log.h"
#include "s3_worker.h"

#define S3_MAX_SOCKETS		128
#define S3_MAX_WORKERS		32

typedef struct S3Store
{
	ObjectStore base;
	S3Session	session;
	struct pollfd sockets[S3_MAX_SOCKETS];
	int			socket_count;
	int64_t		timer;			/* libcurl's, monotonic; 0: none */
	S3Worker	workers[S3_MAX_WORKERS];
	StoreRequest *head;			/* waiting for a worker */
	StoreRequest *tail;
	bool		opened;
} S3Store;

/* ---- what libcurl calls ---- */

static int
s3_on_socket(CURL *easy, curl_socket_t fd, int what, void *context,
			 void *unused)
{
	S3Store    *store = context;
	int			i = 0;

	(void) easy;
	(void) unused;
	while (i < store->socket_count && store->sockets[i].fd != fd)
		i++;
	if (what == CURL_POLL_REMOVE)
	{
		if (i < store->socket_count)
			store->sockets[i] = store->sockets[--store->socket_count];
		return 0;
	}
	if (i == S3_MAX_SOCKETS)
		return -1;
	if (i == store->socket_count)
		store->socket_count++;
	store->sockets[i] = (struct pollfd) {.fd = fd,
		.events = (short) (((what & CURL_POLL_IN) ? POLLIN : 0) |
						   ((what & CURL_POLL_OUT) ? POLLOUT : 0))};
	return 0;
}

static int
s3_on_timer(CURLM *multi, long ms, void *context)
{
	S3Store    *store = context;

	(void) multi;
	store->timer = ms < 0 ? 0 : clock_now() + ms * CLOCK_MS;
	return 0;
}

/* ---- the interface ---- */

static void
store_drive_curl(S3Store *store)
{
	int			running;

	if (store->socket_count > 0 &&
		poll(store->sockets, (nfds_t) store->socket_count, 0) > 0)
	{
		struct pollfd ready[S3_MAX_SOCKETS];
		int			count = store->socket_count;

		memcpy(ready, store->sockets, sizeof(ready[0]) * (size_t) count);
		for (int i = 0; i < count; i++)
		{
			int			what = 0;

			if (ready[i].revents == 0)
				continue;
			if (ready[i].revents & (POLLIN | POLLHUP | POLLERR))
				what |= CURL_CSELECT_IN;
			if (ready[i].revents & POLLOUT)
				what |= CURL_CSELECT_OUT;
			curl_multi_socket_action(store->session.multi, ready[i].fd, what,
									 &running);
		}
	}
	if (store->timer != 0 && clock_now() >= store->timer)
	{
		store->timer = 0;
		curl_multi_socket_action(store->session.multi, CURL_SOCKET_TIMEOUT, 0,
								 &running);
	}
}

static void
store_reap(S3Store *store)
{
	CURLMsg    *message;
	int			left;

	while ((message = curl_multi_info_read(store->session.multi,
										   &left)) != NULL)
	{
		S3Worker   *worker = NULL;
		CURLcode	result = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
						  (char **) &worker);
		s3_worker_finish(worker, result);
	}
}

/*
 * Whether a request must wait for new keys. One whose time is over is sent all
 * the same: the server's answer ends it.
 */
static bool
request_is_held(const StoreRequest *request, bool ready, int64_t now)
{
	return !ready && (request->deadline == 0 || now < request->deadline);
}

/* Starts what has waited long enough, and the queue where there is room. */
static void
store_dispatch(S3Store *store)
{
	int64_t		now = clock_now();
	bool		ready = s3_session_renew(&store->session);

	for (int i = 0; i < store->session.options.max_uploads; i++)
	{
		S3Worker   *worker = &store->workers[i];
		StoreRequest *request = store->head;

		if (worker->state == WORKER_WAITING && now >= worker->retry_at &&
			!request_is_held(worker->request, ready, now))
			s3_worker_run(worker);
		if (worker->state != WORKER_IDLE || request == NULL ||
			request_is_held(request, ready, now))
			continue;
		store->head = request->next;
		if (store->head == NULL)
			store->tail = NULL;
		s3_worker_begin(worker, request);
	}
}

static bool
store_is_busy(const S3Store *store)
{
	for (int i = 0; i < store->session.options.max_uploads; i++)
		if (store->workers[i].state != WORKER_IDLE)
			return true;
	return false;
}

static bool
store_has_work(const S3Store *store)
{
	return store->head != NULL || store->session.renewal != NULL ||
		store_is_busy(store);
}

static void
s3_store_poll(ObjectStore *base)
{
	S3Store    *store = (S3Store *) base;

	if (!store_has_work(store))
		return;
	store_dispatch(store);
	store_drive_curl(store);
	store_reap(store);
	store_dispatch(store);
}

static void
s3_store_start(ObjectStore *base, StoreRequest *request)
{
	S3Store    *store = (S3Store *) base;

	error_clear(&request->error);
	request->next = NULL;
	request->transfer = NULL;
	if (store->tail != NULL)
		store->tail->next = request;
	else
		store->head = request;
	store->tail = request;
}

static void
queue_remove(S3Store *store, StoreRequest *request)
{
	StoreRequest *before = NULL;

	for (StoreRequest *at = store->head; at != NULL;
		 before = at, at = at->next)
	{
		if (at != request)
			continue;
		if (before == NULL)
			store->head = at->next;
		else
			before->next = at->next;
		if (store->tail == at)
			store->tail = before;
		return;
	}
}

static void
s3_store_cancel(ObjectStore *base, StoreRequest *request)
{
	S3Store    *store = (S3Store *) base;
	S3Worker   *worker = request->transfer;

	if (worker == NULL)
	{
		queue_remove(store, request);
		return;
	}
	s3_worker_cancel(worker);
}

/* When a request wants to be looked at next; 0: never by itself. */
static int64_t
store_next_attempt(const S3Store *store)
{
	int64_t		soonest = store->timer;

	for (int i = 0; i < store->session.options.max_uploads; i++)
	{
		const S3Worker *worker = &store->workers[i];

		if (worker->state == WORKER_IDLE && store->head != NULL)
			soonest = clock_now();
		else if (worker->state == WORKER_WAITING &&
				 (soonest == 0 || worker->retry_at < soonest))
			soonest = worker->retry_at;
	}
	return soonest;
}

static int
s3_store_watch(ObjectStore *base, struct pollfd *fds, int room,
			   int64_t *deadline)
{
	S3Store    *store = (S3Store *) base;
	int			count = store->socket_count < room ? store->socket_count :
		room;
	int64_t		soonest;

	if (!store_has_work(store))
		return 0;				/* a timer left over would wake for nothing */
	memcpy(fds, store->sockets, sizeof(fds[0]) * (size_t) count);
	soonest = s3_session_watch(&store->session, deadline) ?
		store_next_attempt(store) : store->timer;
	if (count < store->socket_count)
		soonest = clock_now() + 10 * CLOCK_MS;
	if (soonest != 0 && soonest < *deadline)
		*deadline = soonest;
	return count;
}

static bool
s3_store_open(ObjectStore *base, Error *err)
{
	S3Store    *store = (S3Store *) base;
	S3Signer   *signer = &store->session.signer;
	const StoreS3Options *options = &store->session.options;

	if (store->opened)
		return true;
	if (!s3_session_open(&store->session, err) ||
		!s3_target_init(&signer->target, options->bucket, options->endpoint,
						signer->credential.region,
						(S3PathStyle) options->path_style, err))
		return false;
	store->opened = true;
	log_debug("sink %s: bucket \"%s\" at %s, region %s, keys from the %s",
			  options->sink, signer->target.bucket, signer->target.host,
			  signer->credential.region, signer->credential.source);
	return true;
}

static void
s3_store_free(ObjectStore *base)
{
	S3Store    *store = (S3Store *) base;

	for (int i = 0; i < S3_MAX_WORKERS; i++)
		s3_worker_free(&store->workers[i]);
	if (store->session.multi != NULL)
		curl_multi_cleanup(store->session.multi);
	s3_session_close(&store->session);
	free(store);
	curl_global_cleanup();
}

static const ObjectStoreOps store_s3_ops = {
	.name = "s3",
	.open = s3_store_open,
	.start = s3_store_start,
	.poll = s3_store_poll,
	.cancel = s3_store_cancel,
	.watch = s3_store_watch,
	.free = s3_store_free
};

/* ---- making one ---- */

static bool
store_make_workers(S3Store *store)
{
	for (int i = 0; i < store->session.options.max_uploads; i++)
		if (!s3_worker_init(&store->workers[i], &store->session))
			return false;
	return true;
}

static bool
store_make_multi(S3Store *store)
{
	CURLM	   *multi = curl_multi_init();

	store->session.multi = multi;
	if (multi == NULL)
		return false;
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, s3_on_socket);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, store);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, s3_on_timer);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, store);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS,
					  (long) store->session.options.max_uploads);
	return true;
}

/* These become headers: no line break may come with them. */
static bool
option_is_plain(const char *value)
{
	for (; value != NULL && *value != '\0'; value++)
		if (*value <= ' ' || *value > '~')
			return false;
	return true;
}

static bool
options_check(const StoreS3Options *options, Error *err)
{
	S3Target	target;

	if (!option_is_plain(options->storage_class) ||
		!option_is_plain(options->encryption) ||
		!option_is_plain(options->kms_key_id) ||
		!option_is_plain(options->access_key_id) ||
		!option_is_plain(options->session_token))
		return error_set(err, ERROR_USAGE,
						 "option of the S3 sink holds a blank or a control character");
	return s3_target_init(&target, options->bucket, options->endpoint,
						  options->region != NULL ? options->region :
						  "us-east-1",
						  (S3PathStyle) options->path_style, err);
}

ObjectStore *
store_s3_new(const StoreS3Options *options, Error *err)
{
	S3Store    *store;
	uint64_t	random = 0;

	if (!options_check(options, err))
		return NULL;
	store = calloc(1, sizeof(*store));
	if (store == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	store->base.ops = &store_s3_ops;
	store->session.options = *options;
	if (store->session.options.max_uploads > S3_MAX_WORKERS)
		store->session.options.max_uploads = S3_MAX_WORKERS;
	store->session.signer.options = &store->session.options;
	if (getentropy(&random, sizeof(random)) != 0)
		random = (uint64_t) clock_wall();
	snprintf(store->session.signer.writer,
			 sizeof(store->session.signer.writer), "%016llx",
			 (unsigned long long) random);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (!store_make_multi(store) || !store_make_workers(store))
	{
		error_no_memory(err);
		s3_store_free(&store->base);
		return NULL;
	}
	return &store->base;
}
