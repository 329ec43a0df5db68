/*
 * sink_s3_name.c
 *		Names of objects. See sink_s3_name.h.
 */
#include "sink_s3_name.h"

#include <inttypes.h>

#define SINK_S3_MAX_KEY		1024	/* bytes, S3's limit */

/*
 * Of a topic's name in the last part: with position and extension it must stay
 * below the 255 bytes of a file's name. The part before it holds all of it.
 */
#define SINK_S3_MAX_STEM	180

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
	if (out->size > SINK_S3_MAX_KEY)
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

bool
sink_s3_name_object(Buf *out, const SinkS3Names *names, const char *topic,
					Position first, Error *err)
{
	const char *stem = strrchr(topic, '/');

	stem = stem == NULL ? topic : stem + 1;
	prefix_append(out, names->path);
	buf_printf(out, "%s/%.*s-%08" PRIX32 "-%016" PRIX64 "-%010" PRIu64 ".%s%s",
			   topic, SINK_S3_MAX_STEM, stem, names->timeline, first.lsn,
			   first.seq, names->extension, names->suffix);
	return key_check(out, err);
}

bool
sink_s3_name_checkpoint(Buf *out, const SinkS3Names *names, const char *slot,
						const char *sink, Error *err)
{
	prefix_append(out, names->path);
	buf_printf(out, "_pg_fanout/%s/%s.json", slot, sink);
	return key_check(out, err);
}

bool
sink_s3_name_notes(Buf *out, const SinkS3Names *names, const char *slot,
				   const char *sink, Error *err)
{
	prefix_append(out, names->path);
	buf_printf(out, "_pg_fanout/%s/%s.notes", slot, sink);
	return key_check(out, err);
}

bool
sink_s3_name_probe(Buf *out, const SinkS3Names *names, const char *sink,
				   Error *err)
{
	prefix_append(out, names->path);
	buf_printf(out, "_pg_fanout-check-%s", sink);
	return key_check(out, err);
}
