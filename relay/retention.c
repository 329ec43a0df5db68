/*
 * retention.c
 *		When the WAL that the slot holds back is too much. See retention.h.
 */
#include "retention.h"

#include "clock.h"

#define SAY_INTERVAL	(300 * CLOCK_SECOND)
#define ROOM_SMALL		20		/* per cent of what the server allows */
#define ROOM_ENOUGH		30		/* again */

/* Notes new lows; false: there is none. */
static bool
gets_better(Retention *retention, int64_t retained, int64_t behind)
{
	bool		better = !retention->over ||
		retained < retention->least_retained ||
		behind < retention->least_behind;

	if (!retention->over || retained < retention->least_retained)
		retention->least_retained = retained;
	if (!retention->over || behind < retention->least_behind)
		retention->least_behind = behind;
	return better;
}

RetentionVerdict
retention_judge(Retention *retention, int64_t retained, int64_t behind,
				int64_t now)
{
	bool		was_over = retention->over;

	if (retention->limit == 0 || retained <= retention->limit)
	{
		retention->over = false;
		return was_over ? RETENTION_BACK : RETENTION_QUIET;
	}
	if (gets_better(retention, retained, behind))
		retention->better = now;
	retention->over = true;
	if (now - retention->better >= retention->grace)
	{
		retention->better = now;
		return RETENTION_PATIENCE_ENDS;
	}
	if (was_over && now - retention->said < SAY_INTERVAL)
		return RETENTION_QUIET;
	retention->said = now;
	return RETENTION_OVER;
}

RetentionVerdict
retention_judge_room(WalRoom *room, int64_t left, int64_t retained,
					 int64_t now)
{
	bool		was_small = room->small;
	double		share = 100.0 * (double) left /
		((double) left + (double) retained);

	room->small = left <= 0 ||
		share < (was_small ? ROOM_ENOUGH : ROOM_SMALL);
	if (!room->small)
		return was_small ? RETENTION_BACK : RETENTION_QUIET;
	if (was_small && now - room->said < SAY_INTERVAL)
		return RETENTION_QUIET;
	room->said = now;
	return RETENTION_OVER;
}
