/*
 * format.c
 *		What formats share. See format.h.
 */
#include "format.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- nothing to do ---- */

FormatResult
format_no_begin(Format *format, const Transaction *txn, Records *out,
				Error *err)
{
	(void) format;
	(void) txn;
	(void) err;
	out->count = 0;
	return FORMAT_OK;
}

FormatResult
format_no_commit(Format *format, const TxnEnd *end, Position position,
				 Records *out, Error *err)
{
	(void) format;
	(void) end;
	(void) position;
	(void) err;
	out->count = 0;
	return FORMAT_OK;
}

FormatResult
format_no_tick(Format *format, int64_t now, Records *out, Error *err)
{
	(void) format;
	(void) now;
	(void) err;
	out->count = 0;
	return FORMAT_OK;
}

int
format_no_watch(Format *format, struct pollfd *fds, int room,
				int64_t *deadline)
{
	(void) format;
	(void) fds;
	(void) room;
	(void) deadline;
	return 0;
}

/* ---- plain records ---- */

static void
put_tombstone(Records *out, Slice key, Slice partition_key,
			  const PositionHeaders *headers)
{
	out->records[out->count++] = (Record) {
		.key = key, .partition_key = partition_key,
		.headers = headers->headers, .header_count = 2
	};
}

static void
fill_headers(PositionHeaders *headers, Position position)
{
	lsn_format(position.lsn, headers->lsn);
	snprintf(headers->seq, sizeof(headers->seq), "%" PRIu64, position.seq);
	headers->headers[0] = (RecordHeader) {
		"pg_fanout.lsn", slice_of(headers->lsn)
	};
	headers->headers[1] = (RecordHeader) {
		"pg_fanout.seq", slice_of(headers->seq)
	};
}

void
format_put_plain(Records *out, const PlainRecord *plain, Position position,
				 PositionHeaders *headers)
{
	bool		buried = plain->op == PG_FANOUT__OP__DELETE &&
		plain->key.data != NULL;

	out->count = 0;
	if (buried || plain->old_key.data != NULL)
		fill_headers(headers, position);
	if (plain->old_key.data != NULL)
		put_tombstone(out, plain->old_key, plain->old_partition_key, headers);
	out->records[out->count++] = (Record) {
		.key = plain->key, .value = plain->value,
		.partition_key = plain->partition_key
	};
	if (buried)
		put_tombstone(out, plain->key, plain->partition_key, headers);
}

/* ---- buffers ---- */

void
format_recycle(Buf *buf)
{
	if (buf->capacity > FORMAT_KEEP)
		buf_free(buf);
	buf_clear(buf);
}

bool
format_fits(const Buf *buf, Error *err)
{
	if (!buf_failed(buf))
		return true;
	error_set(err, ERROR_RECORD, "record cannot be put together");
	return error_hint(err, "It is larger than 1 GB, or memory ran out.");
}
