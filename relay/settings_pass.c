/*
 * settings_pass.c
 *		Options that say what may pass. See settings_pass.h.
 */
#include "settings_pass.h"

#include <stdlib.h>

const char *const settings_pass_invalid_words[] = {"stop", "warn", NULL};

Transform *
settings_pass_transform(const PassOptions *options, Error *err)
{
	TransformRules rules = {
		.table_include = &options->table_include,
		.table_exclude = &options->table_exclude,
		.column_include = &options->column_include,
		.column_exclude = &options->column_exclude,
		.masks = &options->masks,
		.mask_salt = options->mask_salt,
		.message_include = &options->message_include,
		.message_exclude = &options->message_exclude
	};

	return transform_new(&rules, err);
}

bool
settings_pass_outbox(const PassOptions *options, const char *database,
					 Outbox **outbox, Error *err)
{
	OutboxRules rules = {
		.table = options->outbox_table,
		.id = options->outbox_id,
		.key = options->outbox_key,
		.type = options->outbox_type,
		.payload = options->outbox_payload,
		.route = options->outbox_route,
		.topic = options->outbox_topic,
		.headers = &options->outbox_headers,
		.lenient = options->outbox_on_invalid == 1,
		.database = database
	};

	*outbox = NULL;
	if (rules.table == NULL)
		return true;
	*outbox = outbox_new(&rules, err);
	return *outbox != NULL;
}

static void
empty_list(OptionList *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (OptionList) {0};
}

void
settings_pass_forget(PassOptions *options)
{
	empty_list(&options->table_include);
	empty_list(&options->table_exclude);
	empty_list(&options->column_include);
	empty_list(&options->column_exclude);
	empty_list(&options->message_include);
	empty_list(&options->message_exclude);
	empty_list(&options->masks);
	empty_list(&options->outbox_headers);
}
