/*
 * s3_target.h
 *		Where a bucket is: scheme, host and path of its objects.
 *
 * Path style (https://host/bucket/key) or virtual-host style
 * (https://bucket.host/key). Knows no HTTP library.
 */
#ifndef PG_FANOUT_S3_TARGET_H
#define PG_FANOUT_S3_TARGET_H

#include "buf.h"
#include "error.h"

#define S3_HOST_SIZE	512
#define S3_BUCKET_SIZE	64		/* 63 and a NUL */
#define S3_MAX_KEY		((size_t) 1024)	/* bytes, before escaping */

typedef struct S3Target
{
	bool		tls;
	bool		path_style;
	char		bucket[S3_BUCKET_SIZE];
	char		endpoint[S3_HOST_SIZE];	/* host with port, as given */
	char		host[S3_HOST_SIZE]; /* what the Host header says */
} S3Target;

typedef enum S3PathStyle
{
	S3_PATH_AUTO,				/* in the path if endpoint or dots in name */
	S3_PATH_ON,
	S3_PATH_OFF
} S3PathStyle;

/*
 * endpoint: "https://host[:port]" or, given on purpose, "http://..."; NULL:
 * Amazon's for the region. Fails with ERROR_USAGE.
 */
extern MUST_USE bool s3_target_init(S3Target *target, const char *bucket,
									const char *endpoint, const char *region,
									S3PathStyle style, Error *err);

/* The encoded path of a key, as it is signed and sent. */
extern void s3_target_path(const S3Target *target, const char *key, Buf *out);

/* "https://host": to put a path behind. */
extern void s3_target_base(const S3Target *target, Buf *out);

/* Bucket names as S3 wants them; ERROR_USAGE. */
extern MUST_USE bool s3_bucket_check(const char *bucket, Error *err);

#endif							/* PG_FANOUT_S3_TARGET_H */
