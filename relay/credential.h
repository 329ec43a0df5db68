/*
 * credential.h
 *		Where AWS keys come from: S3's, and those that sign database logins.
 *
 * In this order: the caller's own options; the environment; a web identity
 * (AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN); the shared profile files;
 * the container's agent (AWS_CONTAINER_CREDENTIALS_*_URI); the instance's
 * metadata (IMDSv2). A profile or credentials file named in the options goes
 * before the environment. What a profile asks for and we cannot do is refused
 * by name. No function puts a secret into an error.
 */
#ifndef PG_FANOUT_CREDENTIAL_H
#define PG_FANOUT_CREDENTIAL_H

#include <stdint.h>

#include "clock.h"
#include "error.h"

/* Keys are renewed when less than this is left of their life. */
#define CREDENTIAL_MARGIN	(300 * CLOCK_SECOND)

/* The longest that credential_load waits for services, all together. */
#define CREDENTIAL_TIMEOUT	(5 * CLOCK_SECOND)

/* What the configuration says; all borrowed, all may be NULL. */
typedef struct CredentialOptions
{
	const char *access_key_id;
	const char *secret_access_key;
	const char *session_token;
	const char *profile;
	const char *credentials_file;
	const char *region;
} CredentialOptions;

typedef struct Credential
{
	char	   *access_key_id;
	char	   *secret_access_key;
	char	   *session_token;	/* NULL: none */
	char	   *region;			/* never NULL after a load */
	bool		region_known;	/* false: nobody said it, region is a guess */
	int64_t		expires;		/* wall time; 0: not known to */
	const char *source;			/* "options", "environment", "profile", "web
								 * identity", "container", "instance
								 * metadata" */
} Credential;

typedef enum CredentialState
{
	CREDENTIAL_PENDING,
	CREDENTIAL_READY,
	CREDENTIAL_FAILED
} CredentialState;

/* A load under way; the options' strings must outlive it. */
typedef struct CredentialLoad CredentialLoad;

/*
 * Looks through the files at once and begins to ask the service, if it comes
 * to that. NULL: failed, with ERROR_USAGE (half a key pair), ERROR_SECRET_FILE
 * (a file with keys that others may read), ERROR_SINK_SETUP (nothing found).
 */
extern CredentialLoad *credential_load_start(const CredentialOptions *options,
											 Error *err);

/*
 * Goes on for at most `wait` microseconds. READY: credential, zeroed or loaded
 * before, has the keys, and what it held is wiped. FAILED: credential is
 * untouched; the error is retriable if the service did not answer.
 */
extern CredentialState credential_load_poll(CredentialLoad *load,
											int64_t wait,
											Credential *credential,
											Error *err);
extern void credential_load_free(CredentialLoad *load);

/*
 * All of it at once: blocks for CREDENTIAL_TIMEOUT at most, and only if a
 * service has to be asked.
 */
extern MUST_USE bool credential_load(Credential *credential,
									 const CredentialOptions *options,
									 Error *err);

/* Whether it is time to load anew. */
extern bool credential_is_due(const Credential *credential, int64_t wall);

/* Wipes and frees the strings. */
extern void credential_free(Credential *credential);

#endif							/* PG_FANOUT_CREDENTIAL_H */
