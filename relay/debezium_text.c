/*
 * debezium_text.c
 *		Values that the wire brings as the server's text but Debezium takes
 *		apart. See debezium_text.h.
 */
#include "debezium_text.h"

#include <stdlib.h>

#include "hex.h"
#include "json_value.h"
#include "wire.h"

#define SECOND	INT64_C(1000000)
#define DAY		(86400 * SECOND)

/* What is left of a text. */
typedef struct Reader
{
	const uint8_t *at;
	const uint8_t *end;
} Reader;

static Reader
reader_of(Slice text)
{
	Reader		reader = {text.data, text.data + text.size};

	return reader;
}

static bool
read_word(Reader *reader, const char *word)
{
	size_t		size = strlen(word);

	if ((size_t) (reader->end - reader->at) < size ||
		memcmp(reader->at, word, size) != 0)
		return false;
	reader->at += size;
	return true;
}

/* ---- hstore ---- */

/* A quoted string, in which a backslash stands before what means itself. */
static bool
read_quoted(Reader *reader, Buf *plain)
{
	buf_clear(plain);
	if (!read_word(reader, "\""))
		return false;
	while (reader->at < reader->end && *reader->at != '"')
	{
		if (*reader->at == '\\' && ++reader->at == reader->end)
			return false;
		buf_append_byte(plain, *reader->at++);
	}
	return read_word(reader, "\"") && !buf_failed(plain);
}

static bool
append_pair(Buf *out, Reader *reader, Buf *plain, DebeziumEscape escape)
{
	if (!read_quoted(reader, plain))
		return false;
	debezium_append_string(out, buf_slice(plain), escape);
	buf_append_byte(out, ':');
	if (!read_word(reader, "=>"))
		return false;
	if (read_word(reader, "NULL"))
	{
		buf_append_string(out, "null");
		return true;
	}
	if (!read_quoted(reader, plain))
		return false;
	debezium_append_string(out, buf_slice(plain), escape);
	return true;
}

bool
debezium_append_hstore(Buf *out, Slice text, DebeziumEscape escape,
					   Buf *scratch)
{
	Reader		reader = reader_of(text);
	bool		done = true;

	buf_append_byte(out, '{');
	while (done && reader.at < reader.end)
	{
		done = append_pair(out, &reader, scratch, escape) &&
			(reader.at == reader.end || read_word(&reader, ", "));
		if (done && reader.at < reader.end)
			buf_append_byte(out, ',');
	}
	buf_append_byte(out, '}');
	return done;
}

/* ---- points and geometries ---- */

/* The server prints no number longer than that. */
#define NUMBER_SIZE 64

static bool
is_number(uint8_t byte)
{
	return (byte >= '0' && byte <= '9') || byte == '-' || byte == '+' ||
		byte == '.' || (byte >= 'a' && byte <= 'z') ||
		(byte >= 'A' && byte <= 'Z');
}

/* A number, NaN or infinity. */
static bool
read_number(Reader *reader, double *value)
{
	char		room[NUMBER_SIZE];
	size_t		size = 0;
	char	   *end;

	while (reader->at < reader->end && is_number(*reader->at) &&
		   size + 1 < sizeof(room))
		room[size++] = (char) *reader->at++;
	room[size] = '\0';
	*value = strtod(room, &end);
	return size > 0 && *end == '\0';
}

bool
debezium_append_point(Buf *out, Slice text)
{
	Reader		reader = reader_of(text);
	uint8_t		wkb[21] = {1, 1, 0, 0, 0};	/* little-endian, a point */
	double		x;
	double		y;

	if (!read_word(&reader, "(") || !read_number(&reader, &x) ||
		!read_word(&reader, ",") || !read_number(&reader, &y) ||
		!read_word(&reader, ")"))
		return false;
	wire_store_fixed64(wkb + 5, wire_double_bits(x));
	wire_store_fixed64(wkb + 13, wire_double_bits(y));
	buf_append_string(out, "{\"x\":");
	debezium_append_double(out, x);
	buf_append_string(out, ",\"y\":");
	debezium_append_double(out, y);
	buf_append_string(out, ",\"wkb\":");
	json_append_base64(out, slice_make(wkb, sizeof(wkb)));
	buf_append_string(out, ",\"srid\":null}");
	return true;
}

/* An EWKB says in its type whether a spatial reference follows. */
#define EWKB_HAS_SRID	0x20000000

static uint32_t
ewkb_number(const uint8_t *at, bool little)
{
	return little ?
		at[0] | (uint32_t) at[1] << 8 | (uint32_t) at[2] << 16 |
		(uint32_t) at[3] << 24 :
		at[3] | (uint32_t) at[2] << 8 | (uint32_t) at[1] << 16 |
		(uint32_t) at[0] << 24;
}

bool
debezium_append_geometry(Buf *out, Slice text, Buf *scratch)
{
	bool		little;

	buf_clear(scratch);
	for (size_t i = 0; i + 1 < text.size; i += 2)
	{
		int			high = hex_digit((char) text.data[i]);
		int			low = hex_digit((char) text.data[i + 1]);

		if (high < 0 || low < 0)
			return false;
		buf_append_byte(scratch, (uint8_t) (high << 4 | low));
	}
	if (text.size % 2 != 0 || scratch->size < 5 || buf_failed(scratch))
		return false;
	little = scratch->data[0] == 1;
	buf_append_string(out, "{\"wkb\":");
	json_append_base64(out, buf_slice(scratch));
	buf_append_string(out, ",\"srid\":");
	if (scratch->size >= 9 &&
		(ewkb_number(scratch->data + 1, little) & EWKB_HAS_SRID) != 0)
		json_append_int(out, (int32_t) ewkb_number(scratch->data + 5, little));
	else
		buf_append_string(out, "null");
	buf_append_byte(out, '}');
	return true;
}

void
debezium_append_geometric(Buf *out, Slice text)
{
	Reader		reader = reader_of(text);
	double		value;

	while (reader.at < reader.end)
	{
		size_t		mark = out->size;

		if (!is_number(*reader.at) || !read_number(&reader, &value))
		{
			if (reader.at < reader.end)
				buf_append_byte(out, *reader.at++);
			continue;
		}
		debezium_append_double(out, value);

		/* NaN and infinities come quoted; here they stand in a text */
		if (!buf_failed(out) && out->data[mark] == '"')
		{
			memmove(out->data + mark, out->data + mark + 1,
					out->size - mark - 2);
			out->size -= 2;
		}
	}
}

/* ---- vectors ---- */

static bool
append_next_number(Buf *out, Reader *reader, bool floats)
{
	double		value;

	if (!read_number(reader, &value))
		return false;
	if (floats)
		debezium_append_float(out, (float) value);
	else
		debezium_append_double(out, value);
	return true;
}

bool
debezium_append_vector(Buf *out, Slice text, bool floats)
{
	Reader		reader = reader_of(text);
	const char *comma = "[";

	do
	{
		if (!read_word(&reader, comma))
			return false;
		buf_append_string(out, comma);
		if (!append_next_number(out, &reader, floats))
			return false;
		comma = ",";
	} while (reader.at < reader.end && *reader.at == ',');
	buf_append_byte(out, ']');
	return read_word(&reader, "]") && reader.at == reader.end;
}

static bool
read_index(Reader *reader, int64_t *value)
{
	const uint8_t *start = reader->at;

	for (*value = 0; reader->at < reader->end && *reader->at >= '0' &&
		 *reader->at <= '9' && *value <= INT32_MAX; reader->at++)
		*value = *value * 10 + (*reader->at - '0');
	return reader->at > start;
}

/* A map whose keys are no strings is an array of pairs in Connect's JSON. */
static bool
append_sparse_pairs(Buf *out, Reader *reader)
{
	int64_t		index;

	if (read_word(reader, "}"))
		return true;
	do
	{
		if (!read_index(reader, &index) || !read_word(reader, ":"))
			return false;
		if (out->size > 0 && out->data[out->size - 1] == ']')
			buf_append_byte(out, ',');
		buf_append_byte(out, '[');
		json_append_int(out, index);
		buf_append_byte(out, ',');
		if (!append_next_number(out, reader, false))
			return false;
		buf_append_byte(out, ']');
	} while (read_word(reader, ","));
	return read_word(reader, "}");
}

/* The dimensions stand behind the pairs in the text, and before them here. */
bool
debezium_append_sparse(Buf *out, Slice text)
{
	const uint8_t *slash = text.size > 0 ?
		memchr(text.data, '/', text.size) : NULL;
	Reader		reader = reader_of(text);
	Reader		tail = reader;
	int64_t		dimensions;

	if (slash == NULL)
		return false;
	tail.at = slash + 1;
	if (!read_index(&tail, &dimensions) || tail.at != tail.end ||
		!read_word(&reader, "{"))
		return false;
	buf_append_string(out, "{\"dimensions\":");
	json_append_int(out, dimensions);
	buf_append_string(out, ",\"vector\":[");
	if (!append_sparse_pairs(out, &reader) || reader.at != slash)
		return false;
	buf_append_string(out, "]}");
	return true;
}

/* ---- bits ---- */

bool
debezium_append_bits(Buf *out, Slice text, Buf *scratch)
{
	size_t		last = 0;		/* bytes up to the last that is not zero */

	buf_clear(scratch);
	for (size_t i = 0; i < text.size; i++)
	{
		uint8_t		bit = text.data[text.size - 1 - i];

		if (bit != '0' && bit != '1')
			return false;
		if (i % 8 == 0)
			buf_append_byte(scratch, 0);
		if (bit == '0' || buf_failed(scratch))
			continue;
		scratch->data[i / 8] |= (uint8_t) (1 << i % 8);
		last = i / 8 + 1;
	}
	out->failed |= scratch->failed;
	json_append_base64(out, slice_make(scratch->data, last));
	return true;
}

/* ---- times with a zone ---- */

static bool
read_two(Reader *reader, int *value)
{
	const uint8_t *at = reader->at;

	if (reader->end - at < 2 || at[0] < '0' || at[0] > '9' ||
		at[1] < '0' || at[1] > '9')
		return false;
	*value = (at[0] - '0') * 10 + at[1] - '0';
	reader->at += 2;
	return true;
}

static int64_t
read_fraction(Reader *reader)
{
	int64_t		unit = SECOND / 10;
	int64_t		fraction = 0;

	if (!read_word(reader, "."))
		return 0;
	for (; reader->at < reader->end && *reader->at >= '0' &&
		 *reader->at <= '9'; unit /= 10)
		fraction += (*reader->at++ - '0') * unit;
	return fraction;
}

/* Hours, with minutes and seconds if they follow. */
static bool
read_offset(Reader *reader, int64_t *seconds)
{
	bool		west = reader->at < reader->end && *reader->at == '-';
	int			part[3] = {0};

	if (!read_word(reader, west ? "-" : "+") || !read_two(reader, &part[0]))
		return false;
	for (int i = 1; i < 3 && reader->at < reader->end; i++)
		if (!read_word(reader, ":") || !read_two(reader, &part[i]))
			return false;
	*seconds = part[0] * 3600 + part[1] * 60 + part[2];
	if (west)
		*seconds = -*seconds;
	return reader->at == reader->end;
}

bool
debezium_append_timetz(Buf *out, Slice text)
{
	Reader		reader = reader_of(text);
	int			part[3];
	int64_t		fraction;
	int64_t		offset;
	int64_t		time;

	if (!read_two(&reader, &part[0]) || !read_word(&reader, ":") ||
		!read_two(&reader, &part[1]) || !read_word(&reader, ":") ||
		!read_two(&reader, &part[2]))
		return false;
	fraction = read_fraction(&reader);
	if (!read_offset(&reader, &offset))
		return false;
	time = (part[0] * 3600 + part[1] * 60 + part[2] - offset) * SECOND +
		fraction;
	time = (time % DAY + DAY) % DAY;
	debezium_append_time(out, (uint64_t) time, "Z");
	return true;
}
