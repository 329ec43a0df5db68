/*
 * fanout.c
 *		One stream in, every sink out.
 */
#include "fanout.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "numbering.h"
#include "oid_map.h"
#include "route.h"

/* Records and buffers are bounded by the server's 1 GB limit for a value. */
#define TOPIC_LIMIT 4096

/* A format in use and what it made of the record at hand. */
typedef struct FormatUse
{
	Format	   *format;
	bool		rendered;
	Slice		key;
	Slice		old_key;
	Slice		value;
} FormatUse;

typedef struct SinkUse
{
	Sink	   *sink;
	const SinkSetup *setup;
	FormatUse  *format;
	char	   *message_topic;
	Numbering  *numbering;		/* of its topics, if they hold typed records */
} SinkUse;

/* Where a table's records go: a topic per sink. */
typedef struct TableRoute
{
	uint64_t	version;		/* of the description it was made from */
	char	   *topics[];
} TableRoute;

struct Fanout
{
	const char *database;
	SinkUse    *sinks;
	size_t		sink_count;
	FormatUse  *formats;
	size_t		format_count;
	OidMap		routes;
};

/* ---- making ---- */

static FormatUse *
find_format(Fanout *fanout, const FormatOps *ops, Error *err)
{
	FormatUse  *use;

	for (size_t i = 0; i < fanout->format_count; i++)
		if (fanout->formats[i].format->ops == ops)
			return &fanout->formats[i];
	use = &fanout->formats[fanout->format_count];
	use->format = ops->create(fanout->database, err);
	if (use->format == NULL)
		return NULL;
	fanout->format_count++;
	return use;
}

/*
 * A topic of this sink for a table, or for messages (schema and table NULL).
 */
static char *
make_topic(const Fanout *fanout, const SinkSetup *setup, const char *template,
		   const Table *table, Error *err)
{
	const char *prefix = setup->common->prefix;
	RouteNames	names = {
		.prefix = prefix ? prefix : fanout->database,
		.database = fanout->database,
		.schema = table ? table->schema : NULL,
		.table = table ? table->name : NULL,
		.sink = setup->name
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

static bool
add_sink(Fanout *fanout, const SinkSetup *setup, Error *err)
{
	SinkUse    *use = &fanout->sinks[fanout->sink_count];

	use->setup = setup;
	use->format = find_format(fanout, setup->config.format, err);
	if (use->format == NULL)
		return false;
	use->message_topic = make_topic(fanout, setup,
									setup->common->message_topic, NULL, err);
	if (use->message_topic == NULL)
		return false;
	use->sink = setup->ops->create(&setup->config, err);
	fanout->sink_count++;
	return use->sink != NULL;
}

Fanout *
fanout_new(const SinkSetups *setups, const char *database, Error *err)
{
	Fanout	   *fanout = calloc(1, sizeof(*fanout));

	if (fanout == NULL)
		goto no_memory;
	fanout->database = database;
	fanout->sinks = calloc(setups->count, sizeof(*fanout->sinks));
	fanout->formats = calloc(setups->count, sizeof(*fanout->formats));
	if (fanout->sinks == NULL || fanout->formats == NULL)
		goto no_memory;
	for (size_t i = 0; i < setups->count; i++)
	{
		if (!add_sink(fanout, &setups->setups[i], err))
		{
			error_prefix(err, "sink %s", setups->setups[i].name);
			fanout_free(fanout);
			return NULL;
		}
	}
	return fanout;

no_memory:
	fanout_free(fanout);
	error_no_memory(err);
	return NULL;
}

static bool
resume_sink(SinkUse *use, const SlotIdentity *identity, Error *err)
{
	Sink	   *sink = use->sink;
	char		text[LSN_TEXT_SIZE];

	switch (sink->ops->resume(sink, identity, err))
	{
		case SINK_RESUMED:
			log_info("sink %s: resumes at %s", use->setup->name,
					 lsn_format(sink->durable, text));
			return true;
		case SINK_NEW:
			log_info("sink %s: has no checkpoint: it is new and begins where the slot stands, at %s",
					 use->setup->name, lsn_format(identity->confirmed, text));
			return sink->ops->record(sink, identity->confirmed, err);
		case SINK_RESUME_FAILED:
			break;
	}
	return false;
}

bool
fanout_resume(Fanout *fanout, const SlotIdentity *identity, Error *err)
{
	for (size_t i = 0; i < fanout->sink_count; i++)
		if (!resume_sink(&fanout->sinks[i], identity, err))
			return error_prefix(err, "sink %s", fanout->sinks[i].setup->name);
	return true;
}

/* ---- routes ---- */

static void
free_route(Fanout *fanout, TableRoute *route)
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
	if (!use->setup->ops->has_topics || !use->setup->config.format->binary)
		return true;
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
	warn_without_key(table);
	for (size_t i = 0; i < fanout->sink_count; i++)
	{
		SinkUse    *use = &fanout->sinks[i];
		const SinkSetup *setup = use->setup;

		route->topics[i] =
			make_topic(fanout, setup, setup->common->topic, table, err);
		if (route->topics[i] == NULL ||
			!check_numbering(use, route->topics[i], table, err))
		{
			error_prefix(err, "sink %s", setup->name);
			free_route(fanout, route);
			return NULL;
		}
	}
	return route;
}

static TableRoute *
find_route(Fanout *fanout, const Table *table, Error *err)
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
		free_route(fanout, route);
		error_no_memory(err);
		return NULL;
	}
	free_route(fanout, old);
	return route;
}

/* ---- offering ---- */

static bool
wants(const SinkUse *use, Position position)
{
	return !position_before(position, use->sink->accepted);
}

static SinkResult
put(SinkUse *use, const Delivery *delivery, Error *err)
{
	SinkResult	result = sink_put(use->sink, delivery, err);

	if (result == SINK_FAILED)
		error_prefix(err, "sink %s", use->setup->name);
	return result;
}

static bool
render_change(FormatUse *use, const Change *change, Position position,
			  Error *err)
{
	Format	   *format = use->format;

	if (use->rendered)
		return true;
	if (!format->ops->key(format, change, false, &use->key, err) ||
		!format->ops->key(format, change, true, &use->old_key, err) ||
		!format->ops->value(format, change, position, &use->value, err))
		return false;
	use->rendered = true;
	return true;
}

SinkResult
fanout_change(Fanout *fanout, const Change *change, Position position,
			  Error *err)
{
	TableRoute *route = find_route(fanout, change->table, err);
	bool		full = false;

	if (route == NULL)
		return SINK_FAILED;
	for (size_t i = 0; i < fanout->sink_count; i++)
	{
		SinkUse    *use = &fanout->sinks[i];
		Delivery	delivery = {
			.position = position, .table = change->table, .txn = change->txn,
			.topic = route->topics[i], .op = change->parts.op
		};
		SinkResult	result;

		if (!wants(use, position))
			continue;
		if (!render_change(use->format, change, position, err))
		{
			error_prefix(err, "table %s.%s", change->table->schema,
						 change->table->name);
			return SINK_FAILED;
		}
		delivery.key = use->format->key;
		delivery.old_key = use->format->old_key;
		delivery.value = use->format->value;
		result = put(use, &delivery, err);
		if (result == SINK_FAILED)
			return result;
		full |= result == SINK_FULL;
	}
	return full ? SINK_FULL : SINK_OK;
}

SinkResult
fanout_message(Fanout *fanout, const LogicalMessage *message,
			   Position position, Error *err)
{
	bool		full = false;

	for (size_t i = 0; i < fanout->sink_count; i++)
	{
		SinkUse    *use = &fanout->sinks[i];
		FormatUse  *made = use->format;
		Delivery	delivery = {
			.position = position, .txn = message->txn,
			.topic = use->message_topic
		};
		SinkResult	result;

		if (!wants(use, position))
			continue;
		if (!made->rendered &&
			!made->format->ops->message(made->format, message, position,
										&made->value, err))
			return SINK_FAILED;
		made->rendered = true;
		delivery.value = made->value;
		result = put(use, &delivery, err);
		if (result == SINK_FAILED)
			return result;
		full |= result == SINK_FULL;
	}
	return full ? SINK_FULL : SINK_OK;
}

SinkResult
fanout_commit(Fanout *fanout, const TxnEnd *end, Error *err)
{
	bool		full = false;

	for (size_t i = 0; i < fanout->sink_count; i++)
	{
		SinkUse    *use = &fanout->sinks[i];
		SinkResult	result;

		if (use->sink->accepted.lsn >= end->end_lsn)
			continue;
		result = sink_commit(use->sink, end, err);
		if (result == SINK_FAILED)
		{
			error_prefix(err, "sink %s", use->setup->name);
			return result;
		}
		full |= result == SINK_FULL;
	}
	return full ? SINK_FULL : SINK_OK;
}

void
fanout_next(Fanout *fanout)
{
	for (size_t i = 0; i < fanout->format_count; i++)
		fanout->formats[i].rendered = false;
}

/* ---- progress ---- */

SinkPoll
fanout_poll(Fanout *fanout, Error *err)
{
	SinkPoll	outcome = SINK_POLL_OK;

	for (size_t i = 0; i < fanout->sink_count; i++)
	{
		switch (sink_poll(fanout->sinks[i].sink, err))
		{
			case SINK_POLL_OK:
				break;
			case SINK_POLL_REWIND:
				outcome = SINK_POLL_REWIND;
				break;
			case SINK_POLL_FAILED:
				error_prefix(err, "sink %s", fanout->sinks[i].setup->name);
				return SINK_POLL_FAILED;
		}
	}
	return outcome;
}

Lsn
fanout_durable(const Fanout *fanout)
{
	Lsn			least = UINT64_MAX;

	for (size_t i = 0; i < fanout->sink_count; i++)
		if (fanout->sinks[i].sink->durable < least)
			least = fanout->sinks[i].sink->durable;
	return fanout->sink_count > 0 ? least : LSN_INVALID;
}

bool
fanout_settled(const Fanout *fanout, Lsn end)
{
	return fanout_durable(fanout) >= end;
}

bool
fanout_record(Fanout *fanout, Lsn idle, Error *err)
{
	for (size_t i = 0; i < fanout->sink_count; i++)
	{
		Sink	   *sink = fanout->sinks[i].sink;

		if (sink->durable < idle && !sink->ops->record(sink, idle, err))
			return error_prefix(err, "sink %s", fanout->sinks[i].setup->name);
	}
	return true;
}

int
fanout_watch(Fanout *fanout, struct pollfd *fds, int room, int64_t *deadline)
{
	int			used = 0;

	for (size_t i = 0; i < fanout->sink_count; i++)
	{
		Sink	   *sink = fanout->sinks[i].sink;

		used += sink->ops->watch(sink, fds + used, room - used, deadline);
	}
	return used;
}

bool
fanout_drain(Fanout *fanout, int64_t deadline, Error *err)
{
	bool		ok = true;

	for (size_t i = 0; i < fanout->sink_count; i++)
	{
		Sink	   *sink = fanout->sinks[i].sink;
		Error		failure;

		error_clear(&failure);
		if (sink->ops->drain(sink, deadline, &failure))
			continue;
		error_prefix(&failure, "sink %s", fanout->sinks[i].setup->name);
		if (ok)
			*err = failure;
		else
			log_report(LOG_LEVEL_ERROR, &failure);
		ok = false;
	}
	return ok;
}

bool
fanout_reopen(Fanout *fanout, Error *err)
{
	for (size_t i = 0; i < fanout->sink_count; i++)
	{
		Sink	   *sink = fanout->sinks[i].sink;

		if (!sink->ops->reopen(sink, err))
			return error_prefix(err, "sink %s", fanout->sinks[i].setup->name);
	}
	return true;
}

size_t
fanout_count(const Fanout *fanout)
{
	return fanout->sink_count;
}

const Sink *
fanout_sink(const Fanout *fanout, size_t index)
{
	return fanout->sinks[index].sink;
}

void
fanout_free(Fanout *fanout)
{
	if (fanout == NULL)
		return;
	for (size_t i = 0; i < fanout->routes.capacity; i++)
		free_route(fanout, fanout->routes.entries[i].value);
	free(fanout->routes.entries);
	for (size_t i = 0; i < fanout->sink_count; i++)
	{
		if (fanout->sinks[i].sink != NULL)
			fanout->sinks[i].sink->ops->free(fanout->sinks[i].sink);
		free(fanout->sinks[i].message_topic);
		numbering_free(fanout->sinks[i].numbering);
	}
	for (size_t i = 0; i < fanout->format_count; i++)
		fanout->formats[i].format->ops->free(fanout->formats[i].format);
	free(fanout->sinks);
	free(fanout->formats);
	free(fanout);
}
