/*
 * stream.h
 *		Reading a replication slot: start, next frame, confirm, close.
 *
 * The transport is the walsender (replication protocol over libpq). Does not
 * know what a Change is. Also the slot's administration, since it needs the
 * same connection and the same understanding of the server's errors.
 */
#ifndef PG_FANOUT_STREAM_H
#define PG_FANOUT_STREAM_H

#include <libpq-fe.h>

#include "buf.h"
#include "error.h"
#include "lsn.h"
#include "source.h"

typedef struct Stream Stream;

typedef struct StreamOptions
{
	const char *dbname;			/* name or conninfo */
	const char *host;
	const char *port;
	const char *user;
	const char *password;		/* from the prompt; NULL: libpq's own ways */
	bool		never_prompt;
} StreamOptions;

typedef struct ServerInfo
{
	uint64_t	system_id;
	uint32_t	timeline;
	Lsn			wal_position;	/* flushed when asked */
	char		database[257];
	int			version;		/* 150020 */
	int64_t		sender_timeout; /* wal_sender_timeout in microseconds, 0: off */
} ServerInfo;

typedef struct SlotInfo
{
	bool		exists;
	char		plugin[65];
	char		database[257];
	bool		active;
	int			active_pid;
	bool		two_phase;
	bool		failover;
	Lsn			confirmed_flush;
	Lsn			restart;
	char		wal_status[32]; /* reserved, extended, unreserved, lost */
	char		invalidation[64];	/* reason, 17+; else empty */
} SlotInfo;

typedef enum StreamResult
{
	STREAM_FRAME,				/* message.data */
	STREAM_KEEPALIVE,			/* message.server_end, reply_requested */
	STREAM_NOTHING,				/* wait for stream_socket */
	STREAM_ENDED,				/* the server ended the stream cleanly */
	STREAM_FAILED
} StreamResult;

typedef struct StreamMessage
{
	Slice		data;			/* valid until the next stream_next */
	Lsn			start;			/* XLogData: of its record */
	Lsn			server_end;		/* the server's position when sent */
	bool		reply_requested;
} StreamMessage;

/* Connects for replication and reads server and slot facts. NULL: failed. */
extern Stream *stream_open(const StreamOptions *options, Error *err);
extern const ServerInfo *stream_server(const Stream *stream);

/* A plain connection with the same parameters, for catalog queries. */
extern PGconn *stream_connect_sql(const StreamOptions *options, Error *err);

extern MUST_USE bool stream_find_slot(Stream *stream, const char *slot,
									  SlotInfo *info, Error *err);

typedef struct SlotCreate
{
	const char *slot;
	const char *plugin;
	bool		if_not_exists;
	bool		two_phase;
	bool		failover;		/* 17+ */
} SlotCreate;

extern MUST_USE bool stream_create_slot(Stream *stream, const SlotCreate *create,
										Error *err);
extern MUST_USE bool stream_drop_slot(Stream *stream, const char *slot, Error *err);

/* START_REPLICATION SLOT slot LOGICAL start (options). */
extern MUST_USE bool stream_start(Stream *stream, const char *slot, Lsn start,
								  const SourceOptions *options, Error *err);
extern StreamResult stream_next(Stream *stream, StreamMessage *message, Error *err);
extern int	stream_socket(const Stream *stream);

/* Whether libpq still holds bytes to send: wait for writability too. */
extern bool stream_wants_write(const Stream *stream);

/* Standby status update: received position and the position to confirm. */
extern MUST_USE bool stream_confirm(Stream *stream, Lsn received, Lsn flushed,
									bool want_reply, Error *err);

/* CopyDone and waiting (until the deadline) for the server to have seen it. */
extern void stream_finish(Stream *stream, int64_t deadline);
extern void stream_close(Stream *stream);

#endif							/* PG_FANOUT_STREAM_H */
