/*
 * backlog_adopt.c
 *		What becomes of what a start found of the backlog: whose it is, going
 *		on with it or throwing it away. See backlog.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "backlog_state.h"
#include "log.h"

bool
backlog_is_empty(const Backlog *backlog)
{
	return backlog->count == 0;
}

Position
backlog_start(const Backlog *backlog)
{
	return backlog->count > 0 ? backlog->segments[0].start : backlog->end;
}

Position
backlog_end(const Backlog *backlog)
{
	return backlog->end;
}

const Notes *
backlog_notes(const Backlog *backlog)
{
	return &backlog->found;
}

static bool
other(const Backlog *backlog, const char *what, const char *found,
	  const char *expected, Error *err)
{
	error_set(err, ERROR_SPOOL, "the spool in \"%s\" belongs to another %s",
			  backlog->directory, what);
	error_detail(err, "It was written for %s \"%s\", this one is \"%s\".",
				 what, found, expected);
	return error_hint(err, "Name another directory (spool_backlog_directory). Remove the files in this one only if nothing in them is wanted any more.");
}

bool
backlog_verify(const Backlog *backlog, const SlotIdentity *identity,
			   Error *err)
{
	const Checkpoint *found = &backlog->segments[backlog->count - 1].whose;
	Checkpoint	expected;
	char		found_id[24];
	char		expected_id[24];

	checkpoint_init(&expected, identity, "spool", LSN_INVALID);
	snprintf(found_id, sizeof(found_id), "%" PRIu64, found->system_id);
	snprintf(expected_id, sizeof(expected_id), "%" PRIu64,
			 expected.system_id);
	if (found->system_id != expected.system_id)
		return other(backlog, "database system", found_id, expected_id, err);
	if (strcmp(found->database, expected.database) != 0)
		return other(backlog, "database", found->database, expected.database,
					 err);
	if (strcmp(found->slot, expected.slot) != 0)
		return other(backlog, "slot", found->slot, expected.slot, err);
	if (found->timeline > expected.timeline)
	{
		error_set(err, ERROR_SPOOL,
				  "the spool is from timeline %u, the server is on timeline %u",
				  found->timeline, expected.timeline);
		return error_hint(err, "The spool may hold changes that this server does not have. Connect to the newer server; or, if this one is right, compare the sinks with the tables, then remove the files in \"%s\".",
						  backlog->directory);
	}
	if (identity->timelines != NULL &&
		!timelines_hold(identity->timelines, found->timeline, backlog->end,
						"spool", err))
		return false;
	if (found->options_hash != expected.options_hash)
		log_warning("the source's options have changed since the spool was written: what is in it was selected by the old ones");
	return true;
}

static void
remove_strays(Backlog *backlog)
{
	for (size_t i = 0; i < backlog->stray_count; i++)
		backlog_unlink(backlog, backlog->strays[i]);
	backlog->stray_count = 0;
}

static void
forget_found(Backlog *backlog)
{
	for (size_t i = 0; i < backlog->count; i++)
		backlog_unlink(backlog, backlog->segments[i].number);
	backlog->count = 0;
	remove_strays(backlog);
	notes_free(&backlog->found);
	backlog->found = (Notes) {0};
}

bool
backlog_renew(Backlog *backlog, const SlotIdentity *identity, Position start,
			  Error *err)
{
	forget_found(backlog);
	if (fsync(backlog->dir) != 0)
		return error_set(err, ERROR_DISK, "cannot sync \"%s\": %s",
						 backlog->directory, strerror(errno));
	checkpoint_init(&backlog->whose, identity, "spool", LSN_INVALID);
	backlog->fresh = true;
	backlog->end = start;
	backlog->synced = start;
	backlog->sealed_bytes = 0;
	return true;
}

/* Cuts off what a crash left behind the last whole block that counts. */
static bool
cut_last(const Backlog *backlog, Error *err)
{
	const BacklogSegment *last = &backlog->segments[backlog->count - 1];
	int			fd = backlog_open_file(backlog, last->number, O_RDWR, err);
	bool		ok;

	if (fd < 0)
		return false;
	ok = ftruncate(fd, (off_t) last->extent.size) == 0;
	if (!ok)
		error_set(err, ERROR_DISK, "cannot cut back the spool: %s",
				  strerror(errno));
	close(fd);
	return ok;
}

bool
backlog_adopt(Backlog *backlog, const SlotIdentity *identity, Error *err)
{
	checkpoint_init(&backlog->whose, identity, "spool", LSN_INVALID);
	remove_strays(backlog);
	backlog->highest = backlog->segments[backlog->count - 1].number;
	for (size_t i = 0; i < backlog->count; i++)
		backlog->sealed_bytes += backlog->segments[i].extent.size;
	return cut_last(backlog, err) && backlog_sync_all(backlog, err);
}
