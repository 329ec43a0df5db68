/*
 * debezium_notice.h
 *		Debezium's records that are no rows: logical messages, begin and end of
 *		transactions, heartbeats.
 *
 * Each appends key and value to the writer's output, which is empty before,
 * and returns the key's size: the value is the rest.
 */
#ifndef PG_FANOUT_DEBEZIUM_NOTICE_H
#define PG_FANOUT_DEBEZIUM_NOTICE_H

#include "debezium_context.h"
#include "debezium_value.h"

/* order: where it stands in its transaction. */
extern size_t debezium_append_message(DebeziumWriter *writer,
									  const DebeziumContext *context,
									  const LogicalMessage *message,
									  const DebeziumOrder *order);

/* Of a transaction whose first change is at lsn. */
extern size_t debezium_append_begin(DebeziumWriter *writer,
									const DebeziumContext *context,
									const Transaction *txn, Lsn lsn);

/* With the events that the context has counted. */
extern size_t debezium_append_commit(DebeziumWriter *writer,
									 const DebeziumContext *context,
									 const TxnEnd *end);

/* now: microseconds since 1970 */
extern size_t debezium_append_heartbeat(DebeziumWriter *writer,
										const DebeziumContext *context,
										int64_t now);

#endif							/* PG_FANOUT_DEBEZIUM_NOTICE_H */
