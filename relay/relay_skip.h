/*
 * relay_skip.h
 *		A record, or a whole transaction, that a person wants to be left out:
 *		once, by its position, and never silently.
 *
 * It is left out of what every sink still wants; a sink with dead letters
 * tells of it there. The log says which it was, and in the notes of the sinks
 * that wanted it (sink.skip:POSITION) each later --check finds it. A position
 * that does not come, or has no such record, stops the relay before anything
 * behind it is delivered.
 */
#ifndef PG_FANOUT_RELAY_SKIP_H
#define PG_FANOUT_RELAY_SKIP_H

#include "fanout.h"
#include "settings.h"

#define RELAY_SKIP_NOTE		NOTE_OF_ONE_SINK "skip:"

typedef struct RelaySkip
{
	bool		wanted;
	Position	position;		/* seq 0: of a whole transaction */
	const char *reason;
	bool		met;			/* in that transaction */
	bool		done;			/* noted */
	uint64_t	count;			/* of records left out */
	char		table[160];		/* the first one's; empty: none */
	char		key[20];
} RelaySkip;

/* Takes --skip and --skip-reason apart. */
extern MUST_USE bool relay_skip_init(RelaySkip *skip, const Settings *settings,
									 Error *err);

/* Once the sinks have resumed; start: where the stream begins. */
extern MUST_USE bool relay_skip_start(RelaySkip *skip, const Fanout *fanout,
									  Lsn start, Error *err);

/*
 * Is shown every record before it is offered. *skipped: it is to be left out.
 * false: what was to be skipped is not there.
 */
extern MUST_USE bool relay_skip_look(RelaySkip *skip, Fanout *fanout,
									 SourceResult kind,
									 const SourceEvent *event,
									 Position position, bool *skipped,
									 Error *err);

#endif							/* PG_FANOUT_RELAY_SKIP_H */
