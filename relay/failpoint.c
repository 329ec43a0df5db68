/*
 * failpoint.c
 *		Places where a test can end the relay. See failpoint.h.
 *
 * Each is reached by one thread only, so that what is counted here needs no
 * lock.
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

#define ACTION_COUNT (sizeof(actions) / sizeof(actions[0]))

/* Of each place: after how many times what happens; 0: nothing any more. */
static struct
{
	unsigned long left;
	FailAction	action;
}			places[FAILPOINT_COUNT];

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

/* Arms the place that text names; it ends at a comma. */
static bool
arm(const char *text)
{
	size_t		length = strcspn(text, ":,");
	size_t		place = find_word(names, FAILPOINT_COUNT, text, length);
	size_t		found = FAIL_KILL;
	unsigned long count = 1;

	text += length;
	if (*text == ':' && text[1] >= '0' && text[1] <= '9')
	{
		char	   *end;

		count = strtoul(text + 1, &end, 10);
		text = end;
	}
	if (*text == ':')
	{
		length = strcspn(++text, ",");
		found = find_word(actions, ACTION_COUNT, text, length);
		text += length;
	}
	if (place == FAILPOINT_COUNT || found == ACTION_COUNT || count == 0 ||
		(*text != ',' && *text != '\0'))
		return false;
	places[place].left = count;
	places[place].action = (FailAction) found;
	return true;
}

bool
failpoint_init(Error *err)
{
	const char *text = getenv(FAILPOINT_VARIABLE);

	while (text != NULL && text[0] != '\0')
	{
		const char *next = strchr(text, ',');

		if (!arm(text))
		{
			error_set(err, ERROR_USAGE, "invalid " FAILPOINT_VARIABLE " at \"%s\"",
					  text);
			return error_hint(err, "Write NAME[:COUNT][:ACTION],...; see relay/failpoint.h.");
		}
		text = next != NULL ? next + 1 : NULL;
	}
	return true;
}

bool
failpoint_fails(Failpoint point)
{
	struct timespec pause = {.tv_sec = FAILPOINT_SLEEP};

	if (places[point].left == 0 || --places[point].left > 0)
		return false;

	/* not through the log, which other threads must leave alone */
	dprintf(STDERR_FILENO, "failpoint %s: %s\n", names[point],
			actions[places[point].action]);
	switch (places[point].action)
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
