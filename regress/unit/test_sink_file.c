/*
 * test_sink_file.c
 *		The file sink on real files: progress, refusals, full disks.
 */
#include "sink_file_rig.h"

static const FormatOps binary_format = {.name = "protobuf", .binary = true};

/* ---- plain use ---- */

static void
test_file_first_start(void **state)
{
	Sink	   *sink = sink_open(SINK_NEW);
	Checkpoint	checkpoint;
	struct stat status;
	char	   *text;
	Error		err;

	(void) state;
	assert_int_equal(sink->accepted.lsn, 50);
	assert_int_equal(sink->durable, 0);
	assert_true(sink->ops->record(sink, 50, &err));
	poll_sink(sink);
	assert_int_equal(sink->durable, 50);
	deliver_all(sink, 1, 9);
	poll_sink(sink);
	assert_script(path, 1, 9);
	assert_int_equal(sink->durable, 50);
	drain_and_free(sink);
	assert_script(path, 1, 9);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);

	text = file_read(in_directory("out.jsonl.checkpoint"));
	assert_true(checkpoint_parse(&checkpoint, slice_of(text), &err));
	assert_int_equal(checkpoint.position.lsn, 950);
	assert_int_equal(checkpoint.file_size, status.st_size);
	assert_string_equal(checkpoint.sink, "lake");
	free(text);
	assert_int_equal(count_files(), 2);
}

static void
test_file_goes_on(void **state)
{
	Sink	   *sink = sink_open(SINK_NEW);

	(void) state;
	deliver_all(sink, 1, 5);
	drain_and_free(sink);
	sink = sink_open(SINK_RESUMED);
	assert_int_equal(sink->accepted.lsn, 550);
	assert_int_equal(sink->durable, 550);
	deliver_all(sink, 1, 9);
	drain_and_free(sink);
	assert_script(path, 1, 9);
}

/* Notes come back with the checkpoint before which they were taken. */
static void
test_file_notes(void **state)
{
	Sink	   *sink = sink_open(SINK_NEW);
	Error		err;

	(void) state;
	assert_true(notes_set(&sink->notes, "table/1", slice_of("one"), &err));
	deliver_all(sink, 1, 5);
	drain_and_free(sink);
	assert_content(in_directory("out.jsonl.notes"), "pg_fanout notes 1\ntable/1 6f6e65\nend 1\n");

	sink = sink_open(SINK_RESUMED);
	assert_true(slice_equal(notes_find(&sink->notes, "table/1"), slice_of("one")));
	assert_true(notes_set(&sink->notes, "table/2", slice_of("two"), &err));
	sink_free(sink);
	sink = sink_open(SINK_RESUMED);
	assert_int_equal(sink->notes.count, 1);
	assert_false(sink->notes.dirty);
	sink_free(sink);

	/* damaged ones are no reason to guess; of a new sink they mean nothing */
	file_write(in_directory("out.jsonl.notes"), "pg_fanout notes 1\ntable/1 6f6e65\n");
	assert_resume_fails(ERROR_CHECKPOINT, "out.jsonl.notes", "copy");
	unlink(in_directory("out.jsonl.checkpoint"));
	sink = sink_open(SINK_NEW);
	assert_int_equal(sink->notes.count, 0);
	sink_free(sink);
}

/* A new sink leaves what is in the file, and never cuts into it. */
static void
test_file_existing(void **state)
{
	Sink	   *sink;
	Error		err;

	(void) state;
	file_write(path, "old\n");
	sink = sink_open(SINK_NEW);
	assert_true(sink->ops->record(sink, 50, &err));
	poll_sink(sink);
	deliver(sink, 1, 1);
	poll_sink(sink);
	sink_free(sink);
	sink = sink_open(SINK_RESUMED);
	deliver_all(sink, 1, 2);
	drain_and_free(sink);
	assert_content(path, "old\n1.1;\n2.1;\n2.2;\n");
}

static void
test_file_binary(void **state)
{
	Sink	   *sink;
	char	   *text = malloc(300);
	char	   *back;
	Error		err;

	(void) state;
	config.format = &binary_format;
	memset(text, 'x', 300);
	sink = sink_open(SINK_NEW);
	assert_int_equal(put_text(sink, (Position) {100, 1}, text, 300, &err), SINK_OK);
	assert_int_equal(put_text(sink, (Position) {100, 2}, "", 0, &err), SINK_OK);
	assert_int_equal(put_text(sink, (Position) {100, 3}, "ab", 2, &err), SINK_OK);
	commit(sink, 1);
	drain_and_free(sink);
	back = file_read(path);
	assert_memory_equal(back, "\xac\x02", 2);
	assert_memory_equal(back + 2, text, 300);
	assert_memory_equal(back + 302, "\0\2ab\0", 5);
	free(text);
	free(back);
}

/* Records larger than the buffer, between small ones. */
static void
test_file_large(void **state)
{
	size_t		size = (size_t) 3 << 20;
	char	   *text = malloc(size + 1);
	char	   *back;
	Sink	   *sink = sink_open(SINK_NEW);
	Error		err;

	(void) state;
	memset(text, 'x', size);
	text[size] = '\0';
	assert_int_equal(put_text(sink, (Position) {100, 1}, "a", 1, &err), SINK_OK);
	assert_int_equal(put_text(sink, (Position) {100, 2}, text, size, &err), SINK_OK);
	assert_int_equal(put_text(sink, (Position) {100, 3}, "b", 1, &err), SINK_OK);
	commit(sink, 1);
	drain_and_free(sink);
	back = file_read(path);
	assert_int_equal(strlen(back), size + 5);
	assert_memory_equal(back, "a\n", 2);
	assert_memory_equal(back + 2, text, size);
	assert_memory_equal(back + 2 + size, "\nb\n", 3);
	free(text);
	free(back);
}

/* ---- progress ---- */

static void
test_file_sync_every_commit(void **state)
{
	Sink	   *sink;

	(void) state;
	set_option("sync_interval", "0");
	sink = sink_open(SINK_NEW);
	deliver_all(sink, 1, 1);
	assert_int_equal(sink->durable, 150);
	assert_script(path, 1, 1);
	deliver(sink, 2, 2);
	poll_sink(sink);
	assert_int_equal(sink->durable, 150);
	sink_free(sink);
}

/* R6: durable past transactions that had nothing for it, and when idle. */
static void
test_file_empty_transactions(void **state)
{
	Sink	   *sink;
	int64_t		deadline = INT64_MAX;
	Error		err;

	(void) state;
	config.checkpoint_interval = 20 * CLOCK_MS;
	sink = sink_open(SINK_NEW);
	commit(sink, 4);
	poll_sink(sink);
	assert_int_equal(sink->durable, 0);
	assert_int_equal(sink->ops->watch(sink, NULL, 0, &deadline), 0);
	assert_in_range(clock_ms_until(deadline), 1, 20);
	usleep(25000);
	poll_sink(sink);
	assert_int_equal(sink->durable, 450);
	assert_true(sink->ops->record(sink, 777, &err));
	assert_int_equal(sink->durable, 450);
	poll_sink(sink);
	assert_int_equal(sink->durable, 777);
	assert_true(sink->ops->record(sink, 500, &err));
	poll_sink(sink);
	assert_int_equal(sink->durable, 777);
	deadline = INT64_MAX;
	sink->ops->watch(sink, NULL, 0, &deadline);
	assert_true(deadline == INT64_MAX);
	sink_free(sink);
	sink = sink_open(SINK_RESUMED);
	assert_int_equal(sink->durable, 777);
	sink_free(sink);
}

static void
test_file_sync_interval(void **state)
{
	Sink	   *sink;
	int64_t		deadline = INT64_MAX;
	SinkStats	stats;

	(void) state;
	set_option("sync_interval", "30ms");
	sink = sink_open(SINK_NEW);
	deliver_all(sink, 1, 3);
	sink->ops->watch(sink, NULL, 0, &deadline);
	assert_int_equal(clock_ms_until(deadline), 0);
	poll_sink(sink);
	deadline = INT64_MAX;
	sink->ops->watch(sink, NULL, 0, &deadline);
	assert_in_range(clock_ms_until(deadline), 1, 30);
	sink->ops->stats(sink, &stats);
	assert_int_equal(stats.records, 6);
	assert_int_equal(stats.in_flight, 6);
	usleep(35000);
	poll_sink(sink);
	assert_int_equal(sink->durable, 350);
	sink->ops->stats(sink, &stats);
	assert_int_equal(stats.in_flight, 0);
	sink_free(sink);
}

/* Messages outside transactions are complete in themselves. */
static void
test_file_messages(void **state)
{
	Sink	   *sink;
	Error		err;

	(void) state;
	set_option("sync_interval", "0");
	sink = sink_open(SINK_NEW);
	assert_int_equal(put_message(sink, 70, "m", &err), SINK_OK);
	poll_sink(sink);
	assert_int_equal(sink->durable, 70);
	/* one amid a transaction waits for its end */
	deliver(sink, 2, 1);
	assert_int_equal(put_message(sink, 210, "n", &err), SINK_OK);
	poll_sink(sink);
	assert_int_equal(sink->durable, 70);
	sink_free(sink);
	sink = sink_open(SINK_RESUMED);
	assert_int_equal(sink->accepted.lsn, 70);
	assert_int_equal(sink->accepted.seq, 1);
	drain_and_free(sink);
	assert_content(path, "m\n");
}

/* ---- refusals ---- */

static void
test_file_tampered(void **state)
{
	Sink	   *sink = sink_open(SINK_NEW);
	char		sidecar[400];
	SlotIdentity ahead = identity;
	Error		err;

	(void) state;
	deliver_all(sink, 1, 5);
	drain_and_free(sink);
	snprintf(sidecar, sizeof(sidecar), "%s", in_directory("out.jsonl.checkpoint"));

	ahead.confirmed = 551;
	sink = sink_new();
	assert_int_equal(sink_resume(sink, &ahead, &err), SINK_RESUME_FAILED);
	assert_int_equal(err.code, ERROR_CHECKPOINT);
	assert_non_null(strstr(err.hint, "pg_replication_slots"));
	sink_free(sink);

	assert_int_equal(truncate(path, 3), 0);
	assert_resume_fails(ERROR_CHECKPOINT, "has 3 bytes", "Move it back");
	assert_int_equal(unlink(path), 0);
	assert_resume_fails(ERROR_CHECKPOINT, "has 0 bytes", "Move it back");
	/* and nothing was made or changed by looking */
	assert_int_equal(count_files(), 1);

	file_write(sidecar, "{\"pg_fanout\":1,");
	assert_resume_fails(ERROR_CHECKPOINT, "damaged", "");
	unlink(sidecar);
	assert_int_equal(symlink("/dev/null", sidecar), 0);
	assert_resume_fails(ERROR_SINK_SETUP, "cannot open", "symbolic link");
	unlink(sidecar);
}

/* Somebody empties the file while it is written (copytruncate). */
static void
test_file_truncated_meanwhile(void **state)
{
	Sink	   *sink = sink_open(SINK_NEW);
	Error		err;

	(void) state;
	deliver_all(sink, 1, 2);
	poll_sink(sink);
	assert_int_equal(truncate(path, 0), 0);
	assert_false(sink->ops->drain(sink, 0, &err));
	assert_non_null(strstr(err.message, "somebody else"));
	assert_int_equal(sink->durable, 0);
	sink_free(sink);
}

static void
test_file_locked(void **state)
{
	Sink	   *sink = sink_open(SINK_NEW);

	(void) state;
	assert_resume_fails(ERROR_SINK_SETUP, "in use", "Another pg_fanout");
	/* the lock stays with the name when the sidecar is replaced */
	deliver_all(sink, 1, 1);
	assert_true(sink->ops->drain(sink, 0, NULL));
	assert_resume_fails(ERROR_SINK_SETUP, "in use", "Another pg_fanout");
	deliver_all(sink, 2, 2);
	drain_and_free(sink);
	sink = sink_open(SINK_RESUMED);
	drain_and_free(sink);
	assert_script(path, 1, 2);
}

static void
assert_create_fails(const char *authority, const char *where, const char *mode)
{
	Error		err;

	config.authority = authority;
	config.path = where;
	set_option("mode", mode);
	error_clear(&err);
	assert_null(sink_file_ops.create(&config, &err));
	assert_int_equal(err.code, ERROR_USAGE);
	assert_true(err.hint[0] != '\0');
}

static void
test_file_bad_setup(void **state)
{
	(void) state;
	assert_create_fails("host", "x", "0600");
	assert_create_fails("", "", "0600");
	assert_create_fails("", "/tmp/", "0600");
	assert_create_fails("", "/tmp/..", "0600");
	assert_create_fails("", "x", "600x");
	assert_create_fails("", "x", "");
	assert_create_fails("", "x", "888");
	assert_create_fails("", "x", "1777");
	assert_create_fails("", "x", "0444");
}

static void
steps_unprivileged(void)
{
	Sink	   *sink;
	Error		err;

	if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
		_exit(1);
	chmod(directory, 0500);
	sink = sink_new();
	assert_false(sink->ops->check(sink, &err));
	assert_non_null(strstr(err.hint, "must be allowed to write"));
	assert_resume_fails(ERROR_SINK_SETUP, "Permission denied", "must be allowed to write");
}

static void
test_file_bad_places(void **state)
{
	static char other[400];
	Sink	   *sink;
	Error		err;

	(void) state;
	config.path = "/tmp/test_sink_file/missing/x";
	assert_resume_fails(ERROR_SINK_SETUP, "No such file", "create it first");
	config.path = directory;
	assert_resume_fails(ERROR_SINK_SETUP, "is a directory", "Name a file");
	snprintf(other, sizeof(other), "%s", in_directory("link"));
	assert_int_equal(symlink(path, other), 0);
	config.path = other;
	assert_resume_fails(ERROR_SINK_SETUP, "symbolic link", "standard output");
	config.path = path;
	crash_after(steps_unprivileged);
	chmod(directory, 0700);

	/* a check leaves nothing behind */
	assert_int_equal(count_files(), 1);
	sink = sink_new();
	assert_true(sink->ops->check(sink, &err));
	sink_free(sink);
	assert_int_equal(count_files(), 1);
}

/* ---- full disks ---- */

static void
test_file_full(void **state)
{
	struct rlimit old;
	struct rlimit limit;
	Sink	   *sink = sink_open(SINK_NEW);
	char		text[10001];
	Error		err;
	TxnEnd		end = {.end_lsn = 250};
	struct stat status;

	(void) state;
	memset(text, 'x', sizeof(text));
	deliver_all(sink, 1, 1);
	assert_true(sink->ops->drain(sink, 0, &err));
	for (int k = 1; k <= 2; k++)
		assert_int_equal(put_text(sink, (Position) {200, (uint64_t) k}, text, 10000, &err), SINK_OK);
	assert_int_equal(sink_commit(sink, &end, &err), SINK_OK);

	/* room for one record and a half: none of it is left in the file */
	getrlimit(RLIMIT_FSIZE, &old);
	limit = old;
	limit.rlim_cur = 15000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(sink_poll(sink, &err), SINK_POLL_FAILED);
	assert_int_equal(err.code, ERROR_DISK);
	assert_non_null(strstr(err.hint, "Make room"));
	assert_int_equal(sink->durable, 150);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_size, 5);
	assert_false(sink->ops->drain(sink, 0, &err));
	assert_int_equal(sink->durable, 150);

	/* with room again it goes on: nothing lost, nothing double */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_true(sink->ops->drain(sink, 0, &err));
	assert_int_equal(sink->durable, 250);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_size, 5 + 20002);
	sink_free(sink);
}

/* A record larger than the buffer is written past it: cut back as well. */
static void
test_file_full_large(void **state)
{
	size_t		size = (size_t) 1 << 20;
	char	   *text = calloc(1, size);
	struct rlimit old;
	struct rlimit limit;
	Sink	   *sink = sink_open(SINK_NEW);
	struct stat status;
	Error		err;

	(void) state;
	deliver_all(sink, 1, 1);
	getrlimit(RLIMIT_FSIZE, &old);
	limit = old;
	limit.rlim_cur = 500000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(put_text(sink, (Position) {200, 1}, text, size, &err), SINK_FAILED);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(err.code, ERROR_DISK);
	assert_int_equal(sink->accepted.lsn, 150);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_size, 5);
	drain_and_free(sink);
	assert_script(path, 1, 1);
	free(text);
}

static void
test_stream_full(void **state)
{
	Sink	   *sink;
	Error		err;

	(void) state;
	config.path = "/dev/full";
	sink = sink_open(SINK_NEW);
	assert_true(sink->ops->record(sink, 50, &err));
	poll_sink(sink);
	assert_int_equal(sink->durable, 50);
	deliver_all(sink, 1, 1);
	assert_int_equal(sink_poll(sink, &err), SINK_POLL_FAILED);
	assert_int_equal(err.code, ERROR_DISK);
	assert_non_null(strstr(err.message, "No space left"));
	assert_int_equal(sink->durable, 50);
	sink_free(sink);
	assert_int_equal(access("/dev/full.checkpoint", F_OK), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file_first_start),
		TEST(test_file_goes_on),
		TEST(test_file_notes),
		TEST(test_file_existing),
		TEST(test_file_binary),
		TEST(test_file_large),
		TEST(test_file_sync_every_commit),
		TEST(test_file_empty_transactions),
		TEST(test_file_sync_interval),
		TEST(test_file_messages),
		TEST(test_file_tampered),
		TEST(test_file_truncated_meanwhile),
		TEST(test_file_locked),
		TEST(test_file_bad_setup),
		TEST(test_file_bad_places),
		TEST(test_file_full),
		TEST(test_file_full_large),
		TEST(test_stream_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
