/*
 * avro_value.c
 *		A payload of Kafka Connect's JSON as Avro's bytes.
 */
#include "avro_value.h"

#include <stdlib.h>

#include "wire.h"

#define NUMBER_ROOM		64
#define DEPTH_LIMIT		16

typedef struct AvroReader
{
	const uint8_t *at;
	const uint8_t *end;
	Buf		   *out;
	Buf		   *scratch;
	int			depth;
} AvroReader;

static bool append_node(AvroReader *reader, const AvroNode *node);

/* ---- what is written ---- */

static void
put_long(Buf *out, int64_t value)
{
	uint8_t    *at;

	if (!buf_reserve(out, WIRE_MAX_VARINT))
		return;
	at = wire_put_varint(out->data + out->size, wire_zigzag(value));
	out->size = (size_t) (at - out->data);
}

static void
put_bytes(Buf *out, const void *data, size_t size)
{
	put_long(out, (int64_t) size);
	buf_append(out, data, size);
}

/* ---- what is read ---- */

static bool
take(AvroReader *reader, const char *text)
{
	size_t		size = strlen(text);

	if ((size_t) (reader->end - reader->at) < size ||
		memcmp(reader->at, text, size) != 0)
		return false;
	reader->at += size;
	return true;
}

static bool
take_byte(AvroReader *reader, uint8_t byte)
{
	if (reader->at == reader->end || *reader->at != byte)
		return false;
	reader->at++;
	return true;
}

static bool
take_int(AvroReader *reader, int64_t *value)
{
	bool		negative = take_byte(reader, '-');
	uint64_t	limit = negative ? (uint64_t) INT64_MAX + 1 : INT64_MAX;
	uint64_t	number = 0;
	const uint8_t *begin = reader->at;

	for (; reader->at < reader->end && *reader->at >= '0' &&
		 *reader->at <= '9'; reader->at++)
	{
		uint64_t	digit = *reader->at - '0';

		if (number > (limit - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*value = negative ? (int64_t) (0 - number) : (int64_t) number;
	return reader->at > begin;
}

/* NaN and the infinities are strings. */
static bool
take_double(AvroReader *reader, double *value)
{
	char		text[NUMBER_ROOM];
	size_t		size = 0;
	char	   *end;

	if (take(reader, "\"NaN\""))
		*value = __builtin_nan("");
	else if (take(reader, "\"Infinity\""))
		*value = __builtin_inf();
	else if (take(reader, "\"-Infinity\""))
		*value = -__builtin_inf();
	else
	{
		while (size < sizeof(text) - 1 && reader->at < reader->end &&
			   strchr("+-.0123456789Ee", *reader->at) != NULL &&
			   *reader->at != '\0')
			text[size++] = (char) *reader->at++;
		text[size] = '\0';
		*value = strtod(text, &end);
		return size > 0 && *end == '\0';
	}
	return true;
}

/* Four hexadecimal digits. */
static bool
take_unit(AvroReader *reader, uint32_t *unit)
{
	*unit = 0;
	for (int i = 0; i < 4; i++, reader->at++)
	{
		uint8_t		digit = reader->at < reader->end ? *reader->at : 0;

		if (digit >= '0' && digit <= '9')
			digit -= '0';
		else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')
			digit = (uint8_t) ((digit | 0x20) - 'a' + 10);
		else
			return false;
		*unit = *unit << 4 | digit;
	}
	return true;
}

static void
append_utf8(Buf *out, uint32_t code)
{
	if (code < 0x80)
		buf_append_byte(out, (uint8_t) code);
	else if (code < 0x800)
		buf_append_byte(out, (uint8_t) (0xc0 | code >> 6));
	else if (code < 0x10000)
	{
		buf_append_byte(out, (uint8_t) (0xe0 | code >> 12));
		buf_append_byte(out, (uint8_t) (0x80 | (code >> 6 & 0x3f)));
	}
	else
	{
		buf_append_byte(out, (uint8_t) (0xf0 | code >> 18));
		buf_append_byte(out, (uint8_t) (0x80 | (code >> 12 & 0x3f)));
		buf_append_byte(out, (uint8_t) (0x80 | (code >> 6 & 0x3f)));
	}
	if (code >= 0x80)
		buf_append_byte(out, (uint8_t) (0x80 | (code & 0x3f)));
}

/* Behind "\u". Half a pair becomes U+FFFD. */
static bool
take_code(AvroReader *reader)
{
	uint32_t	code;
	uint32_t	low;

	if (!take_unit(reader, &code))
		return false;
	if (code >= 0xd800 && code < 0xdc00 && reader->end - reader->at >= 6 &&
		reader->at[0] == '\\' && reader->at[1] == 'u')
	{
		const uint8_t *mark = reader->at;

		reader->at += 2;
		if (!take_unit(reader, &low))
			return false;
		if (low >= 0xdc00 && low < 0xe000)
			code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		else
			reader->at = mark;
	}
	append_utf8(reader->scratch,
				code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
	return true;
}

static bool
take_escape(AvroReader *reader)
{
	static const char names[] = "\"\\/bfnrt";
	static const char values[] = "\"\\/\b\f\n\r\t";
	const char *found;

	if (reader->at == reader->end || *reader->at == '\0')
		return false;
	if (take_byte(reader, 'u'))
		return take_code(reader);
	found = strchr(names, *reader->at++);
	if (found == NULL)
		return false;
	buf_append_byte(reader->scratch, (uint8_t) values[found - names]);
	return true;
}

/* A string's content: in place, or in scratch if it holds escapes. */
static bool
take_string(AvroReader *reader, Slice *text)
{
	const uint8_t *begin;

	if (!take_byte(reader, '"'))
		return false;
	buf_clear(reader->scratch);
	for (begin = reader->at; reader->at < reader->end && *reader->at != '"';)
	{
		if (*reader->at != '\\')
		{
			reader->at++;
			continue;
		}
		buf_append(reader->scratch, begin, (size_t) (reader->at - begin));
		reader->at++;
		if (!take_escape(reader))
			return false;
		begin = reader->at;
	}
	*text = slice_make(begin, (size_t) (reader->at - begin));
	if (reader->scratch->size > 0)
	{
		buf_append_slice(reader->scratch, *text);
		*text = buf_slice(reader->scratch);
	}
	reader->out->failed |= reader->scratch->failed;
	return take_byte(reader, '"');
}

static int
base64_value(uint8_t byte)
{
	if (byte >= 'A' && byte <= 'Z')
		return byte - 'A';
	if (byte >= 'a' && byte <= 'z')
		return byte - 'a' + 26;
	if (byte >= '0' && byte <= '9')
		return byte - '0' + 52;
	return byte == '+' ? 62 : byte == '/' ? 63 : -1;
}

static bool
append_base64(AvroReader *reader)
{
	Slice		text;
	uint32_t	bits = 0;
	size_t		size;

	if (!take_string(reader, &text))
		return false;
	while (text.size > 0 && text.data[text.size - 1] == '=')
		text.size--;
	size = text.size * 6 / 8;
	put_long(reader->out, (int64_t) size);
	for (size_t i = 0; i < text.size; i++)
	{
		int			value = base64_value(text.data[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t) value;
		if (i % 4 == 1)
			buf_append_byte(reader->out, (uint8_t) (bits >> 4));
		else if (i % 4 == 2)
			buf_append_byte(reader->out, (uint8_t) (bits >> 2));
		else if (i % 4 == 3)
			buf_append_byte(reader->out, (uint8_t) bits);
	}
	return text.size % 4 != 1;
}

/* ---- values ---- */

static bool
append_int(AvroReader *reader)
{
	int64_t		value;

	if (!take_int(reader, &value))
		return false;
	put_long(reader->out, value);
	return true;
}

static bool
append_floating(AvroReader *reader, bool single)
{
	uint8_t		bytes[8];
	double		value;

	if (!take_double(reader, &value))
		return false;
	if (single)
		wire_store_fixed32(bytes, wire_float_bits((float) value));
	else
		wire_store_fixed64(bytes, wire_double_bits(value));
	buf_append(reader->out, bytes, single ? 4 : 8);
	return true;
}

static bool
append_boolean(AvroReader *reader)
{
	bool		value = take(reader, "true");

	buf_append_byte(reader->out, value);
	return value || take(reader, "false");
}

static bool
append_string(AvroReader *reader)
{
	Slice		text;

	if (!take_string(reader, &text))
		return false;
	put_bytes(reader->out, text.data, text.size);
	return true;
}

/* Blocks of one item each: how many there are is not known yet. */
static bool
append_items(AvroReader *reader, const AvroNode *node)
{
	bool		map = node->kind == AVRO_MAP;
	uint8_t		close = map ? '}' : ']';

	if (!take_byte(reader, map ? '{' : '['))
		return false;
	while (!take_byte(reader, close))
	{
		put_long(reader->out, 1);
		if (map && (!append_string(reader) || !take_byte(reader, ':')))
			return false;
		if (!append_node(reader, node->items))
			return false;
		if (!take_byte(reader, ',') &&
			(reader->at == reader->end || *reader->at != close))
			return false;
	}
	put_long(reader->out, 0);
	return true;
}

static bool
append_record(AvroReader *reader, const AvroNode *node)
{
	if (!take_byte(reader, '{'))
		return false;
	for (size_t i = 0; i < node->field_count; i++)
	{
		const AvroField *field = &node->fields[i];

		if ((i > 0 && !take_byte(reader, ',')) ||
			(size_t) (reader->end - reader->at) < field->name_size ||
			memcmp(reader->at, field->name, field->name_size) != 0)
			return false;
		reader->at += field->name_size;
		if (!append_node(reader, field->node))
			return false;
	}
	return take_byte(reader, '}');
}

static bool
append_value(AvroReader *reader, const AvroNode *node)
{
	switch (node->kind)
	{
		case AVRO_BOOLEAN:
			return append_boolean(reader);
		case AVRO_INT:
			return append_int(reader);
		case AVRO_FLOAT:
		case AVRO_DOUBLE:
			return append_floating(reader, node->kind == AVRO_FLOAT);
		case AVRO_STRING:
			return append_string(reader);
		case AVRO_BYTES:
			return append_base64(reader);
		case AVRO_ARRAY:
		case AVRO_MAP:
			return append_items(reader, node);
		default:
			return append_record(reader, node);
	}
}

/* null is the first branch, unless the default is something else. */
static bool
append_node(AvroReader *reader, const AvroNode *node)
{
	bool		ok;

	if (reader->depth == DEPTH_LIMIT || buf_failed(reader->out))
		return buf_failed(reader->out);
	if (node->optional)
	{
		bool		null = take(reader, "null");

		put_long(reader->out, null == node->null_last);
		if (null)
			return true;
	}
	reader->depth++;
	ok = append_value(reader, node);
	reader->depth--;
	return ok;
}

bool
avro_append_value(Buf *out, const AvroSchema *schema, Slice payload,
				  Buf *scratch)
{
	AvroReader	reader = {.at = payload.data, .out = out,
		.end = payload.data + payload.size, .scratch = scratch};

	return (append_node(&reader, schema->root) && reader.at == reader.end) ||
		buf_failed(out);
}
