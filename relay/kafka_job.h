/*
 * kafka_job.h
 *		One blocking call on a thread of its own, so that the loop goes on.
 *
 * A job is given to the thread whole and comes back whole: while it runs,
 * nobody else touches what it was given. One at a time. Its end wakes the loop
 * through a descriptor. Knows no Kafka.
 */
#ifndef PG_FANOUT_KAFKA_JOB_H
#define PG_FANOUT_KAFKA_JOB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "error.h"

typedef struct KafkaJob
{
	int			wake_fd;		/* an eventfd */
	bool		running;		/* the loop's: begun, not taken back */
	pthread_t	thread;
	void		(*run) (void *argument);
	void	   *argument;
	atomic_bool done;			/* set by the thread */
} KafkaJob;

/* wake_fd must outlive it. */
extern void kafka_job_init(KafkaJob *job, int wake_fd);

/* argument must live until the job was taken back. */
extern MUST_USE bool kafka_job_begin(KafkaJob *job, void (*run) (void *),
									 void *argument, Error *err);

/* Whether the job that runs is over; it is taken back then. */
extern bool kafka_job_finished(KafkaJob *job);

/* Waits for the job that runs, if one does. */
extern void kafka_job_join(KafkaJob *job);

#endif							/* PG_FANOUT_KAFKA_JOB_H */
