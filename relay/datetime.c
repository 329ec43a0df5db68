/*
 * datetime.c
 *		Dates, times and intervals from the server's text. See datetime.h.
 */
#include "datetime.h"

#define MONTHS_PER_YEAR		12
#define SECOND_MICROS		INT64_C(1000000)
#define MINUTE_MICROS		(60 * SECOND_MICROS)
#define HOUR_MICROS			(60 * MINUTE_MICROS)
#define DAY_MICROS			(24 * HOUR_MICROS)
/* Above what an interval can hold; their microseconds fit into 64 bits. */
#define MAX_HOURS			UINT32_MAX

/* The server's limits: Julian day 0, and the day after 5874897-12-31. */
#define UNIX_EPOCH_JULIAN	2440588
#define FIRST_DAY			(-UNIX_EPOCH_JULIAN)
#define END_DAY				(2147483494 - UNIX_EPOCH_JULIAN)
/* The day after 294276-12-31 */
#define TIMESTAMP_END_DAY	(109203528 - UNIX_EPOCH_JULIAN)

/* What is left to read. */
typedef struct Cursor
{
	const uint8_t *at;
	const uint8_t *end;
} Cursor;

static Cursor
cursor_of(Slice text)
{
	Cursor		cursor = {text.data, text.data + text.size};

	return cursor;
}

static bool
cursor_at_end(const Cursor *cursor)
{
	return cursor->at == cursor->end;
}

static bool
cursor_take(Cursor *cursor, char wanted)
{
	if (cursor_at_end(cursor) || *cursor->at != (uint8_t) wanted)
		return false;
	cursor->at++;
	return true;
}

static bool
cursor_take_word(Cursor *cursor, const char *word)
{
	size_t		size = strlen(word);

	if ((size_t) (cursor->end - cursor->at) < size ||
		memcmp(cursor->at, word, size) != 0)
		return false;
	cursor->at += size;
	return true;
}

/* All digits that follow, least to most (at most 18) of them. */
static bool
cursor_take_number(Cursor *cursor, int least, int most, int64_t *number)
{
	int			count = 0;

	for (*number = 0; !cursor_at_end(cursor); count++, cursor->at++)
	{
		int			digit = *cursor->at - '0';

		if (digit < 0 || digit > 9)
			break;
		if (count == most)
			return false;
		*number = *number * 10 + digit;
	}
	return count >= least;
}

/* "infinity" or "-infinity" and nothing else; *sign is then 1 or -1. */
static bool
text_is_infinity(Slice text, int *sign)
{
	*sign = slice_equal(text, slice_of("infinity")) ? 1 : -1;
	return *sign > 0 || slice_equal(text, slice_of("-infinity"));
}

/* ---- days ---- */

static int
month_days(int64_t year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool		leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/*
 * Days since 1970-01-01 of a Gregorian date; year 0 is 1 BC. Years are counted
 * from March of a year before all of the server's, so that leap days come last
 * and nothing is negative.
 */
static int64_t
days_since_epoch(int64_t year, int month, int day)
{
	int64_t		years = year + 4800 - (month < 3);
	int			months = month < 3 ? month + 9 : month - 3;

	return 365 * years + years / 4 - years / 100 + years / 400 +
		(153 * months + 2) / 5 + day - 1 -
		INT64_C(2472632);		/* 1970-01-01 by the same count */
}

/*
 * Year, month and day as printed; the era comes at the very end of the text,
 * so it is looked at first and cut off.
 */
static bool
cursor_take_date(Cursor *cursor, int64_t *days)
{
	bool		before_christ = cursor->end - cursor->at > 3 &&
		memcmp(cursor->end - 3, " BC", 3) == 0;
	int64_t		year;
	int64_t		month;
	int64_t		day;

	if (before_christ)
		cursor->end -= 3;
	if (!cursor_take_number(cursor, 4, 7, &year) || year == 0 ||
		!cursor_take(cursor, '-') ||
		!cursor_take_number(cursor, 2, 2, &month) ||
		!cursor_take(cursor, '-') ||
		!cursor_take_number(cursor, 2, 2, &day))
		return false;
	if (before_christ)
		year = 1 - year;
	if (year < -4713 || month < 1 || month > MONTHS_PER_YEAR || day < 1 ||
		day > month_days(year, (int) month))
		return false;
	*days = days_since_epoch(year, (int) month, (int) day);
	return *days >= FIRST_DAY && *days < END_DAY;
}

bool
datetime_parse_date(Slice text, int32_t *days)
{
	Cursor		cursor = cursor_of(text);
	int64_t		number;
	int			sign;

	if (text_is_infinity(text, &sign))
	{
		*days = sign > 0 ? INT32_MAX : INT32_MIN;
		return true;
	}
	if (!cursor_take_date(&cursor, &number))
		return false;
	*days = (int32_t) number;
	return cursor_at_end(&cursor);
}

/* ---- times ---- */

static bool
cursor_take_fraction(Cursor *cursor, int64_t *micros)
{
	const uint8_t *begin;

	*micros = 0;
	if (!cursor_take(cursor, '.'))
		return true;
	begin = cursor->at;
	if (!cursor_take_number(cursor, 1, 6, micros))
		return false;
	for (long i = cursor->at - begin; i < 6; i++)
		*micros *= 10;
	return true;
}

/* The hours of an interval have up to ten digits, all others two. */
static bool
cursor_take_time(Cursor *cursor, int hour_digits, uint64_t *time)
{
	int64_t		hours;
	int64_t		minutes;
	int64_t		seconds;
	int64_t		micros;

	if (!cursor_take_number(cursor, 2, hour_digits, &hours) ||
		!cursor_take(cursor, ':') ||
		!cursor_take_number(cursor, 2, 2, &minutes) || minutes > 59 ||
		!cursor_take(cursor, ':') ||
		!cursor_take_number(cursor, 2, 2, &seconds) || seconds > 59 ||
		!cursor_take_fraction(cursor, &micros) || hours > MAX_HOURS)
		return false;
	*time = (uint64_t) hours * HOUR_MICROS +
		(uint64_t) (minutes * MINUTE_MICROS + seconds * SECOND_MICROS +
					micros);
	return true;
}

bool
datetime_parse_time(Slice text, int64_t *time)
{
	Cursor		cursor = cursor_of(text);
	uint64_t	micros;

	if (!cursor_take_time(&cursor, 2, &micros) || !cursor_at_end(&cursor))
		return false;
	*time = (int64_t) micros;
	return *time <= DAY_MICROS;
}

static bool
parse_timestamp(Slice text, const char *zone, int64_t *time)
{
	Cursor		cursor = cursor_of(text);
	int64_t		days;
	uint64_t	micros;
	int			sign;

	if (text_is_infinity(text, &sign))
	{
		*time = sign > 0 ? INT64_MAX : INT64_MIN;
		return true;
	}
	if (!cursor_take_date(&cursor, &days) || days >= TIMESTAMP_END_DAY ||
		!cursor_take(&cursor, ' ') ||
		!cursor_take_time(&cursor, 2, &micros) || micros >= DAY_MICROS ||
		!cursor_take_word(&cursor, zone))
		return false;
	*time = (int64_t) ((uint64_t) days * DAY_MICROS + micros);
	return cursor_at_end(&cursor);
}

bool
datetime_parse_timestamp(Slice text, int64_t *time)
{
	return parse_timestamp(text, "", time);
}

bool
datetime_parse_timestamptz(Slice text, int64_t *time)
{
	return parse_timestamp(text, "+00", time);
}

/* ---- intervals ---- */

/* A sign, which only a part after a negative one shows if it is plus. */
static bool
cursor_take_sign(Cursor *cursor)
{
	if (cursor_take(cursor, '-'))
		return true;
	(void) cursor_take(cursor, '+');
	return false;
}

/* "-3 days" of the unit "day". Takes nothing if it is of another unit. */
static bool
cursor_take_part(Cursor *cursor, const char *unit, int64_t *part)
{
	Cursor		start = *cursor;
	bool		minus = cursor_take_sign(cursor);

	if (cursor_take_number(cursor, 1, 10, part) && cursor_take(cursor, ' ') &&
		cursor_take_word(cursor, unit))
	{
		(void) cursor_take(cursor, 's');
		if (minus)
			*part = -*part;
		return true;
	}
	*cursor = start;
	*part = 0;
	return false;
}

static bool
cursor_take_interval_time(Cursor *cursor, int64_t *time)
{
	bool		minus = cursor_take_sign(cursor);
	uint64_t	micros;

	if (!cursor_take_time(cursor, 10, &micros) ||
		micros > (uint64_t) INT64_MAX + minus)
		return false;
	*time = (int64_t) (minus ? -micros : micros);
	return true;
}

/* Between two parts stands one blank; true: this was the last. */
static bool
cursor_ends_part(Cursor *cursor, bool *valid)
{
	if (cursor_at_end(cursor))
		return true;
	*valid = cursor_take(cursor, ' ') && !cursor_at_end(cursor);
	return !*valid;
}

static bool
cursor_take_interval(Cursor *cursor, int64_t parts[3], int64_t *time)
{
	static const char *const units[] = {"year", "mon", "day"};
	bool		valid = true;

	*time = 0;
	memset(parts, 0, 3 * sizeof(parts[0]));
	for (int i = 0; i < 3; i++)
	{
		if (cursor_take_part(cursor, units[i], &parts[i]) &&
			cursor_ends_part(cursor, &valid))
			return valid;
	}
	return cursor_take_interval_time(cursor, time) && cursor_at_end(cursor);
}

bool
datetime_parse_interval(Slice text, DatetimeInterval *interval)
{
	Cursor		cursor = cursor_of(text);
	int64_t		parts[3];
	int64_t		months;
	int			sign;

	if (text_is_infinity(text, &sign))
	{
		interval->months = sign > 0 ? INT32_MAX : INT32_MIN;
		interval->days = sign > 0 ? INT32_MAX : INT32_MIN;
		interval->microseconds = sign > 0 ? INT64_MAX : INT64_MIN;
		return true;
	}
	if (!cursor_take_interval(&cursor, parts, &interval->microseconds))
		return false;
	months = parts[0] * MONTHS_PER_YEAR + parts[1];
	interval->months = (int32_t) months;
	interval->days = (int32_t) parts[2];
	return interval->months == months && interval->days == parts[2];
}
