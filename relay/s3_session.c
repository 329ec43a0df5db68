/*
 * s3_session.c
 *		What all requests to one bucket share. See s3_session.h.
 */
#include "s3_session.h"

#include "clock.h"
#include "log.h"

#define RENEWAL_BASE	(1 * CLOCK_SECOND)
#define RENEWAL_LIMIT	(30 * CLOCK_SECOND)
#define RENEWAL_STEP	(20 * CLOCK_MS)	/* between looks at an exchange */

/* Valid as long as the session's options. */
static CredentialOptions
session_credential_options(const S3Session *session)
{
	const StoreS3Options *options = &session->options;

	return (CredentialOptions) {.access_key_id = options->access_key_id,
		.secret_access_key = options->secret_access_key,
		.session_token = options->session_token,
		.profile = options->profile,
		.credentials_file = options->credentials_file,
		.region = options->region};
}

bool
s3_session_open(S3Session *session, Error *err)
{
	CredentialOptions from = session_credential_options(session);

	return credential_load(&session->signer.credential, &from, err);
}

void
s3_session_close(S3Session *session)
{
	credential_load_free(session->renewal);
	session->renewal = NULL;
	credential_free(&session->signer.credential);
}

/* ---- renewing ---- */

void
s3_session_refuse_keys(S3Session *session)
{
	session->keys_refused = true;
	session->renewal_at = 0;
}

static void
renewal_end(S3Session *session, CredentialState state, Error *err)
{
	credential_load_free(session->renewal);
	session->renewal = NULL;
	if (state == CREDENTIAL_READY)
	{
		session->key_number++;
		session->keys_refused = session->renewal_denied = false;
		session->renewal_attempt = 0;
		session->renewal_at = clock_now() + RENEWAL_LIMIT;
		log_info("sink %s: credentials renewed from the %s",
				 session->options.sink, session->signer.credential.source);
		return;
	}
	session->renewal_at = clock_now() +
		clock_backoff(++session->renewal_attempt, RENEWAL_BASE, RENEWAL_LIMIT);
	session->renewal_error = *err;
	session->renewal_denied = !err->retriable;
	if (session->renewal_denied)
		session->keys_refused = false;	/* no use in waiting */
	log_warning("sink %s: credentials are not renewed: %s%s%s",
				session->options.sink, err->message,
				err->detail[0] == '\0' ? "" : ": ", err->detail);
}

static void
renewal_poll(S3Session *session)
{
	CredentialState state = CREDENTIAL_FAILED;
	Error		err;

	error_clear(&err);
	if (session->renewal == NULL)
	{
		CredentialOptions from = session_credential_options(session);

		session->renewal = credential_load_start(&from, &err);
	}
	if (session->renewal != NULL)
		state = credential_load_poll(session->renewal, 0,
									 &session->signer.credential, &err);
	if (state != CREDENTIAL_PENDING)
		renewal_end(session, state, &err);
}

/* The server's time decides. */
static int64_t
session_wall(const S3Session *session)
{
	return clock_wall() + session->clock_offset;
}

static bool
session_is_blocked(const S3Session *session)
{
	int64_t		expires = session->signer.credential.expires;

	return session->keys_refused ||
		(expires != 0 && session_wall(session) >= expires &&
		 !session->renewal_denied);
}

static bool
renewal_is_wanted(const S3Session *session)
{
	return session->keys_refused ||
		credential_is_due(&session->signer.credential, session_wall(session));
}

bool
s3_session_renew(S3Session *session)
{
	if (session->renewal != NULL ||
		(renewal_is_wanted(session) && clock_now() >= session->renewal_at))
		renewal_poll(session);
	return !session_is_blocked(session);
}

bool
s3_session_watch(const S3Session *session, int64_t *deadline)
{
	bool		blocked = session_is_blocked(session);
	int64_t		next = INT64_MAX;

	if (session->renewal != NULL)
		next = clock_now() + RENEWAL_STEP;
	else if (blocked)
		next = session->renewal_at;
	if (next < *deadline)
		*deadline = next;
	return !blocked;
}
