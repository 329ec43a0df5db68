/*
 * main.c
 *		pg_fanout: reads the options and does what they say.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "catalog.h"
#include "check.h"
#include "failpoint.h"
#include "log.h"
#include "memory_budget.h"
#include "proto_text.h"
#include "publication_command.h"
#include "relay.h"
#include "resnapshot_command.h"
#include "settings.h"
#include "setup.h"
#include "signals.h"
#include "slot_command.h"
#include "verify.h"

#define PROTO_LIMIT (16 * 1024 * 1024)

/* As the first sink has it whose format is compiled; as it is without one. */
static bool
append_proto(Buf *text, const SinkSetups *sinks, const Table *table,
			 Error *err)
{
	for (size_t i = 0; i < sinks->count; i++)
	{
		const SinkSetup *setup = &sinks->setups[i];

		if (setup->config.format->print != NULL)
			return setup->config.format->print(text, setup->format_options,
											   table, err);
	}
	proto_append_table(text, table, NULL);
	return true;
}

/* As consumers get the table: without what may not pass. */
static bool
print_proto(PGconn *conn, const char *name, Transform *transform,
			const SinkSetups *sinks, Error *err)
{
	Table	   *table = catalog_table(conn, name, err);
	const Table *passing = table;
	TransformResult result;
	Buf			text;

	if (table == NULL)
		return false;
	buf_init(&text, PROTO_LIMIT);
	result = transform_table(transform, &passing, err);
	if (result == TRANSFORM_PASS && !append_proto(&text, sinks, passing, err))
		result = TRANSFORM_FAILED;
	if (result == TRANSFORM_PASS)
		fwrite(text.data, 1, text.size, stdout);
	else if (result == TRANSFORM_DROP)
		error_set(err, ERROR_USAGE, "table %s is left out by table_include or table_exclude",
				  name);
	buf_free(&text);
	table_free(table);
	return result == TRANSFORM_PASS;
}

static bool
print_protos(const Settings *settings, ConnectionOptions *connection,
			 const SinkSetups *sinks, Error *err)
{
	Transform  *transform = settings_pass_transform(&settings->pass, err);
	PGconn	   *conn = NULL;
	bool		ok = transform != NULL;

	if (ok)
		conn = connection_open(connection, CONNECTION_SQL, err);
	ok = conn != NULL;
	for (size_t i = 0; ok && i < settings->print_proto.count; i++)
		ok = print_proto(conn, settings->print_proto.items[i], transform,
						 sinks, err);
	PQfinish(conn);
	transform_free(transform);
	return ok;
}

/* What needs no server. true: that was all. */
static bool
print_only(const Settings *settings)
{
	if (settings->help)
		settings_print_help(stdout);
	else if (settings->version)
		printf("pg_fanout %s\n", PG_FANOUT_VERSION);
	else if (settings->print_config)
		settings_print_config(stdout);
	else if (settings->print_manual)
		settings_print_manual(stdout);
	else
		return false;
	return true;
}

/* A snapshot belongs to the slot's creation: the relay does both. */
static bool
creates_with_snapshot(const Settings *settings)
{
	return settings->start && settings->snapshot != SNAPSHOT_MODE_NEVER;
}

static bool
act(Settings *settings, const Config *config, Error *err)
{
	ConnectionOptions connection = {
		.dbname = settings->dbname, .host = settings->host,
		.port = settings->port, .user = settings->user,
		.never_prompt = settings->never_prompt,
		.force_prompt = settings->force_prompt,
		.auth = (LoginKind) settings->auth,
		.aws_profile = settings->aws_profile,
		.aws_region = settings->aws_region,
		.iam_endpoint = settings->iam_endpoint
	};
	SinkSetups	sinks = {0};
	bool		ok = setup_sinks(&sinks, settings, config, err) &&
		memory_budget_divide(settings, &sinks, err);

	if (ok && settings->verify.count > 0)
		ok = verify_all(settings, &sinks, err);
	if (ok && settings->print_proto.count > 0)
		ok = print_protos(settings, &connection, &sinks, err);
	if (ok && settings->drop_slot)
		ok = slot_command_drop(settings, &connection, err);
	if (ok && settings->create_publication.count > 0)
		ok = publication_command_create(settings, &connection, err);
	if (ok && settings->create_slot && !creates_with_snapshot(settings))
		ok = slot_command_create(settings, &connection, err);
	if (ok && settings->resnapshot.count > 0)
		ok = resnapshot_command_send(settings, &connection, &sinks, err);
	if (ok && settings->check)
		ok = check_all(settings, &connection, &sinks, err);
	if (ok && settings->start)
		ok = relay_run(settings, &connection, &sinks, err);
	setup_free(&sinks);
	connection_options_free(&connection);
	return ok;
}

int
main(int argc, char **argv)
{
	Settings   *settings = option_new(&settings_table);
	Config		config = {0};
	Error		err;
	bool		ok;

	setlocale(LC_ALL, "");
	setlocale(LC_NUMERIC, "C");
	error_clear(&err);
	log_init(LOG_LEVEL_INFO);
	ok = settings != NULL ? settings_read(settings, &config, argc, argv, &err)
		: error_no_memory(&err);
	if (ok && !print_only(settings))
	{
		log_init(settings->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
		ok = failpoint_init(&err) && signals_init(&err) &&
			act(settings, &config, &err);
	}
	if (!ok)
		log_report(LOG_LEVEL_ERROR, &err);
	config_free(&config);
	settings_free(settings);
	return ok ? 0 : (int) err.code;
}
