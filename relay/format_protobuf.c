/*
 * format_protobuf.c
 *		The protobuf format: the bytes the server sent, and Source behind them.
 *
 * A value is the change's body (Body of change.proto, which is what the typed
 * .proto of the table describes) with field 15, Source, appended: putting
 * protobuf messages one behind the other merges them, so nothing is decoded or
 * copied field by field. A key is a Row with the key columns' fields. A
 * logical message is a Message with Source in field 15 too. Fields of Source
 * that are zero or empty are left out, but for the position, commit_lsn and
 * seq. With flatten=on the value is a row alone (protobuf_flat.h). With a
 * schema registry the schema's id stands before value and key.
 */
#include "protobuf_flat.h"

#include <stdlib.h>

#include "oid_map.h"
#include "protobuf_key.h"
#include "schema_binding.h"
#include "schema_renumber.h"
#include "wire.h"

#define SCHEMA_TEXT_LIMIT	((size_t) 8 << 20)

/* The numbers of change.proto. */
enum
{
	BODY_SOURCE = 15
};

enum
{
	SOURCE_DB = 1,
	SOURCE_SCHEMA = 2,
	SOURCE_TABLE = 3,
	SOURCE_COMMIT_LSN = 4,
	SOURCE_SEQ = 5,
	SOURCE_XID = 6,
	SOURCE_COMMIT_TIME = 7,
	SOURCE_SNAPSHOT = 8,
	SOURCE_ORIGIN = 9,
	SOURCE_VERSION = 10
};

enum
{
	MESSAGE_TRANSACTIONAL = 1,
	MESSAGE_LSN = 2,
	MESSAGE_PREFIX = 3,
	MESSAGE_CONTENT = 4,
	MESSAGE_XID = 5
};

typedef struct FormatProtobufOptions
{
	SchemaOptions schema;
	FlatOptions flat;
	int			key_format;		/* ProtobufKeyFormat */
} FormatProtobufOptions;

typedef struct FormatProtobuf
{
	Format		base;
	char	   *database;
	const FormatProtobufOptions *options;
	ProtobufFlat flat;
	SchemaBinder binder;		/* its registry is NULL if there is none */
	OidMap		tables;			/* BoundTable */
	SchemaBinding *message_binding;
	ProtobufKeys keys;
	Buf			value;
	Buf			message;
	PositionHeaders headers;
} FormatProtobuf;

/* A table with a registry. */
typedef struct BoundTable
{
	uint64_t	version;		/* of its description */
	SchemaBinding *binding;
} BoundTable;

static const Option format_protobuf_options[] = {
	SCHEMA_OPTION_ROWS(FormatProtobufOptions, schema),
	FLAT_OPTION_ROWS(FormatProtobufOptions, flat),
	{"key-format", 0, OPTION_WORD, offsetof(FormatProtobufOptions, key_format),
		"protobuf", 0, 0, protobuf_key_words, "WORD",
	"Keys as protobuf (with a schema of their own if there is a registry), as JSON, or as text: the value itself of a key of one column, JSON of several."},
};

static const OptionTable format_protobuf_option_table = {
	"protobuf format", "sink", format_protobuf_options,
	sizeof(format_protobuf_options) / sizeof(format_protobuf_options[0]),
	sizeof(FormatProtobufOptions)
};

/* Whose Source it is. */
typedef struct SourceOf
{
	const Table *table;			/* NULL: a logical message */
	const Transaction *txn;		/* NULL: not in a transaction */
	Position	position;
	bool		snapshot;
} SourceOf;

/* ---- Source ---- */

static uint8_t *
put_text(uint8_t *at, uint32_t number, const char *text)
{
	size_t		size = text != NULL ? strlen(text) : 0;

	return size > 0 ? wire_put_bytes(at, number, text, size) : at;
}

static size_t
text_room(const char *text)
{
	return text != NULL ? strlen(text) + WIRE_MAX_PREFIX : 0;
}

static size_t
source_room(const char *database, const SourceOf *of)
{
	size_t		room = 8 * WIRE_MAX_SCALAR + WIRE_NESTED_ROOM;

	room += text_room(database);
	if (of->table != NULL)
		room += text_room(of->table->schema) + text_room(of->table->name);
	return room + (of->txn != NULL ? text_room(of->txn->origin) : 0);
}

static uint8_t *
put_source_fields(uint8_t *at, const char *database, const SourceOf *of)
{
	const Transaction *txn = of->txn;

	at = put_text(at, SOURCE_DB, database);
	if (of->table != NULL)
	{
		at = put_text(at, SOURCE_SCHEMA, of->table->schema);
		at = put_text(at, SOURCE_TABLE, of->table->name);
	}
	at = wire_put_uint(at, SOURCE_COMMIT_LSN, of->position.lsn);
	at = wire_put_uint(at, SOURCE_SEQ, of->position.seq);
	if (txn != NULL && txn->xid != 0)
		at = wire_put_uint(at, SOURCE_XID, txn->xid);
	if (txn != NULL && txn->commit_time != 0)
		at = wire_put_uint(at, SOURCE_COMMIT_TIME,
						   (uint64_t) txn->commit_time);
	if (of->snapshot)
		at = wire_put_uint(at, SOURCE_SNAPSHOT, 1);
	if (txn != NULL)
		at = put_text(at, SOURCE_ORIGIN, txn->origin);
	if (of->table != NULL && of->table->version != 0)
		at = wire_put_fixed64(at, SOURCE_VERSION, of->table->version);
	return at;
}

/* Appends Source to out, for which there must be source_room. */
static void
append_source(Buf *out, const char *database, const SourceOf *of)
{
	uint8_t    *content = wire_open_nested(out->data + out->size, BODY_SOURCE);
	uint8_t    *end = put_source_fields(content, database, of);

	out->size = wire_close_nested(out->data, (size_t) (content - out->data),
								  (size_t) (end - out->data));
}

/* ---- schemas ---- */

static bool
keys_have_schemas(const FormatProtobuf *protobuf)
{
	return protobuf->binder.registry != NULL &&
		protobuf->options->key_format == PROTOBUF_KEY_PROTOBUF;
}

/* All of a table's texts, each with a NUL. */
static bool
print_drafts(const FormatProtobuf *protobuf, Buf *texts, const Table *table,
			 bool keyed, size_t offsets[4])
{
	static const ProtoPast nothing;
	ProtoKind	value = protobuf->flat.fields != 0 ? PROTO_FLAT : PROTO_CHANGE;

	for (int i = 0; i < 4; i++)
	{
		bool		key = i % 2 == SCHEMA_KEY;

		offsets[i] = texts->size;
		if (i >= 2)
			proto_append_name(texts, table, key ? PROTO_KEY : value);
		else if (!key && value == PROTO_FLAT)
			proto_append_flat(texts, table, protobuf->flat.fields, &nothing);
		else if (!key)
			proto_append_table_after(texts, table, &nothing);
		else if (keyed)
			proto_append_key(texts, table, &nothing);
		buf_append_byte(texts, '\0');
	}
	return !buf_failed(texts);
}

static SchemaBinding *
make_binding(FormatProtobuf *protobuf, const Table *table, const char *topic,
			 Error *err)
{
	SchemaDraft draft = {.topic = topic,
		.keyed = keys_have_schemas(protobuf) && table->key_count > 0};
	SchemaBinding *binding = NULL;
	size_t		offsets[4];
	Buf			texts;

	buf_init(&texts, SCHEMA_TEXT_LIMIT);
	if (!print_drafts(protobuf, &texts, table, draft.keyed, offsets))
		error_no_memory(err);
	else
	{
		for (int part = 0; part < SCHEMA_PARTS; part++)
		{
			const char *all = (const char *) texts.data;

			draft.texts[part] = all + offsets[part];
			draft.names[part] = all + offsets[SCHEMA_PARTS + part];
		}
		binding = schema_binding_new(&protobuf->binder, &draft, err);
	}
	buf_free(&texts);
	return binding;
}

/* NULL: out of memory. */
static BoundTable *
bind_table(FormatProtobuf *protobuf, const Table *table, const char *topic,
		   Error *err)
{
	BoundTable *bound = oid_map_find(&protobuf->tables, table->oid);

	if (bound != NULL && bound->version == table->version &&
		bound->binding != NULL)
		return bound;
	if (bound == NULL)
	{
		bound = calloc(1, sizeof(*bound));
		if (bound == NULL ||
			!oid_map_set(&protobuf->tables, table->oid, bound))
		{
			free(bound);
			error_no_memory(err);
			return NULL;
		}
	}
	schema_binding_free(&protobuf->binder, bound->binding);
	bound->version = table->version;
	bound->binding = make_binding(protobuf, table, topic, err);
	return bound->binding != NULL ? bound : NULL;
}

static FormatResult
step_binding(FormatProtobuf *protobuf, SchemaBinding *binding,
			 const Table *table, Error *err)
{
	switch (schema_binding_step(&protobuf->binder, binding, table, err))
	{
		case SCHEMA_BOUND:
			return FORMAT_OK;
		case SCHEMA_BOUND_WAIT:
			return FORMAT_WAIT;
		default:
			return FORMAT_FAILED;
	}
}

/* *binding NULL: there is no registry. */
static FormatResult
find_binding(FormatProtobuf *protobuf, const Table *table, const char *topic,
			 const SchemaBinding **binding, Error *err)
{
	BoundTable *bound;

	*binding = NULL;
	if (protobuf->binder.registry == NULL)
		return FORMAT_OK;
	bound = bind_table(protobuf, table, topic, err);
	if (bound == NULL)
		return FORMAT_FAILED;
	*binding = bound->binding;
	return step_binding(protobuf, bound->binding, table, err);
}

static FormatResult
find_message_binding(FormatProtobuf *protobuf, const char *topic, Error *err)
{
	SchemaDraft draft = {.topic = topic,
	.names = {[SCHEMA_VALUE] = "fanout_message.Message"}};
	Buf			text;

	if (protobuf->binder.registry == NULL)
		return FORMAT_OK;
	if (protobuf->message_binding == NULL)
	{
		buf_init(&text, SCHEMA_TEXT_LIMIT);
		proto_append_message(&text);
		draft.texts[SCHEMA_VALUE] = buf_string(&text);
		if (draft.texts[SCHEMA_VALUE] != NULL)
			protobuf->message_binding =
				schema_binding_new(&protobuf->binder, &draft, err);
		else
			error_no_memory(err);
		buf_free(&text);
	}
	if (protobuf->message_binding == NULL)
		return FORMAT_FAILED;
	return step_binding(protobuf, protobuf->message_binding, NULL, err);
}

/* The frame of a value, if there is one. */
static void
append_frame(Buf *out, const SchemaBinding *binding)
{
	uint8_t		frame[SCHEMA_FRAME_PROTOBUF];

	if (binding != NULL)
		buf_append(out, frame, schema_frame_put(frame, SCHEMA_PROTOBUF,
												binding->ids[SCHEMA_VALUE]));
}

/* ---- the operations ---- */

/* Of the columns' fields; NULL: the columns' own. */
static const uint32_t *
value_numbers(const SchemaBinding *binding)
{
	return binding == NULL ? NULL : binding->numbers[SCHEMA_VALUE];
}

static bool
append_body(Buf *out, const Change *change, const uint32_t *numbers,
			Error *err)
{
	if (numbers == NULL)
		buf_append_slice(out, change->body);
	else if (!schema_renumber_body(out, change->table, numbers, change->body))
		return error_set(err, ERROR_RECORD, "malformed row of table %s.%s",
						 change->table->schema, change->table->name);
	return true;
}

static bool
render_value(FormatProtobuf *protobuf, const Change *change, Position position,
			 const SchemaBinding *binding, Error *err)
{
	SourceOf	of = {
		.table = change->table, .txn = change->txn, .position = position,
		.snapshot = change->parts.op == PG_FANOUT__OP__READ
	};
	Buf		   *out = &protobuf->value;

	format_recycle(out);
	append_frame(out, binding);
	if (protobuf->flat.fields != 0)
		return protobuf_flat_append(out, &protobuf->flat, change, position,
									value_numbers(binding), err);
	if (!append_body(out, change, value_numbers(binding), err))
		return false;
	buf_reserve(out, source_room(protobuf->database, &of));
	if (!format_fits(out, err))
		return false;
	append_source(out, protobuf->database, &of);
	return true;
}

/* A broken schema may have sent the table's records to another topic. */
static void
set_topics(Records *out, const char *topic)
{
	for (size_t i = 0; i < out->count; i++)
		out->records[i].topic = topic;
}

/* Of rows that go alone, not every change has one. */
static bool
has_value(const FormatProtobuf *protobuf, const Change *change)
{
	return protobuf->flat.fields == 0 ||
		flat_has_value(&protobuf->options->flat, &change->parts);
}

static FormatResult
format_protobuf_change(Format *format, const Change *change, Position position,
					   const char *topic, Records *out, Error *err)
{
	FormatProtobuf *protobuf = (FormatProtobuf *) format;
	ProtobufKeys *keys = &protobuf->keys;
	bool		framed =
		protobuf->options->schema.partition == SCHEMA_PARTITION_FRAMED;
	PlainRecord plain = {.op = change->parts.op};
	const SchemaBinding *binding;
	FormatResult found = find_binding(protobuf, change->table, topic,
									  &binding, err);

	out->count = 0;
	if (found != FORMAT_OK)
		return found;
	if (protobuf->flat.fields != 0 &&
		flat_drops(&protobuf->options->flat, &change->parts))
		return FORMAT_OK;
	if (!protobuf_keys_render(keys, change,
							  keys_have_schemas(protobuf) ? binding : NULL,
							  err) ||
		(has_value(protobuf, change) &&
		 !render_value(protobuf, change, position, binding, err)))
		return FORMAT_FAILED;
	plain.key = keys->new.framed;
	plain.old_key = keys->old.framed;
	if (has_value(protobuf, change))
		plain.value = buf_slice(&protobuf->value);
	if (!framed)
	{
		plain.partition_key = keys->new.payload;
		plain.old_partition_key = keys->old.payload;
	}
	flat_put(out, &plain, position, &protobuf->headers);
	if (binding != NULL)
		set_topics(out, binding->topic);
	return FORMAT_OK;
}

static FormatResult
format_protobuf_message(Format *format, const LogicalMessage *message,
						Position position, const char *topic, Records *records,
						Error *err)
{
	FormatProtobuf *protobuf = (FormatProtobuf *) format;
	SourceOf	of = {.txn = message->txn, .position = position};
	Buf		   *out = &protobuf->message;
	FormatResult found = find_message_binding(protobuf, topic, err);
	uint8_t    *at;

	if (found != FORMAT_OK)
		return found;
	format_recycle(out);
	append_frame(out, protobuf->message_binding);
	buf_reserve(out, 3 * WIRE_MAX_SCALAR + text_room(message->prefix) +
				WIRE_MAX_PREFIX + message->content.size +
				source_room(protobuf->database, &of));
	if (!format_fits(out, err))
		return FORMAT_FAILED;
	at = out->data + out->size;
	if (message->txn != NULL)
		at = wire_put_uint(at, MESSAGE_TRANSACTIONAL, 1);
	if (message->lsn != 0)
		at = wire_put_uint(at, MESSAGE_LSN, message->lsn);
	at = put_text(at, MESSAGE_PREFIX, message->prefix);
	if (message->content.size > 0)
		at = wire_put_bytes(at, MESSAGE_CONTENT, message->content.data,
							message->content.size);
	if (message->txn != NULL && message->txn->xid != 0)
		at = wire_put_uint(at, MESSAGE_XID, message->txn->xid);
	out->size = (size_t) (at - out->data);
	append_source(out, protobuf->database, &of);
	records->count = 1;
	records->records[0] = (Record) {.value = buf_slice(out)};
	if (protobuf->message_binding != NULL)
		set_topics(records, protobuf->message_binding->topic);
	return FORMAT_OK;
}

static int
format_protobuf_watch(Format *format, struct pollfd *fds, int room,
					  int64_t *deadline)
{
	FormatProtobuf *protobuf = (FormatProtobuf *) format;

	if (protobuf->binder.registry == NULL)
		return 0;
	return schema_registry_watch(protobuf->binder.registry, fds, room,
								 deadline);
}

static void
format_protobuf_free(Format *format)
{
	FormatProtobuf *protobuf = (FormatProtobuf *) format;

	for (size_t i = 0; i < protobuf->tables.capacity; i++)
	{
		BoundTable *bound = protobuf->tables.entries[i].value;

		if (bound != NULL)
			schema_binding_free(&protobuf->binder, bound->binding);
		free(bound);
	}
	free(protobuf->tables.entries);
	schema_binding_free(&protobuf->binder, protobuf->message_binding);
	schema_registry_free(protobuf->binder.registry);
	protobuf_keys_free(&protobuf->keys);
	buf_free(&protobuf->value);
	buf_free(&protobuf->message);
	free(protobuf->database);
	free(protobuf);
}

/* Without a registry nothing remembers what a topic's numbers mean. */
static bool
check_options(const FormatProtobufOptions *options, Error *err)
{
	const SchemaOptions *schema = &options->schema;

	if (schema->url == NULL && schema->on_break != SCHEMA_BREAK_STOP)
	{
		error_set(err, ERROR_USAGE, "on_schema_break=%s needs schema_registry",
				  schema_break_words[schema->on_break]);
		return error_hint(err, "Without a registry nothing remembers across restarts what a topic's fields meant.");
	}
	return schema_options_check(schema, err);
}

static bool
open_registry(FormatProtobuf *protobuf, Error *err)
{
	const SchemaOptions *schema = &protobuf->options->schema;

	protobuf->binder.type = SCHEMA_PROTOBUF;
	protobuf->binder.options = schema;
	protobuf->binder.flat = protobuf->flat.fields;
	if (schema->url == NULL)
		return true;
	protobuf->base.registered = true;
	protobuf->binder.registry = schema_registry_new(schema, "format protobuf",
													err);
	return protobuf->binder.registry != NULL;
}

static bool
format_protobuf_print(Buf *out, const void *options, const Table *table,
					  Error *err)
{
	const FormatProtobufOptions *protobuf = options;

	return protobuf_flat_print(out, &protobuf->flat, table, err);
}

extern const FormatOps format_protobuf_ops;

static Format *
format_protobuf_create(const FormatConfig *config, Error *err)
{
	const FormatProtobufOptions *options = config->options;
	FormatProtobuf *protobuf;

	if (!check_options(options, err))
		return NULL;
	protobuf = calloc(1, sizeof(*protobuf));
	if (protobuf == NULL ||
		(protobuf->database = strdup(config->database)) == NULL)
	{
		free(protobuf);
		error_no_memory(err);
		return NULL;
	}
	protobuf->base.ops = &format_protobuf_ops;
	protobuf->options = options;
	protobuf_keys_init(&protobuf->keys,
					   (ProtobufKeyFormat) options->key_format);
	buf_init(&protobuf->value, FORMAT_LIMIT);
	buf_init(&protobuf->message, FORMAT_LIMIT);
	protobuf->flat.database = protobuf->database;
	if (protobuf_flat_fields(&options->flat, &protobuf->flat.fields, err) &&
		open_registry(protobuf, err))
		return &protobuf->base;
	format_protobuf_free(&protobuf->base);
	return NULL;
}

const FormatOps format_protobuf_ops = {
	.name = "protobuf",
	.extension = "pb",
	.binary = true,
	.by_topic = true,
	.options = &format_protobuf_option_table,
	.print = format_protobuf_print,
	.create = format_protobuf_create,
	.begin = format_no_begin,
	.change = format_protobuf_change,
	.message = format_protobuf_message,
	.commit = format_no_commit,
	.tick = format_no_tick,
	.watch = format_protobuf_watch,
	.free = format_protobuf_free
};
