/*
 * value.c
 *		One value on the wire.
 *
 * The typed encodings depend on no setting. Types without one go through
 * their output function, with every setting that changes text pinned for the
 * rest of the decoding transaction: role and database settings reach a
 * walsender like any session.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "row.h"
#include "text.h"

#define EPOCH_DAYS		(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)
#define EPOCH_MICROS	(UINT64CONST(1000000) * SECS_PER_DAY * EPOCH_DAYS)

/* Interval in change.proto */
#define INTERVAL_MONTHS			1
#define INTERVAL_DAYS			2
#define INTERVAL_MICROSECONDS	3

typedef struct Setting
{
	const char *name;
	const char *value;
} Setting;

static const Setting settings[] = {
	{"bytea_output", "hex"},
	{"DateStyle", "ISO, MDY"},
	{"extra_float_digits", "1"},
	{"IntervalStyle", "postgres"},
	{"lc_monetary", "C"},
	{"quote_all_identifiers", "off"},
	{"search_path", "pg_catalog"},
	{"TimeZone", "UTC"},
	{"xmlbinary", "base64"},
};

/* Pinned since the server's current (sub)transaction for decoding began. */
static bool settings_pinned = false;

void
row_reset_settings(void)
{
	settings_pinned = false;
}

static void
value_pin_settings(void)
{
	for (int i = 0; i < lengthof(settings); i++)
	{
		const char *now = GetConfigOption(settings[i].name, false, false);

		if (strcmp(now, settings[i].value) != 0)
			(void) set_config_option(settings[i].name, settings[i].value,
									 PGC_USERSET, PGC_S_SESSION,
									 GUC_ACTION_LOCAL, true, 0, false);
	}
	settings_pinned = true;
}

/* Infinity keeps its place at the ends of the range. */
static int32
value_unix_date(DateADT date)
{
	return DATE_NOT_FINITE(date) ? date : date + EPOCH_DAYS;
}

/* Modulo 2^64: PostgreSQL's range does not overlap itself. */
static int64
value_unix_time(Timestamp time)
{
	if (TIMESTAMP_NOT_FINITE(time))
		return time;
	return (int64) ((uint64) time + EPOCH_MICROS);
}

uint8_t *
value_store_number(uint8_t *at, ValueKind kind, Datum value)
{
	int64		number;

	switch (kind)
	{
		case VALUE_BOOL:
			return wire_put_varint(at, DatumGetBool(value) ? 1 : 0);
		case VALUE_INT2:
			return wire_put_varint(at, wire_zigzag(DatumGetInt16(value)));
		case VALUE_INT4:
			return wire_put_varint(at, wire_zigzag(DatumGetInt32(value)));
		case VALUE_INT8:
		case VALUE_TIME:
			return wire_put_varint(at, wire_zigzag(DatumGetInt64(value)));
		case VALUE_UINT32:
			return wire_put_varint(at, DatumGetUInt32(value));
		case VALUE_FLOAT4:
			return wire_store_fixed32(at,
									  wire_float_bits(DatumGetFloat4(value)));
		case VALUE_FLOAT8:
			return wire_store_fixed64(at,
									  wire_double_bits(DatumGetFloat8(value)));
		case VALUE_DATE:
			number = value_unix_date(DatumGetDateADT(value));
			return wire_put_varint(at, wire_zigzag(number));
		case VALUE_TIMESTAMP:
			number = value_unix_time(DatumGetTimestamp(value));
			return wire_put_varint(at, wire_zigzag(number));
		default:
			break;
	}
	elog(ERROR, "value of kind %d is no number", (int) kind);
}

static WireKind
value_wire_kind(ValueKind kind)
{
	if (kind == VALUE_FLOAT4)
		return WIRE_FIXED32;
	return kind == VALUE_FLOAT8 ? WIRE_FIXED64 : WIRE_VARINT;
}

static void
value_put_bytes(Frame *frame, uint32_t number, const void *data, size_t size)
{
	uint8_t    *at = frame_reserve(frame, size + WIRE_MAX_PREFIX);

	frame_advance(frame, wire_put_bytes(at, number, data, size));
}

static void
value_put_converted(Frame *frame, uint32_t number, const char *text,
					size_t size)
{
	size_t		width = wire_varint_size(size);
	FrameMark	mark = frame_open(frame, number, width);

	while (size > 0)
	{
		uint8_t    *at = frame_reserve(frame, TEXT_CHUNK_OUT);
		size_t		taken;

		at += text_convert(text, size, (char *) at, &taken);
		frame_advance(frame, at);
		text += taken;
		size -= taken;
	}
	frame_close(frame, mark, width);
}

static void
value_put_text(Frame *frame, uint32_t number, const char *text, size_t size)
{
	if (likely(text_is_utf8()))
		value_put_bytes(frame, number, text, size);
	else
		value_put_converted(frame, number, text, size);
}

static void
value_put_string(Frame *frame, uint32_t number, const char *string)
{
	value_put_text(frame, number, string, strlen(string));
}

static void
value_put_varlena(Frame *frame, ColumnEncoder *column, uint32_t number,
				  Datum value)
{
	struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);
	const char *data = VARDATA_ANY(packed);
	size_t		size = VARSIZE_ANY_EXHDR(packed);

	if (column->type.kind == VALUE_BYTES)
		value_put_bytes(frame, number, data, size);
	else
		value_put_text(frame, number, data, size);
	if ((Pointer) packed != DatumGetPointer(value))
		pfree(packed);
}

static void
value_put_interval(Frame *frame, uint32_t number, const Interval *interval)
{
	FrameMark	mark = frame_open(frame, number, 1);
	uint8_t    *at = frame_reserve(frame, 3 * WIRE_MAX_SCALAR);

	at = wire_put_sint(at, INTERVAL_MONTHS, interval->month);
	at = wire_put_sint(at, INTERVAL_DAYS, interval->day);
	at = wire_put_sint(at, INTERVAL_MICROSECONDS, interval->time);
	frame_advance(frame, at);
	frame_close(frame, mark, 1);
}

static void
value_put_jsonb(Frame *frame, uint32_t number, Datum value)
{
	Jsonb	   *jsonb = DatumGetJsonbP(value);
	StringInfoData text;

	initStringInfo(&text);
	JsonbToCString(&text, &jsonb->root, VARSIZE(jsonb));
	value_put_text(frame, number, text.data, text.len);
	pfree(text.data);
	if ((Pointer) jsonb != DatumGetPointer(value))
		pfree(jsonb);
}

/* Through the output function only if the label is younger than our list. */
static void
value_put_enum(Frame *frame, ColumnEncoder *column, uint32_t number,
			   Datum value)
{
	Oid			oid = DatumGetObjectId(value);

	for (int low = 0, high = column->label_count; low < high;)
	{
		int			middle = (low + high) / 2;
		const EnumLabel *label = &column->labels[middle];

		if (label->oid == oid)
		{
			value_put_bytes(frame, number, label->label, strlen(label->label));
			return;
		}
		if (label->oid < oid)
			low = middle + 1;
		else
			high = middle;
	}
	value_put_string(frame, number,
					 OutputFunctionCall(&column->output, value));
}

static void
value_put_output(Frame *frame, ColumnEncoder *column, uint32_t number,
				 Datum value)
{
	char	   *text;

	if (!settings_pinned)
		value_pin_settings();
	text = OutputFunctionCall(&column->output, value);
	value_put_string(frame, number, text);
	pfree(text);
}

static void
value_put_numeric(Frame *frame, uint32_t number, Datum value)
{
	char	   *text = DatumGetCString(DirectFunctionCall1(numeric_out,
														   value));

	value_put_bytes(frame, number, text, strlen(text));
	pfree(text);
}

static void
value_put_number(Frame *frame, ValueKind kind, uint32_t number, Datum value)
{
	uint8_t    *at = frame_reserve(frame, WIRE_MAX_SCALAR);

	at = wire_put_tag(at, number, value_wire_kind(kind));
	frame_advance(frame, value_store_number(at, kind, value));
}

void
value_put(Frame *frame, ColumnEncoder *column, uint32_t number, Datum value)
{
	ValueKind	kind = column->type.kind;

	switch (kind)
	{
		case VALUE_TEXT:
		case VALUE_BYTES:
			value_put_varlena(frame, column, number, value);
			break;
		case VALUE_NAME:
			value_put_string(frame, number, NameStr(*DatumGetName(value)));
			break;
		case VALUE_UUID:
			value_put_bytes(frame, number, DatumGetUUIDP(value)->data,
							UUID_LEN);
			break;
		case VALUE_INTERVAL:
			value_put_interval(frame, number, DatumGetIntervalP(value));
			break;
		case VALUE_NUMERIC:
			value_put_numeric(frame, number, value);
			break;
		case VALUE_JSONB:
			value_put_jsonb(frame, number, value);
			break;
		case VALUE_ENUM:
			value_put_enum(frame, column, number, value);
			break;
		case VALUE_OUTPUT:
			value_put_output(frame, column, number, value);
			break;
		default:
			value_put_number(frame, kind, number, value);
			break;
	}
}
