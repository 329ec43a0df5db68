/*
 * clock_step.c
 *		A wall clock that a test sets while a program runs: LD_PRELOAD.
 *
 * CLOCK_STEP names a file of eight bytes, the seconds by which the wall clock
 * is wrong just now. The monotonic clock is left alone; waits that end at a
 * time of the wall clock last as long as they would.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static int64_t
step(void)
{
	static volatile int64_t *seconds;

	if (seconds == NULL)
	{
		int			fd = open(getenv("CLOCK_STEP"), O_RDONLY);
		void	   *mapped = mmap(NULL, sizeof(*seconds), PROT_READ,
								  MAP_SHARED, fd, 0);

		if (mapped == MAP_FAILED)
			abort();
		seconds = mapped;
		close(fd);
	}
	return *seconds;
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	static int	(*real) (clockid_t, struct timespec *);
	int			result;

	if (real == NULL)
		real = (int (*) (clockid_t, struct timespec *)) dlsym(RTLD_NEXT,
															  "clock_gettime");
	result = real(clock, now);
	if (clock == CLOCK_REALTIME)
		now->tv_sec += step();
	return result;
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec exact;

	(void) zone;
	clock_gettime(CLOCK_REALTIME, &exact);
	now->tv_sec = exact.tv_sec;
	now->tv_usec = exact.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *to)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (to != NULL)
		*to = now.tv_sec;
	return now.tv_sec;
}

int
timespec_get(struct timespec *now, int base)
{
	clock_gettime(CLOCK_REALTIME, now);
	return base;
}

int
pthread_cond_timedwait(pthread_cond_t *restrict condition,
					   pthread_mutex_t *restrict mutex,
					   const struct timespec *restrict end)
{
	static int	(*real) (pthread_cond_t *, pthread_mutex_t *,
						 const struct timespec *);
	struct timespec truly = *end;

	if (real == NULL)
		real = (int (*) (pthread_cond_t *, pthread_mutex_t *,
						 const struct timespec *))
			dlsym(RTLD_NEXT, "pthread_cond_timedwait");
	truly.tv_sec -= step();
	return real(condition, mutex, &truly);
}

int
cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex,
			  const struct timespec *restrict end)
{
	static int	(*real) (cnd_t *, mtx_t *, const struct timespec *);
	struct timespec truly = *end;

	if (real == NULL)
		real = (int (*) (cnd_t *, mtx_t *, const struct timespec *))
			dlsym(RTLD_NEXT, "cnd_timedwait");
	truly.tv_sec -= step();
	return real(condition, mutex, &truly);
}
