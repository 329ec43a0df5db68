/*
 * job.c
 *		One blocking call on a thread of its own, so that the loop goes on.
 */
#include "job.h"

#include <assert.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

void
job_init(Job *job, int wake_fd)
{
	memset(job, 0, sizeof(*job));
	job->wake_fd = wake_fd;
}

static void *
job_main(void *self)
{
	Job   *job = self;
	uint64_t	one = 1;
	int			wake_fd = job->wake_fd;

	job->run(job->argument);
	atomic_store(&job->done, true);

	/* Can only fail if it is readable already. */
	if (write(wake_fd, &one, sizeof(one)) < 0)
		return NULL;
	return NULL;
}

bool
job_begin(Job *job, void (*run) (void *), void *argument,
				Error *err)
{
	sigset_t	all;
	sigset_t	before;
	int			result;

	assert(!job->running);
	job->run = run;
	job->argument = argument;
	atomic_store(&job->done, false);

	/* Signals are the loop's: the thread must not take them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	result = pthread_create(&job->thread, NULL, job_main, job);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (result != 0)
		return error_set(err, ERROR_INTERNAL, "could not start a thread: %s",
						 strerror(result));
	job->running = true;
	return true;
}

void
job_join(Job *job)
{
	if (!job->running)
		return;
	pthread_join(job->thread, NULL);
	job->running = false;
}

bool
job_finished(Job *job)
{
	if (!job->running || !atomic_load(&job->done))
		return false;
	job_join(job);
	return true;
}
