/*
 * verify.h
 *		--verify: whether what sinks wrote is all there.
 */
#ifndef PG_FANOUT_VERIFY_H
#define PG_FANOUT_VERIFY_H

#include "settings.h"
#include "setup.h"

/*
 * Prints what each of the sinks finds in its place. Needs no server.
 * ERROR_VERIFY: something is wrong there.
 */
extern MUST_USE bool verify_all(const Settings *settings,
								const SinkSetups *sinks, Error *err);

#endif							/* PG_FANOUT_VERIFY_H */
