/*
 * sink_s3_progress.h
 *		The S3 sink's checkpoint and notes: objects beside the data.
 *
 * One checkpoint is on its way at a time; notes that are new go before it.
 * Knows how they are stored, not when a checkpoint is due.
 */
#ifndef PG_FANOUT_SINK_S3_PROGRESS_H
#define PG_FANOUT_SINK_S3_PROGRESS_H

#include "checkpoint.h"
#include "notes.h"
#include "object_store.h"

typedef struct SinkS3Progress
{
	ObjectStore *store;			/* borrowed */
	Checkpoint	checkpoint;		/* the last one sent */
	Buf			key;			/* of the checkpoint's object: the caller's */
	Buf			text;
	StoreRequest put;
	Buf			notes_key;		/* the caller's too */
	Buf			notes_text;
	StoreRequest notes_put;
	int64_t		sent_at;		/* monotonic */
} SinkS3Progress;

typedef enum SinkS3Sent
{
	SINK_S3_IDLE,				/* nothing on its way */
	SINK_S3_BUSY,
	SINK_S3_STORED,				/* the checkpoint is; said once */
	SINK_S3_SEND_FAILED
} SinkS3Sent;

extern void sink_s3_progress_init(SinkS3Progress *progress,
								  ObjectStore *store);

/*
 * Reads both objects, verifies them and waits for that, each as long as the
 * timeout. The keys must be set. SINK_RESUMED: checkpoint and notes are
 * filled. name: of the sink.
 */
extern SinkResume sink_s3_progress_read(SinkS3Progress *progress,
										const SlotIdentity *identity,
										const char *name, int64_t timeout,
										Notes *notes, Error *err);

/* Only when idle. Sends what is new of the notes, then the checkpoint. */
extern MUST_USE bool sink_s3_progress_send(SinkS3Progress *progress, Lsn lsn,
										   Notes *notes, Error *err);
extern SinkS3Sent sink_s3_progress_poll(SinkS3Progress *progress, Error *err);
extern bool sink_s3_progress_is_idle(const SinkS3Progress *progress);

/* Gives up what is on its way. */
extern void sink_s3_progress_free(SinkS3Progress *progress);

#endif							/* PG_FANOUT_SINK_S3_PROGRESS_H */
