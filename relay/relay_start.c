/*
 * relay_start.c
 *		A start of the stream: connection, slot, checkpoints, source. See
 *		relay_state.h.
 *
 * The slot is held before any checkpoint is read, so that two relays never
 * work on one. Every start begins at the smallest durable of all sinks.
 */
#include "relay_state.h"

#include <string.h>
#include <sys/resource.h>

#include "charset_load.h"
#include "clock.h"
#include "failpoint.h"
#include "log.h"
#include "publication.h"
#include "registry.h"

#define OPEN_FILES				65536
#define STREAMING_VERSION		140000

Lsn
relay_start_position(const Relay *relay)
{
	Lsn			durable;

	if (!relay->resumed)
		return relay->startpos;
	durable = fanout_durable(relay->fanout);
	return durable > relay->identity.snapshot ? durable :
		relay->identity.snapshot;
}

/* Where the stream begins: new sinks begin where the slot stands. */
static Lsn
relay_begin_position(const Relay *relay)
{
	Lsn			durable = relay_start_position(relay);

	return durable > relay->identity.confirmed ? durable :
		relay->identity.confirmed;
}

static bool
resume_sinks(Relay *relay, const SlotInfo *slot, Error *err)
{
	relay->identity = (SlotIdentity) {
		.system_id = relay->server.system_id,
		.timeline = relay->server.timeline,
		.slot = relay->settings->slot,
		.database = relay->database,
		.options_hash = settings_source_hash(relay->settings),
		.confirmed = slot->confirmed_flush,
		.restart = slot->restart,
		.timelines = &relay->timelines,
		.snapshot = relay_snapshot_start(relay, slot->confirmed_flush),
		.covers_gaps = relay->settings->snapshot == SNAPSHOT_MODE_WHEN_NEEDED
	};
	if (relay->identity.snapshot != LSN_INVALID)
		relay->identity.confirmed =
			relay_snapshot_first(relay->identity.snapshot);
	if (relay->startpos > slot->confirmed_flush)
		relay->identity.confirmed = relay->startpos;
	if (!fanout_resume(relay->fanout, &relay->identity, err) ||
		!relay->source->ops->recall(relay->source,
									fanout_notes(relay->fanout), err))
		return false;
	relay->resumed = true;
	return relay_resnapshot_recall(relay, err) &&
		relay_skip_start(&relay->skip, relay->fanout,
							relay_begin_position(relay), err);
}

bool
relay_prepare(Relay *relay, Error *err)
{
	const PassOptions *options = &relay->settings->pass;

	relay->transform = settings_pass_transform(options, err);
	return relay->transform != NULL &&
		relay_skip_init(&relay->skip, relay->settings, err) &&
		settings_pass_outbox(options, relay->database, &relay->outbox, err);
}

/* Each large transaction in progress takes a file, and servers have many. */
static void
raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= OPEN_FILES)
		return;
	limit.rlim_cur = limit.rlim_max < OPEN_FILES ? limit.rlim_max :
		OPEN_FILES;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static bool
make_spool(Relay *relay, Error *err)
{
	const Settings *settings = relay->settings;
	SpoolConfig config = {
		.memory = settings->spool_memory,
		.directory = settings->spool_directory,
		.limit = settings->spool_limit
	};

	if (!settings->streaming || relay->server.version < STREAMING_VERSION)
		return true;
	raise_file_limit();
	relay->spool = spool_new(&config, err);
	return relay->spool != NULL;
}

/*
 * Options are sent in UTF-8, so with any beyond ASCII the server has to go on
 * converting.
 */
static bool
learn_charset(Relay *relay, PGconn *conn, Error *err)
{
	const SourceOps *ops = registry_find_source(relay->settings->plugin);
	SourceOptions options = settings_source_options(relay->settings);

	if (relay->source != NULL || relay->charset != NULL || !ops->reads_text)
		return true;
	for (size_t i = 0; i < options.count; i++)
	{
		if (options.values[i] != NULL &&
			!charset_is_ascii(slice_of(options.values[i])))
			return true;
	}
	return charset_load(conn, &relay->charset, err);
}

/* Straight to the sinks, or into the backlog that they read. */
static bool
make_fanout(Relay *relay, Error *err)
{
	RelayBacklogConfig config = {
		.settings = relay->settings, .sinks = relay->setups,
		.database = relay->database, .outbox = relay->outbox,
		.skip = &relay->skip
	};

	if (relay->settings->spool)
	{
		relay->backlog = relay_backlog_new(&config, err);
		if (relay->backlog != NULL)
			relay->fanout = relay_backlog_fanout(relay->backlog, err);
		return relay->fanout != NULL;
	}
	relay->fanout = fanout_new(relay->setups, relay->database, err);
	if (relay->fanout == NULL)
		return false;
	fanout_set_outbox(relay->fanout, relay->outbox);
	fanout_renew_fields(relay->fanout, &relay->settings->renew_fields);
	return true;
}

static bool
make_parts(Relay *relay, Error *err)
{
	const SourceOps *ops = registry_find_source(relay->settings->plugin);
	SourceConfig config = {
		.server_version = relay->server.version,
		.raw_text = relay->server.raw_text,
		.charset = relay->charset,
		.user = settings_source_options(relay->settings)
	};

	if (relay->fanout != NULL)
		return true;
	memcpy(relay->database, relay->server.database, sizeof(relay->database));
	if (!make_fanout(relay, err) || !make_spool(relay, err))
		return false;
	config.spool = relay->spool;
	relay->source = ops->create(&config, err);
	return relay->source != NULL;
}

static bool
check_publications(const Relay *relay, PGconn *conn, Error *err)
{
	SourceOptions options = settings_source_options(relay->settings);

	return !relay->source->ops->needs_publications ||
		publication_check(conn, &options, err);
}

static bool
open_stream(Relay *relay, Error *err)
{
	const char *slot_name = relay->settings->slot;
	PGconn	   *conn = connection_open(relay->connection,
									   CONNECTION_REPLICATION, err);
	SourceOptions options;
	SlotInfo	slot;

	if (conn == NULL)
		return false;
	if (!slot_server(conn, &relay->server, err) ||
		!relay_check_server(relay, conn, err) ||
		!learn_charset(relay, conn, err) || !make_parts(relay, err) ||
		!slot_find(conn, slot_name, &slot, err) ||
		!relay_snapshot_slot(relay, conn, &slot, err) ||
		!relay_check_slot(relay, &slot, err) ||
		!check_publications(relay, conn, err) ||
		(relay->charset != NULL && !charset_switch(conn, err)))
		goto failed;
	options = relay->source->ops->options(relay->source,
										  !relay->streaming_fails);
	relay->stream = stream_start(conn, slot_name, relay_start_position(relay),
								 &options, err);
	if (relay->stream == NULL)
		goto failed;
	if (!failpoint_passes(FAILPOINT_SLOT_TAKEN, err) ||
		(!relay->resumed && !resume_sinks(relay, &slot, err)))
		return false;
	fanout_held(relay->fanout);
	relay_resnapshot_resume(relay);
	return relay_snapshot_begin(relay, err);

failed:
	PQfinish(conn);
	return false;
}

void
relay_close_stream(Relay *relay)
{
	stream_close(relay->stream);
	relay->stream = NULL;
	server_watch_close(&relay->watch);
	relay->blocked_since = 0;
	snapshot_free(relay->snapshot);
	relay->snapshot = NULL;
	relay_resnapshot_lost(relay);
	if (relay->source != NULL)
		relay->source->ops->reset(relay->source);
	if (relay->fanout != NULL)
		fanout_next(relay->fanout);
	relay->pending.kind = SOURCE_EMPTY;
	relay->in_frame = false;
	relay->in_transaction = false;
	relay->reply_wanted = false;
}

void
relay_tell_streaming(const Relay *relay)
{
	char		text[LSN_TEXT_SIZE];

	log_info("streaming from slot \"%s\" of database \"%s\" at %s",
			 relay->settings->slot, relay->database,
			 lsn_format(relay_begin_position(relay), text));
}

bool
relay_begin_stream(Relay *relay, Error *err)
{
	if (!open_stream(relay, err) ||
		!failpoint_passes(FAILPOINT_STREAM_START, err))
	{
		relay_close_stream(relay);
		relay_snapshot_undo(relay);
		return false;
	}
	feedback_start(&relay->feedback, relay->settings->status_interval,
				   relay->server.sender_timeout, clock_now());
	if (relay->feedback.delivered < relay->identity.confirmed)
		relay->feedback.delivered = relay->identity.confirmed;
	if (relay->snapshot == NULL)
		relay_tell_streaming(relay);
	return true;
}
