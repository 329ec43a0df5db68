/*
 * kafka_txn.c
 *		The transactions of one producer. See kafka_txn.h.
 */
#include "kafka_txn.h"

#include <assert.h>

#include "clock.h"
#include "kafka_error.h"

/*
 * Milliseconds a call may block before it is made again: a stop waits as long.
 * librdkafka goes on with the commit meanwhile.
 */
#define TXN_CALL_TIMEOUT	500

/* Commits take at most one part in so many of the time. */
#define TXN_SHARE			5

/*
 * And so does the time for which records wait for them: while a transaction
 * commits the producer may send nothing, so a stream that is faster than that
 * gets longer ones. (A buffer for what comes meanwhile would be a second copy
 * of every record for less than a tenth of the time.)
 */
#define TXN_SHARE_WAITING	10

/* What commits took counts that much less with each new one. */
#define TXN_MEMORY			2

void
kafka_txn_init(KafkaTxn *txn, rd_kafka_t *rk, const KafkaTxnLimits *limits,
			   int wake_fd)
{
	*txn = (KafkaTxn) {
		.rk = rk, .limits = *limits, .interval = limits->interval
	};
	job_init(&txn->job, wake_fd);
}

static void
txn_clear_error(KafkaTxn *txn)
{
	if (txn->error != NULL)
		rd_kafka_error_destroy(txn->error);
	txn->error = NULL;
}

static bool
txn_fail(KafkaTxn *txn, const char *what, Error *err)
{
	kafka_error_set(err, ERROR_SINK_WRITE, rd_kafka_error_code(txn->error),
					rd_kafka_error_string(txn->error),
					"Kafka transaction could not be %s: %s", what,
					rd_kafka_error_name(txn->error));
	txn->failure = rd_kafka_error_code(txn->error);
	txn_clear_error(txn);
	return false;
}

bool
kafka_txn_open(KafkaTxn *txn, Error *err)
{
	if (txn->state == KAFKA_TXN_OPEN)
		return true;
	assert(txn->state == KAFKA_TXN_NONE);
	txn->error = rd_kafka_begin_transaction(txn->rk);
	if (txn->error != NULL)
		return txn_fail(txn, "begun", err);
	txn->state = KAFKA_TXN_OPEN;
	txn->opened_at = clock_now();
	txn->bytes = 0;
	return true;
}

void
kafka_txn_add(KafkaTxn *txn, size_t bytes)
{
	txn->bytes += (int64_t) bytes;
}

bool
kafka_txn_due(const KafkaTxn *txn, int64_t now)
{
	return txn->state == KAFKA_TXN_OPEN &&
		(now - txn->opened_at >= txn->interval ||
		 txn->bytes >= txn->limits.bytes);
}

bool
kafka_txn_overdue(const KafkaTxn *txn, int64_t now)
{
	return txn->state == KAFKA_TXN_OPEN &&
		now - txn->opened_at >= txn->limits.timeout / 2;
}

static void
txn_run_commit(void *self)
{
	KafkaTxn   *txn = self;

	txn->error = rd_kafka_commit_transaction(txn->rk, TXN_CALL_TIMEOUT);
}

bool
kafka_txn_commit(KafkaTxn *txn, Position position, Error *err)
{
	assert(txn->state == KAFKA_TXN_OPEN);
	if (!job_begin(&txn->job, txn_run_commit, txn, err))
		return false;
	txn->state = KAFKA_TXN_COMMITTING;
	txn->committing_since = clock_now();
	txn->flushed_at = 0;
	txn->position = position;
	return true;
}

void
kafka_txn_wait(KafkaTxn *txn)
{
	if (txn->waited_since == 0)
		txn->waited_since = clock_now();
}

void
kafka_txn_flushed(KafkaTxn *txn)
{
	if (txn->flushed_at == 0)
		txn->flushed_at = clock_now();
}

/*
 * A commit takes the longer the more partitions it touches: fewer of them
 * then. If nothing waits for it, records that are still on their way when it
 * begins do not count: they take their time with or without it.
 */
static int64_t
txn_wish(const KafkaTxn *txn)
{
	int64_t		now = clock_now();

	if (txn->waited_since != 0)
		return (now - txn->waited_since) * TXN_SHARE_WAITING;
	return TXN_SHARE *
		(now - (txn->flushed_at != 0 ? txn->flushed_at :
				txn->committing_since));
}

static void
txn_adapt(KafkaTxn *txn)
{
	int64_t		interval = (txn->interval * (TXN_MEMORY - 1) +
							txn_wish(txn)) / TXN_MEMORY;

	if (interval < txn->limits.interval)
		interval = txn->limits.interval;
	if (interval > txn->limits.timeout / 4)
		interval = txn->limits.timeout / 4;
	txn->interval = interval;
}

static void
txn_count(KafkaTxn *txn)
{
	txn->commits++;
	if (txn->waited_since != 0)
		txn->waited += clock_now() - txn->waited_since;
	txn->waited_since = 0;
}

KafkaTxnResult
kafka_txn_poll(KafkaTxn *txn, Error *err)
{
	int64_t		taken;

	if (txn->state != KAFKA_TXN_COMMITTING || !job_finished(&txn->job))
		return KAFKA_TXN_BUSY;
	taken = clock_now() - txn->committing_since;
	if (txn->error == NULL)
	{
		txn->state = KAFKA_TXN_NONE;
		txn_adapt(txn);
		txn_count(txn);
		return KAFKA_TXN_COMMITTED;
	}
	if (rd_kafka_error_is_retriable(txn->error) &&
		taken < txn->limits.timeout)
	{
		txn_clear_error(txn);
		return job_begin(&txn->job, txn_run_commit, txn, err) ?
			KAFKA_TXN_BUSY : KAFKA_TXN_LOST;
	}
	txn_fail(txn, "committed", err);
	return KAFKA_TXN_LOST;
}

void
kafka_txn_end(KafkaTxn *txn)
{
	job_join(&txn->job);
	if (txn->error != NULL)
		txn->failure = rd_kafka_error_code(txn->error);
	txn_clear_error(txn);
	txn->state = KAFKA_TXN_NONE;
}

bool
kafka_txn_idle(KafkaTxn *txn)
{
	return !txn->job.running || job_finished(&txn->job);
}
