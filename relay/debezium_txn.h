/*
 * debezium_txn.h
 *		Counting the events of a transaction: in all and per table, for the
 *		transaction block and the records of topic {prefix}.transaction.
 *
 * Knows no formats; names are kept as long as the transaction.
 */
#ifndef PG_FANOUT_DEBEZIUM_TXN_H
#define PG_FANOUT_DEBEZIUM_TXN_H

#include "buf.h"

typedef struct DebeziumCollection
{
	char	   *name;			/* "schema.table" */
	uint64_t	events;
} DebeziumCollection;

typedef struct DebeziumTxn
{
	uint64_t	events;
	DebeziumCollection *collections;	/* by first appearance */
	size_t		count;
	size_t		room;
	size_t		buckets;		/* of Java's hash map, which orders them */
} DebeziumTxn;

extern void debezium_txn_init(DebeziumTxn *txn);
extern void debezium_txn_free(DebeziumTxn *txn);

/* Forgets the events of the transaction before. */
extern void debezium_txn_begin(DebeziumTxn *txn);

/*
 * Counts an event; *order is its number within the collection. *place is the
 * caller's memory of where the collection stood the last time, any number at
 * first. false: out of memory.
 */
extern bool debezium_txn_count(DebeziumTxn *txn, const char *collection,
							   size_t *place, uint64_t *order);

/*
 * Appends the array of collections with their counts, in the order of a Java
 * HashMap of their names. Out of memory shows in out.
 */
extern void debezium_txn_append(const DebeziumTxn *txn, Buf *out);

#endif							/* PG_FANOUT_DEBEZIUM_TXN_H */
