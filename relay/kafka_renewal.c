/*
 * kafka_renewal.c
 *		A producer made anew while the loop goes on, and what it finds stored.
 */
#include "kafka_renewal.h"

#include <unistd.h>

#include "clock.h"

#define RENEWAL_TEXT_LIMIT	65536

/* For one attempt: the first, and how often that at most. */
#define RENEWAL_TIME		(5 * CLOCK_SECOND)
#define RENEWAL_PATIENCE	6

#define RENEWAL_PAUSE		200000	/* microseconds between them */

void
kafka_renewal_init(KafkaRenewal *renewal, int wake_fd,
				   const KafkaProgressPlace *place)
{
	job_init(&renewal->job, wake_fd);
	atomic_store(&renewal->stop, false);
	renewal->place = place;
	buf_init(&renewal->text, RENEWAL_TEXT_LIMIT);
}

/* Notes are in memory already; what is read of them is dropped. */
static bool
renewal_try(KafkaRenewal *renewal, int attempt, Error *err)
{
	int64_t		deadline = clock_now() + RENEWAL_TIME *
		(attempt < RENEWAL_PATIENCE ? attempt : RENEWAL_PATIENCE);
	Notes		notes = {0};
	bool		ok;

	buf_clear(&renewal->text);
	renewal->link = kafka_link_open(&renewal->target, deadline,
									&renewal->stop, NULL, err);
	ok = renewal->link != NULL &&
		kafka_link_open_progress(renewal->link, renewal->place, err) &&
		kafka_progress_read(&renewal->target, renewal->place, deadline,
							&renewal->stop, &renewal->text, &notes, err);
	notes_free(&notes);
	if (ok)
		return true;
	kafka_link_free(renewal->link);
	renewal->link = NULL;
	return false;
}

static void
renewal_run(void *self)
{
	KafkaRenewal *renewal = self;

	kafka_link_free(renewal->link);
	renewal->link = NULL;
	renewal->troubles = (LogMemory) {0};
	for (int attempt = 1;; attempt++)
	{
		error_clear(&renewal->err);
		renewal->ok = renewal_try(renewal, attempt, &renewal->err);
		if (renewal->ok || !renewal->err.retriable ||
			atomic_load(&renewal->stop))
			return;
		error_prefix(&renewal->err, "kafka: producer not made anew yet");
		log_report_new(&renewal->troubles, LOG_LEVEL_WARNING, &renewal->err);
		usleep(RENEWAL_PAUSE);
	}
}

void
kafka_renewal_take(KafkaRenewal *renewal, KafkaLink *link)
{
	renewal->target = link->target;
	renewal->link = link;
}

bool
kafka_renewal_begin(KafkaRenewal *renewal, Error *err)
{
	return job_begin(&renewal->job, renewal_run, renewal, err);
}

KafkaRenewalResult
kafka_renewal_poll(KafkaRenewal *renewal, Error *err)
{
	if (!job_finished(&renewal->job))
		return KAFKA_RENEWAL_BUSY;
	if (renewal->ok)
		return KAFKA_RENEWAL_DONE;
	*err = renewal->err;
	return KAFKA_RENEWAL_FAILED;
}

void
kafka_renewal_free(KafkaRenewal *renewal)
{
	atomic_store(&renewal->stop, true);
	job_join(&renewal->job);
	kafka_link_free(renewal->link);
	renewal->link = NULL;
	buf_free(&renewal->text);
}
