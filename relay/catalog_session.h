/*
 * catalog_session.h
 *		The second connection, for questions to the catalog while a stream is
 *		being read.
 *
 * Opened when first needed, kept, and opened anew after a failure. Calls wait
 * for the answer, for seconds at most: the status messages of the stream wait
 * with them.
 */
#ifndef PG_FANOUT_CATALOG_SESSION_H
#define PG_FANOUT_CATALOG_SESSION_H

#include "catalog.h"
#include "catalog_detail.h"
#include "connection.h"

typedef struct CatalogSession
{
	ConnectionOptions *options;
	PGconn	   *conn;			/* NULL: not open */
} CatalogSession;

/*
 * NULL: failed, and the connection is closed; what may pass is marked
 * retriable. Free with catalog_picture_free.
 */
extern MUST_USE TablePicture *catalog_session_ask(CatalogSession *session,
												  const TableWish *wish,
												  Error *err);

/* The same of what a description leaves out. Free with catalog_detail_free. */
extern MUST_USE TableDetail *catalog_session_detail(CatalogSession *session,
													uint32_t oid, Error *err);
extern void catalog_session_close(CatalogSession *session);

#endif							/* PG_FANOUT_CATALOG_SESSION_H */
