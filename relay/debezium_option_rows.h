/*
 * debezium_option_rows.h
 *		Debezium's options, one row each, for the tables of formats that have
 *		them: all but schemas_enable.
 *
 * A format's struct begins with DebeziumOptions.
 */
#ifndef PG_FANOUT_DEBEZIUM_OPTION_ROWS_H
#define PG_FANOUT_DEBEZIUM_OPTION_ROWS_H

#include "debezium_options.h"

extern const char *const debezium_decimal_words[];
extern const char *const debezium_time_words[];
extern const char *const debezium_binary_words[];
extern const char *const debezium_hstore_words[];
extern const char *const debezium_interval_words[];
extern const char *const debezium_delete_words[];

#define DEBEZIUM_OPTION_ROWS \
	{"decimal-handling-mode", 0, OPTION_WORD, offsetof(DebeziumOptions, decimals), \
		.preset = "precise", .words = debezium_decimal_words, .help = \
	"numeric and money as base64 of the unscaled number, as a double or as a string"}, \
	{"time-precision-mode", 0, OPTION_WORD, offsetof(DebeziumOptions, times), \
		.preset = "adaptive", .words = debezium_time_words, .help = \
	"units of date, time and timestamp"}, \
	{"binary-handling-mode", 0, OPTION_WORD, offsetof(DebeziumOptions, binary), \
		.preset = "bytes", .words = debezium_binary_words, .help = \
	"bytea: as bytes (base64 in JSON) or as a string in this form"}, \
	{"hstore-handling-mode", 0, OPTION_WORD, offsetof(DebeziumOptions, hstore), \
		.preset = "json", .words = debezium_hstore_words, .help = \
	"hstore as a string that holds JSON, or as an object"}, \
	{"interval-handling-mode", 0, OPTION_WORD, offsetof(DebeziumOptions, interval), \
		.preset = "numeric", .words = debezium_interval_words, .help = \
	"interval as microseconds (a month counts 30.4375 days) or as ISO 8601"}, \
	{"unavailable-value-placeholder", 0, OPTION_STRING, offsetof(DebeziumOptions, placeholder), \
		.preset = "__debezium_unavailable_value", .argument = "TEXT", .help = \
	"what stands for a large value that was not sent because it did not change"}, \
	{"include-unknown-datatypes", 0, OPTION_BOOL, offsetof(DebeziumOptions, unknown), \
		.preset = "off", .help = \
	"columns of types that Debezium does not know are sent as the bytes of their text, not left out"}, \
	{"replace-null-with-default", 0, OPTION_BOOL, offsetof(DebeziumOptions, replace_null), \
		.preset = "on", .help = \
	"a NULL in a column that has a default is written as the default, as Kafka Connect's JSON converter does"}, \
	{"provide-transaction-metadata", 0, OPTION_BOOL, offsetof(DebeziumOptions, transactions), \
		.preset = "off", .help = \
	"records of BEGIN and END in topic {prefix}.transaction, and a transaction block in every record"}, \
	{"skipped-operations", 0, OPTION_STRING, offsetof(DebeziumOptions, skipped), .preset = "t", \
		.argument = "LETTERS", .help = \
	"operations to leave out: c, u, d, t with commas between, or none"}, \
	{"tombstones-on-delete", 0, OPTION_BOOL, offsetof(DebeziumOptions, tombstones), \
		.preset = "on", .help = \
	"a delete is followed by a record with its key and without a value"}, \
	{"extended-headers-enabled", 0, OPTION_BOOL, offsetof(DebeziumOptions, context_headers), \
		.preset = "on", .help = \
	"the headers __debezium.context.* on every record of a row"}, \
	{"heartbeat-interval", 0, OPTION_TIME, offsetof(DebeziumOptions, heartbeat_interval), \
		.preset = "0", .min = 0, .max = INT64_C(86400000000), \
		.argument = "TIME", .help = \
	"a record to the heartbeat topic this often; 0: none"}, \
	{"topic-heartbeat-prefix", 0, OPTION_STRING, offsetof(DebeziumOptions, heartbeat_prefix), \
		.preset = "__debezium-heartbeat", .argument = "PREFIX", .help = \
	"the heartbeat topic is this, a point and the sink's prefix"}, \
	{"flatten", 0, OPTION_BOOL, offsetof(DebeziumOptions, flatten), \
		.preset = "off", .help = \
	"the row alone in place of the envelope, as the transformation ExtractNewRecordState leaves it"}, \
	{"delete-tombstone-handling-mode", 0, OPTION_WORD, \
		offsetof(DebeziumOptions, deletes), .preset = "tombstone", \
		.words = debezium_delete_words, .help = \
	"with flatten: a delete is a tombstone, nothing (drop), or its old row with __deleted (rewrite)"}, \
	{"add-fields", 0, OPTION_STRING, offsetof(DebeziumOptions, fields), \
		.preset = "", .argument = "FIELDS", .help = \
	"with flatten: members of the envelope to add to the row, as op,source.lsn:lsn"}, \
	{"add-fields-prefix", 0, OPTION_STRING, \
		offsetof(DebeziumOptions, fields_prefix), .preset = "__", \
		.argument = "PREFIX", .help = "what their names begin with"}, \
	{"add-headers", 0, OPTION_STRING, offsetof(DebeziumOptions, headers), \
		.preset = "", .argument = "FIELDS", .help = \
	"with flatten: the same as headers of the record"}, \
	{"add-headers-prefix", 0, OPTION_STRING, \
		offsetof(DebeziumOptions, headers_prefix), .preset = "__", \
		.argument = "PREFIX", .help = "what their names begin with"}

#endif							/* PG_FANOUT_DEBEZIUM_OPTION_ROWS_H */
