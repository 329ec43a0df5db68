/*
 * stream.h
 *		Reading a replication slot: start, next frame, confirm, close.
 *
 * The transport is the walsender (replication protocol over libpq). Does not
 * know what a Change is, nor why a position may be confirmed.
 */
#ifndef PG_FANOUT_STREAM_H
#define PG_FANOUT_STREAM_H

#include <libpq-fe.h>

#include "buf.h"
#include "error.h"
#include "lsn.h"
#include "source.h"
#include "stream_message.h"

typedef struct Stream Stream;

typedef enum StreamResult
{
	STREAM_FRAME,				/* message.data */
	STREAM_KEEPALIVE,			/* message.server_end, reply_requested */
	STREAM_NOTHING,				/* wait for stream_socket */
	STREAM_ENDED,				/* the server ended the stream cleanly */
	STREAM_FAILED
} StreamResult;

/*
 * START_REPLICATION SLOT slot LOGICAL start (options) on a replication
 * connection, which the stream takes over if it succeeds. NULL: failed.
 */
extern Stream *stream_start(PGconn *conn, const char *slot, Lsn start,
							const SourceOptions *options, Error *err);

/* message's data is valid until the next call. */
extern StreamResult stream_next(Stream *stream, StreamMessage *message,
								Error *err);
extern int	stream_socket(const Stream *stream);

/*
 * Whether libpq still holds bytes to send: then wait for writability too, and
 * call stream_flush.
 */
extern bool stream_wants_write(const Stream *stream);
extern MUST_USE bool stream_flush(Stream *stream, Error *err);

/* Standby status update: received position and the position to confirm. */
extern MUST_USE bool stream_confirm(Stream *stream, Lsn received, Lsn flushed,
									bool want_reply, Error *err);

/* CopyDone and waiting (until the deadline) for the server to have seen it. */
extern void stream_finish(Stream *stream, int64_t deadline);
extern void stream_close(Stream *stream);

#endif							/* PG_FANOUT_STREAM_H */
