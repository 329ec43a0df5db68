/*
 * rds_token.h
 *		IAM tokens: passwords of RDS and Aurora that live for 15 minutes.
 *
 * A token is a presigned request that nobody sends: made here, from keys, for
 * one endpoint and user. It serves to open connections, which outlive it.
 * Knows no libpq; asks nobody.
 */
#ifndef PG_FANOUT_RDS_TOKEN_H
#define PG_FANOUT_RDS_TOKEN_H

#include "buf.h"
#include "credential.h"

#define RDS_REGION_SIZE		64
#define RDS_MAX_TOKEN		((size_t) 32 * 1024)

/* All borrowed. host and port are the endpoint's, as AWS shows them. */
typedef struct RdsTarget
{
	const char *host;
	const char *port;
	const char *user;
	const char *region;
} RdsTarget;

/* The region in an endpoint's name; false: the name is none of AWS's. */
extern bool rds_region_of(const char *host, char region[RDS_REGION_SIZE]);

/* Appends the token, signed at that wall time. */
extern MUST_USE bool rds_token_append(Buf *out, const RdsTarget *target,
									  const Credential *credential,
									  int64_t wall, Error *err);

#endif							/* PG_FANOUT_RDS_TOKEN_H */
