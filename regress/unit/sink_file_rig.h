/*
 * sink_file_rig.h
 *		A file sink in a directory of its own, and a script of transactions.
 *
 * Transaction n (1..) begins at LSN 100 n, ends at 100 n + 50 and has n % 4
 * records "n.k;", so some have none. What a file must hold is known for every
 * position.
 */
#ifndef SINK_FILE_RIG_H
#define SINK_FILE_RIG_H

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

static const FormatOps text_format = {.name = "json", .extension = "jsonl"};

static char directory[64];
static char path[96];
static SinkConfig config;
static void *options;

static const SlotIdentity identity = {
	.system_id = 7, .timeline = 1, .slot = "fan", .database = "bank",
	.options_hash = 1, .confirmed = 50
};

/* ---- the place ---- */

static inline void
set_option(const char *name, const char *value)
{
	Error		err;

	assert_true(option_set(sink_file_ops.options, options, name, value, &err));
}

static inline int
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

static inline int
name_order(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static inline int
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
static inline char *
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

static inline void
file_write(const char *name, const char *text)
{
	FILE	   *file = fopen(name, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static inline const char *
in_directory(const char *name)
{
	static char full[400];
	int			size = snprintf(full, sizeof(full), "%s/%s", directory, name);

	assert_in_range(size, 1, sizeof(full) - 1);
	return full;
}

static inline void
assert_content(const char *name, const char *expected)
{
	char	   *text = file_read(name);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static inline size_t
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

static inline Sink *
sink_new(void)
{
	Error		err;
	Sink	   *sink = sink_file_ops.create(&config, &err);

	assert_non_null(sink);
	return sink;
}

static inline Sink *
sink_open(SinkResume expected)
{
	Sink	   *sink = sink_new();
	Error		err;
	SinkResume	result = sink_resume(sink, &identity, &err);

	if (result == SINK_RESUME_FAILED)
		print_message("%s: %s\n", err.message, err.hint);
	assert_int_equal(result, expected);
	return sink;
}

static inline SinkResult
put_text(Sink *sink, Position position, const char *text, size_t size, Error *err)
{
	static const Transaction txn;
	Record		record = {.value = slice_make(text, size)};
	Delivery	delivery = {
		.position = position, .txn = &txn, .topic = "t",
		.records = &record, .count = 1
	};

	return sink_put(sink, &delivery, err);
}

static inline SinkResult
put_message(Sink *sink, Lsn lsn, const char *text, Error *err)
{
	Record		record = {.value = slice_of(text)};
	Delivery	delivery = {
		.position = {lsn, 0}, .topic = "m", .records = &record, .count = 1
	};

	return sink_put(sink, &delivery, err);
}

/* The first records of transaction n, at most count, that the sink still wants. */
static inline void
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

static inline void
commit(Sink *sink, int n)
{
	TxnEnd		end = {.end_lsn = (Lsn) n * 100 + 50};
	Error		err;

	if (sink->accepted.lsn < end.end_lsn)
		assert_int_equal(sink_commit(sink, &end, &err), SINK_OK);
}

static inline void
deliver_all(Sink *sink, int first, int last)
{
	for (int n = first; n <= last; n++)
	{
		deliver(sink, n, 4);
		commit(sink, n);
	}
}

/* What transactions first to last look like in a file. */
static inline char *
script(int first, int last)
{
	char	   *text = calloc(1, (size_t) (last - first + 2) * 100);
	char	   *at = text;

	for (int n = first; n <= last; n++)
		for (int k = 1; k <= n % 4; k++)
			at += sprintf(at, "%d.%d;\n", n, k);
	return text;
}

static inline void
assert_script(const char *name, int first, int last)
{
	char	   *expected = script(first, last);

	assert_content(name, expected);
	free(expected);
}

static inline void
poll_sink(Sink *sink)
{
	Error		err;

	assert_int_equal(sink_poll(sink, &err), SINK_POLL_OK);
}

static inline void
drain_and_free(Sink *sink)
{
	Error		err;

	assert_true(sink->ops->drain(sink, clock_now() + CLOCK_SECOND, &err));
	sink_free(sink);
}

static inline void
assert_resume_fails(ErrorCode code, const char *message, const char *hint)
{
	Sink	   *sink = sink_new();
	Error		err;

	error_clear(&err);
	assert_int_equal(sink_resume(sink, &identity, &err), SINK_RESUME_FAILED);
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.message, message));
	assert_non_null(strstr(err.hint, hint));
	sink_free(sink);
}

/* A failed assertion there must end the process, not go on with the tests. */
static inline void
child_begin(void)
{
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	alarm(60);
}

/* Runs steps in a process that ends without any cleaning up. */
static inline void
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

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif							/* SINK_FILE_RIG_H */
