/*
 * spool_xids.h
 *		A set of subtransactions of one transaction: those that were aborted.
 *
 * A loop with an exception handler aborts millions. They have numbers above
 * their transaction's and close together: one bit each, in pages that are made
 * when needed; a hundred million take some 12 MB.
 */
#ifndef PG_FANOUT_SPOOL_XIDS_H
#define PG_FANOUT_SPOOL_XIDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct SpoolXids
{
	uint8_t   **pages;			/* NULL: no bit set in it */
	size_t		page_count;
	size_t		memory;			/* bytes in use */
} SpoolXids;

/*
 * distance: of the subtransaction's number from its transaction's, modulo
 * 2^32. false: out of memory.
 */
extern bool spool_xids_add(SpoolXids *xids, uint32_t distance);
extern bool spool_xids_has(const SpoolXids *xids, uint32_t distance);
extern void spool_xids_free(SpoolXids *xids);

#endif							/* PG_FANOUT_SPOOL_XIDS_H */
