/*
 * test_backlog.c
 *		The log of what a sink has not got: what is read is what was written,
 *		whatever a crash left of the files.
 */
#include "backlog_rig.h"

/* ---- writing and reading ---- */

static void
test_tail_is_read_as_it_grows(void **state)
{
	Seen		seen;

	(void) state;
	for (int i = 0; i < 50; i++)
	{
		write_txns(1, 7, 3000);
		seen = read_all();
		assert_int_equal(seen.result, BACKLOG_NOTHING);
		assert_int_equal(seen.changes, 7);
		assert_int_equal(seen.ends, 1);
		assert_true(backlog_reader_at_end(&reader));
	}
	assert_in_range(count_files(), 2, 4);
}

static void
test_reader_behind_reads_files(void **state)
{
	Seen		seen;

	(void) state;
	write_txns(40, 20, 20000);	/* 16 MB, far more than what is in memory */
	seen = read_all();
	assert_int_equal(seen.changes, 800);
	assert_int_equal(seen.ends, 40);
	assert_in_range(seen.segments, 20, 40);
	assert_int_equal(seen.last.lsn, backlog_end(backlog).lsn);
}

static void
test_half_a_transaction_is_read(void **state)
{
	(void) state;
	assert_int_equal(write_txn(3, 100, false), BACKLOG_OK);
	assert_int_equal(read_all().changes, 3);
	assert_int_equal(backlog_end(backlog).lsn, 100);
}

static void
test_entries_larger_than_a_block(void **state)
{
	Seen		seen;

	(void) state;
	write_txns(2, 2, 3 * SEGMENT + 17);
	write_txns(1, 1, 10);
	seen = read_all();
	assert_int_equal(seen.changes, 5);
	open_again();
	adopt();
	seen = read_all();
	assert_int_equal(seen.changes, 5);
	assert_int_equal(seen.result, BACKLOG_NOTHING);
}

static void
test_seek_goes_to_the_segment(void **state)
{
	Position	wanted;
	Seen		seen;

	(void) state;
	write_txns(10, 20, 20000);
	wanted = (Position) {next_lsn - 20, 0}; /* before the last transaction */
	backlog_reader_seek(&reader, wanted);
	seen = read_all();
	assert_in_range(seen.ends, 1, 3);
	backlog_reader_seek(&reader, (Position) {1, 0});
	assert_int_equal(read_all().ends, 10);
	backlog_reader_seek(&reader, (Position) {next_lsn, 0});
	assert_in_range(read_all().ends, 0, 2);
}

/* ---- starting again ---- */

static void
test_goes_on_after_a_start(void **state)
{
	Seen		seen;

	(void) state;
	write_txns(5, 20, 20000);
	open_again();
	assert_int_equal(backlog_end(backlog).lsn, 200);
	adopt();
	assert_int_equal(backlog_synced(backlog).lsn, 200);
	write_txns(5, 20, 20000);
	seen = read_all();
	assert_int_equal(seen.ends, 10);
	open_again();
	assert_int_equal(backlog_end(backlog).lsn, 300);
	assert_int_equal(backlog_start(backlog).lsn, 100);
}

static void
test_torn_transaction_is_cut_back(void **state)
{
	Seen		seen;

	(void) state;
	write_txns(3, 2, 100);
	assert_int_equal(write_txn(2, 100, false), BACKLOG_OK);
	open_again();
	assert_int_equal(backlog_end(backlog).lsn, 160);
	adopt();
	seen = read_all();
	assert_int_equal(seen.ends, 3);
	assert_int_equal(seen.changes, 6);	/* none of the torn one */

	/* it comes again */
	write_txns(1, 5, 100);
	seen = read_all();
	assert_int_equal(seen.changes, 5);
	open_again();
	adopt();
	assert_int_equal(read_all().changes, 11);
}

/* Wherever the file ends: whole transactions, and the rest can be written. */
static void
test_cut_anywhere(void **state)
{
	int64_t		size;

	(void) state;
	for (int round = 0; round < 15; round++)
	{
		Seen		seen;
		int			ends;

		for (int i = 0; i < 8; i++)
		{
			write_txns(1, 3, 900);
			assert_true(backlog_sync_all(backlog, &err));	/* a block each */
		}
		close_log();
		size = size_of(-1);
		cut(-1, size * round / 15);
		open_log();
		backlog_reader_init(&reader, backlog);
		if (backlog_is_empty(backlog))
			assert_true(round < 4);
		else
		{
			adopt();
			ends = (int) (backlog_end(backlog).lsn - 100) / 20;
			assert_true(ends >= 8 * round / 15 - 2);
			write_txns(2, 1, 10);
			seen = read_all();
			assert_int_equal(seen.ends, ends + 2);
			assert_int_equal(seen.result, BACKLOG_NOTHING);
		}
		close_log();
		remove_all();
		begin_anew();
	}
}

static void
test_damage_in_the_last_segment_ends_it(void **state)
{
	(void) state;
	for (int i = 0; i < 10; i++)
	{
		write_txns(1, 3, 900);
		assert_true(backlog_sync_all(backlog, &err));
	}
	close_log();
	flip(-1, size_of(-1) / 2);
	open_log();
	backlog_reader_init(&reader, backlog);
	assert_in_range(backlog_end(backlog).lsn, 140, 280);
	adopt();
	assert_int_equal(read_all().result, BACKLOG_NOTHING);
}

static void
test_damage_in_what_was_synced_is_told(void **state)
{
	Seen		seen;

	(void) state;
	for (int i = 0; i < 10; i++)
	{
		write_txns(1, 20, 20000);
		assert_true(backlog_sync_all(backlog, &err));
	}
	close_log();
	flip(1, size_of(1) / 2);
	open_log();
	backlog_reader_init(&reader, backlog);
	adopt();
	assert_int_equal(backlog_end(backlog).lsn, 300);
	seen = read_all();
	assert_int_equal(seen.result, BACKLOG_DAMAGED);
	assert_int_equal(err.code, ERROR_SPOOL);
	assert_in_range(seen.ends, 1, 3);
}

/* What is missing in the middle is no reason to pretend it is not. */
static void
test_missing_segment_moves_the_start(void **state)
{
	(void) state;
	for (int i = 0; i < 10; i++)
	{
		write_txns(1, 20, 20000);
		assert_true(backlog_sync_all(backlog, &err));
	}
	close_log();
	open_nth(2, -1);
	open_log();
	backlog_reader_init(&reader, backlog);
	assert_int_equal(backlog_end(backlog).lsn, 300);
	assert_int_equal(backlog_start(backlog).lsn, 220);
}

/* Unsynced, and the power failed: nothing behind a hole counts. */
static void
test_hole_in_what_was_not_synced(void **state)
{
	(void) state;
	write_txns(10, 20, 20000);
	close_log();
	cut(3, size_of(3) / 2);
	open_log();
	backlog_reader_init(&reader, backlog);
	assert_int_equal(backlog_start(backlog).lsn, 100);
	assert_in_range(backlog_end(backlog).lsn, 220, 240);
	adopt();
	assert_int_equal(read_all().result, BACKLOG_NOTHING);
	assert_in_range(count_files(), 3, 4);
}

static void
test_torn_head(void **state)
{
	(void) state;
	write_txns(4, 20, 20000);
	close_log();
	cut(-1, 9);
	open_log();
	backlog_reader_init(&reader, backlog);
	assert_in_range(backlog_end(backlog).lsn, 120, 180);
	adopt();
	write_txns(4, 20, 20000);
	assert_int_equal(read_all().result, BACKLOG_NOTHING);
}

static void
test_renewed_forgets_what_was(void **state)
{
	(void) state;
	write_txns(4, 20, 20000);
	open_again();
	assert_true(backlog_renew(backlog, &identity, (Position) {5000, 0}, &err));
	assert_int_equal(count_files(), 0);
	next_lsn = 5000;
	write_txns(1, 1, 10);
	open_again();
	assert_int_equal(backlog_start(backlog).lsn, 5000);
	assert_int_equal(backlog_end(backlog).lsn, 5020);
}

/* Files of an older log that a crash brought back do not belong. */
static void
test_older_files_behind_a_new_beginning(void **state)
{
	char		path[256];
	char		names[64][64];
	int			fd;

	(void) state;
	write_txns(1, 1, 10);
	list(names, 64);
	snprintf(path, sizeof(path), "%s/kept", directory);
	close_log();
	fd = open_nth(0, O_RDONLY);
	close(fd);
	{
		char		from[256];

		snprintf(from, sizeof(from), "%s/%s", directory, names[0]);
		assert_int_equal(link(from, path), 0);
		open_log();
		backlog_reader_init(&reader, backlog);
		assert_true(backlog_renew(backlog, &identity, (Position) {5000, 0}, &err));
		next_lsn = 5000;
		write_txns(1, 1, 10);
		close_log();
		assert_int_equal(rename(path, from), 0);
	}
	open_log();
	backlog_reader_init(&reader, backlog);
	assert_int_equal(backlog_start(backlog).lsn, 5000);
	adopt();
	assert_int_equal(count_files(), 1);
}

/* ---- whose it is ---- */

static void
assert_other(SlotIdentity other, const char *what)
{
	assert_false(backlog_verify(backlog, &other, &err));
	assert_int_equal(err.code, ERROR_SPOOL);
	assert_non_null(strstr(err.message, what));
}

static void
test_whose(void **state)
{
	SlotIdentity other = identity;

	(void) state;
	write_txns(1, 1, 10);
	open_again();
	assert_true(backlog_verify(backlog, &identity, &err));
	other.system_id = 8;
	assert_other(other, "database system");
	other = identity;
	other.slot = "t";
	assert_other(other, "slot");
	other = identity;
	other.database = "bd";
	assert_other(other, "database");
	other = identity;
	other.timeline = 0;
	assert_other(other, "timeline");
	other = identity;
	other.timeline = 2;
	other.options_hash = 3;
	assert_true(backlog_verify(backlog, &other, &err));
}

/* A promotion: what was written before it must be in the new history. */
static void
test_timelines(void **state)
{
	TimelineEnd earlier = {.timeline = 1};
	Timelines	timelines = {
		.current = 2, .known = true, .earlier = &earlier, .count = 1
	};
	SlotIdentity promoted = identity;
	Lsn			before;

	(void) state;
	promoted.timeline = 2;
	promoted.timelines = &timelines;
	write_txns(1, 1, 10);
	before = backlog_end(backlog).lsn;
	open_again();
	earlier.end = before - 1;
	assert_false(backlog_verify(backlog, &promoted, &err));
	assert_int_equal(err.code, ERROR_DIVERGED);
	earlier.end = before;
	assert_true(backlog_verify(backlog, &promoted, &err));
	assert_true(backlog_adopt(backlog, &identity, &err));

	/* what follows is of the new one, though it lies beyond the old one's end */
	write_txns(2, 1, 10);
	earlier.end = backlog_end(backlog).lsn;
	backlog_follow(backlog, 2);
	write_txns(3, 1, 10);
	open_again();
	assert_true(backlog_verify(backlog, &promoted, &err));
	promoted.timeline = 1;
	promoted.timelines = NULL;
	assert_false(backlog_verify(backlog, &promoted, &err));
	assert_int_equal(err.code, ERROR_SPOOL);
}

static void
test_one_at_a_time(void **state)
{
	Backlog    *first = backlog;

	(void) state;
	open_log();
	assert_null(backlog);
	assert_int_equal(err.code, ERROR_SPOOL);
	backlog = first;
}

static void
test_private(void **state)
{
	struct stat status;
	int			fd;

	(void) state;
	write_txns(1, 1, 10);
	assert_int_equal(stat(directory, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	fd = open_nth(0, O_RDONLY);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	close(fd);
	close_log();
	chmod(directory, 0750);
	open_log();
	assert_null(backlog);
	assert_int_equal(err.code, ERROR_SECRET_FILE);
	chmod(directory, 0700);
}

/* ---- what is safe, what may go ---- */

static void
test_synced_is_the_last_whole_transaction(void **state)
{
	(void) state;
	write_txns(2, 1, 10);
	assert_int_equal(backlog_synced(backlog).lsn, 100);
	assert_int_equal(write_txn(1, 10, false), BACKLOG_OK);
	assert_true(backlog_sync_all(backlog, &err));
	assert_int_equal(backlog_synced(backlog).lsn, 140);
	open_again();
	assert_int_equal(backlog_end(backlog).lsn, 140);
}

/* What comes while the thread is at it is not counted with it. */
static void
test_sync_counts_what_was_there(void **state)
{
	(void) state;
	write_txns(1, 1, 10);
	assert_true(backlog_sync(backlog, &err));
	write_txns(1, 1, 10);
	while (backlog_synced(backlog).lsn == 100)
		assert_true(backlog_take_sync(backlog, &err));
	assert_int_equal(backlog_synced(backlog).lsn, 120);
}

static void
test_release(void **state)
{
	uint64_t	bytes;

	(void) state;
	write_txns(20, 20, 20000);
	bytes = backlog_bytes(backlog);
	backlog_release(backlog, 300, UINT64_MAX);
	assert_true(backlog_bytes(backlog) < bytes * 6 / 10);
	assert_in_range(backlog_start(backlog).lsn, 240, 300);
	backlog_reader_seek(&reader, backlog_start(backlog));
	bytes = backlog_bytes(backlog);

	/* not what is still being read, nor what is being written */
	backlog_release(backlog, UINT64_MAX, reader.segment);
	assert_int_equal(backlog_bytes(backlog), bytes);
	backlog_release(backlog, UINT64_MAX, UINT64_MAX);
	assert_int_equal(count_files(), 1);
	open_again();
	assert_int_equal(backlog_end(backlog).lsn, next_lsn);
}

/* ---- limits ---- */

static void
test_limit(void **state)
{
	BacklogResult result;

	(void) state;
	close_log();
	remove_all();
	limit = 2 * SEGMENT;
	begin_anew();
	while ((result = write_txn(5, 20000, true)) == BACKLOG_OK)
		assert_true(backlog_bytes(backlog) < 4 * SEGMENT);
	assert_int_equal(result, BACKLOG_FULL);
	assert_int_equal(err.code, ERROR_SPOOL_FULL);
	backlog_release(backlog, next_lsn, UINT64_MAX);
	assert_int_equal(write_txn(5, 20000, true), BACKLOG_OK);

	/* what has begun is let through */
	assert_int_equal(write_txn(200, 20000, true), BACKLOG_OK);
	assert_int_equal(write_txn(1, 1, true), BACKLOG_FULL);
}

static void
limit_files(rlim_t size)
{
	struct rlimit limits;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limits), 0);
	limits.rlim_cur = size == 0 ? limits.rlim_max : size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limits), 0);
}

/* Waits for the time of the next try. */
static void
wait_for_retry(void)
{
	while (backlog_retry_time(backlog) != 0 &&
		   backlog_ready(backlog, &held, &err) == BACKLOG_FULL)
		usleep(10000);
}

static void
test_full_disk_loses_nothing(void **state)
{
	Lsn			lsn;
	int			written = 0;
	Seen		seen;

	(void) state;
	limit_files(300 * 1024);
	lsn = next_lsn + 10;
	assert_int_equal(backlog_ready(backlog, &held, &err), BACKLOG_OK);
	while (put(BACKLOG_CHANGE, (Position) {lsn, (uint64_t) written + 1},
			   content_of(lsn, (uint64_t) written + 1, 30000)) == BACKLOG_OK)
		written++;
	assert_true(err.retriable);
	assert_in_range(written, 10, 30);
	assert_int_equal(put(BACKLOG_CHANGE, (Position) {lsn, 99}, slice_of("x")),
					 BACKLOG_FULL);
	limit_files(0);
	wait_for_retry();
	written++;
	assert_int_equal(put(BACKLOG_CHANGE, (Position) {lsn, (uint64_t) written},
						 content_of(lsn, (uint64_t) written, 30000)), BACKLOG_OK);
	assert_int_equal(put(BACKLOG_END, (Position) {lsn + 10, 0}, slice_of("")), BACKLOG_OK);
	seen = read_all();
	assert_int_equal(seen.changes, written);
	open_again();
	adopt();
	assert_int_equal(read_all().changes, written);
}

/* One that takes many blocks leaves nothing of itself behind. */
static void
test_full_disk_within_an_entry(void **state)
{
	Lsn			lsn;
	Seen		seen;

	(void) state;
	write_txns(1, 1, 1000);
	lsn = next_lsn + 10;
	assert_int_equal(backlog_ready(backlog, &held, &err), BACKLOG_OK);
	limit_files(700 * 1024);
	assert_int_equal(put(BACKLOG_CHANGE, (Position) {lsn, 1},
						 content_of(lsn, 1, 2000 * 1024)), BACKLOG_FULL);
	seen = read_all();
	assert_int_equal(seen.changes, 1);
	assert_int_equal(seen.result, BACKLOG_NOTHING);
	limit_files(0);
	wait_for_retry();
	assert_int_equal(put(BACKLOG_CHANGE, (Position) {lsn, 1},
						 content_of(lsn, 1, 2000 * 1024)), BACKLOG_OK);
	assert_int_equal(put(BACKLOG_END, (Position) {lsn + 10, 0}, slice_of("")), BACKLOG_OK);
	seen = read_all();
	assert_int_equal(seen.changes, 1);
	open_again();
	adopt();
	assert_int_equal(read_all().changes, 2);
}

/* ---- notes ---- */

static void
note(const char *key, const char *value)
{
	Buf			text;

	buf_init(&text, 1000);
	backlog_write_note(&text, key, slice_of(value));
	assert_int_equal(put(BACKLOG_NOTE, (Position) {next_lsn + 10, 1}, buf_slice(&text)),
					 BACKLOG_OK);
	buf_free(&text);
}

static void
assert_note(const char *key, const char *value)
{
	Slice		found = notes_find(backlog_notes(backlog), key);

	assert_non_null(found.data);
	assert_true(slice_equal(found, slice_of(value)));
}

/* Those of the last segment are all there are. */
static void
test_notes_are_found(void **state)
{
	(void) state;
	assert_true(notes_set(&held, "a", slice_of("1"), &err));
	assert_true(notes_set(&held, "b", slice_of("1"), &err));
	write_txns(4, 20, 20000);
	assert_int_equal(backlog_ready(backlog, &held, &err), BACKLOG_OK);
	note("b", "2");
	note("c", "1");
	write_txns(1, 1, 10);
	open_again();
	assert_note("a", "1");
	assert_note("b", "2");
	assert_note("c", "1");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_tail_is_read_as_it_grows),
		T(test_reader_behind_reads_files),
		T(test_half_a_transaction_is_read),
		T(test_entries_larger_than_a_block),
		T(test_seek_goes_to_the_segment),
		T(test_goes_on_after_a_start),
		T(test_torn_transaction_is_cut_back),
		T(test_cut_anywhere),
		T(test_damage_in_the_last_segment_ends_it),
		T(test_damage_in_what_was_synced_is_told),
		T(test_missing_segment_moves_the_start),
		T(test_hole_in_what_was_not_synced),
		T(test_torn_head),
		T(test_renewed_forgets_what_was),
		T(test_older_files_behind_a_new_beginning),
		T(test_whose),
		T(test_timelines),
		T(test_one_at_a_time),
		T(test_private),
		T(test_synced_is_the_last_whole_transaction),
		T(test_sync_counts_what_was_there),
		T(test_release),
		T(test_limit),
		T(test_full_disk_loses_nothing),
		T(test_full_disk_within_an_entry),
		T(test_notes_are_found),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
