/*
 * budget.h
 *		memory = 256MB: what spool and sinks may take, all together.
 *
 * A quarter is for the relay itself: the record at hand, in every form that it
 * passes through, tables, libraries. Half of the rest and what is left of it
 * go to the spool and the sinks that were not told how much to take; those
 * that were count against it. Without the option everybody has a default of
 * their own. Knows sinks by what they say of themselves.
 */
#ifndef PG_FANOUT_BUDGET_H
#define PG_FANOUT_BUDGET_H

#include "settings.h"
#include "setup.h"

/*
 * Fills in what was not set. ERROR_USAGE: what was set does not fit, or leaves
 * too little for the others.
 */
extern MUST_USE bool budget_apply(Settings *settings, SinkSetups *sinks,
								  Error *err);

#endif							/* PG_FANOUT_BUDGET_H */
