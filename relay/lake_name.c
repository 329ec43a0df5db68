/*
 * lake_name.c
 *		Names of objects. See lake_name.h.
 */
#include "lake_name.h"

#include <inttypes.h>
#include <stdlib.h>

#define LAKE_MAX_KEY		1024	/* bytes, S3's limit */

/*
 * Of a topic's name in the last part: with position and extension it must stay
 * below the 255 bytes of a file's name. The part before it holds all of it.
 */
#define LAKE_MAX_STEM	140

/* Whether a part is empty, "." or "..": no path may have these. */
static bool
key_has_odd_part(const char *key)
{
	for (;;)
	{
		size_t		size = strcspn(key, "/");

		if (size == 0 || (size <= 2 && strspn(key, ".") >= size))
			return true;
		if (key[size] == '\0')
			return false;
		key += size + 1;
	}
}

static bool
key_check(Buf *out, Error *err)
{
	const char *key = buf_string(out);

	if (key == NULL)
		return error_no_memory(err);
	if (out->size > LAKE_MAX_KEY)
		return error_set(err, ERROR_RECORD,
						 "name of an object is too long: \"%.200s...\"",
						 key);
	if (key_has_odd_part(key))
	{
		error_set(err, ERROR_RECORD, "\"%s\" cannot name an object", key);
		return error_hint(err, "Neither the URL's path nor a topic may have an empty part, "
						  "\".\" or \"..\" in it.");
	}
	return true;
}

/* Without slashes at the ends, with one behind. */
static void
prefix_append(Buf *out, const char *path)
{
	size_t		size;

	if (path == NULL)
		return;
	path += strspn(path, "/");
	size = strlen(path);
	while (size > 0 && path[size - 1] == '/')
		size--;
	buf_append(out, path, size);
	if (size > 0)
		buf_append_byte(out, '/');
}

void
lake_name_prefix(Buf *out, const LakeNames *names)
{
	prefix_append(out, names->path);
}

/* ---- who wrote it ---- */

/* FNV-1a, of 64 bits. The NUL goes in too, as what parts one from the next. */
static uint64_t
hash_text(uint64_t hash, const char *text)
{
	do
		hash = (hash ^ (uint8_t) *text) * UINT64_C(1099511628211);
	while (*text++ != '\0');
	return hash;
}

void
lake_name_chain(LakeNames *names, uint64_t system_id)
{
	uint64_t	hash = UINT64_C(14695981039346656037);
	char		system[24];

	snprintf(system, sizeof(system), "%" PRIu64, system_id);
	hash = hash_text(hash, system);
	hash = hash_text(hash, names->slot);
	hash = hash_text(hash, names->sink);
	snprintf(names->chain, sizeof(names->chain), "%016" PRIX64, hash);
}

void
lake_name_owner(const LakeNames *names, char *out, size_t room)
{
	snprintf(out, room, "%s-%" PRIu64, names->chain, names->epoch);
}

bool
lake_name_epoch(const LakeNames *names, const char *key, uint64_t *epoch)
{
	const char *slash = strrchr(key, '/');
	const char *name = slash == NULL ? key : slash + 1;
	const char *found = NULL;
	const char *digits;

	/* the last one: a topic may look like it */
	for (const char *at = strstr(name, names->chain); at != NULL;
		 at = strstr(at + 1, names->chain))
		found = at;
	if (found == NULL || (found != name && found[-1] != '-') ||
		found[strlen(names->chain)] != '-')
		return false;
	digits = found + strlen(names->chain) + 1;
	if (digits[strspn(digits, "0123456789")] != '.' || digits[0] == '.')
		return false;
	*epoch = strtoull(digits, NULL, 10);
	return true;
}

/* ---- names ---- */

bool
lake_name_object(Buf *out, const LakeNames *names, const char *topic,
				 Position first, Error *err)
{
	const char *stem = strrchr(topic, '/');

	stem = stem == NULL ? topic : stem + 1;
	prefix_append(out, names->path);
	buf_printf(out, "%s/%.*s-%08" PRIX32 "-%016" PRIX64 "-%010" PRIu64
			   "-%s-%" PRIu64 ".%s%s",
			   topic, LAKE_MAX_STEM, stem, names->timeline, first.lsn,
			   first.seq, names->chain, names->epoch, names->extension,
			   names->suffix);
	return key_check(out, err);
}

bool
lake_name_control(Buf *out, const LakeNames *names, LakeKind kind,
				  uint64_t number, Error *err)
{
	prefix_append(out, names->path);
	buf_printf(out, "_pg_fanout/%s/%s", names->slot, names->sink);
	switch (kind)
	{
		case LAKE_POINTER:
			buf_append_string(out, ".json");
			break;
		case LAKE_MANIFEST:
			buf_printf(out, "/manifest-%016" PRIu64 ".json", number);
			break;
		case LAKE_ROLLUP:
			buf_printf(out, "/rollup-%016" PRIu64 ".jsonl", number);
			break;
		case LAKE_INTENT:
			buf_printf(out, "/intent-%016" PRIu64 ".json", number);
			break;
		case LAKE_NOTES:
			if (number == 0)
				buf_append_string(out, ".notes");
			else
				buf_printf(out, "/notes-%" PRIu64, number);
			break;
	}
	return key_check(out, err);
}

bool
lake_name_probe(Buf *out, const LakeNames *names, const char *sink,
				Error *err)
{
	prefix_append(out, names->path);
	buf_printf(out, "_pg_fanout-check-%s", sink);
	return key_check(out, err);
}
