/*
 * source.h
 *		A Source turns frames of the stream into Changes.
 *
 * Order of calls: create; then for each start of the stream reset (also after
 * a reconnect: everything half read is forgotten) and for each frame feed,
 * then next until it answers SOURCE_EMPTY. What next hands out, and all it
 * points to, is valid until the following next, feed or reset (R4): who keeps,
 * copies. A streamed transaction comes whole, at its commit, like any other.
 * SOURCE_WANTS_TABLE is a question: it is answered with describe, and next is
 * called again. A Source knows neither libpq nor sinks.
 */
#ifndef PG_FANOUT_SOURCE_H
#define PG_FANOUT_SOURCE_H

#include "buf.h"
#include "change.h"
#include "charset.h"
#include "error.h"
#include "lsn.h"
#include "notes.h"
#include "option.h"
#include "table.h"
#include "table_picture.h"

typedef struct Source Source;
typedef struct Spool Spool;

typedef struct Transaction
{
	uint32_t	xid;
	Lsn			commit_lsn;
	int64_t		commit_time;	/* microseconds since 1970 UTC */
	const char *origin;			/* "" if local */

	/*
	 * NULL: of the stream. Else rows of a snapshot, put together for the
	 * sinks' sake; of a row its place there, by Debezium's words: "first",
	 * "true", "last_in_data_collection"...
	 */
	const char *snapshot;
} Transaction;

typedef struct TxnEnd
{
	Transaction txn;
	Lsn			end_lsn;		/* what may be confirmed */
	uint64_t	records;		/* the source's count, for checking */
} TxnEnd;

/*
 * A row change (insert, update, delete, read), or the truncation of one table:
 * body then holds op and lsn only.
 */
typedef struct Change
{
	const Transaction *txn;
	const Table *table;
	Slice		body;			/* typed message without Source */
	Body		parts;			/* body taken apart */
	const char *only;			/* the name of the only sink that gets it;
								 * NULL: all do */
} Change;

/* A logical message (pg_logical_emit_message). */
typedef struct LogicalMessage
{
	const Transaction *txn;		/* NULL: not transactional */
	Lsn			lsn;
	const char *prefix;
	Slice		content;
} LogicalMessage;

typedef enum SourceResult
{
	SOURCE_EMPTY,				/* frame used up: feed another */
	SOURCE_BEGIN,				/* event.txn */
	SOURCE_CHANGE,				/* event.change */
	SOURCE_MESSAGE,				/* event.message */
	SOURCE_COMMIT,				/* event.end */
	SOURCE_AGAIN,				/* nothing yet: ask again after a look at the
								 * clock */
	SOURCE_WANTS_TABLE,			/* event.wish: describe it, then go on */
	SOURCE_FAILED
} SourceResult;

typedef union SourceEvent
{
	Transaction txn;
	Change		change;
	LogicalMessage message;
	TxnEnd		end;
	TableWish	wish;
} SourceEvent;

/* What START_REPLICATION is to pass to the plugin. */
typedef struct SourceOptions
{
	const char *const *names;
	const char *const *values;	/* an entry may be NULL: no value */
	size_t		count;
} SourceOptions;

/* What a source is made with; all it points to outlives the source. */
typedef struct SourceConfig
{
	int			server_version; /* 150020 */
	bool		raw_text;		/* the server's text may be no UTF-8 */
	const Charset *charset;		/* what it is in instead; NULL: unknown */
	SourceOptions user;			/* the -o options, passed on */
	Spool	   *spool;			/* where in-progress transactions wait; NULL:
								 * none are to be asked for */
} SourceConfig;

typedef struct SourceNote
{
	char		key[64];
	Slice		value;			/* the source's; data NULL: nothing to note */
} SourceNote;

typedef struct SourceOps
{
	const char *name;			/* "pg_fanout" */
	const char *plugin;			/* the output plugin it reads */

	/*
	 * The plugin may pass over publications that are missing: somebody has to
	 * look for them before the stream is started.
	 */
	bool		needs_publications;

	/* Reads the server's text, which is better not converted by the server. */
	bool		reads_text;

	/* NULL on failure */
	Source	   *(*create) (const SourceConfig *config, Error *err);

	/*
	 * The options to start the stream with; owned by the source. streaming:
	 * whether transactions in progress may be asked for, if it can keep them.
	 */
	SourceOptions (*options) (Source *source, bool streaming);
	void		(*reset) (Source *source);

	/* lsn: the position the server sent the frame with, 0 if it gave none */
	bool		(*feed) (Source *source, Slice frame, Lsn lsn, Error *err);
	SourceResult (*next) (Source *source, SourceEvent *event, Error *err);

	/*
	 * The answer to SOURCE_WANTS_TABLE; stays the caller's. note: to be kept
	 * beside the checkpoints and given to recall at the next start.
	 */
	bool		(*describe) (Source *source, const TablePicture *picture,
							 SourceNote *note, Error *err);

	/* what earlier relays noted; before the first frame */
	bool		(*recall) (Source *source, const Notes *notes, Error *err);
	void		(*free) (Source *source);
} SourceOps;

struct Source
{
	const SourceOps *ops;
};

#endif							/* PG_FANOUT_SOURCE_H */
