/*
 * fanout_state.h
 *		The fanout's state, shared by the files it is made of.
 *
 * fanout.c makes it and asks sinks how far they are; fanout_route.c says where
 * a table's records go; fanout_offer.c renders and offers. Nobody else
 * includes this.
 */
#ifndef PG_FANOUT_FANOUT_STATE_H
#define PG_FANOUT_FANOUT_STATE_H

#include "fanout.h"
#include "numbering.h"
#include "oid_map.h"

/* A format in use, for sinks that want the same records of it. */
typedef struct FormatUse
{
	Format	   *format;
	FormatConfig config;
	const SinkSetup *setup;		/* of the first sink that uses it */
	bool		rendered;		/* records are those of the change at hand */
	Records		records;
} FormatUse;

typedef struct SinkUse
{
	Sink	   *sink;
	const SinkSetup *setup;
	FormatUse  *format;
	char	   *message_topic;
	bool		fresh;			/* had no checkpoint at the start */
	NumberingBook numbering;	/* of its topics, if they hold typed records */
} SinkUse;

/* Where a table's records go: a topic per sink. */
typedef struct TableRoute
{
	uint64_t	version;		/* of the description it was made from */
	bool		by_value;		/* an outbox: rows have topics of their own */
	char	   *topics[];
} TableRoute;

struct Fanout
{
	const char *database;
	SinkUse    *sinks;
	size_t		sink_count;
	FormatUse  *formats;
	size_t		format_count;
	OidMap		routes;
	Outbox	   *outbox;			/* NULL: none */
	bool		wants_detail;	/* a format does */
	bool		quiet;			/* somebody else warns of tables */
};

/* ---- fanout_route.c ---- */

/*
 * A topic of this sink for a table, or for messages (schema and table NULL).
 */
extern char *fanout_topic(const Fanout *fanout, const SinkSetup *setup,
						  const char *template, const Table *table,
						  Error *err);

/* NULL: failed. */
extern TableRoute *fanout_find_route(Fanout *fanout, const Table *table,
									 Error *err);
extern void fanout_free_route(Fanout *fanout, TableRoute *route);

/* ---- fanout_offer.c ---- */

/* A delivery of no record is none. */
extern SinkResult fanout_put(SinkUse *use, const Delivery *delivery,
							 Error *err);

#endif							/* PG_FANOUT_FANOUT_STATE_H */
