/*
 * oid_map.c
 *		Things by table oid. Entries are replaced, never removed: a relay sees
 *		few tables and drops of tables are rare.
 */
#include "oid_map.h"

#include <stdlib.h>

#define OID_MAP_FIRST_CAPACITY	64

static OidEntry *
find_entry(OidEntry *entries, size_t capacity, uint32_t oid)
{
	size_t		at = (oid * UINT32_C(2654435769)) & (capacity - 1);

	while (entries[at].oid != 0 && entries[at].oid != oid)
		at = (at + 1) & (capacity - 1);
	return &entries[at];
}

void *
oid_map_find(const OidMap *map, uint32_t oid)
{
	if (map->capacity == 0)
		return NULL;
	return find_entry(map->entries, map->capacity, oid)->value;
}

static bool
grow(OidMap *map)
{
	size_t		capacity =
		map->capacity ? map->capacity * 2 : OID_MAP_FIRST_CAPACITY;
	OidEntry   *entries = calloc(capacity, sizeof(*entries));

	if (entries == NULL)
		return false;
	for (size_t i = 0; i < map->capacity; i++)
		if (map->entries[i].oid != 0)
			*find_entry(entries, capacity, map->entries[i].oid) =
				map->entries[i];
	free(map->entries);
	map->entries = entries;
	map->capacity = capacity;
	return true;
}

bool
oid_map_set(OidMap *map, uint32_t oid, void *value)
{
	OidEntry   *entry;

	if (map->count * 2 >= map->capacity && !grow(map))
		return false;
	entry = find_entry(map->entries, map->capacity, oid);
	if (entry->oid == 0)
	{
		entry->oid = oid;
		map->count++;
	}
	entry->value = value;
	return true;
}

void
oid_map_free(OidMap *map, void (*release) (void *value))
{
	for (size_t i = 0; i < map->capacity; i++)
		if (map->entries[i].value != NULL)
			release(map->entries[i].value);
	free(map->entries);
	map->entries = NULL;
	map->capacity = map->count = 0;
}
