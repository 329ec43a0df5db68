/*
 * debezium_options.h
 *		What can be said about the debezium-json format: Debezium's own
 *		options, their dots written as "_" (or "-").
 */
#ifndef PG_FANOUT_DEBEZIUM_OPTIONS_H
#define PG_FANOUT_DEBEZIUM_OPTIONS_H

#include "option.h"

typedef enum DebeziumDecimals
{
	DEBEZIUM_DECIMALS_PRECISE,
	DEBEZIUM_DECIMALS_DOUBLE,
	DEBEZIUM_DECIMALS_STRING
} DebeziumDecimals;

typedef enum DebeziumTimes
{
	DEBEZIUM_TIMES_ADAPTIVE,
	DEBEZIUM_TIMES_ADAPTIVE_TIME_MICROSECONDS,
	DEBEZIUM_TIMES_CONNECT,
	DEBEZIUM_TIMES_ISOSTRING,
	DEBEZIUM_TIMES_MICROSECONDS,
	DEBEZIUM_TIMES_NANOSECONDS
} DebeziumTimes;

typedef enum DebeziumBinary
{
	DEBEZIUM_BINARY_BYTES,
	DEBEZIUM_BINARY_BASE64,
	DEBEZIUM_BINARY_BASE64_URL_SAFE,
	DEBEZIUM_BINARY_HEX
} DebeziumBinary;

typedef enum DebeziumDeletes
{
	DEBEZIUM_DELETES_TOMBSTONE,
	DEBEZIUM_DELETES_TO_TOMBSTONE,	/* the same here */
	DEBEZIUM_DELETES_DROP,
	DEBEZIUM_DELETES_REWRITE,
	DEBEZIUM_DELETES_REWRITE_WITH_TOMBSTONE
} DebeziumDeletes;

typedef struct DebeziumOptions
{
	bool		schemas;
	int			decimals;		/* DebeziumDecimals */
	int			times;			/* DebeziumTimes */
	int			binary;			/* DebeziumBinary */
	int			hstore;			/* 1: as a map */
	int			interval;		/* 1: as a string */
	char	   *placeholder;
	bool		unknown;		/* types that Debezium does not know, too */
	bool		replace_null;
	bool		transactions;
	bool		tombstones;
	char	   *skipped;		/* letters c, u, d, t; "none" */
	bool		context_headers;
	int64_t		heartbeat_interval;	/* microseconds, 0: none */
	char	   *heartbeat_prefix;
	bool		flatten;
	int			deletes;		/* DebeziumDeletes, if flattened */
	char	   *fields;			/* what is added to a flattened row, */
	char	   *fields_prefix;
	char	   *headers;		/* and to its headers */
	char	   *headers_prefix;
} DebeziumOptions;

extern const OptionTable debezium_option_table;

/* Whether an operation is left out. letter: c, u, d or t. */
extern bool debezium_skips(const DebeziumOptions *options, char letter);

/* Whether the list of skipped operations makes sense. */
extern MUST_USE bool debezium_options_check(const DebeziumOptions *options,
											Error *err);

#endif							/* PG_FANOUT_DEBEZIUM_OPTIONS_H */
