/*
 * checkpoint.h
 *		What a sink remembers about its progress, as text.
 *
 * Where it is kept is the sink's business (Kafka: a record in its progress
 * topic; S3: an object; file: a sidecar). One JSON object on one line:
 * {"pg_fanout":1,"system_id":"7...","timeline":1,"slot":"fan",
 *  "database":"bank","sink":"lake","lsn":"0/16B3748","seq":0,
 *  "options_hash":"9f..."}
 * and "file_size" and "parts" where they are not 0, "delivery":"exactly-once"
 * where that holds, "prefix" where it counts, "snapshot":"0/16B3748" in a snapshot that leads to there. With a
 * manifest chain (S3) "pg_fanout" is 2, so that versions that know of none do
 * not go on beside it, and "chain" has its members. Needs the sink's name to
 * be at most 64 bytes: longer ones are cut.
 */
#ifndef PG_FANOUT_CHECKPOINT_H
#define PG_FANOUT_CHECKPOINT_H

#include "buf.h"
#include "error.h"
#include "lsn.h"
#include "sink.h"

/* Where a chain of manifests stands: see lake_chain.h. */
typedef struct CheckpointChain
{
	bool		exists;
	uint64_t	manifest;		/* number of the last one; 0: none yet */
	uint64_t	epoch;			/* of who wrote this */
	uint64_t	notes;			/* the epoch that wrote the notes; 0: none */
	uint64_t	intents;		/* the first that may still be there */
	uint64_t	rollups;		/* how many there are */
	uint64_t	rolled;			/* the last manifest in them */
} CheckpointChain;

typedef struct Checkpoint
{
	uint64_t	system_id;
	uint32_t	timeline;		/* TIMELINE_UNKNOWN: read from a standby */
	char		slot[65];		/* NAMEDATALEN and one more */
	char		database[257];
	char		sink[65];
	Position	position;		/* everything before it is durable */
	uint64_t	options_hash;
	int64_t		file_size;		/* file sink: durable length; else 0 */
	bool		exactly_once;	/* Kafka sink: written in a transaction */
	Lsn			snapshot;		/* as the identity's: where the snapshot leads
								 * that the position is in, if before it */
	CheckpointChain chain;		/* S3 sink */
	char		prefix[257];	/* Kafka sink: of its topics; "": not known */
	uint32_t	parts;			/* of the transaction at the position that are
								 * delivered already; 0: it begins there */
} Checkpoint;

extern void checkpoint_init(Checkpoint *checkpoint,
							const SlotIdentity *identity,
							const char *sink, Lsn lsn);
extern void checkpoint_append(Buf *out, const Checkpoint *checkpoint);
extern MUST_USE bool checkpoint_parse(Checkpoint *checkpoint, Slice text,
									  Error *err);

/*
 * Whether it belongs to this slot and covers where the slot stands. Else
 * ERROR_SYSTEM (another system), ERROR_TIMELINE, ERROR_DIVERGED (timeline.h),
 * ERROR_SLOT_RECREATED, ERROR_CHECKPOINT: another database, slot or sink, or
 * the slot ahead of it; ERROR_SNAPSHOT: in the middle of a snapshot that
 * identity does not go on with. A timeline that was properly left and a
 * changed options hash are only logged, and so is a gap that a snapshot is to
 * cover.
 */
extern MUST_USE bool checkpoint_verify(const Checkpoint *checkpoint,
									   const SlotIdentity *identity,
									   const char *sink, Error *err);

/* Of that, whether system, database, slot and sink are the same. */
extern MUST_USE bool checkpoint_belongs(const Checkpoint *checkpoint,
										const SlotIdentity *identity,
										const char *sink, Error *err);

/*
 * Whether the slot still holds what comes behind this position of a sink. Else
 * ERROR_SLOT_RECREATED if the slot's own WAL begins behind it, which a slot
 * that was only moved on has no reason for; or ERROR_CHECKPOINT.
 */
extern MUST_USE bool checkpoint_covers(const SlotIdentity *identity,
									   const char *sink, Lsn lsn, Error *err);

#endif							/* PG_FANOUT_CHECKPOINT_H */
