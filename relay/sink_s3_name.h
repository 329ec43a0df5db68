/*
 * sink_s3_name.h
 *		Names of objects: what sorts by position and tells the table.
 *
 *	PREFIX/TOPIC/TOPIC-TIMELINE-COMMITLSN-SEQ.jsonl.gz
 *	PREFIX/_pg_fanout/SLOT/SINK.json		the checkpoint
 *	PREFIX/_pg_fanout/SLOT/SINK.notes		what stands beside it
 *
 * Timeline, LSN and sequence are those of the first record, with leading
 * zeros. Lake engines pass over names that begin with "_" or ".".
 */
#ifndef PG_FANOUT_SINK_S3_NAME_H
#define PG_FANOUT_SINK_S3_NAME_H

#include "buf.h"
#include "error.h"
#include "lsn.h"

typedef struct SinkS3Names
{
	const char *path;			/* of the sink's URL; NULL: none */
	uint32_t	timeline;
	const char *extension;		/* "jsonl" */
	const char *suffix;			/* ".gz" */
} SinkS3Names;

/* All append to out; ERROR_RECORD for a name no store can hold. */
extern MUST_USE bool sink_s3_name_object(Buf *out, const SinkS3Names *names,
										 const char *topic, Position first,
										 Error *err);
extern MUST_USE bool sink_s3_name_checkpoint(Buf *out,
											 const SinkS3Names *names,
											 const char *slot,
											 const char *sink, Error *err);

extern MUST_USE bool sink_s3_name_notes(Buf *out, const SinkS3Names *names,
										const char *slot, const char *sink,
										Error *err);

/* Where --check tries whether it may write: no object is left there. */
extern MUST_USE bool sink_s3_name_probe(Buf *out, const SinkS3Names *names,
										const char *sink, Error *err);

#endif							/* PG_FANOUT_SINK_S3_NAME_H */
