/*
 * test_log.c
 *		What is tried again and again: when its failure is said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "clock.h"
#include "log.h"

static bool
report(LogMemory *memory, const char *message, const char *detail)
{
	Error		err;

	error_clear(&err);
	error_set(&err, ERROR_SINK_SETUP, "%s", message);
	error_detail(&err, "%s", detail);
	return log_report_new(memory, LOG_LEVEL_WARNING, &err);
}

/* Each new reason at once, the same one not before some minutes have passed. */
static void
test_new_reasons(void **state)
{
	LogMemory	memory = {0};

	(void) state;
	log_init(LOG_LEVEL_ERROR);
	assert_true(report(&memory, "away", "refused."));
	assert_false(report(&memory, "away", "refused."));
	assert_true(report(&memory, "away", "timed out."));
	assert_true(report(&memory, "no right", "timed out."));
	assert_false(report(&memory, "no right", "timed out."));
	assert_true(memory.again > clock_now() + 60 * CLOCK_SECOND);
	memory.again = clock_now();
	assert_true(report(&memory, "no right", "timed out."));
	memory = (LogMemory) {0};
	assert_true(report(&memory, "no right", "timed out."));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
