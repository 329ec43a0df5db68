/*
 * relay.h
 *		The loop: from the slot through the source to every sink, and back to
 *		the slot what is durable everywhere.
 */
#ifndef PG_FANOUT_RELAY_H
#define PG_FANOUT_RELAY_H

#include "connection.h"
#include "settings.h"
#include "setup.h"

/*
 * Streams until a stop signal, --endpos or a failure that waiting cannot mend,
 * then drains the sinks and confirms what they have. false: err says why;
 * everything that was confirmed is durable all the same.
 */
extern MUST_USE bool relay_run(const Settings *settings,
							   ConnectionOptions *connection,
							   const SinkSetups *setups, Error *err);

#endif							/* PG_FANOUT_RELAY_H */
