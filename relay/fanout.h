/*
 * fanout.h
 *		One stream in, every sink out: renders each record once per format in
 *		use and offers it to every sink that still wants it.
 *
 * Knows sinks, formats and routes; knows neither the stream nor the loop. An
 * offer that meets a full sink is made again later, with the same record:
 * sinks that took it already are known by their accepted position.
 */
#ifndef PG_FANOUT_FANOUT_H
#define PG_FANOUT_FANOUT_H

#include "outbox.h"
#include "setup.h"
#include "sink.h"

typedef struct Fanout Fanout;

/*
 * Creates the sinks and their formats. setups must outlive it. NULL: failed.
 */
extern Fanout *fanout_new(const SinkSetups *setups, const char *database,
						  Error *err);

/* From now on rows of its tables are records of their own; outlives it. */
extern void fanout_set_outbox(Fanout *fanout, Outbox *outbox);

/* Somebody else says what there is to say of tables. */
extern void fanout_set_quiet(Fanout *fanout);

/*
 * What the fields of these topics of typed records meant before counts no
 * more; outlives it.
 */
extern void fanout_renew_fields(Fanout *fanout, const OptionList *topics);

/*
 * Reads every sink's checkpoint and asks new ones to write their first. With
 * the slot held, so that no other relay moves them meanwhile.
 */
extern MUST_USE bool fanout_resume(Fanout *fanout,
								   const SlotIdentity *identity, Error *err);

/* A stream has begun, so the slot is ours: told to every sink. */
extern void fanout_held(Fanout *fanout);

/*
 * Has every sink remember the value under the key, from the checkpoint on that
 * covers the record offered next. See notes.h.
 */
extern MUST_USE bool fanout_note(Fanout *fanout, const char *key, Slice value,
								 Error *err);

/* The same of the sinks that want a record at this position. */
extern MUST_USE bool fanout_note_wanting(Fanout *fanout, Position position,
										 const char *key, Slice value,
										 Error *err);

/*
 * What the sink that is furthest behind remembers: notes of the place where
 * the stream begins. Valid until the next fanout_note.
 */
extern const Notes *fanout_notes(const Fanout *fanout);

/* A sink that is new, or lost its notes, has those that it lacks. */
extern MUST_USE bool fanout_share_notes(Fanout *fanout, const Notes *notes,
										Error *err);

/*
 * Whether a format wants to be told of a table, before the first change under
 * this description of it, what the description leaves out.
 */
extern bool fanout_wants_detail(const Fanout *fanout, const Table *table);
extern MUST_USE bool fanout_describe(Fanout *fanout, const Table *table,
									 const TableDetail *detail, Error *err);

/* The position is (commit LSN, 0): few formats have a record for it. */
extern SinkResult fanout_begin(Fanout *fanout, const Transaction *txn,
							   Error *err);
extern SinkResult fanout_change(Fanout *fanout, const Change *change,
								Position position, Error *err);
extern SinkResult fanout_message(Fanout *fanout, const LogicalMessage *message,
								 Position position, Error *err);

/*
 * A change or a message that is not to be delivered: sinks with dead letters
 * tell of it there, if it can be rendered at all.
 */
extern SinkResult fanout_skip(Fanout *fanout, SourceResult kind,
							  const SourceEvent *event, Position position,
							  const char *reason, Error *err);

/* last: the number of the transaction's last record, 0 if it had none. */
extern SinkResult fanout_commit(Fanout *fanout, const TxnEnd *end,
								uint64_t last, Error *err);

/* To be called after an offer was taken whole: forgets what was rendered. */
extern void fanout_next(Fanout *fanout);

extern SinkPoll fanout_poll(Fanout *fanout, Error *err);

/*
 * The smallest durable of all sinks: what the slot may be confirmed to (R1).
 */
extern Lsn	fanout_durable(const Fanout *fanout);

/* The name of the sink that is furthest behind. */
extern const char *fanout_last(const Fanout *fanout);

/*
 * Whether no sink was given anything that a server with these timelines does
 * not have; before, it was on identity's. From then on checkpoints carry the
 * server's timeline. See timelines_hold.
 */
extern MUST_USE bool fanout_follow(Fanout *fanout, const Timelines *timelines,
								   Error *err);
/* Whether no sink had a checkpoint when it was resumed. */
extern bool fanout_fresh(const Fanout *fanout);

/* Whether every sink has recorded everything up to this LSN. */
extern bool fanout_settled(const Fanout *fanout, Lsn end);

/* Asks every sink for a checkpoint at an idle position (R3). */
extern MUST_USE bool fanout_record(Fanout *fanout, Lsn idle, Error *err);
extern int	fanout_watch(Fanout *fanout, struct pollfd *fds, int room,
						 int64_t *deadline);

/*
 * Drains all sinks until the deadline; false: the first failure, others
 * drained.
 */
extern MUST_USE bool fanout_drain(Fanout *fanout, int64_t deadline,
								  Error *err);
extern MUST_USE bool fanout_reopen(Fanout *fanout, Error *err);

extern size_t fanout_count(const Fanout *fanout);
extern const Sink *fanout_sink(const Fanout *fanout, size_t index);
extern void fanout_free(Fanout *fanout);

#endif							/* PG_FANOUT_FANOUT_H */
