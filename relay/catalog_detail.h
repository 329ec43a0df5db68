/*
 * catalog_detail.h
 *		What a table's description leaves out, from the catalog: see
 *		table_detail.h.
 */
#ifndef PG_FANOUT_CATALOG_DETAIL_H
#define PG_FANOUT_CATALOG_DETAIL_H

#include <libpq-fe.h>

#include "error.h"
#include "table_detail.h"

/*
 * Of a table that is gone: a detail without columns. NULL: failed. Free with
 * catalog_detail_free. The connection is one that connection_open made.
 */
extern MUST_USE TableDetail *catalog_detail(PGconn *conn, uint32_t oid,
											Error *err);
extern void catalog_detail_free(TableDetail *detail);

#endif							/* PG_FANOUT_CATALOG_DETAIL_H */
