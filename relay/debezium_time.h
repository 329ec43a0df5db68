/*
 * debezium_time.h
 *		Dates, times and intervals as Debezium's JSON has them, in the units
 *		and forms that the type's kind says.
 *
 * Part of debezium_value.c.
 */
#ifndef PG_FANOUT_DEBEZIUM_TIME_H
#define PG_FANOUT_DEBEZIUM_TIME_H

#include "debezium_value.h"

/* A date (days), time or timestamp (microseconds) as the wire has it. */
extern DebeziumOutcome debezium_append_when(DebeziumWriter *writer,
											const DebeziumType *type,
											int64_t value);

/* An interval's message. */
extern DebeziumOutcome debezium_append_interval(DebeziumWriter *writer,
												DebeziumKind kind,
												Slice message);

#endif							/* PG_FANOUT_DEBEZIUM_TIME_H */
