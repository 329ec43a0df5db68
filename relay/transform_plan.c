/*
 * transform_plan.c
 *		What the rules make of one table. See transform_plan.h.
 */
#include "transform_plan.h"

#include <stdlib.h>
#include <string.h>

/* ---- rules ---- */

static bool
table_passes(const PlanRules *rules, const Table *table)
{
	const char *names[] = {table->schema, table->name};

	return (rules->table_include.count == 0 ||
			patterns_match(&rules->table_include, names, 2)) &&
		!patterns_match(&rules->table_exclude, names, 2);
}

static bool
column_passes(const PlanRules *rules, const char *const *names)
{
	return (rules->column_include.count == 0 ||
			patterns_match(&rules->column_include, names, 3)) &&
		!patterns_match(&rules->column_exclude, names, 3);
}

/* The first that matches. */
static const Mask *
find_mask(const PlanRules *rules, const char *const *names)
{
	for (size_t i = 0; i < rules->mask_count; i++)
		if (pattern_matches(&rules->masks[i].pattern, names, 3))
			return &rules->masks[i];
	return NULL;
}

/*
 * Whether the column is part of a key that tells rows apart. Where all columns
 * are the key, because there is no better, it is not.
 */
static bool
is_key(const Table *table, size_t index)
{
	bool		has_primary = false;

	for (size_t i = 0; i < table->column_count; i++)
		has_primary |= table->columns[i].key_position > 0;
	if (table->identity ==
		PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_FULL && !has_primary)
		return false;
	for (size_t i = 0; i < table->key_count; i++)
		if (table->keys[i] == index)
			return true;
	return false;
}

static bool
refuse_key(const Table *table, const Column *column, const char *what,
		   Error *err)
{
	error_set(err, ERROR_USAGE,
			  "column %s of table %s.%s is part of its key and cannot be %s",
			  column->name, table->schema, table->name, what);
	return error_hint(err, "Without it records of different rows would have the same key. Mask it with hash, or leave out the table.");
}

static bool
check_key(const Table *table, size_t index, const TransformColumn *column,
		  Error *err)
{
	if (!is_key(table, index))
		return true;
	if (column->dropped)
		return refuse_key(table, column->column, "left out", err);
	if (column->mask != NULL && !mask_keeps_apart(column->mask))
		return refuse_key(table, column->column, "masked this way", err);
	return true;
}

/* *touched: something is left out or masked. */
static bool
apply_rules(TransformPlan *plan, const PlanRules *rules, bool *touched,
			Error *err)
{
	const Table *table = plan->source;

	*touched = false;
	for (size_t i = 0; i < table->column_count; i++)
	{
		TransformColumn *column = &plan->columns[i];
		const char *names[] = {
			table->schema, table->name, table->columns[i].name
		};

		column->column = &table->columns[i];
		column->dropped = !column_passes(rules, names);
		if (!column->dropped)
			column->mask = find_mask(rules, names);
		*touched |= column->dropped || column->mask != NULL;
		if (!check_key(table, i, column, err))
			return false;
	}
	return true;
}

/* ---- the description ---- */

static void
describe_column(const TransformColumn *from, PgFanout__Column *to)
{
	table_record_column(from->column, to);
	if (from->mask == NULL)
		return;
	to->type_oid = TEXT_OID;
	to->type_name = (char *) "pg_catalog.text";
	to->typmod = -1;
	to->encoding = PG_FANOUT__ENCODING__TEXT;
	to->array = 0;
	to->delimiter = 0;
	to->n_enum_label = 0;
	to->enum_label = NULL;
}

static Table *
build_table(const TransformPlan *plan, PgFanout__Column *columns,
			PgFanout__Column **pointers)
{
	PgFanout__Table record = PG_FANOUT__TABLE__INIT;

	record.oid = plan->source->oid;
	record.schema = (char *) plan->source->schema;
	record.name = (char *) plan->source->name;
	record.identity = plan->source->identity;
	record.column = pointers;
	for (size_t i = 0; i < plan->column_count; i++)
	{
		if (plan->columns[i].dropped)
			continue;
		describe_column(&plan->columns[i], &columns[record.n_column]);
		pointers[record.n_column] = &columns[record.n_column];
		record.n_column++;
	}
	record.version = table_fingerprint(&record);
	return table_new(&record);
}

static bool
describe_table(TransformPlan *plan, Error *err)
{
	size_t		count = plan->column_count;
	PgFanout__Column *columns = calloc(count, sizeof(*columns));
	PgFanout__Column **pointers = calloc(count, sizeof(*pointers));

	if (columns != NULL && pointers != NULL)
		plan->table = build_table(plan, columns, pointers);
	free(columns);
	free(pointers);
	return plan->table != NULL || error_no_memory(err);
}

/* ---- making ---- */

/*
 * Rows are taken apart by the columns as they came: those of the source's
 * table live no longer than that, and so are copied, names and all.
 */
static bool
keep_columns(TransformPlan *plan, Error *err)
{
	Column	   *copies = calloc(plan->column_count, sizeof(*copies));

	if (copies == NULL)
		return error_no_memory(err);
	for (size_t i = 0; i < plan->column_count; i++)
	{
		copies[i] = *plan->columns[i].column;
		copies[i].name = copies[i].type_name = "";
		copies[i].labels = NULL;
		copies[i].label_count = 0;
		plan->columns[i].column = &copies[i];
	}
	plan->source = NULL;
	return true;
}

static bool
fill_plan(TransformPlan *plan, const PlanRules *rules, Error *err)
{
	bool		touched;

	plan->dropped = !table_passes(rules, plan->source);
	if (plan->dropped)
		return true;
	if (!apply_rules(plan, rules, &touched, err))
		return false;
	plan->untouched = !touched;
	return plan->untouched ||
		(describe_table(plan, err) && keep_columns(plan, err));
}

TransformPlan *
transform_plan_new(const PlanRules *rules, const Table *table, Error *err)
{
	TransformPlan *plan = calloc(1, sizeof(*plan));

	if (plan == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	plan->version = table->version;
	plan->source = table;
	plan->column_count = table->column_count;

	/* one more: a table may have no columns */
	plan->columns = calloc(table->column_count + 1, sizeof(*plan->columns));
	if (plan->columns == NULL)
		error_no_memory(err);
	else if (fill_plan(plan, rules, err))
		return plan;
	transform_plan_free(plan);
	return NULL;
}

void
transform_plan_free(TransformPlan *plan)
{
	if (plan == NULL)
		return;
	table_free(plan->table);
	/* copies, unless it did not come to that */
	if (plan->source == NULL && plan->column_count > 0)
		free((Column *) plan->columns[0].column);
	free(plan->columns);
	free(plan);
}
