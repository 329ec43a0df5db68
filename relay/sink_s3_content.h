/*
 * sink_s3_content.h
 *		Counts the records of an object as its bytes come.
 *
 * Its name says how it is compressed and how records are parted: lines in
 * ".jsonl", else each behind its length. Nothing is kept but counts.
 */
#ifndef PG_FANOUT_SINK_S3_CONTENT_H
#define PG_FANOUT_SINK_S3_CONTENT_H

#include "buf.h"
#include "error.h"

typedef struct SinkS3Content SinkS3Content;

/* NULL: out of memory. */
extern SinkS3Content *sink_s3_content_new(const char *key, Error *err);

/* The next bytes as stored. ERROR_VERIFY: they cannot be unpacked. */
extern MUST_USE bool sink_s3_content_add(SinkS3Content *content, Slice bytes,
										 Error *err);

/* After the last. ERROR_VERIFY: it ends within a record or a stream. */
extern MUST_USE bool sink_s3_content_end(const SinkS3Content *content,
										 Error *err);
extern uint64_t sink_s3_content_records(const SinkS3Content *content);

/* CRC-32 and number of the bytes as stored. */
extern uint32_t sink_s3_content_crc(const SinkS3Content *content);
extern uint64_t sink_s3_content_bytes(const SinkS3Content *content);
extern void sink_s3_content_free(SinkS3Content *content);

#endif							/* PG_FANOUT_SINK_S3_CONTENT_H */
