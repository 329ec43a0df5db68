/*
 * test_buf.c
 *		Buffers: growth, the limit, and that a failure sticks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "buf.h"

static void
test_appends(void **state)
{
	Buf			buf;

	(void) state;
	buf_init(&buf, 1000);
	assert_int_equal(buf.size, 0);
	buf_append(&buf, NULL, 0);
	buf_append_string(&buf, "abc");
	buf_append_byte(&buf, 'd');
	buf_append_slice(&buf, slice_of("ef"));
	buf_printf(&buf, "%d-%s", 7, "x");
	assert_false(buf_failed(&buf));
	assert_string_equal(buf_string(&buf), "abcdef7-x");
	assert_int_equal(buf.size, 9);
	assert_true(slice_equal(buf_slice(&buf), slice_of("abcdef7-x")));
	buf_free(&buf);
	assert_null(buf.data);
	assert_int_equal(buf.limit, 1000);
}

/* Sizes around the capacity it starts with and around its doublings. */
static void
test_limit_is_kept(void **state)
{
	static const size_t limits[] = {0, 1, 7, 255, 256, 257, 511, 512, 513, 5000};

	(void) state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
	{
		Buf			buf;

		buf_init(&buf, limits[i]);
		for (size_t j = 0; j < limits[i]; j++)
			buf_append_byte(&buf, (uint8_t) j);
		assert_false(buf_failed(&buf));
		assert_int_equal(buf.size, limits[i]);
		assert_true(buf.capacity <= limits[i]);
		buf_append_byte(&buf, 1);
		assert_true(buf_failed(&buf));
		assert_int_equal(buf.size, limits[i]);
		for (size_t j = 0; j < limits[i]; j++)
			assert_int_equal(buf.data[j], (uint8_t) j);
		buf_free(&buf);
	}
}

static void
test_failure_sticks(void **state)
{
	Buf			buf;

	(void) state;
	buf_init(&buf, 10);
	buf_append_string(&buf, "12345");
	buf_append_string(&buf, "678901");
	assert_true(buf_failed(&buf));
	buf_append_string(&buf, "6");
	assert_int_equal(buf.size, 5);
	assert_null(buf_string(&buf));
	buf_clear(&buf);
	assert_false(buf_failed(&buf));
	buf_append_string(&buf, "1234567890");
	assert_int_equal(buf.size, 10);
	buf_free(&buf);
}

static void
test_huge_request(void **state)
{
	Buf			buf;

	(void) state;
	buf_init(&buf, SIZE_MAX);
	buf_append_string(&buf, "1");
	assert_false(buf_reserve(&buf, SIZE_MAX));
	assert_true(buf_failed(&buf));
	assert_int_equal(buf.data[0], '1');
	buf_free(&buf);
}

static void
test_consume(void **state)
{
	Buf			buf;

	(void) state;
	buf_init(&buf, 10);
	buf_consume(&buf, 0);
	buf_append_string(&buf, "abcdef");
	buf_consume(&buf, 2);
	assert_string_equal(buf_string(&buf), "cdef");
	buf_consume(&buf, 4);
	assert_int_equal(buf.size, 0);
	buf_free(&buf);
}

static void
test_printf_at_the_limit(void **state)
{
	Buf			buf;

	(void) state;
	buf_init(&buf, 4);
	buf_printf(&buf, "%s", "abc");
	assert_false(buf_failed(&buf));
	buf_printf(&buf, "%s", "d");
	assert_true(buf_failed(&buf));
	assert_int_equal(buf.size, 3);
	buf_free(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_appends),
		cmocka_unit_test(test_limit_is_kept),
		cmocka_unit_test(test_failure_sticks),
		cmocka_unit_test(test_huge_request),
		cmocka_unit_test(test_consume),
		cmocka_unit_test(test_printf_at_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
