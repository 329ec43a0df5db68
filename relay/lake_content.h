/*
 * lake_content.h
 *		Counts the records of an object as its bytes come.
 *
 * Its name says how it is compressed and how records are parted: lines in
 * ".jsonl", else each behind its length. Nothing is kept but counts.
 */
#ifndef PG_FANOUT_LAKE_CONTENT_H
#define PG_FANOUT_LAKE_CONTENT_H

#include "buf.h"
#include "error.h"

typedef struct LakeContent LakeContent;

/* NULL: out of memory. */
extern LakeContent *lake_content_new(const char *key, Error *err);

/* The next bytes as stored. ERROR_VERIFY: they cannot be unpacked. */
extern MUST_USE bool lake_content_add(LakeContent *content, Slice bytes,
									  Error *err);

/* After the last. ERROR_VERIFY: it ends within a record or a stream. */
extern MUST_USE bool lake_content_end(const LakeContent *content,
									  Error *err);
extern uint64_t lake_content_records(const LakeContent *content);

/* CRC-32 and number of the bytes as stored. */
extern uint32_t lake_content_crc(const LakeContent *content);
extern uint64_t lake_content_bytes(const LakeContent *content);
extern void lake_content_free(LakeContent *content);

#endif							/* PG_FANOUT_LAKE_CONTENT_H */
