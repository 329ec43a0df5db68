/*
 * relay_state.h
 *		The loop's state, shared by the files it is made of.
 *
 * relay.c is the loop and its end; relay_start.c what a start of the stream
 * takes; relay_server.c whether the server is still the one; relay_watch.c
 * what the stream does not tell of it; relay_records.c the way of a record
 * from the source to the sinks. Nobody else includes this.
 */
#ifndef PG_FANOUT_RELAY_STATE_H
#define PG_FANOUT_RELAY_STATE_H

#include "catalog_session.h"
#include "fanout.h"
#include "feedback.h"
#include "progress.h"
#include "relay.h"
#include "retention.h"
#include "server_watch.h"
#include "slot.h"
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
	Fanout	   *fanout;
	Feedback	feedback;
	Progress	progress;

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

/* ---- relay_records.c ---- */

/* Offers records of the frame at hand; *empty: the frame is used up. */
extern StepResult relay_read_records(Relay *relay, bool *empty, Error *err);

#endif							/* PG_FANOUT_RELAY_STATE_H */
