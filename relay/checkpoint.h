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
 * where that holds, "prefix" where it counts. Needs the sink's name to be at
 * most 64 bytes: longer ones are cut.
 */
#ifndef PG_FANOUT_CHECKPOINT_H
#define PG_FANOUT_CHECKPOINT_H

#include "buf.h"
#include "error.h"
#include "lsn.h"
#include "sink.h"

typedef struct Checkpoint
{
	uint64_t	system_id;
	uint32_t	timeline;
	char		slot[65];		/* NAMEDATALEN and one more */
	char		database[257];
	char		sink[65];
	Position	position;		/* everything before it is durable */
	uint64_t	options_hash;
	int64_t		file_size;		/* file sink: durable length; else 0 */
	bool		exactly_once;	/* Kafka sink: written in a transaction */
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
 * Whether it belongs to this slot and covers where the slot stands; else
 * ERROR_CHECKPOINT: other system, database, slot or sink, a newer timeline
 * than the server's, or the slot ahead of it (the hint has the SQL to look
 * further). An older timeline and a changed options hash are only logged.
 */
extern MUST_USE bool checkpoint_verify(const Checkpoint *checkpoint,
									   const SlotIdentity *identity,
									   const char *sink, Error *err);

#endif							/* PG_FANOUT_CHECKPOINT_H */
