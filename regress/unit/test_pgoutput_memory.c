/*
 * test_pgoutput_memory.c
 *		What tables were: by position in the stream, and over restarts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgoutput_memory.h"
#include "record.h"

#define TABLE	16384

static Memory memory;
static Error err;

static int
setup(void **state)
{
	(void) state;
	memory_init(&memory);
	error_clear(&err);
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	memory_free(&memory);
	return 0;
}

/* A table of one column; whether it was news. */
static bool
add(Lsn lsn, uint32_t number)
{
	static Record record;
	uint8_t		packed[256];
	size_t		size;
	bool		changed;

	record_init(&record, "bank", "customer");
	record_add(&record, "id", PG_FANOUT__ENCODING__INT64)->number = number;
	size = pg_fanout__table__pack(&record.table, packed);
	assert_true(memory_add(&memory, TABLE, lsn, slice_make(packed, size),
						   &changed, &err));
	return changed;
}

/* The number the column had; 0: not known. */
static uint32_t
number_at(Lsn lsn)
{
	const Table *table = memory_find(&memory, TABLE, lsn);

	return table != NULL ? table->columns[0].number : 0;
}

static void
by_position(void **state)
{
	(void) state;
	assert_int_equal(number_at(100), 0);
	assert_true(add(100, 1));
	assert_true(add(300, 3));

	/* read again from further back: in between, and the same */
	assert_true(add(200, 2));
	assert_false(add(250, 2));
	assert_false(add(300, 3));
	assert_int_equal(number_at(99), 0);
	assert_int_equal(number_at(100), 1);
	assert_int_equal(number_at(199), 1);
	assert_int_equal(number_at(299), 2);
	assert_int_equal(number_at(5000), 3);
	assert_null(memory_find(&memory, TABLE + 1, 5000));
}

static void
oldest_goes_first(void **state)
{
	(void) state;
	for (uint32_t i = 1; i <= 10; i++)
		assert_true(add(i * 100, i));
	assert_int_equal(number_at(299), 0);
	assert_int_equal(number_at(300), 3);
	assert_int_equal(number_at(1000), 10);
}

static void
note_and_recall(void **state)
{
	char		key[MEMORY_KEY_SIZE];
	Notes		notes = {0};
	Slice		value;

	(void) state;
	add(100, 1);
	add(300, 3);
	value = memory_note(&memory, TABLE, key);
	assert_string_equal(key, "pgoutput.table.16384");
	assert_true(notes_set(&notes, key, value, &err));
	assert_true(notes_set(&notes, "other", slice_of("x"), &err));
	memory_free(&memory);
	memory_init(&memory);
	assert_true(memory_recall(&memory, &notes, &err));
	assert_int_equal(number_at(299), 1);
	assert_int_equal(number_at(300), 3);
	assert_false(add(400, 3));
	notes_free(&notes);
}

static void
damaged_note_is_told(void **state)
{
	char		key[MEMORY_KEY_SIZE];
	Slice		value;

	(void) state;
	add(100, 1);
	value = memory_note(&memory, TABLE, key);
	for (size_t size = 1; size < value.size; size++)
	{
		Notes		notes = {0};
		Memory		other;

		memory_init(&other);
		error_clear(&err);
		assert_true(notes_set(&notes, key, slice_make(value.data, size),
							  &err));
		assert_false(memory_recall(&other, &notes, &err));
		assert_int_equal(err.code, ERROR_CHECKPOINT);
		notes_free(&notes);
		memory_free(&other);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(by_position, setup, teardown),
		cmocka_unit_test_setup_teardown(oldest_goes_first, setup, teardown),
		cmocka_unit_test_setup_teardown(note_and_recall, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_note_is_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
