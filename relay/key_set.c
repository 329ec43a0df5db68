/*
 * key_set.c
 *		Keys of rows. See key_set.h.
 */
#include "key_set.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY	256
#define HASH_SIZE		16

typedef struct KeySetEntry
{
	uint64_t	hash[HASH_SIZE / sizeof(uint64_t)];
	Lsn			lsn;			/* LSN_INVALID: free */
} KeySetEntry;

void
key_set_init(KeySet *set, size_t limit)
{
	*set = (KeySet) {.limit = limit};
}

void
key_set_free(KeySet *set)
{
	free(set->entries);
	EVP_MD_CTX_free(set->digest);
	set->entries = NULL;
	set->digest = NULL;
	set->capacity = set->count = 0;
}

/* A digest in use is begun anew: that costs no search for the algorithm. */
static bool
begin_digest(KeySet *set)
{
	if (set->digest != NULL)
		return EVP_DigestInit_ex(set->digest, NULL, NULL) == 1;
	set->digest = EVP_MD_CTX_new();
	return set->digest != NULL &&
		EVP_DigestInit_ex(set->digest, EVP_sha256(), NULL) == 1;
}

/* The table is hashed as the last part: it has one size, keys have any. */
static bool
hash_key(KeySet *set, uint32_t oid, Slice key, KeySetEntry *entry, Error *err)
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (!begin_digest(set) ||
		EVP_DigestUpdate(set->digest, key.data, key.size) != 1 ||
		EVP_DigestUpdate(set->digest, &oid, sizeof(oid)) != 1 ||
		EVP_DigestFinal_ex(set->digest, digest, NULL) != 1)
		return error_no_memory(err);
	memcpy(entry->hash, digest, HASH_SIZE);
	return true;
}

/* Where the key is, or where it belongs. */
static KeySetEntry *
find_entry(const KeySet *set, const KeySetEntry *wanted)
{
	size_t		mask = set->capacity - 1;
	size_t		at = (size_t) wanted->hash[0] & mask;

	while (set->entries[at].lsn != LSN_INVALID &&
		   memcmp(set->entries[at].hash, wanted->hash, HASH_SIZE) != 0)
		at = (at + 1) & mask;
	return &set->entries[at];
}

static bool
grow(KeySet *set, Error *err)
{
	KeySet		larger = *set;

	larger.capacity = set->capacity > 0 ? 2 * set->capacity : FIRST_CAPACITY;
	larger.entries = calloc(larger.capacity, sizeof(*larger.entries));
	if (larger.entries == NULL)
		return error_no_memory(err);
	for (size_t i = 0; i < set->capacity; i++)
		if (set->entries[i].lsn != LSN_INVALID)
			*find_entry(&larger, &set->entries[i]) = set->entries[i];
	free(set->entries);
	*set = larger;
	return true;
}

/* Three quarters full: lookups stay short. */
static bool
needs_growth(const KeySet *set)
{
	return set->count >= set->capacity / 4 * 3;
}

bool
key_set_put(KeySet *set, uint32_t oid, Slice key, Lsn lsn, Error *err)
{
	KeySetEntry wanted = {.lsn = lsn};
	KeySetEntry *entry;

	if (!hash_key(set, oid, key, &wanted, err) ||
		(needs_growth(set) && !grow(set, err)))
		return false;
	entry = find_entry(set, &wanted);
	if (entry->lsn == LSN_INVALID)
	{
		*entry = wanted;
		set->count++;
	}
	else if (entry->lsn < lsn)
		entry->lsn = lsn;
	return true;
}

bool
key_set_find(KeySet *set, uint32_t oid, Slice key, Lsn *lsn, Error *err)
{
	KeySetEntry wanted = {.lsn = LSN_INVALID};

	*lsn = LSN_INVALID;
	if (set->count == 0)
		return true;
	if (!hash_key(set, oid, key, &wanted, err))
		return false;
	*lsn = find_entry(set, &wanted)->lsn;
	return true;
}

size_t
key_set_bytes(const KeySet *set)
{
	return set->capacity * sizeof(*set->entries);
}

bool
key_set_is_full(const KeySet *set)
{
	size_t		bytes = key_set_bytes(set);

	return bytes > set->limit ||
		(bytes > 0 && needs_growth(set) && 2 * bytes > set->limit);
}
