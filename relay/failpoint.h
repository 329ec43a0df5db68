/*
 * failpoint.h
 *		Named places where a test can end the relay, stop it for a while, or
 *		make it fail.
 *
 * PG_FANOUT_FAILPOINT=NAME[:COUNT][:ACTION],... in the environment arms some:
 * the COUNTth time (default: the first) that one is reached its ACTION
 * happens: kill9 (default), sleep (two seconds) or error. Only builds with
 * PG_FANOUT_FAILPOINTS have them: those with sanitizers or made with
 * FAILPOINTS=1. In all others nothing is left of them.
 */
#ifndef PG_FANOUT_FAILPOINT_H
#define PG_FANOUT_FAILPOINT_H

#include "error.h"

/* Every place: its name here, its name for tests, when it is reached. */
#define FAILPOINTS(X) \
	X(SLOT_TAKEN, "slot-taken", "the slot is held, no checkpoint read yet") \
	X(STREAM_START, "stream-start", "the stream has begun, nothing read yet") \
	X(RECORD, "record", "before a change is offered to the sinks") \
	X(COMMIT, "commit", "before a commit is offered to the sinks") \
	X(STATUS, "status", "before a status message") \
	X(STATUS_SENT, "status-sent", "after a status message") \
	X(FILE_WRITTEN, "file-written", "file: written, not synced") \
	X(FILE_SYNCED, "file-synced", "file: synced, checkpoint not begun") \
	X(FILE_RECORDED, "file-recorded", "file: checkpoint done, not yet durable for the relay") \
	X(FILE_RENAMED, "file-renamed", "file: rotated away, no new file yet") \
	X(SIDECAR_WRITTEN, "sidecar-written", "checkpoint's new file synced, not renamed") \
	X(SIDECAR_RENAMED, "sidecar-renamed", "checkpoint renamed, directory not synced") \
	X(KAFKA_RECORD, "kafka-record", "Kafka: before a record is given to the producer") \
	X(KAFKA_PROGRESS, "kafka-progress", "Kafka: before progress is given to the producer") \
	X(KAFKA_PROGRESS_STORED, "kafka-progress-stored", "Kafka, at least once: progress is stored, not yet durable for the relay") \
	X(KAFKA_COMMIT, "kafka-commit", "Kafka: all is sent, before the transaction's commit") \
	X(KAFKA_COMMITTED, "kafka-committed", "Kafka: transaction committed, not yet durable for the relay") \
	X(KAFKA_RENEWAL, "kafka-renewal", "Kafka: before the producer is made anew") \
	X(OBJECT_PUT, "object-put", "s3, dir: before an object is put") \
	X(OBJECT_PART, "object-part", "s3, dir: before a part is put") \
	X(OBJECT_COMPLETE, "object-complete", "s3, dir: all parts are there, before they become an object") \
	X(OBJECT_STORED, "object-stored", "s3, dir: an object has arrived") \
	X(OBJECT_INTENT, "object-intent", "s3, dir: before the names of objects to come are put") \
	X(OBJECT_MANIFEST, "object-manifest", "s3, dir: before a manifest is put") \
	X(OBJECT_MANIFEST_STORED, "object-manifest-stored", "s3, dir: a manifest has arrived, the pointer does not know it") \
	X(OBJECT_CHECKPOINT, "object-checkpoint", "s3, dir: before the pointer is put") \
	X(OBJECT_RECORDED, "object-recorded", "s3, dir: the pointer has arrived, not yet durable for the relay") \
	X(OBJECT_ORPHAN, "object-orphan", "s3, dir: before an object that no manifest lists is removed") \
	X(OBJECT_ROLLUP, "object-rollup", "s3, dir: before manifests joined in one are put") \
	X(DIR_SYNCED, "dir-synced", "dir: file synced, not renamed") \
	X(DIR_RENAMED, "dir-renamed", "dir: file renamed, directory not synced") \
	X(SPOOL_WRITE, "spool-write", "spool: before a block of a transaction in progress is written to disk")

#define FAILPOINT_ENUM(id, name, meaning) FAILPOINT_##id,

typedef enum Failpoint
{
	FAILPOINTS(FAILPOINT_ENUM)
	FAILPOINT_COUNT
} Failpoint;

#ifdef PG_FANOUT_FAILPOINTS

/* Reads the environment. */
extern MUST_USE bool failpoint_init(Error *err);

/* Whether the place is to fail; then errno is EIO. */
extern MUST_USE bool failpoint_fails(Failpoint point);

/* The same where errors are told by err. */
extern MUST_USE bool failpoint_passes(Failpoint point, Error *err);

#else

static inline bool
failpoint_init(Error *err)
{
	(void) err;
	return true;
}

static inline bool
failpoint_fails(Failpoint point)
{
	(void) point;
	return false;
}

static inline bool
failpoint_passes(Failpoint point, Error *err)
{
	(void) point;
	(void) err;
	return true;
}

#endif							/* PG_FANOUT_FAILPOINTS */

#endif							/* PG_FANOUT_FAILPOINT_H */
