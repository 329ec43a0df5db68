/*
 * key_set.h
 *		Keys of rows, each with the position of the last change of it.
 *
 * Kept are the first sixteen bytes of a key's SHA-256, not the key: the size
 * of an entry does not depend on it. Knows no table but by its oid.
 */
#ifndef PG_FANOUT_KEY_SET_H
#define PG_FANOUT_KEY_SET_H

#include "buf.h"
#include "error.h"
#include "lsn.h"

typedef struct KeySet
{
	struct KeySetEntry *entries;	/* a power of two, linear probing */
	size_t		capacity;
	size_t		count;
	struct evp_md_ctx_st *digest;	/* for one key after the other */
	size_t		limit;			/* bytes that entries should not exceed */
} KeySet;

extern void key_set_init(KeySet *set, size_t limit);
extern void key_set_free(KeySet *set);

/* The greatest position of a key counts. false: no memory. */
extern MUST_USE bool key_set_put(KeySet *set, uint32_t oid, Slice key, Lsn lsn,
								 Error *err);

/* LSN_INVALID: it is not there. */
extern MUST_USE bool key_set_find(KeySet *set, uint32_t oid, Slice key,
								  Lsn *lsn, Error *err);

/* What it takes. */
extern size_t key_set_bytes(const KeySet *set);

/* Whether it cannot grow any more within its limit; put works all the same. */
extern bool key_set_is_full(const KeySet *set);

#endif							/* PG_FANOUT_KEY_SET_H */
