/*
 * json_value.h
 *		Single values as JSON text: strings, numbers, dates and times.
 *
 * What row_json.c puts rows together from, and what other writers of JSON may
 * use. Output does not depend on the locale. Nothing fails here except by the
 * limit of the buffer; knows neither tables nor the wire.
 */
#ifndef PG_FANOUT_JSON_VALUE_H
#define PG_FANOUT_JSON_VALUE_H

#include "buf.h"

/* A string with its quotes; bytes that are no UTF-8 become U+FFFD. */
extern void json_append_string(Buf *out, Slice text);

/*
 * JSON text as it is. Line breaks and other control characters, which valid
 * JSON has between its tokens only, become blanks; bytes that are no UTF-8
 * become U+FFFD.
 */
extern void json_append_raw(Buf *out, Slice text);

extern void json_append_bool(Buf *out, bool value);
extern void json_append_int(Buf *out, int64_t value);
extern void json_append_uint(Buf *out, uint64_t value);

/*
 * The fewest digits that give the same value again; "NaN", "Infinity",
 * "-Infinity" as strings.
 */
extern void json_append_float(Buf *out, float value);
extern void json_append_double(Buf *out, double value);

/*
 * The proleptic Gregorian date of a day since 1970-01-01; year 0 is 1 BC. For
 * writers of other forms of dates.
 */
extern void json_date_of_day(int64_t days, int64_t *year, int64_t *month,
							 int64_t *day);

/* All that follow come with their quotes. */
extern void json_append_base64(Buf *out, Slice bytes);
extern void json_append_base64_url(Buf *out, Slice bytes);
extern void json_append_uuid(Buf *out, const uint8_t bytes[16]);

/* "0/16B3748" */
extern void json_append_lsn(Buf *out, uint64_t lsn);

/* "2024-01-31", "0044-03-15 BC", "infinity"; days since 1970-01-01 */
extern void json_append_date(Buf *out, int32_t days);

/* "13:00:00.5"; microseconds since midnight, 24:00:00 included */
extern void json_append_time(Buf *out, int64_t time);

/*
 * "2024-01-31T13:00:00.123456", the second with a "Z"; microseconds since
 * 1970-01-01 modulo 2^64, of which PostgreSQL's range (4713 BC to 294276)
 * makes one moment each.
 */
extern void json_append_timestamp(Buf *out, int64_t time);
extern void json_append_timestamptz(Buf *out, int64_t time);

/* "P1Y2M3DT4H5M6.7S", "infinity" */
extern void json_append_interval(Buf *out, int32_t months, int32_t days,
								 int64_t time);

#endif							/* PG_FANOUT_JSON_VALUE_H */
