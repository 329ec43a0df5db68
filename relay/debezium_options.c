/*
 * debezium_options.c
 *		What can be said about the debezium-json format. See
 *		debezium_options.h.
 */
#include "debezium_option_rows.h"

#include <string.h>

const char *const debezium_decimal_words[] = {"precise", "double", "string", NULL};
const char *const debezium_time_words[] = {"adaptive",
	"adaptive_time_microseconds", "connect", "isostring", "microseconds",
"nanoseconds", NULL};
const char *const debezium_binary_words[] = {"bytes", "base64",
"base64-url-safe", "hex", NULL};
const char *const debezium_hstore_words[] = {"json", "map", NULL};
const char *const debezium_interval_words[] = {"numeric", "string", NULL};

const char *const debezium_delete_words[] = {"tombstone",
"delete-to-tombstone", "drop", "rewrite", "rewrite-with-tombstone", NULL};

static const Option debezium_options[] = {
	{"schemas-enable", 0, OPTION_BOOL, offsetof(DebeziumOptions, schemas), .preset = "on", .help =
	"every key and value carries its schema, as Kafka Connect's JSON converter does; off: the payload alone"},
	DEBEZIUM_OPTION_ROWS,
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
