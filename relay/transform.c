/*
 * transform.c
 *		What may pass. See transform.h.
 *
 * A table's plan is made when its description is first seen and kept until
 * that changes. Rows are copied field by field: a value that passes is not
 * looked into.
 */
#include "transform.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "body_write.h"
#include "log.h"
#include "oid_map.h"
#include "transform_plan.h"
#include "wire.h"

struct Transform
{
	PlanRules	rules;
	Patterns	message_include;
	Patterns	message_exclude;
	char	   *salt;
	bool		is_idle;		/* no rule touches tables */
	OidMap		plans;
	Buf			body;
	Buf			text;			/* of a masked value */
	Buf			scratch;
};

/* ---- making ---- */

static bool
parse_masks(PlanRules *rules, const OptionList *masks, Error *err)
{
	if (masks->count == 0)
		return true;
	rules->masks = calloc(masks->count, sizeof(*rules->masks));
	if (rules->masks == NULL)
		return error_no_memory(err);
	for (size_t i = 0; i < masks->count; i++)
	{
		if (!mask_parse(&rules->masks[i], masks->items[i], err))
			return false;
		rules->mask_count++;
	}
	return true;
}

static bool
check_salt(const Transform *transform, Error *err)
{
	for (size_t i = 0; i < transform->rules.mask_count; i++)
	{
		if (transform->rules.masks[i].kind != MASK_HASH ||
			transform->salt != NULL)
			continue;
		error_set(err, ERROR_USAGE, "mask: a hash needs mask_salt");
		return error_hint(err, "Set mask_salt in the configuration file to a long random text and keep it: without one, values are found again by trying.");
	}
	return true;
}

static bool
parse_rules(Transform *transform, const TransformRules *rules, Error *err)
{
	PlanRules  *plan = &transform->rules;

	if (rules->mask_salt != NULL && rules->mask_salt[0] != '\0' &&
		(transform->salt = strdup(rules->mask_salt)) == NULL)
		return error_no_memory(err);
	if (!patterns_parse(&plan->table_include, "table_include",
						rules->table_include, 2, err) ||
		!patterns_parse(&plan->table_exclude, "table_exclude",
						rules->table_exclude, 2, err) ||
		!patterns_parse(&plan->column_include, "column_include",
						rules->column_include, 3, err) ||
		!patterns_parse(&plan->column_exclude, "column_exclude",
						rules->column_exclude, 3, err) ||
		!patterns_parse(&transform->message_include, "message_include",
						rules->message_include, 1, err) ||
		!patterns_parse(&transform->message_exclude, "message_exclude",
						rules->message_exclude, 1, err) ||
		!parse_masks(plan, rules->masks, err) || !check_salt(transform, err))
		return false;
	transform->is_idle = plan->table_include.count == 0 &&
		plan->table_exclude.count == 0 && plan->column_include.count == 0 &&
		plan->column_exclude.count == 0 && plan->mask_count == 0;
	return true;
}

Transform *
transform_new(const TransformRules *rules, Error *err)
{
	Transform  *transform = calloc(1, sizeof(*transform));

	if (transform == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	buf_init(&transform->body, BODY_LIMIT);
	buf_init(&transform->text, BODY_LIMIT);
	buf_init(&transform->scratch, BODY_LIMIT);
	if (parse_rules(transform, rules, err))
		return transform;
	transform_free(transform);
	return NULL;
}

static void
free_plan(void *plan)
{
	transform_plan_free(plan);
}

void
transform_free(Transform *transform)
{
	if (transform == NULL)
		return;
	oid_map_free(&transform->plans, free_plan);
	patterns_free(&transform->rules.table_include);
	patterns_free(&transform->rules.table_exclude);
	patterns_free(&transform->rules.column_include);
	patterns_free(&transform->rules.column_exclude);
	patterns_free(&transform->message_include);
	patterns_free(&transform->message_exclude);
	for (size_t i = 0; i < transform->rules.mask_count; i++)
		mask_free(&transform->rules.masks[i]);
	free(transform->rules.masks);
	if (transform->salt != NULL)
		explicit_bzero(transform->salt, strlen(transform->salt));
	free(transform->salt);
	buf_free(&transform->body);
	buf_free(&transform->text);
	buf_free(&transform->scratch);
	free(transform);
}

/* ---- plans ---- */

static const TransformPlan *
find_plan(Transform *transform, const Table *table, Error *err)
{
	TransformPlan *old = oid_map_find(&transform->plans, table->oid);
	TransformPlan *plan;

	if (old != NULL && old->version == table->version)
		return old;
	plan = transform_plan_new(&transform->rules, table, err);
	if (plan == NULL)
		return NULL;
	if (!oid_map_set(&transform->plans, table->oid, plan))
	{
		transform_plan_free(plan);
		error_no_memory(err);
		return NULL;
	}
	transform_plan_free(old);
	if (plan->dropped)
		log_debug("table %s.%s is left out", table->schema, table->name);
	return plan;
}

/* ---- rows ---- */

/* The column of that number, at or behind the place. */
static const TransformColumn *
find_column(const TransformPlan *plan, size_t *place, uint32_t number)
{
	while (*place < plan->column_count &&
		   plan->columns[*place].column->number < number)
		++*place;
	if (*place == plan->column_count ||
		plan->columns[*place].column->number != number)
		return NULL;
	return &plan->columns[*place];
}

static bool
put_masked(Transform *transform, const TransformColumn *column,
		   const WireField *field)
{
	buf_clear(&transform->text);
	if (!mask_apply(column->mask, transform->salt, column->column, field,
					&transform->scratch, &transform->text) ||
		buf_failed(&transform->text))
		return false;
	body_put_bytes(&transform->body, field->number,
				   buf_slice(&transform->text));
	return true;
}

static bool
put_row(Transform *transform, const TransformPlan *plan, uint32_t number,
		Slice row)
{
	WireReader	reader = wire_reader(row.data, row.size);
	size_t		place = 0;
	size_t		mark;

	if (row.data == NULL)
		return true;
	mark = body_open(&transform->body, number);
	while (reader.at < reader.end)
	{
		const uint8_t *start = reader.at;
		const TransformColumn *column;
		WireField	field;

		if (wire_next(&reader, &field) != WIRE_FIELD)
			return false;
		column = find_column(plan, &place, field.number);
		if (column == NULL)
			return false;
		if (column->dropped)
			continue;
		if (column->mask == NULL)
			buf_append(&transform->body, start, (size_t) (reader.at - start));
		else if (!put_masked(transform, column, &field))
			return false;
	}
	body_close(&transform->body, mark);
	return true;
}

static bool
put_unchanged(Transform *transform, const TransformPlan *plan, Slice numbers)
{
	WireReader	reader = wire_reader(numbers.data, numbers.size);
	size_t		place = 0;
	size_t		mark = 0;

	while (reader.at < reader.end)
	{
		const TransformColumn *column;
		uint64_t	number;

		if (!wire_read_varint(&reader, &number) || number > TABLE_MAX_NUMBER)
			return false;
		column = find_column(plan, &place, (uint32_t) number);
		if (column == NULL)
			return false;
		if (column->dropped)
			continue;
		if (mark == 0)
			mark = body_open(&transform->body, BODY_UNCHANGED);
		body_put_packed(&transform->body, number);
	}
	body_close(&transform->body, mark);
	return true;
}

static bool
put_body(Transform *transform, const TransformPlan *plan, const Body *parts)
{
	Buf		   *body = &transform->body;

	buf_clear(body);
	body_put_uint(body, BODY_OP, parts->op);
	if (!put_row(transform, plan, BODY_BEFORE, parts->before) ||
		!put_row(transform, plan, BODY_AFTER, parts->after) ||
		!put_unchanged(transform, plan, parts->unchanged))
		return false;
	body_put_uint(body, BODY_LSN, parts->lsn);
	if (parts->before_is_key)
		body_put_uint(body, BODY_BEFORE_IS_KEY, 1);
	return !buf_failed(body);
}

TransformResult
transform_table(Transform *transform, const Table **table, Error *err)
{
	const TransformPlan *plan;

	if (transform->is_idle)
		return TRANSFORM_PASS;
	plan = find_plan(transform, *table, err);
	if (plan == NULL)
		return TRANSFORM_FAILED;
	if (plan->dropped)
		return TRANSFORM_DROP;
	if (!plan->untouched)
		*table = plan->table;
	return TRANSFORM_PASS;
}

/* What stands for a masked column is text, and its rows may be alike. */
static void
mask_detail(const Mask *mask, ColumnDetail *detail)
{
	detail->preset = NULL;
	detail->type_oid = mask_keeps_apart(mask) ? TEXT_OID : 0;
	detail->base_oid = TEXT_OID;
	detail->base_name = "pg_catalog.text";
	detail->base_typmod = -1;
}

void
transform_detail(const Transform *transform, const Table *table,
				 TableDetail *detail)
{
	const TransformPlan *plan = oid_map_find(&transform->plans, table->oid);

	if (plan == NULL || plan->untouched || plan->dropped)
		return;
	for (size_t i = 0; i < detail->count; i++)
	{
		ColumnDetail *column = &detail->columns[i];
		size_t		place = 0;
		const TransformColumn *rule = find_column(plan, &place,
												  column->number);

		if (rule != NULL && rule->mask != NULL)
			mask_detail(rule->mask, column);
		else if (rule == NULL || rule->dropped)
			column->preset = NULL;
	}
}

TransformResult
transform_change(Transform *transform, Change *change, Error *err)
{
	const TransformPlan *plan;

	if (transform->is_idle)
		return TRANSFORM_PASS;
	plan = find_plan(transform, change->table, err);
	if (plan == NULL)
		return TRANSFORM_FAILED;
	if (plan->dropped)
		return TRANSFORM_DROP;
	if (plan->untouched)
		return TRANSFORM_PASS;
	if (!put_body(transform, plan, &change->parts) ||
		!body_parse(buf_slice(&transform->body), &change->parts))
	{
		error_set(err, ERROR_RECORD,
				  "row of table %s.%s cannot be filtered: it is malformed or too large",
				  change->table->schema, change->table->name);
		return TRANSFORM_FAILED;
	}
	change->table = plan->table;
	change->body = buf_slice(&transform->body);
	return TRANSFORM_PASS;
}

bool
transform_wants_message(const Transform *transform, const char *prefix)
{
	return (transform->message_include.count == 0 ||
			patterns_match(&transform->message_include, &prefix, 1)) &&
		!patterns_match(&transform->message_exclude, &prefix, 1);
}
