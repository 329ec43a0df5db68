/*
 * relay_state.h
 *		The loop's state, shared by the files it is made of.
 *
 * relay.c is the loop and its end; relay_start.c what a start of the stream
 * takes; relay_snapshot.c what comes before the stream; relay_records.c the
 * way of a record from the source to the sinks.
 * Nobody else includes this.
 */
#ifndef PG_FANOUT_RELAY_STATE_H
#define PG_FANOUT_RELAY_STATE_H

#include "catalog_session.h"
#include "fanout.h"
#include "feedback.h"
#include "progress.h"
#include "relay.h"
#include "slot.h"
#include "slot_wait.h"
#include "snapshot.h"
#include "spool.h"
#include "stream.h"
#include "transform.h"

/* The record at hand, until every sink has taken it. */
typedef struct Pending
{
	SourceResult kind;			/* SOURCE_EMPTY: none */
	SourceEvent event;
	Position	position;
} Pending;

typedef enum StepResult
{
	STEP_GO_ON,
	STEP_DONE,					/* stop asked for, or --endpos reached */
	STEP_RESTART,				/* start the stream again */
	STEP_LOST,					/* stream failed: err says whether to retry */
	STEP_FAILED					/* for good */
} StepResult;

typedef struct Relay
{
	const Settings *settings;
	ConnectionOptions *connection;
	const SinkSetups *setups;
	Lsn			startpos;
	Lsn			endpos;			/* LSN_INVALID: none */

	ServerInfo	server;
	SlotIdentity identity;
	char		database[257];
	bool		resumed;

	Stream	   *stream;
	CatalogSession catalog;
	Charset    *charset;		/* of the database's text; NULL: UTF-8 comes */
	Spool	   *spool;			/* NULL: no streaming */
	Source	   *source;
	Transform  *transform;
	Outbox	   *outbox;			/* NULL: none */
	Fanout	   *fanout;
	Feedback	feedback;
	Progress	progress;

	SnapshotConfig snapshot_config;
	Snapshot   *snapshot;		/* what is read before the stream; or NULL */
	Charset    *snapshot_charset;	/* of its text; NULL: charset, or UTF-8 */
	SnapshotCover cover;		/* what the stream is to leave out */
	bool		snapshot_tried; /* by this process */
	bool		slot_created;	/* by this process */

	Pending		pending;
	bool		in_frame;		/* the frame at hand may hold more records */
	bool		in_transaction;
	bool		blocked;		/* a sink is full */
	uint64_t	seq;			/* of the last record of the transaction */
	bool		reply_wanted;
	bool		end_reached;
	int64_t		stop_since;		/* when the stop was first seen, or 0 */

	int			attempt;		/* starts without a frame since */
	int			server_failures;	/* in a row, without progress: */
	Lsn			failed_at;		/* what was durable then */
	bool		streaming_fails;	/* no longer asked for */
	int64_t		busy_since;		/* slot in use by another, or 0 */
	Lsn			ping_position;
	int64_t		ping_time;
	int			pings;			/* urgent keepalives there, close together */
} Relay;

/* ---- relay_start.c ---- */

/* What the options alone decide; before anything is connected. */
extern MUST_USE bool relay_prepare(Relay *relay, Error *err);

/* Where a start begins: behind what is durable in every sink. */
extern Lsn	relay_start_position(const Relay *relay);

/* Connects, takes the slot, reads the checkpoints at the first time. */
extern MUST_USE bool relay_begin_stream(Relay *relay, Error *err);

/* Forgets what the lost stream had begun; sinks keep what they accepted. */
extern void relay_close_stream(Relay *relay);

/* Says that the stream is being read from now on. */
extern void relay_tell_streaming(const Relay *relay);

/* ---- relay_snapshot.c ---- */

/*
 * The slot's place as snapshots have it: LSN_INVALID without them; and where
 * positions of one that leads to there begin.
 */
extern Lsn	relay_snapshot_start(const Relay *relay, Lsn confirmed);
extern Lsn	relay_snapshot_first(Lsn confirmed);

/*
 * At the first start: creates a slot that is missing, or one that was lost if
 * a snapshot may cover that, and takes the snapshot with it.
 */
extern MUST_USE bool relay_snapshot_slot(Relay *relay, PGconn *conn,
										 SlotInfo *slot, Error *err);

/* Drops it again, if the start has failed since. */
extern void relay_snapshot_undo(Relay *relay);

/* With the sinks resumed: whether there is one to be read decides this. */
extern MUST_USE bool relay_snapshot_begin(Relay *relay, Error *err);

/* As a source's next, into relay->pending. */
extern SourceResult relay_snapshot_next(Relay *relay, Error *err);

/* A turn in which no event was there; *nothing: wait. */
extern StepResult relay_snapshot_step(Relay *relay, bool *nothing, Error *err);

/* The progress line, if it is time to. */
extern void relay_snapshot_show(Relay *relay);

/* ---- relay_records.c ---- */

/* Offers records of the frame at hand; *empty: the frame is used up. */
extern StepResult relay_read_records(Relay *relay, bool *empty, Error *err);

#endif							/* PG_FANOUT_RELAY_STATE_H */
