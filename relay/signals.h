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

/* Whether a SIGHUP came since the last call. */
extern bool signals_reopen(void);

#endif							/* PG_FANOUT_SIGNALS_H */
