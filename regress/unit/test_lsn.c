/*
 * test_lsn.c
 *		Positions, and the small tools at the bottom of the relay: errors that
 *		describe, time that waits, lines that a name from outside cannot forge.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "clock.h"
#include "error.h"
#include "log.h"
#include "lsn.h"

/* ---- positions ---- */

static void
test_lsn_text(void **state)
{
	static const Lsn values[] = {
		0, 1, 0x16B3748, UINT32_MAX, UINT64_C(0x100000000),
		UINT64_C(0x123456789ABCDEF), UINT64_MAX
	};
	char		text[LSN_TEXT_SIZE];
	Lsn			lsn;

	(void) state;
	assert_string_equal(lsn_format(UINT64_C(0x16B3748), text), "0/16B3748");
	assert_string_equal(lsn_format(UINT64_MAX, text), "FFFFFFFF/FFFFFFFF");
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
	{
		assert_true(lsn_parse(lsn_format(values[i], text), &lsn));
		assert_true(lsn == values[i]);
	}
	assert_true(lsn_parse("a/00000bC", &lsn));
	assert_true(lsn == UINT64_C(0xA000000BC));
}

static void
test_lsn_refuses(void **state)
{
	static const char *const texts[] = {
		"", "/", "0", "0/", "/0", "0/0/0", " 0/0", "0/0 ", "0/0\n", "g/0",
		"0/g", "-1/0", "0/-1", "+1/0", "0x1/0", "000000001/0", "0/123456789"
	};
	Lsn			lsn;

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(lsn_parse(texts[i], &lsn));
}

static void
test_position_order(void **state)
{
	Position	a = {10, 5};
	Position	b = {10, 6};
	Position	c = {11, 0};

	(void) state;
	assert_true(position_before(a, b) && position_before(b, c));
	assert_false(position_before(b, a) || position_before(a, a) ||
				 position_before(c, b));
}

/* ---- errors ---- */

static void
test_error_parts(void **state)
{
	Error		err;

	(void) state;
	assert_false(error_set(&err, ERROR_CONNECT, "cannot reach %s", "db1"));
	error_detail(&err, "Line one.\n");
	error_hint(&err, "%d things", 2);
	error_retriable(&err);
	assert_string_equal(err.detail, "Line one.");
	assert_string_equal(err.hint, "2 things");
	error_prefix(&err, "sink %s", "lake");
	assert_string_equal(err.message, "sink lake: cannot reach db1");
	assert_string_equal(err.detail, "Line one.");
	assert_true(err.retriable);

	/* its own text may be an argument; a new error forgets the old parts */
	error_set(&err, ERROR_DISK, "again: %s", err.message);
	assert_string_equal(err.message, "again: sink lake: cannot reach db1");
	assert_string_equal(err.detail, "");
	assert_string_equal(err.hint, "");
	assert_false(err.retriable);
	assert_int_equal(err.code, ERROR_DISK);
}

static void
test_error_cut(void **state)
{
	char		text[2 * ERROR_TEXT_SIZE];
	Error		err;
	size_t		size;

	(void) state;
	for (size_t shift = 0; shift < 4; shift++)
	{
		memset(text, 'a', sizeof(text));
		for (size_t i = shift; i + 4 < sizeof(text); i += 3)
			memcpy(text + i, "\xe2\x82\xac", 3);
		text[sizeof(text) - 1] = '\0';
		error_set(&err, ERROR_USAGE, "%s", text);
		size = strlen(err.message);
		assert_in_range(size, ERROR_TEXT_SIZE - 4, ERROR_TEXT_SIZE - 1);
		assert_int_equal((size - shift) % 3, 0);
		error_prefix(&err, "%s", text);
		assert_in_range(strlen(err.message), 1, ERROR_TEXT_SIZE - 1);
	}
}

static void
test_error_codes(void **state)
{
	(void) state;
	for (int a = 0; a < ERROR_CODE_END; a++)
	{
		if (!error_code_exists((ErrorCode) a))
			continue;
		assert_true(strlen(error_code_name((ErrorCode) a)) > 0);
		assert_true(strlen(error_code_meaning((ErrorCode) a)) > 0);
		for (int b = 0; b < a; b++)
			if (error_code_exists((ErrorCode) b))
				assert_string_not_equal(error_code_name((ErrorCode) a),
										error_code_name((ErrorCode) b));
	}
	assert_true(error_code_exists(ERROR_DISK));
	assert_true(error_code_exists(ERROR_VERIFY));
	assert_false(error_code_exists(ERROR_CODE_END));
	assert_string_equal(error_code_name((ErrorCode) 99), "unknown");
	assert_string_equal(error_code_name(ERROR_SLOT_MISSING), "slot-missing");
}

/* ---- time ---- */

static void
test_clock(void **state)
{
	int64_t		now = clock_now();

	(void) state;
	assert_true(clock_wall() > INT64_C(1700000000) * CLOCK_SECOND);
	assert_int_equal(clock_ms_until(now), 0);
	assert_int_equal(clock_ms_until(INT64_MIN), 0);
	assert_int_equal(clock_ms_until(INT64_MAX), INT32_MAX);
	assert_in_range(clock_ms_until(clock_now() + 5 * CLOCK_SECOND), 4900, 5000);
	/* a deadline that is not reached is never 0: poll would spin */
	assert_true(clock_ms_until(clock_now() + 900) <= 1);
}

static void
test_clock_backoff(void **state)
{
	(void) state;
	for (int i = 0; i < 1000; i++)
	{
		assert_in_range(clock_backoff(1, 1000, 60000), 500, 1000);
		assert_in_range(clock_backoff(3, 1000, 60000), 2000, 4000);
		assert_in_range(clock_backoff(1000000, 1000, 60000), 30000, 60000);
		assert_in_range(clock_backoff(1, 5000, 100), 50, 100);
	}
	assert_int_equal(clock_backoff(5, 0, 0), 0);
	assert_true(clock_backoff(INT32_MAX, 1, INT64_MAX) > 0);
}

/* ---- log ---- */

/* What the calls of say() write to stderr. */
static char *
log_capture(void (*say) (void), LogLevel level)
{
	static char text[8192];
	int			pipes[2];
	int			old = dup(STDERR_FILENO);
	ssize_t		size;

	assert_int_equal(pipe(pipes), 0);
	dup2(pipes[1], STDERR_FILENO);
	log_init(level);
	say();
	dup2(old, STDERR_FILENO);
	close(old);
	close(pipes[1]);
	size = read(pipes[0], text, sizeof(text) - 1);
	close(pipes[0]);
	text[size > 0 ? size : 0] = '\0';
	return text;
}

static void
say_forged(void)
{
	log_info("table %s", "a\n2026 error: forged\033[2J");
	log_debug("not to be seen");
}

static void
say_report(void)
{
	Error		err;

	error_set(&err, ERROR_DISK, "disk full");
	error_hint(&err, "Make room.");
	log_report(LOG_LEVEL_WARNING, &err);
}

static void
say_long(void)
{
	char		text[5000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_error("%s", text);
	log_progress("42 records");
}

static void
test_log_lines(void **state)
{
	char	   *text = log_capture(say_forged, LOG_LEVEL_INFO);

	(void) state;
	assert_non_null(strstr(text, "info: table a 2026 error: forged [2J\n"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_null(strstr(text, "not to be seen"));

	text = log_capture(say_report, LOG_LEVEL_INFO);
	assert_non_null(strstr(text, "Z warning: disk full\n"));
	assert_non_null(strstr(text, "Z warning: hint: Make room.\n"));
	assert_null(strstr(text, "detail"));

	text = log_capture(say_long, LOG_LEVEL_INFO);
	assert_in_range(strchr(text, '\n') - text, 2000, 2048);
	assert_non_null(strstr(text, "Z info: 42 records\n"));
	log_init(LOG_LEVEL_INFO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lsn_text),
		cmocka_unit_test(test_lsn_refuses),
		cmocka_unit_test(test_position_order),
		cmocka_unit_test(test_error_parts),
		cmocka_unit_test(test_error_cut),
		cmocka_unit_test(test_error_codes),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_clock_backoff),
		cmocka_unit_test(test_log_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
