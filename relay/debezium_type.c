/*
 * debezium_type.c
 *		What Debezium makes of a column's type. See debezium_type.h.
 *
 * A type is known by its OID if it is PostgreSQL's own, by its name if an
 * extension brings it, and by its encoding on the wire if nothing else is
 * known about it (a domain, when the catalog cannot be asked).
 */
#include "debezium_type.h"

#include <string.h>


#define MICRO_DIGITS	6
#define BITS_UNLIMITED	INT32_MAX
#define FIRST_USER_OID	16384	/* what is below is PostgreSQL's own */
#define NUMERIC_HEADER	4		/* in a numeric's modifier */

/* What a type is, whatever the options say. */
typedef enum TypeClass
{
	CLASS_UNKNOWN,				/* Debezium has no converter for it */
	CLASS_BOOL,
	CLASS_INT2,
	CLASS_INT4,
	CLASS_INT8,
	CLASS_OID,
	CLASS_FLOAT4,
	CLASS_FLOAT8,
	CLASS_NUMERIC,
	CLASS_MONEY,
	CLASS_STRING,
	CLASS_NAME,
	CLASS_JSON,
	CLASS_XML,
	CLASS_LTREE,
	CLASS_TSVECTOR,
	CLASS_ENUM,
	CLASS_UUID,
	CLASS_BYTEA,
	CLASS_DATE,
	CLASS_TIME,
	CLASS_TIMETZ,
	CLASS_TIMESTAMP,
	CLASS_TIMESTAMPTZ,
	CLASS_INTERVAL,
	CLASS_BIT,
	CLASS_VARBIT,
	CLASS_POINT,
	CLASS_GEOMETRIC,			/* unknown, and printed by Java */
	CLASS_GEOMETRY,
	CLASS_GEOGRAPHY,
	CLASS_HSTORE,
	CLASS_VECTOR,				/* three of pgvector */
	CLASS_HALFVEC,
	CLASS_SPARSEVEC
} TypeClass;

/* What Debezium does with arrays of a type. */
typedef enum ArrayClass
{
	ARRAYS,						/* elements may be NULL */
	ARRAYS_NOT_NULL,			/* one NULL, and there is no value at all */
	ARRAYS_LOST,				/* a schema, but never a value */
	ARRAYS_NONE					/* left out */
} ArrayClass;

typedef struct BuiltinType
{
	uint16_t	oid;
	uint16_t	array_oid;
	uint8_t		class;
	uint8_t		arrays;
	uint8_t		family;
} BuiltinType;

#define TEXTS	DEBEZIUM_FAMILY_TEXT
#define NUMBERS	DEBEZIUM_FAMILY_NUMBERS

static const BuiltinType builtin_types[] = {
	{16, 1000, CLASS_BOOL, ARRAYS, 0},
	{17, 1001, CLASS_BYTEA, ARRAYS, DEBEZIUM_FAMILY_BYTES},
	{18, 1002, CLASS_STRING, ARRAYS, 0},	/* "char" */
	{19, 1003, CLASS_NAME, ARRAYS_NONE, 0},
	{20, 1016, CLASS_INT8, ARRAYS, NUMBERS},
	{21, 1005, CLASS_INT2, ARRAYS, 0},
	{23, 1007, CLASS_INT4, ARRAYS, NUMBERS},
	{25, 1009, CLASS_STRING, ARRAYS, TEXTS},	/* text */
	{26, 1028, CLASS_OID, ARRAYS, 0},
	{114, 199, CLASS_JSON, ARRAYS, TEXTS},
	{142, 143, CLASS_XML, ARRAYS_NONE, 0},
	{600, 1017, CLASS_POINT, ARRAYS_NONE, 0},
	{601, 1018, CLASS_GEOMETRIC, ARRAYS_NOT_NULL, 0},	/* lseg */
	{602, 1019, CLASS_GEOMETRIC, ARRAYS_NOT_NULL, 0},	/* path */
	{603, 1020, CLASS_GEOMETRIC, ARRAYS_NOT_NULL, 0},	/* box */
	{604, 1027, CLASS_GEOMETRIC, ARRAYS_NOT_NULL, 0},	/* polygon */
	{628, 629, CLASS_GEOMETRIC, ARRAYS_NOT_NULL, 0},	/* line */
	{650, 651, CLASS_STRING, ARRAYS, 0},	/* cidr */
	{700, 1021, CLASS_FLOAT4, ARRAYS, 0},
	{701, 1022, CLASS_FLOAT8, ARRAYS, 0},
	{718, 719, CLASS_GEOMETRIC, ARRAYS_NOT_NULL, 0},	/* circle */
	{774, 775, CLASS_STRING, ARRAYS, 0},	/* macaddr8 */
	{790, 791, CLASS_MONEY, ARRAYS_NONE, 0},
	{829, 1040, CLASS_STRING, ARRAYS, 0},	/* macaddr */
	{869, 1041, CLASS_STRING, ARRAYS, 0},	/* inet */
	{1042, 1014, CLASS_STRING, ARRAYS, TEXTS},	/* bpchar */
	{1043, 1015, CLASS_STRING, ARRAYS, TEXTS},	/* varchar */
	{1082, 1182, CLASS_DATE, ARRAYS, NUMBERS},
	{1083, 1183, CLASS_TIME, ARRAYS, 0},
	{1114, 1115, CLASS_TIMESTAMP, ARRAYS, 0},
	{1184, 1185, CLASS_TIMESTAMPTZ, ARRAYS, 0},
	{1186, 1187, CLASS_INTERVAL, ARRAYS_NONE, 0},
	{1266, 1270, CLASS_TIMETZ, ARRAYS, 0},
	{1560, 1561, CLASS_BIT, ARRAYS_LOST, 0},
	{1562, 1563, CLASS_VARBIT, ARRAYS_NONE, 0},
	{1700, 1231, CLASS_NUMERIC, ARRAYS, 0},
	{1790, 2201, CLASS_UNKNOWN, ARRAYS_NONE, 0},	/* refcursor */
	{2950, 2951, CLASS_UUID, ARRAYS, DEBEZIUM_FAMILY_UUID},
	{3614, 3643, CLASS_TSVECTOR, ARRAYS_NOT_NULL, 0},
	{3802, 3807, CLASS_JSON, ARRAYS, TEXTS},	/* jsonb */
	{3904, 3905, CLASS_STRING, ARRAYS, 0},	/* int4range */
	{3906, 3907, CLASS_STRING, ARRAYS, 0},	/* numrange */
	{3908, 3909, CLASS_STRING, ARRAYS, 0},	/* tsrange */
	{3910, 3911, CLASS_STRING, ARRAYS, 0},	/* tstzrange */
	{3912, 3913, CLASS_STRING, ARRAYS, 0},	/* daterange */
	{3926, 3927, CLASS_STRING, ARRAYS, 0},	/* int8range */
};

/* Types of extensions, by name in whatever schema they were put. */
static const struct
{
	const char *name;
	uint8_t		class;
	uint8_t		arrays;
}			extension_types[] =
{
	{"citext", CLASS_STRING, ARRAYS},
	{"isbn", CLASS_STRING, ARRAYS_NOT_NULL},
	{"ltree", CLASS_LTREE, ARRAYS},
	{"hstore", CLASS_HSTORE, ARRAYS},
	{"geometry", CLASS_GEOMETRY, ARRAYS},
	{"geography", CLASS_GEOGRAPHY, ARRAYS},
	{"vector", CLASS_VECTOR, ARRAYS_NOT_NULL},
	{"halfvec", CLASS_HALFVEC, ARRAYS_NOT_NULL},
	{"sparsevec", CLASS_SPARSEVEC, ARRAYS_NOT_NULL},
};

/* ---- what a type is ---- */

typedef struct TypeFound
{
	TypeClass	class;
	ArrayClass	arrays;
	DebeziumFamily family;
} TypeFound;

static bool
find_builtin(uint32_t oid, bool array, TypeFound *found)
{
	for (size_t i = 0;
		 i < sizeof(builtin_types) / sizeof(builtin_types[0]); i++)
	{
		const BuiltinType *type = &builtin_types[i];

		if (oid != (array ? type->array_oid : type->oid))
			continue;
		found->class = (TypeClass) type->class;
		found->arrays = (ArrayClass) type->arrays;
		found->family = (DebeziumFamily) type->family;
		return true;
	}
	return false;
}

/* type_name is qualified; an array's has "_" before its element's. */
static bool
find_extension(const char *type_name, bool array, TypeFound *found)
{
	const char *dot = strrchr(type_name, '.');
	const char *name = dot != NULL ? dot + 1 : type_name;

	if (array && *name++ != '_')
		return false;
	for (size_t i = 0;
		 i < sizeof(extension_types) / sizeof(extension_types[0]); i++)
	{
		if (strcmp(name, extension_types[i].name) != 0)
			continue;
		found->class = (TypeClass) extension_types[i].class;
		found->arrays = (ArrayClass) extension_types[i].arrays;
		return true;
	}
	return false;
}

static TypeClass
class_of_encoding(PgFanout__Encoding encoding)
{
	switch (encoding)
	{
		case PG_FANOUT__ENCODING__BOOL:
			return CLASS_BOOL;
		case PG_FANOUT__ENCODING__INT32:
			return CLASS_INT4;
		case PG_FANOUT__ENCODING__INT64:
			return CLASS_INT8;
		case PG_FANOUT__ENCODING__FLOAT:
			return CLASS_FLOAT4;
		case PG_FANOUT__ENCODING__DOUBLE:
			return CLASS_FLOAT8;
		case PG_FANOUT__ENCODING__NUMERIC:
			return CLASS_NUMERIC;
		case PG_FANOUT__ENCODING__BYTES:
			return CLASS_BYTEA;
		case PG_FANOUT__ENCODING__UUID:
			return CLASS_UUID;
		case PG_FANOUT__ENCODING__DATE:
			return CLASS_DATE;
		case PG_FANOUT__ENCODING__TIME:
			return CLASS_TIME;
		case PG_FANOUT__ENCODING__TIMESTAMP:
			return CLASS_TIMESTAMP;
		case PG_FANOUT__ENCODING__TIMESTAMPTZ:
			return CLASS_TIMESTAMPTZ;
		case PG_FANOUT__ENCODING__INTERVAL:
			return CLASS_INTERVAL;
		case PG_FANOUT__ENCODING__JSON:
			return CLASS_JSON;
		default:
			return CLASS_UNKNOWN;
	}
}

/* Whether the wire brings what the kind's writer reads. */
static bool
encoding_fits(TypeClass class, PgFanout__Encoding encoding)
{
	switch (class)
	{
		case CLASS_INT2:
			return encoding == PG_FANOUT__ENCODING__INT32;
		case CLASS_OID:
			return encoding == PG_FANOUT__ENCODING__UINT32;
		case CLASS_ENUM:
			return encoding == PG_FANOUT__ENCODING__ENUM;
		case CLASS_UNKNOWN:
		case CLASS_GEOMETRIC:
			return true;
		case CLASS_MONEY:
		case CLASS_STRING:
		case CLASS_NAME:
		case CLASS_XML:
		case CLASS_LTREE:
		case CLASS_TSVECTOR:
		case CLASS_TIMETZ:
		case CLASS_BIT:
		case CLASS_VARBIT:
		case CLASS_POINT:
		case CLASS_GEOMETRY:
		case CLASS_GEOGRAPHY:
		case CLASS_HSTORE:
		case CLASS_VECTOR:
		case CLASS_HALFVEC:
		case CLASS_SPARSEVEC:
			return encoding == PG_FANOUT__ENCODING__TEXT;
		default:
			return class_of_encoding(encoding) == class;
	}
}

/*
 * Of a domain the type below it, as far as the catalog can tell: it may be
 * ahead of the stream, and another type than the rows are of.
 */
static bool
find_base(const Column *column, const ColumnDetail *detail, TypeFound *found)
{
	if (detail == NULL || detail->base_oid == column->type_oid)
		return false;
	return (find_builtin(detail->base_oid, column->is_array, found) ||
			find_extension(detail->base_name, column->is_array, found)) &&
		encoding_fits(found->class, column->encoding);
}

/*
 * A type of which nothing is known but how it goes on the wire. It may well be
 * a domain over text: better a string than no column.
 */
static TypeClass
class_of_unknown(const Column *column, const ColumnDetail *detail)
{
	if (column->encoding == PG_FANOUT__ENCODING__ENUM)
		return CLASS_ENUM;
	if (column->encoding == PG_FANOUT__ENCODING__TEXT && detail == NULL &&
		column->type_oid >= FIRST_USER_OID)
		return CLASS_STRING;
	return column->is_array ? CLASS_UNKNOWN :
		class_of_encoding(column->encoding);
}

static TypeFound
find_type(const Column *column, const ColumnDetail *detail)
{
	TypeFound	none = {CLASS_UNKNOWN, ARRAYS_NOT_NULL, DEBEZIUM_FAMILY_NONE};
	TypeFound	found = none;

	if ((find_builtin(column->type_oid, column->is_array, &found) ||
		 find_extension(column->type_name, column->is_array, &found)) &&
		encoding_fits(found.class, column->encoding))
		return found;
	found = none;
	if (find_base(column, detail, &found))
		return found;
	found = none;
	found.class = class_of_unknown(column, detail);
	return found;
}

/* ---- how it is written ---- */

/* A domain has its base type's. */
static int
modifier_of(const Column *column, const ColumnDetail *detail)
{
	return detail != NULL && detail->base_oid != column->type_oid ?
		detail->base_typmod : column->typmod;
}

static DebeziumKind
date_kind(int times)
{
	return times == DEBEZIUM_TIMES_CONNECT ? DEBEZIUM_DATE_CONNECT :
		times == DEBEZIUM_TIMES_ISOSTRING ? DEBEZIUM_DATE_ISO : DEBEZIUM_DATE;
}

/*
 * Of the kinds for time or timestamp: milliseconds, Connect's own,
 * microseconds, nanoseconds, ISO, in this order.
 */
static DebeziumKind
clock_kind(int times, DebeziumKind first, int digits)
{
	switch ((DebeziumTimes) times)
	{
		case DEBEZIUM_TIMES_CONNECT:
			return first + 1;
		case DEBEZIUM_TIMES_MICROSECONDS:
			return first + 2;
		case DEBEZIUM_TIMES_NANOSECONDS:
			return first + 3;
		case DEBEZIUM_TIMES_ISOSTRING:
			return first + 4;
		case DEBEZIUM_TIMES_ADAPTIVE_TIME_MICROSECONDS:
			if (first == DEBEZIUM_TIME)
				return DEBEZIUM_TIME_MICRO;
			break;
		case DEBEZIUM_TIMES_ADAPTIVE:
			break;
	}
	return digits <= 3 ? first : first + 2;
}

static void
set_numeric(DebeziumType *type, int typmod, int decimals)
{
	if (decimals == DEBEZIUM_DECIMALS_DOUBLE)
		type->kind = DEBEZIUM_DECIMAL_DOUBLE;
	else if (decimals == DEBEZIUM_DECIMALS_STRING)
		type->kind = DEBEZIUM_DECIMAL_STRING;
	else
		type->kind = typmod < NUMERIC_HEADER ? DEBEZIUM_DECIMAL_VARIABLE :
			DEBEZIUM_DECIMAL;
	if (typmod < NUMERIC_HEADER)
		return;

	/* a negative scale (15 and later) reads as a large one, as in Debezium */
	type->scale = (typmod - NUMERIC_HEADER) & 0xffff;
	type->precision = (typmod - NUMERIC_HEADER) >> 16 & 0xffff;
}

static void
set_bits(DebeziumType *type, int typmod, bool varying)
{
	type->precision = typmod >= 1 ? typmod : varying ? BITS_UNLIMITED : 1;
	type->kind = type->precision > 1 ? DEBEZIUM_BITS : DEBEZIUM_BIT;
}

/* Types with a modifier or an option; all others have one kind. */
static bool
set_kind(DebeziumType *type, TypeClass class, int typmod,
		 const DebeziumOptions *options)
{
	static const uint8_t plain[] = {
		[CLASS_BOOL] = DEBEZIUM_BOOL, [CLASS_INT2] = DEBEZIUM_INT16,
		[CLASS_INT4] = DEBEZIUM_INT32, [CLASS_INT8] = DEBEZIUM_INT64,
		[CLASS_OID] = DEBEZIUM_OID, [CLASS_FLOAT4] = DEBEZIUM_FLOAT,
		[CLASS_FLOAT8] = DEBEZIUM_DOUBLE, [CLASS_STRING] = DEBEZIUM_STRING,
		[CLASS_NAME] = DEBEZIUM_STRING, [CLASS_JSON] = DEBEZIUM_JSON,
		[CLASS_XML] = DEBEZIUM_XML, [CLASS_LTREE] = DEBEZIUM_LTREE,
		[CLASS_TSVECTOR] = DEBEZIUM_TSVECTOR, [CLASS_ENUM] = DEBEZIUM_ENUM,
		[CLASS_UUID] = DEBEZIUM_UUID, [CLASS_TIMETZ] = DEBEZIUM_TIMETZ,
		[CLASS_TIMESTAMPTZ] = DEBEZIUM_TIMESTAMPTZ,
		[CLASS_POINT] = DEBEZIUM_POINT, [CLASS_GEOMETRY] = DEBEZIUM_GEOMETRY,
		[CLASS_GEOGRAPHY] = DEBEZIUM_GEOGRAPHY,
		[CLASS_VECTOR] = DEBEZIUM_VECTOR,
		[CLASS_HALFVEC] = DEBEZIUM_HALFVEC,
		[CLASS_SPARSEVEC] = DEBEZIUM_SPARSEVEC
	};
	int			digits = typmod >= 0 && typmod <= MICRO_DIGITS ? typmod :
		MICRO_DIGITS;

	type->scale = digits;
	switch (class)
	{
		case CLASS_NUMERIC:
			type->scale = 0;
			set_numeric(type, typmod, options->decimals);
			return true;
		case CLASS_MONEY:
			type->scale = 2;
			type->kind = DEBEZIUM_MONEY + options->decimals;
			return true;
		case CLASS_BYTEA:
			type->kind = DEBEZIUM_BYTES + options->binary;
			return true;
		case CLASS_DATE:
			type->kind = date_kind(options->times);
			return true;
		case CLASS_TIME:
			type->kind = clock_kind(options->times, DEBEZIUM_TIME, digits);
			return true;
		case CLASS_TIMESTAMP:
			type->kind = clock_kind(options->times, DEBEZIUM_TIMESTAMP,
									digits);
			return true;
		case CLASS_INTERVAL:
			type->kind = DEBEZIUM_INTERVAL + options->interval;
			return true;
		case CLASS_HSTORE:
			type->kind = DEBEZIUM_HSTORE + options->hstore;
			return true;
		case CLASS_BIT:
		case CLASS_VARBIT:
			set_bits(type, typmod, class == CLASS_VARBIT);
			return true;
		case CLASS_GEOMETRIC:
		case CLASS_UNKNOWN:
			type->geometric = class == CLASS_GEOMETRIC;
			type->kind = DEBEZIUM_BYTES + options->binary;
			return options->unknown;
		default:
			type->kind = (DebeziumKind) plain[class];
			return true;
	}
}

/* Arrays that Debezium leaves out, loses, or cannot have NULLs in. */
static bool
set_array(DebeziumType *type, const TypeFound *found)
{
	if (!type->array)
		return true;
	type->element_optional = found->arrays == ARRAYS;
	type->family = found->family;
	if (found->arrays == ARRAYS_LOST)
	{
		/* bit(n)[] has the schema of bit(n) */
		type->array = false;
		type->never = true;
	}
	return found->arrays != ARRAYS_NONE;
}

bool
debezium_type_find(const Column *column, const ColumnDetail *detail,
				   const DebeziumOptions *options, DebeziumType *type)
{
	TypeFound	found = find_type(column, detail);

	memset(type, 0, sizeof(*type));
	type->encoding = column->encoding;
	type->array = column->is_array;
	type->labels = column->labels;
	type->label_count = column->label_count;
	type->never = found.class == CLASS_NAME && !options->unknown;
	return set_kind(type, found.class, modifier_of(column, detail), options) &&
		set_array(type, &found);
}
