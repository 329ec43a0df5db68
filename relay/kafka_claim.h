/*
 * kafka_claim.h
 *		Claim checks: what is too large for a broker, as objects in a bucket or
 *		a directory.
 *
 * An object holds a record's key or value and nothing else; its name is the
 * record's position, so that a record that comes again replaces it by the same
 * bytes. Nothing waits: an object is asked for until it is there. Of one
 * delivery at a time. Knows no producer.
 */
#ifndef PG_FANOUT_KAFKA_CLAIM_H
#define PG_FANOUT_KAFKA_CLAIM_H

#include "kafka_options.h"
#include "sink.h"

typedef struct KafkaClaims KafkaClaims;

/* Which bytes of a delivery. */
typedef struct KafkaClaimPart
{
	const char *topic;
	Position	position;
	size_t		index;			/* of the record in its delivery */
	bool		key;			/* else its value */
	Slice		bytes;
} KafkaClaimPart;

/* Where they are. */
typedef struct KafkaClaim
{
	char	   *url;
	size_t		size;
	char		sha256[65];
} KafkaClaim;

/* Checks the options and touches nothing. NULL: failed. */
extern KafkaClaims *kafka_claims_new(const KafkaOptions *options,
									 const char *sink, Error *err);

extern MUST_USE bool kafka_claims_open(KafkaClaims *claims,
									   const SlotIdentity *identity,
									   Error *err);

/* For --check: whether objects can be written. Leaves nothing behind. */
extern MUST_USE bool kafka_claims_check(KafkaClaims *claims, Error *err);

/*
 * SINK_OK: the object is durable, *claim says where, valid until the next
 * position. SINK_FULL: ask again after a poll. The bytes are copied.
 */
extern SinkResult kafka_claims_put(KafkaClaims *claims,
								   const KafkaClaimPart *part,
								   const KafkaClaim **claim, Error *err);

extern void kafka_claims_poll(KafkaClaims *claims);
extern int	kafka_claims_watch(KafkaClaims *claims, struct pollfd *fds,
							   int room, int64_t *deadline);

/* Safe on NULL. */
extern void kafka_claims_free(KafkaClaims *claims);

#endif							/* PG_FANOUT_KAFKA_CLAIM_H */
