/*
 * job.h
 *		One blocking call on a thread of its own, so that the loop goes on.
 *
 * A job is given to the thread whole and comes back whole: while it runs,
 * nobody else touches what it was given. One at a time. Its end wakes the loop
 * through a descriptor. Knows no Kafka.
 */
#ifndef PG_FANOUT_JOB_H
#define PG_FANOUT_JOB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "error.h"

typedef struct Job
{
	int			wake_fd;		/* an eventfd */
	bool		running;		/* the loop's: begun, not taken back */
	pthread_t	thread;
	void		(*run) (void *argument);
	void	   *argument;
	atomic_bool done;			/* set by the thread */
} Job;

/* wake_fd must outlive it. */
extern void job_init(Job *job, int wake_fd);

/* argument must live until the job was taken back. */
extern MUST_USE bool job_begin(Job *job, void (*run) (void *),
									 void *argument, Error *err);

/* Whether the job that runs is over; it is taken back then. */
extern bool job_finished(Job *job);

/* Waits for the job that runs, if one does. */
extern void job_join(Job *job);

#endif							/* PG_FANOUT_JOB_H */
