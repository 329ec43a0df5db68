/*
 * compat.h
 *		Differences between the PostgreSQL versions we build against.
 *
 * The only place of the plugin and the extension that may look at
 * PG_VERSION_NUM. Everything here is a macro or a static inline function with
 * the meaning the newest server gives it.
 */
#ifndef PG_FANOUT_COMPAT_H
#define PG_FANOUT_COMPAT_H

#include "access/attmap.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_publication.h"
#include "replication/reorderbuffer.h"
#include "utils/guc.h"

#if PG_VERSION_NUM < 150000
#error "pg_fanout needs PostgreSQL 15 or newer"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "rewrite/rewriteHandler.h"
#endif

/*
 * 16: PGDLLEXPORT makes a symbol visible, and SQL functions are declared with
 * it. Before, whoever includes this declares them so, ahead of
 * PG_FUNCTION_INFO_V1.
 */
#if PG_VERSION_NUM < 160000
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#endif

/* 18: a library can say what it is. */
#ifndef PG_MODULE_MAGIC_EXT
#define PG_MODULE_MAGIC_EXT(...) PG_MODULE_MAGIC
#endif

/* 17: a decoded tuple is a plain HeapTuple. */
#if PG_VERSION_NUM >= 170000
#define COMPAT_TUPLE(decoded)	(decoded)
#else
#define COMPAT_TUPLE(decoded)	((decoded) != NULL ? &(decoded)->tuple : NULL)
#endif

/* 16: the reorder buffer itself reports progress inside a transaction. */
#define COMPAT_PLUGIN_REPORTS_PROGRESS (PG_VERSION_NUM < 160000)

/* 18: generated columns without storage. */
#ifndef ATTRIBUTE_GENERATED_VIRTUAL
#define ATTRIBUTE_GENERATED_VIRTUAL 'v'
#endif

static inline ReorderBufferTXN *
compat_top_transaction(ReorderBufferTXN *txn)
{
	return txn->toptxn != NULL ? txn->toptxn : txn;
}

/* 16: columns may be missing in the target, if wanted. */
static inline AttrMap *
compat_attribute_map(TupleDesc from, TupleDesc to)
{
#if PG_VERSION_NUM >= 160000
	return build_attrmap_by_name_if_req(from, to, false);
#else
	return build_attrmap_by_name_if_req(from, to);
#endif
}

/* 18: a publication says whether it wants stored generated columns. */
static inline bool
compat_publishes_generated(const Publication *publication)
{
#if PG_VERSION_NUM >= 180000
	return publication->pubgencols_type == PUBLISH_GENCOLS_STORED;
#else
	return false;
#endif
}

/* 18: a row filter may name virtual generated columns. */
static inline Node *
compat_expand_generated(Node *expression, Relation relation)
{
#if PG_VERSION_NUM >= 180000
	return expand_generated_columns_in_expr(expression, relation, 1);
#else
	return expression;
#endif
}

#endif							/* PG_FANOUT_COMPAT_H */
