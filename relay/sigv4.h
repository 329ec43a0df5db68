/*
 * sigv4.h
 *		AWS Signature Version 4, in the Authorization header or in the query.
 *
 * The staged steps of the specification, each a function of its own so that
 * published vectors check each of them: canonical request, string to sign,
 * signature. S3's rules: the path is encoded once and never normalised. Knows
 * no HTTP library; sends nothing.
 */
#ifndef PG_FANOUT_SIGV4_H
#define PG_FANOUT_SIGV4_H

#include "buf.h"
#include "error.h"

#define SIGV4_HASH_SIZE		65	/* 64 hex digits and a NUL */
#define SIGV4_TIME_SIZE		17	/* 20130524T000000Z and a NUL */
#define SIGV4_MAX_PAIRS		64	/* headers, or parameters of the query */

typedef struct SigV4Pair
{
	const char *name;
	const char *value;
} SigV4Pair;

/* Everything is borrowed. */
typedef struct SigV4Request
{
	const char *method;
	const char *path;			/* as it is sent: begins with '/', encoded */
	const SigV4Pair *query;		/* decoded; any order */
	size_t		query_count;
	const SigV4Pair *headers;	/* as they are sent; any order; with Host */
	size_t		header_count;
	const char *payload_hash;	/* hex, or UNSIGNED-PAYLOAD */
} SigV4Request;

typedef struct SigV4Key
{
	const char *access_key_id;
	const char *secret_access_key;
	const char *region;
	const char *service;
	const char *session_token;	/* of sigv4_presign only; NULL: none */
} SigV4Key;

/* SHA-256 in lower-case hex. */
extern void sigv4_hash(Slice data, char *hex);

/* Microseconds since 1970 as the basic ISO 8601 form in UTC. */
extern void sigv4_time(int64_t wall, char *text);

/* Percent-encodes all but unreserved characters (and '/', if it is kept). */
extern void sigv4_escape(Buf *out, Slice text, bool keep_slash);

/* The canonical query string: also the one to send. */
extern MUST_USE bool sigv4_query(Buf *out, const SigV4Pair *query,
								 size_t count, Error *err);
extern MUST_USE bool sigv4_canonical_request(Buf *out,
											 const SigV4Request *request,
											 Error *err);
extern void sigv4_string_to_sign(Buf *out, const char *time,
								 const SigV4Key *key, Slice canonical_request);

/*
 * The value of the Authorization header. `time` is also the value of
 * x-amz-date, which the caller lists among the headers.
 */
extern MUST_USE bool sigv4_authorize(Buf *out, const SigV4Request *request,
									 const SigV4Key *key, const char *time,
									 Error *err);

/*
 * The query string of a presigned request, signature at its end: whoever has
 * it may send the request until `expires` seconds after `time`. The request's
 * own query must leave room for six parameters more.
 */
extern MUST_USE bool sigv4_presign(Buf *out, const SigV4Request *request,
								   const SigV4Key *key, const char *time,
								   int expires, Error *err);

#endif							/* PG_FANOUT_SIGV4_H */
