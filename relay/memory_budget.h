/*
 * memory_budget.h
 *		How the option memory is divided.
 *
 * Some of it is for the program itself. The rest is shared by what holds
 * records: the spool of transactions in progress and each sink, whose option
 * marked as share says how much it would take of the default of memory. Sizes
 * that were given explicitly are taken as they are, before the others get
 * theirs.
 */
#ifndef PG_FANOUT_MEMORY_BUDGET_H
#define PG_FANOUT_MEMORY_BUDGET_H

#include "setup.h"

/*
 * Sets what was left unset. ERROR_USAGE: memory is too little for these sinks,
 * or explicit sizes are more than all.
 */
extern MUST_USE bool memory_budget_divide(Settings *settings,
										  SinkSetups *sinks, Error *err);

#endif							/* PG_FANOUT_MEMORY_BUDGET_H */
