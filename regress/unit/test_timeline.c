/*
 * test_timeline.c
 *		Histories of timelines: the text, damage, and whether a position lies
 *		on one. And which slots can be read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "server_minor.h"
#include "slot.h"
#include "timeline.h"

#define HISTORY "1\t0/5000000\tno recovery target specified\n\n" \
	"# a comment\n  2\t1/70\tbefore 2026-11-27\n"

static void
assert_parses(Timelines *timelines, const char *text)
{
	Error		err;

	error_clear(&err);
	assert_true(timelines_parse(timelines, slice_of(text), &err));
	assert_true(timelines->known);
}

static void
test_text(void **state)
{
	static const char *const bad[] = {
		"x\t0/1\n", "1\n", "1\tx\n", "0\t0/1\n", "1\t0/1111111111111111111111111\n",
		"1\t0/5000000\tgood\n-\t0/1\n"
	};
	Timelines	timelines = {.current = 3};
	Error		err;

	(void) state;
	assert_parses(&timelines, HISTORY);
	assert_int_equal(timelines.count, 2);
	assert_int_equal(timelines.earlier[0].timeline, 1);
	assert_int_equal(timelines.earlier[1].timeline, 2);
	assert_true(timelines.earlier[1].end == UINT64_C(0x100000070));
	timelines_free(&timelines);
	assert_parses(&timelines, "");
	assert_int_equal(timelines.count, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		assert_false(timelines_parse(&timelines, slice_of(bad[i]), &err));
		assert_int_equal(err.code, ERROR_SOURCE);
		assert_false(timelines.known);
		timelines_free(&timelines);
	}
}

static void
assert_verdict(const Timelines *timelines, uint32_t timeline, Position at,
			   ErrorCode expected)
{
	Error		err;
	bool		holds;

	error_clear(&err);
	holds = timelines_hold(timelines, timeline, at, "lake", &err);
	assert_int_equal(err.code, expected);
	assert_true(holds == (expected == ERROR_NONE));
	if (!holds)
	{
		assert_non_null(strstr(err.message, "\"lake\""));
		assert_in_range(strlen(err.hint), 1, ERROR_TEXT_SIZE - 2);
		assert_int_equal(err.hint[strlen(err.hint) - 1], '.');
	}
}

static void
test_verdicts(void **state)
{
	Timelines	timelines = {.current = 3, .wal_end = 0x200000000};
	const Lsn	left = 0x5000000;

	(void) state;
	assert_parses(&timelines, HISTORY);
	/* left behind by a failover */
	assert_verdict(&timelines, 4, (Position) {1, 0}, ERROR_TIMELINE);
	/* on the current one, and beyond its end */
	assert_verdict(&timelines, 3, (Position) {0x200000000, 0}, ERROR_NONE);
	assert_verdict(&timelines, 3, (Position) {0x200000001, 0}, ERROR_DIVERGED);
	/* the end of the last transaction before the switch, and beyond */
	assert_verdict(&timelines, 1, (Position) {left, 0}, ERROR_NONE);
	assert_verdict(&timelines, 1, (Position) {left + 1, 0}, ERROR_DIVERGED);
	/* in a transaction whose commit comes before the switch, or does not */
	assert_verdict(&timelines, 1, (Position) {left - 1, 7}, ERROR_NONE);
	assert_verdict(&timelines, 1, (Position) {left, 1}, ERROR_DIVERGED);
	/* read from a standby: only the end counts */
	assert_verdict(&timelines, TIMELINE_UNKNOWN, (Position) {left + 1, 0},
				   ERROR_NONE);
	assert_verdict(&timelines, TIMELINE_UNKNOWN, (Position) {0x200000001, 0},
				   ERROR_DIVERGED);
	assert_int_equal(timelines_label(&timelines), 3);
	timelines.fluid = true;
	assert_int_equal(timelines_label(&timelines), TIMELINE_UNKNOWN);
	timelines_free(&timelines);

	/* a timeline that is no ancestor of this one */
	timelines.current = 3;
	assert_parses(&timelines, "1\t0/5000000\treason\n");
	assert_verdict(&timelines, 2, (Position) {1, 0}, ERROR_DIVERGED);
	timelines_free(&timelines);

	/* a server that does not tell; a standby, whose end says nothing */
	timelines.current = 3;
	assert_verdict(&timelines, 1, (Position) {left + 1, 0}, ERROR_NONE);
	assert_verdict(&timelines, 3, (Position) {UINT64_MAX, 0}, ERROR_NONE);
	assert_verdict(&timelines, 4, (Position) {1, 0}, ERROR_TIMELINE);
}

/* ---- slots ---- */

static const ServerInfo server = {.database = "bank"};
static const SlotInfo good = {
	.exists = true,.plugin = "pg_fanout",.database = "bank",
	.wal_status = "reserved"
};

static void
test_invalidated(void **state)
{
	static const struct
	{
		const char *status;
		const char *reason;
		bool		conflicting;
		const char *word;
		const char *hint;
	}			cases[] = {
		{"lost", "", false, "removed WAL", "max_slot_wal_keep_size"},
		{"lost", "wal_removed", false, "removed WAL", "max_slot_wal_keep_size"},
		{"lost", "rows_removed", true, "vacuumed", "hot_standby_feedback"},
		{"lost", "wal_level_insufficient", true, "wal_level", "wal_level = logical"},
		{"lost", "idle_timeout", false, "nobody", "idle_replication_slot_timeout"},
		{"lost", "", true, "recovery", "hot_standby_feedback"},
		{"lost", "moon_phase", false, "moon_phase", "create it anew"},
		{"reserved", "idle_timeout", false, "nobody", "create it anew"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		SlotInfo	info = good;
		Error		err;

		snprintf(info.wal_status, sizeof(info.wal_status), "%s",
				 cases[i].status);
		snprintf(info.invalidation, sizeof(info.invalidation), "%s",
				 cases[i].reason);
		info.conflicting = cases[i].conflicting;
		assert_false(slot_usable(&info, "fan", "pg_fanout", &server, &err));
		assert_int_equal(err.code, ERROR_SLOT_INVALIDATED);
		assert_false(err.retriable);
		assert_non_null(strstr(err.message, cases[i].word));
		assert_non_null(strstr(err.hint, cases[i].hint));
	}
}

static void
test_synced(void **state)
{
	ServerInfo	standby = server;
	SlotInfo	info = good;
	Error		err;

	(void) state;
	assert_true(slot_usable(&info, "fan", "pg_fanout", &server, &err));
	info.synced = true;
	assert_true(slot_usable(&info, "fan", "pg_fanout", &server, &err));
	standby.in_recovery = true;
	assert_false(slot_usable(&info, "fan", "pg_fanout", &standby, &err));
	assert_int_equal(err.code, ERROR_SLOT_UNUSABLE);
	assert_true(err.retriable);
}

static void
assert_bug(int version, const char *word)
{
	int			fixed = 0;
	const char *bug = server_minor_bug(version, &fixed);

	if (word == NULL)
		assert_null(bug);
	else
	{
		assert_non_null(strstr(bug, word));
		assert_null(server_minor_bug(version - version % 10000 + fixed,
									 &fixed));
	}
}

static void
test_minor(void **state)
{
	(void) state;
	assert_bug(150009, "restart_lsn");
	assert_bug(150010, "ALTER PUBLICATION");
	assert_bug(150013, "memory");
	assert_bug(150014, NULL);
	assert_bug(170001, "restart_lsn");
	assert_bug(170005, "memory");
	assert_bug(180000, NULL);
	assert_bug(120022, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_invalidated),
		cmocka_unit_test(test_synced),
		cmocka_unit_test(test_minor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
