/*
 * settings.c
 *		What the command line and the configuration file can say.
 *
 * One table makes the parsing, the validation, the help, the configuration
 * file and the manual page; the names are pg_recvlogical's where it has one.
 */
#include "settings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "connection.h"
#include "registry.h"

#define FIELD(member) offsetof(Settings, member)
#define SECTION "pg_fanout"

/* In the order of LoginKind. */
static const char *const auth_words[] = {"password", "iam", NULL};

/* In the order of RetentionAction. */
static const char *const retention_words[] = {
	"warn", "stop", "drop-slot", NULL
};

/* In the order of SpoolFull. */
static const char *const full_words[] = {"wait", "stop", NULL};

/* In the order of SnapshotMode. */
static const char *const snapshot_words[] = {
	"never", "initial", "only", "when-needed", "always", NULL
};

static const Option settings_options[] = {
	{"create-slot", 0, OPTION_FLAG, FIELD(create_slot), .help =
	"create the replication slot (with --start: then stream from it)"},
	{"create-publication", 0, OPTION_LIST, FIELD(create_publication),
		.argument = "TABLE", .help =
		"create the publication that -o publication_names names, for this table (schema.table; may be repeated) or, with '*', for all; before the slot, whose stream knows it only then"},
	{"drop-slot", 0, OPTION_FLAG, FIELD(drop_slot), .help =
	"drop the replication slot"},
	{"start", 0, OPTION_FLAG, FIELD(start), .help =
	"stream changes from the slot to all sinks until stopped"},
	{"check", 0, OPTION_FLAG, FIELD(check), .help =
		"look at server, slot, publication and sinks, and say what is wrong and how to mend it"},
	{"resnapshot", 0, OPTION_LIST, FIELD(resnapshot), .argument = "TABLE",
		.help =
		"ask the relay of the slot -S to send all rows of this table again, beside the stream (schema.table, with the wildcards * and ?; may be repeated); the relay need not be running"},
	{"verify", 0, OPTION_LIST, FIELD(verify), .argument = "URL", .help =
		"walk the manifests of an s3:// or dir:// sink (its URL, or its name in the configuration file; -S: of one slot only) and say what is missing, doubled or of another size; needs no server; may be repeated"},
	{"verify-content", 0, OPTION_FLAG, FIELD(verify_content), .help =
	"with --verify: also read all objects, check their sums and count their records"},
	{"print-proto", 0, OPTION_LIST, FIELD(print_proto),
		.argument = "TABLE", .help =
		"print the typed .proto of a table, as read by consumers of format=protobuf (of the first sink with it, if any is named); may be repeated"},
	{"print-config", 0, OPTION_FLAG, FIELD(print_config), .help =
	"print a configuration file with every option, its default and explanation"},
	{"print-manual", 0, OPTION_FLAG, FIELD(print_manual), .help =
	"print the manual page (roff)"},

	{"slot", 'S', OPTION_STRING, FIELD(slot), .argument = "SLOTNAME", .help =
	"name of the logical replication slot"},
	{"plugin", 'P', OPTION_STRING, FIELD(plugin), .preset = "pg_fanout",
		.argument = "PLUGIN", .help = "output plugin of the slot"},
	{"option", 'o', OPTION_LIST, FIELD(plugin_options),
		.argument = "NAME[=VALUE]", .help =
		"pass an option to the output plugin, for example publication_names=fan; may be repeated"},
	{"if-not-exists", 0, OPTION_FLAG, FIELD(if_not_exists), .help =
	"no error if what is to be created, slot or publication, exists already"},
	{"two-phase", 't', OPTION_FLAG, FIELD(two_phase), .help =
		"enable decoding of prepared transactions when creating a slot (--start refuses such slots)"},
	{"enable-two-phase", 0, OPTION_FLAG, FIELD(two_phase), .help =
	"the same, by its name since PostgreSQL 18"},
	{"enable-failover", 0, OPTION_FLAG, FIELD(enable_failover), .help =
	"create a slot that is synchronized to standbys (PostgreSQL 17 and newer)"},
	{"startpos", 'I', OPTION_STRING, FIELD(startpos),
		.argument = "LSN", .help =
		"where a first start begins, if beyond the slot's position; later starts begin where the sinks are"},
	{"allow-gap", 0, OPTION_FLAG, FIELD(allow_gap), .help =
	"accept that --startpos skips transactions"},
	{"endpos", 'E', OPTION_STRING, FIELD(endpos), .argument = "LSN", .help =
		"stop cleanly once every transaction that committed up to this position is delivered"},
	{"skip", 0, OPTION_STRING, FIELD(skip), .argument = "POSITION", .help =
		"once: do not deliver the record at this position (0/16B3748:3, as errors give it), or any of the transaction (0/16B3748); said in the log, in the notes beside the checkpoints and among dead letters"},
	{"skip-reason", 0, OPTION_STRING, FIELD(skip_reason), .argument = "TEXT",
		.help = "why; must be given with --skip"},
	{"renew-fields", 0, OPTION_LIST, FIELD(renew_fields),
		.argument = "TOPIC", .help =
		"once: let the fields of this topic of typed records mean something else than before, since all its consumers have the new .proto; may be repeated"},
	{"no-loop", 'n', OPTION_FLAG, FIELD(no_loop), .help =
	"do not try again when the connection is lost"},
	{"status-interval", 's', OPTION_TIME, FIELD(status_interval),
		.preset = "10s", .min = 0, .max = INT64_C(3600) * CLOCK_SECOND,
		.argument = "SECS", .help =
		"longest time between status messages to the server; at most a third of wal_sender_timeout is used"},
	{"max-retained-wal", 0, OPTION_BYTES, FIELD(max_retained_wal),
		.preset = "0", .min = 0, .max = INT64_C(1) << 60, .help =
		"warn when the slot holds back more WAL than this on the server, and say which sink is to blame; 0: no limit. Takes a second connection"},
	{"on-max-retained-wal", 0, OPTION_WORD, FIELD(on_max_retained_wal),
		.preset = "warn", .words = retention_words, .argument = "WORD",
		.help =
		"what to do then if it does not get better: go on warning; stop the relay (the WAL stays); drop-slot: stop and drop the slot, so that the server's disk is saved and the sinks lose changes"},
	{"max-retained-wal-grace", 0, OPTION_TIME, FIELD(max_retained_wal_grace),
		.preset = "60s", .min = CLOCK_SECOND / 2,
		.max = INT64_C(86400) * CLOCK_SECOND, .argument = "SECS", .help =
	"how long it may go without getting better until that is done"},

	{"snapshot", 0, OPTION_WORD, FIELD(snapshot), .preset = "never",
		.words = snapshot_words, .argument = "WORD", .help =
		"initial: a sink without a checkpoint first gets the rows that the tables have, then the changes since, and a missing slot is created; only: the same, then stop; when-needed: also where the slot was lost or stands ahead of a sink; never: changes alone; always: as initial, and each start has all tables read again beside the stream"},
	{"snapshot-workers", 0, OPTION_INT, FIELD(snapshot_workers),
		.preset = "2", .min = 1, .max = 32, .argument = "NUMBER", .help =
	"connections that read tables at the same time in a snapshot"},
	{"resnapshot-sink", 0, OPTION_STRING, FIELD(resnapshot_sink),
		.argument = "NAME", .help =
	"with --resnapshot: send the rows to this sink only, not to all"},
	{"resnapshot-memory", 0, OPTION_BYTES, FIELD(resnapshot_memory),
		.preset = "16MB", .min = 64 * 1024, .max = INT64_C(1) << 40, .help =
	"memory for the keys of rows that change while tables are read again"},

	{"streaming", 0, OPTION_BOOL, FIELD(streaming), .preset = "on", .help =
		"let the server send large transactions while they are in progress; they are kept here until they commit"},
	{"spool-memory", 0, OPTION_BYTES, FIELD(spool_memory),
		.min = MEMORY_SPOOL_MIN, .max = INT64_C(1) << 40, .help =
		"memory for transactions in progress, all together; more goes to disk; by default a share of --memory, 64MB of 256MB"},
	{"spool-directory", 0, OPTION_STRING, FIELD(spool_directory),
		.argument = "DIRECTORY", .help =
		"where on disk, compressed; it must be private (mode 0700) and is made if missing; pg_fanout-UID below $TMPDIR or /var/tmp if not set"},
	{"spool-limit", 0, OPTION_BYTES, FIELD(spool_limit), .preset = "0",
		.min = 0, .max = INT64_C(1) << 60, .help =
	"how much disk that may take; 0: as much as there is"},

	{"memory", 0, OPTION_BYTES, FIELD(memory), .preset = "256MB",
		.min = MEMORY_MIN, .max = INT64_C(1) << 42, .help =
		"what the relay may take in all; sinks and transactions in progress get shares of it, unless they are given sizes of their own; rows of more than an eighth of it may take more"},
	{"spool", 0, OPTION_BOOL, FIELD(spool), .preset = "off", .help =
		"keep what a sink has not got on local disk, so that the server need not: each sink goes at its own pace, and the slot follows what is on disk (see README, Outages)"},
	{"spool-backlog-directory", 0, OPTION_STRING,
		FIELD(spool_backlog_directory), .argument = "DIRECTORY", .help =
		"where; on a disk that survives a restart, private (mode 0700), one for each slot"},
	{"spool-backlog-limit", 0, OPTION_BYTES, FIELD(spool_backlog_limit),
		.preset = "10GB", .min = 1024 * 1024, .max = INT64_C(1) << 60, .help =
	"how much disk that may take; one transaction may exceed it"},
	{"spool-full", 0, OPTION_WORD, FIELD(spool_full), .preset = "wait",
		.words = full_words, .argument = "WORD", .help =
		"at the limit, or when the disk is full: wait (nothing more is read, the server keeps its WAL) or stop (exit code 31)"},

	SETTINGS_PASS_ROWS(FIELD(pass)),

	{"sink", 0, OPTION_LIST, FIELD(sinks), .argument = "[NAME=]URL", .help =
		"where records go: kafka://HOST:PORT,..., s3://BUCKET/PREFIX, dir:///PATH, file:PATH, null:; options follow as ?name=value&...; may be repeated"},
	{"file", 'f', OPTION_STRING, FIELD(file), .argument = "FILE", .help =
	"the same as --sink file:FILE; - is the standard output"},
	{"fsync-interval", 'F', OPTION_TIME, FIELD(fsync_interval),
		.preset = "10s", .min = 0, .max = INT64_C(3600) * CLOCK_SECOND,
		.argument = "SECS", .help =
	"longest time between syncs of the file given by --file; 0: at every commit"},
	{"config", 'c', OPTION_STRING, FIELD(config), .argument = "FILE", .help =
	"read options and sinks from this file; the command line wins"},

	{"dbname", 'd', OPTION_STRING, FIELD(dbname), .argument = "DBNAME", .help =
	"database to connect to, or a connection string"},
	{"host", 'h', OPTION_STRING, FIELD(host), .argument = "HOSTNAME", .help =
	"database server's host or socket directory"},
	{"port", 'p', OPTION_STRING, FIELD(port), .argument = "PORT", .help =
	"database server's port"},
	{"username", 'U', OPTION_STRING, FIELD(user), .argument = "NAME", .help =
	"connect as this user"},
	{"no-password", 'w', OPTION_FLAG, FIELD(never_prompt), .help =
	"never prompt for a password"},
	{"password", 'W', OPTION_FLAG, FIELD(force_prompt), .help =
	"prompt for a password before connecting"},
	{"auth", 0, OPTION_WORD, FIELD(auth), .preset = "password",
		.words = auth_words, .argument = "WORD", .help =
		"password: log in by what libpq knows (password, ~/.pgpass, certificate); iam: by a fresh AWS IAM token for each connection (RDS, Aurora), which needs TLS"},
	{"aws-region", 0, OPTION_STRING, FIELD(aws_region), .argument = "REGION",
		.help =
		"region of IAM tokens; default: the endpoint's own (NAME.REGION.rds.amazonaws.com), then AWS_REGION"},
	{"aws-profile", 0, OPTION_STRING, FIELD(aws_profile),
		.argument = "PROFILE", .help =
		"profile of the AWS files whose keys sign IAM tokens; default: environment, web identity, AWS_PROFILE, container, instance"},
	{"iam-endpoint", 0, OPTION_STRING, FIELD(iam_endpoint),
		.argument = "HOST[:PORT]", .help =
		"endpoint that IAM tokens are made for, if -h names a tunnel or an alias of it"},

	{"progress-interval", 0, OPTION_TIME, FIELD(progress_interval),
		.preset = "60s", .min = 0, .max = INT64_C(86400) * CLOCK_SECOND,
		.argument = "SECS", .help =
		"time between progress lines in a log (a terminal is refreshed every second); 0: none"},
	{"verbose", 'v', OPTION_FLAG, FIELD(verbose),
		.help = "log what is of interest when looking for a fault"},
	{"version", 'V', OPTION_FLAG, FIELD(version),
		.help = "print the version, then exit"},
	{"help", '?', OPTION_FLAG, FIELD(help),
		.help = "show this help, then exit"},
};

const OptionTable settings_table = {
	.title = "Options",
	.prefix = SECTION,
	.options = settings_options,
	.count = sizeof(settings_options) / sizeof(settings_options[0]),
	.size = sizeof(Settings)
};

#undef FIELD
#define FIELD(member) offsetof(SinkCommon, member)

static const Option sink_common_options[] = {
	{"url", 0, OPTION_STRING, FIELD(url), .argument = "URL", .help =
	"where the records go (in a [sink NAME] section)"},
	{"format", 0, OPTION_STRING, FIELD(format), .preset = "json",
		.argument = "FORMAT",
		.help = "json: one plain object per change; protobuf: the typed message of the table, see --print-proto; debezium-json and avro: as Debezium writes them"},
	{"topic", 0, OPTION_STRING, FIELD(topic),
		.preset = "{prefix}.{schema}.{table}", .argument = "TEMPLATE", .help =
		"topic, or name of the objects, made from {prefix}, {db}, {schema}, {table} and {sink}"},
	{"message-topic", 0, OPTION_STRING, FIELD(message_topic),
		.preset = "{prefix}.message", .argument = "TEMPLATE", .help =
	"the same for logical messages (-o messages=on); has no {schema} and {table}"},
	{"prefix", 0, OPTION_STRING, FIELD(prefix), .argument = "PREFIX", .help =
	"what {prefix} stands for; the database's name if not set"},
	{"checkpoint-interval", 0, OPTION_TIME, FIELD(checkpoint_interval),
		.preset = "1s", .min = 0, .max = INT64_C(3600) * CLOCK_SECOND,
		.argument = "SECS", .help =
	"longest time between checkpoints, and so until the slot is confirmed"},
};

const OptionTable sink_common_table = {
	.title = "Options of every sink",
	.prefix = "sink",
	.options = sink_common_options,
	.count = sizeof(sink_common_options) / sizeof(sink_common_options[0]),
	.size = sizeof(SinkCommon)
};

/* ---- the command line ---- */

typedef struct Arguments
{
	char	  **argv;
	int			count;
	int			at;
} Arguments;

static bool
is_flag(const Option *option)
{
	return option->type == OPTION_FLAG;
}

static bool
take_value(Arguments *args, const char *given, const char **value, Error *err)
{
	if (args->at + 1 < args->count)
	{
		*value = args->argv[++args->at];
		return true;
	}
	error_set(err, ERROR_USAGE, "option %s needs a value", given);
	return error_hint(err, "See pg_fanout --help.");
}

/* --name, --name=value, --name value */
static bool
read_long(Settings *settings, Arguments *args, Error *err)
{
	const char *given = args->argv[args->at];
	const char *equals = strchr(given, '=');
	char	   *name = strndup(given + 2,
							   equals ? (size_t) (equals - given - 2) :
							   strlen(given + 2));
	const Option *option;
	const char *value = equals ? equals + 1 : NULL;
	bool		ok = false;

	if (name == NULL)
		return error_no_memory(err);
	option = option_find(&settings_table, name);
	if (option != NULL && option->type == OPTION_SECRET)
	{
		error_set(err, ERROR_USAGE, "--%s is a secret and does not belong on the command line",
				  name);
		error_hint(err, "Others can see it in the process list. Put it into a file of mode 0600 and use --config.");
		goto done;
	}
	if (option != NULL && is_flag(option) && value == NULL)
		value = "on";
	if (option != NULL && value == NULL &&
		!take_value(args, given, &value, err))
		goto done;
	ok = option_set(&settings_table, settings, name, value ? value : "", err);

done:
	free(name);
	return ok;
}

/* -v, -nv, -S slot, -Sslot */
static bool
read_short(Settings *settings, Arguments *args, Error *err)
{
	for (const char *at = args->argv[args->at] + 1; *at != '\0'; at++)
	{
		const Option *option = option_find_letter(&settings_table, *at);
		char		given[3] = {'-', *at, '\0'};
		const char *value = "on";

		if (option == NULL)
		{
			error_set(err, ERROR_USAGE, "unknown option %s", given);
			return error_hint(err, "See pg_fanout --help.");
		}
		if (!is_flag(option))
		{
			value = at + 1;
			if (*value == '\0' && !take_value(args, given, &value, err))
				return false;
		}
		if (!option_set(&settings_table, settings, option->name, value, err))
			return false;
		if (!is_flag(option))
			return true;
	}
	return true;
}

static bool
read_arguments(Settings *settings, int argc, char **argv, Error *err)
{
	Arguments	args = {argv, argc, 1};

	for (; args.at < argc; args.at++)
	{
		const char *given = argv[args.at];
		bool		ok;

		if (given[0] != '-' || given[1] == '\0')
		{
			error_set(err, ERROR_USAGE, "unexpected argument \"%s\"", given);
			return error_hint(err, "Every value belongs to an option: see pg_fanout --help.");
		}
		ok = given[1] == '-' ? read_long(settings, &args, err)
			: read_short(settings, &args, err);
		if (!ok)
			return false;
	}
	return true;
}

/* ---- the file ---- */

/* Any sink's or format's: the file must not be readable by others then. */
static bool
is_secret(const ConfigEntry *entry)
{
	const Option *option = option_find(&settings_table, entry->name);
	const OptionTable *table;

	if (option != NULL && option->type == OPTION_SECRET)
		return true;
	for (int i = 0; (table = registry_options(i)) != NULL; i++)
	{
		option = option_find(table, entry->name);
		if (option != NULL && option->type == OPTION_SECRET)
			return true;
	}

	/* properties passed through, and a password in a connection string */
	return strstr(entry->name, "password") != NULL ||
		strstr(entry->name, "secret") != NULL ||
		(strcmp(entry->name, "dbname") == 0 &&
		 connection_string_has_secret(entry->value));
}

/* What the command line has set stands: the file only fills the rest. */
static bool
apply_section(Settings *settings, const Config *config, int argc, char **argv,
			  Error *err)
{
	for (size_t i = 0; i < config->count; i++)
	{
		const ConfigEntry *entry = &config->entries[i];

		if (strcmp(entry->section, SECTION) == 0)
		{
			if (!option_set(&settings_table, settings, entry->name,
							entry->value, err))
				return error_prefix(err, "%s:%d", settings->config,
									entry->line);
		}
		else if (strncmp(entry->section, "sink ", 5) != 0)
		{
			error_set(err, ERROR_USAGE, "%s:%d: unknown section [%s]",
					  settings->config, entry->line, entry->section);
			return error_hint(err,
							  "Sections are [pg_fanout] and [sink NAME].");
		}
	}
	return read_arguments(settings, argc, argv, err);
}

static void
free_list(OptionList *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (OptionList) {0};
}

static bool
read_file(Settings *settings, Config *config, int argc, char **argv,
		  Error *err)
{
	if (!config_read(config, settings->config, is_secret, err))
		return false;

	/* lists would be doubled when the arguments are read again */
	free_list(&settings->verify);
	free_list(&settings->print_proto);
	free_list(&settings->create_publication);
	free_list(&settings->resnapshot);
	free_list(&settings->plugin_options);
	free_list(&settings->renew_fields);
	free_list(&settings->sinks);
	settings_pass_forget(&settings->pass);
	return apply_section(settings, config, argc, argv, err);
}

/* ---- making sense of it ---- */

static bool
check_resnapshot(const Settings *settings, Error *err)
{
	if (settings->resnapshot.count == 0)
		return settings->resnapshot_sink == NULL ||
			error_set(err, ERROR_USAGE,
					  "--resnapshot-sink needs --resnapshot");
	if (settings->start)
	{
		error_set(err, ERROR_USAGE, "--resnapshot and --start exclude each other");
		return error_hint(err, "--resnapshot asks a relay that is running, or the next that is started. If a configuration file says start = on, add --start=off.");
	}
	return !settings->drop_slot ||
		error_set(err, ERROR_USAGE,
				  "--resnapshot and --drop-slot exclude each other");
}

static bool
check_actions(const Settings *settings, Error *err)
{
	bool		on_slot = settings->create_slot || settings->drop_slot ||
		settings->start || settings->resnapshot.count > 0;
	bool		on_server = on_slot || settings->check ||
		settings->print_proto.count > 0 ||
		settings->create_publication.count > 0;

	if (settings->verify.count > 0)
		return !on_server || error_set(err, ERROR_USAGE, "--verify stands alone: it needs no server");
	if (!on_server)
	{
		error_set(err, ERROR_USAGE, "nothing to do");
		return error_hint(err, "Say at least one of --create-publication, --create-slot, --drop-slot, --start, --check, --resnapshot, --verify, --print-proto; see --help.");
	}
	if (settings->drop_slot && (settings->create_slot || settings->start))
		return error_set(err, ERROR_USAGE, "--drop-slot cannot be combined with --create-slot or --start");
	if (on_slot && settings->slot == NULL)
	{
		error_set(err, ERROR_USAGE, "no slot specified");
		return error_hint(err, "Name it with -S.");
	}
	if (settings->dbname == NULL && !settings->drop_slot)
	{
		error_set(err, ERROR_USAGE, "no database specified");
		return error_hint(err, "Name it with -d.");
	}
	return check_resnapshot(settings, err);
}

static bool
check_snapshot(const Settings *settings, Error *err)
{
	if (settings->snapshot != SNAPSHOT_MODE_NEVER &&
		settings->startpos != NULL)
		return error_set(err, ERROR_USAGE,
						 "--snapshot and --startpos exclude each other");
	return true;
}

static bool
check_start_options(const Settings *settings, Error *err)
{
	if (registry_find_source(settings->plugin) == NULL)
	{
		error_set(err, ERROR_USAGE, "no source reads the output plugin \"%s\"",
				  settings->plugin);
		return error_hint(err, "pg_fanout reads pg_fanout and pgoutput.");
	}
	if (settings->spool && settings->spool_backlog_directory == NULL)
	{
		error_set(err, ERROR_USAGE, "the spool has no directory");
		return error_hint(err, "Name one with --spool-backlog-directory, on a disk that is still there after a restart.");
	}
	return check_snapshot(settings, err);
}

static bool
check_settings(const Settings *settings, Error *err)
{
	if (settings->help || settings->version || settings->print_config ||
		settings->print_manual)
		return true;
	if (!check_actions(settings, err))
		return false;
	if (settings->never_prompt && settings->force_prompt)
		return error_set(err, ERROR_USAGE, "-w and -W exclude each other");
	return !settings->start || check_start_options(settings, err);
}

/* ---- the source's options ---- */

static bool
split_source_options(Settings *settings, Error *err)
{
	size_t		count = settings->plugin_options.count;

	settings->option_names = calloc(count + 1, sizeof(char *));
	settings->option_values = calloc(count + 1, sizeof(char *));
	if (settings->option_names == NULL || settings->option_values == NULL)
		return error_no_memory(err);
	for (size_t i = 0; i < count; i++)
	{
		char	   *equals = strchr(settings->plugin_options.items[i], '=');

		/* cut in place: from here on only the two halves are of use */
		if (equals != NULL)
			*equals = '\0';
		settings->option_names[i] = settings->plugin_options.items[i];
		settings->option_values[i] = equals ? equals + 1 : NULL;
	}
	return true;
}

SourceOptions
settings_source_options(const Settings *settings)
{
	return (SourceOptions) {settings->option_names, settings->option_values,
		settings->plugin_options.count};
}

static uint64_t
hash_text(uint64_t hash, const char *text)
{
	/* the NUL too, so that "a","b" is not "ab" */
	for (size_t at = 0; text != NULL && at <= strlen(text); at++)
		hash = (hash ^ (uint8_t) text[at]) * UINT64_C(1099511628211);
	return hash;
}

uint64_t
settings_source_hash(const Settings *settings)
{
	uint64_t	hash = hash_text(UINT64_C(14695981039346656037),
								 settings->plugin);

	for (size_t i = 0; i < settings->plugin_options.count; i++)
	{
		hash = hash_text(hash, settings->option_names[i]);
		hash = hash_text(hash, settings->option_values[i]);
	}
	return hash;
}

void
settings_free(Settings *settings)
{
	if (settings == NULL)
		return;
	free(settings->option_names);
	free(settings->option_values);
	option_free(&settings_table, settings);
}

/* ---- all of it ---- */

/* The process list shows the command line to everybody on the machine. */
static bool
check_no_secret(const Settings *settings, Error *err)
{
	if (settings->dbname == NULL ||
		!connection_string_has_secret(settings->dbname))
		return true;
	error_set(err, ERROR_USAGE,
			  "-d holds a password, and the command line is no place for it");
	return error_hint(err, "Others can see it in the process list. Use PGPASSWORD, ~/.pgpass, -W or a configuration file of mode 0600.");
}

bool
settings_read(Settings *settings, Config *config, int argc, char **argv,
			  Error *err)
{
	if (!read_arguments(settings, argc, argv, err) ||
		!check_no_secret(settings, err))
		return false;
	if (settings->config != NULL &&
		!read_file(settings, config, argc, argv, err))
		return false;
	return check_settings(settings, err) &&
		split_source_options(settings, err);
}
