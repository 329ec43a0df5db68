/*
 * fanout_offer.c
 *		Renders each record once per format in use and offers it to every sink
 *		that still wants it. See fanout_state.h.
 */
#include "fanout_state.h"

#include <string.h>

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
	const char *skipped;		/* as Delivery's */
} Offer;

/* Whether a change for one sink alone is for this one. */
static bool
is_for(const SinkUse *use, const Change *change)
{
	return change == NULL || change->only == NULL ||
		use->setup->ops->takes_all ||
		strcmp(change->only, use->setup->name) == 0;
}

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

SinkResult
fanout_put(SinkUse *use, const Delivery *delivery, Error *err)
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
	bool		wanted = wants(use, offer->position) &&
		is_for(use, offer->change) &&
		(offer->skipped == NULL || use->setup->ops->has_dead_letters);
	Delivery	delivery = {
		.position = offer->position, .txn = offer_txn(offer),
		.skipped = offer->skipped,
		.only = offer->change != NULL ? offer->change->only : NULL,
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
			if (offer->skipped == NULL)
				return SINK_FAILED;
			error_clear(err);
			return SINK_OK;
	}
	if (!wanted)
		return SINK_OK;
	delivery.records = format->records.records;
	delivery.count = format->records.count;
	return fanout_put(use, &delivery, err);
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

		if (!wants(use, position) || !is_for(use, change))
			continue;
		if (writes_lines(use))
			record.value = event.line;
		result = fanout_put(use, &delivery, err);
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
		.route = fanout_find_route(fanout, change->table, err)
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

SinkResult
fanout_skip(Fanout *fanout, SourceResult kind, const SourceEvent *event,
			Position position, const char *reason, Error *err)
{
	Offer		offer = {.position = position, .skipped = reason};

	if (kind == SOURCE_MESSAGE)
		offer.message = &event->message;
	else if (kind == SOURCE_CHANGE)
	{
		offer.change = &event->change;
		offer.route = fanout_find_route(fanout, event->change.table, err);
		error_clear(err);
	}
	if (offer.message == NULL && (offer.route == NULL ||
								  offer.route->by_value))
		return SINK_OK;
	return offer_all(fanout, &offer, err);
}

bool
fanout_note_wanting(Fanout *fanout, Position position, const char *key,
					Slice value, Error *err)
{
	for (size_t i = 0; i < fanout->sink_count; i++)
	{
		SinkUse    *use = &fanout->sinks[i];

		if (wants(use, position) &&
			!notes_set(&use->sink->notes, key, value, err))
			return error_prefix(err, "sink %s", use->setup->name);
	}
	return true;
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
