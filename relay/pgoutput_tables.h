/*
 * pgoutput_tables.h
 *		The tables of a pgoutput stream: asked for, found, remembered.
 *
 * Each Relation message is a question to the catalog: ask, then describe with
 * the answer. Knows nothing of rows and transactions.
 */
#ifndef PG_FANOUT_PGOUTPUT_TABLES_H
#define PG_FANOUT_PGOUTPUT_TABLES_H

#include "pgoutput_memory.h"
#include "pgoutput_relation.h"
#include "source.h"

typedef struct KnownTable KnownTable;

typedef struct Tables
{
	OidMap		known;			/* KnownTable, as described in this stream */
	OidMap		type_names;		/* "schema.name" */
	Memory		memory;
	KnownTable *asked;			/* not described yet; NULL: none */
	uint32_t   *types;			/* of the wish */
	const Charset *charset;		/* of names; NULL: UTF-8, or unknown */
} Tables;

extern MUST_USE bool tables_init(Tables *tables, const Charset *charset,
								 Error *err);
extern void tables_free(Tables *tables);

/* The stream begins anew; what is remembered stays. */
extern void tables_reset(Tables *tables);

typedef enum TablesResult
{
	TABLES_KNOWN,				/* nothing to ask */
	TABLES_ASKED,				/* the wish is set, until it is described */
	TABLES_FAILED
} TablesResult;

/*
 * bytes: a Relation message that can be parsed; it is copied. xid: the
 * transaction's. What it said before in the same transaction is known: in a
 * stream the server says it again after each savepoint that is rolled back.
 */
extern TablesResult tables_ask(Tables *tables, Slice bytes, bool in_stream,
							   uint32_t xid, TableWish *wish, Error *err);

/*
 * The same for a table that has been described, because an enum has a label
 * that its description lacks: pgoutput does not tell of new ones. false: the
 * catalog does not know more, or no memory to ask; the description stands.
 */
extern bool tables_ask_for_labels(Tables *tables, uint32_t oid, uint32_t xid,
								  TableWish *wish);

/* The answer; note as in source.h. commit_lsn: of the transaction. */
extern MUST_USE bool tables_describe(Tables *tables,
									 const TablePicture *picture,
									 Lsn commit_lsn, SourceNote *note,
									 Error *err);

/* NULL: the server has not described it. */
extern const Relation *tables_find(const Tables *tables, uint32_t oid,
								   Error *err);

/* A Type message. */
extern MUST_USE bool tables_name_type(Tables *tables, const PgoutputType *type,
									  Error *err);

#endif							/* PG_FANOUT_PGOUTPUT_TABLES_H */
