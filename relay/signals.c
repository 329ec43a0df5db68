/*
 * signals.c
 *		Signals as flags, with a descriptor that wakes the loop.
 */
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static volatile sig_atomic_t stop_count;
static volatile sig_atomic_t reopen_wanted;
static volatile sig_atomic_t end_at_once;
static int	wake_descriptor = -1;

/* Nothing but what a signal handler may do. */
static void
end_now(void)
{
	static const char text[] = "pg_fanout: stopped before it began\n";

	/* there is nobody left to tell if this fails */
	(void) !write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(0);
}

static void
on_signal(int number)
{
	int			saved = errno;
	uint64_t	one = 1;

	if (number == SIGHUP)
		reopen_wanted = 1;
	else if (++stop_count > 1)
		_exit(128 + number);
	else if (end_at_once)
		end_now();
	if (write(wake_descriptor, &one, sizeof(one)) < 0)
		errno = saved;			/* full: it is readable already */
	errno = saved;
}

bool
signals_init(Error *err)
{
	struct sigaction action;

	wake_descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (wake_descriptor < 0)
		return error_set(err, ERROR_INTERNAL, "cannot make an eventfd: %s",
						 strerror(errno));
	memset(&action, 0, sizeof(action));
	sigemptyset(&action.sa_mask);
	action.sa_handler = on_signal;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
	sigaction(SIGXFSZ, &action, NULL);
	return true;
}

int
signals_descriptor(void)
{
	return wake_descriptor;
}

void
signals_drain(void)
{
	uint64_t	count;

	while (read(wake_descriptor, &count, sizeof(count)) > 0)
		;
}

bool
signals_stop(void)
{
	return stop_count > 0;
}

void
signals_end_at_once(bool on)
{
	end_at_once = on;
	if (on && stop_count > 0)
		end_now();
}

bool
signals_reopen(void)
{
	bool		wanted = reopen_wanted;

	reopen_wanted = 0;
	return wanted;
}
