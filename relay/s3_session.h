/*
 * s3_session.h
 *		What all requests to one bucket share, and the keys that sign them.
 *
 * Keys that live for a while are renewed before they end, beside the requests:
 * nothing waits for the service that hands them out, except requests that
 * cannot be signed without.
 */
#ifndef PG_FANOUT_S3_SESSION_H
#define PG_FANOUT_S3_SESSION_H

#include <curl/curl.h>

#include "object_store.h"
#include "s3_call.h"

typedef struct S3Session
{
	StoreS3Options options;
	S3Signer	signer;
	CURLM	   *multi;
	int64_t		clock_offset;	/* the server's time minus ours */
	int64_t		warned_at;
	bool		reached;		/* a request has succeeded */

	/* the keys */
	uint64_t	key_number;		/* counts renewals */
	bool		keys_refused;	/* the server says that they have expired */
	bool		renewal_denied; /* for good: see renewal_error */
	CredentialLoad *renewal;	/* under way, or NULL */
	int			renewal_attempt;
	int64_t		renewal_at;		/* the next attempt, monotonic */
	Error		renewal_error;
} S3Session;

/* Gets the first keys; blocks as credential_load does. */
extern MUST_USE bool s3_session_open(S3Session *session, Error *err);
extern void s3_session_close(S3Session *session);

/* The server refused keys as expired: they are renewed next. */
extern void s3_session_refuse_keys(S3Session *session);

/* Renews the keys if it is time. false: wait before anything is signed. */
extern bool s3_session_renew(S3Session *session);

/*
 * Lowers *deadline to when s3_session_renew wants to be called. false: nothing
 * is signed before.
 */
extern bool s3_session_watch(const S3Session *session, int64_t *deadline);

#endif							/* PG_FANOUT_S3_SESSION_H */
