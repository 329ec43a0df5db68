/*
 * credential.h
 *		Where S3's keys come from.
 *
 * In this order: the sink's own options; the environment; the shared profile
 * files (~/.aws/credentials and ~/.aws/config). A profile or a credentials
 * file named in the options goes before the environment. Web identity and
 * instance metadata are not served yet: a profile that asks for them is
 * refused by name. Knows no HTTP. No function puts a secret into an error.
 */
#ifndef PG_FANOUT_CREDENTIAL_H
#define PG_FANOUT_CREDENTIAL_H

#include <stdint.h>

#include "error.h"

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
	const char *source;			/* "options", "environment", "profile" */
} Credential;

/*
 * Fills credential, which must be zeroed or loaded before: what it held is
 * wiped first. Fails with ERROR_USAGE (half a key pair), ERROR_SECRET_FILE (a
 * file with keys that others may read), ERROR_SINK_SETUP (nothing found).
 */
extern MUST_USE bool credential_load(Credential *credential,
									 const CredentialOptions *options,
									 Error *err);

/* Wipes and frees the strings. */
extern void credential_free(Credential *credential);

#endif							/* PG_FANOUT_CREDENTIAL_H */
