/*
 * row_json.h
 *		Rows of the wire as JSON text: what the relay's json format prints and
 *		what the extension's peek functions show.
 *
 * Values:
 *	bool							true, false
 *	int2, int4, int8, oid, xid		a number, all digits
 *	float4, float8					a number, shortest exact; "NaN",
 *									"Infinity", "-Infinity"
 *	numeric, money					a string, scale kept
 *	json, jsonb						itself, line breaks outside strings turned
 *									into blanks
 *	bytea							a string, base64
 *	uuid							a string
 *	date							"2024-01-31", "0044-03-15 BC", "infinity",
 *									"-infinity"
 *	time							"13:00:00.123456", fraction only if there
 *									is one
 *	timestamp						"2024-01-31T13:00:00.123456", " BC" behind,
 *									"infinity"
 *	timestamptz						the same, "Z" at its end ("...Z BC")
 *	interval						ISO 8601: "P1Y2M3DT4H5M6.7S"; "infinity"
 *	array							nested arrays; lower bounds are not shown
 *	anything else					a string
 */
#ifndef PG_FANOUT_ROW_JSON_H
#define PG_FANOUT_ROW_JSON_H

#include "buf.h"
#include "json_value.h"
#include "table.h"
#include "wire.h"

typedef enum RowColumns
{
	ROW_WHOLE,					/* an absent field is null */
	ROW_SENT,					/* absent fields are left out: before_is_key */
	ROW_KEY						/* only the key's columns, in key order */
} RowColumns;

/*
 * Appends the row as one object, columns in table order (ROW_KEY: key order).
 * skip lists, as packed varints (Body.unchanged), columns to leave out.
 * false: the row is no row of this table (cut short, unknown number, wrong
 * kind, out of its type's range), and out holds rubbish behind its old end.
 * That out met its limit is told by buf_failed only.
 */
extern bool row_append_json(Buf *out, const Table *table, Slice row,
							RowColumns columns, Slice skip);

/* Appends one value; false: it is none of this column. */
extern bool column_append_json(Buf *out, const Column *column,
							   const WireField *field);

#endif							/* PG_FANOUT_ROW_JSON_H */
