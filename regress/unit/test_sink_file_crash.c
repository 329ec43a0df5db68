/*
 * test_sink_file_crash.c
 *		The file sink killed at any moment, with and without rotation: what its
 *		files hold afterwards is the script, nothing missing and nothing twice.
 */
#include "sink_file_rig.h"

/* ---- crashes ---- */

static void
steps_unsynced(void)
{
	Sink	   *sink = sink_open(SINK_NEW);
	Error		err;

	deliver_all(sink, 1, 5);
	assert_true(sink->ops->drain(sink, 0, &err));
	deliver_all(sink, 6, 7);
	poll_sink(sink);
	assert_script(path, 1, 7);
	deliver(sink, 9, 1);
	poll_sink(sink);
}

static void
steps_in_transaction(void)
{
	Sink	   *sink = sink_open(SINK_RESUMED);

	deliver_all(sink, 6, 7);
	deliver(sink, 11, 2);
	poll_sink(sink);
}

static void
test_file_crash(void **state)
{
	Sink	   *sink;

	(void) state;
	crash_after(steps_unsynced);
	sink = sink_open(SINK_RESUMED);
	assert_int_equal(sink->accepted.lsn, 550);
	assert_script(path, 1, 5);
	sink_free(sink);
	crash_after(steps_in_transaction);
	sink = sink_open(SINK_RESUMED);
	assert_script(path, 1, 5);
	deliver_all(sink, 1, 11);
	drain_and_free(sink);
	assert_script(path, 1, 11);
}

/* The end of a transaction that never came is not left in the file. */
static void
test_file_stop_in_transaction(void **state)
{
	Sink	   *sink = sink_open(SINK_NEW);

	(void) state;
	deliver_all(sink, 1, 2);
	deliver(sink, 3, 2);
	poll_sink(sink);
	drain_and_free(sink);
	assert_script(path, 1, 2);
}

/* Delivers without end; from where the last process was killed. */
static void
run_until_killed(SinkResume expected)
{
	Sink	   *sink = sink_open(expected);
	Error		err;

	for (int n = (int) (sink->accepted.lsn / 100);; n++)
	{
		assert_true(n < 1000000);
		deliver_all(sink, n, n);
		if (n % 3 == 0)
			poll_sink(sink);
		if (n % 50 == 0)
			assert_true(sink->ops->reopen(sink, &err));
	}
}

/* All rotated files in the order of their names, then the last one. */
static char *
read_all(void)
{
	struct dirent **entries;
	int			count = scandir(directory, &entries, NULL, name_order);
	char	   *all = calloc(1, 16 << 20);
	char	   *last = file_read(path);
	char	   *end = all;

	for (int i = 0; i < count; i++)
	{
		if (strncmp(entries[i]->d_name, "out.0", 5) == 0)
		{
			char	   *text = file_read(in_directory(entries[i]->d_name));

			assert_true(text[0] != '\0');
			end = stpcpy(end, text);
			free(text);
		}
		free(entries[i]);
	}
	strcpy(end, last);
	free(last);
	free(entries);
	return all;
}

/* Until the checkpoint says something else than before. */
static void
wait_for_progress(const char *checkpoint, const char *before)
{
	for (int i = 0; i < 30000; i++)
	{
		char	   *now = file_read(checkpoint);
		bool		moved = now != NULL && now[0] != '\0' &&
			(before == NULL || strcmp(now, before) != 0);

		free(now);
		if (moved)
			return;
		usleep(1000);
	}
	fail_msg("no progress");
}

/* SIGKILL wherever it happens to be: fsync, rename, between two of them. */
static void
kill_rounds(int rounds)
{
	unsigned	seed = 4711;
	char		checkpoint[PATH_MAX];
	char	   *expected;
	char	   *all;
	Sink	   *sink;
	int			last;

	snprintf(checkpoint, sizeof(checkpoint), "%s.checkpoint", path);
	for (int i = 0; i < rounds; i++)
	{
		char	   *before = file_read(checkpoint);
		pid_t		child = fork();
		int			status;

		assert_true(child >= 0);
		if (child == 0)
		{
			child_begin();
			run_until_killed(i == 0 ? SINK_NEW : SINK_RESUMED);
			_exit(1);
		}
		/* the first gets as far as a checkpoint: before it nothing counts */
		if (i % 2 == 0)
			wait_for_progress(checkpoint, before);
		free(before);
		usleep((useconds_t) (rand_r(&seed) % 20000));
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	sink = sink_open(SINK_RESUMED);
	last = (int) (sink->accepted.lsn / 100);
	assert_true(last > rounds / 10);
	drain_and_free(sink);
	expected = script(1, last);
	all = read_all();
	assert_string_equal(all, expected);
	free(expected);
	free(all);
}

static void
test_file_killed(void **state)
{
	(void) state;
	set_option("sync_interval", "0");
	kill_rounds(25);
}

static void
test_file_killed_rotating(void **state)
{
	(void) state;
	set_option("sync_interval", "0");
	set_option("rotate_bytes", "30B");
	kill_rounds(40);
	assert_true(count_files() > 5);
}

/* ---- rotation ---- */

static void
test_file_rotation(void **state)
{
	Sink	   *sink;

	(void) state;
	set_option("rotate_bytes", "10B");
	set_option("mode", "0640");
	sink = sink_open(SINK_NEW);
	deliver_all(sink, 1, 2);
	assert_int_equal(sink->durable, 250);
	deliver(sink, 3, 3);
	assert_script(in_directory("out.00000000000000FA.jsonl"), 1, 2);
	assert_script(path, 3, 2);
	commit(sink, 3);
	assert_script(in_directory("out.000000000000015E.jsonl"), 3, 3);
	drain_and_free(sink);
	assert_script(path, 4, 4);
	assert_int_equal(count_files(), 4);
	sink = sink_open(SINK_RESUMED);
	deliver_all(sink, 1, 5);
	drain_and_free(sink);
	assert_script(path, 5, 5);
}

static void
test_file_rotation_by_age(void **state)
{
	Sink	   *sink;
	int64_t		deadline = INT64_MAX;

	(void) state;
	set_option("rotate_interval", "30ms");
	sink = sink_open(SINK_NEW);
	deliver_all(sink, 1, 1);
	poll_sink(sink);
	sink->ops->watch(sink, NULL, 0, &deadline);
	assert_in_range(clock_ms_until(deadline), 1, 30);
	deliver(sink, 2, 1);
	usleep(35000);
	poll_sink(sink);
	assert_int_equal(count_files(), 2);
	deliver_all(sink, 2, 2);
	assert_script(in_directory("out.00000000000000FA.jsonl"), 1, 2);
	/* an empty file does not age */
	usleep(35000);
	poll_sink(sink);
	assert_int_equal(count_files(), 3);
	drain_and_free(sink);
}

/* A crash between the two steps: renamed, but the checkpoint is the old one. */
static void
test_file_rotation_half_done(void **state)
{
	Sink	   *sink = sink_open(SINK_NEW);
	const char *rotated;

	(void) state;
	deliver_all(sink, 1, 2);
	drain_and_free(sink);
	rotated = in_directory("out.00000000000000FA.jsonl");
	assert_int_equal(rename(path, rotated), 0);
	sink = sink_open(SINK_RESUMED);
	assert_int_equal(sink->accepted.lsn, 250);
	deliver_all(sink, 1, 3);
	drain_and_free(sink);
	assert_script(in_directory("out.00000000000000FA.jsonl"), 1, 2);
	assert_script(path, 3, 3);
}

static void
test_file_rotation_occupied(void **state)
{
	Sink	   *sink;
	TxnEnd		end = {.end_lsn = 250};
	Error		err;

	(void) state;
	set_option("rotate_bytes", "10B");
	file_write(in_directory("out.00000000000000FA.jsonl"), "precious");
	sink = sink_open(SINK_NEW);
	deliver_all(sink, 1, 1);
	deliver(sink, 2, 2);
	assert_int_equal(sink_commit(sink, &end, &err), SINK_FAILED);
	assert_non_null(strstr(err.message, "out.00000000000000FA.jsonl"));
	assert_true(err.hint[0] != '\0');
	sink_free(sink);
	assert_content(in_directory("out.00000000000000FA.jsonl"), "precious");
	assert_script(path, 1, 2);
}

/* SIGHUP after a rotator's rename: a transaction stays in one file. */
static void
test_file_reopen(void **state)
{
	Sink	   *sink = sink_open(SINK_NEW);
	char		moved[400];
	Error		err;

	(void) state;
	snprintf(moved, sizeof(moved), "%s", in_directory("out.1"));
	deliver_all(sink, 1, 2);
	deliver(sink, 3, 1);
	poll_sink(sink);
	assert_int_equal(rename(path, moved), 0);
	assert_true(sink->ops->reopen(sink, &err));
	deliver_all(sink, 3, 3);
	assert_script(moved, 1, 3);
	assert_int_equal(sink->durable, 350);
	deliver_all(sink, 5, 5);
	poll_sink(sink);
	assert_script(path, 5, 5);
	/* nobody moved it: the same file goes on */
	assert_true(sink->ops->reopen(sink, &err));
	deliver_all(sink, 6, 6);
	drain_and_free(sink);
	assert_script(path, 5, 6);
	sink = sink_open(SINK_RESUMED);
	assert_int_equal(sink->accepted.lsn, 650);
	drain_and_free(sink);
	assert_script(path, 5, 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file_crash),
		TEST(test_file_stop_in_transaction),
		TEST(test_file_killed),
		TEST(test_file_killed_rotating),
		TEST(test_file_rotation),
		TEST(test_file_rotation_by_age),
		TEST(test_file_rotation_half_done),
		TEST(test_file_rotation_occupied),
		TEST(test_file_reopen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
