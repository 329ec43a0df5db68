/*
 * test_sink_s3_chain.c
 *		The manifest chain of an object sink over a directory: what it lists,
 *		what a crash leaves at each step, who may go on, what is refused.
 */
#include "sink_s3_rig.h"

#define POINTER		"_pg_fanout/fan/lake.json"
#define MANIFEST(n)	"_pg_fanout/fan/lake/manifest-000000000000000" #n ".json"
#define INTENT(n)	"_pg_fanout/fan/lake/intent-000000000000000" #n ".json"

static void
assert_holds(const char *name, const char *text)
{
	Buf			content = slurp(name);

	if (strstr(buf_string(&content), text) == NULL)
		fail_msg("%s: %s", name, buf_string(&content));
	buf_free(&content);
}

/* A transaction of one record, cut behind it. */
static void
deliver(Lsn lsn)
{
	put("t", lsn, 1, "{}");
	commit(lsn + 0x10);
	assert_int_equal(sink->durable, lsn + 0x10);
}

static void
open_chain(void)
{
	options->flush_records = 1;
	open_as(SINK_NEW);
	poll_ok();
}

/* ---- what it says ---- */

static void
test_manifests(void **state)
{
	(void) state;
	open_chain();
	assert_holds(MANIFEST(1), "\"number\":1,\"prev_end\":\"0/100\",\"end\":\"0/100\",\"records\":0,\"system_id\":\"7123\"");
	assert_holds(MANIFEST(1), "\"objects\":[]}\n");
	put("a", 0x200, 1, "{}");
	put("b", 0x200, 2, "{\"n\":1}");
	put("a", 0x200, 3, "{}");
	commit(0x210);
	assert_holds(MANIFEST(2), "\"number\":2,\"prev_end\":\"0/100\",\"end\":\"0/210\",\"records\":3");
	assert_holds(MANIFEST(2), "\"topic\":\"a\",\"first\":[\"0/200\",1],\"last\":[\"0/200\",3],\"records\":2,\"bytes\":6,\"crc32\":\"9c38f1af\"}");
	assert_holds(MANIFEST(2), "\"topic\":\"b\",\"first\":[\"0/200\",2],\"last\":[\"0/200\",2],\"records\":1,\"bytes\":8");
	assert_holds(POINTER, "\"pg_fanout\":2");
	assert_holds(POINTER, "\"chain\":{\"manifest\":2,\"epoch\":1,");
	poll_ok();
	assert_false(exists(INTENT(1)));	/* it has served */
	assert_true(sink->ops->record(sink, 0x300, &err));
	poll_ok();
	assert_int_equal(sink->durable, 0x300);
	assert_false(exists(MANIFEST(3)));	/* nothing to list */
	crash();
	open_as(SINK_RESUMED);
	assert_int_equal(sink->durable, 0x300);
	assert_holds(MANIFEST(3), "\"prev_end\":\"0/210\",\"end\":\"0/210\",\"records\":0");
	assert_holds(POINTER, "\"chain\":{\"manifest\":3,\"epoch\":3,");
	deliver(0x400);
	assert_holds(MANIFEST(4), "\"prev_end\":\"0/210\",\"end\":\"0/410\",\"records\":1");
}

/* Early objects of a large transaction are listed with the rest of it. */
static void
test_early_objects(void **state)
{
	static char record[1000];

	(void) state;
	fill(record, sizeof(record), 3);
	options->flush_bytes = 10000;
	open_as(SINK_NEW);
	for (uint64_t i = 1; i <= 25; i++)
		assert_int_equal(put_bytes("big", 0x200, i, slice_make(record, sizeof(record))), SINK_OK);
	poll_ok();
	assert_int_equal(list(), 2);
	assert_true(exists(INTENT(1)));
	assert_false(exists(MANIFEST(2)));
	commit(0x210);
	assert_int_equal(sink->durable, 0x210);
	assert_holds(MANIFEST(2), "\"records\":25");
	assert_holds(MANIFEST(2), "\"first\":[\"0/200\",1],\"last\":[\"0/200\",10],\"records\":10");
	assert_holds(MANIFEST(2), "\"first\":[\"0/200\",21],\"last\":[\"0/200\",25],\"records\":5");
	poll_ok();
	assert_false(exists(INTENT(1)));
}

/* A change of many large records: none of them has the name of another. */
static void
test_one_position(void **state)
{
	static char text[3000];
	Record		records[2] = {{.value = slice_make(text, sizeof(text))}, {.value = slice_of("second")}};
	Delivery	delivery = {.position = {0x200, 1},.txn = &txn,.topic = "t",.records = records,.count = 2};

	(void) state;
	memset(text, 'x', sizeof(text));
	options->flush_bytes = 2000;
	open_as(SINK_NEW);
	assert_int_equal(sink_put(sink, &delivery, &err), SINK_OK);
	put("t", 0x200, 2, "third");
	commit(0x210);
	assert_int_equal(sink->durable, 0x210);
	assert_int_equal(list(), 2);
	assert_holds(MANIFEST(2), "\"first\":[\"0/200\",1],\"last\":[\"0/200\",1],\"records\":2,");
	assert_holds(files[0], "x\nsecond\n");
}

static void
test_rollup(void **state)
{
	Buf			text;
	int			lines = 0;

	(void) state;
	options->rollup = 3;
	open_chain();
	for (Lsn lsn = 0x200; lsn <= 0x800; lsn += 0x100)
		deliver(lsn);
	/* 8 manifests: the first and seven more */
	text = slurp("_pg_fanout/fan/lake/rollup-0000000000000002.jsonl");
	for (const char *at = buf_string(&text); *at != '\0'; at++)
		lines += *at == '\n';
	assert_int_equal(lines, 3);
	assert_int_equal(strncmp(buf_string(&text), "{\"pg_fanout_manifest\":1,\"number\":4,", 35), 0);
	buf_free(&text);
	assert_holds(POINTER, "\"rollups\":2,\"rolled\":6");
	crash();
	open_as(SINK_RESUMED);
	poll_ok();
	deliver(0x900);
	assert_holds(POINTER, "\"rollups\":3,\"rolled\":9");
}

/* Killed when a roll-up was written and the pointer did not say so yet. */
static void
test_rollup_there(void **state)
{
	Buf			before;

	(void) state;
	options->rollup = 3;
	open_chain();
	deliver(0x200);
	before = slurp(POINTER);
	deliver(0x300);
	deliver(0x400);
	assert_holds(POINTER, "\"rollups\":1,\"rolled\":3");
	crash();
	write_file(POINTER, buf_string(&before));
	buf_free(&before);
	options->rollup = 5;		/* the one that is there is shorter */
	open_as(SINK_RESUMED);
	poll_ok();
	deliver(0x500);
	assert_holds(POINTER, "\"rollups\":1,\"rolled\":3");
	crash();
	write_file("_pg_fanout/fan/lake/rollup-0000000000000002.jsonl", "{}\n");
	options->rollup = 2;
	sink = sink_s3_ops.create(&config, &err);
	assert_int_equal(sink->ops->resume(sink, &identity, &err), SINK_RESUMED);
	assert_int_equal(sink_poll(sink, &err), SINK_POLL_FAILED);
	assert_non_null(strstr(err.hint, "remove it"));
}

/* A message outside of transactions lies before the end of its cut. */
static void
test_message_is_its_own_commit(void **state)
{
	Record		record = {.value = slice_of("m")};
	Delivery	delivery = {.position = {0x180, 0},.topic = "m",.records = &record,.count = 1};

	(void) state;
	options->flush_interval = 1000;
	open_as(SINK_NEW);
	assert_int_equal(sink_put(sink, &delivery, &err), SINK_OK);
	usleep(2000);
	poll_ok();
	assert_holds(MANIFEST(2), "\"end\":\"0/181\"");
	assert_int_equal(sink->durable, 0x181);
	crash();
	open_as(SINK_RESUMED);
	assert_true(position_before(delivery.position, sink->accepted));
}

/* ---- crashes ---- */

/* Killed when the manifest was written and the pointer was not. */
static void
test_pointer_behind(void **state)
{
	Buf			before;

	(void) state;
	open_chain();
	deliver(0x200);
	before = slurp(POINTER);
	deliver(0x300);
	crash();
	write_file(POINTER, buf_string(&before));
	buf_free(&before);
	open_as(SINK_RESUMED);
	assert_int_equal(sink->durable, 0x310);
	assert_int_equal(sink->accepted.lsn, 0x310);
	assert_holds(MANIFEST(4), "\"number\":4,\"prev_end\":\"0/310\"");
	poll_ok();
	assert_int_equal(list(), 2);
	deliver(0x400);
}

/* The slot may stand where only the manifest says that the sink is. */
static void
test_slot_at_the_manifest(void **state)
{
	Buf			before;

	(void) state;
	open_chain();
	before = slurp(POINTER);
	deliver(0x300);
	crash();
	write_file(POINTER, buf_string(&before));
	buf_free(&before);
	identity.confirmed = 0x310;
	open_as(SINK_RESUMED);
	crash();
	identity.confirmed = 0x311;
	refused(ERROR_CHECKPOINT, "ahead of sink");
}

/* Killed while it took over: the claim stands, the pointer knows nothing. */
static void
test_claim_alone(void **state)
{
	Buf			before;

	(void) state;
	open_chain();
	deliver(0x200);
	before = slurp(POINTER);
	crash();
	for (int i = 0; i < 3; i++)
	{
		open_as(SINK_RESUMED);
		assert_int_equal(sink->durable, 0x210);
		crash();
		write_file(POINTER, buf_string(&before));
	}
	buf_free(&before);
	open_as(SINK_RESUMED);
	assert_holds(POINTER, "\"chain\":{\"manifest\":6,\"epoch\":6,");
	deliver(0x300);
}

/* Killed between the first pointer and the first manifest. */
static void
test_pointer_alone(void **state)
{
	(void) state;
	open_chain();
	crash();
	write_file(POINTER, "{\"pg_fanout\":2,\"system_id\":\"7123\",\"timeline\":1,\"slot\":\"fan\",\"database\":\"bank\","
			   "\"sink\":\"lake\",\"lsn\":\"0/100\",\"seq\":0,\"options_hash\":\"0000000000000005\",\"chain\":{"
			   "\"manifest\":0,\"epoch\":1,\"notes\":0,\"intents\":0,\"rollups\":0,\"rolled\":0}}");
	remove_file(MANIFEST(1));
	open_as(SINK_RESUMED);
	assert_int_equal(sink->durable, 0x100);
	deliver(0x200);
}

/* What an earlier epoch left is removed, what is another's or listed is not. */
static void
test_orphans(void **state)
{
	LakeNames names = {.slot = "fan",.sink = "lake"};
	char		name[256];
	char		text[1024];

	(void) state;
	open_chain();
	deliver(0x200);
	crash();
	lake_name_chain(&names, identity.system_id);
	snprintf(name, sizeof(name), "t/t-00000001-0000000000000300-0000000001-%s-1.jsonl", names.chain);
	write_file(name, "left behind\n");
	write_file("t/of_another", "x");
	snprintf(text, sizeof(text), "{\"pg_fanout_intent\":1,\"epoch\":1,\"keys\":[\"%s\",\"t/of_another\"]}", name);
	write_file(INTENT(2), text);
	snprintf(name, sizeof(name), "_pg_fanout/.uploads/%s-1.4711.1", names.chain);
	write_file(name, "half");
	write_file("_pg_fanout/.uploads/0123456789ABCDEF-1.4711.1", "half");
	assert_int_equal(list(), 3);
	open_as(SINK_RESUMED);
	poll_ok();
	assert_int_equal(list(), 2);
	assert_string_equal(files[0], "t/of_another");
	assert_named(files[1], "t/t-00000001-0000000000000200-0000000001", 1, ".jsonl");
	assert_false(exists(name));
	assert_true(exists("_pg_fanout/.uploads/0123456789ABCDEF-1.4711.1"));
	deliver(0x300);
	poll_ok();
	assert_false(exists(INTENT(2)));
	assert_false(exists(INTENT(3)));
}

/* Killed again and again before any manifest: all of it is still found. */
static void
test_orphans_of_many_epochs(void **state)
{
	static char record[1000];

	(void) state;
	fill(record, sizeof(record), 3);
	options->flush_bytes = 2000;
	open_as(SINK_NEW);
	for (int life = 0; life < 4; life++)
	{
		for (uint64_t i = 1; i <= 5; i++)
			assert_int_equal(put_bytes("big", 0x200, i, slice_make(record, sizeof(record))), SINK_OK);
		poll_ok();
		assert_int_equal(list(), 2);
		crash();
		open_as(SINK_RESUMED);
		if (life < 2)
			continue;
		poll_ok();
		assert_int_equal(list(), 0);
	}
}

/* An intent below what the last manifest covers names what is listed. */
static void
test_covered_intent(void **state)
{
	Buf			pointer;
	Buf			intent;

	(void) state;
	open_chain();
	pointer = slurp(POINTER);
	put("t", 0x200, 1, "{}");
	commit(0x210);
	crash();
	assert_int_equal(list(), 1);
	buf_init(&intent, 1024);
	buf_printf(&intent, "{\"pg_fanout_intent\":1,\"epoch\":1,\"keys\":[\"%s\"]}", files[0]);
	write_file(INTENT(1), buf_string(&intent));
	write_file(POINTER, buf_string(&pointer));
	buf_free(&intent);
	buf_free(&pointer);
	open_as(SINK_RESUMED);
	poll_ok();
	assert_int_equal(list(), 1);
	assert_false(exists(INTENT(1)));
}

/* ---- two relays ---- */

static void
test_two_writers(void **state)
{
	Sink	   *first;
	Sink	   *second;
	TxnEnd		end = {.txn = txn,.end_lsn = 0x310};

	(void) state;
	open_chain();
	deliver(0x200);
	first = sink;
	open_as(SINK_RESUMED);
	deliver(0x300);
	second = sink;

	/* the first one comes back, with a cut and with nothing to say */
	sink = first;
	put("t", 0x300, 1, "{}");
	assert_true(sink_commit(sink, &end, &err) == SINK_OK);
	assert_int_equal(sink_poll(sink, &err), SINK_POLL_FAILED);
	assert_int_equal(err.code, ERROR_TWO_WRITERS);
	assert_non_null(strstr(err.message, "manifest"));
	assert_int_equal(sink->durable, 0x210);
	crash();
	sink = second;
	deliver(0x400);
	assert_holds(MANIFEST(4), "\"end\":\"0/310\",\"records\":1");
	assert_holds(MANIFEST(5), "\"end\":\"0/410\",\"records\":1");
}

static void
test_two_idle_writers(void **state)
{
	Sink	   *second;

	(void) state;
	open_chain();
	second = sink;
	open_as(SINK_RESUMED);
	assert_false(second->ops->record(second, 0x400, &err));
	assert_int_equal(err.code, ERROR_TWO_WRITERS);
	assert_non_null(strstr(err.hint, "one relay"));
	sink_free(second);
	deliver(0x200);
}

/* ---- what is refused, never guessed ---- */

static void
test_pointer_lost(void **state)
{
	(void) state;
	open_chain();
	deliver(0x200);
	remove_file(POINTER);
	assert_false(sink->ops->record(sink, 0x400, &err));
	assert_int_equal(err.code, ERROR_CHECKPOINT);
	assert_non_null(strstr(err.message, "removed while"));
	crash();
	refused(ERROR_CHECKPOINT, "pointer is missing");
}

static void
test_manifest_lost(void **state)
{
	(void) state;
	open_chain();
	deliver(0x200);
	crash();
	remove_file(MANIFEST(2));
	refused(ERROR_CHECKPOINT, "is missing");
	write_file(MANIFEST(2), "{\"number\":2");
	refused(ERROR_CHECKPOINT, "damaged");
}

static void
test_foreign_successor(void **state)
{
	Buf			first;

	(void) state;
	open_chain();
	deliver(0x200);
	first = slurp(MANIFEST(2));
	crash();
	write_file(MANIFEST(3), buf_string(&first));
	buf_free(&first);
	refused(ERROR_CHECKPOINT, "does not continue");
}

/* ---- older layouts ---- */

#define OLD_CHECKPOINT \
	"{\"pg_fanout\":1,\"system_id\":\"7123\",\"timeline\":1,\"slot\":\"fan\",\"database\":\"bank\"," \
	"\"sink\":\"lake\",\"lsn\":\"0/180\",\"seq\":0,\"options_hash\":\"0000000000000005\"}"

static void
test_migration(void **state)
{
	(void) state;
	open_chain();
	crash();
	remove_file(MANIFEST(1));
	write_file(POINTER, OLD_CHECKPOINT);
	write_file("_pg_fanout/fan/lake.notes", "pg_fanout notes 1\ntable/1 6f6e65\nend 1\n");
	open_as(SINK_RESUMED);
	assert_int_equal(sink->durable, 0x180);
	assert_int_equal(sink->notes.count, 1);
	assert_holds(MANIFEST(1), "\"prev_end\":\"0/180\",\"end\":\"0/180\"");
	deliver(0x200);
	crash();
	open_as(SINK_RESUMED);
	assert_int_equal(sink->notes.count, 1);
	assert_int_equal(sink->durable, 0x210);
}

/* An older version has run beside the chain. */
static void
test_no_migration_twice(void **state)
{
	(void) state;
	open_chain();
	deliver(0x200);
	crash();
	write_file(POINTER, OLD_CHECKPOINT);
	refused(ERROR_CHECKPOINT, "older version");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_manifests),
		TEST(test_early_objects),
		TEST(test_one_position),
		TEST(test_rollup),
		TEST(test_rollup_there),
		TEST(test_message_is_its_own_commit),
		TEST(test_pointer_behind),
		TEST(test_slot_at_the_manifest),
		TEST(test_claim_alone),
		TEST(test_pointer_alone),
		TEST(test_orphans),
		TEST(test_orphans_of_many_epochs),
		TEST(test_covered_intent),
		TEST(test_two_writers),
		TEST(test_two_idle_writers),
		TEST(test_pointer_lost),
		TEST(test_manifest_lost),
		TEST(test_foreign_successor),
		TEST(test_migration),
		TEST(test_no_migration_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
