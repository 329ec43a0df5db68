/*
 * kafka_oversize.h
 *		Records that do not go to their topic as they are: too large for it, or
 *		skipped by a person.
 *
 * Too large is what is larger before compression than message_max_bytes or the
 * topic's max.message.bytes: the answer is the same each time a record comes.
 * In its place goes a claim check (where the value is; see kafka_claim.h), or
 * nothing there and a letter to the topic of dead letters. Both say it loudly.
 * Knows no producer.
 */
#ifndef PG_FANOUT_KAFKA_OVERSIZE_H
#define PG_FANOUT_KAFKA_OVERSIZE_H

#include "kafka_claim.h"
#include "kafka_progress.h"

#define KAFKA_OVERSIZE_HEADERS	48	/* of a record, with its own */

typedef struct KafkaOversize
{
	const KafkaOptions *options;
	const SinkConfig *config;
	KafkaClaims *claims;		/* NULL: no claim checks */
	char		dead_letters[KAFKA_TOPIC_NAME_SIZE];	/* topic, or empty */
	uint64_t	claim_count;
	uint64_t	dead_count;
	int64_t		warned_at;		/* monotonic */
	uint64_t	silent;			/* not warned of since */

	/* of the record that was replaced last */
	Buf			value;
	Buf			texts;
	RecordHeader headers[KAFKA_OVERSIZE_HEADERS];
	size_t		offsets[KAFKA_OVERSIZE_HEADERS];	/* in texts, of ours */
	size_t		header_count;
} KafkaOversize;

/* A record of a delivery, and what it may be. */
typedef struct KafkaOversizeRecord
{
	const Delivery *delivery;
	size_t		index;
	const char *topic;			/* where it belongs */
	int64_t		topic_limit;	/* max.message.bytes; 0: not known */
} KafkaOversizeRecord;

/* Checks the options. Free with kafka_oversize_free, always. */
extern MUST_USE bool kafka_oversize_init(KafkaOversize *oversize,
										 const SinkConfig *config, Error *err);
extern MUST_USE bool kafka_oversize_open(KafkaOversize *oversize,
										 const SlotIdentity *identity,
										 Error *err);

/* Whether the record does not go as it is, though it need not stop us. */
extern bool kafka_oversize_is(const KafkaOversize *oversize,
							  const KafkaOversizeRecord *record);

/* Whether its place is taken by a dead letter, not by a claim check. */
extern bool kafka_oversize_is_dead(const KafkaOversize *oversize,
								   const Delivery *delivery);

/* SINK_OK: it can be replaced now; SINK_FULL: ask again after a poll. */
extern SinkResult kafka_oversize_prepare(KafkaOversize *oversize,
										 const KafkaOversizeRecord *record,
										 Error *err);

/* What goes in its place, valid until the next call. */
extern MUST_USE bool kafka_oversize_replace(KafkaOversize *oversize,
											const KafkaOversizeRecord *record,
											Record *out, Error *err);

/* Counts and warns: it was sent. */
extern void kafka_oversize_sent(KafkaOversize *oversize,
								const KafkaOversizeRecord *record);

extern void kafka_oversize_free(KafkaOversize *oversize);

#endif							/* PG_FANOUT_KAFKA_OVERSIZE_H */
