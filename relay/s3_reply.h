/*
 * s3_reply.h
 *		What an S3 server answered, and what to do about it.
 *
 * Only a code, a message and a request ID go from an answer into an error: the
 * rest may repeat headers with tokens.
 */
#ifndef PG_FANOUT_S3_REPLY_H
#define PG_FANOUT_S3_REPLY_H

#include "buf.h"
#include "error.h"

#define S3_TAG_SIZE 256

typedef enum S3Verdict
{
	S3_GOOD,
	S3_MISSING,					/* no such object */
	S3_CONFLICT,				/* the request's condition does not hold */
	S3_AGAIN,					/* may succeed later */
	S3_RENEW,					/* credentials have expired */
	S3_CLOCK,					/* our clock is wrong */
	S3_UPLOAD_GONE,				/* completed or aborted before */
	S3_REFUSED					/* for good */
} S3Verdict;

typedef struct S3Reply
{
	long		status;
	Slice		body;
	const char *region;			/* x-amz-bucket-region, or "" */
	bool		complete;		/* to CompleteMultipartUpload: 200 may fail */
	bool		conditional;	/* to a request with a condition */
} S3Reply;

/* For the error's text. */
typedef struct S3Place
{
	const char *action;			/* "write", "read" */
	const char *bucket;
	const char *key;
	const char *host;
	const char *region;			/* the one in use */
	const char *key_source;		/* where the credentials came from */
} S3Place;

/*
 * err is filled for all but S3_GOOD, S3_MISSING and S3_CONFLICT; its code is
 * the caller's.
 */
extern S3Verdict s3_reply_judge(const S3Reply *reply, const S3Place *place,
								ErrorCode code, Error *err);

#endif							/* PG_FANOUT_S3_REPLY_H */
