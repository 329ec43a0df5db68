/*
 * pattern.c
 *		Names with wildcards. See pattern.h.
 */
#include "pattern.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* The size of the text up to an unescaped stop or its end. */
static size_t
part_size(const char *text, size_t size, char stop)
{
	size_t		at = 0;

	while (at < size && text[at] != stop)
		at += text[at] == '\\' && at + 1 < size ? 2 : 1;
	return at < size ? at : size;
}

static bool
fail(const char *text, size_t size, int parts, Error *err)
{
	static const char *const shapes[] = {
		"", "name", "schema.table", "schema.table.column"
	};

	error_set(err, ERROR_USAGE, "\"%.*s\" is no pattern of the form %s",
			  (int) size, text, shapes[parts]);
	return error_hint(err, "Each part is a name without quotes or with the wildcards * and ?; a dot that belongs to a name is written \\.");
}

static bool
cut_parts(Pattern *pattern, int parts)
{
	char	   *at = pattern->parts[0];
	size_t		left = strlen(at);

	for (int i = 0; i < parts; i++)
	{
		size_t		size = part_size(at, left, parts > 1 ? '.' : '\0');

		pattern->parts[i] = at;
		if (size == 0 || (size == left) != (i == parts - 1))
			return false;
		if (size == left)
			return true;
		at[size] = '\0';
		at += size + 1;
		left -= size + 1;
	}
	return false;
}

bool
pattern_parse(Pattern *pattern, const char *text, size_t size, int parts,
			  Error *err)
{
	*pattern = (Pattern) {0};
	pattern->text = strndup(text, size);
	pattern->parts[0] = strndup(text, size);
	if (pattern->text == NULL || pattern->parts[0] == NULL)
	{
		pattern_free(pattern);
		return error_no_memory(err);
	}
	if (cut_parts(pattern, parts))
		return true;
	pattern_free(pattern);
	return fail(text, size, parts, err);
}

void
pattern_free(Pattern *pattern)
{
	free(pattern->text);
	free(pattern->parts[0]);
	*pattern = (Pattern) {0};
}

bool
pattern_matches(const Pattern *pattern, const char *const *names, int count)
{
	for (int i = 0; i < count; i++)
		if (fnmatch(pattern->parts[i], names[i], 0) != 0)
			return false;
	return true;
}

static bool
add_pattern(Patterns *patterns, const char *text, size_t size, int parts,
			Error *err)
{
	Pattern    *items = realloc(patterns->items,
								(patterns->count + 1) * sizeof(*items));

	if (items == NULL)
		return error_no_memory(err);
	patterns->items = items;
	if (!pattern_parse(&items[patterns->count], text, size, parts, err))
		return false;
	patterns->count++;
	return true;
}

bool
patterns_parse(Patterns *patterns, const char *option, const OptionList *list,
			   int parts, Error *err)
{
	for (size_t i = 0; i < list->count; i++)
	{
		const char *text = list->items[i];
		const char *end = text + strlen(text);

		while (text <= end)
		{
			size_t		size = part_size(text, (size_t) (end - text), ',');

			if (!add_pattern(patterns, text, size, parts, err))
				return error_prefix(err, "%s", option);
			text += size + 1;
		}
	}
	return true;
}

void
patterns_free(Patterns *patterns)
{
	for (size_t i = 0; i < patterns->count; i++)
		pattern_free(&patterns->items[i]);
	free(patterns->items);
	*patterns = (Patterns) {0};
}

bool
patterns_match(const Patterns *patterns, const char *const *names, int count)
{
	for (size_t i = 0; i < patterns->count; i++)
		if (pattern_matches(&patterns->items[i], names, count))
			return true;
	return false;
}
