/*
 * format.h
 *		A Format turns a Change into records: keys, values and headers.
 *
 * One instance serves all sinks that want the same records: the relay renders
 * each Change once per format in use. What an operation hands out is valid
 * until the next call on the same instance. A Format knows no sink.
 *
 * Order of calls: create; then for each transaction begin, change and message
 * in the order of their positions, commit; heartbeat in between, whenever
 * nothing that was rendered is waiting to be taken. After a lost connection
 * the next call is a begin.
 */
#ifndef PG_FANOUT_FORMAT_H
#define PG_FANOUT_FORMAT_H

#include <poll.h>

#include "buf.h"
#include "error.h"
#include "lsn.h"
#include "option.h"
#include "source.h"
#include "table_detail.h"

/* What one change becomes at most, tombstones among it. */
#define FORMAT_MAX_RECORDS 4

/* Buffers are bounded by what PostgreSQL's values can have... */
#define FORMAT_LIMIT	((size_t) 1 << 30)
/* ...and given back when one record needed more than this. */
#define FORMAT_KEEP		((size_t) 4 << 20)

typedef struct Format Format;

typedef struct RecordHeader
{
	const char *name;
	Slice		value;			/* data NULL: a null header */
} RecordHeader;

typedef struct Record
{
	const char *topic;			/* NULL: its table's, or that of messages */
	Slice		key;			/* data NULL: none */
	Slice		value;			/* data NULL: a tombstone */
	Slice		partition_key;	/* what a partition is computed on; data NULL:
								 * the key */
	const RecordHeader *headers;
	size_t		header_count;
} Record;

typedef struct Records
{
	Record		records[FORMAT_MAX_RECORDS];
	size_t		count;
} Records;

typedef enum FormatResult
{
	FORMAT_OK,
	FORMAT_WAIT,				/* not yet: ask again after a poll */
	FORMAT_FAILED
} FormatResult;

/* What an instance is made with; all of it outlives the instance. */
typedef struct FormatConfig
{
	const char *database;
	const char *prefix;			/* what {prefix} stands for in topics */
	const void *options;		/* the struct of ops->options, or NULL */
} FormatConfig;

typedef struct FormatOps
{
	const char *name;			/* "json", "protobuf" */
	const char *extension;		/* of files: "jsonl", "pb" */
	bool		binary;			/* framed by length, not by line breaks */
	bool		by_topic;		/* its records depend on topic and prefix */
	bool		sees_all;		/* is shown what no sink wants, too */
	bool		underscores;	/* topics are named as Debezium names them */
	const OptionTable *options; /* NULL: none */

	/*
	 * Appends what a consumer compiles to read a table's records with these
	 * options. NULL: nothing to compile.
	 */
	bool		(*print) (Buf *out, const void *options, const Table *table,
						  Error *err);
	Format	   *(*create) (const FormatConfig *config, Error *err);

	/*
	 * Is told of a table what its description leaves out, before the first
	 * change under each description. NULL: does not want to know.
	 */
	bool		(*describe) (Format *format, const Table *table,
							 const TableDetail *detail, Error *err);

	/* Position (commit LSN, 0); most formats have no record for it. */
	FormatResult (*begin) (Format *format, const Transaction *txn,
						   Records *out, Error *err);

	/* topic: where the table's records go. */
	FormatResult (*change) (Format *format, const Change *change,
							Position position, const char *topic,
							Records *out, Error *err);
	FormatResult (*message) (Format *format, const LogicalMessage *message,
							 Position position, const char *topic,
							 Records *out, Error *err);

	/* position: behind the transaction's last record. */
	FormatResult (*commit) (Format *format, const TxnEnd *end,
							Position position, Records *out, Error *err);

	/*
	 * Records that are due at this time (monotonic microseconds) without any
	 * change, and what else wants doing (replies to what WAIT waits for).
	 */
	FormatResult (*tick) (Format *format, int64_t now, Records *out,
						  Error *err);

	/* As a sink's: descriptors to wait on, and when to tick at the latest. */
	int			(*watch) (Format *format, struct pollfd *fds, int room,
						  int64_t *deadline);
	void		(*free) (Format *format);
} FormatOps;

struct Format
{
	const FormatOps *ops;
	bool		registered;		/* a registry keeps what its fields mean */
};

/* ---- for those that have nothing to do ---- */

extern FormatResult format_no_begin(Format *format, const Transaction *txn,
									Records *out, Error *err);
extern FormatResult format_no_commit(Format *format, const TxnEnd *end,
									 Position position, Records *out,
									 Error *err);
extern FormatResult format_no_tick(Format *format, int64_t now, Records *out,
								   Error *err);
extern int	format_no_watch(Format *format, struct pollfd *fds, int room,
							int64_t *deadline);

/* ---- for those that write plain records ---- */

/*
 * Where a tombstone's position stands: it has no value to hold it. Headers
 * pg_fanout.lsn and pg_fanout.seq.
 */
typedef struct PositionHeaders
{
	char		lsn[LSN_TEXT_SIZE];
	char		seq[24];
	RecordHeader headers[2];
} PositionHeaders;

/* A rendered change. data NULL: no key, or the key did not change. */
typedef struct PlainRecord
{
	PgFanout__Op op;
	Slice		key;
	Slice		old_key;
	Slice		value;
	Slice		partition_key;	/* as Record's */
	Slice		old_partition_key;
} PlainRecord;

/*
 * The record, with a tombstone for the old key before it and, if it is a
 * delete, one for its key behind it. headers must live as long as out.
 */
extern void format_put_plain(Records *out, const PlainRecord *plain,
							 Position position, PositionHeaders *headers);

/* Empties a buffer, and gives back what an unusually large record needed. */
extern void format_recycle(Buf *buf);

/* Whether all of a record went into its buffer. */
extern MUST_USE bool format_fits(const Buf *buf, Error *err);

#endif							/* PG_FANOUT_FORMAT_H */
