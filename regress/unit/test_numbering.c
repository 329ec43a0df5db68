/*
 * test_numbering.c
 *		What field numbers meant, before a restart and behind it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "log.h"
#include "numbering.h"
#include "record.h"

static Notes notes;
static NumberingBook book;
static Record record;
static Error err;

#define ENCODING(name) PG_FANOUT__ENCODING__##name

static int
set_up(void **state)
{
	(void) state;
	log_init(LOG_LEVEL_ERROR);
	error_clear(&err);
	book = (NumberingBook) {.notes = &notes};
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	numbering_free(book.topics);
	notes_free(&notes);
	return 0;
}

/* All that is left is text. */
static void
restart(void)
{
	Buf			text;

	numbering_free(book.topics);
	book.topics = NULL;
	buf_init(&text, NOTES_LIMIT);
	notes_append(&text, &notes);
	notes_free(&notes);
	assert_true(notes_parse(&notes, buf_slice(&text), &err));
	assert_false(notes.dirty);
	buf_free(&text);
}

/* A table "t" with text columns of these names, one letter each. */
static bool
add(const char *topic, uint32_t oid, const char *columns)
{
	static char names[8][2];
	Table	   *table;
	bool		ok;

	record_init(&record, "public", "t");
	record.table.n_column = 0;
	record.table.oid = oid;
	for (size_t i = 0; columns[i] != '\0'; i++)
	{
		names[i][0] = columns[i];
		record_add(&record, names[i], ENCODING(TEXT))->number =
			(uint32_t) i + 1;
	}
	table = table_new(&record.table);
	assert_non_null(table);
	ok = numbering_add(&book, topic, table, &err);
	table_free(table);
	return ok;
}

static void
same_table_goes_on(void **state)
{
	(void) state;
	assert_true(add("topic", 42, "ab"));
	assert_true(notes.dirty);
	restart();
	assert_true(add("topic", 42, "ab"));
	assert_false(notes.dirty);

	/* renamed columns and new ones are noted */
	assert_true(add("topic", 42, "axc"));
	assert_true(notes.dirty);
	restart();
	assert_true(add("topic", 42, "axc"));
	assert_false(notes.dirty);
}

static void
table_made_anew_clashes(void **state)
{
	(void) state;
	assert_true(add("topic", 42, "abc"));
	restart();
	assert_false(add("topic", 43, "ac"));
	assert_int_equal(err.code, ERROR_RECORD);
	assert_non_null(strstr(err.message, "table public.t was made anew: field 2 of topic \"topic\" was column \"b\" and is column \"c\" now"));
	assert_non_null(strstr(err.hint, "--renew-fields=topic"));

	/* other topics are none of it */
	assert_true(add("topic2", 43, "ac"));
}

static void
table_made_anew_alike_takes_over(void **state)
{
	(void) state;
	assert_true(add("topic", 42, "abc"));
	restart();
	assert_true(add("topic", 43, "ab"));
	restart();

	/* which is from then on the one that may rename */
	assert_true(add("topic", 43, "ax"));

	/* and what was dropped is not forgotten */
	restart();
	assert_false(add("topic", 44, "axy"));
	assert_non_null(strstr(err.message, "field 3"));
}

static void
renewed_topic_is_forgotten(void **state)
{
	char	   *topics[] = {"topic"};
	OptionList	renewed = {.items = topics, .count = 1};

	(void) state;
	assert_true(add("topic", 42, "abc"));
	restart();
	book.renewed = &renewed;
	assert_true(add("topic", 43, "ac"));
	restart();
	book.renewed = NULL;
	assert_true(add("topic", 43, "ac"));
	assert_false(add("topic", 44, "ab"));
}

static void
types_clash_too(void **state)
{
	Table	   *table;

	(void) state;
	assert_true(add("topic", 42, "a"));
	restart();
	record.columns[0].encoding = ENCODING(INT32);
	record.table.oid = 43;
	table = table_new(&record.table);
	assert_false(numbering_add(&book, "topic", table, &err));
	assert_non_null(strstr(err.message, "column \"a\" of another type now"));
	table_free(table);
}

static void
other_sinks_do_not_take_over(void **state)
{
	Notes		other = {0};

	(void) state;
	assert_true(add("topic", 42, "ab"));
	assert_true(notes_set(&notes, "table", slice_of("x"), &err));
	assert_true(notes_merge(&other, &notes, &err));
	assert_int_equal(other.count, 1);
	assert_string_equal(other.items[0].key, "table");
	notes_free(&other);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(same_table_goes_on),
		TEST(table_made_anew_clashes),
		TEST(table_made_anew_alike_takes_over),
		TEST(renewed_topic_is_forgotten),
		TEST(types_clash_too),
		TEST(other_sinks_do_not_take_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
