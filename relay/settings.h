/*
 * settings.h
 *		What the command line and the configuration file can say.
 */
#ifndef PG_FANOUT_SETTINGS_H
#define PG_FANOUT_SETTINGS_H

#include "config.h"
#include "error.h"
#include "option.h"
#include "settings_pass.h"
#include "source.h"

#include "version.h"

typedef enum SpoolFull
{
	SPOOL_FULL_WAIT,
	SPOOL_FULL_STOP
} SpoolFull;

/* In the order of the option's words. */
typedef enum SnapshotMode
{
	SNAPSHOT_MODE_NEVER,
	SNAPSHOT_MODE_INITIAL,
	SNAPSHOT_MODE_ONLY,
	SNAPSHOT_MODE_WHEN_NEEDED,
	SNAPSHOT_MODE_ALWAYS
} SnapshotMode;

typedef struct Settings
{
	/* actions */
	OptionList	create_publication; /* of these tables */
	bool		create_slot;
	bool		drop_slot;
	bool		start;
	bool		check;
	OptionList	resnapshot;		/* tables to be read again: patterns */
	OptionList	verify;			/* names or URLs of sinks */
	bool		verify_content;
	OptionList	print_proto;
	bool		print_config;
	bool		print_manual;
	bool		help;
	bool		version;

	/* slot and stream */
	char	   *slot;
	char	   *plugin;
	OptionList	plugin_options;
	const char **option_names;	/* plugin_options cut in two */
	const char **option_values;
	bool		if_not_exists;
	bool		two_phase;
	bool		enable_failover;
	char	   *startpos;
	char	   *endpos;
	bool		allow_gap;
	char	   *skip;			/* a record's position; NULL: none */
	char	   *skip_reason;
	OptionList	renew_fields;	/* of these topics */
	bool		no_loop;
	int64_t		status_interval;
	int64_t		max_retained_wal;	/* 0: no limit */
	int			on_max_retained_wal;	/* a RetentionAction */
	int64_t		max_retained_wal_grace;
	int			snapshot;		/* a SnapshotMode */
	int64_t		snapshot_workers;
	char	   *resnapshot_sink;	/* NULL: all */
	int64_t		resnapshot_memory;

	/* transactions in progress */
	bool		streaming;
	int64_t		spool_memory;	/* 0: a share of memory */
	char	   *spool_directory;
	int64_t		spool_limit;

	/* what a sink has not got */
	bool		spool;
	char	   *spool_backlog_directory;
	int64_t		spool_backlog_limit;
	int			spool_full;		/* a SpoolFull */
	int64_t		memory;			/* of all */

	PassOptions pass;

	/* sinks */
	OptionList	sinks;
	char	   *file;
	int64_t		fsync_interval;
	char	   *config;

	/* connection */
	char	   *dbname;
	char	   *host;
	char	   *port;
	char	   *user;
	bool		never_prompt;
	bool		force_prompt;
	int			auth;			/* a LoginKind */
	char	   *aws_region;
	char	   *aws_profile;
	char	   *iam_endpoint;

	/* output */
	bool		verbose;
	int64_t		progress_interval;
} Settings;

extern const OptionTable settings_table;

#define MEMORY_MIN			(INT64_C(64) << 20)
#define MEMORY_SPOOL_MIN	(INT64_C(1) << 20)

/* What every sink understands, whatever its kind. */
typedef struct SinkCommon
{
	char	   *url;
	char	   *format;
	char	   *topic;
	char	   *message_topic;
	char	   *prefix;
	int64_t		checkpoint_interval;
} SinkCommon;

extern const OptionTable sink_common_table;

/*
 * Reads the command line into settings and, if it names a configuration file,
 * that file: its [pg_fanout] section fills what the command line left unset,
 * the rest stays in config for setup. Both are the caller's to free. settings
 * comes from option_new(&settings_table).
 */
extern MUST_USE bool settings_read(Settings *settings, Config *config,
								   int argc, char **argv, Error *err);

extern void settings_free(Settings *settings);

/* The -o options as names and values; they live as long as the settings. */
extern SourceOptions settings_source_options(const Settings *settings);

/* A hash of them and of the plugin: checkpoints remember it. */
extern uint64_t settings_source_hash(const Settings *settings);

/* Prints --help and the manual page: all tables, examples, exit codes. */
extern void settings_print_help(FILE *out);
extern void settings_print_config(FILE *out);
extern void settings_print_manual(FILE *out);

#endif							/* PG_FANOUT_SETTINGS_H */
