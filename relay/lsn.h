/*
 * lsn.h
 *		Positions in the stream.
 *
 * The only position is (commit LSN, sequence in the transaction), the sequence
 * counted by the relay at delivery. A change's own LSN orders nothing: changes
 * of one transaction can lie beyond commits not yet seen.
 */
#ifndef PG_FANOUT_LSN_H
#define PG_FANOUT_LSN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef uint64_t Lsn;

#define LSN_INVALID UINT64_C(0)
#define LSN_TEXT_SIZE 24

typedef struct Position
{
	Lsn			lsn;			/* commit LSN; of a non-transactional message
								 * its own */
	uint64_t	seq;			/* 1.. in a transaction, 0 for such messages */
} Position;

static inline bool
position_before(Position a, Position b)
{
	return a.lsn < b.lsn || (a.lsn == b.lsn && a.seq < b.seq);
}

static inline bool
position_equal(Position a, Position b)
{
	return a.lsn == b.lsn && a.seq == b.seq;
}

/* Writes "0/16B3748" into text (LSN_TEXT_SIZE bytes) and returns it. */
extern const char *lsn_format(Lsn lsn, char *text);

/* false: not of that form. */
extern bool lsn_parse(const char *text, Lsn *lsn);

#endif							/* PG_FANOUT_LSN_H */
