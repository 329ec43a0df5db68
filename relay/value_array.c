/*
 * value_array.c
 *		Arrays, from the server's text to the wire. See value_array.h.
 *
 * The text is walked once for its shape and once or twice more to write: the
 * wire has all elements first, then the places of the NULLs. So nothing has to
 * be kept between, however many elements there are.
 */
#include "value_array.h"

#include "row_read.h"
#include "value_scalar.h"
#include "wire.h"

/* Array in change.proto */
#define ARRAY_ELEMENT		1
#define ARRAY_NULL_INDEX	2
#define ARRAY_DIMENSION		3
#define ARRAY_LOWER_BOUND	4

typedef enum ArrayToken
{
	TOKEN_ELEMENT,
	TOKEN_END,					/* the outermost brace was closed */
	TOKEN_BAD
} ArrayToken;

/* An element as it stands in the text, without its quotes. */
typedef struct ArrayElement
{
	Slice		text;
	bool		is_null;
	bool		is_escaped;		/* holds backslashes that are none */
} ArrayElement;

/*
 * A walk over the elements. depth braces are open; lengths[d] is how many
 * entries dimension d has, -1 while it is not known, and counts[d] how many
 * were read of the current one.
 */
typedef struct ArrayScan
{
	const uint8_t *at;
	const uint8_t *end;
	char		delimiter;
	int			depth;
	int			dimensions;		/* 0: not known yet */
	int32_t		lengths[ARRAY_MAX_DIMENSIONS];
	int32_t		counts[ARRAY_MAX_DIMENSIONS];
} ArrayScan;

typedef struct ArrayShape
{
	int			dimensions;		/* 0: empty */
	int32_t		lengths[ARRAY_MAX_DIMENSIONS];
	int32_t		bounds[ARRAY_MAX_DIMENSIONS];
	int			bound_count;	/* 0: none written, all are 1 */
	int64_t		count;			/* of elements, NULLs included */
	int64_t		null_count;
} ArrayShape;

static ArrayScan
array_scan(Slice text, char delimiter)
{
	ArrayScan	scan = {text.data, text.data + text.size, delimiter};

	memset(scan.lengths, -1, sizeof(scan.lengths));
	return scan;
}

/* ---- elements ---- */

static bool
scan_take(ArrayScan *scan, char wanted)
{
	if (scan->at == scan->end || *scan->at != (uint8_t) wanted)
		return false;
	scan->at++;
	return true;
}

static bool
scan_take_quoted(ArrayScan *scan, ArrayElement *element)
{
	const uint8_t *begin = scan->at;

	for (; scan->at < scan->end; scan->at++)
	{
		if (*scan->at == '"')
		{
			element->text = slice_make(begin, (size_t) (scan->at - begin));
			scan->at++;
			return true;
		}
		if (*scan->at == '\\')
		{
			element->is_escaped = true;
			if (++scan->at == scan->end)
				return false;
		}
	}
	return false;
}

/* What the server quotes cannot stand in an element without quotes. */
static bool
scan_take_plain(ArrayScan *scan, ArrayElement *element)
{
	const uint8_t *begin = scan->at;

	for (; scan->at < scan->end; scan->at++)
	{
		if (*scan->at == '}' || *scan->at == (uint8_t) scan->delimiter)
			break;
		if (memchr("\"\\{ \t\n\r\v\f", *scan->at, 9) != NULL)
			return false;
	}
	element->text = slice_make(begin, (size_t) (scan->at - begin));
	element->is_null = slice_equal(element->text, slice_of("NULL"));
	return element->text.size > 0;
}

static bool
scan_take_element(ArrayScan *scan, ArrayElement *element)
{
	memset(element, 0, sizeof(*element));
	if (scan->dimensions == 0)
		scan->dimensions = scan->depth;
	if (scan->depth != scan->dimensions ||
		scan->counts[scan->depth - 1] == INT32_MAX)
		return false;
	scan->counts[scan->depth - 1]++;
	if (scan_take(scan, '"'))
		return scan_take_quoted(scan, element);
	return scan_take_plain(scan, element);
}

/* ---- braces ---- */

static bool
scan_open(ArrayScan *scan)
{
	if (scan->depth == ARRAY_MAX_DIMENSIONS ||
		(scan->dimensions > 0 && scan->depth == scan->dimensions))
		return false;
	if (scan->depth > 0)
		scan->counts[scan->depth - 1]++;
	scan->counts[scan->depth++] = 0;
	return true;
}

/* All entries of one dimension are equally long. */
static bool
scan_close(ArrayScan *scan)
{
	int			dimension = --scan->depth;

	if (scan->counts[dimension] == 0)
		return false;
	if (scan->lengths[dimension] == -1)
		scan->lengths[dimension] = scan->counts[dimension];
	return scan->lengths[dimension] == scan->counts[dimension];
}

/*
 * Up to the next element, which stands after an opening brace or a delimiter.
 * The whole text was used up when TOKEN_END comes.
 */
static ArrayToken
scan_next(ArrayScan *scan, ArrayElement *element)
{
	while (scan->depth > 0 && scan_take(scan, '}'))
	{
		if (!scan_close(scan))
			return TOKEN_BAD;
		if (scan->depth == 0)
			return scan->at == scan->end ? TOKEN_END : TOKEN_BAD;
	}
	/* at the very beginning, and after an opening brace, comes none */
	if (scan->depth > 0 && scan->counts[scan->depth - 1] > 0 &&
		!scan_take(scan, scan->delimiter))
		return TOKEN_BAD;
	while (scan_take(scan, '{'))
	{
		if (!scan_open(scan))
			return TOKEN_BAD;
	}
	if (scan->depth == 0 || !scan_take_element(scan, element))
		return TOKEN_BAD;
	return TOKEN_ELEMENT;
}

/* ---- the shape ---- */

static bool
scan_take_integer(ArrayScan *scan, int32_t *value)
{
	bool		minus = scan_take(scan, '-');
	const uint8_t *begin = scan->at;
	int64_t		number = 0;

	while (scan->at < scan->end && *scan->at >= '0' &&
		   *scan->at <= '9' && number <= INT32_MAX)
		number = number * 10 + (*scan->at++ - '0');
	if (minus)
		number = -number;
	*value = (int32_t) number;
	return scan->at > begin && *value == number;
}

/* "[2:3][0:1]=", if it is there; lengths are compared later. */
static bool
scan_take_bounds(ArrayScan *scan, ArrayShape *shape)
{
	while (scan_take(scan, '['))
	{
		int			i = shape->bound_count++;
		int32_t		upper;

		if (i == ARRAY_MAX_DIMENSIONS ||
			!scan_take_integer(scan, &shape->bounds[i]) ||
			!scan_take(scan, ':') ||
			!scan_take_integer(scan, &upper) ||
			!scan_take(scan, ']') || upper < shape->bounds[i])
			return false;
		shape->lengths[i] =
			(int32_t) ((int64_t) upper - shape->bounds[i] + 1);
	}
	return shape->bound_count == 0 || scan_take(scan, '=');
}

static bool
shape_fits(ArrayShape *shape, const ArrayScan *scan)
{
	shape->dimensions = scan->dimensions;
	if (shape->bound_count == 0)
	{
		for (int i = 0; i < shape->dimensions; i++)
			shape->bounds[i] = 1;
		memcpy(shape->lengths, scan->lengths, sizeof(shape->lengths));
		return true;
	}
	return shape->bound_count == shape->dimensions &&
		memcmp(shape->lengths, scan->lengths,
			   (size_t) shape->dimensions * sizeof(int32_t)) == 0;
}

/* Also cuts the bounds off the text. */
static bool
shape_read(ArrayShape *shape, Slice *text, char delimiter)
{
	ArrayScan	scan = array_scan(*text, delimiter);
	ArrayElement element;
	ArrayToken	token;

	memset(shape, 0, sizeof(*shape));
	if (slice_equal(*text, slice_of("{}")))
		return true;
	if (!scan_take_bounds(&scan, shape))
		return false;
	*text = slice_make(scan.at, (size_t) (scan.end - scan.at));
	while ((token = scan_next(&scan, &element)) == TOKEN_ELEMENT)
	{
		shape->count++;
		shape->null_count += element.is_null;
	}
	return token == TOKEN_END && shape_fits(shape, &scan);
}

/* ---- writing ---- */

static size_t
nested_open(Buf *out, uint32_t number)
{
	if (!buf_reserve(out, WIRE_MAX_PREFIX))
		return 0;
	out->size = (size_t) (wire_open_nested(out->data + out->size, number) -
						  out->data);
	return out->size;
}

static void
nested_close(Buf *out, size_t mark)
{
	if (buf_reserve(out, WIRE_NESTED_ROOM))
		out->size = wire_close_nested(out->data, mark, out->size);
}

static void
append_varint(Buf *out, uint64_t value)
{
	if (buf_reserve(out, WIRE_MAX_VARINT))
		out->size = (size_t) (wire_put_varint(out->data + out->size, value) -
							  out->data);
}

/* Text is what holds backslashes; a bytea begins with one. */
static void
append_unescaped(Buf *out, Slice text)
{
	size_t		mark = nested_open(out, ARRAY_ELEMENT);

	if (!buf_reserve(out, text.size))
		return;
	for (size_t i = 0; i < text.size; i++)
	{
		if (text.data[i] == '\\')
			i++;
		out->data[out->size++] = text.data[i];
	}
	nested_close(out, mark);
}

static bool
append_escaped(Buf *out, PgFanout__Encoding encoding, Slice text)
{
	switch (encoding)
	{
		case PG_FANOUT__ENCODING__TEXT:
		case PG_FANOUT__ENCODING__ENUM:
		case PG_FANOUT__ENCODING__JSON:
			append_unescaped(out, text);
			return true;
		case PG_FANOUT__ENCODING__BYTES:
			return value_append_field(out, ARRAY_ELEMENT, encoding,
									  slice_make(text.data + 1,
												 text.size - 1));
		default:
			return false;
	}
}

static bool
append_element(Buf *out, PgFanout__Encoding encoding,
			   const ArrayElement *element)
{
	if (element->is_null)
		return true;
	if (element->is_escaped)
		return append_escaped(out, encoding, element->text);
	if (encoding_is_packed(encoding))
		return value_append_number(out, encoding, element->text);
	return value_append_field(out, ARRAY_ELEMENT, encoding, element->text);
}

static bool
append_elements(Buf *out, PgFanout__Encoding encoding, ArrayScan scan)
{
	bool		packed = encoding_is_packed(encoding);
	size_t		mark = packed ? nested_open(out, ARRAY_ELEMENT) : 0;
	ArrayElement element;

	while (!buf_failed(out) &&
		   scan_next(&scan, &element) == TOKEN_ELEMENT)
	{
		if (!append_element(out, encoding, &element))
			return false;
	}
	if (packed)
		nested_close(out, mark);
	return true;
}

static void
append_nulls(Buf *out, ArrayScan scan)
{
	size_t		mark = nested_open(out, ARRAY_NULL_INDEX);
	ArrayElement element;

	for (uint64_t i = 0; !buf_failed(out) &&
		 scan_next(&scan, &element) == TOKEN_ELEMENT; i++)
	{
		if (element.is_null)
			append_varint(out, i);
	}
	nested_close(out, mark);
}

/* Left out for the plain case, as in the plugin. */
static void
append_shape(Buf *out, const ArrayShape *shape)
{
	size_t		mark;

	if (shape->dimensions == 0 ||
		(shape->dimensions == 1 && shape->bounds[0] == 1))
		return;
	mark = nested_open(out, ARRAY_DIMENSION);
	for (int i = 0; i < shape->dimensions; i++)
		append_varint(out, (uint64_t) shape->lengths[i]);
	nested_close(out, mark);
	mark = nested_open(out, ARRAY_LOWER_BOUND);
	for (int i = 0; i < shape->dimensions; i++)
		append_varint(out, wire_zigzag(shape->bounds[i]));
	nested_close(out, mark);
}

bool
value_append_array(Buf *out, uint32_t number, PgFanout__Encoding encoding,
				   char delimiter, Slice text)
{
	ArrayShape	shape;
	size_t		mark;

	if (!shape_read(&shape, &text, delimiter))
		return false;
	mark = nested_open(out, number);
	if (shape.null_count < shape.count &&
		!append_elements(out, encoding, array_scan(text, delimiter)))
		return false;
	if (shape.null_count > 0)
		append_nulls(out, array_scan(text, delimiter));
	append_shape(out, &shape);
	nested_close(out, mark);
	return true;
}
