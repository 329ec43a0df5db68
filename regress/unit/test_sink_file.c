/*
 * test_sink_file.c
 *		The file sink on real files: what is in them after clean stops, crashes
 *		at any moment, full disks, rotation; pipes that are not read; and the
 *		null sink.
 *
 * Records come from a script: transaction n (1..) begins at LSN 100 n, ends at
 * 100 n + 50 and has n % 4 records "n.k;", so some have none. What a file must
 * hold is known for every position.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "checkpoint.h"
#include "clock.h"
#include "log.h"
#include "sink.h"

extern const SinkOps sink_file_ops;
extern const SinkOps sink_null_ops;

static const FormatOps text_format = {.name = "json", .extension = "jsonl"};
static const FormatOps binary_format = {.name = "protobuf", .binary = true};

static char directory[64];
static char path[96];
static SinkConfig config;
static void *options;

static const SlotIdentity identity = {
	.system_id = 7, .timeline = 1, .slot = "fan", .database = "bank",
	.options_hash = 1, .confirmed = 50
};

/* ---- the place ---- */

static void
set_option(const char *name, const char *value)
{
	Error		err;

	assert_true(option_set(sink_file_ops.options, options, name, value, &err));
}

static int
set_up(void **state)
{
	(void) state;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	log_init(LOG_LEVEL_WARNING);
	strcpy(directory, "/tmp/test_sink_file.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/out.jsonl", directory);
	options = option_new(sink_file_ops.options);
	config = (SinkConfig) {
		.name = "lake", .scheme = "file", .authority = "", .path = path,
		.options = options, .format = &text_format,
		.checkpoint_interval = CLOCK_SECOND
	};
	set_option("sync_interval", "1h");
	return options == NULL;
}

static int
name_order(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
tear_down(void **state)
{
	struct dirent **entries;
	int			count = scandir(directory, &entries, NULL, name_order);

	(void) state;
	for (int i = 0; i < count; i++)
	{
		char		name[400];

		snprintf(name, sizeof(name), "%s/%s", directory, entries[i]->d_name);
		unlink(name);
		free(entries[i]);
	}
	free(entries);
	option_free(sink_file_ops.options, options);
	return rmdir(directory);
}

/* A file's content, with a NUL; the caller's to free. */
static char *
file_read(const char *name)
{
	FILE	   *file = fopen(name, "r");
	char	   *text = calloc(1, 8 << 20);

	if (file == NULL)
	{
		free(text);
		return NULL;
	}
	text[fread(text, 1, (8 << 20) - 1, file)] = '\0';
	fclose(file);
	return text;
}

static void
file_write(const char *name, const char *text)
{
	FILE	   *file = fopen(name, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static const char *
in_directory(const char *name)
{
	static char full[200];

	snprintf(full, sizeof(full), "%s/%s", directory, name);
	return full;
}

static void
assert_content(const char *name, const char *expected)
{
	char	   *text = file_read(name);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static size_t
count_files(void)
{
	struct dirent **entries;
	int			count = scandir(directory, &entries, NULL, name_order);

	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
	return (size_t) count - 2;
}

/* ---- the sink ---- */

static Sink *
sink_new(void)
{
	Error		err;
	Sink	   *sink = sink_file_ops.create(&config, &err);

	assert_non_null(sink);
	return sink;
}

static Sink *
sink_open(SinkResume expected)
{
	Sink	   *sink = sink_new();
	Error		err;
	SinkResume	result = sink->ops->resume(sink, &identity, &err);

	if (result == SINK_RESUME_FAILED)
		print_message("%s: %s\n", err.message, err.hint);
	assert_int_equal(result, expected);
	return sink;
}

static SinkResult
put_text(Sink *sink, Position position, const char *text, size_t size, Error *err)
{
	static const Transaction txn;
	Delivery	delivery = {
		.position = position, .txn = &txn, .topic = "t",
		.op = PG_FANOUT__OP__INSERT, .value = slice_make(text, size)
	};

	return sink_put(sink, &delivery, err);
}

static SinkResult
put_message(Sink *sink, Lsn lsn, const char *text, Error *err)
{
	Delivery	delivery = {
		.position = {lsn, 0}, .topic = "m", .value = slice_of(text)
	};

	return sink_put(sink, &delivery, err);
}

/* The first records of transaction n, at most count, that the sink still wants. */
static void
deliver(Sink *sink, int n, int count)
{
	char		text[32];
	Error		err;

	for (int k = 1; k <= n % 4 && k <= count; k++)
	{
		Position	position = {(Lsn) n * 100, (uint64_t) k};

		snprintf(text, sizeof(text), "%d.%d;", n, k);
		if (!position_before(position, sink->accepted))
			assert_int_equal(put_text(sink, position, text, strlen(text), &err), SINK_OK);
	}
}

static void
commit(Sink *sink, int n)
{
	TxnEnd		end = {.end_lsn = (Lsn) n * 100 + 50};
	Error		err;

	if (sink->accepted.lsn < end.end_lsn)
		assert_int_equal(sink_commit(sink, &end, &err), SINK_OK);
}

static void
deliver_all(Sink *sink, int first, int last)
{
	for (int n = first; n <= last; n++)
	{
		deliver(sink, n, 4);
		commit(sink, n);
	}
}

/* What transactions first to last look like in a file. */
static char *
script(int first, int last)
{
	char	   *text = calloc(1, (size_t) (last - first + 2) * 100);
	char	   *at = text;

	for (int n = first; n <= last; n++)
		for (int k = 1; k <= n % 4; k++)
			at += sprintf(at, "%d.%d;\n", n, k);
	return text;
}

static void
assert_script(const char *name, int first, int last)
{
	char	   *expected = script(first, last);

	assert_content(name, expected);
	free(expected);
}

static void
poll_sink(Sink *sink)
{
	Error		err;

	assert_int_equal(sink_poll(sink, &err), SINK_POLL_OK);
}

static void
drain_and_free(Sink *sink)
{
	Error		err;

	assert_true(sink->ops->drain(sink, clock_now() + CLOCK_SECOND, &err));
	sink->ops->free(sink);
}

static void
assert_resume_fails(ErrorCode code, const char *message, const char *hint)
{
	Sink	   *sink = sink_new();
	Error		err;

	error_clear(&err);
	assert_int_equal(sink->ops->resume(sink, &identity, &err), SINK_RESUME_FAILED);
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.message, message));
	assert_non_null(strstr(err.hint, hint));
	sink->ops->free(sink);
}

/* A failed assertion there must end the process, not go on with the tests. */
static void
child_begin(void)
{
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	alarm(60);
}

/* Runs steps in a process that ends without any cleaning up. */
static void
crash_after(void (*steps) (void))
{
	int			status;
	pid_t		child = fork();

	assert_true(child >= 0);
	if (child == 0)
	{
		child_begin();
		steps();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

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
	sink->ops->free(sink);
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
	sink->ops->free(sink);
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
	sink->ops->free(sink);
	sink = sink_open(SINK_RESUMED);
	assert_int_equal(sink->durable, 777);
	sink->ops->free(sink);
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
	sink->ops->free(sink);
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
	sink->ops->free(sink);
	sink = sink_open(SINK_RESUMED);
	assert_int_equal(sink->accepted.lsn, 70);
	assert_int_equal(sink->accepted.seq, 1);
	drain_and_free(sink);
	assert_content(path, "m\n");
}

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
	sink->ops->free(sink);
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

/* SIGKILL wherever it happens to be: fsync, rename, between two of them. */
static void
kill_rounds(int rounds)
{
	unsigned	seed = 4711;
	char	   *expected;
	char	   *all;
	Sink	   *sink;
	int			last;

	for (int i = 0; i < rounds; i++)
	{
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
		usleep(i == 0 ? 200000 : (useconds_t) (rand_r(&seed) % 20000));
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	sink = sink_open(SINK_RESUMED);
	last = (int) (sink->accepted.lsn / 100);
	assert_true(last > rounds);
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
	assert_true(count_files() > 10);
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
	sink->ops->free(sink);
	assert_content(in_directory("out.00000000000000FA.jsonl"), "precious");
	assert_script(path, 1, 2);
}

/* SIGHUP after a rotator's rename: a transaction stays in one file. */
static void
test_file_reopen(void **state)
{
	Sink	   *sink = sink_open(SINK_NEW);
	char		moved[96];
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

/* ---- refusals ---- */

static void
test_file_tampered(void **state)
{
	Sink	   *sink = sink_open(SINK_NEW);
	char		sidecar[200];
	SlotIdentity ahead = identity;
	Error		err;

	(void) state;
	deliver_all(sink, 1, 5);
	drain_and_free(sink);
	snprintf(sidecar, sizeof(sidecar), "%s", in_directory("out.jsonl.checkpoint"));

	ahead.confirmed = 551;
	sink = sink_new();
	assert_int_equal(sink->ops->resume(sink, &ahead, &err), SINK_RESUME_FAILED);
	assert_int_equal(err.code, ERROR_CHECKPOINT);
	assert_non_null(strstr(err.hint, "pg_replication_slots"));
	sink->ops->free(sink);

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
	sink->ops->free(sink);
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
	static char other[128];
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
	sink->ops->free(sink);
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
	sink->ops->free(sink);
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
	sink->ops->free(sink);
	assert_int_equal(access("/dev/full.checkpoint", F_OK), -1);
}

/* ---- streams ---- */

static int
open_reader(void)
{
	static char pipe_path[128];
	int			fd;

	snprintf(pipe_path, sizeof(pipe_path), "%s", in_directory("pipe"));
	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	config.path = pipe_path;
	fd = open(pipe_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void
test_pipe(void **state)
{
	int			reader = open_reader();
	char		text[100];
	Sink	   *sink = sink_open(SINK_NEW);
	struct pollfd fd;
	int64_t		deadline = INT64_MAX;
	Error		err;

	(void) state;
	deliver_all(sink, 1, 2);
	assert_int_equal(sink->ops->watch(sink, &fd, 1, &deadline), 1);
	assert_int_equal(fd.events, POLLOUT);
	poll_sink(sink);
	assert_int_equal(sink->durable, 250);
	assert_int_equal(read(reader, text, sizeof(text)), 15);
	assert_memory_equal(text, "1.1;\n2.1;\n2.2;\n", 15);
	assert_int_equal(sink->ops->watch(sink, &fd, 1, &deadline), 0);
	/* a reconnect resumes it where it is: nothing can be taken back */
	deliver(sink, 3, 1);
	assert_int_equal(sink->ops->resume(sink, &identity, &err), SINK_NEW);
	assert_int_equal(sink->accepted.lsn, 300);
	assert_int_equal(sink->accepted.seq, 2);
	drain_and_free(sink);
	close(reader);
	assert_int_equal(count_files(), 1);
}

/* The reader takes a little, then the sink has its turn. */
static size_t
read_and_poll(int reader, char *got, Sink *sink)
{
	ssize_t		size = read(reader, got, 40000);

	poll_sink(sink);
	return size > 0 ? (size_t) size : 0;
}

/* Never waits, takes no more than the buffer, loses nothing, gets on. */
static void
test_pipe_slow_reader(void **state)
{
	int			reader = open_reader();
	size_t		size = (size_t) 16 << 20;
	char	   *got = malloc(size);
	size_t		got_size = 0;
	char	   *expected = script(1, 100000);
	Sink	   *sink = sink_open(SINK_NEW);
	int			full = 0;
	Lsn			before = 0;
	Error		err;

	(void) state;
	for (int n = 1; n <= 100000; n++)
	{
		for (int k = 1; k <= n % 4; k++)
		{
			Position	position = {(Lsn) n * 100, (uint64_t) k};
			char		text[32];

			snprintf(text, sizeof(text), "%d.%d;", n, k);
			while (put_text(sink, position, text, strlen(text), &err) == SINK_FULL)
			{
				/* even while the buffer never empties durable moves */
				full++;
				before = sink->durable;
				got_size += read_and_poll(reader, got + got_size, sink);
			}
		}
		commit(sink, n);
	}
	assert_in_range(full, 20, 100000);
	assert_in_range(before, 3000000, 10000050);
	assert_false(sink->ops->drain(sink, clock_now() + 20 * CLOCK_MS, &err));
	assert_non_null(strstr(err.message, "not read in time"));
	while (sink->durable < 10000050)
		got_size += read_and_poll(reader, got + got_size, sink);
	sink->ops->free(sink);
	for (ssize_t some; (some = read(reader, got + got_size, 40000)) > 0;)
		got_size += (size_t) some;
	assert_int_equal(got_size, strlen(expected));
	assert_memory_equal(got, expected, got_size);
	close(reader);
	free(got);
	free(expected);
}

static void
test_pipe_large_record(void **state)
{
	int			reader = open_reader();
	size_t		size = (size_t) 2 << 20;
	char	   *text = malloc(size);
	char	   *got = malloc(size + 10);
	size_t		got_size = 0;
	Sink	   *sink = sink_open(SINK_NEW);
	Error		err;

	(void) state;
	for (size_t i = 0; i < size; i++)
		text[i] = (char) ('a' + i % 26);
	assert_int_equal(put_text(sink, (Position) {100, 1}, text, size, &err), SINK_OK);
	assert_int_equal(put_text(sink, (Position) {100, 2}, "b", 1, &err), SINK_FULL);
	while (put_text(sink, (Position) {100, 2}, "b", 1, &err) == SINK_FULL)
		got_size += read_and_poll(reader, got + got_size, sink);
	commit(sink, 1);
	while (sink->durable < 150)
		got_size += read_and_poll(reader, got + got_size, sink);
	for (ssize_t some; (some = read(reader, got + got_size, 40000)) > 0;)
		got_size += (size_t) some;
	assert_int_equal(got_size, size + 3);
	assert_memory_equal(got, text, size);
	assert_memory_equal(got + size, "\nb\n", 3);
	sink->ops->free(sink);
	close(reader);
	free(text);
	free(got);
}

static void
test_pipe_closed(void **state)
{
	int			reader = open_reader();
	Sink	   *sink = sink_open(SINK_NEW);
	Error		err;

	(void) state;
	deliver_all(sink, 1, 1);
	close(reader);
	assert_int_equal(sink_poll(sink, &err), SINK_POLL_FAILED);
	assert_int_equal(err.code, ERROR_SINK_WRITE);
	assert_non_null(strstr(err.message, "closed by its reader"));
	assert_int_equal(sink->durable, 0);
	sink->ops->free(sink);
	assert_resume_fails(ERROR_SINK_SETUP, "pipe", "start the reader first");
}

/* pg_fanout -f - >FILE: behind what is there, and synced before it counts. */
static void
steps_redirected(void)
{
	int			fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	Sink	   *sink;
	Error		err;

	dup2(fd, STDOUT_FILENO);
	config.path = "-";
	set_option("sync_interval", "30ms");
	sink = sink_open(SINK_NEW);
	assert_true(sink->ops->record(sink, 50, &err));
	poll_sink(sink);
	if (sink->durable != 50)
		_exit(2);
	deliver_all(sink, 1, 3);
	poll_sink(sink);
	if (sink->durable != 50)
		_exit(3);
	usleep(35000);
	poll_sink(sink);
	if (sink->durable != 350)
		_exit(4);
	deliver_all(sink, 5, 5);
	drain_and_free(sink);
}

static void
test_stdout_redirected(void **state)
{
	(void) state;
	file_write(path, "");
	crash_after(steps_redirected);
	assert_content(path, "1.1;\n2.1;\n2.2;\n3.1;\n3.2;\n3.3;\n5.1;\n");
	assert_int_equal(count_files(), 1);
}

/* ---- null ---- */

static void
test_null(void **state)
{
	SinkConfig	null_config = {.name = "n", .authority = "", .path = "", .format = &text_format};
	Sink	   *sink;
	SinkStats	stats;
	Error		err;

	(void) state;
	sink = sink_null_ops.create(&null_config, &err);
	assert_non_null(sink);
	assert_int_equal(sink->ops->resume(sink, &identity, &err), SINK_NEW);
	assert_int_equal(sink->accepted.lsn, 50);
	assert_int_equal(sink->durable, 0);
	assert_true(sink->ops->record(sink, 50, &err));
	assert_int_equal(sink->durable, 50);
	assert_int_equal(put_message(sink, 70, "m", &err), SINK_OK);
	assert_int_equal(sink->durable, 70);
	deliver(sink, 3, 3);
	assert_int_equal(sink->durable, 70);
	sink->ops->stats(sink, &stats);
	assert_int_equal(stats.records, 4);
	assert_int_equal(stats.bytes, 13);
	assert_int_equal(stats.in_flight, 3);
	/* a reconnect in the middle of a transaction */
	assert_int_equal(sink->ops->resume(sink, &identity, &err), SINK_NEW);
	assert_int_equal(sink->accepted.lsn, 300);
	commit(sink, 3);
	assert_int_equal(sink->durable, 350);
	assert_true(sink->ops->record(sink, 200, &err));
	assert_int_equal(sink->durable, 350);
	drain_and_free(sink);
	null_config.path = "x";
	assert_null(sink_null_ops.create(&null_config, &err));
	assert_int_equal(err.code, ERROR_USAGE);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file_first_start),
		TEST(test_file_goes_on),
		TEST(test_file_existing),
		TEST(test_file_binary),
		TEST(test_file_large),
		TEST(test_file_sync_every_commit),
		TEST(test_file_empty_transactions),
		TEST(test_file_sync_interval),
		TEST(test_file_messages),
		TEST(test_file_crash),
		TEST(test_file_stop_in_transaction),
		TEST(test_file_killed),
		TEST(test_file_killed_rotating),
		TEST(test_file_rotation),
		TEST(test_file_rotation_by_age),
		TEST(test_file_rotation_half_done),
		TEST(test_file_rotation_occupied),
		TEST(test_file_reopen),
		TEST(test_file_tampered),
		TEST(test_file_truncated_meanwhile),
		TEST(test_file_locked),
		TEST(test_file_bad_setup),
		TEST(test_file_bad_places),
		TEST(test_file_full),
		TEST(test_file_full_large),
		TEST(test_stream_full),
		TEST(test_pipe),
		TEST(test_pipe_slow_reader),
		TEST(test_pipe_large_record),
		TEST(test_pipe_closed),
		TEST(test_stdout_redirected),
		TEST(test_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
