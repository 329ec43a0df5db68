/*
 * failpoint.c
 *		Places where a test can end the relay. See failpoint.h.
 *
 * One is armed at most, and each is reached by one thread only, so that what
 * is counted here needs no lock.
 */
#include "failpoint.h"

#ifdef PG_FANOUT_FAILPOINTS

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FAILPOINT_VARIABLE	"PG_FANOUT_FAILPOINT"
#define FAILPOINT_SLEEP		2	/* seconds */
#define FAILPOINT_NAME(id, name, meaning) name,

typedef enum FailAction
{
	FAIL_KILL,
	FAIL_SLEEP,
	FAIL_ERROR
} FailAction;

static const char *const names[] = {FAILPOINTS(FAILPOINT_NAME)};
static const char *const actions[] = {"kill9", "sleep", "error"};

static Failpoint armed = FAILPOINT_COUNT;
static FailAction action = FAIL_KILL;
static unsigned long count = 1;	/* times until it happens; 0: it has */

/* Its place in the list; how many there are: none of them. */
static size_t
find_word(const char *const *list, size_t size, const char *word,
		  size_t length)
{
	size_t		i = 0;

	while (i < size && (strlen(list[i]) != length ||
						strncmp(list[i], word, length) != 0))
		i++;
	return i;
}

/* What follows the name. */
static bool
parse_rest(const char *text)
{
	size_t		found;

	if (*text == ':' && text[1] >= '0' && text[1] <= '9')
	{
		char	   *end;

		count = strtoul(text + 1, &end, 10);
		text = end;
	}
	if (*text == ':')
	{
		found = find_word(actions, sizeof(actions) / sizeof(actions[0]),
						  text + 1, strlen(text + 1));
		action = (FailAction) found;
		return found < sizeof(actions) / sizeof(actions[0]);
	}
	return *text == '\0';
}

bool
failpoint_init(Error *err)
{
	const char *text = getenv(FAILPOINT_VARIABLE);
	size_t		length;

	if (text == NULL || text[0] == '\0')
		return true;
	length = strcspn(text, ":");
	armed = (Failpoint) find_word(names, FAILPOINT_COUNT, text, length);
	if (armed != FAILPOINT_COUNT && parse_rest(text + length) && count > 0)
		return true;
	error_set(err, ERROR_USAGE, "invalid " FAILPOINT_VARIABLE " \"%s\"", text);
	return error_hint(err, "Write NAME[:COUNT][:ACTION]; see relay/failpoint.h.");
}

bool
failpoint_fails(Failpoint point)
{
	struct timespec pause = {.tv_sec = FAILPOINT_SLEEP};

	if (point != armed || count == 0 || --count > 0)
		return false;

	/* not through the log, which other threads must leave alone */
	dprintf(STDERR_FILENO, "failpoint %s: %s\n", names[point],
			actions[action]);
	switch (action)
	{
		case FAIL_KILL:
			kill(getpid(), SIGKILL);
			break;
		case FAIL_SLEEP:
			nanosleep(&pause, NULL);
			break;
		case FAIL_ERROR:
			errno = EIO;
			return true;
	}
	return false;
}

bool
failpoint_passes(Failpoint point, Error *err)
{
	return !failpoint_fails(point) ||
		error_set(err, ERROR_INTERNAL, "failpoint %s", names[point]);
}

#endif							/* PG_FANOUT_FAILPOINTS */
