/*
 * pgoutput.h
 *		Messages of the built-in output plugin pgoutput, taken apart.
 *
 * The logical replication protocol, versions 1 to 4, without two-phase
 * messages and binary values: those are never asked for. Pure: allocates
 * nothing, keeps nothing, knows nothing of tables. What it hands out points
 * into the message.
 */
#ifndef PG_FANOUT_PGOUTPUT_H
#define PG_FANOUT_PGOUTPUT_H

#include "buf.h"
#include "lsn.h"

#define PGOUTPUT_MAX_COLUMNS	1600

/* The first byte of a message. */
typedef enum PgoutputKind
{
	PGOUTPUT_BEGIN = 'B',
	PGOUTPUT_COMMIT = 'C',
	PGOUTPUT_ORIGIN = 'O',
	PGOUTPUT_RELATION = 'R',
	PGOUTPUT_TYPE = 'Y',
	PGOUTPUT_INSERT = 'I',
	PGOUTPUT_UPDATE = 'U',
	PGOUTPUT_DELETE = 'D',
	PGOUTPUT_TRUNCATE = 'T',
	PGOUTPUT_MESSAGE = 'M',
	PGOUTPUT_STREAM_START = 'S',
	PGOUTPUT_STREAM_STOP = 'E',
	PGOUTPUT_STREAM_COMMIT = 'c',
	PGOUTPUT_STREAM_ABORT = 'A'
} PgoutputKind;

/* Times are the server's: microseconds since 2000-01-01 UTC. */
typedef struct PgoutputBegin
{
	Lsn			commit_lsn;
	int64_t		commit_time;
	uint32_t	xid;
} PgoutputBegin;

typedef struct PgoutputCommit
{
	Lsn			commit_lsn;
	Lsn			end_lsn;
	int64_t		commit_time;
} PgoutputCommit;

/* The columns that are sent, in the order of their attribute numbers. */
typedef struct PgoutputColumns
{
	uint16_t	count;			/* not yet taken */
	Slice		bytes;
} PgoutputColumns;

typedef struct PgoutputColumn
{
	bool		is_identity;	/* part of the replica identity */
	const char *name;
	uint32_t	type_oid;
	int32_t		typmod;
} PgoutputColumn;

typedef struct PgoutputRelation
{
	uint32_t	oid;
	const char *schema;			/* "" stands for pg_catalog */
	const char *name;
	char		identity;		/* as pg_class.relreplident */
	PgoutputColumns columns;
} PgoutputRelation;

/* Of a domain, the names are those of its base type. */
typedef struct PgoutputType
{
	uint32_t	oid;
	const char *schema;			/* "" stands for pg_catalog */
	const char *name;
} PgoutputType;

typedef struct PgoutputTuple
{
	uint16_t	count;			/* not yet taken */
	Slice		bytes;
} PgoutputTuple;

typedef enum PgoutputValueKind
{
	PGOUTPUT_NULL = 'n',
	PGOUTPUT_UNCHANGED = 'u',	/* out of line, and not sent */
	PGOUTPUT_TEXT = 't'
} PgoutputValueKind;

typedef struct PgoutputValue
{
	PgoutputValueKind kind;
	Slice		text;
} PgoutputValue;

typedef struct PgoutputChange
{
	uint32_t	relation;
	char		old_kind;		/* 'K': key, 'O': whole row, 0: none */
	PgoutputTuple old;
	PgoutputTuple new;			/* of inserts and updates */
} PgoutputChange;

typedef struct PgoutputTruncate
{
	size_t		count;
	Slice		relations;
	bool		cascade;
	bool		restart_identity;
} PgoutputTruncate;

typedef struct PgoutputLogical
{
	bool		transactional;
	Lsn			lsn;
	const char *prefix;
	Slice		content;
} PgoutputLogical;

typedef struct PgoutputMessage
{
	PgoutputKind kind;

	/*
	 * In a stream: the transaction or subtransaction of R, Y, I, U, D, T and
	 * M. Of S, c and A: the transaction.
	 */
	uint32_t	xid;
	union
	{
		PgoutputBegin begin;
		PgoutputCommit commit;	/* also of a stream */
		const char *origin;
		PgoutputRelation relation;
		PgoutputType type;
		PgoutputChange change;
		PgoutputTruncate truncate;
		PgoutputLogical logical;
		bool		first;		/* S: first block of its transaction */
		uint32_t	subxid;		/* A: equal to xid: all of it */
	};
} PgoutputMessage;

typedef enum PgoutputResult
{
	PGOUTPUT_OK,
	PGOUTPUT_UNKNOWN,			/* no kind of message that was asked for */
	PGOUTPUT_MALFORMED
} PgoutputResult;

/* in_stream: between S and E; messages have their xid in front then. */
extern PgoutputResult pgoutput_parse(Slice bytes, bool in_stream,
									 PgoutputMessage *message);

/* Take the next of what pgoutput_parse found whole; false: there is none. */
extern bool pgoutput_next_column(PgoutputColumns *columns,
								 PgoutputColumn *column);
extern bool pgoutput_next_value(PgoutputTuple *tuple, PgoutputValue *value);

/* index is less than count. */
extern uint32_t pgoutput_truncated(const PgoutputTruncate *truncate,
								   size_t index);

#endif							/* PG_FANOUT_PGOUTPUT_H */
