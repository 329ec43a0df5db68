/*
 * test_route.c
 *		Templates of topics. The escaping is shown to be injective by a decoder
 *		that gets the names back, over all short names of the characters that
 *		matter and over random ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "route.h"

static bool
expand(Buf *out, const char *template, const RouteNames *names, Error *err)
{
	buf_clear(out);
	error_clear(err);
	return route_expand(out, template, names, err);
}

static void
assert_topic(const char *template, const RouteNames *names, const char *expected)
{
	Buf			out;
	Error		err;

	buf_init(&out, 4096);
	assert_true(route_check(template, &err));
	assert_true(expand(&out, template, names, &err));
	assert_string_equal(buf_string(&out), expected);
	buf_free(&out);
}

static void
test_route_expand(void **state)
{
	RouteNames	names = {"fan.out", "bank", "burst_bank", "customer", "lake"};
	RouteNames	bare = {NULL, "bank", "public", "Order Item", "lake"};
	RouteNames	odd = {"", "my.db", "a.b", "\xc3\xa4-ab-x-", "x"};

	(void) state;
	assert_topic("{prefix}.{schema}.{table}", &names, "fan.out.burst_bank.customer");
	assert_topic("{sink}-{db}.x", &names, "lake-bank.x");
	assert_topic("all", &names, "all");
	assert_topic("{prefix}.{schema}.{table}", &bare, "public.Order-20Item");
	assert_topic("{prefix}{table}", &bare, "Order-20Item");
	assert_topic("x{prefix}.{table}", &bare, "xOrder-20Item");
	assert_topic("{prefix}.{db}.{schema}.{table}", &odd,
				 "my-2edb.a-2eb.-c3-a4-2dab-x-");
}

/* One "_" for each UTF-16 unit; dots and dashes stay. */
static void
test_route_underscores(void **state)
{
	RouteNames	names = {"fan.out", "bank", "My Schema", "tbl.with-dots", "x"};
	RouteNames	wide = {"p", "bank", "s", "\xc3\xa4\xe6\x97\xa5\xf0\x9f\x98\x80\"z", "x"};

	(void) state;
	names.underscores = wide.underscores = true;
	assert_topic("{prefix}.{schema}.{table}", &names,
				 "fan.out.My_Schema.tbl.with-dots");
	assert_topic("{prefix}.{schema}.{table}", &wide, "p.s._____z");
}

/* Two values never meet; dots stay. */
static void
test_route_by_value(void **state)
{
	RouteNames	names = {.database = "bank", .route = "a.b c-2d"};
	Buf			out;
	Error		err;

	(void) state;
	buf_init(&out, 4096);
	assert_true(route_check_by_value("{db}.event.{route}", &err));
	assert_false(route_check_by_value("{schema}.{route}", &err));
	assert_false(route_check("{route}", &err));
	assert_true(expand(&out, "{db}.event.{route}", &names, &err));
	assert_string_equal(buf_string(&out), "bank.event.a.b-20c-2d2d");
	buf_free(&out);
}

static void
test_route_appends(void **state)
{
	RouteNames	names = {NULL, "d", "s", "t", "k"};
	Buf			out;
	Error		err;

	(void) state;
	buf_init(&out, 4096);
	buf_append_string(&out, "keep ");
	assert_true(route_expand(&out, "{schema}.{table}", &names, &err));
	assert_string_equal(buf_string(&out), "keep s.t");
	buf_free(&out);
}

static void
test_route_check(void **state)
{
	static const char *const good[] = {
		"{prefix}.{schema}.{table}", "a", "{table}.{schema}", "{table}_x-1",
		"{db}_{sink}{prefix}-{table}", "{schema}x.y{table}", "{schema}"
	};
	static const char *const bad[] = {
		"", "{", "}", "{}", "{table", "table}", "{Table}", "{table }", "{tab}",
		"{tables}", "{{table}}", "a b", "a/b", "a:b", "\xc3\xa4", "{schema}{table}",
		"{schema}_{table}", "{table}-{schema}", "{table}{table}",
		"{schema}{prefix}{table}"
	};
	Error		err;

	(void) state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(route_check(good[i], &err));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		error_clear(&err);
		assert_false(route_check(bad[i], &err));
		assert_int_equal(err.code, ERROR_USAGE);
	}
	assert_false(route_check("{tabel}.x", &err));
	assert_non_null(strstr(err.message, "\"{tabel}\""));
	assert_non_null(strstr(err.hint, "{table}"));
}

static void
test_route_limits(void **state)
{
	char		name[260];
	RouteNames	names = {NULL, "d", "s", name, NULL};
	RouteNames	dots = {"..", "d", NULL, NULL, NULL};
	Buf			out;
	Error		err;

	(void) state;
	buf_init(&out, 4096);
	memset(name, 'x', sizeof(name));
	name[249] = '\0';
	assert_true(expand(&out, "{table}", &names, &err));
	assert_int_equal(out.size, 249);
	assert_false(expand(&out, "{table}.", &names, &err));
	assert_int_equal(err.code, ERROR_RECORD);
	assert_non_null(strstr(err.message, "249"));
	assert_true(err.hint[0] != '\0');
	/* counted after escaping */
	memset(name, '.', 84);
	name[84] = '\0';
	assert_false(expand(&out, "{table}", &names, &err));
	name[83] = '\0';
	assert_true(expand(&out, "{table}", &names, &err));

	assert_false(expand(&out, "{prefix}", &dots, &err));
	dots.prefix = ".";
	assert_false(expand(&out, "{prefix}", &dots, &err));
	dots.prefix = "";
	assert_false(expand(&out, "{prefix}", &dots, &err));
	dots.prefix = "a";
	assert_true(expand(&out, "{prefix}", &dots, &err));
	assert_false(expand(&out, "{prefix}.{table}", &dots, &err));
	assert_int_equal(err.code, ERROR_RECORD);
	assert_false(expand(&out, "{sink}", &dots, &err));
	/* a name of dots is no topic of dots */
	strcpy(name, "..");
	assert_true(expand(&out, "{table}", &names, &err));
	assert_string_equal(buf_string(&out), "-2e-2e");
	buf_free(&out);
}

/* ---- injective ---- */

static int
hex_value(char digit)
{
	const char *digits = "0123456789abcdef";
	const char *at = digit != '\0' ? strchr(digits, digit) : NULL;

	return at != NULL ? (int) (at - digits) : -1;
}

/* The inverse, written from the rule in route.h alone. */
static void
decode(const char *text, size_t size, char *name)
{
	for (size_t i = 0; i < size; i++)
		if (text[i] == '-' && i + 2 < size &&
			hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0)
		{
			*name++ = (char) (hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
			i += 2;
		}
		else
			*name++ = text[i];
	*name = '\0';
}

static void
check_reversible(Buf *out, const char *schema, const char *table)
{
	RouteNames	names = {NULL, "d", schema, table, "k"};
	char		back[256];
	const char *text;
	const char *dot;
	Error		err;

	assert_true(expand(out, "{schema}.{table}", &names, &err));
	text = buf_string(out);
	assert_int_equal(strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"),
					 out->size);
	dot = strchr(text, '.');
	assert_non_null(dot);
	decode(text, (size_t) (dot - text), back);
	assert_string_equal(back, schema);
	decode(dot + 1, strlen(dot + 1), back);
	assert_string_equal(back, table);
}

static void
test_route_reversible_short(void **state)
{
	static const char letters[] = {'-', '_', 'a', '2', 'd', '.', 'x', 'A'};
	char		name[6];
	Buf			out;

	(void) state;
	buf_init(&out, 4096);
	for (int n = 0; n < 8 * 8 * 8 * 8 * 8; n++)
	{
		for (int i = 0, rest = n; i < 5; i++, rest /= 8)
			name[i] = letters[rest % 8];
		for (int size = 5; size > 0 && (size == 5 || n % 8 == 0); size--)
		{
			name[size] = '\0';
			check_reversible(&out, name, "t");
		}
	}
	buf_free(&out);
}

static void
test_route_reversible_random(void **state)
{
	unsigned	seed = 20240607;
	char		names[2][32];
	Buf			out;

	(void) state;
	buf_init(&out, 4096);
	for (int n = 0; n < 20000; n++)
	{
		for (int k = 0; k < 2; k++)
		{
			size_t		size = (size_t) rand_r(&seed) % 30 + 1;

			for (size_t i = 0; i < size; i++)
				names[k][i] = n % 2 ? (char) (rand_r(&seed) % 255 + 1) :
					"-_.abcdef0123456789xyzABC /"[rand_r(&seed) % 27];
			names[k][size] = '\0';
		}
		check_reversible(&out, names[0], names[1]);
	}
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_route_expand),
		cmocka_unit_test(test_route_underscores),
		cmocka_unit_test(test_route_by_value),
		cmocka_unit_test(test_route_appends),
		cmocka_unit_test(test_route_check),
		cmocka_unit_test(test_route_limits),
		cmocka_unit_test(test_route_reversible_short),
		cmocka_unit_test(test_route_reversible_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
