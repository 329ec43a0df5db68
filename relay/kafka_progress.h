/*
 * kafka_progress.h
 *		The progress topic: where it is, and what was last written to it.
 *
 * One topic with one partition per slot and sink, "__pg_fanout.SLOT.SINK",
 * compacted. A record's key names cluster, slot and sink, its value is the
 * checkpoint; "/" and more behind that key make a note, "#" and more what only
 * other readers look at. Writing goes through the producer like any record;
 * reading takes a consumer of its own, and waits: only at a start. Knows
 * nothing of what a checkpoint says.
 */
#ifndef PG_FANOUT_KAFKA_PROGRESS_H
#define PG_FANOUT_KAFKA_PROGRESS_H

#include <stdatomic.h>

#include "buf.h"
#include "error.h"
#include "kafka_admin.h"
#include "kafka_config.h"
#include "notes.h"

#define KAFKA_TOPIC_NAME_SIZE	250
#define KAFKA_NOTE_NAME_SIZE	300 /* a topic's name and more */
#define KAFKA_PROGRESS_MARK		'#' /* behind a key: for other readers */

typedef struct KafkaProgressPlace
{
	char		topic[KAFKA_TOPIC_NAME_SIZE];
	char		key[KAFKA_TOPIC_NAME_SIZE];
} KafkaProgressPlace;

/*
 * false: the names do not fit into a topic's name. Injective: a slot's name
 * has no dot, and a sink's name is used only if no character must be replaced.
 */
extern MUST_USE bool kafka_progress_place(KafkaProgressPlace *place,
										  uint64_t system_id, const char *slot,
										  const char *sink, Error *err);

/* Compacted, one partition, that replication. */
extern KafkaTopicPlan kafka_progress_plan(int replication);

/*
 * Appends the newest value under the place's key to value; if there is none,
 * the newest one under any other (which proves that somebody else uses the
 * place); if there is none either, nothing. Notes under the place's key go to
 * notes. Waits until the deadline, or until *stop (which may be NULL).
 */
extern MUST_USE bool kafka_progress_read(const KafkaTarget *target,
										 const KafkaProgressPlace *place,
										 int64_t deadline,
										 const atomic_bool *stop, Buf *value,
										 Notes *notes, Error *err);

#endif							/* PG_FANOUT_KAFKA_PROGRESS_H */
