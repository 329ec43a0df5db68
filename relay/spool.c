/*
 * spool.c
 *		Records of transactions in progress. See spool.h.
 *
 * A transaction is a string of bytes: its records, each behind its size and
 * its subtransaction. It is kept in chunks as large as a block; when memory
 * runs short the oldest chunk of whoever has most becomes a block of that
 * transaction's file. So what is on disk comes before what is in memory.
 * A record stands in one chunk, unless it is larger than that.
 */
#include "spool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "spool_directory.h"
#include "spool_file.h"
#include "spool_xids.h"
#include "wire.h"

#define RECORD_HEADER	8		/* size, and the subtransaction's distance */
#define RECORD_LIMIT	((size_t) INT32_MAX)
#define RECORD_KEEP		((size_t) 1024 * 1024)	/* of the buffer, after use */
#define PASS_LIMIT		((uint64_t) 16 * 1024 * 1024)

typedef struct Chunk
{
	struct Chunk *next;
	Buf			bytes;
} Chunk;

typedef struct SpoolTxn
{
	struct SpoolTxn *next;
	uint32_t	xid;
	SpoolXids	aborted;
	SpoolFile	file;			/* fd -1: nothing on disk */
	Chunk	   *first;			/* what comes after the file */
	Chunk	   *last;
	uint64_t	memory;			/* of the chunks */
} SpoolTxn;

struct Spool
{
	uint64_t	memory_limit;
	uint64_t	disk_limit;		/* 0: none */
	char	   *directory;
	bool		made;			/* it: removed at the end */
	SpoolTxn   *txns;
	SpoolTxn   *recent;			/* looked up last */
	uint64_t	memory;			/* of all chunks */
	uint64_t	disk;
	Buf			scratch;

	/* the transaction being replayed */
	SpoolTxn   *replayed;
	SpoolCursor cursor;
	Buf			block;			/* read from the file */
	Chunk	   *chunk;			/* taken from the transaction */
	Slice		rest;			/* of either */
	Buf			record;			/* one that no block holds whole */
};

/* ---- making ---- */

static bool
open_directory(Spool *spool, const SpoolConfig *config, Error *err)
{
	int			fd;

	spool->directory = config->directory == NULL ? spool_directory_default() :
		strdup(config->directory);
	if (spool->directory == NULL)
		return error_no_memory(err);
	if (!spool_directory_prepare(spool->directory, &spool->made, err))
		return false;

	/* better now than in the middle of the first large transaction */
	fd = spool_directory_open_file(spool->directory, err);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

Spool *
spool_new(const SpoolConfig *config, Error *err)
{
	Spool	   *spool = calloc(1, sizeof(*spool));

	if (spool == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	spool->memory_limit = (uint64_t) config->memory;
	spool->disk_limit = (uint64_t) config->limit;
	buf_init(&spool->scratch, SPOOL_SCRATCH_SIZE);
	buf_init(&spool->block, SPOOL_BLOCK_SIZE);
	buf_init(&spool->record, RECORD_LIMIT);
	if (open_directory(spool, config, err))
		return spool;
	spool_free(spool);
	return NULL;
}

/* ---- transactions ---- */

static SpoolTxn *
find_txn(const Spool *spool, uint32_t xid)
{
	SpoolTxn   *txn = spool->recent;

	if (txn != NULL && txn->xid == xid)
		return txn;
	for (txn = spool->txns; txn != NULL && txn->xid != xid;)
		txn = txn->next;
	return txn;
}

static SpoolTxn *
make_txn(Spool *spool, uint32_t xid, Error *err)
{
	SpoolTxn   *txn = calloc(1, sizeof(*txn));

	if (txn == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	txn->xid = xid;
	txn->file.fd = -1;
	txn->next = spool->txns;
	spool->txns = txn;
	return txn;
}

static void
free_chunk(Spool *spool, Chunk *chunk)
{
	if (chunk == NULL)
		return;
	spool->memory -= chunk->bytes.capacity;
	buf_free(&chunk->bytes);
	free(chunk);
}

static Chunk *
take_first_chunk(SpoolTxn *txn)
{
	Chunk	   *chunk = txn->first;

	if (chunk == NULL)
		return NULL;
	txn->first = chunk->next;
	if (txn->first == NULL)
		txn->last = NULL;
	txn->memory -= chunk->bytes.capacity;
	return chunk;
}

static void
forget_txn(Spool *spool, SpoolTxn *txn)
{
	Chunk	   *chunk;

	while ((chunk = take_first_chunk(txn)) != NULL)
		free_chunk(spool, chunk);
	if (txn->file.fd >= 0)
		close(txn->file.fd);
	spool->disk -= txn->file.size;
	spool_xids_free(&txn->aborted);
	free(txn);
}

static void
stop_replay(Spool *spool)
{
	free_chunk(spool, spool->chunk);
	spool->chunk = NULL;
	spool->replayed = NULL;
	spool->rest = slice_make(NULL, 0);
	buf_free(&spool->record);
}

void
spool_drop(Spool *spool, uint32_t xid)
{
	SpoolTxn  **link = &spool->txns;
	SpoolTxn   *txn;

	while (*link != NULL && (*link)->xid != xid)
		link = &(*link)->next;
	txn = *link;
	if (txn == NULL)
		return;
	*link = txn->next;
	spool->recent = NULL;
	if (spool->replayed == txn)
		stop_replay(spool);
	forget_txn(spool, txn);
}

bool
spool_begin(Spool *spool, uint32_t xid, Error *err)
{
	spool_drop(spool, xid);
	return make_txn(spool, xid, err) != NULL;
}

void
spool_clear(Spool *spool)
{
	while (spool->txns != NULL)
		spool_drop(spool, spool->txns->xid);
}

void
spool_free(Spool *spool)
{
	if (spool == NULL)
		return;
	spool_clear(spool);

	/* another relay may be using it: then it is not empty, or is made again */
	if (spool->made)
		rmdir(spool->directory);
	free(spool->directory);
	buf_free(&spool->scratch);
	buf_free(&spool->block);
	buf_free(&spool->record);
	free(spool);
}

bool
spool_knows(const Spool *spool, uint32_t xid)
{
	return find_txn(spool, xid) != NULL;
}

bool
spool_abort(Spool *spool, uint32_t xid, uint32_t subxid, Error *err)
{
	SpoolTxn   *txn = find_txn(spool, xid);

	if (txn == NULL)
		return true;
	if (subxid != xid)
		return spool_xids_add(&txn->aborted, subxid - xid) ||
			error_no_memory(err);
	spool_drop(spool, xid);
	return true;
}

/* ---- from memory to disk ---- */

static bool
open_file(Spool *spool, SpoolTxn *txn, Error *err)
{
	if (txn->file.fd >= 0)
		return true;

	/* it may have gone meanwhile: with a tidy administrator, or a relay */
	if (!spool_directory_prepare(spool->directory, &spool->made, err))
		return false;
	txn->file.fd = spool_directory_open_file(spool->directory, err);
	if (txn->file.fd < 0)
		return false;
	log_debug("transaction %" PRIu32 " is large and still in progress: it is kept in \"%s\"",
			  txn->xid, spool->directory);
	return true;
}

static bool
check_disk(const Spool *spool, Error *err)
{
	if (spool->disk_limit == 0 || spool->disk <= spool->disk_limit)
		return true;
	error_set(err, ERROR_DISK,
			  "transactions in progress need more than spool-limit: %" PRIu64 " bytes on disk",
			  spool->disk);
	return error_hint(err, "Raise --spool-limit, or leave transactions in progress to the server with --streaming=off.");
}

static bool
write_out(Spool *spool, SpoolTxn *txn, Error *err)
{
	uint64_t	before = txn->file.size;
	Chunk	   *chunk;
	bool		ok;

	if (!open_file(spool, txn, err))
		return false;
	chunk = take_first_chunk(txn);
	ok = spool_file_append(&txn->file, buf_slice(&chunk->bytes),
						   &spool->scratch, err);
	free_chunk(spool, chunk);
	spool->disk += txn->file.size - before;
	if (ok)
		return check_disk(spool, err);

	/* the server would send all of it again, into a disk as full as this */
	err->retriable = false;
	error_prefix(err, "directory \"%s\"", spool->directory);
	return error_hint(err, "Make room, name a directory on a larger disk with --spool-directory, or leave transactions in progress to the server with --streaming=off.");
}

static SpoolTxn *
find_largest(const Spool *spool)
{
	SpoolTxn   *largest = spool->txns;

	for (SpoolTxn *txn = spool->txns; txn != NULL; txn = txn->next)
		if (txn->memory > largest->memory)
			largest = txn;
	return largest;
}

static bool
make_room(Spool *spool, Error *err)
{
	while (spool->memory > spool->memory_limit)
	{
		SpoolTxn   *txn = find_largest(spool);

		if (txn == NULL || txn->memory == 0)
			break;
		if (!write_out(spool, txn, err))
			return false;
	}
	return true;
}

/* ---- appending ---- */

static bool
add_chunk(Spool *spool, SpoolTxn *txn, Error *err)
{
	Chunk	   *chunk;
	bool		is_large = txn->last != NULL || txn->file.blocks > 0;

	if (!make_room(spool, err))
		return false;
	chunk = calloc(1, sizeof(*chunk));
	if (chunk == NULL)
		return error_no_memory(err);
	buf_init(&chunk->bytes, SPOOL_BLOCK_SIZE);

	/* the first grows: there may be thousands of small transactions */
	if (is_large && !buf_reserve(&chunk->bytes, SPOOL_BLOCK_SIZE))
	{
		free(chunk);
		return error_no_memory(err);
	}
	txn->memory += chunk->bytes.capacity;
	spool->memory += chunk->bytes.capacity;
	if (txn->last != NULL)
		txn->last->next = chunk;
	else
		txn->first = chunk;
	txn->last = chunk;
	return true;
}

/* Into the last chunk, which has the room. */
static bool
put(Spool *spool, SpoolTxn *txn, Slice bytes, Error *err)
{
	Buf		   *last = &txn->last->bytes;
	size_t		before = last->capacity;

	buf_append_slice(last, bytes);
	txn->memory += last->capacity - before;
	spool->memory += last->capacity - before;
	return !buf_failed(last) || error_no_memory(err);
}

static bool
put_over_chunks(Spool *spool, SpoolTxn *txn, Slice bytes, Error *err)
{
	while (bytes.size > 0)
	{
		size_t		room = SPOOL_BLOCK_SIZE - txn->last->bytes.size;
		size_t		size = bytes.size < room ? bytes.size : room;

		if (!put(spool, txn, slice_make(bytes.data, size), err))
			return false;
		bytes = slice_make(bytes.data + size, bytes.size - size);
		if (bytes.size > 0 && !add_chunk(spool, txn, err))
			return false;
	}
	return true;
}

bool
spool_append(Spool *spool, uint32_t xid, uint32_t subxid, Slice record,
			 Error *err)
{
	SpoolTxn   *txn = find_txn(spool, xid);
	uint8_t		header[RECORD_HEADER];

	if (txn == NULL)
		return error_set(err, ERROR_SOURCE, "record of transaction %" PRIu32 ", which was not begun",
						 xid);
	spool->recent = txn;
	if (record.size > RECORD_LIMIT)
		return error_set(err, ERROR_SOURCE, "record of %zu bytes",
						 record.size);
	if ((txn->last == NULL || txn->last->bytes.size + RECORD_HEADER +
		 record.size > SPOOL_BLOCK_SIZE) && !add_chunk(spool, txn, err))
		return false;
	wire_store_fixed32(wire_store_fixed32(header, (uint32_t) record.size),
					   subxid - xid);
	return put(spool, txn, slice_make(header, RECORD_HEADER), err) &&
		put_over_chunks(spool, txn, record, err) && make_room(spool, err);
}

/* ---- replaying ---- */

void
spool_replay(Spool *spool, uint32_t xid)
{
	stop_replay(spool);
	spool->replayed = find_txn(spool, xid);
	spool->cursor = (SpoolCursor) {0};
}

/* Takes up the next block, of the file first. */
static SpoolResult
next_block(Spool *spool, Error *err)
{
	SpoolTxn   *txn = spool->replayed;

	switch (spool_file_read(&txn->file, &spool->cursor, &spool->block,
							&spool->scratch, err))
	{
		case SPOOL_FILE_BLOCK:
			spool->rest = buf_slice(&spool->block);
			return SPOOL_RECORD;
		case SPOOL_FILE_FAILED:
			return SPOOL_FAILED;
		case SPOOL_FILE_END:
			break;
	}
	free_chunk(spool, spool->chunk);
	spool->chunk = take_first_chunk(txn);
	if (spool->chunk == NULL)
		return SPOOL_END;
	spool->rest = buf_slice(&spool->chunk->bytes);
	return SPOOL_RECORD;
}

static SpoolResult
cut_short(Error *err)
{
	error_set(err, ERROR_DISK, "the spool is damaged: it ends within a record");
	return SPOOL_FAILED;
}

/* The next bytes of the block at hand; their number is at most what it has. */
static Slice
take_rest(Spool *spool, size_t size)
{
	Slice		bytes = slice_make(spool->rest.data, size);

	spool->rest = slice_make(spool->rest.data + size,
							 spool->rest.size - size);
	return bytes;
}

/*
 * The content of a record of which the header was read. bytes NULL: it is
 * passed over.
 */
static SpoolResult
read_content(Spool *spool, size_t size, Slice *bytes, Error *err)
{
	if (size <= spool->rest.size)
	{
		Slice		whole = take_rest(spool, size);

		if (bytes != NULL)
			*bytes = whole;
		return SPOOL_RECORD;
	}
	buf_clear(&spool->record);
	if (bytes != NULL && !buf_reserve(&spool->record, size))
	{
		error_no_memory(err);
		return SPOOL_FAILED;
	}
	for (size_t left = size; left > 0;)
	{
		SpoolResult result = spool->rest.size > 0 ? SPOOL_RECORD :
			next_block(spool, err);
		size_t		part = left < spool->rest.size ? left : spool->rest.size;

		if (result != SPOOL_RECORD)
			return result == SPOOL_END ? cut_short(err) : result;
		if (bytes != NULL)
			buf_append_slice(&spool->record, slice_make(spool->rest.data,
														part));
		take_rest(spool, part);
		left -= part;
	}
	if (bytes != NULL)
		*bytes = buf_slice(&spool->record);
	return SPOOL_RECORD;
}

static SpoolResult
end_replay(Spool *spool)
{
	spool_drop(spool, spool->replayed->xid);
	return SPOOL_END;
}

SpoolResult
spool_next(Spool *spool, Slice *record, Error *err)
{
	SpoolTxn   *txn = spool->replayed;
	SpoolResult result = SPOOL_RECORD;
	uint64_t	passed = 0;

	if (txn == NULL)
		return SPOOL_END;
	if (spool->record.capacity > RECORD_KEEP)
		buf_free(&spool->record);
	while (passed < PASS_LIMIT)
	{
		WireReader	header;
		uint32_t	size;
		uint32_t	distance;

		if (spool->rest.size == 0)
			result = next_block(spool, err);
		if (result != SPOOL_RECORD)
			return result == SPOOL_END ? end_replay(spool) : result;
		if (spool->rest.size < RECORD_HEADER)
			return cut_short(err);
		header = wire_reader(take_rest(spool, RECORD_HEADER).data,
							 RECORD_HEADER);
		if (!wire_read_fixed32(&header, &size) ||
			!wire_read_fixed32(&header, &distance))
			return cut_short(err);
		if (!spool_xids_has(&txn->aborted, distance))
			return read_content(spool, size, record, err);
		result = read_content(spool, size, NULL, err);
		if (result != SPOOL_RECORD)
			return result;
		passed += RECORD_HEADER + size;
	}
	return SPOOL_AGAIN;
}

uint64_t
spool_memory(const Spool *spool)
{
	uint64_t	memory = spool->memory;

	for (SpoolTxn *txn = spool->txns; txn != NULL; txn = txn->next)
		memory += txn->aborted.memory;
	return memory;
}

uint64_t
spool_disk(const Spool *spool)
{
	return spool->disk;
}
