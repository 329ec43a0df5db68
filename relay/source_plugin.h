/*
 * source_plugin.h
 *		What the two halves of the source for our own plugin share: the walk
 *		over records (source_plugin.c) and transactions that are streamed while
 *		in progress (source_plugin_stream.c). For nobody else.
 */
#ifndef PG_FANOUT_SOURCE_PLUGIN_H
#define PG_FANOUT_SOURCE_PLUGIN_H

#include "change.pb-c.h"
#include "oid_map.h"
#include "source.h"
#include "wire.h"

/* Field numbers of Record, as in change.proto. */
enum
{
	RECORD_BEGIN = 1,
	RECORD_COMMIT = 2,
	RECORD_TABLE = 3,
	RECORD_CHANGE = 4,
	RECORD_TRUNCATE = 5,
	RECORD_MESSAGE = 6,
	RECORD_STREAM_START = 7,
	RECORD_STREAM_STOP = 8,
	RECORD_STREAM_ABORT = 9,
	RECORD_STREAM_COMMIT = 10,
	RECORD_PREPARE = 11,
	RECORD_COMMIT_PREPARED = 12,
	RECORD_ROLLBACK_PREPARED = 13
};

#define ORIGIN_SIZE			513 /* a replication origin's name and its NUL */
#define TRUNCATE_BODY_SIZE	(2 * WIRE_MAX_SCALAR)

/* A streamed transaction that has committed and is handed out. */
typedef struct Replay
{
	bool		active;
	bool		begun;			/* SOURCE_BEGIN was handed out */
	Lsn			end_lsn;
	uint64_t	records;
	OidMap		tables;			/* as described within it */
	SourceResult held;			/* its first record, behind SOURCE_BEGIN; */
	SourceEvent event;			/* SOURCE_EMPTY: none */
} Replay;

typedef struct SourcePlugin
{
	Source		base;
	SourceOptions options;
	const char **names;
	const char **values;
	Spool	   *spool;			/* NULL: no streaming */

	OidMap		tables;			/* outside of streamed transactions */
	WireReader	frame;
	Slice		record;			/* being read, as the spool keeps it */

	bool		in_transaction;
	Transaction txn;
	char		origin[ORIGIN_SIZE];

	bool		in_block;		/* of a streamed transaction, */
	uint32_t	block_xid;		/* this one */
	Replay		replay;

	/* a truncation gives one change for each of its tables */
	PgFanout__Truncate *truncate;
	size_t		truncate_next;
	uint8_t		truncate_body[TRUNCATE_BODY_SIZE];

	PgFanout__Message *message;
} SourcePlugin;

/* ---- source_plugin.c ---- */

extern SourceResult source_plugin_malformed(const char *record, Error *err);

/* Enters a transaction; origin is copied. */
extern void source_plugin_enter(SourcePlugin *source, const Transaction *txn,
								const char *origin);

/* The event of a record; SOURCE_EMPTY: it was for us alone. */
extern SourceResult source_plugin_read(SourcePlugin *source, Slice record,
									   SourceEvent *event, Error *err);

/* The next table of a truncation; SOURCE_EMPTY: there is none. */
extern SourceResult source_plugin_next_truncated(SourcePlugin *source,
												 SourceEvent *event,
												 Error *err);

/* ---- source_plugin_stream.c ---- */

/* A stream's start, stop, abort or commit; the last starts a replay. */
extern SourceResult source_plugin_control(SourcePlugin *source, uint32_t kind,
										  Slice bytes, Error *err);

/*
 * Puts the record at hand, which came in a block, into the spool. Answers
 * SOURCE_EMPTY or SOURCE_FAILED.
 */
extern SourceResult source_plugin_keep(SourcePlugin *source, uint32_t xid,
									   uint32_t subxid, Error *err);

/* The next event of the replay; SOURCE_EMPTY: it is over. */
extern SourceResult source_plugin_replay(SourcePlugin *source,
										 SourceEvent *event, Error *err);
extern void source_plugin_reset_stream(SourcePlugin *source);

#endif							/* PG_FANOUT_SOURCE_PLUGIN_H */
