/*
 * setup.c
 *		From words to sinks.
 */
#include "setup.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "registry.h"
#include "route.h"

#define SECTION_PREFIX	"sink "
#define NAME_MAX_SIZE	64
#define NAME_CHARS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

/* Where an option was said: secrets are refused on the command line. */
typedef enum SetupOrigin
{
	SETUP_COMMAND_LINE,
	SETUP_FILE
} SetupOrigin;

static const SinkSetup *
find_setup(const SinkSetups *sinks, const char *name)
{
	for (size_t i = 0; i < sinks->count; i++)
		if (strcmp(sinks->setups[i].name, name) == 0)
			return &sinks->setups[i];
	return NULL;
}

/* ---- names ---- */

static bool
check_name(const SinkSetups *sinks, const char *name, Error *err)
{
	if (name[0] == '\0' || strlen(name) >= NAME_MAX_SIZE ||
		strspn(name, NAME_CHARS) != strlen(name))
	{
		error_set(err, ERROR_USAGE, "sink name \"%s\" is not valid", name);
		return error_hint(err, "A name is 1 to 63 letters, digits, \"_\" and \"-\".");
	}
	if (find_setup(sinks, name) != NULL)
	{
		error_set(err, ERROR_USAGE, "two sinks have the name \"%s\"", name);
		return error_hint(err, "A sink keeps its progress under its name: give each its own, as in --sink lake=s3://...");
	}
	return true;
}

/* The scheme, and from the second of a kind on its number: kafka, kafka2. */
static char *
default_name(const SinkSetups *sinks, const char *scheme)
{
	char		name[NAME_MAX_SIZE];

	snprintf(name, sizeof(name), "%.50s", scheme);
	for (int number = 2; find_setup(sinks, name) != NULL; number++)
		snprintf(name, sizeof(name), "%.50s%d", scheme, number);
	return strdup(name);
}

/* "name=URL": the name ends before the URL's scheme does. */
static const char *
split_name(const char *text, char **name)
{
	size_t		length = strspn(text, NAME_CHARS);

	*name = NULL;
	if (text[length] != '=')
		return text;
	*name = strndup(text, length);
	return text + length + 1;
}

/* ---- options ---- */

static bool
refuse_secret(const char *name, Error *err)
{
	error_set(err, ERROR_USAGE,
			  "option %s is a secret and does not belong on the command line",
			  name);
	return error_hint(err, "Others can see it in the process list. Put it into a file of mode 0600 and use --config.");
}

/*
 * The table that has the option: of every sink, of this format or of this kind
 * of sink. If none has it, the last one that could have.
 */
static const OptionTable *
find_table(const SinkSetup *setup, const char *name)
{
	const OptionTable *format = setup->config.format->options;

	if (option_find(&sink_common_table, name) != NULL)
		return &sink_common_table;
	if (format != NULL && option_find(format, name) != NULL)
		return format;
	return setup->ops->options != NULL ? setup->ops->options :
		&sink_common_table;
}

static void *
find_values(SinkSetup *setup, const OptionTable *table)
{
	if (table == &sink_common_table)
		return setup->common;
	return table == setup->ops->options ? setup->options :
		setup->format_options;
}

static bool
set_option(SinkSetup *setup, const ConfigEntry *entry, SetupOrigin origin,
		   Error *err)
{
	const OptionTable *table = find_table(setup, entry->name);
	const Option *option = option_find(table, entry->name);

	if (origin == SETUP_COMMAND_LINE && option != NULL &&
		(option->type == OPTION_SECRET ||
		 strstr(entry->name, "password") != NULL))
		return refuse_secret(entry->name, err);
	return option_set(table, find_values(setup, table), entry->name,
					  entry->value, err);
}

static bool
check_templates(const SinkSetup *setup, Error *err)
{
	if (!route_check(setup->common->topic, err))
		return error_prefix(err, "topic");
	if (!route_check(setup->common->message_topic, err))
		return error_prefix(err, "message_topic");
	if (strstr(setup->common->message_topic, "{schema}") != NULL ||
		strstr(setup->common->message_topic, "{table}") != NULL)
		return error_set(err, ERROR_USAGE, "message_topic: a message has no schema and no table");
	return true;
}

static bool
unknown_format(const char *name, Error *err)
{
	Buf			names;

	buf_init(&names, 1024);
	for (int i = 0; registry_formats[i] != NULL; i++)
		buf_printf(&names, "%s%s", i > 0 ? ", " : "",
				   registry_formats[i]->name);
	error_set(err, ERROR_USAGE, "unknown format \"%s\"", name);
	error_hint(err, "Formats are %s.", buf_string(&names));
	buf_free(&names);
	return false;
}

/*
 * Before all other options, which may be the format's. in_section: the format
 * named in the sink's section, or NULL.
 */
static bool
find_format(SinkSetup *setup, const char *in_section, Error *err)
{
	const char *name = setup->common->format;
	const FormatOps *format;

	for (size_t i = 0; i < setup->url.query_count; i++)
		if (strcmp(setup->url.queries[i].name, "format") == 0)
			name = setup->url.queries[i].value;
	if (in_section != NULL)
		name = in_section;
	format = registry_find_format(name);
	if (format == NULL)
		return unknown_format(name, err);
	setup->config.format = format;
	if (format->options == NULL)
		return true;
	setup->format_options = option_new(format->options);
	return setup->format_options != NULL || error_no_memory(err);
}

/* ---- one sink ---- */

static void
free_setup(SinkSetup *setup)
{
	if (setup->ops != NULL && setup->ops->options != NULL)
		option_free(setup->ops->options, setup->options);
	if (setup->format_options != NULL)
		option_free(setup->config.format->options, setup->format_options);
	option_free(&sink_common_table, setup->common);
	url_free(&setup->url);
	free(setup->name);
}

static bool
find_sink(SinkSetup *setup, Error *err)
{
	setup->ops = registry_find_sink(setup->url.scheme);
	if (setup->ops == NULL)
	{
		error_set(err, ERROR_USAGE, "unknown kind of sink \"%s\"",
				  setup->url.scheme);
		return error_hint(err, "Kinds are kafka://, s3://, dir://, file: and null:.");
	}
	setup->common = option_new(&sink_common_table);
	if (setup->ops->options != NULL)
		setup->options = option_new(setup->ops->options);
	if (setup->common == NULL ||
		(setup->ops->options != NULL && setup->options == NULL))
		return error_no_memory(err);
	return true;
}

static void
fill_config(SinkSetup *setup)
{
	setup->config.name = setup->name;
	setup->config.scheme = setup->url.scheme;
	setup->config.authority = setup->url.authority;
	setup->config.path = setup->url.path;
	setup->config.prefix = setup->common->prefix;
	setup->config.options = setup->options;
	setup->config.checkpoint_interval = setup->common->checkpoint_interval;
}

/*
 * With setup's name (NULL: a default). format: the one named in the sink's
 * section, or NULL.
 */
static bool
build_setup(SinkSetups *sinks, SinkSetup *setup, const char *url,
			const char *format, SetupOrigin origin, Error *err)
{
	if (!url_parse(&setup->url, url, err))
		return false;
	if (setup->name == NULL)
		setup->name = default_name(sinks, setup->url.scheme);
	if (setup->name == NULL)
		return error_no_memory(err);
	if (!check_name(sinks, setup->name, err) || !find_sink(setup, err))
		return false;
	if (!find_format(setup, format, err))
		return error_prefix(err, "sink %s", setup->name);
	for (size_t i = 0; i < setup->url.query_count; i++)
		if (!set_option(setup, &setup->url.queries[i], origin, err))
			return false;
	return true;
}

static bool
finish_setup(SinkSetups *sinks, SinkSetup *setup, Error *err)
{
	if (!check_templates(setup, err))
		return error_prefix(err, "sink %s", setup->name);
	fill_config(setup);
	sinks->setups[sinks->count++] = *setup;
	return true;
}

static bool
add_from_line(SinkSetups *sinks, const char *text, Error *err)
{
	SinkSetup	setup = {0};
	const char *url = split_name(text, &setup.name);

	if (build_setup(sinks, &setup, url, NULL, SETUP_COMMAND_LINE, err) &&
		finish_setup(sinks, &setup, err))
		return true;
	error_prefix(err, "--sink");
	free_setup(&setup);
	return false;
}

static const char *
find_entry(const Config *config, const char *section, const char *name)
{
	for (size_t i = 0; i < config->count; i++)
		if (strcmp(config->entries[i].section, section) == 0 &&
			strcmp(config->entries[i].name, name) == 0)
			return config->entries[i].value;
	return NULL;
}

static bool
apply_entries(SinkSetup *setup, const Config *config, const char *section,
			  const char *file, Error *err)
{
	for (size_t i = 0; i < config->count; i++)
	{
		const ConfigEntry *entry = &config->entries[i];

		if (strcmp(entry->section, section) == 0 &&
			!set_option(setup, entry, SETUP_FILE, err))
			return error_prefix(err, "%s:%d", file, entry->line);
	}
	return true;
}

static bool
add_from_section(SinkSetups *sinks, const Config *config, const char *section,
				 const char *file, Error *err)
{
	const char *url = find_entry(config, section, "url");
	SinkSetup	setup = {.name = strdup(section + strlen(SECTION_PREFIX))};

	if (url == NULL)
	{
		error_set(err, ERROR_USAGE, "%s: section [%s] has no url", file,
				  section);
		goto failed;
	}
	if (build_setup(sinks, &setup, url, find_entry(config, section, "format"),
					SETUP_FILE, err) &&
		apply_entries(&setup, config, section, file, err) &&
		finish_setup(sinks, &setup, err))
		return true;

failed:
	free_setup(&setup);
	return false;
}

/* ---- all of them ---- */

static bool
add_file(SinkSetups *sinks, const Settings *settings, Error *err)
{
	const char *path = settings->file;
	size_t		size = strlen(path) + 64;
	char	   *url = malloc(size);
	bool		ok;

	if (url == NULL)
		return error_no_memory(err);

	/* two slashes at its beginning would make the next word a host */
	while (path[0] == '/' && path[1] == '/')
		path++;
	snprintf(url, size, "file:%s", path);
	if (strpbrk(path, "?%#") != NULL)
	{
		free(url);
		error_set(err, ERROR_USAGE, "--file: \"%s\" holds ?, %% or #",
				  settings->file);
		return error_hint(err, "Use --sink file:PATH with these characters percent-escaped.");
	}
	ok = add_from_line(sinks, url, err);
	free(url);
	if (ok)
	{
		SinkSetup  *setup = &sinks->setups[sinks->count - 1];
		char		interval[32];

		snprintf(interval, sizeof(interval), "%lldus",
				 (long long) settings->fsync_interval);
		ok = option_set(setup->ops->options, setup->options, "sync-interval",
						interval, err);
	}
	return ok;
}

/* A section's first entry stands for the section. */
static bool
is_first_of_section(const Config *config, size_t index)
{
	const char *section = config->entries[index].section;

	if (strncmp(section, SECTION_PREFIX, strlen(SECTION_PREFIX)) != 0)
		return false;
	for (size_t i = 0; i < index; i++)
		if (strcmp(config->entries[i].section, section) == 0)
			return false;
	return true;
}

static bool
add_all(SinkSetups *sinks, const Settings *settings, const Config *config,
		Error *err)
{
	for (size_t i = 0; i < config->count; i++)
		if (is_first_of_section(config, i) &&
			!add_from_section(sinks, config, config->entries[i].section,
							  settings->config, err))
			return false;
	for (size_t i = 0; i < settings->sinks.count; i++)
		if (!add_from_line(sinks, settings->sinks.items[i], err))
			return false;
	if (settings->file != NULL && !add_file(sinks, settings, err))
		return false;
	if (sinks->count == 0 && settings->start)
	{
		error_set(err, ERROR_USAGE, "no sink specified");
		return error_hint(err, "Say where records go with --sink, -f or a [sink NAME] section; -f - prints them.");
	}
	return true;
}

bool
setup_sinks(SinkSetups *sinks, const Settings *settings, const Config *config,
			Error *err)
{
	*sinks = (SinkSetups) {0};
	sinks->setups = calloc(config->count + settings->sinks.count + 1,
						   sizeof(*sinks->setups));
	if (sinks->setups == NULL)
		return error_no_memory(err);
	return add_all(sinks, settings, config, err);
}

void
setup_free(SinkSetups *sinks)
{
	for (size_t i = 0; i < sinks->count; i++)
		free_setup(&sinks->setups[i]);
	free(sinks->setups);
	*sinks = (SinkSetups) {0};
}
