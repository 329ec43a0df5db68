/*
 * json_value.c
 *		Single values as JSON text. See json_value.h.
 *
 * The relay's hot path: numbers and strings are written without printf, plain
 * characters are copied in runs. Only floats that are no short decimals go
 * through the C library. Compiled into both halves.
 */
#ifdef PG_FANOUT_BACKEND
#include "postgres.h"
#else
#include <stdlib.h>
#endif

#include <math.h>
#include <stdio.h>

#include "json_scan.h"
#include "json_value.h"

#define SECOND		INT64_C(1000000)
#define MINUTE		(60 * SECOND)
#define HOUR		(60 * MINUTE)
#define DAY			(24 * HOUR)

/* The first moment PostgreSQL knows, 4714-11-24 BC: Julian day 0. */
#define TIMESTAMP_FIRST (INT64_C(-2440588) * DAY)

static const char digits[] = "0123456789abcdef";
static const char pairs[] =
	"0001020304050607080910111213141516171819"
	"2021222324252627282930313233343536373839"
	"4041424344454647484950515253545556575859"
	"6061626364656667686970717273747576777879"
	"8081828384858687888990919293949596979899";

/* ---- strings ---- */

static void
append_escape(Buf *out, uint8_t byte)
{
	char		escape[6] = {'\\', 'u', '0', '0'};
	const char *found;
	static const char plain[] = "\"\\\b\f\n\r\t";
	static const char letter[] = "\"\\bfnrt";

	found = byte == 0 ? NULL : strchr(plain, byte);
	if (found != NULL)
	{
		escape[1] = letter[found - plain];
		buf_append(out, escape, 2);
		return;
	}
	escape[4] = digits[byte >> 4];
	escape[5] = digits[byte & 15];
	buf_append(out, escape, 6);
}

/*
 * Copies text in runs; what interrupts one is escaped (strings) or, in text
 * that is JSON already, blanked if it is a control character.
 */
static void
append_text(Buf *out, Slice text, bool escape)
{
	const uint8_t *at = text.data;
	const uint8_t *end = text.data + text.size;
	const uint8_t *run = at;

	while (at < end)
	{
		size_t		size = 1;

		at = json_skip_plain(at, end);
		if (at == end)
			break;
		if ((*at >= 0x80 && (size = json_utf8_length(at, end)) > 0) ||
			(*at >= 0x20 && *at < 0x80 && !escape))
		{
			at += size;
			continue;
		}
		buf_append(out, run, (size_t) (at - run));
		if (*at >= 0x80)
			buf_append(out, "\xef\xbf\xbd", 3);
		else if (escape)
			append_escape(out, *at);
		else
			buf_append_byte(out, ' ');
		run = ++at;
	}
	buf_append(out, run, (size_t) (at - run));
}

void
json_append_string(Buf *out, Slice text)
{
	buf_append_byte(out, '"');
	if (text.size > 0)
		append_text(out, text, true);
	buf_append_byte(out, '"');
}

void
json_append_raw(Buf *out, Slice text)
{
	if (text.size > 0)
		append_text(out, text, false);
}

static void
append_quoted(Buf *out, const char *string)
{
	buf_append_byte(out, '"');
	buf_append_string(out, string);
	buf_append_byte(out, '"');
}

/* ---- numbers ---- */

/*
 * Writes the number into the room before end, with zeros in front up to that
 * width; returns where it begins.
 */
static char *
put_uint(char *end, uint64_t value, int width)
{
	char	   *at = end;

	for (; value >= 100; value /= 100)
	{
		at -= 2;
		memcpy(at, pairs + value % 100 * 2, 2);
	}
	do
	{
		*--at = digits[value % 10];
		value /= 10;
	} while (value > 0);
	while (end - at < width)
		*--at = '0';
	return at;
}

static inline uint64_t
magnitude(int64_t value)
{
	return value < 0 ? -(uint64_t) value : (uint64_t) value;
}

static void
append_padded(Buf *out, uint64_t value, int width)
{
	char		room[24];
	char	   *end = room + sizeof(room);
	char	   *at = put_uint(end, value, width);

	buf_append(out, at, (size_t) (end - at));
}

void
json_append_bool(Buf *out, bool value)
{
	if (value)
		buf_append(out, "true", 4);
	else
		buf_append(out, "false", 5);
}

void
json_append_uint(Buf *out, uint64_t value)
{
	append_padded(out, value, 1);
}

void
json_append_int(Buf *out, int64_t value)
{
	char		room[24];
	char	   *end = room + sizeof(room);
	char	   *at = put_uint(end, magnitude(value), 1);

	if (value < 0)
		*--at = '-';
	buf_append(out, at, (size_t) (end - at));
}

static bool
append_unless_finite(Buf *out, double value)
{
	if (isfinite(value))
		return false;
	append_quoted(out, isnan(value) ? "NaN" : value > 0 ? "Infinity" :
				  "-Infinity");
	return true;
}

/* A number of units of 10^-scale: 1234 with scale 2 is 12.34. */
static void
append_decimal(Buf *out, bool negative, uint64_t units, int scale)
{
	char		room[40];
	char	   *end = room + sizeof(room);
	char	   *at = put_uint(end, units, scale + 1);

	if (scale > 0)
	{
		memmove(at - 1, at, (size_t) (end - at - scale));
		at--;
		end[-scale - 1] = '.';
	}
	if (negative)
		*--at = '-';
	buf_append(out, at, (size_t) (end - at));
}

/* The locale may have printed something else for the decimal point. */
static void
append_printed(Buf *out, const char *printed)
{
	bool		point = false;

	for (; *printed != '\0'; printed++)
	{
		if (strchr("0123456789e+-", *printed) != NULL)
			buf_append_byte(out, (uint8_t) *printed);
		else if (!point)
		{
			buf_append_byte(out, '.');
			point = true;
		}
	}
}

static const double powers_of_ten[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};

/*
 * A decimal of at most 15 digits of which units and power of ten are exact
 * doubles divides to the double nearest to it: if that is the value, it is the
 * only decimal that short which is. The first scale that fits has no zeros at
 * its end.
 */
static bool
append_short_double(Buf *out, double value)
{
	double		size = fabs(value);

	if (size >= 1e15 || (size < 1e-4 && size != 0))
		return false;
	for (int scale = 0; scale <= 6; scale++)
	{
		double		scaled = size * powers_of_ten[scale] + 0.5;
		uint64_t	units = (uint64_t) scaled;

		if (scaled >= 1e15)
			return false;
		if ((double) units / powers_of_ten[scale] == size)
		{
			append_decimal(out, signbit(value), units, scale);
			return true;
		}
	}
	return false;
}

/* Below DBL_MIN fewer than 15 digits may do. */
void
json_append_double(Buf *out, double value)
{
	char		printed[40];
	int			precision = fabs(value) < 2.2250738585072014e-308 ? 1 : 15;

	if (append_unless_finite(out, value) || append_short_double(out, value))
		return;
	for (; precision <= 17; precision++)
	{
		snprintf(printed, sizeof(printed), "%.*g", precision, value);
		if (precision == 17 || strtod(printed, NULL) == value)
			break;
	}
	append_printed(out, printed);
}

/* The same with six digits: FLT_DIG. */
static bool
append_short_float(Buf *out, float value)
{
	float		size = fabsf(value);

	if (size >= 16777216 || (size < 1e-4f && size != 0))
		return false;
	for (int scale = 0; scale <= 6; scale++)
	{
		uint64_t	units = (uint64_t) (size * powers_of_ten[scale] + 0.5);

		if (units >= 1000000 && scale > 0)
			return false;
		if ((float) ((double) units / powers_of_ten[scale]) == size)
		{
			append_decimal(out, signbit(value), units, scale);
			return true;
		}
	}
	return false;
}

void
json_append_float(Buf *out, float value)
{
	char		printed[40];
	int			precision = fabsf(value) < 1.17549435e-38f ? 1 : 6;

	if (append_unless_finite(out, (double) value) ||
		append_short_float(out, value))
		return;
	for (; precision <= 9; precision++)
	{
		snprintf(printed, sizeof(printed), "%.*g", precision, (double) value);
		if (precision == 9 || strtof(printed, NULL) == value)
			break;
	}
	append_printed(out, printed);
}

/* ---- bytes ---- */

#define BASE64_COMMON \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static void
append_base64(Buf *out, Slice bytes, const char *letters)
{
	if (!buf_reserve(out, bytes.size / 3 * 4 + 6))
		return;
	buf_append_byte(out, '"');
	for (size_t i = 0; i < bytes.size; i += 3)
	{
		size_t		left = bytes.size - i;
		uint32_t	bits = (uint32_t) bytes.data[i] << 16 |
			(left > 1 ? (uint32_t) bytes.data[i + 1] << 8 : 0) |
			(left > 2 ? bytes.data[i + 2] : 0);
		char		four[4] = {letters[bits >> 18], letters[bits >> 12 & 63],
			left > 1 ? letters[bits >> 6 & 63] : '=',
		left > 2 ? letters[bits & 63] : '='};

		buf_append(out, four, 4);
	}
	buf_append_byte(out, '"');
}

void
json_append_base64(Buf *out, Slice bytes)
{
	append_base64(out, bytes, BASE64_COMMON "+/");
}

void
json_append_base64_url(Buf *out, Slice bytes)
{
	append_base64(out, bytes, BASE64_COMMON "-_");
}

void
json_append_uuid(Buf *out, const uint8_t bytes[16])
{
	char		text[38];
	char	   *at = text;

	*at++ = '"';
	for (int i = 0; i < 16; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = digits[bytes[i] >> 4];
		*at++ = digits[bytes[i] & 15];
	}
	*at++ = '"';
	buf_append(out, text, (size_t) (at - text));
}

static void
append_hex(Buf *out, uint32_t value)
{
	char		room[8];
	char	   *at = room + sizeof(room);

	do
	{
		*--at = "0123456789ABCDEF"[value & 15];
		value >>= 4;
	} while (value > 0);
	buf_append(out, at, (size_t) (room + sizeof(room) - at));
}

void
json_append_lsn(Buf *out, uint64_t lsn)
{
	buf_append_byte(out, '"');
	append_hex(out, (uint32_t) (lsn >> 32));
	buf_append_byte(out, '/');
	append_hex(out, (uint32_t) lsn);
	buf_append_byte(out, '"');
}

/* ---- dates and times ---- */

/*
 * Counted in cycles of 400 years that begin on a first of March, when a leap
 * day is a year's last.
 */
void
json_date_of_day(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
	int64_t		shifted = days + 719468;	/* since 0000-03-01 */
	int64_t		cycle = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	int64_t		rest = shifted - cycle * 146097;
	int64_t		of_cycle =
		(rest - rest / 1460 + rest / 36524 - rest / 146096) / 365;
	int64_t		day_of_year =
		rest - (365 * of_cycle + of_cycle / 4 - of_cycle / 100);
	int64_t		march = (5 * day_of_year + 2) / 153;

	*day = day_of_year - (153 * march + 2) / 5 + 1;
	*month = march < 10 ? march + 3 : march - 9;
	*year = of_cycle + cycle * 400 + (*month <= 2 ? 1 : 0);
}

/* Returns whether the year is before Christ; the caller prints that. */
static bool
append_day(Buf *out, int64_t days)
{
	int64_t		year;
	int64_t		month;
	int64_t		day;

	json_date_of_day(days, &year, &month, &day);
	append_padded(out, (uint64_t) (year > 0 ? year : 1 - year), 4);
	buf_append_byte(out, '-');
	append_padded(out, (uint64_t) month, 2);
	buf_append_byte(out, '-');
	append_padded(out, (uint64_t) day, 2);
	return year <= 0;
}

/* A point and the fraction without zeros at its end, or nothing. */
static void
append_fraction(Buf *out, uint64_t microseconds)
{
	char		room[7];
	size_t		size = 7;

	if (microseconds == 0)
		return;
	put_uint(room + 7, microseconds, 6);
	room[0] = '.';
	while (room[size - 1] == '0')
		size--;
	buf_append(out, room, size);
}

static void
append_clock(Buf *out, uint64_t time)
{
	append_padded(out, time / HOUR, 2);
	buf_append_byte(out, ':');
	append_padded(out, time / MINUTE % 60, 2);
	buf_append_byte(out, ':');
	append_padded(out, time / SECOND % 60, 2);
	append_fraction(out, time % SECOND);
}

void
json_append_date(Buf *out, int32_t days)
{
	bool		bc;

	if (days == INT32_MAX || days == INT32_MIN)
	{
		append_quoted(out, days > 0 ? "infinity" : "-infinity");
		return;
	}
	buf_append_byte(out, '"');
	bc = append_day(out, days);
	buf_append_string(out, bc ? " BC\"" : "\"");
}

void
json_append_time(Buf *out, int64_t time)
{
	buf_append_byte(out, '"');
	append_clock(out, (uint64_t) time);
	buf_append_byte(out, '"');
}

/*
 * What would be before PostgreSQL's first moment is a moment beyond year
 * 294246 that left the signed range: taken as unsigned it is right again.
 */
static void
append_moment(Buf *out, int64_t time, const char *zone)
{
	int64_t		days;
	uint64_t	clock;
	bool		bc;

	if (time == INT64_MAX || time == INT64_MIN)
	{
		append_quoted(out, time > 0 ? "infinity" : "-infinity");
		return;
	}
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
	bc = append_day(out, days);
	buf_append_byte(out, 'T');
	append_clock(out, clock);
	buf_append_string(out, zone);
	buf_append_string(out, bc ? " BC\"" : "\"");
}

void
json_append_timestamp(Buf *out, int64_t time)
{
	append_moment(out, time, "");
}

void
json_append_timestamptz(Buf *out, int64_t time)
{
	append_moment(out, time, "Z");
}

static void
append_interval_part(Buf *out, int64_t value, char unit)
{
	if (value == 0)
		return;
	json_append_int(out, value);
	buf_append_byte(out, (uint8_t) unit);
}

static void
append_interval_clock(Buf *out, int64_t time)
{
	int64_t		seconds = time % MINUTE;

	buf_append_byte(out, 'T');
	append_interval_part(out, time / HOUR, 'H');
	append_interval_part(out, time / MINUTE % 60, 'M');
	if (seconds == 0)
		return;
	if (seconds < 0)
		buf_append_byte(out, '-');
	json_append_uint(out, magnitude(seconds) / SECOND);
	append_fraction(out, magnitude(seconds) % SECOND);
	buf_append_byte(out, 'S');
}

void
json_append_interval(Buf *out, int32_t months, int32_t days, int64_t time)
{
	if (months == INT32_MAX && days == INT32_MAX && time == INT64_MAX)
		append_quoted(out, "infinity");
	else if (months == INT32_MIN && days == INT32_MIN && time == INT64_MIN)
		append_quoted(out, "-infinity");
	else if (months == 0 && days == 0 && time == 0)
		append_quoted(out, "PT0S");
	else
	{
		buf_append_string(out, "\"P");
		append_interval_part(out, months / 12, 'Y');
		append_interval_part(out, months % 12, 'M');
		append_interval_part(out, days, 'D');
		if (time != 0)
			append_interval_clock(out, time);
		buf_append_byte(out, '"');
	}
}
