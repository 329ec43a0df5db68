/*
 * test_json_value.c
 *		Single values as JSON text.
 *
 * Dates are compared with the C library's calendar, floats with what strtod
 * makes of them; the rest with what PostgreSQL prints.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "json_rig.h"
#include "json_value.h"

#define DAY INT64_C(86400000000)

/* ---- strings ---- */

static void
assert_text(const char *text, size_t size, const char *expected)
{
	uint8_t    *copy = malloc(size > 0 ? size : 1);

	memcpy(copy, text, size);
	json_append_string(&out, slice_make(copy, size));
	free(copy);
	assert_out(expected);
}

static void
test_strings(void **state)
{
	(void) state;
	assert_text("", 0, "\"\"");
	assert_text("plain, longer than eight bytes", 30,
				"\"plain, longer than eight bytes\"");
	assert_text("\"\\/\b\f\n\r\t\x01\x1f\x7f", 11,
				"\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
	assert_text("a\0b", 3, "\"a\\u0000b\"");
	assert_text("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9,
				"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
}

/* Each of these bytes, wherever it stands among plain ones. */
static void
test_special_at_every_place(void **state)
{
	(void) state;
	for (int byte = 0; byte < 256; byte++)
	{
		for (size_t place = 0; place < 20; place++)
		{
			char		text[20];
			char		expected[60];
			char		middle[10];

			memset(text, '!', sizeof(text));
			text[place] = (char) byte;
			if (byte == '"' || byte == '\\')
				snprintf(middle, sizeof(middle), "\\%c", byte);
			else if (strchr("\b\f\n\r\t", byte) != NULL && byte != 0)
				snprintf(middle, sizeof(middle), "\\%c",
						 "btn_fr"[byte - 8]);
			else if (byte < 0x20)
				snprintf(middle, sizeof(middle), "\\u%04x", byte);
			else if (byte >= 0x80)
				snprintf(middle, sizeof(middle), "\xef\xbf\xbd");
			else
				snprintf(middle, sizeof(middle), "%c", byte);
			snprintf(expected, sizeof(expected), "\"%.*s%s%.*s\"", (int) place,
					 "!!!!!!!!!!!!!!!!!!!!", middle, (int) (19 - place),
					 "!!!!!!!!!!!!!!!!!!!!");
			assert_text(text, sizeof(text), expected);
		}
	}
}

#define FFFD "\xef\xbf\xbd"

static void
test_invalid_utf8(void **state)
{
	(void) state;
	assert_text("\x80", 1, "\"" FFFD "\"");
	assert_text("\xc3", 1, "\"" FFFD "\"");
	assert_text("\xc3(", 2, "\"" FFFD "(\"");
	assert_text("\xc0\xaf", 2, "\"" FFFD FFFD "\"");
	assert_text("\xe0\x80\xaf", 3, "\"" FFFD FFFD FFFD "\"");
	assert_text("\xed\xa0\x80", 3, "\"" FFFD FFFD FFFD "\"");
	assert_text("\xed\x9f\xbf", 3, "\"\xed\x9f\xbf\"");
	assert_text("\xf0\x8f\xbf\xbf", 4, "\"" FFFD FFFD FFFD FFFD "\"");
	assert_text("\xf4\x8f\xbf\xbf", 4, "\"\xf4\x8f\xbf\xbf\"");
	assert_text("\xf4\x90\x80\x80", 4, "\"" FFFD FFFD FFFD FFFD "\"");
	assert_text("\xf5\xff", 2, "\"" FFFD FFFD "\"");
	assert_text("ab\xe2\x82", 4, "\"ab" FFFD FFFD "\"");
}

static void
test_raw(void **state)
{
	static const char text[] = "{\n \"a\\u0000\\n\":\t\"\xc3\xa9\xff\"\r}";

	(void) state;
	json_append_raw(&out, slice_of(text));
	assert_out("{  \"a\\u0000\\n\": \"\xc3\xa9" FFFD "\" }");
}

/* ---- numbers ---- */

static void
test_integers(void **state)
{
	(void) state;
	json_append_int(&out, 0);
	assert_out("0");
	json_append_int(&out, INT64_MIN);
	assert_out("-9223372036854775808");
	json_append_int(&out, INT64_MAX);
	assert_out("9223372036854775807");
	json_append_int(&out, -1);
	assert_out("-1");
	json_append_uint(&out, UINT64_MAX);
	assert_out("18446744073709551615");
	json_append_bool(&out, true);
	json_append_bool(&out, false);
	assert_out("truefalse");
}

static void
assert_double(double value, const char *expected)
{
	json_append_double(&out, value);
	assert_out(expected);
}

static void
assert_float(float value, const char *expected)
{
	json_append_float(&out, value);
	assert_out(expected);
}

static void
test_floats(void **state)
{
	(void) state;
	assert_double(0, "0");
	assert_double(-0.0, "-0");
	assert_double(1, "1");
	assert_double(0.1, "0.1");
	assert_double(-12.34, "-12.34");
	assert_double(0.1 + 0.2, "0.30000000000000004");
	assert_double(1.0 / 3, "0.3333333333333333");
	assert_double(123456789012345, "123456789012345");
	assert_double(9007199254740993.0, "9007199254740992");
	assert_double(1e15, "1e+15");
	assert_double(1e22, "1e+22");
	assert_double(1e30, "1e+30");
	assert_double(0.0001, "0.0001");
	assert_double(0.00001, "1e-05");
	assert_double(1.7976931348623157e308, "1.7976931348623157e+308");
	assert_double(2.2250738585072014e-308, "2.2250738585072014e-308");
	assert_double(5e-324, "5e-324");
	assert_double(NAN, "\"NaN\"");
	assert_double(INFINITY, "\"Infinity\"");
	assert_double(-INFINITY, "\"-Infinity\"");
	assert_float(0.1f, "0.1");
	assert_float(-0.0f, "-0");
	assert_float(3.14159274f, "3.1415927");
	assert_float(16777216, "16777216");
	assert_float(16777215, "16777215");
	assert_float(1e-45f, "1e-45");
	assert_float(3.40282347e38f, "3.4028235e+38");
	assert_float(1.1754944e-38f, "1.1754944e-38");
	assert_float(1e10f, "1e+10");
	assert_float(NAN, "\"NaN\"");
	assert_float(-INFINITY, "\"-Infinity\"");
}

static double
ten_to(unsigned power)
{
	double		result = 1;

	while (power-- > 0)
		result *= 10;
	return result;
}

static size_t
count_digits(const char *number)
{
	size_t		count = 0;

	number += strspn(number, "-0.");
	for (; *number != '\0' && *number != 'e'; number++)
		count += *number != '.';
	return count;
}

/* Of all bits, and of short decimals: reads back, and in no more digits. */
static void
test_random_doubles(void **state)
{
	uint64_t	seed = 1;

	(void) state;
	for (int i = 0; i < 60000; i++)
	{
		uint64_t	bits = random_next(&seed);
		double		value;
		char		printed[40];
		int			precision = 1;

		memcpy(&value, &bits, sizeof(value));
		if (i % 2 != 0)
			value = (double) (int64_t) (bits >> 20) / ten_to(bits % 12);
		if (!isfinite(value))
			continue;
		json_append_double(&out, value);
		assert_true(strtod(buf_string(&out), NULL) == value);
		for (; precision < 17; precision++)
		{
			snprintf(printed, sizeof(printed), "%.*g", precision, value);
			if (strtod(printed, NULL) == value)
				break;
		}
		if (value >= 1e15 || value < 1)
			assert_true(count_digits(buf_string(&out)) <= (size_t) precision);
		buf_clear(&out);
	}
}

static void
test_random_floats(void **state)
{
	uint64_t	seed = 2;

	(void) state;
	for (int i = 0; i < 60000; i++)
	{
		uint64_t	bits = random_next(&seed);
		uint32_t	half = (uint32_t) bits;
		float		value;

		memcpy(&value, &half, sizeof(value));
		if (i % 2 != 0)
			value = (float) (half >> 10) / (float) ten_to(bits >> 60);
		if (!isfinite(value))
			continue;
		json_append_float(&out, value);
		assert_true(strtof(buf_string(&out), NULL) == value);
		assert_true(count_digits(buf_string(&out)) <= 9);
		buf_clear(&out);
	}
}

/* ---- bytes ---- */

static void
test_bytes(void **state)
{
	static const uint8_t uuid[16] = {
		0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xa, 0xb, 0xc, 0xd, 0xe, 0xff
	};

	(void) state;
	json_append_base64(&out, slice_of(""));
	assert_out("\"\"");
	json_append_base64(&out, slice_of("f"));
	assert_out("\"Zg==\"");
	json_append_base64(&out, slice_of("fo"));
	assert_out("\"Zm8=\"");
	json_append_base64(&out, slice_of("foo"));
	assert_out("\"Zm9v\"");
	json_append_base64(&out, slice_of("\xff\xff\xfe" "a"));
	assert_out("\"///+YQ==\"");
	json_append_uuid(&out, uuid);
	assert_out("\"00010203-0405-0607-0809-0a0b0c0d0eff\"");
	json_append_lsn(&out, 0);
	assert_out("\"0/0\"");
	json_append_lsn(&out, UINT64_C(0x16B3748));
	assert_out("\"0/16B3748\"");
	json_append_lsn(&out, UINT64_MAX);
	assert_out("\"FFFFFFFF/FFFFFFFF\"");
}

/* ---- dates and times ---- */

static void
assert_date(int32_t days, const char *expected)
{
	json_append_date(&out, days);
	assert_out(expected);
}

static void
test_dates(void **state)
{
	(void) state;
	assert_date(0, "\"1970-01-01\"");
	assert_date(-1, "\"1969-12-31\"");
	assert_date(11016, "\"2000-02-29\"");
	assert_date(-719162, "\"0001-01-01\"");
	assert_date(-719163, "\"0001-12-31 BC\"");
	assert_date(-735160, "\"0044-03-15 BC\"");
	assert_date(-2440588, "\"4714-11-24 BC\"");
	assert_date(2145042905, "\"5874897-12-31\"");
	assert_date(INT32_MAX, "\"infinity\"");
	assert_date(INT32_MIN, "\"-infinity\"");
}

/* Every 61st day from 4714 BC to 294276. */
static void
test_dates_as_the_library(void **state)
{
	(void) state;
	for (int32_t day = -2440588; day < 106751991; day += 61)
	{
		time_t		seconds = (time_t) day * 86400;
		struct tm	tm;
		char		expected[40];
		int			year;

		gmtime_r(&seconds, &tm);
		year = tm.tm_year + 1900;
		snprintf(expected, sizeof(expected), "\"%04d-%02d-%02d%s\"",
				 year > 0 ? year : 1 - year, tm.tm_mon + 1, tm.tm_mday,
				 year > 0 ? "" : " BC");
		json_append_date(&out, day);
		if (strcmp(buf_string(&out), expected) != 0)
			fail_msg("day %d: %s, expected %s", day, buf_string(&out),
					 expected);
		buf_clear(&out);
	}
}

static void
assert_timestamp(int64_t time, const char *expected)
{
	json_append_timestamp(&out, time);
	assert_out(expected);
}

static void
test_timestamps(void **state)
{
	(void) state;
	assert_timestamp(0, "\"1970-01-01T00:00:00\"");
	assert_timestamp(-1, "\"1969-12-31T23:59:59.999999\"");
	assert_timestamp(1706706000123456, "\"2024-01-31T13:00:00.123456\"");
	assert_timestamp(1706706000120000, "\"2024-01-31T13:00:00.12\"");
	assert_timestamp(-2440588 * DAY, "\"4714-11-24T00:00:00 BC\"");
	assert_timestamp(INT64_MAX, "\"infinity\"");
	assert_timestamp(INT64_MIN, "\"-infinity\"");
	json_append_timestamptz(&out, 1706706000000000);
	assert_out("\"2024-01-31T13:00:00Z\"");
	json_append_timestamptz(&out, -719163 * DAY);
	assert_out("\"0001-12-31T00:00:00Z BC\"");
	json_append_timestamptz(&out, INT64_MAX);
	assert_out("\"infinity\"");
}

/* PostgreSQL's last moments do not fit signed microseconds since 1970. */
static void
test_timestamps_beyond_int64(void **state)
{
	uint64_t	end = UINT64_C(9223371331200000000) + 946684800000000;

	(void) state;
	assert_timestamp((int64_t) (end - 1), "\"294276-12-31T23:59:59.999999\"");
	assert_timestamp((int64_t) (end - 31 * (uint64_t) DAY),
					 "\"294276-12-01T00:00:00\"");
	assert_timestamp(INT64_MAX - 1, "\"294247-01-10T04:00:54.775806\"");
	assert_timestamp(INT64_MIN + 1, "\"294247-01-10T04:00:54.775809\"");
}

static void
test_times(void **state)
{
	(void) state;
	json_append_time(&out, 0);
	assert_out("\"00:00:00\"");
	json_append_time(&out, DAY);
	assert_out("\"24:00:00\"");
	json_append_time(&out, DAY - 1);
	assert_out("\"23:59:59.999999\"");
	json_append_time(&out, 46800000100);
	assert_out("\"13:00:00.0001\"");
}

static void
assert_interval(int32_t months, int32_t days, int64_t time,
				const char *expected)
{
	json_append_interval(&out, months, days, time);
	assert_out(expected);
}

/* As PostgreSQL with intervalstyle iso_8601. */
static void
test_intervals(void **state)
{
	(void) state;
	assert_interval(0, 0, 0, "\"PT0S\"");
	assert_interval(14, 3, 14706700000, "\"P1Y2M3DT4H5M6.7S\"");
	assert_interval(-14, -3, -14706700000, "\"P-1Y-2M-3DT-4H-5M-6.7S\"");
	assert_interval(12, 0, 0, "\"P1Y\"");
	assert_interval(0, 0, -1, "\"PT-0.000001S\"");
	assert_interval(1, -1, 3600000000, "\"P1M-1DT1H\"");
	assert_interval(INT32_MIN, INT32_MIN, INT64_MAX,
					"\"P-178956970Y-8M-2147483648DT2562047788H54.775807S\"");
	assert_interval(0, 0, INT64_MIN, "\"PT-2562047788H-54.775808S\"");
	assert_interval(INT32_MAX, INT32_MAX, INT64_MAX, "\"infinity\"");
	assert_interval(INT32_MIN, INT32_MIN, INT64_MIN, "\"-infinity\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_special_at_every_place),
		cmocka_unit_test(test_invalid_utf8),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_floats),
		cmocka_unit_test(test_random_doubles),
		cmocka_unit_test(test_random_floats),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_dates_as_the_library),
		cmocka_unit_test(test_timestamps),
		cmocka_unit_test(test_timestamps_beyond_int64),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_intervals),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
