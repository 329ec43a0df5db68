/*
 * settings_pass.h
 *		What the command line and the configuration file can say about what
 *		may pass.
 *
 * A part of Settings: the rows stand in its table, and what they say becomes
 * a Transform and an Outbox here.
 */
#ifndef PG_FANOUT_SETTINGS_PASS_H
#define PG_FANOUT_SETTINGS_PASS_H

#include "option.h"
#include "outbox.h"
#include "transform.h"

typedef struct PassOptions
{
	OptionList	table_include;
	OptionList	table_exclude;
	OptionList	column_include;
	OptionList	column_exclude;
	OptionList	message_include;
	OptionList	message_exclude;
	OptionList	masks;
	char	   *mask_salt;

	char	   *outbox_table;	/* NULL: none */
	char	   *outbox_id;
	char	   *outbox_key;
	char	   *outbox_type;
	char	   *outbox_payload;
	char	   *outbox_route;
	char	   *outbox_topic;
	OptionList	outbox_headers;
	int			outbox_on_invalid;	/* 1: warn */
} PassOptions;

extern const char *const settings_pass_invalid_words[];

#define SETTINGS_PASS_FIELD(base, member) \
	((base) + offsetof(PassOptions, member))

/* base: where the struct they are in has its PassOptions. */
#define SETTINGS_PASS_ROWS(base) \
	{"table-include", 0, OPTION_LIST, \
		SETTINGS_PASS_FIELD(base, table_include), .argument = "PATTERN", \
		.help = \
	"pass changes of these tables only: schema.table with the wildcards * and ?, several with commas; may be repeated. A publication that leaves tables out costs the server less"}, \
	{"table-exclude", 0, OPTION_LIST, \
		SETTINGS_PASS_FIELD(base, table_exclude), .argument = "PATTERN", \
		.help = "leave these tables out, also if included"}, \
	{"column-include", 0, OPTION_LIST, \
		SETTINGS_PASS_FIELD(base, column_include), .argument = "PATTERN", \
		.help = \
	"pass these columns only: schema.table.column; those of a key must be among them"}, \
	{"column-exclude", 0, OPTION_LIST, \
		SETTINGS_PASS_FIELD(base, column_exclude), .argument = "PATTERN", \
		.help = \
	"leave these columns out of every record; not those of a key"}, \
	{"message-include", 0, OPTION_LIST, \
		SETTINGS_PASS_FIELD(base, message_include), .argument = "PATTERN", \
		.help = "pass logical messages with these prefixes only"}, \
	{"message-exclude", 0, OPTION_LIST, \
		SETTINGS_PASS_FIELD(base, message_exclude), .argument = "PATTERN", \
		.help = "leave out logical messages with these prefixes"}, \
	{"mask", 0, OPTION_LIST, SETTINGS_PASS_FIELD(base, masks), \
		.argument = "COLUMN=MASK", .help = \
	"put something else in place of a column's values: schema.table.column=fixed:TEXT, =hash (HMAC-SHA-256 in hex: equal values stay equal) or =truncate:N (characters); the column becomes text; may be repeated"}, \
	{"mask-salt", 0, OPTION_SECRET, SETTINGS_PASS_FIELD(base, mask_salt), \
		.argument = "SECRET", .help = \
	"key of the hash; keep it, or equal values hash differently"}, \
	{"outbox-table", 0, OPTION_STRING, \
		SETTINGS_PASS_FIELD(base, outbox_table), .argument = "PATTERN", \
		.help = \
	"rows inserted into this table (schema.table) are events: each becomes a record whose topic, key and value are in its columns, whatever the format; deletes are left out"}, \
	{"outbox-id", 0, OPTION_STRING, SETTINGS_PASS_FIELD(base, outbox_id), \
		.preset = "id", .argument = "COLUMN", .help = \
	"the event's id, header id"}, \
	{"outbox-key", 0, OPTION_STRING, SETTINGS_PASS_FIELD(base, outbox_key), \
		.preset = "aggregateid", .argument = "COLUMN", .help = \
	"the record's key, as text"}, \
	{"outbox-type", 0, OPTION_STRING, SETTINGS_PASS_FIELD(base, outbox_type), \
		.preset = "type", .argument = "COLUMN", .help = \
	"the event's type, header eventType; may be missing"}, \
	{"outbox-payload", 0, OPTION_STRING, \
		SETTINGS_PASS_FIELD(base, outbox_payload), .preset = "payload", \
		.argument = "COLUMN", .help = \
	"the record's value: text and json as they are, bytea as its bytes; NULL: a tombstone"}, \
	{"outbox-route", 0, OPTION_STRING, \
		SETTINGS_PASS_FIELD(base, outbox_route), .preset = "aggregatetype", \
		.argument = "COLUMN", .help = "what {route} stands for in outbox-topic"}, \
	{"outbox-topic", 0, OPTION_STRING, \
		SETTINGS_PASS_FIELD(base, outbox_topic), \
		.preset = "outbox.event.{route}", .argument = "TEMPLATE", .help = \
	"topic of an event, made from {route} and {db}"}, \
	{"outbox-headers", 0, OPTION_LIST, \
		SETTINGS_PASS_FIELD(base, outbox_headers), \
		.argument = "COLUMN[:HEADER]", .help = \
	"more columns that become headers, several with commas; may be repeated"}, \
	{"outbox-on-invalid", 0, OPTION_WORD, \
		SETTINGS_PASS_FIELD(base, outbox_on_invalid), .preset = "stop", \
		.words = settings_pass_invalid_words, .argument = "WORD", .help = \
	"an updated row, and one that makes no topic: stop the relay, or leave it out with a warning (warn)"}

/* NULL: the options make no sense (ERROR_USAGE). They outlive it. */
extern Transform *settings_pass_transform(const PassOptions *options,
										  Error *err);

/*
 * *outbox: NULL if there is none; else as above. database: what {db} stands
 * for, outlives it, too.
 */
extern MUST_USE bool settings_pass_outbox(const PassOptions *options,
										  const char *database,
										  Outbox **outbox, Error *err);

/* Empties the lists: what fills them is read once more. */
extern void settings_pass_forget(PassOptions *options);

#endif							/* PG_FANOUT_SETTINGS_PASS_H */
