/*
 * test_feedback.c
 *		The rules for what the server is told (R1, R2, R3, R5).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clock.h"
#include "feedback.h"

static void
never_goes_back(void **state)
{
	Feedback	feedback = {0};

	(void) state;
	feedback_advance(&feedback, 100);
	feedback_advance(&feedback, 50);
	assert_int_equal(feedback.flushed, 100);
	feedback_advance(&feedback, 101);
	assert_int_equal(feedback.flushed, 101);
}

static void
received_moves_no_flush(void **state)
{
	Feedback	feedback = {0};

	(void) state;
	feedback_received(&feedback, 1000);
	assert_int_equal(feedback.received, 1000);
	assert_int_equal(feedback.flushed, 0);
	feedback_received(&feedback, 10);
	assert_int_equal(feedback.received, 1000);
}

static void
interval_is_a_third_of_the_timeout(void **state)
{
	Feedback	feedback = {0};

	(void) state;
	feedback_start(&feedback, 10 * CLOCK_SECOND, 6 * CLOCK_SECOND, 0);
	assert_int_equal(feedback.interval, 2 * CLOCK_SECOND);
	feedback_start(&feedback, CLOCK_SECOND, 60 * CLOCK_SECOND, 0);
	assert_int_equal(feedback.interval, CLOCK_SECOND);

	/* neither asks for messages: there must be some all the same */
	feedback_start(&feedback, 0, 60 * CLOCK_SECOND, 0);
	assert_int_equal(feedback.interval, 20 * CLOCK_SECOND);
	feedback_start(&feedback, 0, 0, 0);
	assert_true(feedback.interval > 0);
}

static void
status_is_due_by_time_alone(void **state)
{
	Feedback	feedback = {0};

	(void) state;
	feedback_start(&feedback, 10 * CLOCK_SECOND, 60 * CLOCK_SECOND, 0);
	assert_true(feedback_due(&feedback, 0));
	feedback_told(&feedback, 0);
	assert_false(feedback_due(&feedback, 9 * CLOCK_SECOND));
	assert_true(feedback_due(&feedback, 10 * CLOCK_SECOND));

	/* a position that moved is told sooner */
	feedback_advance(&feedback, 7);
	assert_false(feedback_due(&feedback, CLOCK_SECOND / 2));
	assert_true(feedback_due(&feedback, 2 * CLOCK_SECOND));
}

static void
replies_without_news_are_paced(void **state)
{
	Feedback	feedback = {0};

	(void) state;
	feedback_start(&feedback, 10 * CLOCK_SECOND, 60 * CLOCK_SECOND, 1000);
	assert_int_equal(feedback_reply_time(&feedback, 1000), 1000);
	feedback_told(&feedback, 1000);
	assert_true(feedback_reply_time(&feedback, 1001) > 1001);
	assert_true(feedback_reply_time(&feedback, 1001) < CLOCK_SECOND);

	/* news go at once */
	feedback_advance(&feedback, 9);
	assert_int_equal(feedback_reply_time(&feedback, 1001), 1001);
}

static void
idle_only_with_nothing_in_flight(void **state)
{
	Feedback	feedback = {0};

	(void) state;
	feedback_received(&feedback, 500);
	assert_false(feedback_wants_idle(&feedback, false, true, 100 * CLOCK_SECOND));
	assert_true(feedback_wants_idle(&feedback, true, false, 100 * CLOCK_SECOND));

	/* rate-limited, less so when the server asks */
	assert_false(feedback_wants_idle(&feedback, true, false, 101 * CLOCK_SECOND));
	assert_true(feedback_wants_idle(&feedback, true, true, 101 * CLOCK_SECOND));

	/* nothing to gain */
	feedback_advance(&feedback, 500);
	assert_false(feedback_wants_idle(&feedback, true, true, 200 * CLOCK_SECOND));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_goes_back),
		cmocka_unit_test(received_moves_no_flush),
		cmocka_unit_test(interval_is_a_third_of_the_timeout),
		cmocka_unit_test(status_is_due_by_time_alone),
		cmocka_unit_test(replies_without_news_are_paced),
		cmocka_unit_test(idle_only_with_nothing_in_flight),
	};

	return cmocka_run_group_tests_name("feedback", tests, NULL, NULL);
}
