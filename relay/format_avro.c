/*
 * format_avro.c
 *		The avro format: what Debezium writes with Confluent's AvroConverter.
 *
 * As there, a converter stands behind what makes the records: the
 * debezium-json format makes them with their Connect schemas, and each key and
 * value is turned into a registry's frame and Avro's bytes. It is the one
 * format that uses another, by its operations only.
 */
#include "format.h"

#include <stdlib.h>

#include "avro_head.h"
#include "avro_value.h"
#include "debezium_option_rows.h"

extern const FormatOps format_debezium_ops;
extern const FormatOps format_avro_ops;

typedef struct FormatAvroOptions
{
	DebeziumOptions debezium;	/* first: its rows count from there */
	SchemaOptions schema;
} FormatAvroOptions;

/* Which call made the records that wait to be converted. */
typedef enum AvroCall
{
	AVRO_NONE,
	AVRO_BEGIN,
	AVRO_CHANGE,
	AVRO_MESSAGE,
	AVRO_COMMIT,
	AVRO_TICK
} AvroCall;

typedef struct FormatAvro
{
	Format		base;
	FormatAvroOptions options;	/* what they point to is the caller's */
	FormatConfig config;		/* of the format before the converter */
	Format	   *source;
	AvroHeads	heads;
	AvroCall	call;			/* whose records are pending */
	Position	position;
	Records		pending;		/* as the source made them */
	Buf			keys[FORMAT_MAX_RECORDS];
	Buf			values[FORMAT_MAX_RECORDS];
	Buf			scratch;
} FormatAvro;

static const Option format_avro_options[] = {
	DEBEZIUM_OPTION_ROWS,
	SCHEMA_OPTION_ROWS(FormatAvroOptions, schema),
};

static const OptionTable format_avro_option_table = {
	"avro format", "sink", format_avro_options,
	sizeof(format_avro_options) / sizeof(format_avro_options[0]),
	sizeof(FormatAvroOptions)
};

/* ---- one record ---- */

static bool
convert_part(FormatAvro *avro, const AvroHead *head, SchemaPart part,
			 Slice record, Buf *out, Error *err)
{
	uint8_t		frame[SCHEMA_FRAME_AVRO];

	format_recycle(out);
	buf_append(out, frame, schema_frame_put(frame, SCHEMA_AVRO,
											head->binding->ids[part]));
	if (!avro_append_value(out, &head->schemas[part],
						   avro_head_payload(head, part, record),
						   &avro->scratch))
		return error_set(err, ERROR_INTERNAL, "record for topic \"%s\" does not fit its schema",
						 head->topic);
	return format_fits(out, err);
}

static FormatResult
bind_head(FormatAvro *avro, AvroHead *head, Error *err)
{
	switch (schema_binding_step(&avro->heads.binder, head->binding, NULL,
								err))
	{
		case SCHEMA_BOUND:
			return FORMAT_OK;
		case SCHEMA_BOUND_WAIT:
			return FORMAT_WAIT;
		default:
			return FORMAT_FAILED;
	}
}

/* topic: of records that name none. */
static FormatResult
convert_record(FormatAvro *avro, const Record *from, Record *to, size_t index,
			   const char *topic, Error *err)
{
	Buf		   *key = &avro->keys[index];
	Buf		   *value = &avro->values[index];
	AvroHead   *head = avro_head_find(&avro->heads, from->topic != NULL ?
									  from->topic : topic, from, err);
	FormatResult bound = head == NULL ? FORMAT_FAILED :
		bind_head(avro, head, err);

	if (bound != FORMAT_OK)
		return bound;
	*to = *from;
	to->topic = head->binding->topic;
	if (from->key.data != NULL)
	{
		if (!convert_part(avro, head, SCHEMA_KEY, from->key, key, err))
			return FORMAT_FAILED;
		to->key = buf_slice(key);
		if (avro->options.schema.partition == SCHEMA_PARTITION_KEY)
			to->partition_key = slice_make(key->data + SCHEMA_FRAME_AVRO,
										   key->size - SCHEMA_FRAME_AVRO);
	}
	if (from->value.data != NULL)
	{
		if (!convert_part(avro, head, SCHEMA_VALUE, from->value, value, err))
			return FORMAT_FAILED;
		to->value = buf_slice(value);
	}
	return FORMAT_OK;
}

/* ---- all records of a call ---- */

/* Whether this call was made before, and its records wait. */
static bool
is_pending(const FormatAvro *avro, AvroCall call, Position position)
{
	return avro->call == call && avro->position.lsn == position.lsn &&
		avro->position.seq == position.seq;
}

/*
 * Converts what is pending. What is done is done again if the registry makes
 * us wait: there are four records at most.
 */
static FormatResult
convert(FormatAvro *avro, const char *topic, Records *out, Error *err)
{
	for (size_t i = 0; i < avro->pending.count; i++)
	{
		FormatResult result = convert_record(avro, &avro->pending.records[i],
											 &out->records[i], i, topic, err);

		if (result != FORMAT_OK)
			return result;
	}
	out->count = avro->pending.count;
	avro->call = AVRO_NONE;
	return FORMAT_OK;
}

/* The source has answered a new call. */
static FormatResult
take(FormatAvro *avro, AvroCall call, Position position, FormatResult result)
{
	avro->call = result == FORMAT_OK ? call : AVRO_NONE;
	avro->position = position;
	return result;
}

static FormatResult
format_avro_begin(Format *format, const Transaction *txn, Records *out,
				  Error *err)
{
	FormatAvro *avro = (FormatAvro *) format;
	Position	position = {txn->commit_lsn, 0};
	FormatResult result = FORMAT_OK;

	if (!is_pending(avro, AVRO_BEGIN, position))
		result = take(avro, AVRO_BEGIN, position,
					  format_debezium_ops.begin(avro->source, txn,
												&avro->pending, err));
	return result == FORMAT_OK ? convert(avro, "", out, err) : result;
}

static FormatResult
format_avro_change(Format *format, const Change *change, Position position,
				   const char *topic, Records *out, Error *err)
{
	FormatAvro *avro = (FormatAvro *) format;
	FormatResult result = FORMAT_OK;

	if (!is_pending(avro, AVRO_CHANGE, position))
		result = take(avro, AVRO_CHANGE, position,
					  format_debezium_ops.change(avro->source, change,
												 position, topic,
												 &avro->pending, err));
	return result == FORMAT_OK ? convert(avro, topic, out, err) : result;
}

static FormatResult
format_avro_message(Format *format, const LogicalMessage *message,
					Position position, const char *topic, Records *out,
					Error *err)
{
	FormatAvro *avro = (FormatAvro *) format;
	FormatResult result = FORMAT_OK;

	if (!is_pending(avro, AVRO_MESSAGE, position))
		result = take(avro, AVRO_MESSAGE, position,
					  format_debezium_ops.message(avro->source, message,
												  position, topic,
												  &avro->pending, err));
	return result == FORMAT_OK ? convert(avro, topic, out, err) : result;
}

static FormatResult
format_avro_commit(Format *format, const TxnEnd *end, Position position,
				   Records *out, Error *err)
{
	FormatAvro *avro = (FormatAvro *) format;
	FormatResult result = FORMAT_OK;

	if (!is_pending(avro, AVRO_COMMIT, position))
		result = take(avro, AVRO_COMMIT, position,
					  format_debezium_ops.commit(avro->source, end, position,
												 &avro->pending, err));
	return result == FORMAT_OK ? convert(avro, "", out, err) : result;
}

/* Not while records of a call wait: the source's are valid until the next. */
static FormatResult
format_avro_tick(Format *format, int64_t now, Records *out, Error *err)
{
	FormatAvro *avro = (FormatAvro *) format;
	Position	nowhere = {0, 0};
	FormatResult result = FORMAT_OK;

	out->count = 0;
	if (avro->call == AVRO_NONE)
		result = take(avro, AVRO_TICK, nowhere,
					  format_debezium_ops.tick(avro->source, now,
											   &avro->pending, err));
	else if (avro->call != AVRO_TICK)
		return FORMAT_OK;
	return result == FORMAT_OK ? convert(avro, "", out, err) : result;
}

static int
format_avro_watch(Format *format, struct pollfd *fds, int room,
				  int64_t *deadline)
{
	FormatAvro *avro = (FormatAvro *) format;
	int			used = format_debezium_ops.watch(avro->source, fds, room,
												 deadline);

	return used + schema_registry_watch(avro->heads.binder.registry,
										fds + used, room - used, deadline);
}

static bool
format_avro_describe(Format *format, const Table *table,
					 const TableDetail *detail, Error *err)
{
	FormatAvro *avro = (FormatAvro *) format;

	return format_debezium_ops.describe(avro->source, table, detail, err);
}

/* ---- making one ---- */

static void
format_avro_free(Format *format)
{
	FormatAvro *avro = (FormatAvro *) format;

	if (avro->source != NULL)
		format_debezium_ops.free(avro->source);
	avro_heads_free(&avro->heads);
	schema_registry_free(avro->heads.binder.registry);
	for (int i = 0; i < FORMAT_MAX_RECORDS; i++)
	{
		buf_free(&avro->keys[i]);
		buf_free(&avro->values[i]);
	}
	buf_free(&avro->scratch);
	free(avro);
}

static bool
check_options(const SchemaOptions *schema, Error *err)
{
	if (schema->url == NULL)
	{
		error_set(err, ERROR_USAGE, "format avro needs schema_registry");
		return error_hint(err, "Avro's records cannot be read without their schemas.");
	}
	if (schema->on_break == SCHEMA_BREAK_REMAP)
	{
		error_set(err, ERROR_USAGE, "on_schema_break=remap is for format protobuf");
		return error_hint(err, "Avro has names, not numbers: use stop or new-topic.");
	}
	return schema_options_check(schema, err);
}

static bool
set_up(FormatAvro *avro, const FormatConfig *config, Error *err)
{
	SchemaBinder *binder = &avro->heads.binder;

	avro->base = (Format) {.ops = &format_avro_ops, .registered = true};
	memcpy(&avro->options, config->options, sizeof(avro->options));
	avro->options.debezium.schemas = true;
	avro->config = *config;
	avro->config.options = &avro->options.debezium;
	for (int i = 0; i < FORMAT_MAX_RECORDS; i++)
	{
		buf_init(&avro->keys[i], FORMAT_LIMIT);
		buf_init(&avro->values[i], FORMAT_LIMIT);
	}
	buf_init(&avro->scratch, FORMAT_LIMIT);
	binder->type = SCHEMA_AVRO;
	binder->options = &avro->options.schema;
	if (!check_options(binder->options, err))
		return false;
	binder->registry = schema_registry_new(binder->options, "format avro",
										   err);
	if (binder->registry == NULL)
		return false;
	avro->source = format_debezium_ops.create(&avro->config, err);
	return avro->source != NULL;
}

static Format *
format_avro_create(const FormatConfig *config, Error *err)
{
	FormatAvro *avro = calloc(1, sizeof(*avro));

	if (avro == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	if (set_up(avro, config, err))
		return &avro->base;
	format_avro_free(&avro->base);
	return NULL;
}

const FormatOps format_avro_ops = {
	.name = "avro",
	.extension = "avrobin",
	.binary = true,
	.by_topic = true,
	.sees_all = true,
	.underscores = true,
	.options = &format_avro_option_table,
	.create = format_avro_create,
	.describe = format_avro_describe,
	.begin = format_avro_begin,
	.change = format_avro_change,
	.message = format_avro_message,
	.commit = format_avro_commit,
	.tick = format_avro_tick,
	.watch = format_avro_watch,
	.free = format_avro_free
};
