/*
 * test_charset.c
 *		Text of other encodings as UTF-8, by a map; what the map lacks, and
 *		what is cut short.
 *
 * Texts are read from memory of exactly their size, so that a sanitizer sees a
 * byte read beyond them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "charset.h"

#define LOST "\xef\xbf\xbd"

static void
map(Charset *charset, const char *character, const char *utf8)
{
	assert_true(charset_map(charset, slice_of(character), slice_of(utf8)));
}

static void
assert_becomes(const Charset *charset, const char *text, const char *utf8)
{
	size_t		size = strlen(text);
	char	   *exact = malloc(size > 0 ? size : 1);
	Buf			out;

	assert_non_null(exact);
	memcpy(exact, text, size);
	buf_init(&out, 1000);
	charset_append(&out, charset, slice_make(exact, size));
	assert_string_equal(buf_string(&out), utf8);
	buf_free(&out);
	free(exact);
}

static void
test_single(void **state)
{
	Charset    *charset = charset_new(CHARSET_SINGLE);

	(void) state;
	assert_non_null(charset);
	map(charset, "\x80", "\xe2\x82\xac");
	map(charset, "\xff", "\xc3\xbf");
	assert_becomes(charset, "", "");
	assert_becomes(charset, "plain", "plain");
	assert_becomes(charset, "\x80", "\xe2\x82\xac");
	assert_becomes(charset, "a\x80\xff" "b", "a\xe2\x82\xac\xc3\xbf" "b");
	assert_becomes(charset, "\x81x\x8d", LOST "x" LOST);
	charset_free(charset);
}

static void
test_two_bytes(void **state)
{
	Charset    *charset = charset_new(CHARSET_EUC);

	(void) state;
	assert_non_null(charset);
	map(charset, "\xb0\xa1", "\xea\xb0\x80");
	assert_becomes(charset, "x\xb0\xa1y", "x\xea\xb0\x80y");
	assert_becomes(charset, "\xb0\xa1\xb0\xa1", "\xea\xb0\x80\xea\xb0\x80");
	/* one for a character, one for each byte that is none */
	assert_becomes(charset, "\xb0\xa2", LOST);
	assert_becomes(charset, "\xb0", LOST);
	assert_becomes(charset, "\xb0x", LOST "x");
	assert_becomes(charset, "\xff\xff", LOST LOST);
	assert_becomes(charset, "\xb0\xb0\xa1", LOST LOST);
	charset_free(charset);
}

static void
test_japanese(void **state)
{
	Charset    *charset = charset_new(CHARSET_EUC_JP);

	(void) state;
	assert_non_null(charset);
	map(charset, "\xc6\xfc", "\xe6\x97\xa5");
	map(charset, "\x8e\xb1", "\xef\xbd\xb1");
	map(charset, "\x8f\xb0\xa1", "\xe4\xb8\x82");
	/* two code points */
	map(charset, "\xa4\xf7", "\xe3\x81\x8b\xe3\x82\x9a");
	assert_becomes(charset, "\xc6\xfc\x8e\xb1\x8f\xb0\xa1\xa4\xf7",
				   "\xe6\x97\xa5\xef\xbd\xb1\xe4\xb8\x82"
				   "\xe3\x81\x8b\xe3\x82\x9a");
	/* the same two bytes mean something else behind the shift */
	assert_becomes(charset, "\xb0\xa1", LOST);
	assert_becomes(charset, "\x8f\xc6\xfc", LOST);
	assert_becomes(charset, "\x8f\xb0", LOST LOST);
	assert_becomes(charset, "\x8e", LOST);
	charset_free(charset);
}

static void
test_refused(void **state)
{
	Charset    *charset = charset_new(CHARSET_EUC);

	(void) state;
	assert_non_null(charset);
	assert_false(charset_map(charset, slice_of(""), slice_of("x")));
	assert_false(charset_map(charset, slice_of("\xb0"), slice_of("x")));
	assert_false(charset_map(charset, slice_of("\xb0\xa1\xa1"),
							 slice_of("x")));
	assert_false(charset_map(charset, slice_of("\xb0\xa1"), slice_of("")));
	assert_false(charset_map(charset, slice_of("\xb0\xa1"),
							 slice_of("12345678")));
	charset_free(charset);
	charset_free(NULL);
}

static void
test_ascii(void **state)
{
	(void) state;
	assert_true(charset_is_ascii(slice_of("")));
	assert_true(charset_is_ascii(slice_of("plain\x7f")));
	assert_false(charset_is_ascii(slice_of("pl\xc3\xa4in")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single),
		cmocka_unit_test(test_two_bytes),
		cmocka_unit_test(test_japanese),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_ascii),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
