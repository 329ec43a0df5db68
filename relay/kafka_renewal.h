/*
 * kafka_renewal.h
 *		A producer made anew while the loop goes on, and what it finds stored.
 *
 * After a transaction whose outcome nobody knows: the old producer is ended,
 * a new one fences it and aborts what it left open, and then the progress
 * topic says how far the data goes. Brokers that are away are waited for.
 */
#ifndef PG_FANOUT_KAFKA_RENEWAL_H
#define PG_FANOUT_KAFKA_RENEWAL_H

#include "job.h"
#include "kafka_link.h"
#include "log.h"

typedef enum KafkaRenewalResult
{
	KAFKA_RENEWAL_BUSY,
	KAFKA_RENEWAL_DONE,
	KAFKA_RENEWAL_FAILED
} KafkaRenewalResult;

typedef struct KafkaRenewal
{
	Job	job;
	atomic_bool stop;
	KafkaTarget target;
	const KafkaProgressPlace *place;

	/* the thread's while it runs */
	KafkaLink  *link;			/* first the old one, then the new one */
	Buf			text;			/* the newest checkpoint; empty: none */
	Error		err;
	LogMemory	troubles;		/* of this time */
	bool		ok;
} KafkaRenewal;

extern void kafka_renewal_init(KafkaRenewal *renewal, int wake_fd,
							   const KafkaProgressPlace *place);

/* Takes the link that is to be replaced. */
extern void kafka_renewal_take(KafkaRenewal *renewal, KafkaLink *link);

/* Ends that one and makes another. */
extern MUST_USE bool kafka_renewal_begin(KafkaRenewal *renewal, Error *err);

/*
 * DONE: link is the caller's to take, text is valid until the next renewal.
 */
extern KafkaRenewalResult kafka_renewal_poll(KafkaRenewal *renewal,
											 Error *err);

/* Ends one that runs. */
extern void kafka_renewal_free(KafkaRenewal *renewal);

#endif							/* PG_FANOUT_KAFKA_RENEWAL_H */
