/*
 * timeline_load.h
 *		Asking a server for the history of its timelines.
 */
#ifndef PG_FANOUT_TIMELINE_LOAD_H
#define PG_FANOUT_TIMELINE_LOAD_H

#include "slot.h"
#include "timeline.h"

/*
 * Fills timelines, which may hold those of an earlier server, over a
 * replication connection. With a server that does not tell (some relatives of
 * PostgreSQL know no TIMELINE_HISTORY) earlier timelines stay unknown.
 */
extern MUST_USE bool timeline_load(PGconn *conn, const ServerInfo *server,
								   Timelines *timelines, Error *err);

#endif							/* PG_FANOUT_TIMELINE_LOAD_H */
