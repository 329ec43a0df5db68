/*
 * pgoutput_options.c
 *		What START_REPLICATION passes to pgoutput. See pgoutput_options.h.
 */
#include "pgoutput_options.h"

#include <string.h>

static bool
refuse(const char *name, const char *why, const char *hint, Error *err)
{
	error_set(err, ERROR_USAGE, "option \"%s\" of pgoutput %s", name, why);
	return error_hint(err, "%s", hint);
}

#define MESSAGES_VERSION	140000
#define STREAMING_VERSION	140000

/* *pass: whether the server is to see it. */
static bool
check_option(const PgoutputOptions *options, const char *name,
			 const char *value, bool *pass, Error *err)
{
	*pass = true;
	if (strcmp(name, "publication_names") == 0)
		return true;
	if (strcmp(name, "messages") == 0)
	{
		*pass = false;			/* it is asked for them anyway */
		return options->version >= MESSAGES_VERSION ||
			refuse(name, "needs PostgreSQL 14 or newer", "Leave it out.", err);
	}
	if (strcmp(name, "origin") == 0)
	{
		*pass = options->version >= 160000;
		return *pass || (value != NULL && strcmp(value, "any") == 0) ||
			refuse(name, "needs PostgreSQL 16 or newer",
				   "Older servers send all changes, whatever their origin; our own plugin (-P pg_fanout) can leave them out.", err);
	}
	if (strcmp(name, "streaming") == 0 || strcmp(name, "proto_version") == 0)
		return refuse(name, "is set by pg_fanout itself", "Leave it out.",
					  err);
	if (strcmp(name, "binary") == 0)
		return refuse(name, "cannot be used",
					  "pg_fanout reads values as text, which it types itself. Leave the option out.",
					  err);
	if (strcmp(name, "two_phase") == 0)
		return refuse(name, "cannot be used",
					  "A prepared transaction is sent at COMMIT PREPARED. Leave the option out.",
					  err);
	return refuse(name, "is not known",
				  "Options are publication_names, messages and origin.", err);
}

static const char *
protocol_of(int version)
{
	if (version >= 160000)
		return "4";
	if (version >= 150000)
		return "3";
	return version >= 140000 ? "2" : "1";
}

static void
add_option(PgoutputOptions *options, const char *name, const char *value)
{
	options->names[options->count] = name;
	options->values[options->count++] = value;
}

static bool
has_option(const PgoutputOptions *options, const char *name)
{
	for (size_t i = 0; i < options->count; i++)
		if (strcmp(options->names[i], name) == 0)
			return true;
	return false;
}

/*
 * In a stream pgoutput does not say to which subtransaction a message belongs:
 * one of a savepoint that was rolled back could not be told from the others.
 * Of messages to the relay itself that does no harm.
 */
static bool
wants_messages(const SourceOptions *user)
{
	for (size_t i = 0; i < user->count; i++)
		if (strcmp(user->names[i], "messages") == 0)
			return user->values[i] == NULL ||
				(strcmp(user->values[i], "off") != 0 &&
				 strcmp(user->values[i], "false") != 0);
	return false;
}

bool
pgoutput_options_set(PgoutputOptions *options, const SourceConfig *config,
					 Error *err)
{
	const SourceOptions *user = &config->user;

	*options = (PgoutputOptions) {
		.version = config->server_version, .messages = wants_messages(user)
	};
	add_option(options, "proto_version", protocol_of(options->version));
	if (config->spool != NULL && options->version >= STREAMING_VERSION &&
		!options->messages)
		add_option(options, "streaming", "on");
	if (options->version >= MESSAGES_VERSION)
		add_option(options, "messages", "on");
	for (size_t i = 0; i < user->count; i++)
	{
		bool		pass;

		if (!check_option(options, user->names[i], user->values[i], &pass,
						  err))
			return false;
		if (pass && has_option(options, user->names[i]))
			return refuse(user->names[i], "is given twice",
						  "Leave one of them out.", err);
		if (pass)
			add_option(options, user->names[i], user->values[i]);
	}
	if (has_option(options, "publication_names"))
		return true;
	error_set(err, ERROR_USAGE, "pgoutput needs publication_names");
	return error_hint(err, "CREATE PUBLICATION fan FOR ALL TABLES; then -o publication_names=fan.");
}

SourceOptions
pgoutput_options_get(PgoutputOptions *options, bool streaming)
{
	for (size_t i = 0; i < options->count; i++)
		if (strcmp(options->names[i], "streaming") == 0)
			options->values[i] = streaming ? "on" : "off";
	return (SourceOptions) {options->names, options->values, options->count};
}
