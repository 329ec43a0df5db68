/*
 * format_debezium.c
 *		The debezium-json format: what Debezium's PostgreSQL connector and
 *		Kafka Connect's JSON converter write for the same changes.
 *
 * A row is an envelope: before, after, source, transaction, op, ts_ms, ts_us,
 * ts_ns. A change of the key is a delete with its tombstone and a create. All
 * records of one change stand in one buffer, one behind the other; what is the
 * same for every record of a table is in debezium_table.c. Knows no sink.
 */
#include "format.h"

#include <stdlib.h>

#include "clock.h"
#include "debezium_context.h"
#include "debezium_flat.h"
#include "debezium_notice.h"
#include "debezium_table.h"
#include "oid_map.h"
#include "route.h"

#define TOPIC_LIMIT	4096

/* As Debezium would count messages, if their names were not object ids. */
#define MESSAGE_COLLECTION \
	"io.debezium.connector.postgresql." \
	"LogicalDecodingMessageMonitor$LogicalDecodingMessageId"

typedef struct FormatDebezium
{
	Format		base;
	const DebeziumOptions *options;
	DebeziumContext context;
	DebeziumWriter writer;
	DebeziumFlat flat;
	DebeziumFlatRecords added;
	Buf			envelope;		/* what flattened rows leave behind */
	OidMap		tables;			/* DebeziumTable by oid */
	size_t		message_place;	/* for debezium_context_count */
	int64_t		next_heartbeat; /* monotonic, 0: not begun */
	char	   *txn_topic;
	char	   *heartbeat_topic;
} FormatDebezium;

/* A piece of the writer's output; made a Slice when all of it is there. */
typedef struct Piece
{
	size_t		start;
	size_t		size;
	bool		present;
	DebeziumAdded *added;		/* headers of a flattened value, or NULL */
} Piece;

static Piece
piece_since(const FormatDebezium *debezium, size_t start)
{
	Piece		piece = {start, debezium->writer.out.size - start, true, NULL};

	return piece;
}

static Slice
piece_slice(const FormatDebezium *debezium, Piece piece)
{
	return piece.present ?
		slice_make(debezium->writer.out.data + piece.start, piece.size) :
		slice_make(NULL, 0);
}

static void
put_record(FormatDebezium *debezium, Records *out, Piece key, Piece value,
		   const RecordHeader *headers)
{
	Record	   *record = &out->records[out->count++];
	DebeziumContext *context = &debezium->context;
	bool		shown = debezium->options->context_headers;

	*record = (Record) {0};
	record->key = piece_slice(debezium, key);
	record->value = piece_slice(debezium, value);
	record->headers = headers;
	if (headers != NULL)
		record->header_count = shown ? DEBEZIUM_HEADER_COUNT : 1;
	else if (shown)
	{
		record->headers = &context->new_key[DEBEZIUM_HEADER_LOGICAL_NAME];
		record->header_count =
			DEBEZIUM_HEADER_COUNT - DEBEZIUM_HEADER_LOGICAL_NAME;
	}
	if (value.added != NULL)
		debezium_flat_put_headers(&debezium->added, out->count - 1,
								  value.added, record);
}

/* ---- tables ---- */

static DebeziumTable *
set_table(FormatDebezium *debezium, const Table *table,
		  const TableDetail *detail, Error *err)
{
	DebeziumNames names = {
		debezium->context.config->prefix, debezium->options, &debezium->flat
	};
	DebeziumTable *old = oid_map_find(&debezium->tables, table->oid);
	DebeziumTable *made = debezium_table_new(table, detail, &names,
											 &debezium->writer, err);

	if (made == NULL)
		return NULL;
	if (!oid_map_set(&debezium->tables, table->oid, made))
	{
		debezium_table_free(made);
		error_no_memory(err);
		return NULL;
	}
	debezium_table_free(old);
	return made;
}

static DebeziumTable *
find_table(FormatDebezium *debezium, const Table *table, Error *err)
{
	DebeziumTable *made = oid_map_find(&debezium->tables, table->oid);

	if (made != NULL && made->version == table->version)
		return made;
	return set_table(debezium, table, NULL, err);
}

static bool
format_debezium_describe(Format *format, const Table *table,
						 const TableDetail *detail, Error *err)
{
	FormatDebezium *debezium = (FormatDebezium *) format;

	return set_table(debezium, table, detail, err) != NULL;
}

/* ---- rows ---- */

static bool
row_error(const Change *change, const char *what, Error *err)
{
	return error_set(err, ERROR_RECORD, "malformed %s of table %s.%s", what,
					 change->table->schema, change->table->name);
}

/* A change at hand. */
typedef struct Event
{
	FormatDebezium *debezium;
	const Change *change;
	DebeziumTable *table;
} Event;

static bool
append_row(Event *event, Slice row, bool after, Error *err)
{
	const Body *parts = &event->change->parts;
	DebeziumWriter *writer = &event->debezium->writer;
	Slice		none = {NULL, 0};

	if (row.data == NULL)
	{
		buf_append_string(&writer->out, "null");
		return true;
	}
	return debezium_append_row(writer, event->table, row,
							   after ? parts->unchanged : none,
							   !after && parts->before_is_key) ||
		row_error(event->change, "row", err);
}

static void
append_end(Buf *out, char letter)
{
	DebeziumMoment now;

	debezium_moment_set(&now, clock_wall());
	buf_append_string(out, ",\"op\":\"");
	buf_append_byte(out, (uint8_t) letter);
	buf_append_string(out, "\",\"ts_ms\":");
	debezium_append_ms(out, &now);
	debezium_append_us_ns(out, &now);
	buf_append_byte(out, '}');
}

/* What is not in the rows. order: in the transaction. */
static void
append_frame(Event *event, char letter, const DebeziumOrder *order, Buf *out)
{
	DebeziumContext *context = &event->debezium->context;
	DebeziumSource source = {
		.txn = event->change->txn, .lsn = event->change->parts.lsn,
		.names = span_of(event->table, event->table->names)
	};

	debezium_append_source(out, context, &source);
	debezium_append_block(out, context, &source, order);
	append_end(out, letter);
}

static bool
append_envelope(Event *event, char letter, Slice before, Slice after,
				const DebeziumOrder *order, Error *err)
{
	Buf		   *out = &event->debezium->writer.out;

	buf_append_string(out, "{\"before\":");
	if (!append_row(event, before, false, err))
		return false;
	buf_append_string(out, ",\"after\":");
	if (!append_row(event, after, true, err))
		return false;
	append_frame(event, letter, order, out);
	return true;
}

/* The row alone, and what is wanted of the envelope. */
static bool
append_flat(Event *event, char letter, Slice row, const DebeziumOrder *order,
			DebeziumAdded *added, Error *err)
{
	FormatDebezium *debezium = event->debezium;
	Buf		   *out = &debezium->writer.out;
	Buf		   *envelope = &debezium->envelope;

	buf_clear(envelope);
	buf_append_string(envelope, "{\"rows\":null");
	append_frame(event, letter, order, envelope);
	if (!append_row(event, row, letter != 'd', err))
		return false;
	if (!buf_failed(out))
		out->size--;
	debezium_flat_append_fields(out, &debezium->flat, buf_slice(envelope),
								letter == 'd');
	buf_append_byte(out, '}');
	debezium_flat_add_headers(added, &debezium->flat, buf_slice(envelope));
	return format_fits(envelope, err);
}

/* data NULL: no such row in this record. */
static bool
append_value(Event *event, char letter, Slice before, Slice after,
			 Piece *piece, Error *err)
{
	FormatDebezium *debezium = event->debezium;
	DebeziumTable *table = event->table;
	DebeziumOrder order = {0};
	DebeziumAdded *added = NULL;
	Buf		   *out = &debezium->writer.out;
	size_t		start = out->size;
	bool		ok;

	if (!debezium_context_count(&debezium->context, event->change->txn,
								(const char *) table->text.data +
								table->collection.start, &table->txn_place,
								&order))
		return error_no_memory(err);
	buf_append_slice(out, span_of(table, table->value_head));
	if (debezium->flat.on)
	{
		added = &debezium->added.of_rows[letter == 'd'];
		ok = append_flat(event, letter, letter == 'd' ? before : after,
						 &order, added, err);
	}
	else
		ok = append_envelope(event, letter, before, after, &order, err);
	if (debezium->options->schemas)
		buf_append_byte(out, '}');
	*piece = piece_since(debezium, start);
	piece->added = added;
	return ok && format_fits(out, err);
}

/* A row's key; header: as the header converter writes it. */
static bool
append_key(Event *event, bool after, bool header, Piece *piece, Error *err)
{
	FormatDebezium *debezium = event->debezium;
	const Body *parts = &event->change->parts;
	DebeziumWriter *writer = &debezium->writer;
	bool		schema = debezium->options->schemas && !header;
	Slice		row = after ? parts->after : parts->before;
	Slice		none = {NULL, 0};
	size_t		start = writer->out.size;
	DebeziumKey found = DEBEZIUM_KEY_NONE;

	*piece = (Piece) {0};
	if (schema)
		buf_append_slice(&writer->out,
						 span_of(event->table, event->table->key_head));
	writer->header = header;
	if (row.data != NULL)
		found = debezium_append_key(writer, event->table, row,
									after ? parts->unchanged : none,
									!after && parts->before_is_key);
	writer->header = false;
	if (found == DEBEZIUM_KEY_BAD)
		return row_error(event->change, "key", err);
	if (found == DEBEZIUM_KEY_NONE)
	{
		if (!buf_failed(&writer->out))
			writer->out.size = start;
		return true;
	}
	if (schema)
		buf_append_byte(&writer->out, '}');
	*piece = piece_since(debezium, start);
	return format_fits(&writer->out, err);
}

/* ---- operations ---- */

static const Slice no_row = {NULL, 0};
static const Piece no_piece = {0};

/* A create, an update that keeps the key, a read, a truncate. */
static bool
put_plain(Event *event, char letter, Piece key, Records *out, Error *err)
{
	const Body *parts = &event->change->parts;
	Piece		value;

	if (!append_value(event, letter, letter == 'u' ? parts->before : no_row,
					  letter == 't' ? no_row : parts->after, &value, err))
		return false;
	put_record(event->debezium, out, key, value, NULL);
	return true;
}

/*
 * A row that is no more: its record and a tombstone. Of a flattened delete
 * only what is asked for.
 */
static void
put_gone(FormatDebezium *debezium, Records *out, Piece key, Piece value,
		 const RecordHeader *headers)
{
	DebeziumDeletes deletes = debezium->flat.deletes;
	Piece		tombstone = no_piece;

	if (debezium->flat.on)
	{
		if (deletes == DEBEZIUM_DELETES_DROP)
			return;
		tombstone.added = value.added;
		if (!debezium->flat.marks)
		{
			put_record(debezium, out, key, tombstone, headers);
			return;
		}
		tombstone.added = &debezium->added.of_tombstones;
	}
	put_record(debezium, out, key, value, headers);
	if (debezium->options->tombstones &&
		(!debezium->flat.on || deletes != DEBEZIUM_DELETES_REWRITE))
		put_record(debezium, out, key, tombstone, headers);
}

static bool
put_delete(Event *event, Records *out, Error *err)
{
	Piece		key;
	Piece		value;

	if (event->debezium->flat.on && event->change->parts.before.data == NULL)
		return true;
	if (!append_key(event, false, false, &key, err) ||
		!append_value(event, 'd', event->change->parts.before, no_row, &value,
					  err))
		return false;
	put_gone(event->debezium, out, key, value, NULL);
	return true;
}

/* The row leaves its old key and comes again under the new one. */
static bool
put_key_change(Event *event, Piece old_key, Piece new_key, Records *out,
			   Error *err)
{
	FormatDebezium *debezium = event->debezium;
	DebeziumContext *context = &debezium->context;
	const Body *parts = &event->change->parts;
	Piece		headers[2];
	Piece		values[2];

	if (!append_key(event, true, true, &headers[0], err) ||
		!append_key(event, false, true, &headers[1], err) ||
		!append_value(event, 'd', parts->before, no_row, &values[0], err) ||
		!append_value(event, 'c', no_row, parts->after, &values[1], err))
		return false;
	context->new_key[DEBEZIUM_HEADER_KEY].value =
		piece_slice(debezium, headers[0]);
	context->old_key[DEBEZIUM_HEADER_KEY].value =
		piece_slice(debezium, headers[1]);
	put_gone(debezium, out, old_key, values[0], context->new_key);
	put_record(debezium, out, new_key, values[1], context->old_key);
	return true;
}

static bool
put_update(Event *event, Records *out, Error *err)
{
	Piece		new_key;
	Piece		old_key;

	if (!append_key(event, true, false, &new_key, err) ||
		!append_key(event, false, false, &old_key, err))
		return false;
	if (new_key.present && old_key.present &&
		!slice_equal(piece_slice(event->debezium, new_key),
					 piece_slice(event->debezium, old_key)))
		return put_key_change(event, old_key, new_key, out, err);
	return put_plain(event, 'u', new_key, out, err);
}

static bool
put_new(Event *event, char letter, Records *out, Error *err)
{
	Piece		key;

	return append_key(event, true, false, &key, err) &&
		put_plain(event, letter, key, out, err);
}

static bool
put_change(Event *event, Records *out, Error *err)
{
	const DebeziumOptions *options = event->debezium->options;

	switch (event->change->parts.op)
	{
		case PG_FANOUT__OP__INSERT:
			return debezium_skips(options, 'c') ||
				put_new(event, 'c', out, err);
		case PG_FANOUT__OP__READ:
			return put_new(event, 'r', out, err);
		case PG_FANOUT__OP__UPDATE:
			return debezium_skips(options, 'u') || put_update(event, out, err);
		case PG_FANOUT__OP__DELETE:
			return debezium_skips(options, 'd') || put_delete(event, out, err);
		case PG_FANOUT__OP__TRUNCATE:
			return debezium_skips(options, 't') || event->debezium->flat.on ||
				put_plain(event, 't', no_piece, out, err);
		default:
			return row_error(event->change, "operation", err);
	}
}

static void
start_records(FormatDebezium *debezium, Records *out)
{
	out->count = 0;
	format_recycle(&debezium->writer.out);
	format_recycle(&debezium->writer.digits);
	format_recycle(&debezium->writer.text);
}

static FormatResult
format_debezium_change(Format *format, const Change *change, Position position,
					   const char *topic, Records *out, Error *err)
{
	FormatDebezium *debezium = (FormatDebezium *) format;
	Event		event = {debezium, change, NULL};

	(void) position;
	(void) topic;
	start_records(debezium, out);
	event.table = find_table(debezium, change->table, err);
	if (event.table == NULL || !put_change(&event, out, err))
		return FORMAT_FAILED;
	return FORMAT_OK;
}

/* ---- what is no row ---- */

/* The writer holds a key of that size and a value. */
static FormatResult
put_notice(FormatDebezium *debezium, const char *topic, size_t key_size,
		   Records *out, Error *err)
{
	Buf		   *buf = &debezium->writer.out;
	Record	   *record = &out->records[out->count++];

	*record = (Record) {
		.topic = topic,
		.key = slice_make(buf->data, key_size),
		.value = slice_make(buf->data + key_size, buf->size - key_size)
	};
	return format_fits(buf, err) ? FORMAT_OK : FORMAT_FAILED;
}

static FormatResult
format_debezium_message(Format *format, const LogicalMessage *message,
						Position position, const char *topic, Records *out,
						Error *err)
{
	FormatDebezium *debezium = (FormatDebezium *) format;
	DebeziumContext *context = &debezium->context;
	DebeziumOrder order = {0};

	(void) position;
	(void) topic;
	start_records(debezium, out);
	if (message->txn == NULL)
		context->last_commit = message->lsn;
	if (!debezium_context_count(context, message->txn, MESSAGE_COLLECTION,
								&debezium->message_place, &order))
	{
		error_no_memory(err);
		return FORMAT_FAILED;
	}
	return put_notice(debezium, NULL,
					  debezium_append_message(&debezium->writer, context,
											  message, &order), out, err);
}

static FormatResult
format_debezium_begin(Format *format, const Transaction *txn, Records *out,
					  Error *err)
{
	FormatDebezium *debezium = (FormatDebezium *) format;

	start_records(debezium, out);
	debezium_txn_begin(&debezium->context.txn);
	debezium->context.last_time = txn->commit_time;
	if (!debezium->options->transactions || txn->snapshot != NULL)
		return FORMAT_OK;
	return put_notice(debezium, debezium->txn_topic,
					  debezium_append_begin(&debezium->writer,
											&debezium->context, txn,
											txn->commit_lsn), out, err);
}

static FormatResult
format_debezium_commit(Format *format, const TxnEnd *end, Position position,
					   Records *out, Error *err)
{
	FormatDebezium *debezium = (FormatDebezium *) format;

	(void) position;
	start_records(debezium, out);
	if (end->txn.snapshot != NULL)
		return FORMAT_OK;
	debezium->context.last_commit = end->end_lsn;
	if (!debezium->options->transactions)
		return FORMAT_OK;
	return put_notice(debezium, debezium->txn_topic,
					  debezium_append_commit(&debezium->writer,
											 &debezium->context, end),
					  out, err);
}

static FormatResult
format_debezium_tick(Format *format, int64_t now, Records *out, Error *err)
{
	FormatDebezium *debezium = (FormatDebezium *) format;
	int64_t		interval = debezium->options->heartbeat_interval;

	start_records(debezium, out);
	if (interval == 0)
		return FORMAT_OK;
	if (debezium->next_heartbeat == 0)
		debezium->next_heartbeat = now + interval;
	if (now < debezium->next_heartbeat)
		return FORMAT_OK;
	debezium->next_heartbeat = now + interval;
	return put_notice(debezium, debezium->heartbeat_topic,
					  debezium_append_heartbeat(&debezium->writer,
												&debezium->context,
												clock_wall()), out, err);
}

static int
format_debezium_watch(Format *format, struct pollfd *fds, int room,
					  int64_t *deadline)
{
	FormatDebezium *debezium = (FormatDebezium *) format;

	(void) fds;
	(void) room;
	if (debezium->options->heartbeat_interval > 0 &&
		debezium->next_heartbeat < *deadline)
		*deadline = debezium->next_heartbeat;
	return 0;
}

/* ---- making ---- */

static void
release_table(void *table)
{
	debezium_table_free(table);
}

static void
format_debezium_free(Format *format)
{
	FormatDebezium *debezium = (FormatDebezium *) format;

	oid_map_free(&debezium->tables, release_table);
	debezium_context_free(&debezium->context);
	debezium_writer_free(&debezium->writer);
	debezium_flat_free(&debezium->flat);
	debezium_flat_records_free(&debezium->added);
	buf_free(&debezium->envelope);
	free(debezium->txn_topic);
	free(debezium->heartbeat_topic);
	free(debezium);
}

/* before and the prefix, or the prefix and behind. */
static char *
make_topic(const FormatDebezium *debezium, const char *before,
		   const char *template, Error *err)
{
	RouteNames	names = {
		.prefix = debezium->context.config->prefix, .underscores = true
	};
	char	   *topic = NULL;
	Buf			out;

	buf_init(&out, TOPIC_LIMIT);
	if (*before != '\0')
		buf_printf(&out, "%s.", before);
	if (route_expand(&out, template, &names, err))
	{
		topic = strdup(buf_string(&out));
		if (topic == NULL)
			error_no_memory(err);
	}
	buf_free(&out);
	return topic;
}

extern const FormatOps format_debezium_ops;

static bool
set_up(FormatDebezium *debezium, const FormatConfig *config, Error *err)
{
	debezium->base.ops = &format_debezium_ops;
	debezium->options = config->options;
	debezium_writer_init(&debezium->writer, FORMAT_LIMIT);
	buf_init(&debezium->envelope, FORMAT_LIMIT);
	debezium_flat_records_init(&debezium->added);
	if (!debezium_context_init(&debezium->context, config, err) ||
		!debezium_options_check(debezium->options, err) ||
		!debezium_flat_init(&debezium->flat, debezium->options, err))
		return false;
	debezium_flat_records_start(&debezium->added, &debezium->flat);
	debezium->txn_topic = make_topic(debezium, "", "{prefix}.transaction",
									 err);
	if (debezium->txn_topic == NULL)
		return false;
	debezium->heartbeat_topic =
		make_topic(debezium, debezium->options->heartbeat_prefix, "{prefix}",
				   err);
	return debezium->heartbeat_topic != NULL;
}

static Format *
format_debezium_create(const FormatConfig *config, Error *err)
{
	FormatDebezium *debezium = calloc(1, sizeof(*debezium));

	if (debezium == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	if (set_up(debezium, config, err))
		return &debezium->base;
	format_debezium_free(&debezium->base);
	return NULL;
}

const FormatOps format_debezium_ops = {
	.name = "debezium-json",
	.extension = "jsonl",
	.binary = false,
	.by_topic = true,
	.sees_all = true,
	.underscores = true,
	.options = &debezium_option_table,
	.create = format_debezium_create,
	.describe = format_debezium_describe,
	.begin = format_debezium_begin,
	.change = format_debezium_change,
	.message = format_debezium_message,
	.commit = format_debezium_commit,
	.tick = format_debezium_tick,
	.watch = format_debezium_watch,
	.free = format_debezium_free
};
