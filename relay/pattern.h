/*
 * pattern.h
 *		Names with wildcards: schema.table, schema.table.column.
 *
 * Each part is a glob as the shell's (*, ?, [a-z]); \ takes the character
 * behind it as it is. Names are compared as the catalog has them: no quotes,
 * case matters. Knows no table.
 */
#ifndef PG_FANOUT_PATTERN_H
#define PG_FANOUT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "option.h"

#define PATTERN_MAX_PARTS	3

typedef struct Pattern
{
	char	   *text;			/* as given */
	char	   *parts[PATTERN_MAX_PARTS];	/* in a copy of it */
} Pattern;

typedef struct Patterns
{
	Pattern    *items;
	size_t		count;
} Patterns;

/* ERROR_USAGE unless it has that many parts, none of them empty. */
extern MUST_USE bool pattern_parse(Pattern *pattern, const char *text,
								   size_t size, int parts, Error *err);
extern void pattern_free(Pattern *pattern);
extern bool pattern_matches(const Pattern *pattern, const char *const *names,
							int count);

/*
 * All patterns of an option, several of them between commas. option: its
 * name, for errors.
 */
extern MUST_USE bool patterns_parse(Patterns *patterns, const char *option,
									const OptionList *list, int parts,
									Error *err);
extern void patterns_free(Patterns *patterns);

/* Whether one of them matches; none does if there are none. */
extern bool patterns_match(const Patterns *patterns, const char *const *names,
						   int count);

#endif							/* PG_FANOUT_PATTERN_H */
