/*
 * check.c
 *		--check: what would keep --start from working, or hurt later.
 *
 * The parts are functions of check_*.c; here they are called, and the spool
 * and the sinks looked at.
 */
#include "check.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include "bytes.h"
#include "check_part.h"
#include "fanout.h"
#include "relay_skip.h"
#include "spool.h"
#include "spool_directory.h"

/* ---- the spool ---- */

static void
check_spool(Check *check)
{
	const Settings *settings = check->settings;
	SpoolConfig config = {
		.memory = settings->spool_memory,
		.directory = settings->spool_directory
	};
	Error		failure;
	Spool	   *spool;

	if (!settings->streaming)
		return;
	error_clear(&failure);
	spool = spool_new(&config, &failure);
	if (spool != NULL)
		say_ok("transactions in progress can be kept on disk");
	else
		say_failure(check, &failure);
	spool_free(spool);
}

/* The directory, and whether the disk has what the spool may take. */
static void
check_backlog(Check *check)
{
	const Settings *settings = check->settings;
	const char *path = settings->spool_backlog_directory;
	char		space[BYTES_TEXT_SIZE];
	char		limit[BYTES_TEXT_SIZE];
	struct statvfs disk;
	int64_t		room = INT64_MAX;
	Error		failure;
	bool		made = false;

	if (!settings->spool)
		return;
	error_clear(&failure);
	if (!spool_directory_prepare(path, &made, &failure))
	{
		error_prefix(&failure, "the spool");
		say_failure(check, &failure);
		return;
	}
	if (statvfs(path, &disk) == 0)
		room = (int64_t) disk.f_bavail * (int64_t) disk.f_frsize;
	bytes_format((double) room, space);
	bytes_format((double) settings->spool_backlog_limit, limit);
	if (room < settings->spool_backlog_limit)
		say_warning("Give it a disk of its own, or lower spool_backlog_limit: a full disk is treated as the limit is (spool_full).",
					"the spool may take %s, but the disk of \"%s\" has %s left",
					limit, path, space);
	else
		say_ok("the spool's directory can be written, and has room");
	if (made)
		rmdir(path);
}

/* ---- sinks ---- */

/* What a person had left out, as the notes of a sink tell it. */
static void
check_skipped(Check *check, Sink *sink)
{
	SlotIdentity identity = {
		.system_id = check->server.system_id,
		.timeline = check->server.timeline, .slot = check->settings->slot,
		.database = check->server.database
	};
	size_t		size = strlen(RELAY_SKIP_NOTE);
	Error		failure;

	error_clear(&failure);
	if (identity.slot == NULL || identity.system_id == 0 ||
		sink->ops->read_notes == NULL)
		return;
	if (!sink->ops->read_notes(sink, &identity, &failure))
	{
		say_warning(failure.hint, "sink %s: its notes cannot be read: %s",
					sink->config->name, failure.message);
		return;
	}
	for (size_t i = 0; i < sink->notes.count; i++)
	{
		const Note *note = &sink->notes.items[i];

		if (strncmp(note->key, RELAY_SKIP_NOTE, size) == 0)
			say_warning("It was left out by --skip; look for it among the dead letters, or copy the row by hand.",
						"sink %s: not delivered: %s %.*s", sink->config->name,
						note->key + size, (int) note->size,
						(const char *) note->data);
	}
}

static void
check_sinks(Check *check, const SinkSetups *setups)
{
	Error		failure;
	Fanout	   *fanout;

	error_clear(&failure);
	if (setups->count == 0)
	{
		say_warning("Say where records go with --sink.",
					"no sink given: none looked at");
		return;
	}
	fanout = fanout_new(setups, check->server.database, &failure);
	if (fanout == NULL)
	{
		say_failure(check, &failure);
		return;
	}
	for (size_t i = 0; i < setups->count; i++)
	{
		Sink	   *sink = (Sink *) fanout_sink(fanout, i);

		error_clear(&failure);
		if (sink->ops->check(sink, &failure))
		{
			say_ok("sink %s can be written", setups->setups[i].name);
			check_skipped(check, sink);
		}
		else
		{
			error_prefix(&failure, "sink %s", setups->setups[i].name);
			say_failure(check, &failure);
		}
	}
	fanout_free(fanout);
}

/*
 * A role that may not replicate cannot have a replication connection either;
 * over an ordinary one the rest can still be looked at.
 */
static bool
check_connect(Check *check, ConnectionOptions *connection)
{
	Error		failure;

	error_clear(&failure);
	check->conn = connection_open(connection, CONNECTION_REPLICATION,
								  &failure);
	if (check->conn != NULL)
	{
		if (slot_server(check->conn, &check->server, &failure))
			return true;
		say_failure(check, &failure);
		return false;
	}
	say_failure(check, &failure);
	if (failure.code != ERROR_AUTH && failure.code != ERROR_CONNECT)
		return false;
	error_clear(&failure);
	check->conn = connection_open(connection, CONNECTION_SQL, &failure);
	if (check->conn == NULL)
		return false;
	check->server.version = PQserverVersion(check->conn);
	snprintf(check->server.database, sizeof(check->server.database), "%s",
			 PQdb(check->conn));
	return true;
}

bool
check_all(const Settings *settings, ConnectionOptions *connection,
		  const SinkSetups *setups, Error *err)
{
	Check		check = {.settings = settings};

	if (check_connect(&check, connection))
	{
		check_platform(&check);
		check_server(&check);
		check_role(&check);
		check_slot(&check);
		check_room(&check);
		check_plugin(&check);
		check_publications(&check);
		check_identities(&check);
		check_rights(&check);
		check_spool(&check);
		check_backlog(&check);
		check_sinks(&check, setups);
	}
	PQfinish(check.conn);
	if (check.failed)
		*err = check.first;
	return !check.failed;
}
