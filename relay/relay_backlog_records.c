/*
 * relay_backlog_records.c
 *		A record's way into the backlog.
 *
 * The format renders a change as the entry's content; the sink appends it,
 * behind the description of its table if the segment has none yet. Both are
 * parts of one RelayBacklog and are used together only.
 */
#include "relay_backlog_state.h"

#include <stdlib.h>

#include "clock.h"
#include "log.h"

#define TELL_AGAIN		(60 * CLOCK_SECOND)
#define STOP_PATIENCE	(5 * CLOCK_SECOND)	/* a sink may be making room */

/* ---- the format ---- */

typedef struct EntryFormat
{
	Format		base;
	RelayBacklog *spool;
} EntryFormat;

static Format *
entry_create(const FormatConfig *config, const FormatOps *ops, Error *err)
{
	EntryFormat *format = calloc(1, sizeof(*format));

	if (format == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	format->base.ops = ops;
	format->spool = (RelayBacklog *) config->options;
	return &format->base;
}

static FormatResult
rendered(Format *base, BacklogKind kind, Records *out, Error *err)
{
	RelayBacklog *spool = ((EntryFormat *) base)->spool;

	if (!format_fits(&spool->content, err))
		return FORMAT_FAILED;
	spool->kind = kind;
	out->records[0] = (Record) {.value = buf_slice(&spool->content)};
	out->count = 1;
	return FORMAT_OK;
}

/* Each record begins by giving back what an unusually large one needed. */
static Buf *
recycled(Format *base)
{
	Buf		   *content = &((EntryFormat *) base)->spool->content;

	format_recycle(content);
	return content;
}

static FormatResult
entry_begin(Format *base, const Transaction *txn, Records *out, Error *err)
{
	backlog_write_begin(recycled(base), txn);
	return rendered(base, BACKLOG_BEGIN, out, err);
}

static FormatResult
entry_change(Format *base, const Change *change, Position position,
			 const char *topic, Records *out, Error *err)
{
	(void) position;
	(void) topic;
	backlog_write_change(recycled(base), change);
	return rendered(base, BACKLOG_CHANGE, out, err);
}

static FormatResult
entry_message(Format *base, const LogicalMessage *message, Position position,
			  const char *topic, Records *out, Error *err)
{
	(void) position;
	(void) topic;
	backlog_write_message(recycled(base), message);
	return rendered(base, message->txn != NULL ? BACKLOG_MESSAGE :
					BACKLOG_LONE_MESSAGE, out, err);
}

static FormatResult
entry_commit(Format *base, const TxnEnd *end, Position position, Records *out,
			 Error *err)
{
	(void) position;
	backlog_write_commit(recycled(base), end);
	return rendered(base, BACKLOG_COMMIT, out, err);
}

/* Kept as it is written: each segment has it anew. */
static bool
entry_describe(Format *base, const Table *table, const TableDetail *detail,
			   Error *err)
{
	RelayBacklog *spool = ((EntryFormat *) base)->spool;
	Buf		   *old = oid_map_find(&spool->details, table->oid);
	Buf		   *text = calloc(1, sizeof(*text));

	if (text == NULL)
		return error_no_memory(err);
	buf_init(text, BACKLOG_CONTENT_LIMIT);
	backlog_write_detail(text, table->oid, detail);
	if (buf_failed(text) || !oid_map_set(&spool->details, table->oid, text))
	{
		buf_free(text);
		free(text);
		return error_no_memory(err);
	}
	if (old != NULL)
		buf_free(old);
	free(old);
	return true;
}

static void
entry_free(Format *base)
{
	free(base);
}

static Format *plain_create(const FormatConfig *config, Error *err);
static Format *detailed_create(const FormatConfig *config, Error *err);

#define ENTRY_OPS \
	.name = "spool", .extension = "spool", .binary = true, \
	.begin = entry_begin, .change = entry_change, \
	.message = entry_message, .commit = entry_commit, \
	.tick = format_no_tick, .watch = format_no_watch, .free = entry_free

static const FormatOps plain_ops = {ENTRY_OPS, .create = plain_create};
static const FormatOps detailed_ops = {
	ENTRY_OPS, .create = detailed_create, .describe = entry_describe
};

static Format *
plain_create(const FormatConfig *config, Error *err)
{
	return entry_create(config, &plain_ops, err);
}

static Format *
detailed_create(const FormatConfig *config, Error *err)
{
	return entry_create(config, &detailed_ops, err);
}

const FormatOps *
relay_backlog_format(bool detailed)
{
	return detailed ? &detailed_ops : &plain_ops;
}

/* ---- when there is no room ---- */

static void
tell_full(RelayBacklog *spool, const Error *err)
{
	int64_t		now = clock_now();

	if (spool->told_at != 0 && now - spool->told_at < TELL_AGAIN)
		return;
	spool->told_at = now;
	log_report(LOG_LEVEL_WARNING, err);
	log_warning("nothing more is read until there is room: the server keeps its WAL");
}

static SinkResult
no_room(RelayBacklog *spool, Error *err)
{
	Lsn			least = relay_backlog_least(spool);

	if (!spool->full || least != spool->full_least)
		spool->full_since = clock_now();
	spool->full = true;
	spool->full_least = least;
	if (spool->config.settings->spool_full == SPOOL_FULL_STOP &&
		clock_now() - spool->full_since > STOP_PATIENCE)
	{
		err->code = ERROR_SPOOL_FULL;
		err->retriable = false;
		return SINK_FAILED;
	}
	tell_full(spool, err);
	error_clear(err);
	return SINK_FULL;
}

static void
have_room(RelayBacklog *spool)
{
	log_info("the spool has room again");
	spool->full = false;
	spool->told_at = 0;
}

static SinkResult
to_result(RelayBacklog *spool, BacklogResult result, Error *err)
{
	switch (result)
	{
		case BACKLOG_OK:
			if (spool->full)
				have_room(spool);
			return SINK_OK;
		case BACKLOG_FULL:
			return no_room(spool, err);
		case BACKLOG_FAILED:
			break;
	}
	return SINK_FAILED;
}

/* ---- entries ---- */

static BacklogResult
append(RelayBacklog *spool, BacklogKind kind, Position position,
	   Slice content, Error *err)
{
	BacklogEntry entry = {
		.kind = kind, .position = position, .content = content
	};

	return backlog_append(spool->log, &entry, err);
}

/* Notes taken since the last record: they are there before the next. */
static BacklogResult
append_notes(RelayBacklog *spool, Position position, Error *err)
{
	Notes	   *notes = &spool->sink->notes;
	BacklogResult result = BACKLOG_OK;
	Buf			content;

	if (!notes->dirty)
		return BACKLOG_OK;
	buf_init(&content, BACKLOG_CONTENT_LIMIT);
	for (size_t i = 0; result == BACKLOG_OK && i < notes->count; i++)
	{
		const Note *note = &notes->items[i];

		if (!note->dirty)
			continue;
		backlog_write_note(&content, note->key,
						   slice_make(note->data, note->size));
		result = append(spool, BACKLOG_NOTE, position, buf_slice(&content),
						err);
	}
	buf_free(&content);
	if (result == BACKLOG_OK)
		notes_written(notes);
	return result;
}

/* The map holds versions, which have 64 bits, behind pointers. */
static bool
is_described(const RelayBacklog *spool, const Table *table)
{
	const uint64_t *version = oid_map_find(&spool->described, table->oid);

	return version != NULL && *version == table->version;
}

static bool
set_described(RelayBacklog *spool, const Table *table, Error *err)
{
	uint64_t   *version = oid_map_find(&spool->described, table->oid);

	if (version == NULL)
	{
		version = malloc(sizeof(*version));
		if (version == NULL ||
			!oid_map_set(&spool->described, table->oid, version))
		{
			free(version);
			return error_no_memory(err);
		}
	}
	*version = table->version;
	return true;
}

static BacklogResult
append_table(RelayBacklog *spool, const Table *table, Position position,
			 Error *err)
{
	const Buf  *detail = oid_map_find(&spool->details, table->oid);
	BacklogResult result;
	Buf			content;

	if (is_described(spool, table))
		return BACKLOG_OK;
	buf_init(&content, BACKLOG_CONTENT_LIMIT);
	backlog_write_table(&content, table);
	result = buf_failed(&content) ? BACKLOG_FAILED :
		append(spool, BACKLOG_TABLE, position, buf_slice(&content), err);
	if (buf_failed(&content))
		error_no_memory(err);
	buf_free(&content);
	if (result == BACKLOG_OK && detail != NULL)
		result = append(spool, BACKLOG_DETAIL, position, buf_slice(detail),
						err);
	if (result == BACKLOG_OK && !set_described(spool, table, err))
		result = BACKLOG_FAILED;
	return result;
}

/* A word that holds from here on; *said: the last one. */
static BacklogResult
append_word(RelayBacklog *spool, BacklogKind kind, const char *word,
			const char **said, Position position, Error *err)
{
	BacklogResult result;

	if (word == *said)
		return BACKLOG_OK;
	result = append(spool, kind, position,
					slice_of(word != NULL ? word : ""), err);
	if (result == BACKLOG_OK)
		*said = word;
	return result;
}

/*
 * Where the place in a snapshot changes: rows of one come with several. Words
 * are constants; a sink's name is its setup's, so that it can be told by where
 * it is.
 */
static BacklogResult
append_words(RelayBacklog *spool, const Delivery *delivery, Error *err)
{
	const char *place = delivery->txn != NULL ? delivery->txn->snapshot : NULL;
	BacklogResult result = append_word(spool, BACKLOG_SNAPSHOT, place,
									   &spool->snapshot, delivery->position,
									   err);

	if (result == BACKLOG_OK)
		result = append_word(spool, BACKLOG_ONLY, delivery->only,
							 &spool->only, delivery->position, err);
	return result;
}

static void
free_value(void *value)
{
	free(value);
}

static void
free_buf(void *value)
{
	buf_free(value);
	free(value);
}

/* Between transactions: room, and the segment that the next one goes to. */
static BacklogResult
make_ready(RelayBacklog *spool, Position position, Error *err)
{
	BacklogResult result = BACKLOG_OK;

	/* the server has another one instead: after a failover, perhaps */
	if (spool->in_transaction)
		result = append(spool, BACKLOG_RESET, position, slice_make(NULL, 0),
						err);
	if (result != BACKLOG_OK)
		return result;
	if (spool->in_transaction)
		oid_map_free(&spool->described, free_value);	/* forgotten with it */
	spool->in_transaction = false;
	result = backlog_ready(spool->log, &spool->sink->notes, err);
	if (result == BACKLOG_OK && spool->segment != backlog_segment(spool->log))
	{
		oid_map_free(&spool->described, free_value);
		spool->snapshot = NULL;
		spool->only = NULL;
		spool->segment = backlog_segment(spool->log);
	}
	return result;
}

static BacklogResult
put_record(RelayBacklog *spool, const Delivery *delivery, Error *err)
{
	bool		opens = spool->kind == BACKLOG_BEGIN ||
		spool->kind == BACKLOG_LONE_MESSAGE;
	BacklogResult result = BACKLOG_OK;

	if (opens)
		result = make_ready(spool, delivery->position, err);
	if (result == BACKLOG_OK)
		result = append_notes(spool, delivery->position, err);
	if (result == BACKLOG_OK && delivery->table != NULL)
		result = append_table(spool, delivery->table, delivery->position,
							  err);
	if (result == BACKLOG_OK)
		result = append_words(spool, delivery, err);
	return result;
}

/* Of a message outside transactions: where the stream goes on behind it. */
static Position
entry_position(const RelayBacklog *spool, const Delivery *delivery)
{
	return spool->kind == BACKLOG_LONE_MESSAGE ? delivery_end(delivery) :
		delivery->position;
}

SinkResult
relay_backlog_put(RelayBacklog *spool, const Delivery *delivery, Error *err)
{
	BacklogResult result = put_record(spool, delivery, err);
	SinkResult	answer;

	if (result == BACKLOG_OK)
		result = append(spool, spool->kind, entry_position(spool, delivery),
						delivery->records[0].value, err);
	answer = to_result(spool, result, err);
	if (answer != SINK_OK)
		return answer;
	spool->sink->accepted = delivery_end(delivery);
	if (spool->kind == BACKLOG_BEGIN)
		spool->in_transaction = true;
	return SINK_OK;
}

SinkResult
relay_backlog_commit(RelayBacklog *spool, const TxnEnd *end, Error *err)
{
	Position	position = {end->end_lsn, 0};
	SinkResult	result = to_result(spool, append(spool, BACKLOG_END, position,
												 slice_make(NULL, 0), err),
								   err);

	if (result != SINK_OK)
		return result;
	spool->in_transaction = false;
	spool->sink->accepted = position;
	return SINK_OK;
}

/* Without room the next one is as good. */
bool
relay_backlog_idle(RelayBacklog *spool, Lsn idle, Error *err)
{
	Position	position = {idle, 0};
	BacklogResult result;

	if (idle <= spool->sink->accepted.lsn || spool->in_transaction)
		return true;
	result = make_ready(spool, position, err);
	if (result == BACKLOG_OK)
		result = append_notes(spool, position, err);
	if (result == BACKLOG_OK)
		result = append(spool, BACKLOG_IDLE, position, slice_make(NULL, 0),
						err);
	if (result == BACKLOG_OK)
		spool->sink->accepted = position;
	return to_result(spool, result, err) != SINK_FAILED;
}

void
relay_backlog_forget_records(RelayBacklog *spool)
{
	oid_map_free(&spool->details, free_buf);
	oid_map_free(&spool->described, free_value);
	buf_free(&spool->content);
}
