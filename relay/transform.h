/*
 * transform.h
 *		What may pass: tables and columns left out, columns masked.
 *
 * Between source and fanout, before any format sees a Change: what is left
 * out or masked here is in no record, whatever the sink. A Change of a table
 * that no rule touches goes through as it is, at the cost of a look-up. A
 * record that is dropped keeps its number in the transaction: positions do
 * not depend on the rules.
 *
 * Patterns are "schema.table" and "schema.table.column", each part a glob (*,
 * ?, [a-z]; \ takes a character as it is, a dot among them), matched against
 * names as the catalog has them, without quotes.
 */
#ifndef PG_FANOUT_TRANSFORM_H
#define PG_FANOUT_TRANSFORM_H

#include "error.h"
#include "option.h"
#include "source.h"
#include "table_detail.h"

/* As the options say it; borrowed. */
typedef struct TransformRules
{
	const OptionList *table_include;	/* patterns, several with commas */
	const OptionList *table_exclude;
	const OptionList *column_include;
	const OptionList *column_exclude;
	const OptionList *masks;	/* pattern=fixed:TEXT, hash, truncate:N */
	const char *mask_salt;		/* key of the hash; NULL: none */
	const OptionList *message_include;	/* prefixes of messages, as globs */
	const OptionList *message_exclude;
} TransformRules;

typedef struct Transform Transform;

typedef enum TransformResult
{
	TRANSFORM_PASS,
	TRANSFORM_DROP,
	TRANSFORM_FAILED
} TransformResult;

/* NULL: a pattern or a mask is wrong (ERROR_USAGE). */
extern Transform *transform_new(const TransformRules *rules, Error *err);

/*
 * change becomes what may pass of it; what it then points to is valid until
 * the next call. Fails where a rule would damage a record's key, or a row is
 * malformed.
 */
extern TransformResult transform_change(Transform *transform, Change *change,
										Error *err);

/*
 * *table becomes its description as it passes, valid until the next call with
 * that table.
 */
extern TransformResult transform_table(Transform *transform,
									   const Table **table, Error *err);

/*
 * Takes out of a table's detail what would tell of masked columns: defaults,
 * and that they are unique unless they still are. The table is one that
 * transform_change let pass.
 */
extern void transform_detail(const Transform *transform, const Table *table,
							 TableDetail *detail);

/* Whether a message with this prefix may pass. */
extern bool transform_wants_message(const Transform *transform,
									const char *prefix);
extern void transform_free(Transform *transform);

#endif							/* PG_FANOUT_TRANSFORM_H */
