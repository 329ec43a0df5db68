/*
 * credential_remote.h
 *		AWS keys from services: a web identity at STS, the container's agent,
 *		the instance's metadata (IMDSv2).
 *
 * Asks without blocking and with short timeouts: these services are near.
 * Knows neither options nor files of keys.
 */
#ifndef PG_FANOUT_CREDENTIAL_REMOTE_H
#define PG_FANOUT_CREDENTIAL_REMOTE_H

#include "credential.h"

typedef enum RemoteKind
{
	REMOTE_WEB_IDENTITY,
	REMOTE_CONTAINER,
	REMOTE_INSTANCE
} RemoteKind;

/* All borrowed during credential_remote_start only. */
typedef struct RemoteSource
{
	RemoteKind	kind;
	const char *region;			/* of STS */
	const char *role_arn;		/* these three: of a web identity */
	const char *session_name;	/* NULL: ours */
	const char *token_file;
} RemoteSource;

typedef struct RemoteFetch RemoteFetch;

/* NULL: failed: a bad URL, an unreadable token. */
extern RemoteFetch *credential_remote_start(const RemoteSource *source,
											Error *err);

/*
 * As credential_load_poll; sets keys, expires and source of a credential that
 * is zeroed.
 */
extern CredentialState credential_remote_poll(RemoteFetch *fetch, int64_t wait,
											  Credential *credential,
											  Error *err);
extern void credential_remote_free(RemoteFetch *fetch);

/* Whether the environment names a container's agent. */
extern bool credential_remote_in_container(void);

#endif							/* PG_FANOUT_CREDENTIAL_REMOTE_H */
