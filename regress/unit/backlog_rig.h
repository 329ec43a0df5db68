/*
 * backlog_rig.h
 *		A backlog in a directory of its own, transactions written to it and read
 *		back, and its files taken hold of.
 */
#ifndef BACKLOG_RIG_H
#define BACKLOG_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backlog_reader.h"
#include "log.h"

#define SEGMENT		(512 * 1024)

static char directory[64];
static int	wake_fd;
static Error err;
static Backlog *backlog;
static BacklogReader reader;
static Notes held;
static int64_t limit;
static Lsn	next_lsn;
static SlotIdentity identity = {
	.system_id = 7, .timeline = 1, .slot = "s", .database = "db", .confirmed = 100
};

/* ---- files ---- */

static int
list(char names[][64], int room)
{
	DIR		   *dir = opendir(directory);
	struct dirent *entry;
	int			count = 0;

	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && count < room)
			snprintf(names[count++], 64, "%.60s", entry->d_name);
	closedir(dir);
	qsort(names, (size_t) count, 64, (int (*) (const void *, const void *)) strcmp);
	return count;
}

static int
count_files(void)
{
	char		names[64][64];

	return list(names, 64);
}

/* The file with this index, from the end if negative. */
static int
open_nth(int index, int flags)
{
	char		names[64][64];
	int			count = list(names, 64);
	char		path[256];
	int			fd;

	index = index < 0 ? count + index : index;
	assert_in_range(index, 0, count - 1);
	snprintf(path, sizeof(path), "%s/%s", directory, names[index]);
	if (flags < 0)
		return unlink(path);
	fd = open(path, flags);
	assert_true(fd >= 0);
	return fd;
}

static int64_t
size_of(int index)
{
	int			fd = open_nth(index, O_RDONLY);
	int64_t		size = lseek(fd, 0, SEEK_END);

	close(fd);
	return size;
}

static void
cut(int index, int64_t size)
{
	int			fd = open_nth(index, O_RDWR);

	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static void
flip(int index, int64_t offset)
{
	int			fd = open_nth(index, O_RDWR);
	uint8_t		byte;

	assert_int_equal(pread(fd, &byte, 1, offset), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
	close(fd);
}

static void
remove_all(void)
{
	while (count_files() > 0)
		open_nth(0, -1);
}

/* ---- the log ---- */

static void
open_log(void)
{
	BacklogConfig config = {
		.directory = directory, .limit = limit, .segment_bytes = SEGMENT, .wake_fd = wake_fd
	};

	error_clear(&err);
	backlog = backlog_open(&config, &err);
}

static void
close_log(void)
{
	backlog_reader_free(&reader);
	backlog_close(backlog);
	backlog = NULL;
}

static void
begin_anew(void)
{
	open_log();
	assert_non_null(backlog);
	assert_true(backlog_renew(backlog, &identity, (Position) {100, 0}, &err));
	backlog_reader_init(&reader, backlog);
	backlog_reader_seek(&reader, (Position) {100, 0});
	next_lsn = 100;
}

/* As after a start that finds something. */
static void
open_again(void)
{
	close_log();
	open_log();
	assert_non_null(backlog);
	backlog_reader_init(&reader, backlog);
}

static void
adopt(void)
{
	assert_true(backlog_verify(backlog, &identity, &err));
	assert_true(backlog_adopt(backlog, &identity, &err));
	backlog_reader_seek(&reader, (Position) {0, 0});
	next_lsn = backlog_end(backlog).lsn;
}

static BacklogResult
put(BacklogKind kind, Position position, Slice content)
{
	BacklogEntry entry = {.kind = kind, .position = position, .content = content};

	return backlog_append(backlog, &entry, &err);
}

/* Content that says where it belongs and does not compress. */
static Slice
content_of(Lsn lsn, uint64_t seq, size_t size)
{
	static uint8_t *bytes;
	uint64_t	state = lsn * UINT64_C(0x9e3779b97f4a7c15) + seq + 1;

	free(bytes);
	bytes = malloc(size + 1);
	for (size_t i = 0; i < size; i++)
	{
		state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
		bytes[i] = (uint8_t) (state >> 56);
	}
	return slice_make(bytes, size);
}

/* A transaction of that many records; its commit is at next_lsn + 10. */
static BacklogResult
write_txn(int records, size_t size, bool whole)
{
	Lsn			lsn = next_lsn + 10;
	BacklogResult result = backlog_ready(backlog, &held, &err);

	if (result != BACKLOG_OK)
		return result;
	result = put(BACKLOG_BEGIN, (Position) {lsn, 0}, slice_of("begin"));
	for (int i = 1; result == BACKLOG_OK && i <= records; i++)
		result = put(BACKLOG_CHANGE, (Position) {lsn, (uint64_t) i},
					 content_of(lsn, (uint64_t) i, size));
	if (result != BACKLOG_OK || !whole)
		return result;
	next_lsn = lsn + 10;
	return put(BACKLOG_END, (Position) {next_lsn, 0}, slice_of(""));
}

static void
write_txns(int count, int records, size_t size)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(write_txn(records, size, true), BACKLOG_OK);
}

/* ---- reading it ---- */

typedef struct Seen
{
	int			changes;
	int			ends;
	int			segments;
	Position	last;
	BacklogRead result;
} Seen;

/* Reads on to the end; contents must be what was written. */
static Seen
read_all(void)
{
	Seen		seen = {0};
	BacklogEntry entry;

	while ((seen.result = backlog_read(&reader, &entry, &err)) == BACKLOG_ENTRY ||
		   seen.result == BACKLOG_SEGMENT)
	{
		if (seen.result == BACKLOG_SEGMENT)
		{
			seen.segments++;
			continue;
		}
		if (entry.kind == BACKLOG_CHANGE)
		{
			Slice		expected = content_of(entry.position.lsn, entry.position.seq,
											  entry.content.size);

			assert_true(slice_equal(entry.content, expected));
			seen.changes++;
		}
		seen.ends += entry.kind == BACKLOG_END;
		assert_false(position_before(entry.position, seen.last));
		seen.last = entry.position;
	}
	return seen;
}

static int
set_up(void **state)
{
	(void) state;
	log_init(LOG_LEVEL_ERROR);
	snprintf(directory, sizeof(directory), "/tmp/test_backlog-%ld", (long) getpid());
	wake_fd = eventfd(0, EFD_NONBLOCK);
	limit = INT64_C(1) << 40;
	held = (Notes) {0};
	begin_anew();
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	if (backlog != NULL)
		close_log();
	notes_free(&held);
	remove_all();
	rmdir(directory);
	close(wake_fd);
	return 0;
}

#endif
