/*
 * transform_plan.h
 *		What the rules make of one table: its new description, and what
 *		becomes of each column.
 */
#ifndef PG_FANOUT_TRANSFORM_PLAN_H
#define PG_FANOUT_TRANSFORM_PLAN_H

#include "error.h"
#include "mask.h"
#include "pattern.h"
#include "table.h"

typedef struct TransformColumn
{
	const Column *column;		/* of the table as it came */
	bool		dropped;
	const Mask *mask;			/* NULL: the value passes */
} TransformColumn;

typedef struct TransformPlan
{
	uint64_t	version;		/* of the description it was made from */
	bool		dropped;		/* nothing of the table passes */
	bool		untouched;		/* all of it does */
	Table	   *table;			/* what passes; NULL in both cases above */
	const Table *source;		/* valid while the plan is made */
	TransformColumn *columns;
	size_t		column_count;
} TransformPlan;

typedef struct PlanRules
{
	Patterns	table_include;
	Patterns	table_exclude;
	Patterns	column_include;
	Patterns	column_exclude;
	Mask	   *masks;
	size_t		mask_count;
} PlanRules;

/*
 * NULL: a rule would take a column of the table's key away, or make rows with
 * different keys alike (ERROR_USAGE), or there is no memory.
 */
extern TransformPlan *transform_plan_new(const PlanRules *rules,
										 const Table *table, Error *err);
extern void transform_plan_free(TransformPlan *plan);

#endif							/* PG_FANOUT_TRANSFORM_PLAN_H */
