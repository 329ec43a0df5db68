/*
 * clock.c
 *		Time. See clock.h.
 */
#include "clock.h"

#include <limits.h>
#include <time.h>

static int64_t
clock_read(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t) now.tv_sec * CLOCK_SECOND + now.tv_nsec / 1000;
}

int64_t
clock_now(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

int64_t
clock_wall(void)
{
	return clock_read(CLOCK_REALTIME);
}

/* Rounds up: waking a fraction of a millisecond early would spin. */
int
clock_ms_until(int64_t deadline)
{
	int64_t		now = clock_now();
	int64_t		ms;

	if (deadline <= now)
		return 0;
	if (deadline - now > (int64_t) INT_MAX * CLOCK_MS)
		return INT_MAX;
	ms = (deadline - now + CLOCK_MS - 1) / CLOCK_MS;
	return (int) ms;
}

/* splitmix64: jitter needs no more, and no state of the C library's. */
static uint64_t
clock_random(void)
{
	static uint64_t state;
	uint64_t	value;

	if (state == 0)
		state = (uint64_t) clock_wall() ^ (uint64_t) clock_now() << 32;
	value = state += UINT64_C(0x9e3779b97f4a7c15);
	value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
	return value ^ value >> 31;
}

int64_t
clock_backoff(int attempt, int64_t base, int64_t limit)
{
	int64_t		delay = base < limit ? base : limit;

	for (int i = 1; i < attempt && delay < limit; i++)
		delay = delay > limit / 2 ? limit : delay * 2;
	if (delay <= 0)
		return 0;
	return delay - (int64_t) (clock_random() % (uint64_t) (delay / 2 + 1));
}
