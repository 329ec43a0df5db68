/*
 * sink_s3_rig.h
 *		What tests of the object sink share: a sink in a fresh directory, records
 *		for it, and what it wrote.
 */
#ifndef PG_FANOUT_LAKE_RIG_H
#define PG_FANOUT_LAKE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "sink.h"
#include "lake_name.h"
#include "lake_options.h"

#define MAX_FILES	512
#define RUN_LIMIT	(60 * CLOCK_SECOND)

extern const SinkOps sink_s3_ops;

static const FormatOps text_format = {.name = "json",.extension = "jsonl"};

static char root[64];
static SinkConfig config;
static LakeOptions *options;
static Sink *sink;
static SlotIdentity identity;
static Transaction txn;
static Error err;

/* ---- files ---- */

static char files[MAX_FILES][512];
static int	file_count;

static inline int
file_note(const char *path, const struct stat *info, int type, struct FTW *walk)
{
	(void) info;
	(void) walk;
	if (type == FTW_F)
	{
		assert_true(file_count < MAX_FILES);
		snprintf(files[file_count++], sizeof(files[0]), "%s", path + strlen(root) + 1);
	}
	return 0;
}

static inline int
file_order(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Lists the names below the root, sorted; without the checkpoint. */
static inline int
list(void)
{
	int			kept = 0;

	file_count = 0;
	nftw(root, file_note, 16, FTW_PHYS);
	for (int i = 0; i < file_count; i++)
		if (strncmp(files[i], "_pg_fanout/", 11) != 0)
			memmove(files[kept++], files[i], sizeof(files[0]));
	file_count = kept;
	qsort(files, (size_t) file_count, sizeof(files[0]), file_order);
	return file_count;
}

/* Of an object that the relay of that epoch wrote: start is up to the sequence. */
static inline void
assert_named(const char *name, const char *start, int epoch, const char *extension)
{
	LakeNames names = {.slot = identity.slot,.sink = config.name};
	char		expected[512];

	lake_name_chain(&names, identity.system_id);
	snprintf(expected, sizeof(expected), "%s-%s-%d%s", start, names.chain, epoch, extension);
	assert_string_equal(name, expected);
}

static inline Buf
slurp(const char *name)
{
	char		path[1024];
	FILE	   *in;
	Buf			out;
	size_t		got;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	buf_init(&out, (size_t) 1 << 30);
	in = fopen(path, "r");
	if (in == NULL)
		fail_msg("no file %s", path);
	do
	{
		assert_true(buf_reserve(&out, 65536));
		got = fread(out.data + out.size, 1, 65536, in);
		out.size += got;
	} while (got > 0);
	fclose(in);
	return out;
}

static inline void
assert_content(const char *name, const char *expected)
{
	Buf			content = slurp(name);

	assert_string_equal(buf_string(&content), expected);
	buf_free(&content);
}

static inline int
file_remove(const char *path, const struct stat *info, int type, struct FTW *walk)
{
	(void) info;
	(void) type;
	(void) walk;
	return remove(path);
}

/* ---- the sink ---- */

static inline int
setup(void **state)
{
	(void) state;
	snprintf(root, sizeof(root), "/tmp/test_sink_s3_XXXXXX");
	if (mkdtemp(root) == NULL)
		return -1;
	options = option_new(&lake_option_table);
	config = (SinkConfig) {.name = "lake",.scheme = "dir",.authority = "",.path = root,
		.options = options,.format = &text_format,.checkpoint_interval = 0};
	identity = (SlotIdentity) {.system_id = 7123,.timeline = 1,.slot = "fan",
		.database = "bank",.options_hash = 5,.confirmed = 0x100};
	txn = (Transaction) {.xid = 7,.commit_lsn = 0x200,.origin = ""};
	memset(&err, 0, sizeof(err));
	return 0;
}

static inline int
teardown(void **state)
{
	(void) state;
	if (sink != NULL)
		sink_free(sink);
	sink = NULL;
	option_free(&lake_option_table, options);
	return nftw(root, file_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void
open_as(SinkResume expected)
{
	sink = sink_s3_ops.create(&config, &err);
	if (sink == NULL)
		fail_msg("%s", err.message);
	if (sink_resume(sink, &identity, &err) != expected)
		fail_msg("resume: %s", err.message);
	if (expected == SINK_NEW)
		assert_true(sink->ops->record(sink, identity.confirmed, &err));
}

/* As after kill -9: whatever was not durable is forgotten. */
static inline void
crash(void)
{
	sink_free(sink);
	sink = NULL;
}

/* Whether a file is below the root. */
static inline bool
exists(const char *name)
{
	char		path[1024];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return access(path, F_OK) == 0;
}

static inline void
write_file(const char *name, const char *text)
{
	char		path[1024];
	FILE	   *out;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static inline void
remove_file(const char *name)
{
	char		path[1024];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	assert_int_equal(unlink(path), 0);
}

/* A sink that may not start. */
static inline void
refused(ErrorCode code, const char *word)
{
	sink = sink_s3_ops.create(&config, &err);
	assert_non_null(sink);
	assert_int_equal(sink->ops->resume(sink, &identity, &err), SINK_RESUME_FAILED);
	assert_int_equal(err.code, code);
	if (strstr(err.message, word) == NULL)
		fail_msg("%s", err.message);
	assert_true(err.hint[0] != '\0');
	crash();
}

static inline SinkResult
put_bytes(const char *topic, Lsn lsn, uint64_t seq, Slice value)
{
	Record		record = {.value = value};
	Delivery	delivery = {.position = {lsn, seq},.txn = &txn,.topic = topic,
		.records = &record,.count = 1};

	return sink_put(sink, &delivery, &err);
}

static inline void
put(const char *topic, Lsn lsn, uint64_t seq, const char *text)
{
	if (put_bytes(topic, lsn, seq, slice_of(text)) != SINK_OK)
		fail_msg("put: %s", err.message);
}

static inline void
poll_ok(void)
{
	if (sink_poll(sink, &err) != SINK_POLL_OK)
		fail_msg("poll: %s", err.message);
}

static inline void
commit(Lsn end)
{
	TxnEnd		txn_end = {.txn = txn,.end_lsn = end};

	if (sink_commit(sink, &txn_end, &err) != SINK_OK)
		fail_msg("commit: %s", err.message);
	poll_ok();
}

/* Pseudo-random: does not compress below its entropy of 6 bits in 8. */
static inline void
fill(char *text, size_t size, uint64_t seed)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	for (size_t i = 0; i < size; i++)
	{
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		text[i] = letters[seed >> 58];
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif							/* PG_FANOUT_LAKE_RIG_H */
