/*
 * schema_options.c
 *		Options of a schema registry: their words, and what is not valid.
 */
#include "schema_options.h"

#include <string.h>

const char *const schema_subject_words[] =
{"topic", "record", "topic-record", NULL};
const char *const schema_break_words[] = {"stop", "new-topic", "remap", NULL};
const char *const schema_partition_words[] = {"key", "framed", NULL};

/* These become headers: no line break may come with them. */
static bool
value_is_plain(const char *value)
{
	for (; value != NULL && *value != '\0'; value++)
		if ((unsigned char) *value < ' ' || *value == 0x7f)
			return false;
	return true;
}

bool
schema_options_check(const SchemaOptions *options, Error *err)
{
	if (!value_is_plain(options->username) ||
		!value_is_plain(options->password) || !value_is_plain(options->token))
		return error_set(err, ERROR_USAGE,
						 "user, password or token of the schema registry holds a control character");
	if (options->token != NULL && options->username != NULL)
		return error_set(err, ERROR_USAGE,
						 "schema_registry_token and schema_registry_username exclude each other");
	if (options->on_break == SCHEMA_BREAK_NEW_TOPIC &&
		options->subject == SCHEMA_SUBJECT_RECORD)
		return error_set(err, ERROR_USAGE,
						 "on_schema_break=new-topic cannot go with subject_strategy=record");
	if (options->password != NULL && options->username == NULL)
		return error_set(err, ERROR_USAGE,
						 "schema_registry_password needs schema_registry_username");
	return true;
}

static bool
refuse_address(const char *address, const char *why, Error *err)
{
	error_set(err, ERROR_USAGE, "schema_registry: \"%s\" %s",
			  strchr(address, '@') != NULL ? "..." : address, why);
	return error_hint(err, "An address is http://HOST:PORT or https://HOST:PORT with an optional path.");
}

bool
schema_options_check_address(const char *address, Error *err)
{
	const char *host = strstr(address, "://");

	if (strncmp(address, "http://", 7) != 0 &&
		strncmp(address, "https://", 8) != 0)
		return refuse_address(address, "is no HTTP address", err);
	host += 3;
	if (strspn(host, "/?#") > 0 || host[0] == '\0')
		return refuse_address(address, "names no host", err);
	for (const char *at = host; *at != '\0'; at++)
		if (*at <= ' ' || *at > '~' || *at == '?' || *at == '#')
			return refuse_address(address, "holds a character that no such address has", err);
	if (memchr(host, '@', strcspn(host, "/")) != NULL)
	{
		error_set(err, ERROR_USAGE, "schema_registry holds a user's name");
		return error_hint(err, "Use schema_registry_username and schema_registry_password.");
	}
	return true;
}
