/*
 * test_sink_file_stream.c
 *		The file sink on pipes, devices and standard output: never waiting, never
 *		losing; and the null sink.
 */
#include "sink_file_rig.h"

extern const SinkOps sink_null_ops;

/* ---- streams ---- */

static int
open_reader(void)
{
	static char pipe_path[400];
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
	assert_int_equal(sink_resume(sink, &identity, &err), SINK_NEW);
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
	sink_free(sink);
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
	sink_free(sink);
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
	sink_free(sink);
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
	assert_int_equal(sink_resume(sink, &identity, &err), SINK_NEW);
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
	assert_int_equal(sink_resume(sink, &identity, &err), SINK_NEW);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pipe),
		TEST(test_pipe_slow_reader),
		TEST(test_pipe_large_record),
		TEST(test_pipe_closed),
		TEST(test_stdout_redirected),
		TEST(test_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
