/*
 * kafka_warm.c
 *		Asks brokers about a topic, off the loop's thread.
 */
#include "kafka_warm.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Milliseconds one request may take; the loop asks again. */
#define KAFKA_WARM_TIMEOUT	2000

typedef enum WarmState
{
	WARM_IDLE,
	WARM_ASKED,
	WARM_ANSWERED
} WarmState;

struct KafkaWarm
{
	rd_kafka_t *rk;
	int			wake_fd;
	pthread_t	thread;
	pthread_mutex_t lock;		/* guards what follows */
	pthread_cond_t changed;
	WarmState	state;
	bool		stopping;
	KafkaWarmAnswer job;
};

static KafkaWarmAnswer
warm_request(rd_kafka_t *rk, rd_kafka_topic_t *topic)
{
	const struct rd_kafka_metadata *metadata = NULL;
	KafkaWarmAnswer answer = {.topic = topic};

	answer.resp = rd_kafka_metadata(rk, 0, topic, &metadata,
									KAFKA_WARM_TIMEOUT);
	if (answer.resp != RD_KAFKA_RESP_ERR_NO_ERROR)
		return answer;
	answer.brokers = metadata->broker_cnt;
	if (metadata->topic_cnt == 1)
	{
		answer.resp = metadata->topics[0].err;
		answer.partitions = metadata->topics[0].partition_cnt;
	}
	else
		answer.resp = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	rd_kafka_metadata_destroy(metadata);
	return answer;
}

static void
warm_wake(const KafkaWarm *warm)
{
	uint64_t	one = 1;

	/* Can only fail if it is readable already. */
	if (write(warm->wake_fd, &one, sizeof(one)) < 0)
		return;
}

static void *
warm_run(void *self)
{
	KafkaWarm  *warm = self;

	pthread_mutex_lock(&warm->lock);
	while (!warm->stopping)
	{
		rd_kafka_topic_t *topic = warm->job.topic;
		KafkaWarmAnswer answer;

		if (warm->state != WARM_ASKED)
		{
			pthread_cond_wait(&warm->changed, &warm->lock);
			continue;
		}
		pthread_mutex_unlock(&warm->lock);
		answer = warm_request(warm->rk, topic);
		pthread_mutex_lock(&warm->lock);
		warm->job = answer;
		warm->state = WARM_ANSWERED;
		warm_wake(warm);
	}
	pthread_mutex_unlock(&warm->lock);
	return NULL;
}

/* Signals are the loop's: the thread must not take them. */
static int
warm_create_thread(KafkaWarm *warm)
{
	sigset_t	all;
	sigset_t	before;
	int			result;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	result = pthread_create(&warm->thread, NULL, warm_run, warm);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return result;
}

KafkaWarm *
kafka_warm_start(rd_kafka_t *rk, int wake_fd, Error *err)
{
	KafkaWarm  *warm = calloc(1, sizeof(*warm));
	int			result;

	if (warm == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	warm->rk = rk;
	warm->wake_fd = wake_fd;
	pthread_mutex_init(&warm->lock, NULL);
	pthread_cond_init(&warm->changed, NULL);
	result = warm_create_thread(warm);
	if (result == 0)
		return warm;
	error_set(err, ERROR_INTERNAL, "could not start a thread: %s",
			  strerror(result));
	pthread_cond_destroy(&warm->changed);
	pthread_mutex_destroy(&warm->lock);
	free(warm);
	return NULL;
}

bool
kafka_warm_ask(KafkaWarm *warm, rd_kafka_topic_t *topic)
{
	bool		idle;

	pthread_mutex_lock(&warm->lock);
	idle = warm->state == WARM_IDLE;
	if (idle)
	{
		warm->job = (KafkaWarmAnswer) {.topic = topic};
		warm->state = WARM_ASKED;
		pthread_cond_signal(&warm->changed);
	}
	pthread_mutex_unlock(&warm->lock);
	return idle;
}

bool
kafka_warm_take(KafkaWarm *warm, KafkaWarmAnswer *answer)
{
	bool		answered;

	pthread_mutex_lock(&warm->lock);
	answered = warm->state == WARM_ANSWERED;
	if (answered)
	{
		*answer = warm->job;
		warm->state = WARM_IDLE;
	}
	pthread_mutex_unlock(&warm->lock);
	return answered;
}

void
kafka_warm_stop(KafkaWarm *warm)
{
	if (warm == NULL)
		return;
	pthread_mutex_lock(&warm->lock);
	warm->stopping = true;
	pthread_cond_signal(&warm->changed);
	pthread_mutex_unlock(&warm->lock);
	pthread_join(warm->thread, NULL);
	pthread_cond_destroy(&warm->changed);
	pthread_mutex_destroy(&warm->lock);
	free(warm);
}
