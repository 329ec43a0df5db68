/*
 * debezium_value.c
 *		A row's values as Debezium's JSON has them. See debezium_value.h.
 *
 * The hot path: one switch per value, nothing allocated. What the wire brings
 * as text and Debezium takes apart is in debezium_text.c, times are in
 * debezium_time.c.
 */
#include "debezium_value.h"

#include <stdlib.h>

#include "debezium_decimal.h"
#include "debezium_json.h"
#include "debezium_text.h"
#include "debezium_time.h"
#include "json_value.h"
#include "log.h"
#include "row_read.h"

void
debezium_writer_init(DebeziumWriter *writer, size_t limit)
{
	memset(writer, 0, sizeof(*writer));
	buf_init(&writer->out, limit);
	buf_init(&writer->digits, limit);
	buf_init(&writer->text, limit);
}

void
debezium_writer_free(DebeziumWriter *writer)
{
	buf_free(&writer->out);
	buf_free(&writer->digits);
	buf_free(&writer->text);
}

static DebeziumOutcome
done_if(bool fine)
{
	return fine ? DEBEZIUM_DONE : DEBEZIUM_MALFORMED;
}

static void
append_string(DebeziumWriter *writer, Slice text)
{
	debezium_append_string(&writer->out, text,
						   writer->header ? DEBEZIUM_ESCAPE_HEADER :
						   DEBEZIUM_ESCAPE_BYTES);
}

/*
 * Text of another form than the type should have: a type that has only the
 * name of one that is known. Said once; the relay goes on.
 */
static DebeziumOutcome
refuse_text(DebeziumWriter *writer)
{
	if (!writer->warned)
		log_warning("a value is not of the form that Debezium knows for its type: null is written in its place");
	writer->warned = true;
	return DEBEZIUM_UNCONVERTIBLE;
}

/* ---- numbers ---- */

static DebeziumOutcome
append_int(Buf *out, int64_t value, int64_t least, int64_t most)
{
	json_append_int(out, value);
	return done_if(value >= least && value <= most);
}

/* Headers have NaN and infinities without quotes. */
static DebeziumOutcome
append_double(DebeziumWriter *writer, double value)
{
	Buf		   *out = &writer->out;
	size_t		mark = out->size;

	debezium_append_double(out, value);
	if (writer->header && !buf_failed(out) && out->data[mark] == '"')
	{
		memmove(out->data + mark, out->data + mark + 1,
				out->size - mark - 2);
		out->size -= 2;
	}
	return DEBEZIUM_DONE;
}

static DebeziumOutcome
append_number(DebeziumWriter *writer, const DebeziumType *type,
			  const WireField *field)
{
	Buf		   *out = &writer->out;
	int64_t		value = wire_unzigzag(field->value);

	switch (type->kind)
	{
		case DEBEZIUM_BOOL:
			json_append_bool(out, field->value != 0);
			return done_if(field->value <= 1);
		case DEBEZIUM_INT16:
			return append_int(out, value, INT16_MIN, INT16_MAX);
		case DEBEZIUM_INT32:
			return append_int(out, value, INT32_MIN, INT32_MAX);
		case DEBEZIUM_INT64:
			return append_int(out, value, INT64_MIN, INT64_MAX);
		case DEBEZIUM_OID:
			json_append_uint(out, field->value);
			return done_if(field->value <= UINT32_MAX);
		case DEBEZIUM_FLOAT:
			debezium_append_float(out,
								  wire_bits_float((uint32_t) field->value));
			return DEBEZIUM_DONE;
		default:
			return append_double(writer, wire_bits_double(field->value));
	}
}

/* ---- decimals ---- */

/* Of a value that is no number: NaN and the infinities; lost in arrays. */
static DebeziumOutcome
append_special(DebeziumWriter *writer, const DebeziumType *type, Slice text)
{
	bool		nan = slice_equal(text, slice_of("NaN"));
	bool		minus = slice_equal(text, slice_of("-Infinity"));

	if (!nan && !minus && !slice_equal(text, slice_of("Infinity")))
		return DEBEZIUM_MALFORMED;
	if (type->array)
		return DEBEZIUM_UNCONVERTIBLE;
	if (type->kind == DEBEZIUM_DECIMAL_STRING)
		buf_append_string(&writer->out, nan ? "\"NAN\"" : minus ?
						  "\"NEGATIVE_INFINITY\"" : "\"POSITIVE_INFINITY\"");
	else if (type->kind == DEBEZIUM_DECIMAL_DOUBLE)
		return append_double(writer, nan ? __builtin_nan("") : minus ?
							 -__builtin_inf() : __builtin_inf());
	else
		return DEBEZIUM_UNCONVERTIBLE;
	return DEBEZIUM_DONE;
}

static void
append_variable(DebeziumWriter *writer, DebeziumDecimal *decimal)
{
	Buf		   *out = &writer->out;

	debezium_decimal_strip(decimal);
	buf_append_string(out, "{\"scale\":");
	json_append_uint(out, decimal->fraction.size);
	buf_append_string(out, ",\"value\":");
	debezium_decimal_append_bytes(out, decimal, decimal->fraction.size,
								  &writer->digits);
	buf_append_byte(out, '}');
}

/* The digits as a string of their own, for strtod. */
static DebeziumOutcome
append_decimal_double(DebeziumWriter *writer, const DebeziumDecimal *decimal)
{
	const char *digits;

	buf_clear(&writer->text);
	debezium_decimal_append_plain(&writer->text, decimal, 0);
	digits = buf_string(&writer->text);
	if (digits == NULL)
	{
		writer->out.failed = true;
		return DEBEZIUM_DONE;
	}
	return append_double(writer, strtod(digits, NULL));
}

static DebeziumOutcome
append_read_decimal(DebeziumWriter *writer, const DebeziumType *type,
					DebeziumDecimal *decimal)
{
	Buf		   *out = &writer->out;
	size_t		scale = (size_t) type->scale;

	switch (type->kind)
	{
		case DEBEZIUM_DECIMAL_VARIABLE:
			append_variable(writer, decimal);
			return DEBEZIUM_DONE;
		case DEBEZIUM_DECIMAL_DOUBLE:
		case DEBEZIUM_MONEY_DOUBLE:
			return append_decimal_double(writer, decimal);
		case DEBEZIUM_DECIMAL_STRING:
		case DEBEZIUM_MONEY_STRING:
			buf_append_byte(out, '"');
			debezium_decimal_append_plain(out, decimal, scale);
			buf_append_byte(out, '"');
			return DEBEZIUM_DONE;
		default:
			/* what does not fit the scale is not rounded */
			if (decimal->fraction.size > scale)
				return DEBEZIUM_UNCONVERTIBLE;
			if (writer->header)
				debezium_decimal_append_java(out, decimal, scale);
			else
				debezium_decimal_append_bytes(out, decimal, scale,
											  &writer->digits);
			return DEBEZIUM_DONE;
	}
}

static DebeziumOutcome
append_decimal(DebeziumWriter *writer, const DebeziumType *type, Slice text)
{
	DebeziumDecimal decimal;

	if (!debezium_decimal_read(text, &decimal))
		return append_special(writer, type, text);
	return append_read_decimal(writer, type, &decimal);
}

/* Long numbers would use the room that the digits stand in. */
#define MONEY_DIGITS 38

static DebeziumOutcome
append_money(DebeziumWriter *writer, const DebeziumType *type, Slice text)
{
	DebeziumDecimal decimal;

	if (!debezium_decimal_read_money(text, &writer->digits, &decimal) ||
		decimal.whole.size + decimal.fraction.size + 2 > MONEY_DIGITS)
		return refuse_text(writer);
	return append_read_decimal(writer, type, &decimal);
}

/* ---- strings and bytes ---- */

void
debezium_append_bytes(Buf *out, DebeziumKind kind, Slice bytes)
{
	if (kind == DEBEZIUM_BYTES_HEX)
		debezium_append_hex(out, bytes);
	else if (kind == DEBEZIUM_BYTES_BASE64_URL)
		json_append_base64_url(out, bytes);
	else
		json_append_base64(out, bytes);
}

/* Also any value's text, of types that Debezium does not know. */
static DebeziumOutcome
append_bytes(DebeziumWriter *writer, const DebeziumType *type,
			 const WireField *field)
{
	Slice		bytes = slice_make(field->data, field->size);

	if (type->geometric || field->kind != WIRE_BYTES)
	{
		buf_clear(&writer->text);
		if (type->geometric)
			debezium_append_geometric(&writer->text, bytes);
		else if (type->encoding == PG_FANOUT__ENCODING__UINT32)
			json_append_uint(&writer->text, field->value);
		else
			return DEBEZIUM_UNCONVERTIBLE;
		bytes = buf_slice(&writer->text);
		writer->out.failed |= writer->text.failed;
	}
	debezium_append_bytes(&writer->out, type->kind, bytes);
	return DEBEZIUM_DONE;
}

static bool
append_hstore(DebeziumWriter *writer, Slice text)
{
	buf_clear(&writer->text);
	if (!debezium_append_hstore(&writer->text, text, DEBEZIUM_ESCAPE_CHARS,
								&writer->digits))
		return false;
	writer->out.failed |= writer->text.failed;
	append_string(writer, buf_slice(&writer->text));
	return true;
}

static bool
append_bit(Buf *out, Slice text)
{
	json_append_bool(out, text.size == 1 && text.data[0] == '1');
	return text.size == 1;
}

static DebeziumOutcome
append_uuid(Buf *out, Slice bytes)
{
	if (bytes.size != 16)
		return DEBEZIUM_MALFORMED;
	json_append_uuid(out, bytes.data);
	return DEBEZIUM_DONE;
}

/* Types whose text is taken apart. */
static bool
append_parsed(DebeziumWriter *writer, DebeziumKind kind, Slice text)
{
	Buf		   *out = &writer->out;

	switch (kind)
	{
		case DEBEZIUM_TIMETZ:
			return debezium_append_timetz(out, text);
		case DEBEZIUM_BIT:
			return append_bit(out, text);
		case DEBEZIUM_BITS:
			return debezium_append_bits(out, text, &writer->digits);
		case DEBEZIUM_POINT:
			return debezium_append_point(out, text);
		case DEBEZIUM_GEOMETRY:
		case DEBEZIUM_GEOGRAPHY:
			return debezium_append_geometry(out, text, &writer->digits);
		case DEBEZIUM_VECTOR:
		case DEBEZIUM_HALFVEC:
			return debezium_append_vector(out, text,
										  kind == DEBEZIUM_HALFVEC);
		case DEBEZIUM_SPARSEVEC:
			return debezium_append_sparse(out, text);
		case DEBEZIUM_HSTORE:
			return append_hstore(writer, text);
		default:
			return debezium_append_hstore(out, text, DEBEZIUM_ESCAPE_BYTES,
										  &writer->digits);
	}
}

static DebeziumOutcome
append_text(DebeziumWriter *writer, const DebeziumType *type, Slice text)
{
	switch (type->kind)
	{
		case DEBEZIUM_UUID:
			return append_uuid(&writer->out, text);
		case DEBEZIUM_INTERVAL:
		case DEBEZIUM_INTERVAL_STRING:
			return debezium_append_interval(writer, type->kind, text);
		case DEBEZIUM_STRING:
		case DEBEZIUM_JSON:
		case DEBEZIUM_XML:
		case DEBEZIUM_LTREE:
		case DEBEZIUM_TSVECTOR:
		case DEBEZIUM_ENUM:
			append_string(writer, text);
			return DEBEZIUM_DONE;
		default:
			return append_parsed(writer, type->kind, text) ? DEBEZIUM_DONE :
				refuse_text(writer);
	}
}

/* ---- any value ---- */

/* Kinds stand in the order of these groups. */
static DebeziumOutcome
append_scalar(DebeziumWriter *writer, const DebeziumType *type,
			  const WireField *field)
{
	Slice		bytes = slice_make(field->data, field->size);
	DebeziumKind kind = type->kind;

	if (field->kind != encoding_wire_kind(type->encoding))
		return DEBEZIUM_MALFORMED;
	if (kind <= DEBEZIUM_DOUBLE)
		return append_number(writer, type, field);
	if (kind <= DEBEZIUM_DECIMAL_STRING)
		return append_decimal(writer, type, bytes);
	if (kind <= DEBEZIUM_MONEY_STRING)
		return append_money(writer, type, bytes);
	if (kind <= DEBEZIUM_UUID)
		return append_text(writer, type, bytes);
	if (kind <= DEBEZIUM_BYTES_HEX)
		return append_bytes(writer, type, field);
	if (kind <= DEBEZIUM_TIMESTAMPTZ && kind != DEBEZIUM_TIMETZ)
		return debezium_append_when(writer, type, wire_unzigzag(field->value));
	return append_text(writer, type, bytes);
}

/* Of several dimensions the outermost is told, without its content. */
static void
append_nested(Buf *out, const ArrayReader *array)
{
	uint64_t	count = array->count / array->stride[1];

	for (uint64_t i = 0; i < count && !buf_failed(out); i++)
		buf_append_string(out, i > 0 ? ",null" : "null");
}

static DebeziumOutcome
append_elements(DebeziumWriter *writer, const DebeziumType *type,
				ArrayReader *array)
{
	Buf		   *out = &writer->out;

	for (uint64_t i = 0; i < array->count && !buf_failed(out); i++)
	{
		WireField	element;
		bool		null;
		DebeziumOutcome outcome = DEBEZIUM_DONE;

		if (!array_read_next(array, &element, &null))
			return DEBEZIUM_MALFORMED;
		if (i > 0)
			buf_append_byte(out, ',');
		if (!null)
			outcome = append_scalar(writer, type, &element);
		else if (type->element_optional)
			buf_append_string(out, "null");
		else
			return DEBEZIUM_UNCONVERTIBLE;
		if (outcome != DEBEZIUM_DONE)
			return outcome;
	}
	return done_if(buf_failed(out) || array_read_end(array));
}

static DebeziumOutcome
append_array(DebeziumWriter *writer, const DebeziumType *type,
			 const WireField *field)
{
	ArrayReader array;
	DebeziumOutcome outcome = DEBEZIUM_DONE;

	if (field->kind != WIRE_BYTES ||
		!array_read_start(&array, type->encoding,
						  slice_make(field->data, field->size)))
		return DEBEZIUM_MALFORMED;
	buf_append_byte(&writer->out, '[');
	if (array.dimensions > 1)
		append_nested(&writer->out, &array);
	else
		outcome = append_elements(writer, type, &array);
	buf_append_byte(&writer->out, ']');
	return outcome;
}

DebeziumOutcome
debezium_append_value(DebeziumWriter *writer, const DebeziumType *type,
					  const WireField *field)
{
	size_t		mark = writer->out.size;
	DebeziumOutcome outcome = DEBEZIUM_UNCONVERTIBLE;

	if (!type->never)
		outcome = type->array ? append_array(writer, type, field) :
			append_scalar(writer, type, field);
	if (outcome == DEBEZIUM_UNCONVERTIBLE)
	{
		if (!buf_failed(&writer->out))
			writer->out.size = mark;
		buf_append_string(&writer->out, "null");
	}
	return outcome;
}
