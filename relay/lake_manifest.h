/*
 * lake_manifest.h
 *		Text of what stands beside the data: manifests, and what they list.
 *
 * A manifest is one JSON object on one line: which objects hold the records
 * between prev_end and end. Numbers are dense from 1 on, prev_end is the end
 * of the one before, prev_hash the SHA-256 of its text. One without objects
 * says that a relay has taken over: its number is the epoch of that relay.
 */
#ifndef PG_FANOUT_LAKE_MANIFEST_H
#define PG_FANOUT_LAKE_MANIFEST_H

#include "checkpoint.h"
#include "object_store.h"
#include "sigv4.h"

/* A manifest's text; a cut of a hundred thousand objects has less. */
#define LAKE_MANIFEST_LIMIT	STORE_MAX_ANSWER

typedef struct LakeManifest
{
	Checkpoint	owner;			/* identity; position: end */
	uint64_t	number;
	uint64_t	epoch;
	uint64_t	notes;			/* the epoch that wrote the notes; 0: none */
	uint64_t	intents;		/* all before are about objects listed here
								 * or earlier */
	Lsn			prev_end;
	uint64_t	records;
	uint64_t	objects;
	char		prev_hash[SIGV4_HASH_SIZE]; /* "": of the first */
} LakeManifest;

/* What a manifest says of one object; texts are borrowed. */
typedef struct LakeEntry
{
	const char *key;
	const char *topic;
	Position	first;
	Position	last;
	uint64_t	records;
	uint64_t	bytes;			/* as stored */
	uint32_t	crc;			/* of these bytes: CRC-32 as in gzip */
	uint64_t	schema;			/* fingerprint of the table's description; 0:
								 * not of one table, or it changed within */
} LakeEntry;

/* With a comma before all but the first of a list. */
extern void lake_entry_append(Buf *list, const LakeEntry *entry);

/* entries: a list of them. */
extern void lake_manifest_append(Buf *out, const LakeManifest *manifest,
								 Slice entries);

/*
 * Calls take for each object, which may answer false to end it; NULL: none is
 * wanted. ERROR_CHECKPOINT: damaged, or of a newer version.
 */
typedef bool (*LakeTake) (const LakeEntry *entry, void *context,
						  Error *err);
extern MUST_USE bool lake_manifest_parse(LakeManifest *manifest,
										 Slice text, LakeTake take,
										 void *context, Error *err);

#endif							/* PG_FANOUT_LAKE_MANIFEST_H */
