/*
 * test_snapshot_copy.c
 *		Lines of COPY's text format.
 */
#include "snapshot_copy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MOST 8

/* Compares the values, NULL as "(null)". */
static void
assert_split(const char *line, size_t count, const char *const *expected)
{
	char		copy[256];
	PgoutputValue values[MOST];

	snprintf(copy, sizeof(copy), "%s", line);
	assert_true(snapshot_copy_split(copy, strlen(copy), values, count));
	for (size_t i = 0; i < count; i++)
	{
		if (expected[i] == NULL)
		{
			assert_int_equal(values[i].kind, PGOUTPUT_NULL);
			continue;
		}
		assert_int_equal(values[i].kind, PGOUTPUT_TEXT);
		assert_int_equal(values[i].text.size, strlen(expected[i]));
		assert_memory_equal(values[i].text.data, expected[i],
							strlen(expected[i]));
	}
}

static void
assert_no_split(const char *line, size_t count)
{
	char		copy[256];
	PgoutputValue values[MOST];

	snprintf(copy, sizeof(copy), "%s", line);
	assert_false(snapshot_copy_split(copy, strlen(copy), values, count));
}

static void
test_plain(void **state)
{
	(void) state;
	assert_split("1\tab c\t\t\\N", 4,
				 (const char *[]) {"1", "ab c", "", NULL});
	assert_split("", 1, (const char *[]) {""});
	assert_split("", 0, NULL);
}

static void
test_escapes(void **state)
{
	(void) state;
	assert_split("\\\\N\ta\\tb\\nc\\rd\\be\\ff\\vg\t\\\\\\\\t\\\\", 3,
				 (const char *[]) {"\\N", "a\tb\nc\rd\be\ff\vg", "\\\\t\\"});
	assert_split("x\\\\\\N\t\\\\x0a", 2,
				 (const char *[]) {"x\\N", "\\x0a"});
}

static void
test_malformed(void **state)
{
	(void) state;
	assert_no_split("1\t2", 1);
	assert_no_split("1\t2", 3);
	assert_no_split("1", 0);
	assert_no_split("a\\", 1);
	assert_no_split("a\\\tb", 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
