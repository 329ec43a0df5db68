/*
 * signals.h
 *		Signals as flags, with a descriptor that wakes the loop.
 *
 * SIGTERM, SIGINT: stop cleanly; a second one stops at once. SIGHUP: reopen
 * files. SIGPIPE and SIGXFSZ are ignored: a broken pipe and a file that is too
 * large are write errors.
 */
#ifndef PG_FANOUT_SIGNALS_H
#define PG_FANOUT_SIGNALS_H

#include <stdbool.h>

#include "error.h"

extern MUST_USE bool signals_init(Error *err);

/* Readable once a signal came; signals_drain empties it. */
extern int	signals_descriptor(void);
extern void signals_drain(void);

extern bool signals_stop(void);

/*
 * While on, the first stop signal ends the process there and then, with exit
 * code 0: for a start that may wait long for a sink or server, when nothing is
 * under way that an end could harm.
 */
extern void signals_end_at_once(bool on);

/* Whether a SIGHUP came since the last call. */
extern bool signals_reopen(void);

#endif							/* PG_FANOUT_SIGNALS_H */
