/*
 * test_spool.c
 *		What is put into the spool comes out, or is missed loudly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool.h"
#include "spool_file.h"

#define KB	1024
#define MB	(1024 * KB)

static char directory[] = "/tmp/test_spool.XXXXXX";
static char place[64];			/* the spool's own, below it */
static Spool *spool;
static Error err;

static void
make_spool(int64_t memory, int64_t limit)
{
	SpoolConfig config = {.memory = memory, .directory = place,
		.limit = limit};

	spool_free(spool);
	spool = spool_new(&config, &err);
	assert_non_null(spool);
}

static int
set_up(void **state)
{
	(void) state;
	error_clear(&err);
	make_spool(MB, 0);
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	spool_free(spool);
	spool = NULL;
	return 0;
}

/* Begins the transaction with its first record. */
static void
append_bytes(uint32_t xid, uint32_t subxid, Slice bytes)
{
	if (!spool_knows(spool, xid))
		assert_true(spool_begin(spool, xid, &err));
	assert_true(spool_append(spool, xid, subxid, bytes, &err));
}

static void
append(uint32_t xid, uint32_t subxid, const char *text)
{
	append_bytes(xid, subxid, slice_of(text));
}

static void
abort_part(uint32_t xid, uint32_t subxid)
{
	assert_true(spool_abort(spool, xid, subxid, &err));
}

/* All records of the transaction, a blank behind each. */
static const char *
replay(uint32_t xid)
{
	static char text[4096];
	Slice		record;
	SpoolResult result;

	text[0] = '\0';
	spool_replay(spool, xid);
	while ((result = spool_next(spool, &record, &err)) == SPOOL_RECORD)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%.*s ",
				 (int) record.size, (const char *) record.data);
	assert_int_equal(result, SPOOL_END);
	assert_false(spool_knows(spool, xid));
	return text;
}

/* Bytes that do not compress and are the same for the same seed. */
static uint8_t *
noise(size_t size, uint32_t seed)
{
	uint8_t    *bytes = malloc(size + 1);
	uint64_t	state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;

	assert_non_null(bytes);
	for (size_t i = 0; i < size; i++)
	{
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		bytes[i] = (uint8_t) (state >> 32);
	}
	return bytes;
}

static void
append_noise(uint32_t xid, uint32_t subxid, size_t size, uint32_t seed)
{
	uint8_t    *bytes = noise(size, seed);

	append_bytes(xid, subxid, slice_make(bytes, size));
	free(bytes);
}

static void
assert_noise(Slice record, size_t size, uint32_t seed)
{
	uint8_t    *bytes = noise(size, seed);

	assert_int_equal(record.size, size);
	assert_memory_equal(record.data, bytes, size);
	free(bytes);
}

/* A descriptor of the spool's file, found as an administrator would. */
static int
find_file(void)
{
	char		link[64];
	char		target[256];

	for (int fd = 3; fd < 256; fd++)
	{
		ssize_t		size;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		size = readlink(link, target, sizeof(target) - 1);
		if (size < 0)
			continue;
		target[size] = '\0';
		if (strncmp(target, place, strlen(place)) == 0)
			return fd;
	}
	return -1;
}

static int
count_names(void)
{
	DIR		   *dir = opendir(place);
	int			count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count - 2;			/* "." and ".." */
}

/* ---- transactions ---- */

static void
transactions_are_kept_apart(void **state)
{
	(void) state;
	append(10, 10, "a1");
	append(20, 20, "b1");
	append(10, 10, "a2");
	append(20, 21, "b2");
	append(10, 10, "");
	append(10, 10, "a3");
	assert_true(spool_knows(spool, 10));
	assert_false(spool_knows(spool, 21));
	assert_string_equal(replay(20), "b1 b2 ");
	assert_string_equal(replay(10), "a1 a2  a3 ");
	assert_string_equal(replay(10), "");
	assert_int_equal(spool_memory(spool), 0);
}

static void
aborted_parts_are_left_out(void **state)
{
	(void) state;
	append(10, 10, "top");
	append(10, 11, "released");
	append(10, 12, "rolled");
	append(10, 13, "child");
	append(10, 14, "grandchild");
	append(10, 10, "table");

	/* the server names each; who is not named stays */
	abort_part(10, 14);
	abort_part(10, 12);
	abort_part(10, 99);
	abort_part(77, 78);
	append(10, 15, "later");
	append(10, 10, "end");
	assert_string_equal(replay(10), "top released child table later end ");
}

static void
aborted_transaction_is_forgotten(void **state)
{
	(void) state;
	append(10, 10, "a");
	append(10, 11, "b");
	abort_part(10, 11);
	append(20, 20, "other");
	abort_part(10, 10);
	assert_false(spool_knows(spool, 10));

	/* the number comes again: nothing of the old one sticks to it */
	append(10, 11, "new");
	assert_string_equal(replay(10), "new ");
	assert_string_equal(replay(20), "other ");
}

/* Of the old one the server never told an end. */
static void
number_begun_again(void **state)
{
	(void) state;
	append(10, 10, "old");
	abort_part(10, 11);
	assert_true(spool_begin(spool, 10, &err));
	append(10, 11, "new");
	assert_string_equal(replay(10), "new ");
	assert_false(spool_append(spool, 10, 10, slice_of("late"), &err));
	assert_int_equal(err.code, ERROR_SOURCE);
}

/* Numbers run over: a subtransaction's may be smaller. */
static void
numbers_wrap_around(void **state)
{
	(void) state;
	append(UINT32_MAX, UINT32_MAX, "top");
	append(UINT32_MAX, 3, "kept");
	append(UINT32_MAX, 4, "lost");
	append(UINT32_MAX, 500000, "far");
	abort_part(UINT32_MAX, 4);
	abort_part(UINT32_MAX, 500000);
	assert_string_equal(replay(UINT32_MAX), "top kept ");
}

static void
millions_of_aborts_take_little(void **state)
{
	(void) state;
	append(10, 10, "a");
	for (uint32_t subxid = 11; subxid < 3000000; subxid += 3)
		abort_part(10, subxid);
	append(10, 2999998, "kept");
	append(10, 2999999, "lost");
	assert_true(spool_memory(spool) < 500 * KB);
	assert_string_equal(replay(10), "a kept ");
}

static void
clear_forgets_everything(void **state)
{
	Slice		record;

	(void) state;
	make_spool(64 * KB, 0);
	for (int i = 0; i < 100; i++)
		append_noise(10 + i % 2, 10 + i % 2, 9000, i);
	spool_replay(spool, 10);
	assert_int_equal(spool_next(spool, &record, &err), SPOOL_RECORD);
	spool_clear(spool);
	assert_int_equal(spool_next(spool, &record, &err), SPOOL_END);
	assert_false(spool_knows(spool, 10));
	assert_int_equal(spool_memory(spool), 0);
	assert_int_equal(spool_disk(spool), 0);
	assert_int_equal(find_file(), -1);
}

static void
dropped_while_replayed(void **state)
{
	Slice		record;

	(void) state;
	append(10, 10, "a");
	append(10, 10, "b");
	spool_replay(spool, 10);
	assert_int_equal(spool_next(spool, &record, &err), SPOOL_RECORD);
	spool_drop(spool, 10);
	assert_int_equal(spool_next(spool, &record, &err), SPOOL_END);
}

/* ---- disk ---- */

static void
large_transaction_goes_to_disk(void **state)
{
	Slice		record;
	struct stat status;

	(void) state;
	for (uint32_t i = 0; i < 10000; i++)
	{
		append_noise(10, 10, 1000 + i % 100, i);
		assert_true(spool_memory(spool) < MB + 2 * SPOOL_BLOCK_SIZE);
	}
	assert_true(spool_disk(spool) > 8 * MB);

	/* nobody else can open it, and nothing stays behind */
	assert_int_equal(fstat(find_file(), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(status.st_nlink, 0);
	assert_int_equal(count_names(), 0);

	spool_replay(spool, 10);
	for (uint32_t i = 0; i < 10000; i++)
	{
		assert_int_equal(spool_next(spool, &record, &err), SPOOL_RECORD);
		assert_noise(record, 1000 + i % 100, i);
	}
	assert_int_equal(spool_next(spool, &record, &err), SPOOL_END);
	assert_int_equal(spool_disk(spool), 0);
	assert_int_equal(spool_memory(spool), 0);
}

static void
what_compresses_takes_less_disk(void **state)
{
	char		text[1000];

	(void) state;
	memset(text, 'x', sizeof(text));
	for (int i = 0; i < 10000; i++)
		append_bytes(10, 10, slice_make(text, sizeof(text)));
	assert_true(spool_disk(spool) > 0);
	assert_true(spool_disk(spool) < MB);
}

/* Records larger than a block, at its edges, and dropped ones. */
static void
records_of_every_size(void **state)
{
	static const size_t sizes[] = {
		0, 1, SPOOL_BLOCK_SIZE - 9, SPOOL_BLOCK_SIZE - 8,
		SPOOL_BLOCK_SIZE - 7, 5, SPOOL_BLOCK_SIZE, 3 * SPOOL_BLOCK_SIZE,
		10 * MB, 7, 2 * MB + 1
	};
	const size_t count = sizeof(sizes) / sizeof(sizes[0]);
	Slice		record;

	(void) state;
	for (int64_t memory = 1; memory <= 64 * MB; memory *= 64 * MB)
	{
		make_spool(memory, 0);
		for (uint32_t i = 0; i < count; i++)
		{
			append_noise(10, 10, sizes[i], i);
			append_noise(10, 11, sizes[i], i);
		}
		abort_part(10, 11);
		assert_true(spool_memory(spool) <= (uint64_t) memory + 64 * MB);
		spool_replay(spool, 10);
		for (uint32_t i = 0; i < count; i++)
		{
			SpoolResult result;

			do
				result = spool_next(spool, &record, &err);
			while (result == SPOOL_AGAIN);
			assert_int_equal(result, SPOOL_RECORD);
			assert_noise(record, sizes[i], i);
		}
		assert_int_equal(spool_next(spool, &record, &err), SPOOL_END);
	}
}

static void
time_is_left_while_much_is_passed_over(void **state)
{
	Slice		record;
	int			again = 0;
	SpoolResult result;

	(void) state;
	for (uint32_t i = 0; i < 100; i++)
		append_noise(10, 11, MB, i);
	append(10, 10, "end");
	abort_part(10, 11);
	spool_replay(spool, 10);
	while ((result = spool_next(spool, &record, &err)) == SPOOL_AGAIN)
		again++;
	assert_int_equal(result, SPOOL_RECORD);
	assert_int_equal(record.size, 3);
	assert_in_range(again, 4, 10);
}

/* ---- everything at random, against a plain list ---- */

#define EVENTS	20000
#define TXNS	7
#define PARTS	20

typedef struct Event
{
	uint32_t	txn;			/* 0: gone */
	uint32_t	part;
	uint32_t	size;
} Event;

static Event events[EVENTS];
static bool aborted[TXNS + 1][PARTS];

static SpoolResult
next_but_again(Slice *record)
{
	SpoolResult result;

	do
		result = spool_next(spool, record, &err);
	while (result == SPOOL_AGAIN);
	return result;
}

static void
lose(uint32_t txn, uint32_t part, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (events[i].txn == txn && (part == 0 || events[i].part == part))
			events[i].txn = 0;
	if (part == 0)
		memset(aborted[txn], 0, sizeof(aborted[txn]));
}

static void
compare(uint32_t txn, uint32_t count)
{
	Slice		record;

	spool_replay(spool, txn * 1000);
	for (uint32_t i = 0; i < count; i++)
	{
		if (events[i].txn != txn)
			continue;
		assert_int_equal(next_but_again(&record), SPOOL_RECORD);
		assert_noise(record, events[i].size, i);
	}
	assert_int_equal(next_but_again(&record), SPOOL_END);
	lose(txn, 0, count);
}

static void
random_event(uint32_t i)
{
	Event	   *event = &events[i];
	int			dice = rand() % 1000;

	event->txn = 1 + (uint32_t) rand() % TXNS;
	do
		event->part = (uint32_t) rand() % PARTS;
	while (aborted[event->txn][event->part]);
	event->size = (uint32_t) rand() % (dice < 2 ? MB : 300);
	append_noise(event->txn * 1000, event->txn * 1000 + event->part,
				 event->size, i);
	if (dice > 990 && event->part != 0)
	{
		abort_part(event->txn * 1000, event->txn * 1000 + event->part);
		aborted[event->txn][event->part] = true;
		lose(event->txn, event->part, i + 1);
	}
	else if (dice == 990)
	{
		abort_part(event->txn * 1000, event->txn * 1000);
		lose(event->txn, 0, i + 1);
	}
	else if (dice == 989)
		compare(event->txn, i + 1);
}

static void
random_histories(void **state)
{
	(void) state;
	for (unsigned int seed = 1; seed <= 5; seed++)
	{
		srand(seed);
		make_spool(256 * KB, 0);
		for (uint32_t i = 0; i < EVENTS; i++)
			random_event(i);
		for (uint32_t txn = 1; txn <= TXNS; txn++)
			compare(txn, EVENTS);
		assert_int_equal(spool_memory(spool), 0);
		assert_int_equal(spool_disk(spool), 0);
	}
}

/* ---- what goes wrong ---- */

static bool
append_until_failure(void)
{
	assert_true(spool_begin(spool, 10, &err));
	for (uint32_t i = 0; i < 100; i++)
	{
		uint8_t    *bytes = noise(100 * KB, i);
		bool		ok = spool_append(spool, 10, 10,
									  slice_make(bytes, 100 * KB), &err);

		free(bytes);
		if (!ok)
			return true;
	}
	return false;
}

static void
disk_has_a_limit(void **state)
{
	(void) state;
	make_spool(MB, 2 * MB);
	assert_true(append_until_failure());
	assert_int_equal(err.code, ERROR_DISK);
	assert_non_null(strstr(err.message, "spool-limit"));
	assert_true(spool_disk(spool) < 3 * MB);
	spool_clear(spool);
	assert_int_equal(spool_disk(spool), 0);
}

static void
disk_is_full(void **state)
{
	struct rlimit old;
	struct rlimit limit;
	bool		failed;

	(void) state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	limit = (struct rlimit) {.rlim_cur = 3 * MB / 2, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	failed = append_until_failure();
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_true(failed);
	assert_int_equal(err.code, ERROR_DISK);
	assert_non_null(strstr(err.message, place));
	assert_non_null(strstr(err.hint, "--spool-directory"));
}

/* Replays until something is wrong; the records before that must be right. */
static void
assert_damage_is_told(void)
{
	Slice		record;
	SpoolResult result;
	uint32_t	i = 0;

	spool_replay(spool, 10);
	while ((result = next_but_again(&record)) == SPOOL_RECORD)
		assert_noise(record, 1000, i++);
	assert_int_equal(result, SPOOL_FAILED);
	assert_int_equal(err.code, ERROR_DISK);
	assert_non_null(strstr(err.message, "damaged"));
}

static void
fill_disk(void)
{
	make_spool(MB, 0);
	for (uint32_t i = 0; i < 5000; i++)
		append_noise(10, 10, 1000, i);
	assert_true(find_file() >= 0);
}

static void
cut_file_is_told(void **state)
{
	struct stat status;

	(void) state;
	for (int turn = 0; turn < 4; turn++)
	{
		fill_disk();
		assert_int_equal(fstat(find_file(), &status), 0);
		assert_int_equal(ftruncate(find_file(), status.st_size * turn / 4 +
								   (turn == 3 ? 7 : 0)), 0);
		assert_damage_is_told();
	}
}

static void
changed_file_is_told(void **state)
{
	uint8_t		byte;

	(void) state;
	for (off_t at = 0; at < 3 * MB; at += 200 * KB + 1)
	{
		fill_disk();
		assert_int_equal(pread(find_file(), &byte, 1, at), 1);
		byte ^= 0x10;
		assert_int_equal(pwrite(find_file(), &byte, 1, at), 1);
		assert_damage_is_told();
	}
}

/* Each byte of a file of two blocks, and each length of it. */
static void
damaged_blocks_are_told(void **state)
{
	FILE	   *temporary = tmpfile();
	SpoolFile	file = {.fd = fileno(temporary)};
	uint8_t    *bytes = noise(300, 1);
	Buf			block;
	Buf			scratch;

	(void) state;
	buf_init(&block, SPOOL_BLOCK_SIZE);
	buf_init(&scratch, SPOOL_SCRATCH_SIZE);
	memset(bytes, 'x', 100);
	assert_true(spool_file_append(&file, slice_make(bytes, 300), &scratch,
								  &err));
	assert_true(spool_file_append(&file, slice_make(bytes + 100, 200),
								  &scratch, &err));
	assert_true(file.size < 540);
	for (uint64_t at = 0; at < file.size; at++)
	{
		SpoolCursor cursor = {0};
		SpoolFileResult result;
		uint8_t		byte;
		int			blocks = 0;

		assert_int_equal(pread(file.fd, &byte, 1, (off_t) at), 1);
		byte ^= (uint8_t) (1 << at % 8);
		assert_int_equal(pwrite(file.fd, &byte, 1, (off_t) at), 1);
		while ((result = spool_file_read(&file, &cursor, &block, &scratch,
										 &err)) == SPOOL_FILE_BLOCK)
			blocks++;
		assert_int_equal(result, SPOOL_FILE_FAILED);
		assert_true(blocks < 2);
		byte ^= (uint8_t) (1 << at % 8);
		assert_int_equal(pwrite(file.fd, &byte, 1, (off_t) at), 1);
	}
	for (uint64_t size = file.size; size-- > 0;)
	{
		SpoolCursor cursor = {0};
		SpoolFileResult result;

		assert_int_equal(ftruncate(file.fd, (off_t) size), 0);
		do
			result = spool_file_read(&file, &cursor, &block, &scratch, &err);
		while (result == SPOOL_FILE_BLOCK);
		assert_int_equal(result, SPOOL_FILE_FAILED);
	}
	buf_free(&block);
	buf_free(&scratch);
	free(bytes);
	fclose(temporary);
}

/* ---- the directory ---- */

static void
assert_refused(const char *path, ErrorCode code)
{
	SpoolConfig config = {.memory = MB, .directory = path};

	assert_null(spool_new(&config, &err));
	assert_int_equal(err.code, code);
	assert_true(err.hint[0] != '\0');
}

static void
directory_must_be_private(void **state)
{
	char		other[64];

	(void) state;
	snprintf(other, sizeof(other), "%s/other", directory);
	assert_int_equal(mkdir(other, 0700), 0);
	assert_int_equal(chmod(other, 0750), 0);
	assert_refused(other, ERROR_SECRET_FILE);
	assert_int_equal(rmdir(other), 0);
	assert_int_equal(symlink(place, other), 0);
	assert_refused(other, ERROR_DISK);
	assert_int_equal(unlink(other), 0);
	assert_refused("/nowhere/spool", ERROR_DISK);
	assert_refused("/dev/null", ERROR_DISK);
}

static void
left_over_files_are_removed(void **state)
{
	char		path[128];

	(void) state;
	snprintf(path, sizeof(path), "%s/.pg_fanout-spool-Ab12cd", place);
	assert_true(close(open(path, O_CREAT | O_WRONLY, 0600)) == 0);
	snprintf(path, sizeof(path), "%s/stream-not-ours", place);
	assert_true(close(open(path, O_CREAT | O_WRONLY, 0600)) == 0);
	assert_int_equal(count_names(), 2);
	make_spool(MB, 0);
	assert_int_equal(count_names(), 1);
	assert_int_equal(unlink(path), 0);
}

static void
default_directory_goes_with_the_last(void **state)
{
	SpoolConfig config = {.memory = MB};
	char		path[128];
	struct stat status;
	Spool	   *first;
	Spool	   *second;

	(void) state;
	assert_int_equal(setenv("TMPDIR", directory, 1), 0);
	snprintf(path, sizeof(path), "%s/pg_fanout-%ld", directory,
			 (long) geteuid());
	first = spool_new(&config, &err);
	second = spool_new(&config, &err);
	assert_non_null(first);
	assert_non_null(second);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	spool_free(first);
	assert_int_equal(stat(path, &status), -1);

	/* the other one makes it again when it needs it */
	assert_true(spool_begin(second, 10, &err));
	for (uint32_t i = 0; i < 20; i++)
	{
		uint8_t    *bytes = noise(100 * KB, i);

		assert_true(spool_append(second, 10, 10,
								 slice_make(bytes, 100 * KB), &err));
		free(bytes);
	}
	assert_int_equal(stat(path, &status), 0);
	spool_free(second);
	assert_int_equal(stat(path, &status), -1);
}

static int
make_directory(void **state)
{
	(void) state;
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(place, sizeof(place), "%s/spool", directory);
	return 0;
}

static int
remove_directory(void **state)
{
	(void) state;
	rmdir(place);
	return rmdir(directory);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(transactions_are_kept_apart),
		TEST(aborted_parts_are_left_out),
		TEST(aborted_transaction_is_forgotten),
		TEST(number_begun_again),
		TEST(numbers_wrap_around),
		TEST(millions_of_aborts_take_little),
		TEST(clear_forgets_everything),
		TEST(dropped_while_replayed),
		TEST(large_transaction_goes_to_disk),
		TEST(what_compresses_takes_less_disk),
		TEST(records_of_every_size),
		TEST(time_is_left_while_much_is_passed_over),
		TEST(random_histories),
		TEST(disk_has_a_limit),
		TEST(disk_is_full),
		TEST(cut_file_is_told),
		TEST(changed_file_is_told),
		TEST(damaged_blocks_are_told),
		TEST(directory_must_be_private),
		TEST(left_over_files_are_removed),
		TEST(default_directory_goes_with_the_last),
	};

	return cmocka_run_group_tests_name("spool", tests, make_directory,
									   remove_directory);
}
