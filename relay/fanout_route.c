/*
 * fanout_route.c
 *		Where a table's records go, and what formats are told of it. See
 *		fanout_state.h.
 */
#include "fanout_state.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "route.h"

#define TOPIC_LIMIT 4096

char *
fanout_topic(const Fanout *fanout, const SinkSetup *setup,
			 const char *template, const Table *table, Error *err)
{
	const char *prefix = setup->common->prefix;
	RouteNames	names = {
		.prefix = prefix ? prefix : fanout->database,
		.database = fanout->database,
		.schema = table ? table->schema : NULL,
		.table = table ? table->name : NULL,
		.sink = setup->name,
		.underscores = setup->config.format->underscores
	};
	char	   *topic = NULL;
	Buf			out;

	buf_init(&out, TOPIC_LIMIT);
	if (route_expand(&out, template, &names, err))
	{
		topic = strdup(buf_string(&out));
		if (topic == NULL)
			error_no_memory(err);
	}
	buf_free(&out);
	return topic;
}

void
fanout_free_route(Fanout *fanout, TableRoute *route)
{
	if (route == NULL)
		return;
	for (size_t i = 0; i < fanout->sink_count; i++)
		free(route->topics[i]);
	free(route);
}

/* A topic that holds typed records has one meaning for each field number. */
static bool
check_numbering(SinkUse *use, const char *topic, const Table *table,
				Error *err)
{
	if (!use->setup->ops->has_topics || !use->setup->config.format->binary ||
		use->format->format->registered)
		return true;
	use->numbering.notes = &use->sink->notes;
	return numbering_add(&use->numbering, topic, table, err);
}

/* Said when the table is first seen: its rows cannot be told apart. */
static void
warn_without_key(const Table *table)
{
	if (table->key_count > 0)
		return;
	log_warning("table %s.%s has no primary key and no replica identity: its records have no key, "
				"and updates and deletes do not say of which row",
				table->schema, table->name);
	log_warning("hint: Give it a primary key, or ALTER TABLE ... REPLICA IDENTITY USING INDEX or FULL.");
}

static TableRoute *
make_route(Fanout *fanout, const Table *table, Error *err)
{
	TableRoute *route =
		calloc(1, sizeof(*route) + fanout->sink_count * sizeof(char *));

	if (route == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	route->version = table->version;
	route->by_value = fanout->outbox != NULL &&
		outbox_has(fanout->outbox, table);
	if (route->by_value)
		return route;
	if (!fanout->quiet)
		warn_without_key(table);
	for (size_t i = 0; i < fanout->sink_count; i++)
	{
		SinkUse    *use = &fanout->sinks[i];
		const SinkSetup *setup = use->setup;

		route->topics[i] =
			fanout_topic(fanout, setup, setup->common->topic, table, err);
		if (route->topics[i] == NULL ||
			!check_numbering(use, route->topics[i], table, err))
		{
			error_prefix(err, "sink %s", setup->name);
			fanout_free_route(fanout, route);
			return NULL;
		}
	}
	return route;
}

TableRoute *
fanout_find_route(Fanout *fanout, const Table *table, Error *err)
{
	TableRoute *old = oid_map_find(&fanout->routes, table->oid);
	TableRoute *route;

	if (old != NULL && old->version == table->version)
		return old;
	route = make_route(fanout, table, err);
	if (route == NULL)
		return NULL;
	if (!oid_map_set(&fanout->routes, table->oid, route))
	{
		fanout_free_route(fanout, route);
		error_no_memory(err);
		return NULL;
	}
	fanout_free_route(fanout, old);
	return route;
}

/* ---- what descriptions leave out ---- */

bool
fanout_wants_detail(const Fanout *fanout, const Table *table)
{
	const TableRoute *route;

	if (!fanout->wants_detail)
		return false;
	route = oid_map_find(&fanout->routes, table->oid);
	if (route != NULL && route->version == table->version)
		return false;
	return fanout->outbox == NULL || !outbox_has(fanout->outbox, table);
}

bool
fanout_describe(Fanout *fanout, const Table *table, const TableDetail *detail,
				Error *err)
{
	for (size_t i = 0; i < fanout->format_count; i++)
	{
		Format	   *format = fanout->formats[i].format;

		if (format->ops->describe != NULL &&
			!format->ops->describe(format, table, detail, err))
			return error_prefix(err, "table %s.%s", table->schema,
								table->name);
	}
	return true;
}
