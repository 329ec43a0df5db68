/*
 * datetime.h
 *		Dates, times and intervals from the text that the server prints.
 *
 * Reads what DateStyle ISO, IntervalStyle postgres and TimeZone UTC give, and
 * nothing else: text in another style is refused rather than guessed at. Pure;
 * knows neither columns nor the wire.
 */
#ifndef PG_FANOUT_DATETIME_H
#define PG_FANOUT_DATETIME_H

#include "buf.h"

typedef struct DatetimeInterval
{
	int32_t		months;
	int32_t		days;
	int64_t		microseconds;
} DatetimeInterval;

/*
 * Each returns false if the text is none that the server prints for its type;
 * the result is then undefined.
 */

/*
 * "2024-01-31", "0044-03-15 BC", "infinity": days since 1970-01-01; infinity
 * is INT32_MAX, -infinity INT32_MIN.
 */
extern bool datetime_parse_date(Slice text, int32_t *days);

/* "13:00:00.5", "24:00:00": microseconds since midnight. */
extern bool datetime_parse_time(Slice text, int64_t *time);

/*
 * "2024-01-31 13:00:00.5", with " BC" behind: microseconds since 1970-01-01
 * modulo 2^64; infinity is INT64_MAX, -infinity INT64_MIN. A timestamptz has
 * "+00" after its time.
 */
extern bool datetime_parse_timestamp(Slice text, int64_t *time);
extern bool datetime_parse_timestamptz(Slice text, int64_t *time);

/*
 * "-1 years -2 mons +3 days -04:05:06.789", "00:00:00", "infinity" (all parts
 * at their ends).
 */
extern bool datetime_parse_interval(Slice text, DatetimeInterval *interval);

#endif							/* PG_FANOUT_DATETIME_H */
