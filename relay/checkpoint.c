/*
 * checkpoint.c
 *		What a sink remembers about its progress, as text. See checkpoint.h.
 *
 * Reading is strict about what it knows and passes over members it does not
 * know: a change that older versions must not ignore raises the number in
 * "pg_fanout". Numbers beyond 2^53 are strings, since other readers of JSON
 * round them.
 */
#include "checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "log.h"

#define CHECKPOINT_VERSION	1

/*
 * Copies a name, cut if it is too long. One that is no UTF-8 (a database in
 * SQL_ASCII) is kept with its bytes beyond ASCII as "%XX": JSON cannot hold
 * it, and to compare it with what was read the same form will do.
 */
static void
name_copy(char *out, size_t room, const char *name)
{
	json_t	   *value;
	size_t		used = 0;

	snprintf(out, room, "%s", name);
	value = json_string(out);
	if (value == NULL)
		for (; *name != '\0' && used + 3 < room; name++)
			used += (size_t) snprintf(out + used, room - used,
									  (unsigned char) *name < 0x80 ?
									  "%c" : "%%%02X",
									  (unsigned char) *name);
	json_decref(value);
}

void
checkpoint_init(Checkpoint *checkpoint, const SlotIdentity *identity,
				const char *sink, Lsn lsn)
{
	memset(checkpoint, 0, sizeof(*checkpoint));
	checkpoint->system_id = identity->system_id;
	checkpoint->timeline = identity->timeline;
	checkpoint->position.lsn = lsn;
	checkpoint->options_hash = identity->options_hash;
	name_copy(checkpoint->slot, sizeof(checkpoint->slot), identity->slot);
	name_copy(checkpoint->database, sizeof(checkpoint->database),
			  identity->database);
	name_copy(checkpoint->sink, sizeof(checkpoint->sink), sink);
}

/* ---- writing ---- */

static int
buf_take(const char *text, size_t size, void *out)
{
	buf_append(out, text, size);
	return buf_failed(out) ? -1 : 0;
}

static json_t *
checkpoint_to_json(const Checkpoint *checkpoint)
{
	char		system_id[24];
	char		hash[24];
	char		lsn[LSN_TEXT_SIZE];
	json_t	   *object;

	snprintf(system_id, sizeof(system_id), "%" PRIu64, checkpoint->system_id);
	snprintf(hash, sizeof(hash), "%016" PRIx64, checkpoint->options_hash);
	object = json_pack("{s:i, s:s, s:I, s:s, s:s, s:s, s:s, s:I, s:s}",
					   "pg_fanout", CHECKPOINT_VERSION,
					   "system_id", system_id,
					   "timeline", (json_int_t) checkpoint->timeline,
					   "slot", checkpoint->slot,
					   "database", checkpoint->database,
					   "sink", checkpoint->sink,
					   "lsn", lsn_format(checkpoint->position.lsn, lsn),
					   "seq", (json_int_t) checkpoint->position.seq,
					   "options_hash", hash);
	if (object != NULL && checkpoint->file_size != 0)
		json_object_set_new(object, "file_size",
							json_integer(checkpoint->file_size));
	if (object != NULL && checkpoint->parts != 0)
		json_object_set_new(object, "parts", json_integer(checkpoint->parts));
	if (object != NULL && checkpoint->exactly_once)
		json_object_set_new(object, "delivery", json_string("exactly-once"));
	if (object != NULL && checkpoint->prefix[0] != '\0')
		json_object_set_new(object, "prefix", json_string(checkpoint->prefix));
	return object;
}

/* Without memory the buffer is marked as failed: nobody stores half of it. */
void
checkpoint_append(Buf *out, const Checkpoint *checkpoint)
{
	json_t	   *object = checkpoint_to_json(checkpoint);

	if (object == NULL ||
		json_dump_callback(object, buf_take, out, JSON_COMPACT) != 0)
		out->failed = true;
	json_decref(object);
}

/* ---- reading ---- */

static bool
bad_member(const char *name, Error *err)
{
	return error_set(err, ERROR_CHECKPOINT,
					 "checkpoint is damaged: \"%s\" is missing or wrong",
					 name);
}

static bool
read_integer(const json_t *object, const char *name, int64_t max,
			 int64_t *value, Error *err)
{
	const json_t *member = json_object_get(object, name);

	if (!json_is_integer(member) || json_integer_value(member) < 0 ||
		json_integer_value(member) > max)
		return bad_member(name, err);
	*value = json_integer_value(member);
	return true;
}

static bool
read_string(const json_t *object, const char *name, char *text, size_t room,
			Error *err)
{
	const json_t *member = json_object_get(object, name);

	if (!json_is_string(member) || json_string_length(member) >= room ||
		strlen(json_string_value(member)) != json_string_length(member))
		return bad_member(name, err);
	memcpy(text, json_string_value(member), json_string_length(member) + 1);
	return true;
}

/* All digits of that base and nothing else. */
static bool
read_number_string(const json_t *object, const char *name, int base,
				   uint64_t *value, Error *err)
{
	char		text[24];
	const char *digits = base == 16 ? "0123456789abcdef" : "0123456789";

	if (!read_string(object, name, text, sizeof(text), err))
		return false;
	if (text[0] == '\0' || text[strspn(text, digits)] != '\0' ||
		strlen(text) > (base == 16 ? 16 : 20))
		return bad_member(name, err);
	errno = 0;
	*value = strtoull(text, NULL, base);
	return errno == 0 || bad_member(name, err);
}

static bool
read_lsn(const json_t *object, Lsn *lsn, Error *err)
{
	char		text[LSN_TEXT_SIZE];

	if (!read_string(object, "lsn", text, sizeof(text), err))
		return false;
	return lsn_parse(text, lsn) || bad_member("lsn", err);
}

/* What only some sinks write. */
static bool
checkpoint_read_rest(Checkpoint *checkpoint, const json_t *object, Error *err)
{
	int64_t		parts = 0;

	checkpoint->exactly_once =
		json_object_get(object, "delivery") != NULL;
	if (json_object_get(object, "parts") != NULL &&
		!read_integer(object, "parts", UINT32_MAX, &parts, err))
		return false;
	checkpoint->parts = (uint32_t) parts;
	if (json_object_get(object, "prefix") != NULL &&
		!read_string(object, "prefix", checkpoint->prefix,
					 sizeof(checkpoint->prefix), err))
		return false;
	return json_object_get(object, "file_size") == NULL ||
		read_integer(object, "file_size", INT64_MAX, &checkpoint->file_size,
					 err);
}

static bool
checkpoint_read(Checkpoint *checkpoint, const json_t *object, Error *err)
{
	int64_t		version;
	int64_t		timeline;
	int64_t		seq;

	if (!read_integer(object, "pg_fanout", INT32_MAX, &version, err))
		return false;
	if (version != CHECKPOINT_VERSION)
	{
		error_set(err, ERROR_CHECKPOINT,
				  "checkpoint has format %" PRId64 ", which this version does not know",
				  version);
		return error_hint(err,
						  "A newer pg_fanout wrote it: use that version.");
	}
	if (!read_integer(object, "timeline", UINT32_MAX, &timeline, err) ||
		!read_integer(object, "seq", INT64_MAX, &seq, err))
		return false;
	checkpoint->timeline = (uint32_t) timeline;
	checkpoint->position.seq = (uint64_t) seq;
	return checkpoint_read_rest(checkpoint, object, err) &&
		read_number_string(object, "system_id", 10, &checkpoint->system_id,
						   err) &&
		read_number_string(object, "options_hash", 16,
						   &checkpoint->options_hash, err) &&
		read_string(object, "slot", checkpoint->slot, sizeof(checkpoint->slot),
					err) &&
		read_string(object, "database", checkpoint->database,
					sizeof(checkpoint->database), err) &&
		read_string(object, "sink", checkpoint->sink, sizeof(checkpoint->sink),
					err) &&
		read_lsn(object, &checkpoint->position.lsn, err);
}

bool
checkpoint_parse(Checkpoint *checkpoint, Slice text, Error *err)
{
	json_error_t fault;
	json_t	   *object;
	bool		ok;

	memset(checkpoint, 0, sizeof(*checkpoint));
	object = json_loadb((const char *) text.data, text.size,
						JSON_REJECT_DUPLICATES, &fault);
	if (object == NULL)
	{
		error_set(err, ERROR_CHECKPOINT, "checkpoint is damaged: not JSON");
		return error_detail(err, "At byte %d: %s.", fault.position,
							fault.text);
	}
	ok = json_is_object(object) ? checkpoint_read(checkpoint, object, err) :
		error_set(err, ERROR_CHECKPOINT,
				  "checkpoint is damaged: not an object");
	json_decref(object);
	return ok;
}

/* ---- verifying ---- */

static bool
other_identity(const char *what, const char *found, const char *expected,
			   const char *sink, Error *err)
{
	error_set(err, ERROR_CHECKPOINT,
			  "checkpoint of sink \"%s\" belongs to another %s", sink, what);
	error_detail(err, "It was written for %s \"%s\", this one is \"%s\".",
				 what, found, expected);
	return error_hint(err, "Give the sink another name or place, or remove its checkpoint to begin anew where the slot stands.");
}

static bool
verify_names(const Checkpoint *checkpoint, const Checkpoint *expected,
			 Error *err)
{
	char		found_id[24];
	char		expected_id[24];

	snprintf(found_id, sizeof(found_id), "%" PRIu64, checkpoint->system_id);
	snprintf(expected_id, sizeof(expected_id), "%" PRIu64,
			 expected->system_id);
	if (checkpoint->system_id != expected->system_id)
		return other_identity("database system", found_id, expected_id,
							  expected->sink, err);
	if (strcmp(checkpoint->database, expected->database) != 0)
		return other_identity("database", checkpoint->database,
							  expected->database, expected->sink, err);
	if (strcmp(checkpoint->slot, expected->slot) != 0)
		return other_identity("slot", checkpoint->slot, expected->slot,
							  expected->sink, err);
	if (strcmp(checkpoint->sink, expected->sink) != 0)
		return other_identity("sink", checkpoint->sink, expected->sink,
							  expected->sink, err);
	return true;
}

/*
 * A newer timeline means that the server was taken back to before the
 * checkpoint's history began: what the sink holds may never have happened.
 */
static bool
verify_timeline(const Checkpoint *checkpoint, const Checkpoint *expected,
				Error *err)
{
	if (checkpoint->timeline > expected->timeline)
	{
		error_set(err, ERROR_CHECKPOINT,
				  "checkpoint of sink \"%s\" is from timeline %u, the server is on timeline %u",
				  expected->sink, checkpoint->timeline, expected->timeline);
		error_detail(err, "The server was restored from a backup, or this is a server that was left behind by a failover; the sink may hold changes that this server does not have.");
		return error_hint(err, "Connect to the newer server. If this one is right, compare the sink's data with the tables, then remove the checkpoint to begin anew where the slot stands.");
	}
	if (checkpoint->timeline < expected->timeline)
		log_info("sink \"%s\": timeline went from %u to %u since its checkpoint",
				 expected->sink, checkpoint->timeline, expected->timeline);
	return true;
}

static bool
verify_position(const Checkpoint *checkpoint, const Checkpoint *expected,
				Error *err)
{
	char		slot[LSN_TEXT_SIZE];
	char		sink[LSN_TEXT_SIZE];

	if (checkpoint->position.lsn >= expected->position.lsn)
		return true;
	lsn_format(expected->position.lsn, slot);
	lsn_format(checkpoint->position.lsn, sink);
	error_set(err, ERROR_CHECKPOINT,
			  "slot \"%s\" is at %s, ahead of sink \"%s\", which is at %s",
			  expected->slot, slot, expected->sink, sink);
	error_detail(err, "The slot no longer holds the changes between %s and %s: something else read or advanced it, or it was created anew.",
				 sink, slot);
	return error_hint(err, "Look with: SELECT slot_name, confirmed_flush_lsn FROM pg_replication_slots; If the changes in between can be done without, or were copied in another way, remove the sink's checkpoint to begin at the slot's position.");
}

bool
checkpoint_verify(const Checkpoint *checkpoint, const SlotIdentity *identity,
				  const char *sink, Error *err)
{
	Checkpoint	expected;

	checkpoint_init(&expected, identity, sink, identity->confirmed);
	if (!verify_names(checkpoint, &expected, err) ||
		!verify_timeline(checkpoint, &expected, err) ||
		!verify_position(checkpoint, &expected, err))
		return false;
	if (checkpoint->options_hash != expected.options_hash)
		log_warning("sink \"%s\": the source's options have changed since its checkpoint: from here on other changes may be selected",
					sink);
	return true;
}
