/*
 * test_snapshot.c
 *		A snapshot's tables on their way, and what sinks remember of it.
 */
#include "snapshot_notes.h"
#include "snapshot_tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- tables ---- */

/* Three parts of 0, 5000 and 2048 blocks; a table without any; one part. */
static SnapshotPart parts[] = {
	{.name = "a", .blocks = 0}, {.name = "b", .blocks = 5000},
	{.name = "c", .blocks = 2048}, {.name = "d", .blocks = 1},
};
static SnapshotTable plan_tables[] = {
	{.oid = 1, .part = 0, .part_count = 3},
	{.oid = 2, .part = 3, .part_count = 0},
	{.oid = 3, .part = 3, .part_count = 1},
};
static const SnapshotPlan plan = {
	.tables = plan_tables, .count = 3, .parts = parts, .part_count = 4
};

typedef struct Expected
{
	size_t		table;
	const char *part;
	uint64_t	first;
	uint64_t	end;
	uint64_t	blocks;
} Expected;

static void
assert_chunks(SnapshotTables *tables, const Expected *expected, size_t count)
{
	SnapshotChunk chunk;

	for (size_t i = 0; i < count; i++)
	{
		assert_true(snapshot_tables_next(tables, &chunk));
		assert_ptr_equal(chunk.table, &tables->tables[expected[i].table]);
		assert_string_equal(chunk.part->name, expected[i].part);
		assert_int_equal(chunk.range.first, expected[i].first);
		assert_int_equal(chunk.range.end, expected[i].end);
		assert_int_equal(chunk.blocks, expected[i].blocks);
	}
	assert_false(snapshot_tables_next(tables, &chunk));
	assert_false(snapshot_tables_next(tables, &chunk));
}

static void
test_ranges(void **state)
{
	static const Expected expected[] = {
		{0, "a", 0, 0, 0}, {0, "b", 0, 2048, 2048}, {0, "b", 2048, 4096, 2048},
		{0, "b", 4096, 0, 904}, {0, "c", 0, 0, 2048}, {2, "d", 0, 0, 1},
	};
	SnapshotTables tables;
	Error		err;

	(void) state;
	assert_true(snapshot_tables_init(&tables, &plan, true, &err));
	assert_int_equal(tables.tables[0].open, 5);
	assert_chunks(&tables, expected, 6);

	/* the one without parts is finished on the way */
	assert_int_equal(tables.done_count, 1);
	assert_int_equal(tables.done[0], 1);
	for (int i = 0; i < 4; i++)
		snapshot_tables_finish(&tables, &tables.tables[0]);
	assert_int_equal(tables.done_count, 1);
	assert_false(snapshot_tables_last(&tables, &tables.tables[0]));
	snapshot_tables_finish(&tables, &tables.tables[2]);
	assert_true(snapshot_tables_last(&tables, &tables.tables[0]));
	snapshot_tables_finish(&tables, &tables.tables[0]);
	assert_int_equal(tables.done_count, 3);
	assert_int_equal(tables.done[2], 0);
	snapshot_tables_free(&tables);
}

static void
test_whole_tables(void **state)
{
	static const Expected expected[] = {
		{0, "a", 0, 0, 0}, {0, "b", 0, 0, 5000}, {0, "c", 0, 0, 2048},
		{2, "d", 0, 0, 1},
	};
	SnapshotTables tables;
	Error		err;

	(void) state;
	assert_true(snapshot_tables_init(&tables, &plan, false, &err));
	assert_int_equal(tables.tables[0].open, 3);
	assert_chunks(&tables, expected, 4);
	snapshot_tables_free(&tables);
}

static void
test_skipped(void **state)
{
	static const Expected expected[] = {{2, "d", 0, 0, 1}};
	SnapshotTables tables;
	Error		err;

	(void) state;
	assert_true(snapshot_tables_init(&tables, &plan, true, &err));
	tables.tables[0].skip = true;
	tables.tables[1].skip = true;
	assert_chunks(&tables, expected, 1);
	assert_int_equal(tables.done_count, 0);
	assert_true(snapshot_tables_last(&tables, &tables.tables[2]));
	snapshot_tables_free(&tables);
}

/* ---- notes ---- */

static void
note_set(Notes *notes, const SnapshotNote *note)
{
	Error		err;

	assert_true(notes_set(notes, note->key, slice_of(note->value), &err));
}

static void
note_done(Notes *notes, uint32_t oid, Lsn start, Lsn end, Lsn point)
{
	SnapshotDone done = {start, end, point, UINT64_C(0xfedcba9876543210)};
	SnapshotNote note;

	snapshot_note_done(&note, oid, &done);
	note_set(notes, &note);
}

static void
test_attempts(void **state)
{
	Notes		notes = {0};
	SnapshotNote note;
	uint64_t	attempt;
	Error		err;

	(void) state;
	assert_true(snapshot_notes_attempt(&notes, 0x5000, &attempt, &err));
	assert_int_equal(attempt, 0);
	snapshot_note_attempt(&note, 0x5000, 7);
	note_set(&notes, &note);
	assert_true(snapshot_notes_attempt(&notes, 0x5000, &attempt, &err));
	assert_int_equal(attempt, 8);
	assert_true(snapshot_notes_attempt(&notes, 0x5001, &attempt, &err));
	assert_int_equal(attempt, 0);
	assert_true(notes_set(&notes, note.key, slice_of("x"), &err));
	assert_false(snapshot_notes_attempt(&notes, 0x5000, &attempt, &err));
	assert_int_equal(err.code, ERROR_CHECKPOINT);
	notes_free(&notes);
}

static void
test_finished(void **state)
{
	Notes		notes = {0};
	SnapshotDone done;

	(void) state;
	note_done(&notes, 4294967295u, UINT64_MAX - 1, SNAPSHOT_NOT_DONE,
			  UINT64_MAX);
	assert_true(snapshot_notes_done(&notes, 4294967295u, UINT64_MAX - 1,
									&done));
	assert_true(done.end == SNAPSHOT_NOT_DONE);
	assert_true(done.hash == UINT64_C(0xfedcba9876543210));
	assert_false(snapshot_notes_done(&notes, 4294967295u, 1, &done));
	assert_false(snapshot_notes_done(&notes, 42, UINT64_MAX - 1, &done));
	notes_free(&notes);
}

static void
test_cover(void **state)
{
	Notes		notes = {0};
	SnapshotCover cover = {0};
	SnapshotNote attempt;
	Error		err;

	(void) state;
	snapshot_note_attempt(&attempt, 100, 0);
	note_set(&notes, &attempt);
	note_done(&notes, 9, 100, 90, 150);
	note_done(&notes, 16384, 100, 91, 200);
	note_done(&notes, 20000, 100, 92, LSN_INVALID);
	note_done(&notes, 20001, 100, 92, 100);
	assert_true(snapshot_cover_read(&cover, &notes, &err));
	assert_int_equal(cover.most, 200);
	assert_true(snapshot_covers(&cover, 9, 149));
	assert_false(snapshot_covers(&cover, 9, 150));
	assert_true(snapshot_covers(&cover, 16384, 199));
	assert_false(snapshot_covers(&cover, 16384, 200));
	assert_false(snapshot_covers(&cover, 20000, 120));
	assert_false(snapshot_covers(&cover, 20001, 99));
	assert_false(snapshot_covers(&cover, 1, 120));

	/* read again, what was is forgotten */
	note_done(&notes, 9, 100, 90, LSN_INVALID);
	assert_true(snapshot_cover_read(&cover, &notes, &err));
	assert_false(snapshot_covers(&cover, 9, 120));
	snapshot_cover_free(&cover);
	assert_false(snapshot_covers(&cover, 16384, 150));
	notes_free(&notes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_whole_tables),
		cmocka_unit_test(test_skipped),
		cmocka_unit_test(test_attempts),
		cmocka_unit_test(test_finished),
		cmocka_unit_test(test_cover),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
