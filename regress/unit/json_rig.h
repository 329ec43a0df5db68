/*
 * json_rig.h
 *		What tests of JSON text share: the text, and numbers by chance.
 */
#ifndef PG_FANOUT_JSON_RIG_H
#define PG_FANOUT_JSON_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "buf.h"

static Buf	out;

static int
setup(void **state)
{
	(void) state;
	buf_init(&out, 1 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	buf_free(&out);
	return 0;
}

static uint64_t
random_next(uint64_t *state)
{
	uint64_t	high;

	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	high = *state >> 32;
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return high << 32 | *state >> 32;
}

static void
assert_out(const char *expected)
{
	assert_false(buf_failed(&out));
	assert_string_equal(buf_string(&out), expected);
	buf_clear(&out);
}

#endif							/* PG_FANOUT_JSON_RIG_H */
