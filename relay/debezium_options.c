/*
 * debezium_options.c
 *		What can be said about the debezium-json format. See
 *		debezium_options.h.
 */
#include "debezium_options.h"

#include <string.h>

#define FIELD(member) offsetof(DebeziumOptions, member)

static const char *const decimal_words[] = {"precise", "double", "string", NULL};
static const char *const time_words[] = {"adaptive",
	"adaptive_time_microseconds", "connect", "isostring", "microseconds",
"nanoseconds", NULL};
static const char *const binary_words[] = {"bytes", "base64",
"base64-url-safe", "hex", NULL};
static const char *const hstore_words[] = {"json", "map", NULL};
static const char *const interval_words[] = {"numeric", "string", NULL};

static const Option debezium_options[] = {
	{"schemas-enable", 0, OPTION_BOOL, FIELD(schemas), .preset = "on", .help =
	"every key and value carries its schema, as Kafka Connect's JSON converter does; off: the payload alone"},
	{"decimal-handling-mode", 0, OPTION_WORD, FIELD(decimals),
		.preset = "precise", .words = decimal_words, .help =
	"numeric and money as base64 of the unscaled number, as a double or as a string"},
	{"time-precision-mode", 0, OPTION_WORD, FIELD(times),
		.preset = "adaptive", .words = time_words, .help =
	"units of date, time and timestamp"},
	{"binary-handling-mode", 0, OPTION_WORD, FIELD(binary),
		.preset = "bytes", .words = binary_words, .help =
	"bytea: as bytes (base64 in JSON) or as a string in this form"},
	{"hstore-handling-mode", 0, OPTION_WORD, FIELD(hstore),
		.preset = "json", .words = hstore_words, .help =
	"hstore as a string that holds JSON, or as an object"},
	{"interval-handling-mode", 0, OPTION_WORD, FIELD(interval),
		.preset = "numeric", .words = interval_words, .help =
	"interval as microseconds (a month counts 30.4375 days) or as ISO 8601"},
	{"unavailable-value-placeholder", 0, OPTION_STRING, FIELD(placeholder),
		.preset = "__debezium_unavailable_value", .argument = "TEXT", .help =
	"what stands for a large value that was not sent because it did not change"},
	{"include-unknown-datatypes", 0, OPTION_BOOL, FIELD(unknown),
		.preset = "off", .help =
	"columns of types that Debezium does not know are sent as the bytes of their text, not left out"},
	{"replace-null-with-default", 0, OPTION_BOOL, FIELD(replace_null),
		.preset = "on", .help =
	"a NULL in a column that has a default is written as the default, as Kafka Connect's JSON converter does"},
	{"provide-transaction-metadata", 0, OPTION_BOOL, FIELD(transactions),
		.preset = "off", .help =
	"records of BEGIN and END in topic {prefix}.transaction, and a transaction block in every record"},
	{"skipped-operations", 0, OPTION_STRING, FIELD(skipped), .preset = "t",
		.argument = "LETTERS", .help =
	"operations to leave out: c, u, d, t with commas between, or none"},
	{"extended-headers-enabled", 0, OPTION_BOOL, FIELD(context_headers),
		.preset = "on", .help =
	"the headers __debezium.context.* on every record of a row"},
	{"heartbeat-interval", 0, OPTION_TIME, FIELD(heartbeat_interval),
		.preset = "0", .min = 0, .max = INT64_C(86400000000),
		.argument = "TIME", .help =
	"a record to the heartbeat topic this often; 0: none"},
	{"topic-heartbeat-prefix", 0, OPTION_STRING, FIELD(heartbeat_prefix),
		.preset = "__debezium-heartbeat", .argument = "PREFIX", .help =
	"the heartbeat topic is this, a point and the sink's prefix"},
};

const OptionTable debezium_option_table = {
	.title = "debezium-json format",
	.prefix = "sink",
	.options = debezium_options,
	.count = sizeof(debezium_options) / sizeof(debezium_options[0]),
	.size = sizeof(DebeziumOptions)
};

bool
debezium_skips(const DebeziumOptions *options, char letter)
{
	return strcmp(options->skipped, "none") != 0 &&
		strchr(options->skipped, letter) != NULL;
}

bool
debezium_options_check(const DebeziumOptions *options, Error *err)
{
	const char *list = options->skipped;

	if (strcmp(list, "none") == 0 || list[strspn(list, "cudt, ")] == '\0')
		return true;
	error_set(err, ERROR_USAGE, "skipped_operations cannot be \"%s\"", list);
	return error_hint(err, "Operations are c, u, d and t, with commas between; or none.");
}
