/*
 * debezium_context.c
 *		What Debezium's records tell beside the rows. See debezium_context.h.
 */
#include "debezium_context.h"

#include <sys/random.h>

#include "clock.h"
#include "debezium_json.h"
#include "json_value.h"
#include "version.h"

#define HEAD_LIMIT	(1 << 20)

/* ---- making ---- */

/* A time-ordered UUID (version 7) for this run. */
static bool
make_run_id(char run_id[DEBEZIUM_UUID_SIZE], Error *err)
{
	uint8_t		bytes[16];
	uint64_t	time = (uint64_t) (clock_wall() / 1000);

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return error_set(err, ERROR_INTERNAL, "no random numbers to be had");
	for (int i = 0; i < 6; i++)
		bytes[i] = (uint8_t) (time >> (40 - 8 * i));
	bytes[6] = (uint8_t) ((bytes[6] & 0x0f) | 0x70);
	bytes[8] = (uint8_t) ((bytes[8] & 0x3f) | 0x80);
	for (int i = 0, at = 0; i < 16; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			run_id[at++] = '-';
		run_id[at++] = "0123456789abcdef"[bytes[i] >> 4];
		run_id[at++] = "0123456789abcdef"[bytes[i] & 15];
	}
	run_id[DEBEZIUM_UUID_SIZE - 1] = '\0';
	return true;
}

static void
set_header(RecordHeader *header, const char *name, const char *value)
{
	header->name = name;
	header->value = slice_of(value);
}

static void
make_headers(DebeziumContext *context)
{
	RecordHeader *headers = context->new_key;

	set_header(&headers[DEBEZIUM_HEADER_LOGICAL_NAME],
			   "__debezium.context.connectorLogicalName",
			   context->config->prefix);
	set_header(&headers[DEBEZIUM_HEADER_TASK], "__debezium.context.taskId",
			   "0");
	set_header(&headers[DEBEZIUM_HEADER_CONNECTOR],
			   "__debezium.context.connectorName", "postgresql");
	set_header(&headers[DEBEZIUM_HEADER_RUN], "__debezium.context.runId",
			   context->run_id);
	memcpy(context->old_key, headers, sizeof(context->old_key));
	context->new_key[DEBEZIUM_HEADER_KEY].name = "__debezium.newkey";
	context->old_key[DEBEZIUM_HEADER_KEY].name = "__debezium.oldkey";
}

static void
make_heads(DebeziumContext *context)
{
	Buf		   *head = &context->source_head;
	Buf		   *middle = &context->source_middle;

	buf_append_string(head, ",\"source\":{\"version\":\"" PG_FANOUT_VERSION
					  "\",\"connector\":\"postgresql\",\"name\":");
	debezium_append_string(head, slice_of(context->config->prefix),
						   DEBEZIUM_ESCAPE_BYTES);
	buf_append_string(head, ",\"ts_ms\":");
	buf_append_string(middle, ",\"db\":");
	debezium_append_string(middle, slice_of(context->config->database),
						   DEBEZIUM_ESCAPE_BYTES);
	buf_append_string(middle, ",\"sequence\":");
}

bool
debezium_context_init(DebeziumContext *context, const FormatConfig *config,
					  Error *err)
{
	memset(context, 0, sizeof(*context));
	context->config = config;
	context->options = config->options;
	context->last_time = clock_wall();
	debezium_txn_init(&context->txn);
	buf_init(&context->source_head, HEAD_LIMIT);
	buf_init(&context->source_middle, HEAD_LIMIT);
	if (!make_run_id(context->run_id, err))
		return false;
	make_headers(context);
	make_heads(context);
	return true;
}

void
debezium_context_free(DebeziumContext *context)
{
	debezium_txn_free(&context->txn);
	buf_free(&context->source_head);
	buf_free(&context->source_middle);
}

/* ---- blocks ---- */

/* Whether records tell of transactions, and this is one. */
static bool
in_transaction(const DebeziumContext *context, const Transaction *txn)
{
	return context->options->transactions && txn != NULL &&
		txn->snapshot == NULL;
}

bool
debezium_context_count(DebeziumContext *context, const Transaction *txn,
					   const char *collection, size_t *place,
					   DebeziumOrder *order)
{
	if (!in_transaction(context, txn))
		return true;
	if (!debezium_txn_count(&context->txn, collection, place,
							&order->collection))
		return false;
	order->total = context->txn.events;
	return true;
}

void
debezium_append_number(Buf *out, const char *name, int64_t value)
{
	buf_append_string(out, name);
	json_append_int(out, value);
}

void
debezium_moment_set(DebeziumMoment *moment, int64_t micros)
{
	uint64_t	left = micros > 0 ? (uint64_t) micros : 0;
	char		room[sizeof(moment->digits)];
	char	   *at = room + sizeof(room);

	/* four at least, so that milliseconds have one */
	do
	{
		*--at = (char) ('0' + left % 10);
		left /= 10;
	} while (left > 0 || room + sizeof(room) - at < 4);
	moment->size = (size_t) (room + sizeof(room) - at);
	memcpy(moment->digits, at, moment->size);
}

void
debezium_append_ms(Buf *out, const DebeziumMoment *moment)
{
	buf_append(out, moment->digits, moment->size - 3);
}

void
debezium_append_us_ns(Buf *out, const DebeziumMoment *moment)
{
	buf_append_string(out, ",\"ts_us\":");
	buf_append(out, moment->digits, moment->size);
	buf_append_string(out, ",\"ts_ns\":");
	buf_append(out, moment->digits, moment->size);
	buf_append(out, "000", 3);
}

void
debezium_append_id(Buf *out, uint32_t xid, Lsn lsn)
{
	buf_append_string(out, "\"id\":\"");
	json_append_uint(out, xid);
	buf_append_byte(out, ':');
	json_append_uint(out, lsn);
	buf_append_byte(out, '"');
}

/* "[null,\"190753176\"]": the last commit's end, and the event itself. */
static void
append_sequence(Buf *out, Lsn last_commit, Lsn lsn)
{
	if (last_commit == LSN_INVALID)
		buf_append_string(out, "\"[null,\\\"");
	else
	{
		buf_append_string(out, "\"[\\\"");
		json_append_uint(out, last_commit);
		buf_append_string(out, "\\\",\\\"");
	}
	json_append_uint(out, lsn);
	buf_append_string(out, "\\\"]\"");
}

static void
append_origin(Buf *out, const Transaction *txn)
{
	if (txn != NULL && txn->origin != NULL && txn->origin[0] != '\0')
		debezium_append_string(out, slice_of(txn->origin),
							   DEBEZIUM_ESCAPE_BYTES);
	else
		buf_append_string(out, "null");
}

void
debezium_append_source(Buf *out, const DebeziumContext *context,
					   const DebeziumSource *source)
{
	const Transaction *txn = source->txn;
	DebeziumMoment moment;

	debezium_moment_set(&moment, txn != NULL ? txn->commit_time :
						context->last_time);
	buf_append_slice(out, buf_slice(&context->source_head));
	debezium_append_ms(out, &moment);
	buf_append_string(out, ",\"snapshot\":\"");
	buf_append_string(out, txn != NULL && txn->snapshot != NULL ?
					  txn->snapshot : "false");
	buf_append_byte(out, '"');
	buf_append_slice(out, buf_slice(&context->source_middle));
	append_sequence(out, context->last_commit, source->lsn);
	debezium_append_us_ns(out, &moment);
	buf_append_byte(out, ',');
	buf_append_slice(out, source->names);
	if (txn != NULL)
		debezium_append_number(out, ",\"txId\":", txn->xid);
	else
		buf_append_string(out, ",\"txId\":null");
	debezium_append_number(out, ",\"lsn\":", (int64_t) source->lsn);
	buf_append_string(out, ",\"xmin\":null,\"origin\":");
	append_origin(out, txn);
	buf_append_string(out, ",\"origin_lsn\":null}");
}

void
debezium_append_block(Buf *out, const DebeziumContext *context,
					  const DebeziumSource *source, const DebeziumOrder *order)
{
	if (!in_transaction(context, source->txn))
	{
		buf_append_string(out, ",\"transaction\":null");
		return;
	}
	buf_append_string(out, ",\"transaction\":{");
	debezium_append_id(out, source->txn->xid, source->lsn);
	debezium_append_number(out, ",\"total_order\":", (int64_t) order->total);
	debezium_append_number(out, ",\"data_collection_order\":",
						   (int64_t) order->collection);
	buf_append_byte(out, '}');
}
