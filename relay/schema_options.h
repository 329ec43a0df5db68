/*
 * schema_options.h
 *		Options of a schema registry: the rows that formats which use one put
 *		into their own tables.
 *
 * Words and limits stand here once; the structs differ.
 */
#ifndef PG_FANOUT_SCHEMA_OPTIONS_H
#define PG_FANOUT_SCHEMA_OPTIONS_H

#include "option.h"

/* Indexes into schema_subject_words. */
typedef enum SchemaSubject
{
	SCHEMA_SUBJECT_TOPIC,
	SCHEMA_SUBJECT_RECORD,
	SCHEMA_SUBJECT_TOPIC_RECORD
} SchemaSubject;

/* Indexes into schema_break_words. */
typedef enum SchemaBreak
{
	SCHEMA_BREAK_STOP,
	SCHEMA_BREAK_NEW_TOPIC,
	SCHEMA_BREAK_REMAP
} SchemaBreak;

/* Indexes into schema_partition_words. */
typedef enum SchemaPartition
{
	SCHEMA_PARTITION_KEY,
	SCHEMA_PARTITION_FRAMED
} SchemaPartition;

typedef struct SchemaOptions
{
	char	   *url;			/* or several, with commas; NULL: none */
	char	   *ca;
	char	   *username;
	char	   *password;
	char	   *token;
	int			subject;		/* SchemaSubject */
	int			on_break;		/* SchemaBreak */
	int			partition;		/* SchemaPartition */
	bool		auto_register;
} SchemaOptions;

extern const char *const schema_subject_words[];
extern const char *const schema_break_words[];
extern const char *const schema_partition_words[];

/*
 * What a row cannot check: options that exclude each other, characters that no
 * header may hold. ERROR_USAGE.
 */
extern MUST_USE bool schema_options_check(const SchemaOptions *options,
										  Error *err);

/* One address of the list. */
extern MUST_USE bool schema_options_check_address(const char *address,
												  Error *err);

/* member: the SchemaOptions in the struct of the table. */
#define SCHEMA_OPTION_AT(type, member, field) \
	(offsetof(type, member) + offsetof(SchemaOptions, field))

#define SCHEMA_OPTION_ROWS(type, member) \
	{"schema-registry", 0, OPTION_STRING, \
		SCHEMA_OPTION_AT(type, member, url), NULL, 0, 0, NULL, "URL", \
	"Schema registry with Confluent's REST API: http://HOST:PORT or https://, with a path if it has one; several, separated by commas, are tried in turn."}, \
	{"schema-registry-ca", 0, OPTION_STRING, \
		SCHEMA_OPTION_AT(type, member, ca), NULL, 0, 0, NULL, "FILE", \
	"Certificates of the authorities to trust for it (PEM); default: the system's."}, \
	{"schema-registry-username", 0, OPTION_STRING, \
		SCHEMA_OPTION_AT(type, member, username), NULL, 0, 0, NULL, "NAME", \
	"User or API key for it."}, \
	{"schema-registry-password", 0, OPTION_SECRET, \
		SCHEMA_OPTION_AT(type, member, password), NULL, 0, 0, NULL, \
		"SECRET", \
	"Password or API secret of that user."}, \
	{"schema-registry-token", 0, OPTION_SECRET, \
		SCHEMA_OPTION_AT(type, member, token), NULL, 0, 0, NULL, "SECRET", \
	"Bearer token for it, in place of user and password."}, \
	{"subject-strategy", 0, OPTION_WORD, \
		SCHEMA_OPTION_AT(type, member, subject), "topic", 0, 0, \
		schema_subject_words, "WORD", \
	"Names of subjects: topic is TOPIC-key and TOPIC-value, record the schema's full name, topic-record TOPIC-NAME."}, \
	{"auto-register", 0, OPTION_BOOL, \
		SCHEMA_OPTION_AT(type, member, auto_register), "on", 0, 0, NULL, \
		"BOOL", \
	"Registers a schema that its subject lacks; off stops instead."}, \
	{"on-schema-break", 0, OPTION_WORD, \
		SCHEMA_OPTION_AT(type, member, on_break), "stop", 0, 0, \
		schema_break_words, "WORD", \
	"What to do with a schema that the registry refuses as incompatible with earlier ones: stop; new-topic sends the table's records on to TOPIC-v2, -v3...; remap (protobuf) gives columns that clash field numbers of their own."}, \
	{"partition-key", 0, OPTION_WORD, \
		SCHEMA_OPTION_AT(type, member, partition), "key", 0, 0, \
		schema_partition_words, "WORD", \
	"What a record's partition is computed on: its key's content, which no new schema id moves, or the framed key as Java clients have it."}

#endif							/* PG_FANOUT_SCHEMA_OPTIONS_H */
