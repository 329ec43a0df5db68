/*
 * fuzz_debezium.c
 *		Values of the debezium-json format: hstore, points, geometries, bits,
 *		decimals, arrays, intervals, as they come from the server.
 *
 * The first byte chooses a type, the second options, the third the kind of
 * the field; the rest is what the field holds. Whatever it is, the value is
 * one JSON value or is refused.
 */
#include "fuzz.h"

#include <stdlib.h>

#include <jansson.h>

#include "debezium_value.h"

#define TYPE(oid, encoding, array, name) \
	{oid, PG_FANOUT__ENCODING__##encoding, array, "x." name}

static const struct
{
	uint32_t	oid;
	PgFanout__Encoding encoding;
	bool		array;
	const char *name;
}			types[] = {
	TYPE(16, BOOL, false, "bool"), TYPE(21, INT32, false, "int2"),
	TYPE(20, INT64, false, "int8"), TYPE(26, UINT32, false, "oid"),
	TYPE(28, UINT32, false, "xid"), TYPE(700, FLOAT, false, "float4"),
	TYPE(701, DOUBLE, false, "float8"), TYPE(1700, NUMERIC, false, "numeric"),
	TYPE(790, TEXT, false, "money"), TYPE(25, TEXT, false, "text"),
	TYPE(114, JSON, false, "json"), TYPE(17, BYTES, false, "bytea"),
	TYPE(2950, UUID, false, "uuid"), TYPE(1082, DATE, false, "date"),
	TYPE(1083, TIME, false, "time"), TYPE(1266, TEXT, false, "timetz"),
	TYPE(1114, TIMESTAMP, false, "timestamp"),
	TYPE(1184, TIMESTAMPTZ, false, "timestamptz"),
	TYPE(1186, INTERVAL, false, "interval"), TYPE(1562, TEXT, false, "varbit"),
	TYPE(600, TEXT, false, "point"), TYPE(602, TEXT, false, "path"),
	TYPE(90001, TEXT, false, "hstore"), TYPE(90002, TEXT, false, "geometry"),
	TYPE(90004, TEXT, false, "vector"), TYPE(90005, TEXT, false, "halfvec"),
	TYPE(90006, TEXT, false, "sparsevec"),
	TYPE(1007, INT32, true, "_int4"), TYPE(1009, TEXT, true, "_text"),
	TYPE(1231, NUMERIC, true, "_numeric"), TYPE(1022, DOUBLE, true, "_float8"),
	TYPE(1185, TIMESTAMPTZ, true, "_timestamptz"),
	TYPE(90003, TEXT, true, "_hstore"), TYPE(1027, TEXT, true, "_polygon"),
};

static void
check_json(DebeziumWriter *writer)
{
	json_error_t error;
	json_t	   *json = json_loadb((const char *) writer->out.data,
								  writer->out.size,
								  JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

	/* numbers and names that jansson cannot hold are JSON nevertheless */
	if (json == NULL &&
		json_error_code(&error) != json_error_null_byte_in_key &&
		json_error_code(&error) != json_error_numeric_overflow &&
		json_error_code(&error) != json_error_duplicate_key)
		abort();
	json_decref(json);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static DebeziumWriter writer;
	static DebeziumOptions *options;
	Column		column = {.typmod = -1, .name = "v"};
	DebeziumType type;
	WireField	field = {.number = 1};

	if (options == NULL)
	{
		options = option_new(&debezium_option_table);
		debezium_writer_init(&writer, 16 << 20);
	}
	if (size < 3 || options == NULL)
		return 0;
	options->decimals = data[1] % 3;
	options->times = data[1] / 3 % 6;
	options->binary = data[1] / 18 % 4;
	options->hstore = data[1] / 72 % 2;
	options->interval = data[1] / 72 % 2;
	options->unknown = true;
	column.type_oid = types[data[0] % (sizeof(types) / sizeof(types[0]))].oid;
	column.encoding =
		types[data[0] % (sizeof(types) / sizeof(types[0]))].encoding;
	column.is_array =
		types[data[0] % (sizeof(types) / sizeof(types[0]))].array;
	column.type_name =
		types[data[0] % (sizeof(types) / sizeof(types[0]))].name;
	if (data[2] >= 128)
		column.typmod = data[2] % 16 + 4;
	field.kind = (WireKind) (data[2] % 6);
	field.data = data + 3;
	field.size = size - 3;
	memcpy(&field.value, data + 3, size - 3 < 8 ? size - 3 : 8);
	if (!debezium_type_find(&column, NULL, options, &type))
		return 0;
	buf_clear(&writer.out);
	writer.header = false;
	if (debezium_append_value(&writer, &type, &field) != DEBEZIUM_MALFORMED &&
		!buf_failed(&writer.out))
		check_json(&writer);
	buf_clear(&writer.out);
	writer.header = true;
	(void) debezium_append_value(&writer, &type, &field);
	return 0;
}
