/*
 * test_sink_s3.c
 *		The object sink over a directory: names, cuts, checkpoints, crashes.
 */
#include "sink_s3_rig.h"

#include <zlib.h>
#include <zstd.h>

static const FormatOps binary_format = {.name = "protobuf",.extension = "pb",.binary = true};

static void
test_new_and_resumed(void **state)
{
	Buf			text;

	(void) state;
	open_as(SINK_NEW);
	poll_ok();
	assert_int_equal(sink->durable, 0x100);
	assert_int_equal(sink->accepted.lsn, 0x100);
	text = slurp("_pg_fanout/fan/lake.json");
	assert_non_null(strstr(buf_string(&text), "\"lsn\":\"0/100\""));
	buf_free(&text);
	crash();
	open_as(SINK_RESUMED);
	assert_int_equal(sink->durable, 0x100);
}

/* Notes come back with the checkpoint before which they were taken. */
static void
test_notes(void **state)
{
	Buf			text;

	(void) state;
	options->flush_records = 1;
	open_as(SINK_NEW);
	poll_ok();
	assert_true(notes_set(&sink->notes, "table/1", slice_of("one"), &err));
	put("t", 0x200, 1, "{}");
	commit(0x210);
	poll_ok();
	assert_int_equal(sink->durable, 0x210);
	assert_false(sink->notes.dirty);
	text = slurp("_pg_fanout/fan/lake/notes-1");
	assert_string_equal(buf_string(&text), "pg_fanout notes 1\ntable/1 6f6e65\nend 1\n");
	buf_free(&text);
	assert_true(notes_set(&sink->notes, "table/2", slice_of("two"), &err));
	crash();
	open_as(SINK_RESUMED);
	assert_int_equal(sink->notes.count, 1);
	assert_true(slice_equal(notes_find(&sink->notes, "table/1"), slice_of("one")));
}

static void
test_names_and_order(void **state)
{
	(void) state;
	options->flush_records = 1;
	open_as(SINK_NEW);
	put("bank.t", 0x200, 1, "{\"a\":1}");
	put("bank.other", 0x200, 2, "{\"b\":1}");
	put("bank.t", 0x200, 3, "{\"a\":2}");
	assert_int_equal(list(), 0);
	commit(0x210);
	assert_int_equal(sink->durable, 0x210);
	put("bank.t", INT64_C(0x1000000F00), 12, "{\"a\":3}");
	commit(INT64_C(0x1000000F10));
	assert_int_equal(list(), 3);
	assert_named(files[0], "bank.other/bank.other-00000001-0000000000000200-0000000002", 1, ".jsonl");
	assert_named(files[1], "bank.t/bank.t-00000001-0000000000000200-0000000001", 1, ".jsonl");
	assert_named(files[2], "bank.t/bank.t-00000001-0000001000000F00-0000000012", 1, ".jsonl");
	assert_content(files[0], "{\"b\":1}\n");
	assert_content(files[1], "{\"a\":1}\n{\"a\":2}\n");
	assert_content(files[2], "{\"a\":3}\n");
}

static void
test_binary_frames(void **state)
{
	char		big[300];

	(void) state;
	config.format = &binary_format;
	options->flush_records = 1;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	open_as(SINK_NEW);
	put("t", 0x200, 1, "abc");
	put("t", 0x200, 2, big);
	put("t", 0x200, 3, "");
	commit(0x210);
	assert_int_equal(list(), 1);
	assert_named(files[0], "t/t-00000001-0000000000000200-0000000001", 1, ".pb");
	{
		Buf			content = slurp(files[0]);

		assert_int_equal(content.size, 1 + 3 + 2 + 299 + 1);
		assert_memory_equal(content.data, "\003abc\253\002xxx", 9);
		assert_int_equal(content.data[content.size - 1], 0);
		buf_free(&content);
	}
}

static Buf
unpack(Buf packed, int compression, size_t room)
{
	Buf			out;

	buf_init(&out, room);
	assert_true(buf_reserve(&out, room));
	if (compression == 1)
	{
		z_stream	gzip = {.next_in = packed.data,.avail_in = (uInt) packed.size,
		.next_out = out.data,.avail_out = (uInt) room};

		assert_int_equal(inflateInit2(&gzip, 15 + 16), Z_OK);
		assert_int_equal(inflate(&gzip, Z_FINISH), Z_STREAM_END);
		assert_int_equal(gzip.avail_in, 0);
		out.size = gzip.total_out;
		inflateEnd(&gzip);
	}
	else
	{
		/* one frame: its size is the file's */
		assert_int_equal(ZSTD_findFrameCompressedSize(packed.data, packed.size), packed.size);
		out.size = ZSTD_decompress(out.data, room, packed.data, packed.size);
		assert_false(ZSTD_isError(out.size));
	}
	buf_free(&packed);
	return out;
}

/* One object of records of that many bytes in all; content must come back. */
static void
roundtrip(int compression, size_t total, const char *extension)
{
	static char record[100001];
	Buf			expected;
	Buf			content;
	uint64_t	seq = 0;

	options->compression = compression;
	options->flush_bytes = INT64_C(1) << 30;
	options->flush_records = 1;
	open_as(SINK_NEW);
	buf_init(&expected, 2 * total);
	while (expected.size < total)
	{
		size_t		size = total < sizeof(record) - 1 ? total : sizeof(record) - 1;

		fill(record, size, ++seq);
		buf_append(&expected, record, size);
		buf_append_byte(&expected, '\n');
		assert_int_equal(put_bytes("t", 0x200, seq, slice_make(record, size)), SINK_OK);
		if (seq % 16 == 0)
			poll_ok();
	}
	commit(0x210);
	assert_int_equal(sink->durable, 0x210);
	assert_int_equal(list(), 1);
	assert_string_equal(files[0] + strlen(files[0]) - strlen(extension), extension);
	content = slurp(files[0]);
	if (compression != 0)
		content = unpack(content, compression, 2 * total);
	assert_int_equal(content.size, expected.size);
	assert_memory_equal(content.data, expected.data, expected.size);
	buf_free(&content);
	buf_free(&expected);
}

static void
test_small_gzip(void **state)
{
	(void) state;
	roundtrip(1, 10, ".jsonl.gz");
}

static void
test_small_zstd(void **state)
{
	(void) state;
	roundtrip(2, 10, ".jsonl.zst");
}

static void
test_parts(void **state)
{
	(void) state;
	options->part_bytes = 5 * 1024 * 1024;
	roundtrip(0, 17 * 1024 * 1024, ".jsonl");
}

static void
test_parts_gzip(void **state)
{
	(void) state;
	options->part_bytes = 5 * 1024 * 1024;
	roundtrip(1, 9 * 1024 * 1024, ".jsonl.gz");
}

static void
test_parts_zstd(void **state)
{
	(void) state;
	options->part_bytes = 5 * 1024 * 1024;
	roundtrip(2, 17 * 1024 * 1024, ".jsonl.zst");
}

/* An object that ends exactly with a part has no empty one behind. */
static void
test_exact_part(void **state)
{
	static char record[5 * 1024 * 1024 - 1];
	struct stat info;
	char		path[1024];

	(void) state;
	options->part_bytes = sizeof(record) + 1;
	options->flush_records = 1;
	fill(record, sizeof(record), 1);
	open_as(SINK_NEW);
	assert_int_equal(put_bytes("t", 0x200, 1, slice_make(record, sizeof(record))), SINK_OK);
	commit(0x210);
	assert_int_equal(sink->durable, 0x210);
	assert_int_equal(list(), 1);
	snprintf(path, sizeof(path), "%s/%s", root, files[0]);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_size, sizeof(record) + 1);
	assert_int_equal(info.st_mode & 07777, 0640);
}

/* Nothing visible, nothing durable, nothing left behind. */
static void
test_crash_and_again(void **state)
{
	static char record[600 * 1024];

	(void) state;
	fill(record, sizeof(record), 3);
	options->part_bytes = 5 * 1024 * 1024;
	open_as(SINK_NEW);
	poll_ok();
	for (uint64_t i = 1; i <= 12; i++)
	{
		assert_int_equal(put_bytes("t", 0x200, i, slice_make(record, sizeof(record))), SINK_OK);
		poll_ok();
	}
	commit(0x210);
	assert_int_equal(sink->durable, 0x100);
	crash();
	assert_int_equal(list(), 0);
	options->flush_records = 1;
	open_as(SINK_RESUMED);
	for (uint64_t i = 1; i <= 12; i++)
		assert_int_equal(put_bytes("t", 0x200, i, slice_make(record, sizeof(record))), SINK_OK);
	commit(0x210);
	assert_int_equal(sink->durable, 0x210);
	assert_int_equal(list(), 1);
	assert_named(files[0], "t/t-00000001-0000000000000200-0000000001", 2, ".jsonl");
}

/* A large table's objects are closed within the transaction, durable is not. */
static void
test_flush_within_transaction(void **state)
{
	static char record[1000];

	(void) state;
	fill(record, sizeof(record), 3);
	options->flush_bytes = 10000;
	open_as(SINK_NEW);
	poll_ok();
	put("small", 0x200, 1, "x");
	for (uint64_t i = 2; i <= 26; i++)
		assert_int_equal(put_bytes("big", 0x200, i, slice_make(record, sizeof(record))), SINK_OK);
	poll_ok();
	assert_int_equal(list(), 2);
	assert_int_equal(sink->durable, 0x100);
	crash();
	open_as(SINK_RESUMED);
	poll_ok();
	assert_int_equal(list(), 0);	/* no manifest listed them */
	put("small", 0x200, 1, "x");
	for (uint64_t i = 2; i <= 26; i++)
		assert_int_equal(put_bytes("big", 0x200, i, slice_make(record, sizeof(record))), SINK_OK);
	commit(0x210);
	assert_int_equal(sink->durable, 0x210);
	assert_int_equal(list(), 4);
	assert_named(files[0], "big/big-00000001-0000000000000200-0000000002", 2, ".jsonl");
	assert_named(files[1], "big/big-00000001-0000000000000200-0000000012", 2, ".jsonl");
	assert_named(files[2], "big/big-00000001-0000000000000200-0000000022", 2, ".jsonl");
	assert_named(files[3], "small/small-00000001-0000000000000200-0000000001", 2, ".jsonl");
}

/* flush_bytes counts all tables together, before compression. */
static void
test_flush_by_bytes(void **state)
{
	(void) state;
	options->flush_bytes = 1024;
	options->compression = 1;
	open_as(SINK_NEW);
	for (int i = 1; i <= 20; i++)
	{
		char		topic[16];
		char		text[51];

		snprintf(topic, sizeof(topic), "t%d", i);
		memset(text, 'a', 50);
		text[50] = '\0';
		put(topic, 0x1000 * (Lsn) i, 1, text);
		commit(0x1000 * (Lsn) i + 0x10);
		assert_int_equal(list(), 0);
	}
	put("last", 0x20000, 1, "{}");
	commit(0x20010);
	assert_int_equal(list(), 0);
	assert_int_equal(sink->durable, 0x100);
	put("last", 0x30000, 1, "{}");
	commit(0x30010);
	/* 20 * 51 + 2 * 3 >= 1024 */
	assert_int_equal(sink->durable, 0x30010);
	assert_int_equal(list(), 21);
}

static void
test_flush_by_time(void **state)
{
	int64_t		deadline = clock_now() + 60 * CLOCK_SECOND;

	(void) state;
	options->flush_interval = 50 * CLOCK_MS;
	open_as(SINK_NEW);
	poll_ok();
	put("t", 0x200, 1, "a");
	usleep(60000);
	poll_ok();					/* within a transaction nothing is cut */
	assert_int_equal(list(), 0);
	commit(0x210);
	assert_int_equal(list(), 1);
	assert_int_equal(sink->durable, 0x210);
	put("t", 0x300, 1, "b");
	commit(0x310);
	assert_int_equal(list(), 1);
	sink->ops->watch(sink, NULL, 0, &deadline);
	assert_true(deadline <= clock_now() + 50 * CLOCK_MS);
	usleep(60000);
	poll_ok();
	assert_int_equal(list(), 2);
	assert_int_equal(sink->durable, 0x310);
}

/* R6: a transaction with nothing for this sink. */
static void
test_nothing_for_this_sink(void **state)
{
	(void) state;
	options->flush_records = 2;
	config.checkpoint_interval = 100 * CLOCK_MS;
	open_as(SINK_NEW);
	poll_ok();
	commit(0x210);
	assert_int_equal(sink->durable, 0x100);	/* not every time */
	usleep(110000);
	poll_ok();
	assert_int_equal(sink->durable, 0x210);
	put("t", 0x300, 1, "a");
	commit(0x310);
	commit(0x410);
	usleep(110000);
	poll_ok();
	assert_int_equal(sink->durable, 0x210);	/* behind an open object */
	put("t", 0x500, 1, "a");
	commit(0x510);
	assert_int_equal(sink->durable, 0x510);	/* at once: data arrived */
	assert_true(sink->ops->record(sink, 0x600, &err));
	poll_ok();
	assert_int_equal(sink->durable, 0x600);
	assert_int_equal(sink->accepted.lsn, 0x600);
}

static void
test_message_outside_transaction(void **state)
{
	Record		record = {.value = slice_of("m")};
	Delivery	delivery = {.position = {0x180, 0},.topic = "messages",.records = &record,.count = 1};

	(void) state;
	options->flush_interval = 1000;
	open_as(SINK_NEW);
	assert_int_equal(sink_put(sink, &delivery, &err), SINK_OK);
	assert_true(sink->ops->record(sink, 0x190, &err));
	usleep(2000);
	poll_ok();
	assert_int_equal(list(), 1);
	assert_named(files[0], "messages/messages-00000001-0000000000000180-0000000000", 1, ".jsonl");
	assert_int_equal(sink->durable, 0x190);
}

static void
test_drain(void **state)
{
	SinkStats	stats = {0};

	(void) state;
	open_as(SINK_NEW);
	put("t", 0x200, 1, "a");
	commit(0x210);
	assert_true(sink->ops->drain(sink, clock_now() + RUN_LIMIT, &err));
	assert_int_equal(sink->durable, 0x210);
	sink->ops->stats(sink, &stats);
	assert_int_equal(stats.records, 1);
	assert_int_equal(stats.in_flight, 0);
	assert_int_equal(list(), 1);
	crash();
	open_as(SINK_RESUMED);
	assert_int_equal(sink->accepted.lsn, 0x210);
}

/* What was cut is durable; what shares an object with a part of one is not. */
static void
test_drain_within_transaction(void **state)
{
	(void) state;
	options->flush_records = 2;
	open_as(SINK_NEW);
	put("t", 0x200, 1, "a");
	put("t", 0x200, 2, "a");
	commit(0x210);
	put("t", 0x300, 1, "b");
	commit(0x310);
	put("t", 0x400, 1, "c");	/* its commit does not come */
	assert_true(sink->ops->drain(sink, clock_now() + RUN_LIMIT, &err));
	assert_int_equal(sink->durable, 0x210);
	assert_int_equal(list(), 1);
	crash();
	open_as(SINK_RESUMED);
	assert_int_equal(sink->accepted.lsn, 0x210);
}

/* 60 tables of 600 kB with 16 MB of memory. */
static void
test_memory(void **state)
{
	static char record[100 * 1024];
	Buf			content;

	(void) state;
	fill(record, sizeof(record), 9);
	options->memory = 16 * 1024 * 1024;
	options->part_bytes = 5 * 1024 * 1024;
	open_as(SINK_NEW);
	for (uint64_t i = 0; i < 360; i++)
	{
		char		topic[16];

		snprintf(topic, sizeof(topic), "t%02d", (int) (i % 60));
		assert_int_equal(put_bytes(topic, 0x200, i + 1, slice_make(record, sizeof(record))), SINK_OK);
	}
	assert_true(list() > 0);
	commit(0x210);
	assert_true(sink->ops->drain(sink, clock_now() + RUN_LIMIT, &err));
	assert_int_equal(sink->durable, 0x210);
	assert_true(list() >= 60);
	{
		size_t		total = 0;

		for (int i = 0; i < file_count; i++)
		{
			content = slurp(files[i]);
			total += content.size;
			buf_free(&content);
		}
		assert_int_equal(total, 360 * (sizeof(record) + 1));
	}
}

static void
test_other_checkpoints(void **state)
{
	(void) state;
	open_as(SINK_NEW);
	poll_ok();
	crash();
	identity.system_id++;
	sink = sink_s3_ops.create(&config, &err);
	assert_int_equal(sink_resume(sink, &identity, &err), SINK_RESUME_FAILED);
	assert_int_equal(err.code, ERROR_SYSTEM);
	assert_non_null(strstr(err.message, "_pg_fanout/fan/lake.json"));
	crash();
	identity.system_id--;
	identity.confirmed = 0x101; /* the slot went on without us */
	sink = sink_s3_ops.create(&config, &err);
	assert_int_equal(sink_resume(sink, &identity, &err), SINK_RESUME_FAILED);
	assert_int_equal(err.code, ERROR_CHECKPOINT);
	crash();
	identity.slot = "other";	/* a slot of its own */
	open_as(SINK_NEW);
}

static void
test_odd_topics(void **state)
{
	static const char *const bad[] = {"..", "a/../b", "", "a//b", "/a", "a/.", NULL};
	char		topic[250];

	(void) state;
	options->flush_records = 1;
	open_as(SINK_NEW);
	poll_ok();
	memset(topic, 'n', sizeof(topic) - 1);
	topic[sizeof(topic) - 1] = '\0';
	put(topic, 0x200, 1, "long");
	put("schema/t", 0x200, 2, "deep");
	commit(0x210);
	assert_int_equal(sink->durable, 0x210);
	assert_int_equal(list(), 2);
	assert_named(files[1], "schema/t/t-00000001-0000000000000200-0000000002", 1, ".jsonl");
	for (int i = 0; bad[i] != NULL; i++)
	{
		assert_int_equal(put_bytes(bad[i], 0x300, 1, slice_of("x")), SINK_FAILED);
		assert_int_equal(err.code, ERROR_RECORD);
	}
}

/* Someone put a link where our directory should be. */
static void
test_symbolic_link(void **state)
{
	char		path[256];
	TxnEnd		end = {.txn = txn,.end_lsn = 0x210};
	bool		ok;

	(void) state;
	options->flush_records = 1;
	snprintf(path, sizeof(path), "%s/t", root);
	assert_int_equal(symlink("/tmp", path), 0);
	open_as(SINK_NEW);
	put("t", 0x200, 1, "x");
	ok = sink_commit(sink, &end, &err) == SINK_OK && sink_poll(sink, &err) == SINK_POLL_OK;
	assert_false(ok);
	assert_int_equal(err.code, ERROR_SINK_WRITE);
	assert_non_null(strstr(err.message, path));
	assert_non_null(strstr(err.hint, "symbolic links"));
	crash();
	assert_int_equal(unlink(path), 0);
}

static void
test_check(void **state)
{
	(void) state;
	sink = sink_s3_ops.create(&config, &err);
	assert_true(sink->ops->check(sink, &err));
	file_count = 0;
	nftw(root, file_note, 16, FTW_PHYS);
	assert_int_equal(file_count, 0);
	crash();
	config.path = "/nonexistent/a/b";
	sink = sink_s3_ops.create(&config, &err);
	assert_false(sink->ops->check(sink, &err));
	assert_int_equal(err.code, ERROR_SINK_SETUP);
	assert_non_null(strstr(err.message, "/nonexistent/a/b"));
}

static void
create_fails(const char *word)
{
	assert_null(sink_s3_ops.create(&config, &err));
	assert_int_equal(err.code, ERROR_USAGE);
	if (strstr(err.message, word) == NULL)
		fail_msg("%s", err.message);
}

static void
test_bad_options(void **state)
{
	(void) state;
	options->compression_level = 3;
	create_fails("compression_level");
	options->compression = 1;
	options->compression_level = 10;
	create_fails("compression_level");
	options->compression_level = 0;
	options->memory = options->part_bytes;
	create_fails("memory");
	options->memory = INT64_C(1) << 30;
	config.authority = "host";
	create_fails("host");
	config.scheme = "s3";
	config.authority = "";
	create_fails("bucket");
	config.authority = "bkt";
	options->storage_class = strdup("A\r\nX: y");
	create_fails("control character");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_new_and_resumed),
		TEST(test_notes),
		TEST(test_names_and_order),
		TEST(test_binary_frames),
		TEST(test_small_gzip),
		TEST(test_small_zstd),
		TEST(test_parts),
		TEST(test_parts_gzip),
		TEST(test_parts_zstd),
		TEST(test_exact_part),
		TEST(test_crash_and_again),
		TEST(test_flush_within_transaction),
		TEST(test_flush_by_bytes),
		TEST(test_flush_by_time),
		TEST(test_nothing_for_this_sink),
		TEST(test_message_outside_transaction),
		TEST(test_drain),
		TEST(test_drain_within_transaction),
		TEST(test_memory),
		TEST(test_other_checkpoints),
		TEST(test_odd_topics),
		TEST(test_symbolic_link),
		TEST(test_check),
		TEST(test_bad_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
