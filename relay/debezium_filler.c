/*
 * debezium_filler.c
 *		What stands where no value was sent. See debezium_filler.h.
 *
 * A default goes the way of any value: its literal becomes a field as a source
 * would make it, and the field is written.
 */
#include "debezium_filler.h"

#include <openssl/evp.h>
#include <strings.h>

#include "debezium_json.h"
#include "json_value.h"
#include "value_parse.h"

#define FIELD_LIMIT	(1 << 20)	/* of a default's literal */

/* ---- zeros ---- */

static void
append_decimal_zero(Buf *out, const DebeziumType *type)
{
	buf_append_string(out, "\"0");
	for (int i = 0; i < type->scale; i++)
		buf_append_string(out, i == 0 ? ".0" : "0");
	buf_append_byte(out, '"');
}

static const char *
zero_text(DebeziumKind kind)
{
	switch (kind)
	{
		case DEBEZIUM_BOOL:
		case DEBEZIUM_BIT:
			return "false";
		case DEBEZIUM_FLOAT:
		case DEBEZIUM_DOUBLE:
		case DEBEZIUM_DECIMAL_DOUBLE:
		case DEBEZIUM_MONEY_DOUBLE:
			return "0.0";
		case DEBEZIUM_DECIMAL:
		case DEBEZIUM_MONEY:
			return "\"AA==\"";
		case DEBEZIUM_DECIMAL_VARIABLE:
			return "{\"scale\":0,\"value\":\"AA==\"}";
		case DEBEZIUM_DATE_ISO:
			return "\"1970-01-01Z\"";
		case DEBEZIUM_TIME_ISO:
		case DEBEZIUM_TIMETZ:
			return "\"00:00:00Z\"";
		case DEBEZIUM_TIMESTAMP_ISO:
		case DEBEZIUM_TIMESTAMPTZ:
			return "\"1970-01-01T00:00:00Z\"";
		case DEBEZIUM_INTERVAL_STRING:
			return "\"P0Y0M0DT0H0M0S\"";
		case DEBEZIUM_POINT:
			return "{\"x\":0.0,\"y\":0.0,"
				"\"wkb\":\"AQEAAAAAAAAAAAAAAAAAAAAAAAAA\",\"srid\":null}";
		case DEBEZIUM_GEOMETRY:
		case DEBEZIUM_GEOGRAPHY:
			/* an empty collection */
			return "{\"wkb\":\"AQcAAAAAAAAA\",\"srid\":null}";
		case DEBEZIUM_HSTORE:
			return "\"{}\"";
		case DEBEZIUM_HSTORE_MAP:
			return "{}";
		case DEBEZIUM_VECTOR:
		case DEBEZIUM_HALFVEC:
			return "[]";
		case DEBEZIUM_SPARSEVEC:
			return "{\"dimensions\":0,\"vector\":[]}";
		default:
			return NULL;
	}
}

void
debezium_append_zero(Buf *out, const DebeziumType *type)
{
	const char *zero = zero_text(type->kind);
	DebeziumKind kind = type->kind;

	if (type->array)
		buf_append_string(out, "[]");
	else if (kind == DEBEZIUM_DECIMAL_STRING || kind == DEBEZIUM_MONEY_STRING)
		append_decimal_zero(out, type);
	else if (zero != NULL)
		buf_append_string(out, zero);
	else if (debezium_type_is_string(type) || kind == DEBEZIUM_BYTES ||
			 kind == DEBEZIUM_BITS)
		buf_append_string(out, "\"\"");
	else
		buf_append_byte(out, '0');
}

/* ---- placeholders ---- */

static void
append_placeholder_bytes(Buf *out, DebeziumKind kind, Slice placeholder)
{
	if (kind == DEBEZIUM_BYTES_HEX)
		debezium_append_string(out, placeholder, DEBEZIUM_ESCAPE_BYTES);
	else
		debezium_append_bytes(out, kind, placeholder);
}

/* As Java's UUID.nameUUIDFromBytes: MD5, version 3. */
static void
append_placeholder_uuid(Buf *out, Slice placeholder)
{
	uint8_t		digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(placeholder.data, placeholder.size, digest, NULL, EVP_md5(),
				   NULL) != 1)
	{
		buf_append_string(out, "null");
		return;
	}
	digest[6] = (uint8_t) ((digest[6] & 0x0f) | 0x30);
	digest[8] = (uint8_t) ((digest[8] & 0x3f) | 0x80);
	json_append_uuid(out, digest);
}

static void
append_placeholder_array(Buf *out, const DebeziumType *type, Slice placeholder)
{
	if (type->family == DEBEZIUM_FAMILY_NONE)
	{
		buf_append_string(out, "null");
		return;
	}
	buf_append_byte(out, '[');
	if (type->family == DEBEZIUM_FAMILY_TEXT)
		debezium_append_string(out, placeholder, DEBEZIUM_ESCAPE_BYTES);
	else if (type->family == DEBEZIUM_FAMILY_BYTES)
		append_placeholder_bytes(out, type->kind, placeholder);
	else if (type->family == DEBEZIUM_FAMILY_UUID)
		append_placeholder_uuid(out, placeholder);
	else
		for (size_t i = 0; i < placeholder.size; i++)
		{
			if (i > 0)
				buf_append_byte(out, ',');
			json_append_int(out, (int8_t) placeholder.data[i]);
		}
	buf_append_byte(out, ']');
}

static void
append_placeholder_pair(Buf *out, Slice placeholder, DebeziumEscape escape)
{
	buf_append_byte(out, '{');
	debezium_append_string(out, placeholder, escape);
	buf_append_byte(out, ':');
	debezium_append_string(out, placeholder, escape);
	buf_append_byte(out, '}');
}

static void
append_placeholder_hstore(Buf *out, Slice placeholder)
{
	Buf			pair;

	buf_init(&pair, FIELD_LIMIT);
	append_placeholder_pair(&pair, placeholder, DEBEZIUM_ESCAPE_CHARS);
	debezium_append_string(out, buf_slice(&pair), DEBEZIUM_ESCAPE_BYTES);
	out->failed |= pair.failed;
	buf_free(&pair);
}

void
debezium_append_placeholder(Buf *out, const DebeziumType *type,
							const char *placeholder)
{
	Slice		text = slice_of(placeholder);
	DebeziumKind kind = type->kind;

	if (type->array)
		append_placeholder_array(out, type, text);
	else if (kind == DEBEZIUM_HSTORE)
		append_placeholder_hstore(out, text);
	else if (kind == DEBEZIUM_HSTORE_MAP)
		append_placeholder_pair(out, text, DEBEZIUM_ESCAPE_BYTES);
	else if (kind >= DEBEZIUM_BYTES && kind <= DEBEZIUM_BYTES_HEX)
		append_placeholder_bytes(out, kind, text);
	else if (debezium_type_is_string(type) && !type->never)
		debezium_append_string(out, text, DEBEZIUM_ESCAPE_BYTES);
	else
		buf_append_string(out, "null");
}

/* ---- defaults ---- */

/* Types of which Debezium reads defaults, and a function's result there. */
static const struct
{
	uint32_t	oid;
	const char *result;
}			default_types[] =
{
	{16, "f"},					/* bool */
	{20, "0"}, {21, "0"}, {23, "0"},	/* int8, int2, int4 */
	{25, ""},					/* text */
	{114, "{}"}, {142, ""},		/* json, xml */
	{700, "0"}, {701, "0"},		/* float4, float8 */
	{1042, ""}, {1043, ""},		/* bpchar, varchar */
	{1082, "1970-01-01"},		/* date */
	{1083, "00:00:00"},			/* time */
	{1114, "1970-01-01 00:00:00"},	/* timestamp */
	{1184, "1970-01-01 00:00:00+00"},	/* timestamptz */
	{1186, "00:00:00"},			/* interval */
	{1560, "00"}, {1562, "0"},	/* bit, varbit */
	{1700, "0"},				/* numeric */
	{2950, "00000000-0000-0000-0000-000000000000"},	/* uuid */
	{3802, "{}"},				/* jsonb */
};

static const char *
function_result(const Column *column)
{
	for (size_t i = 0; i < sizeof(default_types) / sizeof(default_types[0]);
		 i++)
		if (default_types[i].oid == column->type_oid)
			return default_types[i].result;
	return NULL;
}

/* "now()", "lower('ABC'::text)", "(nextval(...))", CURRENT_DATE. */
static bool
is_function(const char *expression)
{
	static const char *const words[] = {"current_timestamp", "current_time",
		"current_date", "localtime", "localtimestamp"
	};
	const char *name = expression + (*expression == '(');
	size_t		size = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
							  "abcdefghijklmnopqrstuvwxyz0123456789_.");

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(expression, words[i]) == 0)
			return true;
	return size > 0 && name[size] == '(' && strchr(name + size, ')') != NULL;
}

/*
 * What stands between the first two quotes, or all of it if there are none.
 * A doubled quote ends it: Debezium cuts there as well. false: a NULL.
 */
static bool
default_literal(const char *expression, Slice *literal)
{
	const char *quote = strchr(expression, '\'');
	const char *end = quote != NULL ? strchr(quote + 1, '\'') : NULL;

	if (end != NULL)
		*literal = slice_make(quote + 1, (size_t) (end - quote - 1));
	else
		*literal = slice_of(expression);
	return end != NULL || strncmp(expression, "NULL::", 6) != 0;
}

/* Of the text as if the server had printed it for a row. */
static bool
append_literal(DebeziumWriter *writer, const DebeziumType *type,
			   const Column *column, Slice literal)
{
	Buf			room;
	WireReader	reader;
	WireField	field;
	Error		err;
	bool		done = false;

	buf_init(&room, FIELD_LIMIT);
	error_clear(&err);
	if (value_parse(&room, column, literal, &err))
	{
		reader = wire_reader(room.data, room.size);
		done = wire_next(&reader, &field) == WIRE_FIELD &&
			debezium_append_value(writer, type, &field) == DEBEZIUM_DONE;
	}
	buf_free(&room);
	return done;
}

bool
debezium_append_default(DebeziumWriter *writer, const DebeziumType *type,
						const Column *column, const ColumnDetail *detail)
{
	const char *result = function_result(column);
	bool		labels = type->kind == DEBEZIUM_ENUM && !type->array;
	size_t		mark = writer->out.size;
	Slice		literal;

	if (detail == NULL || detail->preset == NULL || column->generated ||
		type->kind == DEBEZIUM_DECIMAL_VARIABLE ||
		(result == NULL && !labels))
		return false;
	if (result != NULL && is_function(detail->preset))
		literal = slice_of(result);
	else if (!default_literal(detail->preset, &literal))
		return false;
	if (type->kind == DEBEZIUM_BOOL)
		literal = slice_of(slice_equal(literal, slice_of("true")) ||
						   slice_equal(literal, slice_of("t")) ? "t" : "f");
	if (append_literal(writer, type, column, literal))
		return true;
	if (!buf_failed(&writer->out))
		writer->out.size = mark;
	return false;
}
