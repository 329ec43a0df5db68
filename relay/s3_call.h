/*
 * s3_call.h
 *		A store's request as a signed HTTP call: method, URL, headers.
 *
 * Knows no HTTP library and sends nothing.
 */
#ifndef PG_FANOUT_S3_CALL_H
#define PG_FANOUT_S3_CALL_H

#include "credential.h"
#include "object_store.h"
#include "s3_target.h"
#include "sigv4.h"

#define S3_WRITER_SIZE	17		/* 16 hex digits and a NUL */
#define S3_WRITER_META	"x-amz-meta-pg-fanout-writer"

/* Who signs, and for where. */
typedef struct S3Signer
{
	S3Target	target;
	Credential	credential;
	const StoreS3Options *options;
	char		writer[S3_WRITER_SIZE]; /* this process: tells our objects */
} S3Signer;

typedef struct S3Call
{
	const char *method;
	Buf			url;
	Buf			headers;		/* "Name: value" lines, each ends with NUL */
} S3Call;

extern void s3_call_init(S3Call *call);
extern void s3_call_free(S3Call *call);

/*
 * verify: instead of completing an upload, ask (HEAD) for the object it makes.
 * hash: of the body, SHA-256 in hex. wall: the time to sign with.
 */
extern MUST_USE bool s3_call_build(S3Call *call, const S3Signer *signer,
								   const StoreRequest *request, bool verify,
								   const char *hash, int64_t wall, Error *err);

/* The body of CompleteMultipartUpload. */
extern void s3_call_parts(Buf *out, char *const *tags, int count);

#endif							/* PG_FANOUT_S3_CALL_H */
