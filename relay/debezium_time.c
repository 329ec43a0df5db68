/*
 * debezium_time.c
 *		Dates, times and intervals as Debezium's JSON has them. See
 *		debezium_time.h.
 */
#include "debezium_time.h"

#include "debezium_json.h"
#include "json_value.h"

#define MILLISECOND	INT64_C(1000)
#define SECOND		INT64_C(1000000)
#define MINUTE		(60 * SECOND)
#define HOUR		(60 * MINUTE)
#define DAY			(24 * HOUR)
#define DAY_MILLISECONDS	(DAY / MILLISECOND)

/* What Debezium writes for infinite dates and timestamps (microseconds). */
#define DATE_INFINITY			INT64_C(-2147472692)
#define DATE_MINUS_INFINITY		INT64_C(-2147472691)
#define TIMESTAMP_INFINITY		INT64_C(9223372036825200000)
#define TIMESTAMP_MINUS_INFINITY	INT64_C(-9223372036832400000)

/* Days in a month on average, as Debezium reckons. */
#define MONTH_DAYS 30.4375

/* ---- dates and times ---- */

/*
 * Connect's own times in a header: a java.util.Date, of which the form depends
 * on the value.
 */
static DebeziumOutcome
append_java_date(Buf *out, int64_t milliseconds)
{
	Slice		text;
	size_t		mark = out->size;
	int64_t		days = milliseconds / DAY_MILLISECONDS -
		(milliseconds % DAY_MILLISECONDS < 0 ? 1 : 0);
	int64_t		rest = milliseconds - days * DAY_MILLISECONDS;
	bool		clock_only = milliseconds < DAY_MILLISECONDS;

	/* as the wire has it: modulo 2^64 */
	if (clock_only)
		debezium_append_moment(out, rest * MILLISECOND, 3);
	else if (rest == 0)
		debezium_append_date(out, days, "");
	else
		debezium_append_moment(out, (int64_t) ((uint64_t) milliseconds *
											   (uint64_t) MILLISECOND), 3);
	if (buf_failed(out))
		return DEBEZIUM_DONE;

	/* no quotes, and of times in 1970's first day only the clock */
	text = slice_make(out->data + mark + 1, out->size - mark - 2);
	if (clock_only)
	{
		const uint8_t *clock = memchr(text.data, 'T', text.size);

		text = slice_make(clock + 1,
						  (size_t) (text.data + text.size - clock - 1));
	}
	memmove(out->data + mark, text.data, text.size);
	out->size = mark + text.size;
	return DEBEZIUM_DONE;
}

static DebeziumOutcome
append_date(DebeziumWriter *writer, const DebeziumType *type, int64_t days)
{
	if (days < INT32_MIN || days > INT32_MAX)
		return DEBEZIUM_MALFORMED;
	if (days == INT32_MAX)
		days = DATE_INFINITY;
	else if (days == INT32_MIN)
		days = DATE_MINUS_INFINITY;
	if (type->kind == DEBEZIUM_DATE_ISO)
		debezium_append_date(&writer->out, days, "Z");
	else if (type->kind == DEBEZIUM_DATE_CONNECT && writer->header)
		return append_java_date(&writer->out, days * DAY_MILLISECONDS);
	else
		json_append_int(&writer->out, days);
	return DEBEZIUM_DONE;
}

/* Elements of arrays come to Debezium in milliseconds. */
static DebeziumOutcome
append_time(DebeziumWriter *writer, const DebeziumType *type, int64_t time)
{
	Buf		   *out = &writer->out;

	if (time < 0 || time > DAY)
		return DEBEZIUM_MALFORMED;
	if (type->array)
		time -= time % MILLISECOND;
	switch (type->kind)
	{
		case DEBEZIUM_TIME_MICRO:
			json_append_int(out, time);
			return DEBEZIUM_DONE;
		case DEBEZIUM_TIME_NANO:
			json_append_int(out, time * 1000);
			return DEBEZIUM_DONE;
		case DEBEZIUM_TIME_ISO:
			debezium_append_time(out, (uint64_t) (time % DAY), "Z");
			return DEBEZIUM_DONE;
		case DEBEZIUM_TIME_CONNECT:
			if (writer->header)
				return append_java_date(out, time / MILLISECOND);
			break;
		default:
			break;
	}
	json_append_int(out, time / MILLISECOND);
	return DEBEZIUM_DONE;
}

/* An infinite timestamp as its kind has it. */
static DebeziumOutcome
append_infinity(Buf *out, DebeziumKind kind, bool minus)
{
	int64_t		micros = minus ? TIMESTAMP_MINUS_INFINITY : TIMESTAMP_INFINITY;

	if (kind == DEBEZIUM_TIMESTAMPTZ)
		buf_append_string(out, minus ? "\"-infinity\"" : "\"infinity\"");
	else if (kind == DEBEZIUM_TIMESTAMP_ISO)
		buf_append_string(out, minus ? "\"-290308-12-21T19:59:27.6Z\"" :
						  "\"+294247-01-10T04:00:25.2Z\"");
	else if (kind == DEBEZIUM_TIMESTAMP_NANO)
		json_append_int(out, minus ? INT64_MIN : INT64_MAX);
	else if (kind == DEBEZIUM_TIMESTAMP_MICRO)
		json_append_int(out, micros);
	else
		json_append_int(out, micros / MILLISECOND);
	return DEBEZIUM_DONE;
}

/* Outside of 1677 to 2262 nanoseconds do not fit. */
static DebeziumOutcome
append_nanoseconds(Buf *out, int64_t time)
{
	int64_t		nanos;

	if (__builtin_mul_overflow(time, INT64_C(1000), &nanos))
		return DEBEZIUM_UNCONVERTIBLE;
	json_append_int(out, nanos);
	return DEBEZIUM_DONE;
}

static DebeziumOutcome
append_timestamp(DebeziumWriter *writer, const DebeziumType *type,
				 int64_t time)
{
	Buf		   *out = &writer->out;
	int64_t		units;

	if (time == INT64_MAX || time == INT64_MIN)
		return append_infinity(out, type->kind, time < 0);
	switch (type->kind)
	{
		case DEBEZIUM_TIMESTAMPTZ:
			debezium_append_moment(out, time, type->scale);
			return DEBEZIUM_DONE;
		case DEBEZIUM_TIMESTAMP_ISO:
			debezium_append_moment(out, time, DEBEZIUM_FRACTION_SHORT);
			return DEBEZIUM_DONE;
		case DEBEZIUM_TIMESTAMP_NANO:
			return append_nanoseconds(out, time);
		case DEBEZIUM_TIMESTAMP_MICRO:
			(void) debezium_moment_units(time, 1, &units);
			json_append_int(out, units);
			return DEBEZIUM_DONE;
		default:
			(void) debezium_moment_units(time, MILLISECOND, &units);
			if (writer->header && type->kind == DEBEZIUM_TIMESTAMP_CONNECT)
				return append_java_date(out, units);
			json_append_int(out, units);
			return DEBEZIUM_DONE;
	}
}

DebeziumOutcome
debezium_append_when(DebeziumWriter *writer, const DebeziumType *type,
					 int64_t value)
{
	if (type->kind <= DEBEZIUM_DATE_ISO)
		return append_date(writer, type, value);
	if (type->kind <= DEBEZIUM_TIME_ISO)
		return append_time(writer, type, value);
	return append_timestamp(writer, type, value);
}

/* ---- intervals ---- */

typedef struct Interval
{
	int64_t		months;
	int64_t		days;
	int64_t		time;			/* microseconds */
} Interval;

static bool
interval_read(Slice message, Interval *interval)
{
	WireReader	reader = wire_reader(message.data, message.size);
	WireField	field;
	WireResult	result;
	int64_t		parts[4] = {0};

	while ((result = wire_next(&reader, &field)) == WIRE_FIELD)
	{
		if (field.number > 3 || field.kind != WIRE_VARINT)
			return false;
		parts[field.number] = wire_unzigzag(field.value);
	}
	interval->months = parts[1];
	interval->days = parts[2];
	interval->time = parts[3];
	return result == WIRE_END && parts[1] == (int32_t) parts[1] &&
		parts[2] == (int32_t) parts[2];
}

static bool
interval_is_infinite(const Interval *interval)
{
	return (interval->months == INT32_MAX && interval->days == INT32_MAX &&
			interval->time == INT64_MAX) ||
		(interval->months == INT32_MIN && interval->days == INT32_MIN &&
		 interval->time == INT64_MIN);
}

/* In doubles, and in this order, as Debezium does it. */
static void
append_interval_number(Buf *out, const Interval *interval)
{
	double		days = (double) interval->months * MONTH_DAYS +
		(double) interval->days;
	double		whole = (double) (interval->time % MINUTE / SECOND);
	double		seconds = whole +
		(double) (interval->time % SECOND) / 1e6;
	double		total = ((days * 24 + (double) (interval->time / HOUR)) * 60 +
						 (double) (interval->time / MINUTE % 60)) * 60 +
		seconds;

	total *= 1e6;
	json_append_int(out, total >= 9223372036854775808.0 ? INT64_MAX :
					total <= -9223372036854775808.0 ? INT64_MIN :
					(int64_t) total);
}

/* The seconds with their own sign: "-0.000001". */
static void
append_interval_seconds(Buf *out, int64_t micros)
{
	uint64_t	size = micros < 0 ? (uint64_t) -micros : (uint64_t) micros;
	size_t		mark;

	if (micros < 0)
		buf_append_byte(out, '-');
	json_append_uint(out, size / SECOND);
	if (size % SECOND == 0)
		return;
	buf_append_byte(out, '.');
	mark = out->size;

	/* a one in front keeps the zeros behind it */
	json_append_uint(out, SECOND + size % SECOND);
	if (buf_failed(out))
		return;
	memmove(out->data + mark, out->data + mark + 1, out->size - mark - 1);
	out->size--;
	while (out->data[out->size - 1] == '0')
		out->size--;
}

static void
append_part(Buf *out, int64_t value, char unit)
{
	json_append_int(out, value);
	buf_append_byte(out, (uint8_t) unit);
}

static void
append_interval_text(Buf *out, const Interval *interval)
{
	buf_append_string(out, "\"P");
	append_part(out, interval->months / 12, 'Y');
	append_part(out, interval->months % 12, 'M');
	append_part(out, interval->days, 'D');
	buf_append_byte(out, 'T');
	append_part(out, interval->time / HOUR, 'H');
	append_part(out, interval->time / MINUTE % 60, 'M');
	append_interval_seconds(out, interval->time % MINUTE);
	buf_append_string(out, "S\"");
}

DebeziumOutcome
debezium_append_interval(DebeziumWriter *writer, DebeziumKind kind,
						 Slice message)
{
	Interval	interval;

	if (!interval_read(message, &interval))
		return DEBEZIUM_MALFORMED;
	if (interval_is_infinite(&interval))
		return DEBEZIUM_UNCONVERTIBLE;
	if (kind == DEBEZIUM_INTERVAL_STRING)
		append_interval_text(&writer->out, &interval);
	else
		append_interval_number(&writer->out, &interval);
	return DEBEZIUM_DONE;
}
