/*
 * test_key_set.c
 *		Keys of rows, each with the position of its last change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "key_set.h"

#define LIMIT ((size_t) 64 * 1024)

static Lsn
find(KeySet *set, uint32_t oid, const char *key)
{
	Error		err;
	Lsn			lsn;

	error_clear(&err);
	assert_true(key_set_find(set, oid, slice_of(key), &lsn, &err));
	return lsn;
}

static void
put(KeySet *set, uint32_t oid, const char *key, Lsn lsn)
{
	Error		err;

	error_clear(&err);
	assert_true(key_set_put(set, oid, slice_of(key), lsn, &err));
}

static void
test_last_change_counts(void **state)
{
	KeySet		set;

	(void) state;
	key_set_init(&set, LIMIT);
	assert_int_equal(find(&set, 1, "a"), LSN_INVALID);
	put(&set, 1, "a", 20);
	put(&set, 1, "a", 10);		/* a stream that began anew */
	assert_int_equal(find(&set, 1, "a"), 20);
	put(&set, 1, "a", 30);
	assert_int_equal(find(&set, 1, "a"), 30);
	assert_int_equal(set.count, 1);
	key_set_free(&set);
}

static void
test_tables_and_keys_are_apart(void **state)
{
	KeySet		set;

	(void) state;
	key_set_init(&set, LIMIT);
	put(&set, 1, "a", 10);
	assert_int_equal(find(&set, 2, "a"), LSN_INVALID);
	assert_int_equal(find(&set, 1, "ab"), LSN_INVALID);
	assert_int_equal(find(&set, 1, ""), LSN_INVALID);
	put(&set, 1, "", 11);
	assert_int_equal(find(&set, 1, ""), 11);
	key_set_free(&set);
	assert_int_equal(find(&set, 1, "a"), LSN_INVALID);
}

/* None is lost when it grows, and it says when it is past its limit. */
static void
test_many(void **state)
{
	KeySet		set;
	size_t		fit = 0;
	char		key[32];

	(void) state;
	key_set_init(&set, LIMIT);
	for (uint32_t i = 1; i <= 20000; i++)
	{
		snprintf(key, sizeof(key), "key %u", i);
		if (!key_set_is_full(&set))
		{
			assert_true(key_set_bytes(&set) <= LIMIT);
			fit = i;
		}
		put(&set, 7, key, i);
	}
	assert_true(fit > LIMIT / 24 / 4 && fit < LIMIT / 24);
	assert_true(key_set_is_full(&set));
	assert_true(key_set_bytes(&set) > LIMIT);
	assert_int_equal(set.count, 20000);
	for (uint32_t i = 1; i <= 20000; i++)
	{
		snprintf(key, sizeof(key), "key %u", i);
		assert_int_equal(find(&set, 7, key), i);
	}
	key_set_free(&set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_change_counts),
		cmocka_unit_test(test_tables_and_keys_are_apart),
		cmocka_unit_test(test_many)
	};

	return cmocka_run_group_tests_name("key_set", tests, NULL, NULL);
}
