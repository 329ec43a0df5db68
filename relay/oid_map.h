/*
 * oid_map.h
 *		Things by table oid: a small open-addressing hash that owns nothing.
 */
#ifndef PG_FANOUT_OID_MAP_H
#define PG_FANOUT_OID_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct OidEntry
{
	uint32_t	oid;			/* 0: free */
	void	   *value;
} OidEntry;

typedef struct OidMap
{
	OidEntry   *entries;
	size_t		capacity;		/* a power of two, or 0 */
	size_t		count;
} OidMap;

extern void *oid_map_find(const OidMap *map, uint32_t oid);

/* Sets or replaces; oid is not 0. false: out of memory. */
extern bool oid_map_set(OidMap *map, uint32_t oid, void *value);

/* Frees every value by release, then the map. */
extern void oid_map_free(OidMap *map, void (*release) (void *value));

#endif							/* PG_FANOUT_OID_MAP_H */
