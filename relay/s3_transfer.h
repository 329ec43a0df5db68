/*
 * s3_transfer.h
 *		One HTTP exchange with an S3 server, over a libcurl easy handle.
 *
 * Prepares the handle, keeps what comes back. Knows nothing of other transfers
 * and decides nothing: the store adds the handle to its multi handle and
 * judges the outcome.
 */
#ifndef PG_FANOUT_S3_TRANSFER_H
#define PG_FANOUT_S3_TRANSFER_H

#include <curl/curl.h>

#include "s3_call.h"

#define S3_MAX_ANSWER		STORE_MAX_ANSWER
#define S3_HEADER_SIZE		STORE_TAG_SIZE

typedef struct S3Transfer
{
	CURL	   *easy;			/* its CURLOPT_PRIVATE is the transfer */
	struct curl_slist *headers;
	S3Call		call;
	Slice		body;			/* borrowed */
	size_t		body_sent;
	char		hash[SIGV4_HASH_SIZE];	/* of body */

	/* the answer */
	Buf			answer;
	char		curl_error[CURL_ERROR_SIZE];
	char		tag[S3_HEADER_SIZE];
	char		region[S3_HEADER_SIZE];
	char		date[S3_HEADER_SIZE];
	char		writer[S3_HEADER_SIZE];
} S3Transfer;

typedef struct S3Attempt
{
	const S3Signer *signer;
	const StoreRequest *request;
	bool		verify;			/* HEAD instead of completing */
	bool		fresh;			/* on a new connection */
	int64_t		wall;			/* time to sign with */
} S3Attempt;

extern MUST_USE bool s3_transfer_init(S3Transfer *transfer);
extern void s3_transfer_free(S3Transfer *transfer);

/* Takes the body of all attempts to come, and its hash. */
extern void s3_transfer_set_body(S3Transfer *transfer, Slice body);

/* Makes the handle ready for one attempt; forgets the last answer. */
extern MUST_USE bool s3_transfer_prepare(S3Transfer *transfer,
										 const S3Attempt *attempt, Error *err);

/* Frees what only the attempt needed; the answer stays. */
extern void s3_transfer_end(S3Transfer *transfer);

#endif							/* PG_FANOUT_S3_TRANSFER_H */
