/*
 * lake_name.h
 *		Names of objects: they sort by position, tell the table and writer.
 *
 *	PREFIX/TOPIC/TOPIC-TIMELINE-COMMITLSN-SEQ-CHAIN-EPOCH.jsonl.gz
 *	PREFIX/_pg_fanout/SLOT/SINK.json				the pointer
 *	PREFIX/_pg_fanout/SLOT/SINK/manifest-NUMBER.json
 *	PREFIX/_pg_fanout/SLOT/SINK/rollup-NUMBER.jsonl
 *	PREFIX/_pg_fanout/SLOT/SINK/intent-NUMBER.json
 *	PREFIX/_pg_fanout/SLOT/SINK/notes-EPOCH
 *
 * Timeline, LSN and sequence are those of the first record, with leading
 * zeros. CHAIN stands for system identifier, slot and sink, EPOCH for one life
 * of the relay: no two writers ever write under one name. Lake engines pass
 * over names that begin with "_" or ".".
 */
#ifndef PG_FANOUT_LAKE_NAME_H
#define PG_FANOUT_LAKE_NAME_H

#include "buf.h"
#include "error.h"
#include "lsn.h"

#define LAKE_CHAIN_SIZE	17	/* 16 hex digits and a NUL */

/* Of any name of an object: what a buffer for it must hold. */
#define LAKE_KEY_LIMIT	((size_t) 4096)

typedef struct LakeNames
{
	const char *path;			/* of the sink's URL; NULL: none */
	const char *slot;
	const char *sink;
	const char *extension;		/* "jsonl" */
	const char *suffix;			/* ".gz" */
	uint32_t	timeline;
	uint64_t	epoch;
	char		chain[LAKE_CHAIN_SIZE];
} LakeNames;

typedef enum LakeKind
{
	LAKE_POINTER,			/* number means nothing */
	LAKE_MANIFEST,
	LAKE_ROLLUP,
	LAKE_INTENT,
	LAKE_NOTES				/* number: an epoch; 0: as versions without
								 * manifests wrote them */
} LakeKind;

/* Sets chain; slot and sink must be set. */
extern void lake_name_chain(LakeNames *names, uint64_t system_id);

/* "CHAIN-EPOCH" */
extern void lake_name_owner(const LakeNames *names, char *out,
							size_t room);

/*
 * The epoch in the name of an object or in an owner; false: it is not of this
 * chain.
 */
extern bool lake_name_epoch(const LakeNames *names, const char *key,
							uint64_t *epoch);

/* All append to out; ERROR_RECORD for a name no store can hold. */
extern MUST_USE bool lake_name_object(Buf *out, const LakeNames *names,
									  const char *topic, Position first,
									  Error *err);
extern MUST_USE bool lake_name_control(Buf *out, const LakeNames *names,
									   LakeKind kind, uint64_t number,
									   Error *err);

/* What all keys begin with: "" or ends in '/'. */
extern void lake_name_prefix(Buf *out, const LakeNames *names);

/* Where --check tries whether it may write: no object is left there. */
extern MUST_USE bool lake_name_probe(Buf *out, const LakeNames *names,
									 const char *sink, Error *err);

#endif							/* PG_FANOUT_LAKE_NAME_H */
