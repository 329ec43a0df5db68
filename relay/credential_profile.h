/*
 * credential_profile.h
 *		AWS's shared profile files: ~/.aws/credentials and ~/.aws/config.
 *
 * Reads one profile from both; the first file to name a value wins. Decides
 * nothing: what a profile asks for is credential.c's business. No function
 * puts a secret into an error.
 */
#ifndef PG_FANOUT_CREDENTIAL_PROFILE_H
#define PG_FANOUT_CREDENTIAL_PROFILE_H

#include "error.h"

/* Zeroed before a load; strings are secret.h's, NULL: not said. */
typedef struct Profile
{
	char	   *access_key_id;
	char	   *secret_access_key;
	char	   *session_token;
	char	   *region;
	char	   *role_arn;
	char	   *role_session_name;
	char	   *token_file;		/* web_identity_token_file */
	const char *unserved;		/* a word that asks for what we cannot do, or
								 * NULL */
	bool		found;
} Profile;

/*
 * credentials_file: instead of AWS_SHARED_CREDENTIALS_FILE or the usual one;
 * may be NULL. Files that nobody named may be missing. ERROR_SECRET_FILE: a
 * file is unreadable, or holds keys and is open to others.
 */
extern MUST_USE bool profile_load(Profile *profile, const char *name,
								  const char *credentials_file, Error *err);

/* Wipes and frees the strings. */
extern void profile_free(Profile *profile);

#endif							/* PG_FANOUT_CREDENTIAL_PROFILE_H */
