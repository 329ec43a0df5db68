/*
 * backlog_sync.c
 *		Making the backlog safe. See backlog.h.
 *
 * The thread gets descriptors of its own: of every file that is not on disk
 * as a whole, and last of the directory. What is appended meanwhile counts
 * with the next sync. After a failure nobody knows what is on disk, and a
 * second try may succeed without having written anything: it is final.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backlog_state.h"

static void
run_sync(void *argument)
{
	BacklogSync *sync = argument;

	for (size_t i = 0; i < sync->count && sync->fault == 0; i++)
	{
		bool		is_directory = i + 1 == sync->count;

		if ((is_directory ? fsync(sync->fds[i]) :
			 fdatasync(sync->fds[i])) != 0)
			sync->fault = errno;
	}
}

void
backlog_drop_sync(Backlog *backlog)
{
	for (size_t i = 0; i < backlog->sync.count; i++)
		close(backlog->sync.fds[i]);
	free(backlog->sync.fds);
	backlog->sync = (BacklogSync) {0};
}

static bool
add_descriptor(BacklogSync *sync, int fd, Error *err)
{
	if (fd < 0)
		return err->code != ERROR_NONE ? false :
			error_set(err, ERROR_DISK, "cannot sync the spool: %s",
					  strerror(errno));
	sync->fds[sync->count++] = fd;
	return true;
}

static bool
collect(Backlog *backlog, Error *err)
{
	BacklogSync *sync = &backlog->sync;

	sync->fds = calloc(backlog->count + 1, sizeof(int));
	if (sync->fds == NULL)
		return error_no_memory(err);
	for (size_t i = 0; i < backlog->count; i++)
	{
		const BacklogSegment *segment = &backlog->segments[i];

		if (!segment->synced &&
			!add_descriptor(sync, backlog_open_file(backlog, segment->number,
													O_RDWR, err), err))
			return false;
	}
	sync->segment = backlog_segment(backlog) + (backlog->writing ? 0 : 1);
	sync->end = backlog->end;
	return add_descriptor(sync, fcntl(backlog->dir, F_DUPFD_CLOEXEC, 0), err);
}

/* A full disk is no failure: what is in memory is synced later. */
bool
backlog_sync(Backlog *backlog, Error *err)
{
	Error		failure;

	if (backlog->job.running)
		return true;
	if (backlog->sync_failed)
		return error_set(err, ERROR_DISK, "the spool could not be synced before");
	error_clear(&failure);
	switch (backlog_write_out(backlog, &failure))
	{
		case BACKLOG_OK:
			break;
		case BACKLOG_FULL:
			return true;
		case BACKLOG_FAILED:
			*err = failure;
			return false;
	}
	if (collect(backlog, &failure) &&
		job_begin(&backlog->job, run_sync, &backlog->sync, &failure))
		return true;
	backlog_drop_sync(backlog);
	*err = failure;
	return false;
}

static bool
end_sync(Backlog *backlog, Error *err)
{
	const BacklogSync *sync = &backlog->sync;

	if (sync->fault != 0)
	{
		error_set(err, ERROR_DISK, "cannot sync the spool in \"%s\": %s",
				  backlog->directory, strerror(sync->fault));
		backlog_drop_sync(backlog);
		backlog->sync_failed = true;
		return error_hint(err, "Nothing that is not safe was confirmed. See to the disk, then start again.");
	}
	for (size_t i = 0; i < backlog->count; i++)
		if (backlog->segments[i].number < sync->segment)
			backlog->segments[i].synced = true;
	if (position_before(backlog->synced, sync->end))
		backlog->synced = sync->end;
	backlog_drop_sync(backlog);
	return true;
}

bool
backlog_take_sync(Backlog *backlog, Error *err)
{
	return !job_finished(&backlog->job) || end_sync(backlog, err);
}

static bool
wait_sync(Backlog *backlog, Error *err)
{
	if (!backlog->job.running)
		return true;
	job_join(&backlog->job);
	return end_sync(backlog, err);
}

bool
backlog_sync_all(Backlog *backlog, Error *err)
{
	return wait_sync(backlog, err) && backlog_sync(backlog, err) &&
		wait_sync(backlog, err);
}

Position
backlog_synced(const Backlog *backlog)
{
	return backlog->synced;
}
