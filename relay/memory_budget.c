/*
 * memory_budget.c
 *		How the option memory is divided. See memory_budget.h.
 */
#include "memory_budget.h"

#include <inttypes.h>
#include <stdlib.h>

#include "log.h"

#define MB				(INT64_C(1) << 20)
/* Code, libraries, connections, tables, the record at hand: measured. */
#define BUDGET_FLOOR	(32 * MB)
/* The memory that weights are parts of. */
#define BUDGET_WHOLE	(256 * MB)
#define BUDGET_SPOOL	(64 * MB)

/* One that wants memory. */
typedef struct Claim
{
	const char *name;
	int64_t    *place;			/* where the size is kept */
	int64_t		weight;
	int64_t		least;
	bool		set;
} Claim;

/* The row of a sink's options that is a share; NULL: it holds no records. */
static const Option *
find_share(const OptionTable *table)
{
	for (size_t i = 0; table != NULL && i < table->count; i++)
		if (table->options[i].share)
			return &table->options[i];
	return NULL;
}

/* Returns how many of claims were filled; there is room for all. */
static size_t
collect_claims(Settings *settings, SinkSetups *sinks, Claim *claims)
{
	size_t		count = 0;

	claims[count++] = (Claim) {
		.name = "spool_memory", .place = &settings->spool_memory,
		.weight = BUDGET_SPOOL, .least = MEMORY_SPOOL_MIN,
		.set = settings->spool_memory > 0
	};
	for (size_t i = 0; i < sinks->count; i++)
	{
		SinkSetup  *setup = &sinks->setups[i];
		const Option *option = find_share(setup->ops->options);
		Claim	   *claim = &claims[count];

		if (option == NULL)
			continue;
		*claim = (Claim) {
			.name = setup->name, .least = option->min,
			.place = (int64_t *) ((char *) setup->options + option->offset),
			.set = setup->memory_set
		};
		claim->weight = *claim->place;
		count++;
	}
	return count;
}

static bool
too_little(const Settings *settings, int64_t needed, Error *err)
{
	error_set(err, ERROR_USAGE,
			  "memory (%" PRId64 " MB) is too little: the sinks and the spool take %" PRId64 " MB with the sizes they were given or need at least",
			  settings->memory / MB, (needed + MB - 1) / MB);
	return error_hint(err, "Raise memory, or lower queue_bytes, memory of a sink or spool_memory.");
}

bool
memory_budget_divide(Settings *settings, SinkSetups *sinks, Error *err)
{
	Claim	   *claims = calloc(sinks->count + 1, sizeof(*claims));
	size_t		count;
	int64_t		needed = BUDGET_FLOOR;
	double		weights = 0;
	double		part;
	double		most = (double) settings->memory / BUDGET_WHOLE;

	if (claims == NULL)
		return error_no_memory(err);
	count = collect_claims(settings, sinks, claims);
	for (size_t i = 0; i < count; i++)
	{
		if (claims[i].set)
			needed += *claims[i].place;
		else
			weights += (double) claims[i].weight;
	}
	part = weights > 0 ? (double) (settings->memory - needed) / weights : 0;
	if (part > most)
		part = most;
	for (size_t i = 0; i < count; i++)
	{
		int64_t		size = (int64_t) ((double) claims[i].weight * part);

		if (claims[i].set)
			continue;
		size = size < claims[i].least ? claims[i].least : size;
		*claims[i].place = size;
		needed += size;
		log_debug("memory: %" PRId64 " kB for %s", size / 1024,
				  claims[i].name);
	}
	free(claims);
	return needed <= settings->memory || too_little(settings, needed, err);
}
