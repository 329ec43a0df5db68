/*
 * fanout.c
 *		One stream in, every sink out.
 */
#include "fanout.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "numbering.h"
#include "oid_map.h"
#include "outbox.h"
#include "route.h"

#define TOPIC_LIMIT 4096

/* A format in use, for sinks that want the same records of it. */
typedef struct FormatUse
{
	Format	   *format;
	FormatConfig config;
	const SinkSetup *setup;		/* of the first sink that uses it */
	bool		rendered;		/* records are those of the change at hand */
	Records		records;
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
	bool		by_value;		/* an outbox: rows have topics of their own */
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
	Outbox	   *outbox;			/* NULL: none */
	bool		wants_detail;	/* a format does */
};

/* ---- making ---- */

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Whether two sinks get the same records, byte for byte. */
static bool
same_records(const SinkSetup *a, const SinkSetup *b)
{
	const OptionTable *options = a->config.format->options;

	if (a->config.format != b->config.format ||
		(options != NULL &&
		 !option_equal(options, a->format_options, b->format_options)))
		return false;
	if (!a->config.format->by_topic)
		return true;
	return same_text(a->common->prefix, b->common->prefix) &&
		same_text(a->common->topic, b->common->topic) &&
		same_text(a->common->message_topic, b->common->message_topic) &&
		strstr(a->common->topic, "{sink}") == NULL &&
		strstr(a->common->message_topic, "{sink}") == NULL;
}

static FormatUse *
find_format(Fanout *fanout, const SinkSetup *setup, Error *err)
{
	const char *prefix = setup->common->prefix;
	FormatUse  *use;

	for (size_t i = 0; i < fanout->format_count; i++)
		if (same_records(fanout->formats[i].setup, setup))
			return &fanout->formats[i];
	use = &fanout->formats[fanout->format_count];
	use->setup = setup;
	use->config = (FormatConfig) {
		.database = fanout->database,
		.prefix = prefix != NULL ? prefix : fanout->database,
		.options = setup->format_options
	};
	use->format = setup->config.format->create(&use->config, err);
	if (use->format == NULL)
		return NULL;
	fanout->format_count++;
	fanout->wants_detail |= use->format->ops->describe != NULL;
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

static bool
add_sink(Fanout *fanout, const SinkSetup *setup, Error *err)
{
	SinkUse    *use = &fanout->sinks[fanout->sink_count];

	use->setup = setup;
	use->format = find_format(fanout, setup, err);
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

void
fanout_set_outbox(Fanout *fanout, Outbox *outbox)
{
	fanout->outbox = outbox;
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

/* A sink that is new, or lost its notes, has those of the others. */
static bool
share_notes(Fanout *fanout, Error *err)
{
	const Notes *oldest = fanout_notes(fanout);

	for (size_t i = 0; i < fanout->sink_count; i++)
	{
		Notes	   *notes = &fanout->sinks[i].sink->notes;

		if (notes != oldest && !notes_merge(notes, oldest, err))
			return false;
	}
	return true;
}

bool
fanout_resume(Fanout *fanout, const SlotIdentity *identity, Error *err)
{
	for (size_t i = 0; i < fanout->sink_count; i++)
		if (!resume_sink(&fanout->sinks[i], identity, err))
			return error_prefix(err, "sink %s", fanout->sinks[i].setup->name);
	return share_notes(fanout, err);
}

void
fanout_held(Fanout *fanout)
{
	for (size_t i = 0; i < fanout->sink_count; i++)
		fanout->sinks[i].sink->held++;
}

bool
fanout_note(Fanout *fanout, const char *key, Slice value, Error *err)
{
	for (size_t i = 0; i < fanout->sink_count; i++)
		if (!notes_set(&fanout->sinks[i].sink->notes, key, value, err))
			return error_prefix(err, "sink %s", fanout->sinks[i].setup->name);
	return true;
}

/* New sinks have none: theirs count only where all are new. */
const Notes *
fanout_notes(const Fanout *fanout)
{
	const Sink *oldest = fanout->sinks[0].sink;

	for (size_t i = 1; i < fanout->sink_count; i++)
	{
		const Sink *sink = fanout->sinks[i].sink;

		if (sink->notes.count > 0 &&
			(oldest->notes.count == 0 || sink->durable < oldest->durable))
			oldest = sink;
	}
	return &oldest->notes;
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
	if (!use->setup->ops->has_topics || !use->setup->config.format->binary ||
		use->format->format->registered)
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
	route->by_value = fanout->outbox != NULL &&
		outbox_has(fanout->outbox, table);
	if (route->by_value)
		return route;
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

/* ---- offering ---- */

static bool
wants(const SinkUse *use, Position position)
{
	return !position_before(position, use->sink->accepted);
}

/* What is to be rendered and offered: one of the four. */
typedef struct Offer
{
	const Transaction *begin;
	const Change *change;
	const LogicalMessage *message;
	const TxnEnd *commit;
	const TableRoute *route;	/* of the change */
	Position	position;
} Offer;

static FormatResult
call_format(const FormatUse *use, const Offer *offer, const char *topic,
			Records *records, Error *err)
{
	Format	   *format = use->format;
	const FormatOps *ops = format->ops;

	if (offer->begin != NULL)
		return ops->begin(format, offer->begin, records, err);
	if (offer->commit != NULL)
		return ops->commit(format, offer->commit, offer->position, records,
						   err);
	if (offer->message != NULL)
		return ops->message(format, offer->message, offer->position, topic,
							records, err);
	return ops->change(format, offer->change, offer->position, topic, records,
					   err);
}

static FormatResult
render(FormatUse *use, const Offer *offer, const char *topic, Error *err)
{
	FormatResult result;

	if (use->rendered)
		return FORMAT_OK;
	result = call_format(use, offer, topic, &use->records, err);
	if (result == FORMAT_FAILED && offer->change != NULL)
		error_prefix(err, "table %s.%s", offer->change->table->schema,
					 offer->change->table->name);
	use->rendered = result == FORMAT_OK;
	return result;
}

static const Transaction *
offer_txn(const Offer *offer)
{
	if (offer->begin != NULL)
		return offer->begin;
	if (offer->commit != NULL)
		return &offer->commit->txn;
	return offer->change != NULL ? offer->change->txn : offer->message->txn;
}

static SinkResult
put(SinkUse *use, const Delivery *delivery, Error *err)
{
	SinkResult	result;

	if (delivery->count == 0)
		return SINK_OK;
	result = sink_put(use->sink, delivery, err);
	if (result == SINK_FAILED)
		error_prefix(err, "sink %s", use->setup->name);
	return result;
}

static SinkResult
offer_one(Fanout *fanout, size_t index, const Offer *offer, Error *err)
{
	SinkUse    *use = &fanout->sinks[index];
	FormatUse  *format = use->format;
	bool		wanted = wants(use, offer->position);
	Delivery	delivery = {
		.position = offer->position, .txn = offer_txn(offer),
		.table = offer->change != NULL ? offer->change->table : NULL,
		.topic = offer->route != NULL ? offer->route->topics[index] :
		use->message_topic
	};

	if (!wanted && !format->format->ops->sees_all)
		return SINK_OK;
	switch (render(format, offer, delivery.topic, err))
	{
		case FORMAT_OK:
			break;
		case FORMAT_WAIT:
			return SINK_FULL;
		case FORMAT_FAILED:
			return SINK_FAILED;
	}
	if (!wanted)
		return SINK_OK;
	delivery.records = format->records.records;
	delivery.count = format->records.count;
	return put(use, &delivery, err);
}

static SinkResult
offer_all(Fanout *fanout, const Offer *offer, Error *err)
{
	bool		full = false;

	for (size_t i = 0; i < fanout->sink_count; i++)
	{
		SinkResult	result = offer_one(fanout, i, offer, err);

		if (result == SINK_FAILED)
			return result;
		full |= result == SINK_FULL;
	}
	return full ? SINK_FULL : SINK_OK;
}

SinkResult
fanout_begin(Fanout *fanout, const Transaction *txn, Error *err)
{
	Offer		offer = {
		.begin = txn, .position = {txn->commit_lsn, 0}
	};

	return offer_all(fanout, &offer, err);
}

/* Whether records stand behind one another, each in a line. */
static bool
writes_lines(const SinkUse *use)
{
	return use->setup->ops->framed && !use->setup->config.format->binary;
}

/* A row of an outbox: no format is asked. */
static SinkResult
offer_event(Fanout *fanout, const Change *change, Position position,
			Error *err)
{
	bool		full = false;
	OutboxEvent event;

	switch (outbox_change(fanout->outbox, change, &event, err))
	{
		case OUTBOX_EVENT:
			break;
		case OUTBOX_DROP:
			return SINK_OK;
		case OUTBOX_FAILED:
			return SINK_FAILED;
	}
	for (size_t i = 0; i < fanout->sink_count; i++)
	{
		SinkUse    *use = &fanout->sinks[i];
		Record		record = event.record;
		Delivery	delivery = {
			.position = position, .txn = change->txn, .topic = record.topic,
			.records = &record, .count = 1
		};
		SinkResult	result;

		if (!wants(use, position))
			continue;
		if (writes_lines(use))
			record.value = event.line;
		result = put(use, &delivery, err);
		if (result == SINK_FAILED)
			return result;
		full |= result == SINK_FULL;
	}
	return full ? SINK_FULL : SINK_OK;
}

SinkResult
fanout_change(Fanout *fanout, const Change *change, Position position,
			  Error *err)
{
	Offer		offer = {
		.change = change, .position = position,
		.route = find_route(fanout, change->table, err)
	};

	if (offer.route == NULL)
		return SINK_FAILED;
	if (offer.route->by_value)
		return offer_event(fanout, change, position, err);
	return offer_all(fanout, &offer, err);
}

SinkResult
fanout_message(Fanout *fanout, const LogicalMessage *message,
			   Position position, Error *err)
{
	Offer		offer = {.message = message, .position = position};

	return offer_all(fanout, &offer, err);
}

static SinkResult
commit_one(SinkUse *use, const TxnEnd *end, Error *err)
{
	SinkResult	result;

	if (use->sink->accepted.lsn >= end->end_lsn)
		return SINK_OK;
	result = sink_commit(use->sink, end, err);
	if (result == SINK_FAILED)
		error_prefix(err, "sink %s", use->setup->name);
	return result;
}

SinkResult
fanout_commit(Fanout *fanout, const TxnEnd *end, uint64_t last, Error *err)
{
	Offer		offer = {
		.commit = end, .position = {end->txn.commit_lsn, last + 1}
	};
	bool		full = false;

	for (size_t i = 0; i < fanout->sink_count; i++)
	{
		SinkResult	result = offer_one(fanout, i, &offer, err);

		if (result == SINK_OK)
			result = commit_one(&fanout->sinks[i], end, err);
		if (result == SINK_FAILED)
			return result;
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

/*
 * A heartbeat goes to the sinks that have room for it: the next one is as
 * good.
 */
static bool
put_aside(Fanout *fanout, const FormatUse *format, const Records *records,
		  Error *err)
{
	for (size_t i = 0; i < fanout->sink_count && records->count > 0; i++)
	{
		SinkUse    *use = &fanout->sinks[i];
		Delivery	delivery = {
			.position = use->sink->accepted, .aside = true,
			.topic = use->message_topic, .records = records->records,
			.count = records->count
		};

		if (use->format == format && put(use, &delivery, err) == SINK_FAILED)
			return false;
	}
	return true;
}

/* Not while records it rendered wait to be taken. */
static bool
tick_formats(Fanout *fanout, Error *err)
{
	int64_t		now = clock_now();

	for (size_t i = 0; i < fanout->format_count; i++)
	{
		FormatUse  *use = &fanout->formats[i];
		Records		records = {.count = 0};

		if (use->rendered)
			continue;
		if (use->format->ops->tick(use->format, now, &records,
								   err) == FORMAT_FAILED ||
			!put_aside(fanout, use, &records, err))
			return false;
	}
	return true;
}

SinkPoll
fanout_poll(Fanout *fanout, Error *err)
{
	SinkPoll	outcome = SINK_POLL_OK;

	if (!tick_formats(fanout, err))
		return SINK_POLL_FAILED;
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
	for (size_t i = 0; i < fanout->format_count; i++)
	{
		Format	   *format = fanout->formats[i].format;

		/* its ticks wait as well: what is due must not wake anybody */
		if (fanout->formats[i].rendered)
			continue;
		used += format->ops->watch(format, fds + used, room - used, deadline);
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
			sink_free(fanout->sinks[i].sink);
		free(fanout->sinks[i].message_topic);
		numbering_free(fanout->sinks[i].numbering);
	}
	for (size_t i = 0; i < fanout->format_count; i++)
		fanout->formats[i].format->ops->free(fanout->formats[i].format);
	free(fanout->sinks);
	free(fanout->formats);
	free(fanout);
}
