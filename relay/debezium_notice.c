/*
 * debezium_notice.c
 *		Debezium's records that are no rows. See debezium_notice.h.
 */
#include "debezium_notice.h"

#include "clock.h"
#include "debezium_json.h"
#include "debezium_schema.h"
#include "json_value.h"

/* What stands before a payload, if there are schemas. */
static void
append_head(Buf *out, const DebeziumContext *context, const char *schema)
{
	if (context->options->schemas)
		buf_append_string(out, schema);
}

/* Closes that many objects, and what the schema stands in. */
static void
append_tail(Buf *out, const DebeziumContext *context, int objects)
{
	for (; objects > 0; objects--)
		buf_append_byte(out, '}');
	if (context->options->schemas)
		buf_append_byte(out, '}');
}

/* A key of one text. */
static size_t
append_key(Buf *out, const DebeziumContext *context, const char *schema,
		   const char *name, const char *text)
{
	append_head(out, context, schema);
	buf_printf(out, "{\"%s\":", name);
	debezium_append_string(out, slice_of(text), DEBEZIUM_ESCAPE_BYTES);
	append_tail(out, context, 1);
	return out->size;
}

size_t
debezium_append_message(DebeziumWriter *writer, const DebeziumContext *context,
						const LogicalMessage *message,
						const DebeziumOrder *order)
{
	Buf		   *out = &writer->out;
	DebeziumKind content = DEBEZIUM_BYTES + context->options->binary;
	DebeziumSource source = {
		.txn = message->txn, .lsn = message->lsn,
		.names = slice_of("\"schema\":\"\",\"table\":\"\"")
	};
	size_t		size = append_key(out, context, debezium_schema_message_key,
								  "prefix", message->prefix);

	if (context->options->schemas)
		debezium_schema_append_message(out, content);
	debezium_append_number(out, "{\"op\":\"m\",\"ts_ms\":",
						   clock_wall() / 1000);
	debezium_append_source(out, context, &source);
	debezium_append_block(out, context, &source, order);
	buf_append_string(out, ",\"message\":{\"prefix\":");
	debezium_append_string(out, slice_of(message->prefix),
						   DEBEZIUM_ESCAPE_BYTES);
	buf_append_string(out, ",\"content\":");
	debezium_append_bytes(out, content, message->content);
	append_tail(out, context, 2);
	return size;
}

/* The key, and a value up to its status and id. */
static size_t
append_txn(Buf *out, const DebeziumContext *context, const char *status,
		   uint32_t xid, Lsn lsn)
{
	size_t		size;

	append_head(out, context, debezium_schema_txn_key);
	buf_append_byte(out, '{');
	debezium_append_id(out, xid, lsn);
	append_tail(out, context, 1);
	size = out->size;
	append_head(out, context, debezium_schema_txn_value);
	buf_printf(out, "{\"status\":\"%s\",", status);
	debezium_append_id(out, xid, lsn);
	return size;
}

static void
append_txn_time(Buf *out, const DebeziumContext *context,
				const Transaction *txn)
{
	debezium_append_number(out, ",\"ts_ms\":", txn->commit_time / 1000);
	append_tail(out, context, 1);
}

size_t
debezium_append_begin(DebeziumWriter *writer, const DebeziumContext *context,
					  const Transaction *txn, Lsn lsn)
{
	Buf		   *out = &writer->out;
	size_t		size = append_txn(out, context, "BEGIN", txn->xid, lsn);

	buf_append_string(out, ",\"event_count\":null,\"data_collections\":null");
	append_txn_time(out, context, txn);
	return size;
}

size_t
debezium_append_commit(DebeziumWriter *writer, const DebeziumContext *context,
					   const TxnEnd *end)
{
	Buf		   *out = &writer->out;
	size_t		size = append_txn(out, context, "END", end->txn.xid,
								  end->end_lsn);

	buf_append_string(out, ",\"event_count\":");
	json_append_uint(out, context->txn.events);
	buf_append_string(out, ",\"data_collections\":");
	debezium_txn_append(&context->txn, out);
	append_txn_time(out, context, &end->txn);
	return size;
}

size_t
debezium_append_heartbeat(DebeziumWriter *writer,
						  const DebeziumContext *context, int64_t now)
{
	Buf		   *out = &writer->out;
	size_t		size = append_key(out, context, debezium_schema_heartbeat_key,
								  "serverName", context->config->prefix);

	append_head(out, context, debezium_schema_heartbeat_value);
	debezium_append_number(out, "{\"ts_ms\":", now / 1000);
	append_tail(out, context, 1);
	return size;
}
