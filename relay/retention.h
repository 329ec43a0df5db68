/*
 * retention.h
 *		When the WAL that the slot holds back is too much: max_retained_wal.
 *
 * Over the limit is said at once and then now and then. To act it takes more:
 * a relay that was away starts over the limit and must be let catch up. As
 * long as what is held back, or what the slot is behind, reaches new lows, it
 * is getting better; after some time without, patience ends. Pure.
 */
#ifndef PG_FANOUT_RETENTION_H
#define PG_FANOUT_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

/* What is done then; in the order of the option's words. */
typedef enum RetentionAction
{
	RETENTION_WARN,
	RETENTION_STOP,
	RETENTION_DROP
} RetentionAction;

typedef enum RetentionVerdict
{
	RETENTION_QUIET,
	RETENTION_OVER,				/* over the limit, to be said now */
	RETENTION_BACK,				/* no longer, to be said once */
	RETENTION_PATIENCE_ENDS
} RetentionVerdict;

typedef struct Retention
{
	int64_t		limit;			/* bytes; 0: none */
	int64_t		grace;			/* microseconds without a new low */
	bool		over;
	int64_t		least_retained; /* since it is over */
	int64_t		least_behind;
	int64_t		better;			/* when the last new low was seen */
	int64_t		said;			/* monotonic */
} Retention;

/*
 * After a look: bytes that the slot holds back, and bytes from what it has
 * confirmed to the end of WAL.
 */
extern RetentionVerdict retention_judge(Retention *retention,
										int64_t retained, int64_t behind,
										int64_t now);

#endif							/* PG_FANOUT_RETENTION_H */
