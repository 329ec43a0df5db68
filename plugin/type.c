/*
 * type.c
 *		How the values of a type stand on the wire.
 *
 * Reads catalogs through the syscache only, so that during decoding it sees
 * them as they were at that point of the WAL.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "text.h"
#include "type.h"

static const TypeInfo type_infos[] = {
	{BOOLOID, VALUE_BOOL, false, PG_FANOUT__ENCODING__BOOL},
	{INT2OID, VALUE_INT2, false, PG_FANOUT__ENCODING__INT32},
	{INT4OID, VALUE_INT4, false, PG_FANOUT__ENCODING__INT32},
	{INT8OID, VALUE_INT8, false, PG_FANOUT__ENCODING__INT64},
	{OIDOID, VALUE_UINT32, false, PG_FANOUT__ENCODING__UINT32},
	{XIDOID, VALUE_UINT32, false, PG_FANOUT__ENCODING__UINT32},
	{FLOAT4OID, VALUE_FLOAT4, false, PG_FANOUT__ENCODING__FLOAT},
	{FLOAT8OID, VALUE_FLOAT8, false, PG_FANOUT__ENCODING__DOUBLE},
	{NUMERICOID, VALUE_NUMERIC, false, PG_FANOUT__ENCODING__NUMERIC},
	{TEXTOID, VALUE_TEXT, false, PG_FANOUT__ENCODING__TEXT},
	{VARCHAROID, VALUE_TEXT, false, PG_FANOUT__ENCODING__TEXT},
	{BPCHAROID, VALUE_TEXT, false, PG_FANOUT__ENCODING__TEXT},
	{NAMEOID, VALUE_NAME, false, PG_FANOUT__ENCODING__TEXT},
	{BYTEAOID, VALUE_BYTES, false, PG_FANOUT__ENCODING__BYTES},
	{UUIDOID, VALUE_UUID, false, PG_FANOUT__ENCODING__UUID},
	{DATEOID, VALUE_DATE, false, PG_FANOUT__ENCODING__DATE},
	{TIMEOID, VALUE_TIME, false, PG_FANOUT__ENCODING__TIME},
	{TIMESTAMPOID, VALUE_TIMESTAMP, false, PG_FANOUT__ENCODING__TIMESTAMP},
	{TIMESTAMPTZOID, VALUE_TIMESTAMP, false, PG_FANOUT__ENCODING__TIMESTAMPTZ},
	{INTERVALOID, VALUE_INTERVAL, false, PG_FANOUT__ENCODING__INTERVAL},
	{JSONOID, VALUE_TEXT, false, PG_FANOUT__ENCODING__JSON},
	{JSONBOID, VALUE_JSONB, false, PG_FANOUT__ENCODING__JSON},
};

static TypeInfo
type_scalar_info(Oid type)
{
	TypeInfo	info = {type, VALUE_OUTPUT, false, PG_FANOUT__ENCODING__TEXT};

	for (int i = 0; i < lengthof(type_infos); i++)
	{
		if (type_infos[i].oid == type)
			return type_infos[i];
	}
	if (get_typtype(type) == TYPTYPE_ENUM)
	{
		info.kind = VALUE_ENUM;
		info.encoding = PG_FANOUT__ENCODING__ENUM;
	}
	return info;
}

/* int2vector and oidvector pass for arrays, but their text form is theirs. */
static Oid
type_element(Oid type)
{
	if (type == INT2VECTOROID || type == OIDVECTOROID)
		return InvalidOid;
	return get_element_type(type);
}

static char
type_delimiter(Oid element)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(element));
	char		delimiter;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", element);
	delimiter = ((Form_pg_type) GETSTRUCT(tuple))->typdelim;
	ReleaseSysCache(tuple);
	return delimiter == ',' ? '\0' : delimiter;
}

TypeInfo
type_info(Oid type)
{
	Oid			base = getBaseType(type);
	Oid			element = type_element(base);
	TypeInfo	info;

	if (!OidIsValid(element))
		return type_scalar_info(base);

	/* An element that is itself an array, through a domain, goes as text. */
	if (OidIsValid(type_element(getBaseType(element))))
		info = (TypeInfo) {element, VALUE_OUTPUT, false,
		PG_FANOUT__ENCODING__TEXT};
	else
		info = type_scalar_info(getBaseType(element));
	info.is_array = true;
	info.delimiter = type_delimiter(element);
	return info;
}

char *
type_name(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Form_pg_type form;
	char	   *schema;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);
	form = (Form_pg_type) GETSTRUCT(tuple);
	schema = get_namespace_name(form->typnamespace);
	name = psprintf("%s.%s", schema ? schema : "", NameStr(form->typname));
	ReleaseSysCache(tuple);
	return text_to_utf8(name);
}

static int
type_compare_order(const void *a, const void *b)
{
	float4		left = ((const EnumLabel *) a)->order;
	float4		right = ((const EnumLabel *) b)->order;

	return (left > right) - (left < right);
}

EnumLabel *
type_labels(Oid type, int *count)
{
	CatCList   *list = SearchSysCacheList1(ENUMTYPOIDNAME,
										   ObjectIdGetDatum(type));
	EnumLabel  *labels = palloc(sizeof(EnumLabel) * Max(list->n_members, 1));

	for (int i = 0; i < list->n_members; i++)
	{
		Form_pg_enum form = (Form_pg_enum) GETSTRUCT(&list->members[i]->tuple);

		labels[i].oid = form->oid;
		labels[i].order = form->enumsortorder;
		labels[i].label = text_to_utf8(pstrdup(NameStr(form->enumlabel)));
	}
	*count = list->n_members;
	ReleaseSysCacheList(list);
	qsort(labels, *count, sizeof(EnumLabel), type_compare_order);
	return labels;
}
