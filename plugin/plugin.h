/*
 * plugin.h
 *		The state of one decoding session, shared by the callbacks.
 *
 * Every callback works in the scratch context and resets it at its end, so
 * nothing below needs to free.
 */
#ifndef PG_FANOUT_PLUGIN_H
#define PG_FANOUT_PLUGIN_H

#include "replication/logical.h"
#include "replication/output_plugin.h"
#include "replication/reorderbuffer.h"

#include "cache.h"
#include "frame.h"
#include "option.h"

/* The version of a table's description that the client has. */
typedef struct Announcement
{
	Oid			relid;			/* hash key */
	uint64		version;
} Announcement;

/*
 * A transaction that is streamed while in progress: output_plugin_private of
 * its top-level ReorderBufferTXN, from its first block to its end.
 */
typedef struct Stream
{
	MemoryContext context;
	uint64		serial;			/* never used twice in a session */
	TransactionId xid;
	bool		started;		/* some block of it was sent */
	bool		open;			/* the current block's start was sent */
	char	   *origin;			/* "": local */
	HTAB	   *announcements;
} Stream;

typedef struct Plugin
{
	LogicalDecodingContext *ctx;
	MemoryContext context;
	MemoryContext scratch;
	PluginOptions options;
	Cache	   *cache;
	Frame		frame;
	HTAB	   *announcements;	/* outside of streams */
	uint64		last_serial;
	Stream	   *stream;			/* of the current block; NULL: no stream */
	bool		begun;			/* Begin of the current transaction was sent */
	uint64		records;		/* of it, as Commit counts them */
	int			skipped;		/* changes since progress was reported */
	Datum	   *values[2];		/* before and after */
	bool	   *isnull[2];
} Plugin;

static inline Plugin *
plugin_of(LogicalDecodingContext *ctx)
{
	return ctx->output_plugin_private;
}

/* Microseconds since 1970. */
static inline int64
plugin_unix_time(TimestampTz time)
{
	return time + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}

/* Name of the origin or ""; in the current context. Needs a transaction. */
extern char *plugin_origin_name(RepOriginId origin);

/* Sends Begin or the start of the stream's block, if not yet done. */
extern void plugin_begin(Plugin *plugin, ReorderBufferTXN *txn);

/* Sends the table's description if the client does not have this version. */
extern void plugin_announce(Plugin *plugin, CacheEntry *entry);

/* A hash of announcements in this context. */
extern HTAB *plugin_new_announcements(MemoryContext context);

/* The subtransaction that is being decoded, of a stream. */
extern TransactionId plugin_subxid(const Plugin *plugin);

/* ---- stream.c ---- */

extern void stream_begin_block(Plugin *plugin);
extern void stream_init_callbacks(OutputPluginCallbacks *callbacks);

/* ---- publish.c ---- */

/*
 * Sends the change, and what must come before it, unless the publications
 * exclude it; true: sent.
 */
extern bool publish_change(Plugin *plugin, CacheEntry *entry,
						   ReorderBufferTXN *txn,
						   ReorderBufferChange *change);

#endif							/* PG_FANOUT_PLUGIN_H */
