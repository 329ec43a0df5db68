/*
 * lake_manifest.c
 *		Text of manifests. See lake_manifest.h.
 *
 * Reading passes over members it does not know; what older versions must not
 * ignore raises the number in "pg_fanout_manifest".
 */
#include "lake_manifest.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "json_value.h"

#define MANIFEST_VERSION	1

/* ---- writing ---- */

static void
append_text(Buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	json_append_string(out, slice_of(text));
}

static void
append_number(Buf *out, const char *name, uint64_t number)
{
	buf_printf(out, ",\"%s\":%" PRIu64, name, number);
}

static void
append_position(Buf *out, const char *name, Position position)
{
	char		lsn[LSN_TEXT_SIZE];

	buf_printf(out, ",\"%s\":[\"%s\",%" PRIu64 "]", name,
			   lsn_format(position.lsn, lsn), position.seq);
}

void
lake_entry_append(Buf *list, const LakeEntry *entry)
{
	if (list->size > 0)
		buf_append_byte(list, ',');
	buf_append_string(list, "{\"key\":");
	json_append_string(list, slice_of(entry->key));
	append_text(list, "topic", entry->topic);
	append_position(list, "first", entry->first);
	append_position(list, "last", entry->last);
	append_number(list, "records", entry->records);
	append_number(list, "bytes", entry->bytes);
	buf_printf(list, ",\"crc32\":\"%08" PRIx32 "\"", entry->crc);
	if (entry->schema != 0)
		buf_printf(list, ",\"schema\":\"%016" PRIx64 "\"", entry->schema);
	buf_append_byte(list, '}');
}

void
lake_manifest_append(Buf *out, const LakeManifest *manifest,
					 Slice entries)
{
	const Checkpoint *owner = &manifest->owner;
	char		lsn[LSN_TEXT_SIZE];

	buf_printf(out, "{\"pg_fanout_manifest\":%d", MANIFEST_VERSION);
	append_number(out, "number", manifest->number);
	append_text(out, "prev_end", lsn_format(manifest->prev_end, lsn));
	append_text(out, "end", lsn_format(owner->position.lsn, lsn));
	append_number(out, "records", manifest->records);
	buf_printf(out, ",\"system_id\":\"%" PRIu64 "\"", owner->system_id);
	append_number(out, "timeline", owner->timeline);
	append_text(out, "slot", owner->slot);
	append_text(out, "database", owner->database);
	append_text(out, "sink", owner->sink);
	append_number(out, "epoch", manifest->epoch);
	append_number(out, "notes", manifest->notes);
	append_number(out, "intents", manifest->intents);
	append_text(out, "prev_hash", manifest->prev_hash);
	buf_append_string(out, ",\"objects\":[");
	buf_append_slice(out, entries);
	buf_append_string(out, "]}\n");
}

/* ---- reading ---- */

typedef struct Reader
{
	const json_t *object;
	const char *bad;			/* the first member that was wrong */
} Reader;

static uint64_t
read_number(Reader *reader, const char *name)
{
	const json_t *member = json_object_get(reader->object, name);

	if (!json_is_integer(member) || json_integer_value(member) < 0)
	{
		reader->bad = reader->bad != NULL ? reader->bad : name;
		return 0;
	}
	return (uint64_t) json_integer_value(member);
}

static const char *
read_text(Reader *reader, const char *name)
{
	const json_t *member = json_object_get(reader->object, name);

	if (!json_is_string(member))
	{
		reader->bad = reader->bad != NULL ? reader->bad : name;
		return "";
	}
	return json_string_value(member);
}

static void
read_name(Reader *reader, const char *name, char *out, size_t room)
{
	snprintf(out, room, "%s", read_text(reader, name));
}

static Lsn
read_lsn(Reader *reader, const char *name)
{
	Lsn			lsn = LSN_INVALID;

	if (!lsn_parse(read_text(reader, name), &lsn) && reader->bad == NULL)
		reader->bad = name;
	return lsn;
}

static Position
read_position(Reader *reader, const char *name)
{
	const json_t *member = json_object_get(reader->object, name);
	const char *text = json_string_value(json_array_get(member, 0));
	const json_t *seq = json_array_get(member, 1);
	Position	position = {0};

	if (text == NULL || !json_is_integer(seq) ||
		!lsn_parse(text, &position.lsn))
		reader->bad = reader->bad != NULL ? reader->bad : name;
	else
		position.seq = (uint64_t) json_integer_value(seq);
	return position;
}

static bool
reader_end(const Reader *reader, Error *err)
{
	return reader->bad == NULL ||
		error_set(err, ERROR_CHECKPOINT,
				  "manifest is damaged: \"%s\" is missing or wrong",
				  reader->bad);
}

static bool
read_entry(const json_t *object, LakeTake take, void *context, Error *err)
{
	Reader		reader = {.object = object};
	const char *schema =
		json_string_value(json_object_get(object, "schema"));
	LakeEntry entry = {
		.key = read_text(&reader, "key"),
		.topic = read_text(&reader, "topic"),
		.first = read_position(&reader, "first"),
		.last = read_position(&reader, "last"),
		.records = read_number(&reader, "records"),
		.bytes = read_number(&reader, "bytes"),
		.crc = (uint32_t) strtoul(read_text(&reader, "crc32"), NULL, 16),
		.schema = schema == NULL ? 0 : strtoull(schema, NULL, 16)
	};

	return reader_end(&reader, err) && take(&entry, context, err);
}

static bool
read_header(LakeManifest *manifest, const json_t *object, Error *err)
{
	Reader		reader = {.object = object};
	Checkpoint *owner = &manifest->owner;

	if (read_number(&reader, "pg_fanout_manifest") > MANIFEST_VERSION)
	{
		error_set(err, ERROR_CHECKPOINT,
				  "manifest has a format which this version does not know");
		return error_hint(err,
						  "A newer pg_fanout wrote it: use that version.");
	}
	memset(manifest, 0, sizeof(*manifest));
	manifest->number = read_number(&reader, "number");
	manifest->epoch = read_number(&reader, "epoch");
	manifest->notes = read_number(&reader, "notes");
	manifest->intents = read_number(&reader, "intents");
	manifest->records = read_number(&reader, "records");
	manifest->prev_end = read_lsn(&reader, "prev_end");
	owner->position.lsn = read_lsn(&reader, "end");
	owner->timeline = (uint32_t) read_number(&reader, "timeline");
	owner->system_id = strtoull(read_text(&reader, "system_id"), NULL, 10);
	read_name(&reader, "slot", owner->slot, sizeof(owner->slot));
	read_name(&reader, "database", owner->database, sizeof(owner->database));
	read_name(&reader, "sink", owner->sink, sizeof(owner->sink));
	read_name(&reader, "prev_hash", manifest->prev_hash,
			  sizeof(manifest->prev_hash));
	return reader_end(&reader, err);
}

bool
lake_manifest_parse(LakeManifest *manifest, Slice text, LakeTake take,
					void *context, Error *err)
{
	json_error_t fault;
	json_t	   *object = json_loadb((const char *) text.data, text.size,
									JSON_REJECT_DUPLICATES, &fault);
	const json_t *objects = json_object_get(object, "objects");
	bool		ok;

	if (!json_is_object(object) || !json_is_array(objects))
	{
		json_decref(object);
		error_set(err, ERROR_CHECKPOINT,
				  "manifest is damaged: no JSON, or without objects");
		return error_hint(err, "Restore it, or give the sink another name or place to begin a chain anew.");
	}
	ok = read_header(manifest, object, err);
	manifest->objects = json_array_size(objects);
	for (size_t i = 0; ok && take != NULL && i < manifest->objects; i++)
		ok = read_entry(json_array_get(objects, i), take, context, err);
	json_decref(object);
	return ok;
}
