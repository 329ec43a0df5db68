/*
 * debezium_type_schema.c
 *		Connect's schema of a value: type, semantic name, parameters. See
 *		debezium_type.h.
 */
#include "debezium_type.h"

#include <string.h>

#include "debezium_json.h"

typedef struct KindSchema
{
	const char *type;			/* Connect's */
	const char *name;			/* semantic; NULL: none. Version is 1. */
	const char *doc;
	const char *fields;			/* of a struct, or a map's keys and values */
} KindSchema;

static const KindSchema kind_schemas[] = {
	[DEBEZIUM_BOOL] = {"boolean"},
	[DEBEZIUM_INT16] = {"int16"},
	[DEBEZIUM_INT32] = {"int32"},
	[DEBEZIUM_INT64] = {"int64"},
	[DEBEZIUM_OID] = {"int64"},
	[DEBEZIUM_FLOAT] = {"float"},
	[DEBEZIUM_DOUBLE] = {"double"},
	[DEBEZIUM_DECIMAL] = {"bytes", "org.apache.kafka.connect.data.Decimal"},
	[DEBEZIUM_DECIMAL_VARIABLE] = {"struct",
		"io.debezium.data.VariableScaleDecimal", "Variable scaled decimal",
		"\"fields\":[{\"type\":\"int32\",\"optional\":false,\"field\":\"scale\"},"
	"{\"type\":\"bytes\",\"optional\":false,\"field\":\"value\"}]"},
	[DEBEZIUM_DECIMAL_DOUBLE] = {"double"},
	[DEBEZIUM_DECIMAL_STRING] = {"string"},
	[DEBEZIUM_MONEY] = {"bytes", "org.apache.kafka.connect.data.Decimal"},
	[DEBEZIUM_MONEY_DOUBLE] = {"double"},
	[DEBEZIUM_MONEY_STRING] = {"string"},
	[DEBEZIUM_STRING] = {"string"},
	[DEBEZIUM_JSON] = {"string", "io.debezium.data.Json"},
	[DEBEZIUM_XML] = {"string", "io.debezium.data.Xml"},
	[DEBEZIUM_LTREE] = {"string", "io.debezium.data.Ltree"},
	[DEBEZIUM_TSVECTOR] = {"string", "io.debezium.data.Tsvector"},
	[DEBEZIUM_ENUM] = {"string", "io.debezium.data.Enum"},
	[DEBEZIUM_UUID] = {"string", "io.debezium.data.Uuid"},
	[DEBEZIUM_BYTES] = {"bytes"},
	[DEBEZIUM_BYTES_BASE64] = {"string"},
	[DEBEZIUM_BYTES_BASE64_URL] = {"string"},
	[DEBEZIUM_BYTES_HEX] = {"string"},
	[DEBEZIUM_DATE] = {"int32", "io.debezium.time.Date"},
	[DEBEZIUM_DATE_CONNECT] = {"int32", "org.apache.kafka.connect.data.Date"},
	[DEBEZIUM_DATE_ISO] = {"string", "io.debezium.time.IsoDate"},
	[DEBEZIUM_TIME] = {"int32", "io.debezium.time.Time"},
	[DEBEZIUM_TIME_CONNECT] = {"int32", "org.apache.kafka.connect.data.Time"},
	[DEBEZIUM_TIME_MICRO] = {"int64", "io.debezium.time.MicroTime"},
	[DEBEZIUM_TIME_NANO] = {"int64", "io.debezium.time.NanoTime"},
	[DEBEZIUM_TIME_ISO] = {"string", "io.debezium.time.IsoTime"},
	[DEBEZIUM_TIMETZ] = {"string", "io.debezium.time.ZonedTime"},
	[DEBEZIUM_TIMESTAMP] = {"int64", "io.debezium.time.Timestamp"},
	[DEBEZIUM_TIMESTAMP_CONNECT] = {"int64",
	"org.apache.kafka.connect.data.Timestamp"},
	[DEBEZIUM_TIMESTAMP_MICRO] = {"int64", "io.debezium.time.MicroTimestamp"},
	[DEBEZIUM_TIMESTAMP_NANO] = {"int64", "io.debezium.time.NanoTimestamp"},
	[DEBEZIUM_TIMESTAMP_ISO] = {"string", "io.debezium.time.IsoTimestamp"},
	[DEBEZIUM_TIMESTAMPTZ] = {"string", "io.debezium.time.ZonedTimestamp"},
	[DEBEZIUM_INTERVAL] = {"int64", "io.debezium.time.MicroDuration"},
	[DEBEZIUM_INTERVAL_STRING] = {"string", "io.debezium.time.Interval"},
	[DEBEZIUM_BIT] = {"boolean"},
	[DEBEZIUM_BITS] = {"bytes", "io.debezium.data.Bits"},
	[DEBEZIUM_POINT] = {"struct", "io.debezium.data.geometry.Point",
		"Geometry (POINT)",
		"\"fields\":[{\"type\":\"double\",\"optional\":false,\"field\":\"x\"},"
		"{\"type\":\"double\",\"optional\":false,\"field\":\"y\"},"
		"{\"type\":\"bytes\",\"optional\":true,\"field\":\"wkb\"},"
	"{\"type\":\"int32\",\"optional\":true,\"field\":\"srid\"}]"},
	[DEBEZIUM_GEOMETRY] = {"struct", "io.debezium.data.geometry.Geometry",
		"Geometry",
		"\"fields\":[{\"type\":\"bytes\",\"optional\":false,\"field\":\"wkb\"},"
	"{\"type\":\"int32\",\"optional\":true,\"field\":\"srid\"}]"},
	[DEBEZIUM_GEOGRAPHY] = {"struct", "io.debezium.data.geometry.Geography",
		"Geography",
		"\"fields\":[{\"type\":\"bytes\",\"optional\":false,\"field\":\"wkb\"},"
	"{\"type\":\"int32\",\"optional\":true,\"field\":\"srid\"}]"},
	[DEBEZIUM_HSTORE] = {"string", "io.debezium.data.Json"},
	[DEBEZIUM_HSTORE_MAP] = {"map", NULL, NULL,
		"\"keys\":{\"type\":\"string\",\"optional\":false},"
	"\"values\":{\"type\":\"string\",\"optional\":true}"},
	[DEBEZIUM_VECTOR] = {"array", "io.debezium.data.DoubleVector", NULL,
	"\"items\":{\"type\":\"double\",\"optional\":false}"},
	[DEBEZIUM_HALFVEC] = {"array", "io.debezium.data.FloatVector", NULL,
	"\"items\":{\"type\":\"float\",\"optional\":false}"},
	[DEBEZIUM_SPARSEVEC] = {"struct", "io.debezium.data.SparseDoubleVector",
		"Sparse double vector",
		"\"fields\":[{\"type\":\"int16\",\"optional\":false,\"field\":\"dimensions\"},"
		"{\"type\":\"map\",\"keys\":{\"type\":\"int16\",\"optional\":false},"
		"\"values\":{\"type\":\"double\",\"optional\":false},\"optional\":false,"
	"\"field\":\"vector\"}]"},
};

bool
debezium_type_is_string(const DebeziumType *type)
{
	return !type->array &&
		strcmp(kind_schemas[type->kind].type, "string") == 0;
}

static void
append_labels(Buf *out, const DebeziumType *type)
{
	Buf			joined;

	buf_init(&joined, INT32_MAX);
	for (size_t i = 0; i < type->label_count; i++)
	{
		if (i > 0)
			buf_append_byte(&joined, ',');
		buf_append_string(&joined, type->labels[i]);
	}
	buf_append_string(out, ",\"parameters\":{\"allowed\":");
	debezium_append_string(out, buf_slice(&joined), DEBEZIUM_ESCAPE_BYTES);
	buf_append_byte(out, '}');
	out->failed |= joined.failed;
	buf_free(&joined);
}

static void
append_parameters(Buf *out, const DebeziumType *type)
{
	switch (type->kind)
	{
		case DEBEZIUM_DECIMAL:
			buf_printf(out, ",\"parameters\":{\"scale\":\"%d\","
					   "\"connect.decimal.precision\":\"%d\"}",
					   type->scale, type->precision);
			break;
		case DEBEZIUM_MONEY:
			buf_printf(out, ",\"parameters\":{\"scale\":\"%d\"}", type->scale);
			break;
		case DEBEZIUM_BITS:
			buf_printf(out, ",\"parameters\":{\"length\":\"%d\"}",
					   type->precision);
			break;
		case DEBEZIUM_ENUM:
			append_labels(out, type);
			break;
		default:
			break;
	}
}

static void
append_optional(Buf *out, bool optional)
{
	buf_append_string(out, optional ? ",\"optional\":true" :
					  ",\"optional\":false");
}

/* Without the closing brace. */
static void
append_scalar(Buf *out, const DebeziumType *type, bool optional)
{
	const KindSchema *schema = &kind_schemas[type->kind];

	buf_printf(out, "{\"type\":\"%s\"", schema->type);
	if (schema->fields != NULL)
	{
		buf_append_byte(out, ',');
		buf_append_string(out, schema->fields);
	}
	append_optional(out, optional);
	if (schema->name != NULL)
		buf_printf(out, ",\"name\":\"%s\",\"version\":1", schema->name);
	if (schema->doc != NULL)
		buf_printf(out, ",\"doc\":\"%s\"", schema->doc);
	append_parameters(out, type);
}

void
debezium_type_append_schema(Buf *out, const DebeziumType *type, bool optional,
							Slice preset, const char *field)
{
	if (type->array)
	{
		buf_append_string(out, "{\"type\":\"array\",\"items\":");
		append_scalar(out, type, type->element_optional);
		buf_append_byte(out, '}');
		append_optional(out, optional);
	}
	else
		append_scalar(out, type, optional);
	if (preset.data != NULL)
	{
		buf_append_string(out, ",\"default\":");
		buf_append_slice(out, preset);
	}
	if (field != NULL)
	{
		buf_append_string(out, ",\"field\":");
		debezium_append_string(out, slice_of(field), DEBEZIUM_ESCAPE_BYTES);
	}
	buf_append_byte(out, '}');
}
