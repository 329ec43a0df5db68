/*
 * table_detail.h
 *		What a table's description leaves out and some formats need: defaults,
 *		base types of domains, and a unique index to go by where there is no
 *		primary key.
 *
 * It comes from today's catalog, which may be ahead of the stream: it is not
 * part of a table's fingerprint, and a format must do without it.
 */
#ifndef PG_FANOUT_TABLE_DETAIL_H
#define PG_FANOUT_TABLE_DETAIL_H

#include <stddef.h>
#include <stdint.h>

typedef struct ColumnDetail
{
	uint32_t	number;			/* pg_attribute.attnum */
	uint32_t	type_oid;		/* the description's, if that is still so */
	uint32_t	base_oid;		/* of the type below all domains */
	const char *base_name;		/* its schema and name, unquoted */
	int32_t		base_typmod;	/* its modifier, -1: none */
	uint32_t	unique_position;	/* 1.. in the first unique index, else 0 */
	const char *preset;			/* pg_get_expr's text, NULL: no default */
} ColumnDetail;

typedef struct TableDetail
{
	ColumnDetail *columns;		/* by number, ascending */
	size_t		count;
} TableDetail;

/*
 * The column's detail; NULL: there is none, detail is NULL, or it is about
 * another type than the description has (the catalog is ahead, or the column
 * is masked).
 */
static inline const ColumnDetail *
table_detail_find(const TableDetail *detail, uint32_t number,
				  uint32_t type_oid)
{
	for (size_t i = 0; detail != NULL && i < detail->count; i++)
		if (detail->columns[i].number == number &&
			detail->columns[i].type_oid == type_oid)
			return &detail->columns[i];
	return NULL;
}

#endif							/* PG_FANOUT_TABLE_DETAIL_H */
