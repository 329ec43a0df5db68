/*
 * debezium_json.c
 *		Single values as Kafka Connect's JSON converter writes them. See
 *		debezium_json.h.
 */
#include "debezium_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "json_scan.h"
#include "json_value.h"

#define SECOND		INT64_C(1000000)
#define MINUTE		(60 * SECOND)
#define HOUR		(60 * MINUTE)
#define DAY			(24 * HOUR)

/* The first moment PostgreSQL knows, 4714-11-24 BC: Julian day 0. */
#define TIMESTAMP_FIRST (INT64_C(-2440588) * DAY)

/* Decimal digits, with zeros in front up to that width. */
static void
append_padded(Buf *out, uint64_t value, int width)
{
	char		room[24];
	char	   *at = room + sizeof(room);

	do
	{
		*--at = (char) ('0' + value % 10);
		value /= 10;
	} while (value > 0 || room + sizeof(room) - at < width);
	buf_append(out, at, (size_t) (room + sizeof(room) - at));
}

/* ---- strings ---- */

static void
append_control(Buf *out, uint8_t byte)
{
	static const char plain[] = "\"\\\b\f\n\r\t";
	static const char letter[] = "\"\\bfnrt";
	const char *found = byte == 0 ? NULL : strchr(plain, byte);

	if (found != NULL)
	{
		buf_append_byte(out, '\\');
		buf_append_byte(out, (uint8_t) letter[found - plain]);
	}
	else
		buf_printf(out, "\\u%04X", byte);
}

/* A character of four bytes as the two halves that UTF-16 has. */
static void
append_surrogates(Buf *out, const uint8_t *at)
{
	uint32_t	code = ((uint32_t) (at[0] & 7) << 18 |
						(uint32_t) (at[1] & 63) << 12 |
						(uint32_t) (at[2] & 63) << 6 | (at[3] & 63)) - 0x10000;

	buf_printf(out, "\\u%04X\\u%04X", 0xd800 | code >> 10,
			   0xdc00 | (code & 0x3ff));
}

static void
append_special(Buf *out, const uint8_t *at, size_t size, DebeziumEscape escape)
{
	if (size == 4)
		append_surrogates(out, at);
	else if (*at >= 0x80)
		buf_append(out, "\xef\xbf\xbd", 3);
	else if (escape != DEBEZIUM_ESCAPE_HEADER)
		append_control(out, *at);
	else
	{
		if (*at >= 0x20)
			buf_append_byte(out, '\\');
		buf_append_byte(out, *at);
	}
}

void
debezium_append_string(Buf *out, Slice text, DebeziumEscape escape)
{
	const uint8_t *at = text.data;
	const uint8_t *end = at + text.size;
	const uint8_t *run = at;

	buf_append_byte(out, '"');
	while (at < end)
	{
		size_t		size;

		at = json_skip_plain(at, end);
		if (at == end)
			break;
		size = *at >= 0x80 ? json_utf8_length(at, end) : 0;
		if (size > 0 && (size < 4 || escape != DEBEZIUM_ESCAPE_BYTES))
		{
			at += size;
			continue;
		}
		buf_append(out, run, (size_t) (at - run));
		append_special(out, at, size, escape);
		at += size > 0 ? size : 1;
		run = at;
	}
	if (end > run)
		buf_append(out, run, (size_t) (end - run));
	buf_append_byte(out, '"');
}

/* ---- floats ---- */

/* A finite number taken apart: 0.DIGITS times ten to the exponent. */
typedef struct Digits
{
	bool		negative;
	int			count;			/* at least 1 */
	int			exponent;
	char		text[20];
} Digits;

/* From what printf's %e makes of it: "-1.2345e+10". */
static void
digits_read(Digits *digits, const char *printed)
{
	digits->count = 0;
	digits->negative = *printed == '-';
	for (; *printed != 'e'; printed++)
	{
		if (*printed >= '0' && *printed <= '9')
			digits->text[digits->count++] = *printed;
	}
	digits->exponent = (int) strtol(printed + 1, NULL, 10) + 1;
	while (digits->count > 1 && digits->text[digits->count - 1] == '0')
		digits->count--;
}

/* As Java does: plain from 10^-3 to below 10^7, one digit behind the point. */
static void
append_digits(Buf *out, const Digits *digits)
{
	bool		plain = digits->exponent > -3 && digits->exponent <= 7;
	int			point = plain ? digits->exponent : 1;

	if (digits->negative)
		buf_append_byte(out, '-');
	if (point <= 0)
		buf_append(out, "0.00", (size_t) (2 - point));
	for (int i = 0; i < digits->count || i <= point; i++)
	{
		if (i == point && i > 0)
			buf_append_byte(out, '.');
		buf_append_byte(out, i < digits->count ?
						(uint8_t) digits->text[i] : '0');
		if (point <= 0 && i + 1 >= digits->count)
			break;
	}
	if (!plain)
		buf_printf(out, "E%d", digits->exponent - 1);
}

static bool
append_unless_finite(Buf *out, double value)
{
	if (isfinite(value))
		return false;
	buf_append_string(out, isnan(value) ? "\"NaN\"" :
					  value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
	return true;
}

static const double powers_of_ten[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};

/*
 * A decimal of at most 15 digits of which units and power of ten are exact
 * doubles divides to the double nearest to it: if that is the value, it is the
 * only decimal that short which is.
 */
static bool
append_short(Buf *out, double value, double limit, bool single)
{
	double		size = fabs(value);

	if (size != 0 && (size < 1e-3 || size >= 1e7))
		return false;
	for (int scale = 0; scale <= 6; scale++)
	{
		double		scaled = size * powers_of_ten[scale] + 0.5;
		uint64_t	units = (uint64_t) scaled;
		double		back = (double) units / powers_of_ten[scale];
		uint64_t	divisor = (uint64_t) powers_of_ten[scale];

		if (scaled >= limit)
			return false;
		if (single ? (float) back != (float) size : back != size)
			continue;
		if (signbit(value))
			buf_append_byte(out, '-');
		append_padded(out, units / divisor, 1);
		buf_append_byte(out, '.');
		append_padded(out, units % divisor, scale > 0 ? scale : 1);
		return true;
	}
	return false;
}

/*
 * Below the smallest normal number fewer digits may do; Java shows at least
 * two.
 */
void
debezium_append_double(Buf *out, double value)
{
	char		printed[40];
	Digits		digits;
	int			precision = fabs(value) < 2.2250738585072014e-308 ? 2 : 15;

	if (append_unless_finite(out, value) ||
		append_short(out, value, 1e15, false))
		return;
	for (; precision <= 17; precision++)
	{
		snprintf(printed, sizeof(printed), "%.*e", precision - 1, value);
		if (precision == 17 || strtod(printed, NULL) == value)
			break;
	}
	digits_read(&digits, printed);
	append_digits(out, &digits);
}

void
debezium_append_float(Buf *out, float value)
{
	char		printed[40];
	Digits		digits;
	int			precision = fabsf(value) < 1.17549435e-38f ? 2 : 6;

	if (append_unless_finite(out, (double) value) ||
		append_short(out, (double) value, 1e6, true))
		return;
	for (; precision <= 9; precision++)
	{
		snprintf(printed, sizeof(printed), "%.*e", precision - 1,
				 (double) value);
		if (precision == 9 || strtof(printed, NULL) == value)
			break;
	}
	digits_read(&digits, printed);
	append_digits(out, &digits);
}

/* ---- bytes ---- */

void
debezium_append_hex(Buf *out, Slice bytes)
{
	static const char letters[] = "0123456789abcdef";

	if (!buf_reserve(out, bytes.size * 2 + 2))
		return;
	buf_append_byte(out, '"');
	for (size_t i = 0; i < bytes.size; i++)
	{
		buf_append_byte(out, (uint8_t) letters[bytes.data[i] >> 4]);
		buf_append_byte(out, (uint8_t) letters[bytes.data[i] & 15]);
	}
	buf_append_byte(out, '"');
}

/* ---- dates and times ---- */

static void
append_year(Buf *out, int64_t year)
{
	if (year < 0)
		buf_append_byte(out, '-');
	else if (year > 9999)
		buf_append_byte(out, '+');
	append_padded(out, (uint64_t) (year < 0 ? -year : year), 4);
}

/* Year 0 is 1 BC, as ISO 8601 has it. */
static void
append_day(Buf *out, int64_t days)
{
	int64_t		year;
	int64_t		month;
	int64_t		day;

	json_date_of_day(days, &year, &month, &day);
	append_year(out, year);
	buf_append_byte(out, '-');
	append_padded(out, (uint64_t) month, 2);
	buf_append_byte(out, '-');
	append_padded(out, (uint64_t) day, 2);
}

static void
append_fraction(Buf *out, uint64_t microseconds, int digits)
{
	char		room[7] = ".";
	uint64_t	left = microseconds;

	for (int i = 6; i > 0; i--, left /= 10)
		room[i] = (char) ('0' + left % 10);
	if (digits == DEBEZIUM_FRACTION_SHORT)
	{
		for (digits = 6; digits > 0 && room[digits] == '0';)
			digits--;
	}
	if (digits > 0)
		buf_append(out, room, (size_t) digits + 1);
}

static void
append_clock(Buf *out, uint64_t time, int digits)
{
	append_padded(out, time / HOUR, 2);
	buf_append_byte(out, ':');
	append_padded(out, time / MINUTE % 60, 2);
	buf_append_byte(out, ':');
	append_padded(out, time / SECOND % 60, 2);
	append_fraction(out, time % SECOND, digits);
}

void
debezium_append_date(Buf *out, int64_t days, const char *zone)
{
	buf_append_byte(out, '"');
	append_day(out, days);
	buf_append_string(out, zone);
	buf_append_byte(out, '"');
}

void
debezium_append_time(Buf *out, uint64_t time, const char *zone)
{
	buf_append_byte(out, '"');
	append_clock(out, time, DEBEZIUM_FRACTION_SHORT);
	buf_append_string(out, zone);
	buf_append_byte(out, '"');
}

void
debezium_append_moment(Buf *out, int64_t time, int digits)
{
	int64_t		days;
	uint64_t	clock;

	if (time >= TIMESTAMP_FIRST)
	{
		days = time / DAY - (time % DAY < 0 ? 1 : 0);
		clock = (uint64_t) (time - days * DAY);
	}
	else
	{
		days = (int64_t) ((uint64_t) time / DAY);
		clock = (uint64_t) time % DAY;
	}
	buf_append_byte(out, '"');
	append_day(out, days);
	buf_append_byte(out, 'T');
	append_clock(out, clock, digits);
	buf_append_string(out, "Z\"");
}

bool
debezium_moment_units(int64_t time, int64_t unit, int64_t *out)
{
	if (time < TIMESTAMP_FIRST)
	{
		uint64_t	units = (uint64_t) time / (uint64_t) unit;

		*out = units > INT64_MAX ? INT64_MAX : (int64_t) units;
		return units <= INT64_MAX;
	}
	*out = time / unit - (time % unit < 0 ? 1 : 0);
	return true;
}
