/*
 * feedback.h
 *		What the server is told: rules R1, R2, R3 and R5.
 *
 * R1 The flush LSN never exceeds the smallest durable and never goes back.
 *	  With a spool that is the spool's: what every sink has recorded in its
 *	  checkpoint, or what the spool holds on disk, synced and complete.
 * R2 Only feedback_advance writes it.
 * R3 Between transactions, with nothing in flight, it may follow the server's
 *	  position, once every sink has recorded that position.
 * R5 Status messages are driven by a timer, at most a third of
 *	  wal_sender_timeout apart, whatever the sinks do.
 * Pure: knows no connection and no sink.
 */
#ifndef PG_FANOUT_FEEDBACK_H
#define PG_FANOUT_FEEDBACK_H

#include <stdbool.h>
#include <stdint.h>

#include "lsn.h"

typedef struct Feedback
{
	Lsn			received;		/* end of what the server has sent */
	Lsn			delivered;		/* end of the last transaction given to every
								 * sink */
	Lsn			flushed;		/* what we confirm */
	Lsn			sent;			/* flushed, as last told */
	int64_t		interval;		/* of status messages, microseconds */
	int64_t		next_status;	/* monotonic */
	int64_t		told;			/* when last told, or 0 */
	int64_t		last_idle;		/* when sinks were last asked to record */
} Feedback;

/*
 * A new stream: interval from the option and the server's timeout (0: none).
 */
extern void feedback_start(Feedback *feedback, int64_t interval,
						   int64_t sender_timeout, int64_t now);

/* The server's position, from a frame or a keepalive. */
extern void feedback_received(Feedback *feedback, Lsn position);

/* The smallest durable of all sinks. The only writer of flushed. */
extern void feedback_advance(Feedback *feedback, Lsn durable);

/*
 * Whether sinks should now be asked to record the server's position (R3).
 * idle: between transactions with nothing in flight. urgent: the server asked
 * for a reply, so it may be waiting to shut down.
 */
extern bool feedback_wants_idle(Feedback *feedback, bool idle, bool urgent,
								int64_t now);

/*
 * Whether a status message is due: by time, or because flushed moved enough.
 */
extern bool feedback_due(const Feedback *feedback, int64_t now);

/*
 * When a reply that the server asked for may go: at once with news, else
 * paced. A server that shuts down answers every reply with another request.
 */
extern int64_t feedback_reply_time(const Feedback *feedback, int64_t now);
extern void feedback_told(Feedback *feedback, int64_t now);

#endif							/* PG_FANOUT_FEEDBACK_H */
