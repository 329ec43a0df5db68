/*
 * sink.h
 *		A Sink makes records durable, in order, and remembers how far it got.
 *
 * Order of calls: create, resume, then put (any number) and commit per
 * transaction, poll in between, record when idle, drain at a clean stop, free.
 * Everything runs on the loop's thread; no call may block longer than it takes
 * to hand bytes over, except resume and drain.
 *
 * Progress is asked for, never reported: the base struct holds
 *	accepted	start of what the sink still wants. put moves it past the
 *				delivery, commit to (end LSN, 0). It falls back to (durable, 0)
 *				when poll answers SINK_REWIND. The relay drops what lies before
 *				it.
 *	durable		everything up to here is safe where the data is, and recorded
 *				in the sink's own checkpoint. Never goes back. The slot is
 *				confirmed up to the smallest durable of all sinks, nothing
 *				else. The spool is such a sink for the loop (relay_backlog.h).
 *	held		how often a stream has begun with the slot ours: what proves to
 *				a sink that no other relay works for it.
 * It also holds the notes: what the relay wants to find again after a restart.
 * resume fills them from where the data is; the sink writes those that are
 * dirty before the next checkpoint it writes. Sinks without a checkpoint keep
 * them in memory only.
 *
 * A sink that got nothing from a transaction becomes durable past it as soon
 * as everything before it is durable (R6), which includes writing the
 * checkpoint (at most every checkpoint interval).
 */
#ifndef PG_FANOUT_SINK_H
#define PG_FANOUT_SINK_H

#include <assert.h>
#include <poll.h>
#include <stdatomic.h>

#include "buf.h"
#include "error.h"
#include "format.h"
#include "lsn.h"
#include "notes.h"
#include "option.h"
#include "source.h"
#include "timeline.h"

typedef struct Sink Sink;

/* Whose progress a checkpoint holds. */
typedef struct SlotIdentity
{
	uint64_t	system_id;
	uint32_t	timeline;
	const char *slot;
	const char *database;
	uint64_t	options_hash;	/* of the source's options */
	Lsn			confirmed;		/* the slot's place: a new sink begins here */
	Lsn			restart;		/* where the slot's WAL begins; LSN_INVALID:
								 * not known */
	const Timelines *timelines; /* NULL: not known */
	Lsn			covered;		/* LSN_INVALID, or a place before that: from
								 * there on the spool holds what the slot no
								 * longer has */

	/*
	 * LSN_INVALID: no snapshots. Else the slot's place; confirmed is before it
	 * then, and what lies in between is a snapshot's.
	 */
	Lsn			snapshot;
	bool		covers_gaps;	/* a snapshot stands in for lost changes */
	const atomic_bool *stop;	/* NULL, or set when nobody waits for the sink
								 * any more: resume then fails soon */
} SlotIdentity;

/* What every sink is made with; lives as long as the sink. */
typedef struct SinkConfig
{
	const char *name;			/* the configuration's stable word */
	const char *scheme;			/* of its URL */
	const char *authority;
	const char *path;
	const char *prefix;			/* of its topics; NULL: the database's name */
	const void *options;		/* the struct of ops->options */
	const FormatOps *format;
	int64_t		checkpoint_interval;	/* microseconds */
} SinkConfig;

/*
 * What one change becomes, for one sink: taken whole or not at all. Valid
 * during the call only.
 */
typedef struct Delivery
{
	Position	position;
	bool		aside;			/* belongs to no change: a heartbeat. position
								 * is the sink's accepted, and stays it */
	const char *skipped;		/* why a person does not want it delivered:
								 * only dead letters say that it was; NULL: it
								 * is to be delivered */
	const Table *table;			/* NULL: not of a table */
	const Transaction *txn;		/* NULL: outside of transactions */
	const char *only;			/* as Change's, for a sink that takes_all */
	const char *topic;			/* where to: from the sink's topic template */
	const Record *records;		/* may name topics of their own */
	size_t		count;			/* at least 1 */
} Delivery;

/* Where a sink that took the delivery goes on. */
static inline Position
delivery_end(const Delivery *delivery)
{
	Position	end = delivery->position;

	if (!delivery->aside)
		end.seq++;
	return end;
}

static inline const char *
delivery_topic(const Delivery *delivery, const Record *record)
{
	return record->topic != NULL ? record->topic : delivery->topic;
}

typedef enum SinkResult
{
	SINK_OK,
	SINK_FULL,					/* nothing taken: offer again after a poll */
	SINK_FAILED
} SinkResult;

typedef enum SinkPoll
{
	SINK_POLL_OK,
	SINK_POLL_REWIND,			/* accepted fell back: restart the stream */
	SINK_POLL_FAILED
} SinkPoll;

typedef enum SinkResume
{
	SINK_RESUMED,				/* accepted, durable come from a checkpoint */
	SINK_NEW,					/* no checkpoint: from identity.confirmed */
	SINK_RESUME_FAILED
} SinkResume;

typedef struct SinkStats
{
	uint64_t	records;		/* accepted since the start */
	uint64_t	bytes;			/* of values and keys */
	uint64_t	in_flight;		/* records not yet durable */
	uint64_t	claim_checks;	/* records that went by claim check */
	uint64_t	dead_letters;	/* records not delivered, but told of */
	char		state[64];		/* a few words: "3 objects uploading" */
} SinkStats;

/* What --verify asks a sink, and what the sink found. */
typedef struct SinkVerify
{
	const char *slot;			/* NULL: whatever is there */
	bool		content;		/* read what is stored, not only ask for it */
	void		(*say) (bool fault, const char *line);
	uint64_t	faults;			/* set by the sink */
} SinkVerify;

typedef struct SinkOps
{
	const char *name;			/* "kafka" */
	const char *const *schemes; /* URL schemes it serves, NULL-terminated */
	const OptionTable *options;
	bool		has_topics;		/* keeps the records of each topic apart */
	bool		has_dead_letters;	/* is offered what is skipped, too */
	bool		takes_all;		/* is offered what is for one sink alone */
	bool		framed;			/* records stand behind one another, those of
								 * text formats a line each */

	/* Checks the options and URL; connects to nothing. NULL: failed. */
	Sink	   *(*create) (const SinkConfig *config, Error *err);

	/*
	 * Opens the sink and reads its checkpoint. May block for its connect
	 * timeout. SINK_NEW: the checkpoint is written with the next record or
	 * commit, or at once by record. A checkpoint of another system, slot or
	 * database fails with ERROR_CHECKPOINT; so does one that lies before
	 * identity.confirmed (covered, if there is one), since the slot no longer
	 * holds what lies between.
	 */
	SinkResume	(*resume) (Sink *sink, const SlotIdentity *identity,
						   Error *err);

	/*
	 * Reads the notes without taking anything that a running relay may hold.
	 * NULL: keeps none.
	 */
	bool		(*read_notes) (Sink *sink, const SlotIdentity *identity,
							   Error *err);

	/* For --check: reachable, writable, rights. Leaves nothing behind. */
	bool		(*check) (Sink *sink, Error *err);

	/*
	 * Reads back what the sink wrote and says what is wrong with it, a line
	 * each; instead of resume. false: it could not be looked at. NULL: the
	 * sink keeps nothing that could be verified.
	 */
	bool		(*verify) (Sink *sink, SinkVerify *verify, Error *err);
	SinkResult	(*put) (Sink *sink, const Delivery *delivery, Error *err);
	SinkResult	(*commit) (Sink *sink, const TxnEnd *end, Error *err);
	SinkPoll	(*poll) (Sink *sink, Error *err);

	/*
	 * Asks for a checkpoint at this LSN: everything for the sink before it has
	 * been put, messages outside transactions since the last commit among it.
	 * Asynchronous: durable follows once all of that is safe.
	 */
	bool		(*record) (Sink *sink, Lsn idle, Error *err);

	/*
	 * Descriptors to wait on and the latest time to poll again (monotonic
	 * microseconds, lowered if the sink needs it earlier). Returns how many
	 * of room it used; a sink may fall back on a short deadline.
	 */
	int			(*watch) (Sink *sink, struct pollfd *fds, int room,
						  int64_t *deadline);

	/*
	 * Makes everything accepted up to the last commit durable and recorded,
	 * until the deadline (monotonic). false: not all of it, err says why.
	 * Within a transaction a sink that cannot part its records from what was
	 * committed before leaves that out too: it comes again.
	 */
	bool		(*drain) (Sink *sink, int64_t deadline, Error *err);

	/* Reopens what a log rotator may have moved (SIGHUP). */
	bool		(*reopen) (Sink *sink, Error *err);
	void		(*stats) (const Sink *sink, SinkStats *stats);

	/* What stands for it in the progress line; NULL: made from its stats. */
	void		(*progress) (const Sink *sink, Buf *line);
	void		(*free) (Sink *sink);
} SinkOps;

/* The base of every sink: first member of its struct. */
struct Sink
{
	const SinkOps *ops;
	const SinkConfig *config;
	Position	accepted;
	Lsn			durable;
	uint32_t	timeline;		/* the server's: what checkpoints say; or
								 * TIMELINE_UNKNOWN */
	bool		forgetful;		/* has no checkpoint to find its place by */
	uint64_t	held;
	Notes		notes;
};

/* ---- what callers use: the promises are asserted here ---- */

static inline SinkResume
sink_resume(Sink *sink, const SlotIdentity *identity, Error *err)
{
	sink->timeline = identity->timelines != NULL ?
		timelines_label(identity->timelines) : identity->timeline;
	return sink->ops->resume(sink, identity, err);
}

static inline SinkResult
sink_put(Sink *sink, const Delivery *delivery, Error *err)
{
	SinkResult	result;

	assert(!position_before(delivery->position, sink->accepted));
	result = sink->ops->put(sink, delivery, err);
	assert(result != SINK_OK || delivery->aside ||
		   position_before(delivery->position, sink->accepted));
	return result;
}

static inline SinkResult
sink_commit(Sink *sink, const TxnEnd *end, Error *err)
{
	SinkResult	result = sink->ops->commit(sink, end, err);

	assert(result != SINK_OK || sink->accepted.lsn >= end->end_lsn);
	return result;
}

static inline SinkPoll
sink_poll(Sink *sink, Error *err)
{
	Lsn			before = sink->durable;
	SinkPoll	result = sink->ops->poll(sink, err);

	assert(sink->durable >= before);
	assert(sink->accepted.lsn >= sink->durable);
	(void) before;
	return result;
}

static inline void
sink_free(Sink *sink)
{
	notes_free(&sink->notes);
	sink->ops->free(sink);
}

/* No-op members for sinks that have nothing to do. */
extern bool sink_no_reopen(Sink *sink, Error *err);

/*
 * Appends one record as files and objects hold it: text with a line break
 * behind, binary with its length as a varint before.
 */
extern void sink_frame(Buf *out, Slice value, bool binary);

#endif							/* PG_FANOUT_SINK_H */
