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
#define TXN_CALL_TIMEOUT	2000

/* Commits take at most one part in so many of the time. */
#define TXN_SHARE			5

void
kafka_txn_init(KafkaTxn *txn, rd_kafka_t *rk, int64_t timeout,
			   int64_t interval, int wake_fd)
{
	*txn = (KafkaTxn) {
		.rk = rk, .timeout = timeout, .least = interval, .interval = interval
	};
	kafka_job_init(&txn->job, wake_fd);
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
	return true;
}

bool
kafka_txn_due(const KafkaTxn *txn, int64_t now)
{
	return txn->state == KAFKA_TXN_OPEN &&
		now - txn->opened_at >= txn->interval;
}

bool
kafka_txn_overdue(const KafkaTxn *txn, int64_t now)
{
	return txn->state == KAFKA_TXN_OPEN &&
		now - txn->opened_at >= txn->timeout / 2;
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
	if (!kafka_job_begin(&txn->job, txn_run_commit, txn, err))
		return false;
	txn->state = KAFKA_TXN_COMMITTING;
	txn->committing_since = clock_now();
	txn->position = position;
	return true;
}

/* Many partitions make commits slow: fewer of them then. */
static void
txn_adapt(KafkaTxn *txn, int64_t taken)
{
	int64_t		interval = taken * TXN_SHARE;

	if (interval < txn->least)
		interval = txn->least;
	if (interval > txn->timeout / 4)
		interval = txn->timeout / 4;
	txn->interval = interval;
}

KafkaTxnResult
kafka_txn_poll(KafkaTxn *txn, Error *err)
{
	int64_t		taken;

	if (txn->state != KAFKA_TXN_COMMITTING || !kafka_job_finished(&txn->job))
		return KAFKA_TXN_BUSY;
	taken = clock_now() - txn->committing_since;
	if (txn->error == NULL)
	{
		txn->state = KAFKA_TXN_NONE;
		txn_adapt(txn, taken);
		return KAFKA_TXN_COMMITTED;
	}
	if (rd_kafka_error_is_retriable(txn->error) && taken < txn->timeout)
	{
		txn_clear_error(txn);
		return kafka_job_begin(&txn->job, txn_run_commit, txn, err) ?
			KAFKA_TXN_BUSY : KAFKA_TXN_LOST;
	}
	txn_fail(txn, "committed", err);
	return KAFKA_TXN_LOST;
}

void
kafka_txn_end(KafkaTxn *txn)
{
	kafka_job_join(&txn->job);
	txn_clear_error(txn);
	txn->state = KAFKA_TXN_NONE;
}
