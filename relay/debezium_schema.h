/*
 * debezium_schema.h
 *		Connect's schemas of records, as they stand before a payload:
 *		'{"schema":...,"payload":'. A closing brace ends the record.
 */
#ifndef PG_FANOUT_DEBEZIUM_SCHEMA_H
#define PG_FANOUT_DEBEZIUM_SCHEMA_H

#include "debezium_table.h"

/* Of a table's keys and of its values (the envelope). */
extern void debezium_schema_append_key(Buf *out, const DebeziumTable *made,
									   const Table *table);
extern void debezium_schema_append_value(Buf *out, const DebeziumTable *made,
										 const Table *table);

/* Of its values if they are flattened. */
extern void debezium_schema_append_flat(Buf *out, const DebeziumTable *made,
										const Table *table,
										const DebeziumFlat *flat);

/* Of a logical message's value; its content is in this kind of bytes. */
extern void debezium_schema_append_message(Buf *out, DebeziumKind content);

/* Of records that are the same for all. */
extern const char debezium_schema_message_key[];
extern const char debezium_schema_txn_key[];
extern const char debezium_schema_txn_value[];
extern const char debezium_schema_heartbeat_key[];
extern const char debezium_schema_heartbeat_value[];

#endif							/* PG_FANOUT_DEBEZIUM_SCHEMA_H */
