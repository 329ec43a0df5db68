/*
 * server_watch.h
 *		A second look at the server while the stream is not read, or says too
 *		little: how much WAL the slot holds back, how much more it may, and
 *		whether the server wants to stop.
 *
 * Over an ordinary connection of its own, opened when first needed; questions
 * are asked and answered without waiting. Only connecting waits, for seconds
 * at most and not more often than once a minute. A server that shuts down
 * ends ordinary sessions first, and takes none: that is how it is noticed by
 * a relay whose stream is stuck behind a full sink.
 */
#ifndef PG_FANOUT_SERVER_WATCH_H
#define PG_FANOUT_SERVER_WATCH_H

#include "connection.h"

typedef enum ServerNews
{
	SERVER_NO_NEWS,
	SERVER_ANSWER,				/* retained, behind */
	SERVER_STOPS
} ServerNews;

typedef struct ServerWatch
{
	ConnectionOptions *options;
	const char *slot;
	int64_t		interval;		/* between questions */
	PGconn	   *conn;			/* NULL: not open */
	int64_t		next;			/* when to ask, or to connect */
	int64_t		asked;			/* when, if an answer is to come; or 0 */
	bool		told_end;		/* the server said that it ends the session */
	int64_t		retained;		/* bytes from restart_lsn to the end of WAL */
	int64_t		behind;			/* bytes from confirmed_flush_lsn */
	int64_t		room;			/* bytes until the server may remove what the
								 * slot needs */
	bool		limited;		/* there is such a limit: room is known */
} ServerWatch;

/* One step, without waiting. To be called at least once a second. */
extern ServerNews server_watch_turn(ServerWatch *watch);

/* Forgets the connection, as after the stream's own was lost. */
extern void server_watch_close(ServerWatch *watch);

#endif							/* PG_FANOUT_SERVER_WATCH_H */
