/*
 * option.c
 *		The options a client may give when it starts to read the slot.
 *
 * One table names, parses and bounds them. It knows nothing of what they do.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#include "option.h"

#define PROTO_VERSION		1

#define BATCH_BYTES_DEFAULT (64 * 1024)
#define BATCH_BYTES_MIN		1024
#define BATCH_BYTES_MAX		(16 * 1024 * 1024)

typedef enum OptionType
{
	OPTION_BOOL,
	OPTION_INTEGER,
	OPTION_BYTES,
	OPTION_NAMES,
	OPTION_ORIGIN
} OptionType;

typedef struct Option
{
	const char *name;
	OptionType	type;
	size_t		offset;			/* in PluginOptions */
	int			min;			/* OPTION_INTEGER, OPTION_BYTES */
	int			max;
} Option;

static const Option option_table[] = {
	{"batch_bytes", OPTION_BYTES, offsetof(PluginOptions, batch_bytes),
	BATCH_BYTES_MIN, BATCH_BYTES_MAX},
	{"messages", OPTION_BOOL, offsetof(PluginOptions, messages)},
	{"origin", OPTION_ORIGIN, offsetof(PluginOptions, local_only)},
	{"proto_version", OPTION_INTEGER, offsetof(PluginOptions, proto_version),
	PROTO_VERSION, PROTO_VERSION},
	{"publication_names", OPTION_NAMES,
	offsetof(PluginOptions, publication_names)},
	{"streaming", OPTION_BOOL, offsetof(PluginOptions, streaming)},
};

static void
option_fail_unknown(const char *name)
{
	StringInfoData known;

	initStringInfo(&known);
	for (int i = 0; i < lengthof(option_table); i++)
		appendStringInfo(&known, "%s%s", i > 0 ? ", " : "",
						 option_table[i].name);
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unrecognized pg_fanout option \"%s\"", name),
			errhint("Known options are %s.", known.data));
}

static void
option_fail_value(const Option *option, const char *value, const char *wanted)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("invalid value for pg_fanout option \"%s\": \"%s\"",
				   option->name, value),
			errhint("Valid is %s.", wanted));
}

static void
option_set_integer(const Option *option, const char *value, int *target)
{
	int			flags = option->type == OPTION_BYTES ? GUC_UNIT_BYTE : 0;

	if (parse_int(value, target, flags, NULL) &&
		*target >= option->min && *target <= option->max)
		return;
	if (option->min == option->max)
		option_fail_value(option, value, psprintf("only %d", option->min));
	option_fail_value(option, value,
					  psprintf("a number from %d to %d", option->min,
							   option->max));
}

static void
option_set_names(const Option *option, const char *value, List **target)
{
	if (!SplitIdentifierString(pstrdup(value), ',', target) || *target == NIL)
		option_fail_value(option, value,
						  "a list of publication names with commas between");
}

static void
option_set_origin(const Option *option, const char *value, bool *local_only)
{
	*local_only = pg_strcasecmp(value, "none") == 0;
	if (!*local_only && pg_strcasecmp(value, "any") != 0)
		option_fail_value(option, value, "\"any\" or \"none\"");
}

static void
option_set(const Option *option, const char *value, PluginOptions *options)
{
	void	   *target = (char *) options + option->offset;

	switch (option->type)
	{
		case OPTION_BOOL:
			if (!parse_bool(value, (bool *) target))
				option_fail_value(option, value, "\"on\" or \"off\"");
			break;
		case OPTION_INTEGER:
		case OPTION_BYTES:
			option_set_integer(option, value, target);
			break;
		case OPTION_NAMES:
			option_set_names(option, value, target);
			break;
		case OPTION_ORIGIN:
			option_set_origin(option, value, target);
			break;
	}
}

static int
option_find(const char *name)
{
	for (int i = 0; i < lengthof(option_table); i++)
	{
		if (strcmp(option_table[i].name, name) == 0)
			return i;
	}
	option_fail_unknown(name);
	pg_unreachable();
}

void
option_parse(List *list, PluginOptions *options)
{
	bool		given[lengthof(option_table)] = {false};
	ListCell   *cell;

	*options = (PluginOptions) {
		.proto_version = PROTO_VERSION,
		.batch_bytes = BATCH_BYTES_DEFAULT
	};
	foreach(cell, list)
	{
		DefElem    *element = lfirst_node(DefElem, cell);
		int			found = option_find(element->defname);

		if (given[found])
			ereport(ERROR,
					errcode(ERRCODE_SYNTAX_ERROR),
					errmsg("pg_fanout option \"%s\" is given twice",
						   element->defname));
		given[found] = true;
		if (element->arg == NULL)
			option_fail_value(&option_table[found], "", "a value");
		option_set(&option_table[found], strVal(element->arg), options);
	}
}
