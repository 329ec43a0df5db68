/*
 * verify.c
 *		--verify: whether what sinks wrote is all there. See verify.h.
 */
#include "verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void
say_line(bool fault, const char *line)
{
	printf("%-4s %s\n", fault ? "FAIL" : "ok", line);
	fflush(stdout);
}

static bool
verify_one(const SinkSetup *setup, SinkVerify *verify, Error *err)
{
	Sink	   *sink;
	bool		ok;

	if (setup->ops->verify == NULL)
	{
		error_set(err, ERROR_USAGE, "a sink of kind %s has nothing to verify",
				  setup->ops->name);
		return error_hint(err, "--verify reads what s3:// and dir:// sinks wrote.");
	}
	sink = setup->ops->create(&setup->config, err);
	if (sink == NULL)
		return false;
	ok = sink->ops->verify(sink, verify, err);
	sink_free(sink);
	return ok;
}

/* Which sinks: those whose name or URL was given. */
static bool
is_wanted(const Settings *settings, const SinkSetup *setup)
{
	for (size_t i = 0; i < settings->verify.count; i++)
	{
		const char *given = settings->verify.items[i];

		if (strcmp(given, setup->name) == 0 || setup->verify_only)
			return true;
	}
	return false;
}

bool
verify_all(const Settings *settings, const SinkSetups *sinks, Error *err)
{
	SinkVerify	verify = {.slot = settings->slot,
		.content = settings->verify_content,.say = say_line};

	for (size_t i = 0; i < sinks->count; i++)
		if (is_wanted(settings, &sinks->setups[i]) &&
			!verify_one(&sinks->setups[i], &verify, err))
			return error_prefix(err, "sink %s", sinks->setups[i].name);
	return verify.faults == 0 ||
		error_set(err, ERROR_VERIFY, "%" PRIu64 " faults were found",
				  verify.faults);
}
