/*
 * debezium_schema.c
 *		Connect's schemas of records. See debezium_schema.h.
 */
#include "debezium_schema.h"

#define REQUIRED(type, name) \
	"{\"type\":\"" type "\",\"optional\":false,\"field\":\"" name "\"}"
#define OPTIONAL(type, name) \
	"{\"type\":\"" type "\",\"optional\":true,\"field\":\"" name "\"}"
#define HEAD	"{\"schema\":"
#define TAIL	",\"payload\":"

static const char source_schema[] =
	"{\"type\":\"struct\",\"fields\":["
	REQUIRED("string", "version") ","
	REQUIRED("string", "connector") ","
	REQUIRED("string", "name") ","
	REQUIRED("int64", "ts_ms") ","
	"{\"type\":\"string\",\"optional\":true,\"name\":\"io.debezium.data.Enum\","
	"\"version\":1,\"parameters\":{\"allowed\":\"true,first,"
	"first_in_data_collection,last_in_data_collection,last,false,incremental\"},"
	"\"default\":\"false\",\"field\":\"snapshot\"},"
	REQUIRED("string", "db") ","
	OPTIONAL("string", "sequence") ","
	OPTIONAL("int64", "ts_us") ","
	OPTIONAL("int64", "ts_ns") ","
	REQUIRED("string", "schema") ","
	REQUIRED("string", "table") ","
	OPTIONAL("int64", "txId") ","
	OPTIONAL("int64", "lsn") ","
	OPTIONAL("int64", "xmin") ","
	OPTIONAL("string", "origin") ","
	OPTIONAL("int64", "origin_lsn")
	"],\"optional\":false,"
	"\"name\":\"io.debezium.connector.postgresql.Source\",\"version\":1,"
	"\"field\":\"source\"}";

static const char block_schema[] =
	"{\"type\":\"struct\",\"fields\":["
	REQUIRED("string", "id") ","
	REQUIRED("int64", "total_order") ","
	REQUIRED("int64", "data_collection_order")
	"],\"optional\":true,\"name\":\"event.block\",\"version\":1,"
	"\"field\":\"transaction\"}";

const char	debezium_schema_message_key[] =
	HEAD "{\"type\":\"struct\",\"fields\":[" OPTIONAL("string", "prefix")
	"],\"optional\":false,"
	"\"name\":\"io.debezium.connector.postgresql.MessageKey\",\"version\":1}"
	TAIL;

const char	debezium_schema_txn_key[] =
	HEAD "{\"type\":\"struct\",\"fields\":[" REQUIRED("string", "id")
	"],\"optional\":false,"
	"\"name\":\"io.debezium.connector.common.TransactionMetadataKey\","
	"\"version\":1}" TAIL;

const char	debezium_schema_txn_value[] =
	HEAD "{\"type\":\"struct\",\"fields\":["
	REQUIRED("string", "status") ","
	REQUIRED("string", "id") ","
	OPTIONAL("int64", "event_count") ","
	"{\"type\":\"array\",\"items\":{\"type\":\"struct\",\"fields\":["
	REQUIRED("string", "data_collection") ","
	REQUIRED("int64", "event_count")
	"],\"optional\":true,\"name\":\"event.collection\",\"version\":1},"
	"\"optional\":true,\"field\":\"data_collections\"},"
	REQUIRED("int64", "ts_ms")
	"],\"optional\":false,"
	"\"name\":\"io.debezium.connector.common.TransactionMetadataValue\","
	"\"version\":1}" TAIL;

const char	debezium_schema_heartbeat_key[] =
	HEAD "{\"type\":\"struct\",\"fields\":[" REQUIRED("string", "serverName")
	"],\"optional\":false,"
	"\"name\":\"io.debezium.connector.common.ServerNameKey\",\"version\":1}"
	TAIL;

const char	debezium_schema_heartbeat_value[] =
	HEAD "{\"type\":\"struct\",\"fields\":[" REQUIRED("int64", "ts_ms")
	"],\"optional\":false,"
	"\"name\":\"io.debezium.connector.common.Heartbeat\",\"version\":1}"
	TAIL;

/* ---- tables ---- */

static void
append_field(Buf *out, const DebeziumTable *made, const Table *table,
			 const DebeziumColumn *column)
{
	Slice		preset = column->preset.size > 0 ?
		span_of(made, column->preset) : slice_make(NULL, 0);
	const Column *described = table_find_column(table, column->number);

	debezium_type_append_schema(out, &column->type, column->optional, preset,
								described->name);
}

static void
append_name(Buf *out, const DebeziumTable *made, const char *what)
{
	buf_append_string(out, ",\"name\":\"");
	buf_append_slice(out, span_of(made, made->topic));
	buf_append_string(out, what);
	buf_append_byte(out, '"');
}

void
debezium_schema_append_key(Buf *out, const DebeziumTable *made,
						   const Table *table)
{
	buf_append_string(out, HEAD "{\"type\":\"struct\",\"fields\":");
	for (size_t i = 0; i < made->key_count; i++)
	{
		buf_append_byte(out, i == 0 ? '[' : ',');
		append_field(out, made, table, &made->columns[made->keys[i]]);
	}
	buf_append_string(out, "],\"optional\":false");
	append_name(out, made, ".Key");
	buf_append_string(out, "}" TAIL);
}

static void
append_columns(Buf *out, const DebeziumTable *made, const Table *table)
{
	buf_append_string(out, "{\"type\":\"struct\",\"fields\":[");
	for (size_t i = 0; i < made->column_count; i++)
	{
		if (i > 0)
			buf_append_byte(out, ',');
		append_field(out, made, table, &made->columns[i]);
	}
}

static void
append_row(Buf *out, const DebeziumTable *made, const Table *table,
		   const char *field)
{
	append_columns(out, made, table);
	buf_append_string(out, "],\"optional\":true");
	append_name(out, made, ".Value");
	buf_printf(out, ",\"field\":\"%s\"}", field);
}

void
debezium_schema_append_value(Buf *out, const DebeziumTable *made,
							 const Table *table)
{
	buf_append_string(out, HEAD "{\"type\":\"struct\",\"fields\":[");
	append_row(out, made, table, "before");
	buf_append_byte(out, ',');
	append_row(out, made, table, "after");
	buf_append_byte(out, ',');
	buf_append_string(out, source_schema);
	buf_append_byte(out, ',');
	buf_append_string(out, block_schema);
	buf_append_string(out, "," REQUIRED("string", "op") ","
					  OPTIONAL("int64", "ts_ms") ","
					  OPTIONAL("int64", "ts_us") ","
					  OPTIONAL("int64", "ts_ns") "],\"optional\":false");
	append_name(out, made, ".Envelope");
	buf_append_string(out, ",\"version\":2}" TAIL);
}

void
debezium_schema_append_flat(Buf *out, const DebeziumTable *made,
							const Table *table, const DebeziumFlat *flat)
{
	buf_append_string(out, HEAD);
	append_columns(out, made, table);
	debezium_flat_append_schema(out, flat);
	buf_append_string(out, "],\"optional\":false");
	append_name(out, made, ".Value");
	buf_append_string(out, "}" TAIL);
}

void
debezium_schema_append_message(Buf *out, DebeziumKind content)
{
	buf_append_string(out, HEAD "{\"type\":\"struct\",\"fields\":["
					  REQUIRED("string", "op") ","
					  OPTIONAL("int64", "ts_ms") ",");
	buf_append_string(out, source_schema);
	buf_append_byte(out, ',');
	buf_append_string(out, block_schema);
	buf_append_string(out, ",{\"type\":\"struct\",\"fields\":["
					  OPTIONAL("string", "prefix") ",");
	buf_append_string(out, content == DEBEZIUM_BYTES ?
					  OPTIONAL("bytes", "content") :
					  OPTIONAL("string", "content"));
	buf_append_string(out, "],\"optional\":false,"
					  "\"name\":\"io.debezium.connector.postgresql.Message\","
					  "\"version\":1,\"field\":\"message\"}],"
					  "\"optional\":false,"
					  "\"name\":\"io.debezium.connector.postgresql.MessageValue\","
					  "\"version\":1}" TAIL);
}
