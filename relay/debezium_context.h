/*
 * debezium_context.h
 *		What Debezium's records tell beside the rows: the source block, the
 *		transaction block, and headers.
 *
 * Keeps where the stream stands: the commit before, and the events of the
 * transaction at hand.
 */
#ifndef PG_FANOUT_DEBEZIUM_CONTEXT_H
#define PG_FANOUT_DEBEZIUM_CONTEXT_H

#include "debezium_options.h"
#include "debezium_txn.h"
#include "format.h"

/* Headers of a record; the first is there only if the key changes. */
enum
{
	DEBEZIUM_HEADER_KEY,
	DEBEZIUM_HEADER_LOGICAL_NAME,
	DEBEZIUM_HEADER_TASK,
	DEBEZIUM_HEADER_CONNECTOR,
	DEBEZIUM_HEADER_RUN,
	DEBEZIUM_HEADER_COUNT
};

#define DEBEZIUM_UUID_SIZE	37

typedef struct DebeziumContext
{
	const FormatConfig *config;
	const DebeziumOptions *options;
	DebeziumTxn txn;
	Lsn			last_commit;	/* end of the transaction before, 0: none */
	int64_t		last_time;		/* its time, for what has none */
	Buf			source_head;	/* of every source block up to its time */
	Buf			source_middle;	/* from "db" to the sequence */
	char		run_id[DEBEZIUM_UUID_SIZE];
	RecordHeader new_key[DEBEZIUM_HEADER_COUNT];
	RecordHeader old_key[DEBEZIUM_HEADER_COUNT];
} DebeziumContext;

/* config lives as long as the context; free also after a failure. */
extern MUST_USE bool debezium_context_init(DebeziumContext *context,
										   const FormatConfig *config,
										   Error *err);
extern void debezium_context_free(DebeziumContext *context);

/* Where an event stands in its transaction. */
typedef struct DebeziumOrder
{
	uint64_t	total;
	uint64_t	collection;
} DebeziumOrder;

/*
 * Counts an event of a collection; see debezium_txn_count. Nothing is counted
 * if nobody asked for it. txn NULL: not in a transaction.
 */
extern MUST_USE bool debezium_context_count(DebeziumContext *context,
											const Transaction *txn,
											const char *collection,
											size_t *place,
											DebeziumOrder *order);

/* What a source block is about. */
typedef struct DebeziumSource
{
	const Transaction *txn;		/* NULL: not in a transaction */
	Lsn			lsn;
	Slice		names;			/* '"schema":"s","table":"t"' */
} DebeziumSource;

/* Append ',"source":{...}' and ',"transaction":{...}'. */
extern void debezium_append_source(Buf *out, const DebeziumContext *context,
								   const DebeziumSource *source);
extern void debezium_append_block(Buf *out, const DebeziumContext *context,
								  const DebeziumSource *source,
								  const DebeziumOrder *order);

/* '"id":"745:23886296"' */
extern void debezium_append_id(Buf *out, uint32_t xid, Lsn lsn);

/* name with its quotes, colon and what stands before it */
extern void debezium_append_number(Buf *out, const char *name, int64_t value);

/* A time after 1970 of which milli-, micro- and nanoseconds are wanted. */
typedef struct DebeziumMoment
{
	char		digits[24];		/* microseconds */
	size_t		size;
} DebeziumMoment;

extern void debezium_moment_set(DebeziumMoment *moment, int64_t micros);
extern void debezium_append_ms(Buf *out, const DebeziumMoment *moment);

/* ',"ts_us":...,"ts_ns":...' */
extern void debezium_append_us_ns(Buf *out, const DebeziumMoment *moment);

#endif							/* PG_FANOUT_DEBEZIUM_CONTEXT_H */
