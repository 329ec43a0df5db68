/*
 * retention.h
 *		When the WAL that the slot holds back is too much: by max_retained_wal,
 *		and by the server's own max_slot_wal_keep_size.
 *
 * Over the limit is said at once and then now and then. To act it takes more:
 * a relay that was away starts over the limit and must be let catch up. As
 * long as what is held back, or what the slot is behind, reaches new lows, it
 * is getting better; after some time without, patience ends. Pure.
 *
 * The server's limit ends the slot: that it comes near is said in time.
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

/* What the server lets the slot hold back. */
typedef struct WalRoom
{
	bool		small;
	int64_t		said;			/* monotonic */
} WalRoom;

/*
 * After a look: bytes that may still be written before the server may remove
 * what the slot needs; negative: it may do so at any time. Small is less than
 * a fifth of what it allows. Never PATIENCE_ENDS.
 */
extern RetentionVerdict retention_judge_room(WalRoom *room, int64_t left,
											 int64_t retained, int64_t now);

#endif							/* PG_FANOUT_RETENTION_H */
