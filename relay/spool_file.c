/*
 * spool_file.c
 *		A file of blocks. See spool_file.h.
 */
#include "spool_file.h"

#include <errno.h>
#include <inttypes.h>
#include <lz4.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "failpoint.h"
#include "wire.h"

#define MAGIC			UINT32_C(0x42464750)	/* "PGFB" */
#define HEADER_SIZE		20
#define CHECKED_FROM	4		/* sizes and number, */
#define CHECKED_SIZE	12		/* between the magic and the checksum */

typedef struct Header
{
	uint32_t	size;
	uint32_t	stored;
	uint32_t	block;
	uint32_t	checksum;
} Header;

static uint32_t
checksum(const uint8_t *header, Slice stored)
{
	uLong		crc = crc32(0, header + CHECKED_FROM, CHECKED_SIZE);

	return (uint32_t) crc32(crc, stored.data, (uInt) stored.size);
}

/* ---- writing ---- */

static bool
write_whole(int fd, Slice bytes, uint64_t offset)
{
	while (bytes.size > 0)
	{
		ssize_t		size = pwrite(fd, bytes.data, bytes.size, (off_t) offset);

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return false;
		bytes = slice_make(bytes.data + size, bytes.size - (size_t) size);
		offset += (uint64_t) size;
	}
	return true;
}

/* Puts what is to be stored behind the header's room. */
static void
pack(Slice block, Buf *scratch)
{
	uint8_t    *at = scratch->data + HEADER_SIZE;
	int			size = LZ4_compress_default((const char *) block.data,
											(char *) at, (int) block.size,
											(int) block.size - 1);

	if (size <= 0)
	{
		memcpy(at, block.data, block.size);
		size = (int) block.size;
	}
	scratch->size = HEADER_SIZE + (size_t) size;
}

bool
spool_file_append(SpoolFile *file, Slice block, Buf *scratch, Error *err)
{
	uint8_t    *at;
	size_t		stored;

	if (block.size == 0 || block.size > SPOOL_BLOCK_SIZE)
		return error_set(err, ERROR_INTERNAL, "spool block of %zu bytes",
						 block.size);
	buf_clear(scratch);
	if (!buf_reserve(scratch, HEADER_SIZE + block.size))
		return error_no_memory(err);
	pack(block, scratch);
	stored = scratch->size - HEADER_SIZE;
	at = wire_store_fixed32(scratch->data, MAGIC);
	at = wire_store_fixed32(at, (uint32_t) block.size);
	at = wire_store_fixed32(at, (uint32_t) stored);
	at = wire_store_fixed32(at, file->blocks);
	wire_store_fixed32(at, checksum(scratch->data,
									slice_make(at + 4, stored)));
	if (failpoint_fails(FAILPOINT_SPOOL_WRITE) ||
		!write_whole(file->fd, buf_slice(scratch), file->size))
	{
		int			fault = errno;

		error_set(err, ERROR_DISK, "cannot write to the spool: %s",
				  strerror(fault));
		if (fault == ENOSPC || fault == EDQUOT || fault == EFBIG)
		{
			error_detail(err, "The disk is full, or a quota or limit of the file size is reached.");
			error_retriable(err);
		}
		return false;
	}
	file->size += scratch->size;
	file->blocks++;
	return true;
}

/* ---- reading ---- */

static bool
damaged(const SpoolCursor *cursor, const char *how, Error *err)
{
	error_set(err, ERROR_DISK, "the spool is damaged: %s", how);
	return error_detail(err, "Block %" PRIu32 " at byte %" PRIu64 ".",
						cursor->block, cursor->offset);
}

/* Reads that many bytes into scratch, behind what is there. */
static bool
read_whole(const SpoolFile *file, const SpoolCursor *cursor, size_t size,
		   Buf *scratch, Error *err)
{
	uint64_t	offset = cursor->offset + scratch->size;

	if (!buf_reserve(scratch, size))
		return error_no_memory(err);
	while (size > 0)
	{
		ssize_t		got = pread(file->fd, scratch->data + scratch->size, size,
								(off_t) offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set(err, ERROR_DISK, "cannot read the spool: %s",
							 strerror(errno));
		if (got == 0)
			return damaged(cursor, "the file is cut short", err);
		scratch->size += (size_t) got;
		size -= (size_t) got;
		offset += (uint64_t) got;
	}
	return true;
}

static bool
read_header(const SpoolCursor *cursor, const uint8_t *bytes, Header *header,
			Error *err)
{
	WireReader	reader = wire_reader(bytes, HEADER_SIZE);
	uint32_t	magic;

	if (!wire_read_fixed32(&reader, &magic) ||
		!wire_read_fixed32(&reader, &header->size) ||
		!wire_read_fixed32(&reader, &header->stored) ||
		!wire_read_fixed32(&reader, &header->block) ||
		!wire_read_fixed32(&reader, &header->checksum) || magic != MAGIC)
		return damaged(cursor, "no block where one is expected", err);
	if (header->block != cursor->block || header->size == 0 ||
		header->size > SPOOL_BLOCK_SIZE || header->stored == 0 ||
		header->stored > header->size)
		return damaged(cursor, "another block than expected", err);
	return true;
}

static bool
unpack(const SpoolCursor *cursor, const Header *header, Slice stored,
	   Buf *block, Error *err)
{
	buf_clear(block);
	if (!buf_reserve(block, header->size))
		return error_no_memory(err);
	if (header->stored == header->size)
		memcpy(block->data, stored.data, stored.size);
	else if (LZ4_decompress_safe((const char *) stored.data,
								 (char *) block->data, (int) stored.size,
								 (int) header->size) != (int) header->size)
		return damaged(cursor, "a block cannot be decompressed", err);
	block->size = header->size;
	return true;
}

SpoolFileResult
spool_file_read(const SpoolFile *file, SpoolCursor *cursor, Buf *block,
				Buf *scratch, Error *err)
{
	Header		header;
	Slice		stored;

	if (cursor->offset == file->size)
		return SPOOL_FILE_END;
	buf_clear(scratch);
	if (!read_whole(file, cursor, HEADER_SIZE, scratch, err) ||
		!read_header(cursor, scratch->data, &header, err) ||
		!read_whole(file, cursor, header.stored, scratch, err))
		return SPOOL_FILE_FAILED;
	stored = slice_make(scratch->data + HEADER_SIZE, header.stored);
	if (checksum(scratch->data, stored) != header.checksum)
	{
		damaged(cursor, "a block has a wrong checksum", err);
		return SPOOL_FILE_FAILED;
	}
	if (!unpack(cursor, &header, stored, block, err))
		return SPOOL_FILE_FAILED;
	cursor->offset += scratch->size;
	cursor->block++;
	return SPOOL_FILE_BLOCK;
}
