/*
 * spool_file.h
 *		A file of blocks: appended at its end, read from its beginning.
 *
 * A block is compressed (lz4) unless that does not help, and carries its
 * number and a checksum, so that a file which is cut short, overwritten or not
 * ours is noticed. The layer knows only a descriptor: whether the file has a
 * name, and when it is synced, is its owner's business. What a block holds is
 * not known here.
 *
 * On disk, little-endian: "PGFB", size, stored size, number of the block (each
 * four bytes), CRC-32 of these three and of what is stored; then that. Stored
 * uncompressed if both sizes are equal.
 */
#ifndef PG_FANOUT_SPOOL_FILE_H
#define PG_FANOUT_SPOOL_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

/* Bytes that a block can have. */
#define SPOOL_BLOCK_SIZE	((size_t) 256 * 1024)

/* A buffer for blocks as they are stored: give it this limit. */
#define SPOOL_SCRATCH_SIZE	(SPOOL_BLOCK_SIZE + 4096)

typedef struct SpoolFile
{
	int			fd;				/* borrowed */
	uint64_t	size;			/* bytes of whole blocks */
	uint32_t	blocks;
} SpoolFile;

/* Where a reader is; all zero: at the beginning. */
typedef struct SpoolCursor
{
	uint64_t	offset;
	uint32_t	block;
} SpoolCursor;

typedef enum SpoolFileResult
{
	SPOOL_FILE_BLOCK,
	SPOOL_FILE_END,
	SPOOL_FILE_FAILED
} SpoolFileResult;

/*
 * Writes a block of 1 to SPOOL_BLOCK_SIZE bytes. After a failure the file is
 * as it was, but for rubbish behind its size; it is retriable if there is no
 * room.
 */
extern MUST_USE bool spool_file_append(SpoolFile *file, Slice block,
									   Buf *scratch, Error *err);

/* Replaces what is in block by the next one. */
extern MUST_USE SpoolFileResult spool_file_read(const SpoolFile *file,
												SpoolCursor *cursor,
												Buf *block, Buf *scratch,
												Error *err);

#endif							/* PG_FANOUT_SPOOL_FILE_H */
