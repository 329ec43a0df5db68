/*
 * relay_state.h
 *		The loop's state, shared by the files it is made of.
 *
 * relay.c is the loop and its end; relay_start.c what a start of the stream
 * takes; relay_server.c whether the server is still the one; relay_snapshot.c
 * what comes before the stream; relay_resnapshot.c what is read again beside
 * it; relay_watch.c what the stream does not tell of the server;
 * relay_records.c the way of a record from the source to the sinks. Nobody
 * else includes this.
 */
#ifndef PG_FANOUT_RELAY_STATE_H
#define PG_FANOUT_RELAY_STATE_H

#include "catalog_session.h"
#include "fanout.h"
#include "feedback.h"
#include "progress.h"
#include "relay.h"
#include "relay_backlog.h"
#include "resnapshot_book.h"
#include "retention.h"
#include "server_watch.h"
#include "relay_skip.h"
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
	bool		skipped;		/* a person does not want it delivered */
} Pending;

typedef enum StepResult
{
	STEP_GO_ON,
	STEP_DONE,					/* stop asked for, or --endpos reached */
	STEP_RESTART,				/* start the stream again */
	STEP_LOST,					/* stream failed: err says whether to retry */
	STEP_FAILED					/* for good */
} StepResult;

/* Tables that are read again: relay_resnapshot.c. */
typedef struct Resnapshot
{
	ResnapshotBook book;		/* who wants what; the first that is not done
								 * is the one at hand */
	uint64_t	run;			/* this process, in its marks */
	uint64_t	sent;			/* marks are counted from 1 */
	uint64_t	seen;

	/* an attempt */
	SnapshotConfig config;
	Snapshot   *snapshot;		/* NULL: none is under way */
	Patterns	tables;
	const char *only;			/* as Change's */
	KeySet		changed;		/* since before the snapshot's point */
	uint64_t	first_mark;		/* behind that */
	int64_t		marked_at;
	bool		row_ready;		/* only a mark is missing */
	Lsn			last;			/* of rows handed out; LSN_INVALID: none */
	int64_t		told_at;
	int			attempt;		/* failed in a row, */
	int64_t		retry_at;

	/* a mark */
	bool		in_mark;
	bool		to_the_end;		/* no other one is waited for */
	bool		waiting;		/* for rows */
	bool		row_offered;	/* the record at hand is one of ours */
	Transaction txn;
	int64_t		mark_began;
	uint64_t	mark_rows;
	uint64_t	mark_bytes;		/* as stats, when it began */

	Buf			key;
	Buf			scratch;
} Resnapshot;

typedef struct Relay
{
	const Settings *settings;
	ConnectionOptions *connection;
	const SinkSetups *setups;
	Lsn			startpos;
	Lsn			endpos;			/* LSN_INVALID: none */

	ServerInfo	server;
	Timelines	timelines;		/* the server's */
	SlotIdentity identity;
	bool		on_standby;		/* the first server was one */
	char		database[257];
	bool		resumed;

	Stream	   *stream;
	CatalogSession catalog;
	Charset    *charset;		/* of the database's text; NULL: UTF-8 comes */
	Spool	   *spool;			/* NULL: no streaming */
	Source	   *source;
	Transform  *transform;
	Outbox	   *outbox;			/* NULL: none */
	RelayBacklog *backlog;		/* NULL: none */
	Fanout	   *fanout;			/* into the backlog, or to the sinks */
	Feedback	feedback;
	Progress	progress;

	SnapshotConfig snapshot_config;
	Snapshot   *snapshot;		/* what is read before the stream; or NULL */
	Charset    *snapshot_charset;	/* of its text; NULL: charset, or UTF-8 */
	SnapshotCover cover;		/* what the stream is to leave out */
	bool		snapshot_tried; /* by this process */
	bool		slot_created;	/* by this process */
	Resnapshot	resnapshot;

	RelaySkip	skip;
	Pending		pending;
	bool		in_frame;		/* the frame at hand may hold more records */
	bool		in_transaction;
	bool		blocked;		/* a sink is full */
	uint64_t	seq;			/* of the last record of the transaction */
	bool		reply_wanted;
	bool		end_reached;
	int64_t		stop_since;		/* when the stop was first seen, or 0 */

	ServerWatch watch;
	Retention	retention;
	WalRoom		room;
	bool		limited;		/* the server has a limit of its own */
	bool		drop_slot;		/* at the end: max_retained_wal */
	int64_t		blocked_since;	/* a sink is full now and then since, or 0 */
	int64_t		blocked_last;

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

/* ---- relay_server.c ---- */

/*
 * Over a new connection, relay->server being filled in: the database system is
 * the same as before, and has all that the sinks were given.
 */
extern MUST_USE bool relay_check_server(Relay *relay, PGconn *conn,
										Error *err);

/* The slot can be read, and holds what the sinks have not got. */
extern MUST_USE bool relay_check_slot(Relay *relay, const SlotInfo *slot,
									  Error *err);

/* ---- relay_watch.c ---- */

extern void relay_watch_init(Relay *relay);

/* Waits for nothing. LOST: the server must not be held up; FAILED: policy. */
extern StepResult relay_watch_server(Relay *relay, Error *err);


/* INT64_MAX: no particular time. */
extern int64_t relay_watch_time(const Relay *relay);

/* The stream is closed, err says why. Adds to it what became of the slot. */
extern bool relay_drop_slot(Relay *relay, Error *err);
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

/* What every snapshot is made with. */
extern MUST_USE bool relay_snapshot_config(Relay *relay,
										   SnapshotConfig *config, Error *err);

/* ---- relay_resnapshot.c ---- */

/* With the sinks resumed: what was wanted before, and at each start. */
extern MUST_USE bool relay_resnapshot_recall(Relay *relay, Error *err);

/* Begins and goes on with what is wanted. */
extern StepResult relay_resnapshot_turn(Relay *relay, Error *err);

/* What to wait on, and until when; INT64_MAX: no particular time. */
extern int	relay_resnapshot_watch(const Relay *relay, struct pollfd *fds,
								   int room);
extern int64_t relay_resnapshot_time(const Relay *relay);

/* The message at hand; *ours: it is not to be delivered. */
extern MUST_USE bool relay_resnapshot_message(Relay *relay, bool *ours,
											  Error *err);

/* The change at hand, as it comes from the source. */
extern StepResult relay_resnapshot_change(Relay *relay, Error *err);

/*
 * Before the source is asked: whether the next record is a row, *kind, or has
 * to be waited for (SOURCE_AGAIN). Into relay->pending.
 */
extern bool relay_resnapshot_row(Relay *relay, SourceResult *kind,
								 StepResult *step, Error *err);

/* Whether the source is to be left alone until there are rows. */
extern bool relay_resnapshot_waits(const Relay *relay);

/* The stream is lost; a new one has begun. */
extern void relay_resnapshot_lost(Relay *relay);
extern void relay_resnapshot_resume(Relay *relay);
extern void relay_resnapshot_free(Relay *relay);

/* ---- relay_records.c ---- */

/* Offers records of the frame at hand; *empty: the frame is used up. */
extern StepResult relay_read_records(Relay *relay, bool *empty, Error *err);

#endif							/* PG_FANOUT_RELAY_STATE_H */
