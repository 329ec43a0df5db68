/*
 * budget.c
 *		What spool and sinks may take of the memory. See budget.h.
 */
#include "budget.h"

#include <inttypes.h>
#include <malloc.h>

#include "log.h"

#define MB				INT64_C(1048576)
#define OWN_SHARE		4		/* the relay's own: one in so many */
#define SPOOL_SHARE		4
#define LEAST			(64 * MB)
#define LEAST_SINK		(22 * MB)	/* two parts of an object, and more */

/* Free memory that threads keep to themselves counts as taken. */
#define ARENAS			2
#define LARGE_PIECE		((int) MB)
#define KEPT_FREE		(8 * (int) MB)

/* What bounds the sink; NULL: it takes next to nothing. */
static const Option *
sink_option(const SinkSetup *setup)
{
	const char *name = setup->ops->memory_option;

	return name == NULL ? NULL : option_find(setup->ops->options, name);
}

static int64_t *
sink_value(const SinkSetup *setup, const Option *option)
{
	return (int64_t *) ((char *) setup->options + option->offset);
}

static bool
sink_was_told(const SinkSetup *setup, const Option *option)
{
	return *(const bool *) ((const char *) setup->options + option->given);
}

/* What the sink takes for that value. */
static int64_t
sink_cost(const SinkSetup *setup, int64_t value)
{
	return value / 100 * setup->ops->memory_percent;
}

static int64_t
in_mb(int64_t bytes)
{
	return (bytes + MB - 1) / MB;
}

/* What is asked for by name, and how many sinks ask for nothing. */
typedef struct Wishes
{
	int64_t		own;
	int64_t		spool;
	int64_t		sinks;
	int			silent;
} Wishes;

static Wishes
collect(const Settings *settings, const SinkSetups *sinks)
{
	Wishes		wishes = {.own = settings->memory / OWN_SHARE};

	if (settings->streaming)
		wishes.spool = settings->spool_memory_given ?
			settings->spool_memory :
			settings->memory / SPOOL_SHARE;
	for (size_t i = 0; i < sinks->count; i++)
	{
		const SinkSetup *setup = &sinks->setups[i];
		const Option *option = sink_option(setup);

		if (option == NULL)
			continue;
		if (sink_was_told(setup, option))
			wishes.sinks += sink_cost(setup, *sink_value(setup, option));
		else
			wishes.silent++;
	}
	return wishes;
}

static bool
refuse(const Settings *settings, const Wishes *wishes, Error *err)
{
	error_set(err, ERROR_USAGE, "memory = %" PRId64 "MB does not suffice",
			  in_mb(settings->memory));
	error_detail(err, "The relay itself keeps %" PRId64 " MB, transactions in progress (spool_memory) take %" PRId64 " MB, sinks with options of their own (queue_bytes of kafka, twice; memory of s3) %" PRId64 " MB, and %d others at least %" PRId64 " MB each.",
				 in_mb(wishes->own), in_mb(wishes->spool),
				 in_mb(wishes->sinks), wishes->silent, in_mb(LEAST_SINK));
	return error_hint(err, "Raise memory, or lower what was set beside it.");
}

bool
budget_apply(Settings *settings, SinkSetups *sinks, Error *err)
{
	Wishes		wishes;
	int64_t		left;

	if (settings->memory == 0)
		return true;
	wishes = collect(settings, sinks);
	left = settings->memory - wishes.own - wishes.spool - wishes.sinks;
	if (settings->memory < LEAST || left < wishes.silent * LEAST_SINK)
		return refuse(settings, &wishes, err);
	if (settings->streaming)
		settings->spool_memory = wishes.spool;
	for (size_t i = 0; i < sinks->count; i++)
	{
		SinkSetup  *setup = &sinks->setups[i];
		const Option *option = sink_option(setup);

		if (option == NULL)
			continue;
		if (!sink_was_told(setup, option))
			*sink_value(setup, option) = left / wishes.silent * 100 /
				setup->ops->memory_percent;
		log_debug("memory: sink %s has %s = %" PRId64 "MB", setup->name,
				  option->name, *sink_value(setup, option) / MB);
	}
	mallopt(M_ARENA_MAX, ARENAS);
	mallopt(M_MMAP_THRESHOLD, LARGE_PIECE);
	mallopt(M_TRIM_THRESHOLD, KEPT_FREE);
	return true;
}
