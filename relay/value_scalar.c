/*
 * value_scalar.c
 *		Single values, from the server's text to the field of a row. See
 *		value_scalar.h.
 */
#include "value_scalar.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include "datetime.h"
#include "hex.h"
#include "row_read.h"
#include "wire.h"

#define UUID_SIZE		16
#define UUID_TEXT_SIZE	36

/* The longest float8 the server prints takes 24 bytes. */
#define FLOAT_TEXT_SIZE	40

/* Interval in change.proto */
#define INTERVAL_MONTHS			1
#define INTERVAL_DAYS			2
#define INTERVAL_MICROSECONDS	3

/* ---- integers ---- */

/* Decimal digits without a leading zero, up to the limit. */
static bool
parse_digits(Slice text, uint64_t limit, uint64_t *value)
{
	if (text.size == 0 || (text.data[0] == '0' && text.size > 1))
		return false;
	*value = 0;
	for (size_t i = 0; i < text.size; i++)
	{
		unsigned	digit = (unsigned) text.data[i] - '0';

		if (digit > 9 || *value > (limit - digit) / 10)
			return false;
		*value = *value * 10 + digit;
	}
	return true;
}

/* Between -max - 1 and max. */
static bool
parse_integer(Slice text, int64_t max, int64_t *value)
{
	bool		minus = text.size > 0 && text.data[0] == '-';
	uint64_t	size;

	if (minus)
		text = slice_make(text.data + 1, text.size - 1);
	if (!parse_digits(text, (uint64_t) max + minus, &size) ||
		(minus && size == 0))
		return false;
	*value = (int64_t) (minus ? -size : size);
	return true;
}

static bool
parse_bool(Slice text, bool *value)
{
	if (text.size != 1 || (text.data[0] != 't' && text.data[0] != 'f'))
		return false;
	*value = text.data[0] == 't';
	return true;
}

/* ---- decimal numbers ---- */

static size_t
skip_digits(Slice text, size_t at)
{
	while (at < text.size && text.data[at] >= '0' && text.data[at] <= '9')
		at++;
	return at;
}

/* "-12.50", and with an exponent "1e-05" if that is allowed. */
static bool
text_is_decimal(Slice text, bool exponent)
{
	size_t		begin = text.size > 0 && text.data[0] == '-';
	size_t		at = skip_digits(text, begin);

	if (at == begin)
		return false;
	if (at < text.size && text.data[at] == '.')
	{
		begin = ++at;
		at = skip_digits(text, begin);
		if (at == begin)
			return false;
	}
	if (at < text.size && text.data[at] == 'e' && exponent)
	{
		at++;
		if (at < text.size && (text.data[at] == '+' || text.data[at] == '-'))
			at++;
		begin = at;
		at = skip_digits(text, begin);
		if (at == begin)
			return false;
	}
	return at == text.size;
}

static bool
text_is_special(Slice text, double *value)
{
	if (slice_equal(text, slice_of("NaN")))
		*value = NAN;
	else if (slice_equal(text, slice_of("Infinity")))
		*value = INFINITY;
	else if (slice_equal(text, slice_of("-Infinity")))
		*value = -INFINITY;
	else
		return false;
	return true;
}

/* The C library's own "C" locale: nothing is allocated. */
static locale_t
c_locale(void)
{
	static locale_t locale;

	if (locale == (locale_t) 0)
		locale = newlocale(LC_ALL_MASK, "C", (locale_t) 0);
	return locale;
}

/* As a string, if it is a finite number. */
static bool
copy_decimal(Slice text, char string[FLOAT_TEXT_SIZE])
{
	if (text.size >= FLOAT_TEXT_SIZE || !text_is_decimal(text, true))
		return false;
	memcpy(string, text.data, text.size);
	string[text.size] = '\0';
	return true;
}

static bool
parse_float(Slice text, float *value)
{
	char		string[FLOAT_TEXT_SIZE];
	double		special;

	if (text_is_special(text, &special))
	{
		*value = (float) special;
		return true;
	}
	if (!copy_decimal(text, string))
		return false;
	errno = 0;
	*value = strtof_l(string, NULL, c_locale());
	return isfinite(*value) && (*value != 0 || errno == 0);
}

static bool
parse_double(Slice text, double *value)
{
	char		string[FLOAT_TEXT_SIZE];

	if (text_is_special(text, value))
		return true;
	if (!copy_decimal(text, string))
		return false;
	errno = 0;
	*value = strtod_l(string, NULL, c_locale());
	return isfinite(*value) && (*value != 0 || errno == 0);
}

/* ---- numbers on the wire ---- */

static bool
store_signed(uint8_t **at, bool valid, int64_t value)
{
	if (valid)
		*at = wire_put_varint(*at, wire_zigzag(value));
	return valid;
}

static bool
store_unsigned(uint8_t **at, bool valid, uint64_t value)
{
	if (valid)
		*at = wire_put_varint(*at, value);
	return valid;
}

static bool
store_float(uint8_t **at, Slice text)
{
	float		value;

	if (!parse_float(text, &value))
		return false;
	*at = wire_store_fixed32(*at, wire_float_bits(value));
	return true;
}

static bool
store_double(uint8_t **at, Slice text)
{
	double		value;

	if (!parse_double(text, &value))
		return false;
	*at = wire_store_fixed64(*at, wire_double_bits(value));
	return true;
}

/* Writes at *at, where there is room for any number, and moves it on. */
static bool
store_number(uint8_t **at, PgFanout__Encoding encoding, Slice text)
{
	int64_t		number = 0;
	uint64_t	size = 0;
	int32_t		days = 0;
	bool		truth = false;
	bool		valid;

	switch (encoding)
	{
		case PG_FANOUT__ENCODING__BOOL:
			valid = parse_bool(text, &truth);
			return store_unsigned(at, valid, truth);
		case PG_FANOUT__ENCODING__INT32:
			valid = parse_integer(text, INT32_MAX, &number);
			return store_signed(at, valid, number);
		case PG_FANOUT__ENCODING__INT64:
			valid = parse_integer(text, INT64_MAX, &number);
			return store_signed(at, valid, number);
		case PG_FANOUT__ENCODING__UINT32:
			valid = parse_digits(text, UINT32_MAX, &size);
			return store_unsigned(at, valid, size);
		case PG_FANOUT__ENCODING__FLOAT:
			return store_float(at, text);
		case PG_FANOUT__ENCODING__DOUBLE:
			return store_double(at, text);
		case PG_FANOUT__ENCODING__DATE:
			valid = datetime_parse_date(text, &days);
			return store_signed(at, valid, days);
		case PG_FANOUT__ENCODING__TIME:
			valid = datetime_parse_time(text, &number);
			return store_signed(at, valid, number);
		case PG_FANOUT__ENCODING__TIMESTAMP:
			valid = datetime_parse_timestamp(text, &number);
			return store_signed(at, valid, number);
		case PG_FANOUT__ENCODING__TIMESTAMPTZ:
			valid = datetime_parse_timestamptz(text, &number);
			return store_signed(at, valid, number);
		default:
			return false;
	}
}

/* number 0: without a tag */
static bool
append_number(Buf *out, uint32_t number, PgFanout__Encoding encoding,
			  Slice text)
{
	uint8_t		field[WIRE_MAX_SCALAR];
	uint8_t    *at = field;

	if (number > 0)
		at = wire_put_tag(at, number, encoding_wire_kind(encoding));
	if (!store_number(&at, encoding, text))
		return false;
	buf_append(out, field, (size_t) (at - field));
	return true;
}

bool
value_append_number(Buf *out, PgFanout__Encoding encoding, Slice text)
{
	return append_number(out, 0, encoding, text);
}

/* ---- the others ---- */

static bool
append_bytes(Buf *out, uint32_t number, const void *data, size_t size)
{
	if (buf_reserve(out, size + WIRE_MAX_PREFIX))
		out->size = (size_t) (wire_put_bytes(out->data + out->size, number,
											 data, size) - out->data);
	return true;
}

static bool
append_numeric(Buf *out, uint32_t number, Slice text)
{
	double		special;

	if (!text_is_decimal(text, false) && !text_is_special(text, &special))
		return false;
	return append_bytes(out, number, text.data, text.size);
}

static bool
decode_hex(const uint8_t *digits, size_t size, uint8_t *bytes)
{
	for (size_t i = 0; i < size; i++)
	{
		int			high = hex_digit((char) digits[2 * i]);
		int			low = hex_digit((char) digits[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (uint8_t) (high << 4 | low);
	}
	return true;
}

static bool
append_hex(Buf *out, uint32_t number, Slice text)
{
	size_t		size = (text.size - 2) / 2;
	uint8_t    *at;

	if (text.size < 2 || text.size % 2 != 0 ||
		memcmp(text.data, "\\x", 2) != 0)
		return false;
	if (!buf_reserve(out, size + WIRE_MAX_PREFIX))
		return true;
	at = wire_put_tag(out->data + out->size, number, WIRE_BYTES);
	at = wire_put_varint(at, size);
	if (!decode_hex(text.data + 2, size, at))
		return false;
	out->size = (size_t) (at + size - out->data);
	return true;
}

static bool
append_uuid(Buf *out, uint32_t number, Slice text)
{
	static const uint8_t groups[] = {4, 2, 2, 2, 6};
	uint8_t		uuid[UUID_SIZE];
	uint8_t    *byte = uuid;
	const uint8_t *at = text.data;

	if (text.size != UUID_TEXT_SIZE)
		return false;
	for (size_t i = 0; i < sizeof(groups); i++)
	{
		if (!decode_hex(at, groups[i], byte))
			return false;
		at += 2 * groups[i];
		byte += groups[i];
		if (i + 1 < sizeof(groups) && *at++ != '-')
			return false;
	}
	return append_bytes(out, number, uuid, sizeof(uuid));
}

static bool
append_interval(Buf *out, uint32_t number, Slice text)
{
	uint8_t		message[3 * WIRE_MAX_SCALAR];
	uint8_t    *at = message;
	DatetimeInterval interval;

	if (!datetime_parse_interval(text, &interval))
		return false;
	at = wire_put_sint(at, INTERVAL_MONTHS, interval.months);
	at = wire_put_sint(at, INTERVAL_DAYS, interval.days);
	at = wire_put_sint(at, INTERVAL_MICROSECONDS, interval.microseconds);
	return append_bytes(out, number, message, (size_t) (at - message));
}

bool
value_append_field(Buf *out, uint32_t number, PgFanout__Encoding encoding,
				   Slice text)
{
	switch (encoding)
	{
		case PG_FANOUT__ENCODING__TEXT:
		case PG_FANOUT__ENCODING__ENUM:
			return append_bytes(out, number, text.data, text.size);
		case PG_FANOUT__ENCODING__JSON:
			return text.size > 0 &&
				append_bytes(out, number, text.data, text.size);
		case PG_FANOUT__ENCODING__NUMERIC:
			return append_numeric(out, number, text);
		case PG_FANOUT__ENCODING__BYTES:
			return append_hex(out, number, text);
		case PG_FANOUT__ENCODING__UUID:
			return append_uuid(out, number, text);
		case PG_FANOUT__ENCODING__INTERVAL:
			return append_interval(out, number, text);
		default:
			return append_number(out, number, encoding, text);
	}
}
