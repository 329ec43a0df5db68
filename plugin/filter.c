/*
 * filter.c
 *		Row filters: the WHERE of a publication's table.
 *
 * One expression per action: the OR of the filters of all publications with
 * that action. A publication that takes the table without a filter, or through
 * its schema, or with all tables, lifts the restriction for its actions.
 */
#include "postgres.h"

#include "catalog/pg_publication_rel.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodes.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "compat.h"
#include "filter.h"

struct RowFilter
{
	EState	   *estate;
	ExprState  *expressions[ROW_ACTIONS];	/* NULL: everything passes */
	TupleTableSlot *before;
	TupleTableSlot *after;
};

static bool
filter_has_action(const Publication *publication, RowAction action)
{
	switch (action)
	{
		case ROW_INSERT:
			return publication->pubactions.pubinsert;
		case ROW_UPDATE:
			return publication->pubactions.pubupdate;
		case ROW_DELETE:
			return publication->pubactions.pubdelete;
	}
	return false;
}

/* The publication's filter for the relation as a node string; NULL: none. */
static char *
filter_node(const Publication *publication, Oid relid, Oid schema)
{
	HeapTuple	tuple;
	Datum		qual;
	bool		isnull;
	char	   *node = NULL;

	if (publication->alltables ||
		SearchSysCacheExists2(PUBLICATIONNAMESPACEMAP,
							  ObjectIdGetDatum(schema),
							  ObjectIdGetDatum(publication->oid)))
		return NULL;
	tuple = SearchSysCache2(PUBLICATIONRELMAP, ObjectIdGetDatum(relid),
							ObjectIdGetDatum(publication->oid));
	if (!HeapTupleIsValid(tuple))
		return NULL;
	qual = SysCacheGetAttr(PUBLICATIONRELMAP, tuple,
						   Anum_pg_publication_rel_prqual, &isnull);
	if (!isnull)
		node = TextDatumGetCString(qual);
	ReleaseSysCache(tuple);
	return node;
}

/* The OR of all filters for the action; NULL: rows are not restricted. */
static Expr *
filter_expression(const PublishedAs *published, Relation target,
				  RowAction action)
{
	List	   *filters = NIL;
	ListCell   *cell;

	foreach(cell, published->publications)
	{
		Publication *publication = lfirst(cell);
		char	   *node;

		if (!filter_has_action(publication, action))
			continue;
		node = filter_node(publication, published->relid,
						   RelationGetNamespace(target));
		if (node == NULL)
			return NULL;
		filters = lappend(filters,
						  compat_expand_generated(stringToNode(node), target));
	}
	return filters != NIL ? make_orclause(filters) : NULL;
}

static TupleTableSlot *
filter_new_slot(Relation target)
{
	TupleDesc	desc = CreateTupleDescCopy(RelationGetDescr(target));

	return MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
}

RowFilter *
filter_new(const PublishedAs *published, Relation target)
{
	Expr	   *expressions[ROW_ACTIONS];
	RowFilter  *filter;
	bool		restricted = false;

	for (int i = 0; i < ROW_ACTIONS; i++)
	{
		expressions[i] = filter_expression(published, target, i);
		restricted |= expressions[i] != NULL;
	}
	if (!restricted)
		return NULL;
	filter = palloc0(sizeof(RowFilter));
	filter->estate = CreateExecutorState();
	for (int i = 0; i < ROW_ACTIONS; i++)
	{
		if (expressions[i] != NULL)
			filter->expressions[i] = ExecPrepareExpr(expressions[i],
													 filter->estate);
	}
	filter->before = filter_new_slot(target);
	filter->after = filter_new_slot(target);
	return filter;
}

/* NULL is no match. */
static bool
filter_matches(RowFilter *filter, RowAction action, TupleTableSlot *slot,
			   const RowImage *row)
{
	ExprContext *context = GetPerTupleExprContext(filter->estate);
	int			natts = slot->tts_tupleDescriptor->natts;
	bool		isnull;
	Datum		result;

	ExecClearTuple(slot);
	memcpy(slot->tts_values, row->values, natts * sizeof(Datum));
	memcpy(slot->tts_isnull, row->isnull, natts * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	context->ecxt_scantuple = slot;
	result = ExecEvalExprSwitchContext(filter->expressions[action], context,
									   &isnull);
	return !isnull && DatumGetBool(result);
}

bool
filter_passes(RowFilter *filter, const RowImage *before,
			  const RowImage *after, RowAction *action)
{
	bool		old_matches;
	bool		new_matches;

	if (filter->expressions[*action] == NULL)
		return true;
	ResetPerTupleExprContext(filter->estate);
	if (after == NULL)
		return filter_matches(filter, *action, filter->before, before);
	new_matches = filter_matches(filter, *action, filter->after, after);
	if (before == NULL)
		return new_matches;
	old_matches = filter_matches(filter, *action, filter->before, before);
	if (new_matches && !old_matches)
		*action = ROW_INSERT;
	else if (old_matches && !new_matches)
		*action = ROW_DELETE;
	return old_matches || new_matches;
}
