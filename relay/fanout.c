/*
 * fanout.c
 *		One stream in, every sink out. See fanout_state.h.
 */
#include "fanout_state.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"

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

static bool
add_sink(Fanout *fanout, const SinkSetup *setup, Error *err)
{
	SinkUse    *use = &fanout->sinks[fanout->sink_count];

	use->setup = setup;
	use->format = find_format(fanout, setup, err);
	if (use->format == NULL)
		return false;
	use->message_topic = fanout_topic(fanout, setup,
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

void
fanout_set_quiet(Fanout *fanout)
{
	fanout->quiet = true;
}

void
fanout_renew_fields(Fanout *fanout, const OptionList *topics)
{
	for (size_t i = 0; i < fanout->sink_count; i++)
		fanout->sinks[i].numbering.renewed = topics;
}

static bool
resume_sink(SinkUse *use, const SlotIdentity *identity, Error *err)
{
	Sink	   *sink = use->sink;
	char		text[LSN_TEXT_SIZE];

	switch (sink_resume(sink, identity, err))
	{
		case SINK_RESUMED:
			if (sink->durable == LSN_INVALID)
				return true;	/* the spool, of new sinks */
			log_info("sink %s: resumes at %s", use->setup->name,
					 lsn_format(sink->durable, text));
			return true;
		case SINK_NEW:
			use->fresh = true;
			if (identity->snapshot != LSN_INVALID)
				log_info("sink %s: has no checkpoint: it is new and begins with a snapshot",
						 use->setup->name);
			else
				log_info("sink %s: has no checkpoint: it is new and begins where the slot stands, at %s",
						 use->setup->name,
						 lsn_format(identity->confirmed, text));
			return sink->ops->record(sink, identity->confirmed, err);
		case SINK_RESUME_FAILED:
			break;
	}
	return false;
}

bool
fanout_share_notes(Fanout *fanout, const Notes *notes, Error *err)
{
	for (size_t i = 0; i < fanout->sink_count; i++)
	{
		Notes	   *own = &fanout->sinks[i].sink->notes;

		if (own != notes && !notes_merge(own, notes, err))
			return error_prefix(err, "sink %s", fanout->sinks[i].setup->name);
	}
	return true;
}

bool
fanout_resume(Fanout *fanout, const SlotIdentity *identity, Error *err)
{
	for (size_t i = 0; i < fanout->sink_count; i++)
		if (!resume_sink(&fanout->sinks[i], identity, err))
			return error_prefix(err, "sink %s", fanout->sinks[i].setup->name);
	return fanout_share_notes(fanout, fanout_notes(fanout), err);
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

		if (use->format == format &&
			fanout_put(use, &delivery, err) == SINK_FAILED)
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

const char *
fanout_last(const Fanout *fanout)
{
	const SinkUse *last = &fanout->sinks[0];

	for (size_t i = 1; i < fanout->sink_count; i++)
	{
		const Sink *one = last->sink;
		const Sink *other = fanout->sinks[i].sink;

		/* in one transaction: the one that has taken less of it */
		if (other->durable < one->durable ||
			(other->durable == one->durable &&
			 position_before(other->accepted, one->accepted)))
			last = &fanout->sinks[i];
	}
	return last->setup->name;
}

bool
fanout_follow(Fanout *fanout, const Timelines *timelines, Error *err)
{
	for (size_t i = 0; i < fanout->sink_count; i++)
	{
		Sink	   *sink = fanout->sinks[i].sink;

		if (!timelines_hold(timelines, sink->timeline, sink->accepted,
							fanout->sinks[i].setup->name, err))
			return false;
	}
	for (size_t i = 0; i < fanout->sink_count; i++)
		fanout->sinks[i].sink->timeline = timelines_label(timelines);
	return true;
}

bool
fanout_fresh(const Fanout *fanout)
{
	for (size_t i = 0; i < fanout->sink_count; i++)
		if (!fanout->sinks[i].fresh)
			return false;
	return true;
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
		int64_t		now = clock_now();
		int64_t		share = (deadline - now) /
			(int64_t) (fanout->sink_count - i);
		Error		failure;

		/* one that is dead must not take the others' time */
		error_clear(&failure);
		if (sink->ops->drain(sink, now + share, &failure))
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
		fanout_free_route(fanout, fanout->routes.entries[i].value);
	free(fanout->routes.entries);
	for (size_t i = 0; i < fanout->sink_count; i++)
	{
		if (fanout->sinks[i].sink != NULL)
			sink_free(fanout->sinks[i].sink);
		free(fanout->sinks[i].message_topic);
		numbering_free(fanout->sinks[i].numbering.topics);
	}
	for (size_t i = 0; i < fanout->format_count; i++)
		fanout->formats[i].format->ops->free(fanout->formats[i].format);
	free(fanout->sinks);
	free(fanout->formats);
	free(fanout);
}
