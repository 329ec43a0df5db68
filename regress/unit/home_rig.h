/*
 * home_rig.h
 *		A home directory for tests of files that are looked for in one.
 */
#ifndef PG_FANOUT_HOME_RIG_H
#define PG_FANOUT_HOME_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static char home[64];			/* the test makes and removes it */

static const char *
home_path(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", home, name);
	return path;
}

static void
home_write(const char *name, const char *text)
{
	FILE	   *out = fopen(home_path(name), "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

#endif							/* PG_FANOUT_HOME_RIG_H */
