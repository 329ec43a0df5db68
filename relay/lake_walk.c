/*
 * lake_walk.c
 *		Walks a chain of manifests. See lake_walk.h.
 *
 * What is kept of a chain while it is walked is the last position of each
 * topic and one roll-up.
 */
#include "lake_walk.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "clock.h"
#include "lake_content.h"

#define VERIFY_RANGE	((uint64_t) 8 << 20)

/* ---- saying ---- */

void
lake_walk_say(LakeWalk *walk, bool fault, const char *format,...)
{
	char		line[2048];
	va_list		args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	walk->verify->faults += fault;
	walk->verify->say(fault, line);
}

/* ---- asking ---- */

bool
lake_walk_ask(LakeWalk *walk, StoreRequest request, Error *err)
{
	store_release(walk->store, &walk->request);
	walk->request = request;
	walk->request.deadline = clock_now() + walk->timeout;
	store_start(walk->store, &walk->request);
	store_wait(walk->store, &walk->request);
	if (walk->request.state != STORE_FAILED)
		return true;
	*err = walk->request.error;
	return false;
}

static bool
ask_control(LakeWalk *walk, LakeKind kind, uint64_t number, Error *err)
{
	StoreRequest get = {.verb = STORE_GET};

	buf_clear(&walk->key);
	if (!lake_name_control(&walk->key, &walk->names, kind, number, err))
		return false;
	get.key = buf_string(&walk->key);
	return lake_walk_ask(walk, get, err);
}

static bool
is_missing(const LakeWalk *walk)
{
	return walk->request.state == STORE_MISSING;
}

/* ---- objects ---- */

/* The place of a topic, or where it belongs. */
static size_t
topic_place(const LakeWalk *walk, const char *topic)
{
	size_t		low = 0;
	size_t		high = walk->topic_count;

	while (low < high)
	{
		size_t		middle = (low + high) / 2;

		if (strcmp(walk->topics[middle].topic, topic) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static LakeTopicEnd *
topic_end(LakeWalk *walk, const char *topic, Error *err)
{
	size_t		place = topic_place(walk, topic);
	LakeTopicEnd   *more;
	char	   *copy;

	if (place < walk->topic_count &&
		strcmp(walk->topics[place].topic, topic) == 0)
		return &walk->topics[place];
	copy = strdup(topic);
	more = realloc(walk->topics, (walk->topic_count + 1) * sizeof(*more));
	if (more != NULL)
		walk->topics = more;
	if (copy == NULL || more == NULL)
	{
		free(copy);
		error_no_memory(err);
		return NULL;
	}
	memmove(&more[place + 1], &more[place],
			(walk->topic_count - place) * sizeof(*more));
	more[place] = (LakeTopicEnd) {.topic = copy};
	walk->topic_count++;
	return &more[place];
}

/*
 * A heartbeat has the position of what was last delivered: (commit end, 0),
 * which may be the end of its manifest, and the next one may have it again.
 */
static bool
check_positions(LakeWalk *walk, const LakeEntry *entry, Error *err)
{
	LakeTopicEnd   *end = topic_end(walk, entry->topic, err);
	Position	from = {walk->manifest.prev_end, 0};
	Position	to = {walk->manifest.owner.position.lsn, 0};

	if (end == NULL)
		return false;
	if (position_before(entry->first, from) ||
		position_before(to, entry->last) ||
		position_before(entry->last, entry->first))
		lake_walk_say(walk, true, "manifest %" PRIu64 ": \"%s\" has positions outside of it",
					  walk->manifest.number, entry->key);
	if (end->topic != NULL && !position_before(end->last, entry->first) &&
		!(entry->first.seq == 0 && end->last.lsn == entry->first.lsn) &&
		end->last.lsn != LSN_INVALID)
		lake_walk_say(walk, true, "manifest %" PRIu64 ": \"%s\" overlaps the object before it",
					  walk->manifest.number, entry->key);
	end->last = entry->last;
	return true;
}

/* false: it could not be read. A fault is said, not returned. */
static bool
read_content(LakeWalk *walk, const LakeEntry *entry, LakeContent *content,
			 Error *err)
{
	while (lake_content_bytes(content) < entry->bytes)
	{
		uint64_t	at = lake_content_bytes(content);
		StoreRequest get = {.verb = STORE_GET,.key = entry->key,.offset = at};
		Slice		bytes;

		get.size = entry->bytes - at < VERIFY_RANGE ? entry->bytes - at :
			VERIFY_RANGE;
		if (!lake_walk_ask(walk, get, err))
			return false;
		bytes = buf_slice(&walk->request.answer);
		if (is_missing(walk) || bytes.size == 0)
			return error_set(err, ERROR_VERIFY, "it ended while it was read");
		if (!lake_content_add(content, bytes, err))
			return false;
	}
	return lake_content_end(content, err);
}

static bool
check_content(LakeWalk *walk, const LakeEntry *entry, Error *err)
{
	LakeContent *content = lake_content_new(entry->key, err);
	bool		ok = content != NULL &&
		read_content(walk, entry, content, err);

	if (ok && lake_content_crc(content) != entry->crc)
		lake_walk_say(walk, true, "\"%s\": its checksum is %08" PRIx32 ", not %08" PRIx32,
					  entry->key, lake_content_crc(content), entry->crc);
	else if (ok && lake_content_records(content) != entry->records)
		lake_walk_say(walk, true,
					  "\"%s\" holds %" PRIu64 " records, not %" PRIu64,
					  entry->key, lake_content_records(content),
					  entry->records);
	else if (!ok && err->code == ERROR_VERIFY)
	{
		lake_walk_say(walk, true, "\"%s\": %s", entry->key, err->message);
		ok = true;
	}
	lake_content_free(content);
	return ok;
}

static bool
check_object(const LakeEntry *entry, void *context, Error *err)
{
	LakeWalk *walk = context;
	StoreRequest head = {.verb = STORE_HEAD,.key = entry->key};

	walk->objects++;
	walk->records += entry->records;
	walk->listed += entry->records;
	walk->bytes += entry->bytes;
	if (!check_positions(walk, entry, err) || !lake_walk_ask(walk, head, err))
		return false;
	if (is_missing(walk))
		lake_walk_say(walk, true, "\"%s\" is missing", entry->key);
	else if (walk->request.size != entry->bytes)
		lake_walk_say(walk, true, "\"%s\" has %" PRIu64 " bytes, not %" PRIu64,
					  entry->key, walk->request.size, entry->bytes);
	else if (walk->verify->content)
		return check_content(walk, entry, err);
	return true;
}

/* ---- roll-ups ---- */

static bool
next_rollup(LakeWalk *walk, Error *err)
{
	buf_clear(&walk->rollup);
	walk->rollup_at = 0;
	if (!ask_control(walk, LAKE_ROLLUP, ++walk->rollup_number, err))
		return false;
	if (is_missing(walk))
		lake_walk_say(walk, true, "\"%s\" is missing", walk->request.key);
	else
		buf_append_slice(&walk->rollup, buf_slice(&walk->request.answer));
	return true;
}

/* Whether the roll-up says the same of a manifest. */
static bool
check_rollup(LakeWalk *walk, uint64_t number, Slice text, Error *err)
{
	const uint8_t *at;

	if (number > walk->pointer.chain.rolled)
		return true;
	if (walk->rollup_at >= walk->rollup.size &&
		walk->rollup_number < walk->pointer.chain.rollups &&
		!next_rollup(walk, err))
		return false;
	at = walk->rollup.data + walk->rollup_at;
	if (walk->rollup.size - walk->rollup_at < text.size ||
		memcmp(at, text.data, text.size) != 0)
		lake_walk_say(walk, true, "roll-up %" PRIu64 " does not have manifest %" PRIu64,
					  walk->rollup_number, number);
	walk->rollup_at += text.size;
	return true;
}

/* ---- manifests ---- */

static void
check_link(LakeWalk *walk, uint64_t number)
{
	const LakeManifest *manifest = &walk->manifest;
	char		before[LSN_TEXT_SIZE];
	char		from[LSN_TEXT_SIZE];

	if (manifest->number != number ||
		manifest->owner.system_id != walk->pointer.system_id)
		lake_walk_say(walk, true, "manifest %" PRIu64 " is another chain's", number);
	if (walk->hash[0] == '\0')
		return;
	if (manifest->prev_end != walk->end)
		lake_walk_say(walk, true, "manifest %" PRIu64 " begins at %s, the one before ends at %s: %s",
					  number, lsn_format(manifest->prev_end, from),
					  lsn_format(walk->end, before),
					  manifest->prev_end > walk->end ? "a gap" : "an overlap");
	else if (strcmp(manifest->prev_hash, walk->hash) != 0)
		lake_walk_say(walk, true, "manifest %" PRIu64 " follows another text of the one before",
					  number);
	if (manifest->owner.position.lsn < manifest->prev_end)
		lake_walk_say(walk, true, "manifest %" PRIu64 " ends before it begins", number);
}

static bool
check_manifest(LakeWalk *walk, uint64_t number, Slice text, Error *err)
{
	LakeManifest *manifest = &walk->manifest;

	if (!lake_manifest_parse(manifest, text, NULL, NULL, err))
	{
		lake_walk_say(walk, true, "manifest %" PRIu64 ": %s", number, err->message);
		walk->hash[0] = '\0';
		return true;
	}
	check_link(walk, number);
	if (walk->manifests++ == 0)
		walk->begin = manifest->prev_end;
	walk->listed = 0;
	if (!lake_manifest_parse(manifest, text, check_object, walk, err))
		return false;
	if (walk->listed != manifest->records)
		lake_walk_say(walk, true, "manifest %" PRIu64 " says %" PRIu64 " records, its objects %" PRIu64,
					  number, manifest->records, walk->listed);
	walk->end = manifest->owner.position.lsn;
	sigv4_hash(text, walk->hash);
	return true;
}

/* *last: there is no such manifest, and none is to be. */
static bool
walk_manifest(LakeWalk *walk, uint64_t number, bool *last, Error *err)
{
	Buf			text;
	bool		ok;

	if (!ask_control(walk, LAKE_MANIFEST, number, err))
		return false;
	*last = is_missing(walk) && number > walk->pointer.chain.manifest;
	if (*last)
		return true;
	if (is_missing(walk))
	{
		lake_walk_say(walk, true, "manifest %" PRIu64 " is missing", number);
		walk->hash[0] = '\0';
		return true;
	}
	/* its objects are asked for with the same request */
	text = walk->request.answer;
	walk->request.answer = (Buf) {0};
	ok = check_rollup(walk, number, buf_slice(&text), err) &&
		check_manifest(walk, number, buf_slice(&text), err);
	buf_free(&text);
	return ok;
}

static void
say_totals(LakeWalk *walk, uint64_t faults)
{
	char		begin[LSN_TEXT_SIZE];
	char		end[LSN_TEXT_SIZE];

	lake_walk_say(walk, false, "chain %s/%s: %" PRIu64 " manifests from %s to %s list %" PRIu64
		" objects with %" PRIu64 " records in %" PRIu64 " bytes; %" PRIu64 " faults",
				  walk->names.slot, walk->names.sink, walk->manifests,
				  lsn_format(walk->begin, begin), lsn_format(walk->end, end),
				  walk->objects, walk->records, walk->bytes, faults);
}

static bool
walk_manifests(LakeWalk *walk, Error *err)
{
	uint64_t	faults = walk->verify->faults;
	bool		last = false;

	for (uint64_t number = 1; !last; number++)
		if (!walk_manifest(walk, number, &last, err))
			return false;
	if (walk->pointer.position.lsn < walk->end &&
		walk->pointer.chain.manifest >= walk->manifests)
		lake_walk_say(walk, true, "the pointer lies before the last manifest's end");
	say_totals(walk, walk->verify->faults - faults);
	return true;
}

bool
lake_walk_chain(LakeWalk *walk, Error *err)
{
	if (!ask_control(walk, LAKE_POINTER, 0, err))
		return false;
	if (is_missing(walk) ||
		!checkpoint_parse(&walk->pointer, buf_slice(&walk->request.answer),
						  err) ||
		!walk->pointer.chain.exists)
	{
		lake_walk_say(walk, true, "\"%s\" is no pointer to a chain of manifests",
					  walk->request.key);
		return true;
	}
	return walk_manifests(walk, err);
}

void
lake_walk_init(LakeWalk *walk)
{
	buf_init(&walk->key, LAKE_KEY_LIMIT);
	buf_init(&walk->rollup, 2 * STORE_MAX_ANSWER);
}

void
lake_walk_free(LakeWalk *walk)
{
	store_release(walk->store, &walk->request);
	buf_free(&walk->key);
	buf_free(&walk->rollup);
	for (size_t i = 0; i < walk->topic_count; i++)
		free(walk->topics[i].topic);
	free(walk->topics);
}
