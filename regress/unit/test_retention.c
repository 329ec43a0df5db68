/*
 * test_retention.c
 *		max_retained_wal: what is said, and when patience ends. And sizes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "bytes.h"
#include "clock.h"
#include "retention.h"

#define STEP (10 * CLOCK_SECOND)

static int64_t now = CLOCK_SECOND;

static void
look(Retention *retention, int64_t retained, int64_t behind,
	 RetentionVerdict expected)
{
	now += STEP;
	assert_int_equal(retention_judge(retention, retained, behind, now),
					 expected);
}

static void
test_off(void **state)
{
	Retention	retention = {0};

	(void) state;
	for (int i = 0; i < 10; i++)
		look(&retention, INT64_MAX, INT64_MAX, RETENTION_QUIET);
}

/* A sink that takes nothing: what it is behind grows. */
static void
test_worse(void **state)
{
	Retention	retention = {.limit = 100,.grace = 3 * STEP};

	(void) state;
	look(&retention, 100, 100, RETENTION_QUIET);
	look(&retention, 101, 101, RETENTION_OVER);
	look(&retention, 110, 110, RETENTION_QUIET);
	look(&retention, 120, 120, RETENTION_QUIET);
	look(&retention, 130, 130, RETENTION_PATIENCE_ENDS);
	/* warned only: the same again, and said again after a while */
	look(&retention, 140, 140, RETENTION_QUIET);
	now += 300 * CLOCK_SECOND;
	look(&retention, 150, 150, RETENTION_PATIENCE_ENDS);
	look(&retention, 160, 160, RETENTION_OVER);
	look(&retention, 50, 50, RETENTION_BACK);
	look(&retention, 50, 50, RETENTION_QUIET);
	look(&retention, 101, 10, RETENTION_OVER);
}

/*
 * An open transaction keeps what is retained as it is while the sinks catch
 * up; and writers may be faster than a restart point moves.
 */
static void
test_better(void **state)
{
	Retention	retention = {.limit = 100,.grace = 3 * STEP};

	(void) state;
	look(&retention, 1000, 900, RETENTION_OVER);
	for (int behind = 800; behind > 0; behind -= 20)
	{
		now -= STEP - CLOCK_SECOND; /* looks are closer together */
		look(&retention, 2000 - behind, behind, RETENTION_QUIET);
	}
	/* then it rests there */
	look(&retention, 2000, 30, RETENTION_QUIET);
	look(&retention, 2000, 30, RETENTION_QUIET);
	look(&retention, 2000, 30, RETENTION_PATIENCE_ENDS);
}

/* Up and down is not better. */
static void
test_swinging(void **state)
{
	Retention	retention = {.limit = 100,.grace = 3 * STEP};

	(void) state;
	look(&retention, 500, 500, RETENTION_OVER);
	look(&retention, 600, 600, RETENTION_QUIET);
	look(&retention, 550, 550, RETENTION_QUIET);
	look(&retention, 650, 650, RETENTION_PATIENCE_ENDS);
}

static void
look_at_room(WalRoom *room, int64_t left, RetentionVerdict expected)
{
	now += STEP;
	assert_int_equal(retention_judge_room(room, left, 1000 - left, now),
					 expected);
}

/* Said below a fifth, and then now and then; not again for a small swing. */
static void
test_room(void **state)
{
	WalRoom		room = {0};

	(void) state;
	look_at_room(&room, 1000, RETENTION_QUIET);
	look_at_room(&room, 200, RETENTION_QUIET);
	look_at_room(&room, 199, RETENTION_OVER);
	look_at_room(&room, 299, RETENTION_QUIET);
	look_at_room(&room, 0, RETENTION_QUIET);
	now += 300 * CLOCK_SECOND;
	look_at_room(&room, -500, RETENTION_OVER);
	look_at_room(&room, 300, RETENTION_BACK);
	look_at_room(&room, 250, RETENTION_QUIET);
	look_at_room(&room, 10, RETENTION_OVER);
}

static void
test_bytes(void **state)
{
	char		text[BYTES_TEXT_SIZE];

	(void) state;
	assert_string_equal(bytes_format(0, text), "0 B");
	assert_string_equal(bytes_format(1536, text), "1.5 kB");
	assert_string_equal(bytes_format(16.0 * 1024 * 1024, text), "16.0 MB");
	assert_string_equal(bytes_format(9e18, text), "8381903171.5 GB");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_worse),
		cmocka_unit_test(test_better),
		cmocka_unit_test(test_swinging),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
