/*
 * relay_skip.c
 *		A record, or a transaction, that is left out. See relay_skip.h.
 */
#include "relay_skip.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bad_record.h"
#include "clock.h"
#include "json_value.h"
#include "log.h"
#include "record_key.h"
#include "sigv4.h"

#define NOTE_LIMIT		((size_t) 64 << 10)
#define ROW_LIMIT		((size_t) 1 << 30)
#define KEY_SIZE		(sizeof(RELAY_SKIP_NOTE) + BAD_RECORD_SIZE)
#define LINES			10		/* in the log, of one transaction */

bool
relay_skip_init(RelaySkip *skip, const Settings *settings, Error *err)
{
	*skip = (RelaySkip) {0};
	if (settings->skip == NULL && settings->skip_reason == NULL)
		return true;
	if (settings->skip == NULL || settings->skip_reason == NULL ||
		settings->skip_reason[0] == '\0')
	{
		error_set(err, ERROR_USAGE, "--skip and --skip-reason go together");
		return error_hint(err, "Who looks for the record later wants to know why it is not there.");
	}
	skip->wanted = true;
	skip->reason = settings->skip_reason;
	if (bad_record_parse(settings->skip, &skip->position))
		return true;
	error_set(err, ERROR_USAGE, "--skip: \"%s\" is no record's position",
			  settings->skip);
	return error_hint(err, "Write it as errors do: 0/16B3748:3, or 0/16B3748 for all records of the transaction.");
}

/* ---- refusing ---- */

static bool
refuse(const RelaySkip *skip, const char *why, Error *err)
{
	char		text[BAD_RECORD_SIZE];

	error_set(err, ERROR_SKIP, "--skip=%s: %s",
			  bad_record_format(skip->position, text), why);
	error_detail(err, "Nothing was left out.");
	return error_hint(err, "Take the position from the error that stopped the relay; if it does not stop any more, start without --skip.");
}

static void
note_key(const RelaySkip *skip, char *key, size_t size)
{
	char		text[BAD_RECORD_SIZE];

	snprintf(key, size, RELAY_SKIP_NOTE "%s",
			 bad_record_format(skip->position, text));
}

/* Whether one of the sinks says so. */
static bool
was_left_out(const RelaySkip *skip, const Fanout *fanout)
{
	char		key[KEY_SIZE];

	note_key(skip, key, sizeof(key));
	for (size_t i = 0; i < fanout_count(fanout); i++)
		if (notes_find(&fanout_sink(fanout, i)->notes, key).data != NULL)
			return true;
	return false;
}

bool
relay_skip_start(RelaySkip *skip, const Fanout *fanout, Lsn start, Error *err)
{
	if (!skip->wanted || start <= skip->position.lsn)
		return true;
	if (!was_left_out(skip, fanout))
		return refuse(skip, "every sink is past that position", err);
	log_warning("--skip: this record was left out by an earlier start; start without --skip from now on");
	skip->wanted = false;
	return true;
}

/* ---- leaving out ---- */

/* Of a key that may be a secret the log has a hash. */
static void
describe(RelaySkip *skip, const Change *change)
{
	char		hash[65];
	Buf			row;

	snprintf(skip->table, sizeof(skip->table), "%s.%s", change->table->schema,
			 change->table->name);
	snprintf(skip->key, sizeof(skip->key), "none");
	buf_init(&row, ROW_LIMIT);
	if (record_key_find(change, &row) == RECORD_KEY_FOUND && !buf_failed(&row))
	{
		sigv4_hash(buf_slice(&row), hash);
		snprintf(skip->key, sizeof(skip->key), "%.16s", hash);
	}
	buf_free(&row);
}

static void
leave_out(RelaySkip *skip, SourceResult kind, const SourceEvent *event,
		  Position position)
{
	RelaySkip	one = *skip;
	char		text[BAD_RECORD_SIZE];

	snprintf(one.table, sizeof(one.table), "a logical message");
	snprintf(one.key, sizeof(one.key), "none");
	if (kind == SOURCE_CHANGE)
		describe(&one, &event->change);
	if (skip->count++ == 0)
	{
		memcpy(skip->table, one.table, sizeof(skip->table));
		memcpy(skip->key, one.key, sizeof(skip->key));
	}
	if (skip->count <= LINES)
		log_warning("SKIPPED: record at %s of %s, hash of its key %s, is not delivered: %s",
					bad_record_format(position, text), one.table, one.key,
					skip->reason);
}

static void
append_member(Buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	json_append_string(out, slice_of(text));
}

/* In the notes of the sinks that would have got the record there. */
static bool
note_it(RelaySkip *skip, Fanout *fanout, Position position, Error *err)
{
	char		key[KEY_SIZE];
	Buf			note;
	bool		ok;

	note_key(skip, key, sizeof(key));
	buf_init(&note, NOTE_LIMIT);
	buf_printf(&note, "{\"records\":%" PRIu64, skip->count);
	append_member(&note, "first", skip->table);
	append_member(&note, "key_hash", skip->key);
	append_member(&note, "reason", skip->reason);
	buf_append_string(&note, ",\"at\":");
	json_append_timestamptz(&note, clock_wall());
	buf_append_byte(&note, '}');
	ok = (!buf_failed(&note) || error_no_memory(err)) &&
		fanout_note_wanting(fanout, position, key, buf_slice(&note), err);
	buf_free(&note);
	if (ok && !skip->done)
		log_warning("SKIPPED: %" PRIu64 " records as --skip says; start without it from now on",
					skip->count);
	skip->done |= ok;
	return ok;
}

/* ---- looking ---- */

static bool
is_it(const RelaySkip *skip, Position position)
{
	return position.lsn == skip->position.lsn &&
		(skip->position.seq == 0 || skip->position.seq == position.seq);
}

static bool
look_at_begin(RelaySkip *skip, Lsn commit_lsn, Error *err)
{
	skip->met = commit_lsn == skip->position.lsn;
	if (skip->met)
		skip->count = 0;
	return skip->done || commit_lsn <= skip->position.lsn ||
		refuse(skip, "no transaction that is sent commits there", err);
}

static bool
look_at_commit(RelaySkip *skip, Fanout *fanout, Position last, Error *err)
{
	if (!skip->met)
		return true;
	skip->met = false;
	if (skip->count == 0)
		return refuse(skip, "the transaction has no such record", err);
	return skip->position.seq != 0 || note_it(skip, fanout, last, err);
}

bool
relay_skip_look(RelaySkip *skip, Fanout *fanout, SourceResult kind,
				const SourceEvent *event, Position position, bool *skipped,
				Error *err)
{
	bool		alone = kind == SOURCE_MESSAGE && event->message.txn == NULL;

	*skipped = false;
	if (!skip->wanted)
		return true;
	if (kind == SOURCE_BEGIN)
		return look_at_begin(skip, event->txn.commit_lsn, err);
	if (kind == SOURCE_COMMIT)
		return look_at_commit(skip, fanout, position, err);
	if ((kind != SOURCE_CHANGE && kind != SOURCE_MESSAGE) ||
		!is_it(skip, position) || (!alone && !skip->met))
		return true;
	*skipped = true;
	if (alone)
		skip->count = 0;
	leave_out(skip, kind, event, position);
	return (!alone && skip->position.seq == 0) ||
		note_it(skip, fanout, position, err);
}
