/*
 * catalog.h
 *		A table's description from the catalog, over an SQL connection.
 *
 * For tables of which no record has come: schemas asked for on the command
 * line, sources without our output plugin. The same table gives the same
 * fingerprint, and so the same .proto, as the plugin and the extension do.
 */
#ifndef PG_FANOUT_CATALOG_H
#define PG_FANOUT_CATALOG_H

#include <libpq-fe.h>

#include "error.h"
#include "table.h"
#include "table_picture.h"

/*
 * Describes the table of that name, written as in SQL: schema.table, quoted
 * where SQL wants it. Virtual generated columns are left out, stored ones are
 * in. NULL: failed, with ERROR_USAGE if there is no such table. Free with
 * table_free.
 *
 * The connection is one that connection_open made: names come as UTF-8 and the
 * search path is empty.
 */
extern MUST_USE Table *catalog_table(PGconn *conn, const char *name,
									 Error *err);

/*
 * Today's picture of the table with the wish's oid; that there is none is no
 * failure. NULL: failed; the connection may be in a failed transaction then
 * and is to be closed.
 */
extern MUST_USE TablePicture *catalog_picture(PGconn *conn,
											  const TableWish *wish,
											  Error *err);
extern void catalog_picture_free(TablePicture *picture);

#endif							/* PG_FANOUT_CATALOG_H */
