/*
 * relay_state.h
 *		The loop's state, shared by the files it is made of.
 *
 * relay.c is the loop and its end; relay_start.c what a start of the stream
 * takes; relay_records.c the way of a record from the source to the sinks.
 * Nobody else includes this.
 */
#ifndef PG_FANOUT_RELAY_STATE_H
#define PG_FANOUT_RELAY_STATE_H

#include "catalog_session.h"
#include "fanout.h"
#include "feedback.h"
#include "progress.h"
#include "relay.h"
#include "relay_skip.h"
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

	RelaySkip	skip;
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

/* ---- relay_records.c ---- */

/* Offers records of the frame at hand; *empty: the frame is used up. */
extern StepResult relay_read_records(Relay *relay, bool *empty, Error *err);

#endif							/* PG_FANOUT_RELAY_STATE_H */
