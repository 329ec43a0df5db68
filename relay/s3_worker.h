/*
 * s3_worker.h
 *		One request to S3 from its first attempt to its end.
 *
 * A worker belongs to its request until that is decided: what may succeed
 * later is tried again after a growing, jittered pause, for ever unless the
 * request has a deadline; what is refused for good fails with an error that
 * says what to do. Knows neither the queue nor how others get on.
 */
#ifndef PG_FANOUT_S3_WORKER_H
#define PG_FANOUT_S3_WORKER_H

#include "object_store.h"
#include "s3_session.h"
#include "s3_transfer.h"

typedef enum WorkerState
{
	WORKER_IDLE,
	WORKER_RUNNING,
	WORKER_WAITING			/* for its next attempt */
} WorkerState;

/* A transfer and what its request went through. */
typedef struct S3Worker
{
	S3Transfer	transfer;		/* first: libcurl hands it back */
	S3Session  *session;
	WorkerState state;
	StoreRequest *request;
	Buf			parts;			/* body of CompleteMultipartUpload */
	int			attempt;		/* 1, 2, ... */
	int64_t		retry_at;
	bool		verifying;		/* asks whether a lost completion worked */
	uint64_t	key_number;		/* of the keys that signed this attempt */
	bool		renewed;		/* credentials, for this request */
	bool		clock_set;		/* likewise */
} S3Worker;

/* false: out of memory; free it all the same. */
extern MUST_USE bool s3_worker_init(S3Worker *worker, S3Session *session);

/* Whoever owns a request that is not finished owns it on, undecided. */
extern void s3_worker_free(S3Worker *worker);

/* Takes a request that is PENDING. */
extern void s3_worker_begin(S3Worker *worker, StoreRequest *request);

/* Starts the next attempt: when WAITING and retry_at has come. */
extern void s3_worker_run(S3Worker *worker);

/* An attempt is over: libcurl said so. */
extern void s3_worker_finish(S3Worker *worker, CURLcode result);

/* Gives the request back without an outcome. */
extern void s3_worker_cancel(S3Worker *worker);

#endif							/* PG_FANOUT_S3_WORKER_H */
