/*
 * check.h
 *		--check: looks at server, slot, publication and sinks, and says in
 *		plain lines what is wrong and how to mend it. Changes nothing.
 */
#ifndef PG_FANOUT_CHECK_H
#define PG_FANOUT_CHECK_H

#include "connection.h"
#include "settings.h"
#include "setup.h"

/*
 * Prints a line per finding on stdout. false: something would keep --start
 * from working; err is the first such thing.
 */
extern MUST_USE bool check_all(const Settings *settings,
							   ConnectionOptions *connection,
							   const SinkSetups *setups, Error *err);

#endif							/* PG_FANOUT_CHECK_H */
