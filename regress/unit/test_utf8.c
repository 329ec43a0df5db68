/*
 * test_utf8.c
 *		What is UTF-8 and what becomes of the rest; and names of publications,
 *		read as the server reads them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "publication.h"
#include "utf8.h"

#define BAD "\xef\xbf\xbd"

static void
check_repaired(const char *text, const char *expected)
{
	Buf			out;

	buf_init(&out, 1024);
	utf8_append_repaired(&out, slice_of(text));
	assert_string_equal(buf_string(&out), expected);
	assert_int_equal(utf8_valid_size(slice_of(text)) == strlen(text),
					 strcmp(text, expected) == 0);
	buf_free(&out);
}

static void
valid_text_stays(void **state)
{
	(void) state;
	check_repaired("", "");
	check_repaired("plain", "plain");
	check_repaired("\x7f\xc2\x80\xdf\xbf", "\x7f\xc2\x80\xdf\xbf");
	check_repaired("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80",
				   "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80");
	check_repaired("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
				   "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
}

static void
each_stray_byte_is_replaced(void **state)
{
	(void) state;
	check_repaired("\x80", BAD);
	check_repaired("a\xff" "b\xfe" "c", "a" BAD "b" BAD "c");
	/* overlong, surrogate, beyond U+10FFFF */
	check_repaired("\xc0\x80", BAD BAD);
	check_repaired("\xe0\x9f\xbf", BAD BAD BAD);
	check_repaired("\xed\xa0\x80", BAD BAD BAD);
	check_repaired("\xf0\x8f\xbf\xbf", BAD BAD BAD BAD);
	check_repaired("\xf4\x90\x80\x80", BAD BAD BAD BAD);
	check_repaired("\xf5", BAD);
	/* cut short, at the end and in the middle */
	check_repaired("\xe2\x82", BAD BAD);
	check_repaired("\xe2\x82" "a", BAD BAD "a");
	check_repaired("\xc3\xc3\xbc", BAD "\xc3\xbc");
}

/* The names with "|" behind each; "!" at the end if the list is not valid. */
static void
check_names(const char *list, const char *expected)
{
	const char *at = list;
	Buf			name;
	Buf			all;

	buf_init(&name, 1024);
	buf_init(&all, 1024);
	while (publication_next(&at, &name))
	{
		buf_append_slice(&all, buf_slice(&name));
		buf_append_byte(&all, '|');
	}
	if (*at != '\0')
		buf_append_byte(&all, '!');
	assert_string_equal(buf_string(&all), expected);
	buf_free(&name);
	buf_free(&all);
}

static void
names_of_publications(void **state)
{
	(void) state;
	check_names("fan", "fan|");
	check_names(" Fan , other ", "fan|other|");
	check_names("\"Fan, too\",b", "Fan, too|b|");
	check_names("\"a\"\"b\"", "a\"b|");
	check_names("", "");
	check_names("a,", "!");
	check_names(",a", "!");
	check_names("a b", "!");
	check_names("\"a", "!");
	check_names("\"\"", "!");
	check_names("a,\"b\"c", "a|!");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_text_stays),
		cmocka_unit_test(each_stray_byte_is_replaced),
		cmocka_unit_test(names_of_publications),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
