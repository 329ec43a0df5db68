/*
 * test_checkpoint.c
 *		Checkpoints: the text, damage of every kind, and whether one fits a
 *		slot.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "checkpoint.h"
#include "log.h"

static const SlotIdentity identity = {
	.system_id = UINT64_C(18446744073709551615),
	.timeline = 3,
	.slot = "fan",
	.database = "ba\"nk \xc3\xa4",
	.options_hash = UINT64_C(0x9f00000000000001),
	.confirmed = UINT64_C(0x16B3748)
};

#define GOOD "{\"pg_fanout\":1,\"system_id\":\"7\",\"timeline\":1,\"slot\":\"s\"," \
	"\"database\":\"d\",\"sink\":\"k\",\"lsn\":\"0/10\",\"seq\":0,\"options_hash\":\"0a\"}"

static void
test_checkpoint_text(void **state)
{
	Checkpoint	a;
	Checkpoint	b;
	Buf			text;
	Error		err;

	(void) state;
	buf_init(&text, 4096);
	checkpoint_init(&a, &identity, "lake", UINT64_C(0xFFFFFFFF00000001));
	checkpoint_append(&text, &a);
	assert_false(buf_failed(&text));
	assert_string_equal(buf_string(&text),
						"{\"pg_fanout\":1,\"system_id\":\"18446744073709551615\","
						"\"timeline\":3,\"slot\":\"fan\",\"database\":\"ba\\\"nk \xc3\xa4\","
						"\"sink\":\"lake\",\"lsn\":\"FFFFFFFF/1\",\"seq\":0,"
						"\"options_hash\":\"9f00000000000001\"}");
	assert_true(checkpoint_parse(&b, buf_slice(&text), &err));
	assert_memory_equal(&a, &b, sizeof(a));

	a.file_size = INT64_C(1) << 40;
	a.position.seq = 17;
	buf_clear(&text);
	checkpoint_append(&text, &a);
	assert_true(checkpoint_parse(&b, buf_slice(&text), &err));
	assert_memory_equal(&a, &b, sizeof(a));
	assert_true(checkpoint_verify(&b, &identity, "lake", &err));
	buf_free(&text);
}

static void
test_checkpoint_no_room(void **state)
{
	Checkpoint	checkpoint;
	Buf			text;

	(void) state;
	buf_init(&text, 50);
	checkpoint_init(&checkpoint, &identity, "lake", 1);
	checkpoint_append(&text, &checkpoint);
	assert_true(buf_failed(&text));
	buf_free(&text);
}

/* Names that are no UTF-8 or too long still give a text that verifies. */
static void
test_checkpoint_odd_names(void **state)
{
	SlotIdentity odd = identity;
	char		name[300];
	Checkpoint	checkpoint;
	Buf			text;
	Error		err;

	(void) state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memcpy(name + 62, "\xe2\x82\xac", 3);
	odd.database = "b\xff\xfe";
	buf_init(&text, 4096);
	checkpoint_init(&checkpoint, &odd, name, odd.confirmed);
	checkpoint_append(&text, &checkpoint);
	assert_false(buf_failed(&text));
	assert_true(checkpoint_parse(&checkpoint, buf_slice(&text), &err));
	assert_string_equal(checkpoint.database, "b%FF%FE");
	assert_true(checkpoint_verify(&checkpoint, &odd, name, &err));
	buf_free(&text);
}

static void
assert_damaged(const char *text, const char *word)
{
	Checkpoint	checkpoint;
	Error		err;

	error_clear(&err);
	assert_false(checkpoint_parse(&checkpoint, slice_of(text), &err));
	assert_int_equal(err.code, ERROR_CHECKPOINT);
	assert_non_null(strstr(err.message, word));
}

static void
test_checkpoint_damage(void **state)
{
	char		text[400];
	Checkpoint	checkpoint;
	Error		err;

	(void) state;
	assert_true(checkpoint_parse(&checkpoint, slice_of(GOOD), &err));
	/* cut short anywhere it is refused: half a write must not pass */
	for (size_t size = 0; size < strlen(GOOD); size++)
	{
		memcpy(text, GOOD, size);
		text[size] = '\0';
		assert_false(checkpoint_parse(&checkpoint, slice_of(text), &err));
		assert_int_equal(err.code, ERROR_CHECKPOINT);
	}
	assert_damaged(GOOD "x", "not JSON");
	assert_damaged("[]", "object");
	assert_damaged("{}", "\"pg_fanout\"");
	assert_damaged("{\"pg_fanout\":2}", "\"chain\"");
	assert_damaged("{\"pg_fanout\":2,\"chain\":{\"manifest\":-1}}", "\"manifest\"");
	assert_damaged("{\"pg_fanout\":3}", "format 3");
	assert_damaged("{\"pg_fanout\":\"1\"}", "\"pg_fanout\"");
}

typedef struct Replacement
{
	const char *old;
	const char *new;
	const char *word;
} Replacement;

static void
test_checkpoint_members(void **state)
{
	static const Replacement cases[] = {
		{"\"7\"", "7", "system_id"}, {"\"7\"", "\"\"", "system_id"},
		{"\"7\"", "\"-7\"", "system_id"}, {"\"7\"", "\" 7\"", "system_id"},
		{"\"7\"", "\"18446744073709551616\"", "system_id"},
		{"\"timeline\":1", "\"timeline\":-1", "timeline"},
		{"\"timeline\":1", "\"timeline\":4294967296", "timeline"},
		{"\"timeline\":1", "\"timeline\":1.0", "timeline"},
		{"\"0/10\"", "\"0-10\"", "lsn"}, {"\"0/10\"", "16", "lsn"},
		{"\"0/10\"", "\"0/10 \"", "lsn"}, {"\"0/10\"", "null", "lsn"},
		{"\"seq\":0", "\"seq\":-1", "seq"}, {"\"seq\":0", "\"seq\":\"0\"", "seq"},
		{"\"0a\"", "\"0A\"", "options_hash"}, {"\"0a\"", "\"00000000000000000\"", "options_hash"},
		{"\"s\"", "\"a\\u0000b\"", "damaged"}, {"\"s\"", "1", "slot"},
		{"\"k\"", "\"0123456789012345678901234567890123456789012345678901234567890123456789\"", "sink"},
		{"\"seq\":0", "\"seq\":0,\"file_size\":-1", "file_size"},
		{"\"seq\":0", "\"seq\":0,\"file_size\":\"1\"", "file_size"},
		{"\"seq\":0", "\"seq\":0,\"seq\":1", "not JSON"},
	};
	char		text[500];

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *at = strstr(GOOD, cases[i].old);

		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int) (at - GOOD), GOOD,
				 cases[i].new, at + strlen(cases[i].old));
		assert_damaged(text, cases[i].word);
	}
}

/* Members of a later version that may be ignored are. */
static void
test_checkpoint_unknown_member(void **state)
{
	char		text[400];
	Checkpoint	checkpoint;
	Error		err;

	(void) state;
	snprintf(text, sizeof(text), " {\"extra\":{\"a\":[1]},%s\n", GOOD + 1);
	assert_true(checkpoint_parse(&checkpoint, slice_of(text), &err));
	assert_int_equal(checkpoint.position.lsn, 16);
	assert_int_equal(checkpoint.options_hash, 10);
}

/* ---- verify ---- */

static void
assert_refused_as(const Checkpoint *checkpoint, ErrorCode code,
				  const char *word)
{
	Error		err;

	error_clear(&err);
	assert_false(checkpoint_verify(checkpoint, &identity, "lake", &err));
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.message, "\"lake\""));
	assert_non_null(strstr(err.message, word));
	assert_true(err.detail[0] != '\0');
	assert_in_range(strlen(err.hint), 1, ERROR_TEXT_SIZE - 2);
	assert_int_equal(err.hint[strlen(err.hint) - 1], '.');
}

/* The spool holds what lies between its beginning and the slot. */
static void
test_checkpoint_covered_by_the_spool(void **state)
{
	SlotIdentity covered = identity;
	Checkpoint	found;
	Error		err;

	(void) state;
	covered.covered = identity.confirmed - 100;
	checkpoint_init(&found, &identity, "lake", covered.covered);
	assert_false(checkpoint_verify(&found, &identity, "lake", &err));
	assert_true(checkpoint_verify(&found, &covered, "lake", &err));
	found.position.lsn--;
	assert_false(checkpoint_verify(&found, &covered, "lake", &err));
	assert_int_equal(err.code, ERROR_CHECKPOINT);
	assert_non_null(strstr(err.message, "the spool begins at"));
}

static void
assert_refused(const Checkpoint *checkpoint, const char *word)
{
	assert_refused_as(checkpoint, ERROR_CHECKPOINT, word);
}

/* A gap, and whose fault it is. */
static void
test_checkpoint_covers(void **state)
{
	SlotIdentity slot = identity;
	const Lsn	at = identity.confirmed - 100;
	Error		err;

	(void) state;
	error_clear(&err);
	slot.restart = at;
	assert_true(checkpoint_covers(&slot, "lake", identity.confirmed, &err));
	/* read on by something else: its WAL still begins before the sink */
	assert_false(checkpoint_covers(&slot, "lake", at, &err));
	assert_int_equal(err.code, ERROR_CHECKPOINT);
	/* created anew: it knows of no WAL there */
	slot.restart = at + 1;
	assert_false(checkpoint_covers(&slot, "lake", at, &err));
	assert_int_equal(err.code, ERROR_SLOT_RECREATED);
	assert_non_null(strstr(err.message, "\"lake\""));
	assert_true(err.hint[0] != '\0');
	/* the sink may stand before that where nothing is missing */
	slot.confirmed = at;
	assert_true(checkpoint_covers(&slot, "lake", at, &err));
}

static void
test_checkpoint_verify(void **state)
{
	Checkpoint	good;
	Checkpoint	other;
	Error		err;

	(void) state;
	checkpoint_init(&good, &identity, "lake", identity.confirmed);
	assert_true(checkpoint_verify(&good, &identity, "lake", &err));
	/* ahead of the slot: the server crashed and rewound it */
	good.position.lsn += 1000;
	assert_true(checkpoint_verify(&good, &identity, "lake", &err));
	other = good;
	other.position.lsn = identity.confirmed - 1;
	assert_refused(&other, "ahead of sink");
	assert_false(checkpoint_verify(&other, &identity, "lake", &err));
	assert_non_null(strstr(err.message, "0/16B3748"));
	assert_non_null(strstr(err.message, "0/16B3747"));
	assert_non_null(strstr(err.hint, "SELECT slot_name, confirmed_flush_lsn FROM pg_replication_slots"));

	assert_non_null(strstr(err.hint, "spool"));

	other = good;
	other.system_id--;
	assert_refused_as(&other, ERROR_SYSTEM, "another database system");
	other = good;
	other.slot[0] = 'x';
	assert_refused(&other, "another slot");
	other = good;
	other.database[0] = 'x';
	assert_refused(&other, "another database");
	other = good;
	other.sink[0] = 'x';
	assert_refused(&other, "another sink");
	other = good;
	other.timeline = 4;
	assert_refused_as(&other, ERROR_TIMELINE, "timeline 4");
	/* a failover since, and other options: only said */
	other = good;
	other.timeline = 2;
	other.options_hash++;
	log_init(LOG_LEVEL_ERROR);
	assert_true(checkpoint_verify(&other, &identity, "lake", &err));
	log_init(LOG_LEVEL_INFO);
}

/* In a snapshot positions lie before the slot's place. */
static void
test_checkpoint_snapshot(void **state)
{
	SlotIdentity with = identity;
	Checkpoint	checkpoint;
	Checkpoint	read;
	Error		err;
	Buf			text;

	(void) state;
	with.snapshot = identity.confirmed;
	with.confirmed = identity.confirmed - 5000;
	checkpoint_init(&checkpoint, &with, "lake", with.confirmed + 7);
	buf_init(&text, 4096);
	checkpoint_append(&text, &checkpoint);
	assert_non_null(strstr(buf_string(&text), "\"snapshot\":\"0/16B3748\""));
	assert_true(checkpoint_parse(&read, buf_slice(&text), &err));
	assert_true(checkpoint_verify(&read, &with, "lake", &err));

	/* without snapshots it is not gone on with */
	assert_false(checkpoint_verify(&read, &identity, "lake", &err));
	assert_int_equal(err.code, ERROR_SNAPSHOT);

	/* the slot is another one, or was advanced */
	with.snapshot++;
	assert_false(checkpoint_verify(&read, &with, "lake", &err));
	assert_int_equal(err.code, ERROR_CHECKPOINT);
	log_init(LOG_LEVEL_ERROR);
	with.covers_gaps = true;
	assert_true(checkpoint_verify(&read, &with, "lake", &err));
	log_init(LOG_LEVEL_INFO);

	/* at its end there is nothing left to tell */
	checkpoint.position.lsn = checkpoint.snapshot;
	buf_clear(&text);
	checkpoint_append(&text, &checkpoint);
	assert_null(strstr(buf_string(&text), "\"snapshot\""));
	assert_true(checkpoint_parse(&read, buf_slice(&text), &err));
	assert_true(checkpoint_verify(&read, &identity, "lake", &err));
	buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checkpoint_text),
		cmocka_unit_test(test_checkpoint_no_room),
		cmocka_unit_test(test_checkpoint_odd_names),
		cmocka_unit_test(test_checkpoint_damage),
		cmocka_unit_test(test_checkpoint_members),
		cmocka_unit_test(test_checkpoint_unknown_member),
		cmocka_unit_test(test_checkpoint_verify),
		cmocka_unit_test(test_checkpoint_covers),
		cmocka_unit_test(test_checkpoint_covered_by_the_spool),
		cmocka_unit_test(test_checkpoint_snapshot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
