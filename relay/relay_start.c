/*
 * relay_start.c
 *		A start of the stream: connection, slot, checkpoints, source. See
 *		relay_state.h.
 *
 * The slot is held before any checkpoint is read, so that two relays never
 * work on one. Every start begins at the smallest durable of all sinks.
 */
#include "relay_state.h"

#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

#include "charset_load.h"
#include "clock.h"
#include "log.h"
#include "publication.h"
#include "registry.h"

#define OPEN_FILES				65536
#define STREAMING_VERSION		140000

Lsn
relay_start_position(const Relay *relay)
{
	return relay->resumed ? fanout_durable(relay->fanout) : relay->startpos;
}

static bool
check_start(Relay *relay, const SlotInfo *slot, Error *err)
{
	char		from[LSN_TEXT_SIZE];
	char		at[LSN_TEXT_SIZE];
	Lsn			start = relay_start_position(relay);

	if (relay->resumed && start != LSN_INVALID &&
		slot->confirmed_flush > start)
	{
		error_set(err, ERROR_CHECKPOINT,
				  "the slot has been moved to %s while the sinks have got no further than %s",
				  lsn_format(slot->confirmed_flush, at),
				  lsn_format(start, from));
		return error_hint(err, "Changes in between are lost to the sinks. See who advanced the slot; "
						  "then copy the tables again.");
	}
	if (!relay->resumed && relay->startpos > slot->confirmed_flush &&
		!relay->settings->allow_gap)
	{
		error_set(err, ERROR_USAGE,
				  "--startpos %s lies beyond the slot's position %s",
				  lsn_format(relay->startpos, from),
				  lsn_format(slot->confirmed_flush, at));
		return error_hint(err, "Everything committed in between would be skipped; --allow-gap accepts that.");
	}
	return true;
}

static bool
check_identity(Relay *relay, Error *err)
{
	if (!relay->resumed ||
		relay->server.system_id == relay->identity.system_id)
		return true;
	error_set(err, ERROR_CHECKPOINT,
			  "the server is another one than before: system identifier %"
			  PRIu64 " instead of %" PRIu64,
			  relay->server.system_id, relay->identity.system_id);
	return error_hint(err, "Check where the host name points to.");
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
		.confirmed = slot->confirmed_flush
	};
	if (relay->startpos > slot->confirmed_flush)
		relay->identity.confirmed = relay->startpos;
	if (!fanout_resume(relay->fanout, &relay->identity, err) ||
		!relay->source->ops->recall(relay->source,
									fanout_notes(relay->fanout), err))
		return false;
	relay->resumed = true;
	return true;
}

bool
relay_prepare(Relay *relay, Error *err)
{
	const PassOptions *options = &relay->settings->pass;

	relay->transform = settings_pass_transform(options, err);
	return relay->transform != NULL &&
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
	relay->fanout = fanout_new(relay->setups, relay->database, err);
	if (relay->fanout != NULL)
		fanout_set_outbox(relay->fanout, relay->outbox);
	if (relay->fanout == NULL || !make_spool(relay, err))
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
		!check_identity(relay, err) || !learn_charset(relay, conn, err) ||
		!make_parts(relay, err) || !slot_find(conn, slot_name, &slot, err) ||
		!slot_usable(&slot, slot_name, relay->settings->plugin, &relay->server,
					 err) ||
		!check_start(relay, &slot, err) ||
		!check_publications(relay, conn, err) ||
		(relay->charset != NULL && !charset_switch(conn, err)))
		goto failed;
	options = relay->source->ops->options(relay->source,
										  !relay->streaming_fails);
	relay->stream = stream_start(conn, slot_name, relay_start_position(relay),
								 &options, err);
	if (relay->stream == NULL)
		goto failed;
	if (!relay->resumed && !resume_sinks(relay, &slot, err))
		return false;
	fanout_held(relay->fanout);
	return true;

failed:
	PQfinish(conn);
	return false;
}

void
relay_close_stream(Relay *relay)
{
	stream_close(relay->stream);
	relay->stream = NULL;
	if (relay->source != NULL)
		relay->source->ops->reset(relay->source);
	if (relay->fanout != NULL)
		fanout_next(relay->fanout);
	relay->pending.kind = SOURCE_EMPTY;
	relay->in_frame = false;
	relay->in_transaction = false;
	relay->reply_wanted = false;
}

bool
relay_begin_stream(Relay *relay, Error *err)
{
	char		text[LSN_TEXT_SIZE];
	Lsn			start = relay_start_position(relay);

	if (!open_stream(relay, err))
	{
		relay_close_stream(relay);
		return false;
	}
	feedback_start(&relay->feedback, relay->settings->status_interval,
				   relay->server.sender_timeout, clock_now());
	if (relay->feedback.delivered < relay->identity.confirmed)
		relay->feedback.delivered = relay->identity.confirmed;
	log_info("streaming from slot \"%s\" of database \"%s\" at %s",
			 relay->settings->slot, relay->database,
			 lsn_format(start > relay->identity.confirmed ?
						start : relay->identity.confirmed,
						text));
	return true;
}
