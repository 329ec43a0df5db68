/*
 * test_notes.c
 *		Notes: what is found again, which are new, and damage of the text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "notes.h"

static Notes notes;
static Error err;

static int
set_up(void **state)
{
	(void) state;
	notes = (Notes) {0};
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	notes_free(&notes);
	return 0;
}

static void
set(const char *key, const char *value)
{
	assert_true(notes_set(&notes, key, slice_of(value), &err));
}

static void
assert_note(const char *key, const char *value)
{
	assert_true(slice_equal(notes_find(&notes, key), slice_of(value)));
	assert_non_null(notes_find(&notes, key).data);
}

static void
test_find(void **state)
{
	(void) state;
	assert_null(notes_find(&notes, "table/1").data);
	for (int i = 0; i < 1000; i++)
	{
		char		key[32];
		char		value[32];

		snprintf(key, sizeof(key), "table/%d", i * 7919 % 1000);
		snprintf(value, sizeof(value), "v%d", i);
		set(key, value);
	}
	assert_int_equal(notes.count, 1000);
	for (size_t i = 1; i < notes.count; i++)
		assert_true(strcmp(notes.items[i - 1].key, notes.items[i].key) < 0);
	set("table/7", "new");
	assert_int_equal(notes.count, 1000);
	assert_note("table/7", "new");
	set("empty", "");
	assert_note("empty", "");
	assert_null(notes_find(&notes, "table/1000").data);
}

/* What is the same already need not be written again. */
static void
test_dirty(void **state)
{
	(void) state;
	assert_false(notes.dirty);
	set("a", "1");
	set("b", "2");
	assert_true(notes.dirty);
	notes_written(&notes);
	assert_false(notes.dirty);
	set("a", "1");
	assert_false(notes.dirty);
	set("a", "2");
	assert_true(notes.dirty);
	assert_true(notes.items[0].dirty);
	assert_false(notes.items[1].dirty);
}

static void
test_bad_keys(void **state)
{
	static const char *const keys[] = {"", "a b", "a\n", "\xc3\xa4", "\x7f"};

	(void) state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_false(notes_set(&notes, keys[i], slice_of("x"), &err));
	assert_int_equal(notes.count, 0);
}

static void
test_merge(void **state)
{
	Notes		other = {0};

	(void) state;
	assert_true(notes_set(&other, "a", slice_of("theirs"), &err));
	assert_true(notes_set(&other, "b", slice_of("theirs"), &err));
	set("a", "ours");
	notes_written(&notes);
	assert_true(notes_merge(&notes, &other, &err));
	assert_note("a", "ours");
	assert_note("b", "theirs");
	assert_true(notes.dirty);
	notes_free(&other);
}

static void
test_text(void **state)
{
	Notes		other = {0};
	Slice		binary = slice_make("\0\x01\n \xff", 5);
	Buf			text;

	(void) state;
	buf_init(&text, NOTES_LIMIT);
	notes_append(&text, &notes);
	assert_string_equal(buf_string(&text), "pg_fanout notes 1\nend 0\n");
	assert_true(notes_parse(&notes, buf_slice(&text), &err));
	set("b", "");
	assert_true(notes_set(&notes, "a", binary, &err));
	buf_clear(&text);
	notes_append(&text, &notes);
	assert_string_equal(buf_string(&text), "pg_fanout notes 1\na 00010a20ff\nb \nend 2\n");
	assert_true(notes_parse(&other, buf_slice(&text), &err));
	assert_int_equal(other.count, 2);
	assert_false(other.dirty);
	assert_true(slice_equal(notes_find(&other, "a"), binary));
	notes_free(&other);
	buf_free(&text);
}

/* Every cut, and every kind of damage, is noticed. */
static void
test_damage(void **state)
{
	static const char *const bad[] = {
		"pg_fanout notes 2\nend 0\n", "pg_fanout notes 1\na 0\nend 1\n",
		"pg_fanout notes 1\na 0g\nend 1\n", "pg_fanout notes 1\na\nend 1\n",
		"pg_fanout notes 1\n 00\nend 1\n", "pg_fanout notes 1\na 00\nend 2\n",
		"pg_fanout notes 1\na 00\nend 1\nb 00\n"
	};
	static const char good[] = "pg_fanout notes 1\na 0001\nbb 02\nend 2\n";

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		assert_false(notes_parse(&notes, slice_of(bad[i]), &err));
		assert_int_equal(err.code, ERROR_CHECKPOINT);
		notes_free(&notes);
	}
	for (size_t size = 0; size < strlen(good); size++)
	{
		assert_false(notes_parse(&notes, slice_make(good, size), &err));
		notes_free(&notes);
	}
	assert_true(notes_parse(&notes, slice_of(good), &err));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_find), TEST(test_dirty), TEST(test_bad_keys), TEST(test_merge),
		TEST(test_text), TEST(test_damage)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
