/*
 * server_minor.c
 *		Bugs of old minor releases of PostgreSQL that hurt logical slots.
 */
#include "server_minor.h"

#include <stddef.h>

typedef struct MajorFixes
{
	int			major;
	int			restart;		/* first minor of November 21, 2024 */
	int			invalidation;	/* of May 2025 */
	int			memory;			/* of August 2025 */
} MajorFixes;

static const MajorFixes fixes[] = {
	{13, 18, 21, 22}, {14, 15, 18, 19}, {15, 10, 13, 14}, {16, 6, 9, 10},
	{17, 2, 5, 6}
};

static const char *
worst(const MajorFixes *row, int minor)
{
	if (minor < row->restart)
		return "a slot's restart_lsn can go back, so that WAL which is still needed has been removed";
	if (minor < row->invalidation)
		return "after ALTER PUBLICATION or ALTER TABLE, transactions that were already under way may be decoded with the old definition: changes are lost or wrong";
	if (minor < row->memory)
		return "much DDL beside open transactions makes decoding fail for want of memory";
	return NULL;
}

const char *
server_minor_bug(int version, int *fixed)
{
	for (size_t i = 0; i < sizeof(fixes) / sizeof(fixes[0]); i++)
		if (fixes[i].major == version / 10000)
		{
			*fixed = fixes[i].memory;
			return worst(&fixes[i], version % 10000);
		}
	return NULL;
}
