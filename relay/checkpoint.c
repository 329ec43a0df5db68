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
#define CHECKPOINT_CHAINED	2	/* the version of one with a chain */

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
	checkpoint->snapshot = identity->snapshot;
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
chain_to_json(const CheckpointChain *chain)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}",
					 "manifest", (json_int_t) chain->manifest,
					 "epoch", (json_int_t) chain->epoch,
					 "notes", (json_int_t) chain->notes,
					 "intents", (json_int_t) chain->intents,
					 "rollups", (json_int_t) chain->rollups,
					 "rolled", (json_int_t) chain->rolled);
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
					   "pg_fanout", checkpoint->chain.exists ?
					   CHECKPOINT_CHAINED : CHECKPOINT_VERSION,
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
	if (object != NULL && checkpoint->position.lsn < checkpoint->snapshot)
		json_object_set_new(object, "snapshot",
							json_string(lsn_format(checkpoint->snapshot,
												   lsn)));
	if (object != NULL && checkpoint->chain.exists)
		json_object_set_new(object, "chain",
							chain_to_json(&checkpoint->chain));
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
read_lsn(const json_t *object, const char *name, Lsn *lsn, Error *err)
{
	char		text[LSN_TEXT_SIZE];

	if (!read_string(object, name, text, sizeof(text), err))
		return false;
	return lsn_parse(text, lsn) || bad_member(name, err);
}

static bool
read_count(const json_t *object, const char *name, uint64_t *value, Error *err)
{
	int64_t		count;

	if (!read_integer(object, name, INT64_MAX, &count, err))
		return false;
	*value = (uint64_t) count;
	return true;
}

static bool
read_chain(const json_t *object, CheckpointChain *chain, Error *err)
{
	const json_t *member = json_object_get(object, "chain");

	if (!json_is_object(member))
		return bad_member("chain", err);
	chain->exists = true;
	return read_count(member, "manifest", &chain->manifest, err) &&
		read_count(member, "epoch", &chain->epoch, err) &&
		read_count(member, "notes", &chain->notes, err) &&
		read_count(member, "intents", &chain->intents, err) &&
		read_count(member, "rollups", &chain->rollups, err) &&
		read_count(member, "rolled", &chain->rolled, err);
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
	if (json_object_get(object, "snapshot") != NULL &&
		!read_lsn(object, "snapshot", &checkpoint->snapshot, err))
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
	if (version == CHECKPOINT_CHAINED &&
		!read_chain(object, &checkpoint->chain, err))
		return false;
	if (version != CHECKPOINT_VERSION && version != CHECKPOINT_CHAINED)
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
		read_lsn(object, "lsn", &checkpoint->position.lsn, err);
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
other_system(const Checkpoint *checkpoint, const Checkpoint *expected,
			 Error *err)
{
	error_set(err, ERROR_SYSTEM,
			  "checkpoint of sink \"%s\" belongs to another database system",
			  expected->sink);
	error_detail(err, "It was written for system identifier %" PRIu64
				 ", this server's is %" PRIu64 ".", checkpoint->system_id,
				 expected->system_id);
	return error_hint(err, "Check where the connection goes to. After pg_upgrade, or a dump and restore, positions mean nothing any more: copy the tables again, then remove the sink's checkpoint (or give the sink another name) to begin anew where the slot stands.");
}

bool
checkpoint_belongs(const Checkpoint *checkpoint, const SlotIdentity *identity,
				   const char *sink, Error *err)
{
	Checkpoint	expected;

	checkpoint_init(&expected, identity, sink, LSN_INVALID);
	if (checkpoint->system_id != expected.system_id)
		return other_system(checkpoint, &expected, err);
	if (strcmp(checkpoint->database, expected.database) != 0)
		return other_identity("database", checkpoint->database,
							  expected.database, expected.sink, err);
	if (strcmp(checkpoint->slot, expected.slot) != 0)
		return other_identity("slot", checkpoint->slot, expected.slot,
							  expected.sink, err);
	if (strcmp(checkpoint->sink, expected.sink) != 0)
		return other_identity("sink", checkpoint->sink, expected.sink,
							  expected.sink, err);
	return true;
}

static bool
verify_timeline(const Checkpoint *checkpoint, const SlotIdentity *identity,
				const char *sink, Error *err)
{
	const Timelines only = {.current = identity->timeline};

	if (!timelines_hold(identity->timelines != NULL ? identity->timelines :
						&only, checkpoint->timeline, checkpoint->position,
						sink, err))
		return false;
	if (checkpoint->timeline != TIMELINE_UNKNOWN &&
		checkpoint->timeline < identity->timeline)
		log_info("sink \"%s\": timeline went from %u to %u since its checkpoint",
				 sink, checkpoint->timeline, identity->timeline);
	return true;
}

/* The spool holds what the slot no longer has, but not from here on. */
static bool
spool_is_short(const SlotIdentity *identity, const char *sink, Lsn lsn,
			   Error *err)
{
	char		spool[LSN_TEXT_SIZE];
	char		at[LSN_TEXT_SIZE];

	lsn_format(identity->covered, spool);
	lsn_format(lsn, at);
	error_set(err, ERROR_CHECKPOINT,
			  "the spool begins at %s, ahead of sink \"%s\", which is at %s",
			  spool, sink, at);
	error_detail(err, "Neither the spool nor slot \"%s\" holds the changes between %s and %s.",
				 identity->slot, at, spool);
	return error_hint(err, "Were files of the spool removed, or is the sink's checkpoint an old one? If the changes in between can be done without, or were copied in another way, remove the sink's checkpoint to begin at the slot's position.");
}

static bool
slot_is_new(const SlotIdentity *identity, const char *sink, Lsn lsn,
			Error *err)
{
	char		begin[LSN_TEXT_SIZE];
	char		at[LSN_TEXT_SIZE];

	error_set(err, ERROR_SLOT_RECREATED,
			  "slot \"%s\" was created anew: its WAL begins at %s, behind sink \"%s\", which is at %s",
			  identity->slot, lsn_format(identity->restart, begin), sink,
			  lsn_format(lsn, at));
	error_detail(err, "Changes that were committed between the two are missing. (A slot that something else has read for long looks the same.)");
	return error_hint(err, "Copy the tables again, then remove the sink's checkpoint to begin anew where the slot stands.");
}

/* A new sink that gets a snapshot begins before it. */
static Lsn
slot_place(const SlotIdentity *identity)
{
	return identity->snapshot != LSN_INVALID ? identity->snapshot :
		identity->confirmed;
}

bool
checkpoint_covers(const SlotIdentity *identity, const char *sink, Lsn lsn,
				  Error *err)
{
	Lsn			place = slot_place(identity);
	char		slot[LSN_TEXT_SIZE];
	char		at[LSN_TEXT_SIZE];
	bool		spooled = identity->covered != LSN_INVALID;

	if (lsn >= (spooled ? identity->covered : place))
		return true;
	if (spooled)
		return spool_is_short(identity, sink, lsn, err);
	if (identity->restart > lsn)
		return slot_is_new(identity, sink, lsn, err);
	lsn_format(place, slot);
	lsn_format(lsn, at);
	error_set(err, ERROR_CHECKPOINT,
			  "slot \"%s\" is at %s, ahead of sink \"%s\", which is at %s",
			  identity->slot, slot, sink, at);
	error_detail(err, "The slot no longer holds the changes between %s and %s: something else read or advanced it.",
				 at, slot);
	return error_hint(err, "If a spool was in use, it may hold them: switch it on again (spool, spool_backlog_directory). Look with: SELECT slot_name, confirmed_flush_lsn FROM pg_replication_slots; If the changes in between can be done without, or were copied in another way, remove the sink's checkpoint to begin at the slot's position.");
}

static bool
unfinished_snapshot(const char *sink, Error *err)
{
	error_set(err, ERROR_SNAPSHOT,
			  "sink \"%s\" is in the middle of a snapshot", sink);
	return error_hint(err, "Start with --snapshot=initial to go on with it. To do without: remove the sink's checkpoint, and it begins where the slot stands.");
}

/* A sink in the middle of a snapshot is where the slot will be. */
static bool
verify_position(const Checkpoint *checkpoint, const SlotIdentity *identity,
				const char *sink, Error *err)
{
	Lsn			place = slot_place(identity);

	if (checkpoint->position.lsn < place &&
		checkpoint->snapshot != LSN_INVALID && checkpoint->snapshot == place)
		return identity->snapshot != LSN_INVALID ||
			unfinished_snapshot(sink, err);
	if (checkpoint_covers(identity, sink, checkpoint->position.lsn, err))
		return true;
	if (!identity->covers_gaps)
		return false;
	log_report(LOG_LEVEL_WARNING, err);
	error_clear(err);
	log_warning("sink \"%s\": a new snapshot covers what is missing; of rows that were deleted in between it tells nothing",
				sink);
	return true;
}

bool
checkpoint_verify(const Checkpoint *checkpoint, const SlotIdentity *identity,
				  const char *sink, Error *err)
{
	if (!checkpoint_belongs(checkpoint, identity, sink, err) ||
		!verify_timeline(checkpoint, identity, sink, err) ||
		!verify_position(checkpoint, identity, sink, err))
		return false;
	if (checkpoint->options_hash != identity->options_hash)
		log_warning("sink \"%s\": the source's options have changed since its checkpoint: from here on other changes may be selected",
					sink);
	return true;
}
