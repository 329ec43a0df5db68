/*
 * clock.h
 *		Time. Monotonic time for deadlines and intervals, wall time for what
 *		people read and for signatures; never one for the other.
 */
#ifndef PG_FANOUT_CLOCK_H
#define PG_FANOUT_CLOCK_H

#include <stdint.h>

#define CLOCK_SECOND	INT64_C(1000000)
#define CLOCK_MS		INT64_C(1000)

/* Microseconds on the monotonic clock. */
extern int64_t clock_now(void);

/* Microseconds since 1970-01-01 UTC. */
extern int64_t clock_wall(void);

/* Whole milliseconds from now to a monotonic time, 0 if past: for poll(). */
extern int clock_ms_until(int64_t deadline);

/*
 * Delay before the given attempt (1, 2, ...): exponential from base, at most
 * limit, with full jitter in its upper half. Microseconds.
 */
extern int64_t clock_backoff(int attempt, int64_t base, int64_t limit);

#endif							/* PG_FANOUT_CLOCK_H */
