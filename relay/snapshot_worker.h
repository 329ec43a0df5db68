/*
 * snapshot_worker.h
 *		A connection that reads rows of a snapshot, one COPY after the other,
 *		without waiting.
 *
 * Rows are taken from the socket as they are asked for: who does not ask holds
 * the server back.
 */
#ifndef PG_FANOUT_SNAPSHOT_WORKER_H
#define PG_FANOUT_SNAPSHOT_WORKER_H

#include "buf.h"
#include "connection.h"

typedef struct SnapshotWorker
{
	PGconn	   *conn;
	bool		copying;		/* from start to end */
	bool		started;		/* the server has begun to send */
} SnapshotWorker;

typedef enum SnapshotRead
{
	SNAPSHOT_ROW,
	SNAPSHOT_NOTHING,			/* wait for the socket */
	SNAPSHOT_END,				/* of the COPY */
	SNAPSHOT_FAILED
} SnapshotRead;

/* Connects and imports the exported snapshot. */
extern MUST_USE bool snapshot_worker_open(SnapshotWorker *worker,
										  ConnectionOptions *options,
										  const char *snapshot, Error *err);
extern void snapshot_worker_close(SnapshotWorker *worker);

/* Sends a COPY ... TO STDOUT. */
extern MUST_USE bool snapshot_worker_start(SnapshotWorker *worker,
										   const char *sql, Error *err);

/* A line of COPY's, which may be written to. */
typedef struct SnapshotLine
{
	char	   *text;			/* the caller's, to PQfreemem; NULL: none */
	size_t		size;
} SnapshotLine;

extern SnapshotRead snapshot_worker_read(SnapshotWorker *worker,
										 SnapshotLine *line, Error *err);

#endif							/* PG_FANOUT_SNAPSHOT_WORKER_H */
