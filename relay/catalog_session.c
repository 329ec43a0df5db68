/*
 * catalog_session.c
 *		The second connection. See catalog_session.h.
 */
#include "catalog_session.h"

static bool
session_open(CatalogSession *session, Error *err)
{
	PGresult   *result;

	if (session->conn != NULL)
		return true;
	session->conn = connection_open(session->options, CONNECTION_SQL, err);
	if (session->conn == NULL)
		return false;
	result = connection_query(session->conn,
		"SELECT pg_catalog.set_config('statement_timeout', '10s', false)",
							  err);
	PQclear(result);
	return result != NULL;
}

/*
 * A connection that was kept may have died long ago; only a new one that fails
 * means something.
 */
TablePicture *
catalog_session_ask(CatalogSession *session, const TableWish *wish, Error *err)
{
	TablePicture *picture = NULL;
	bool		kept = session->conn != NULL;

	if (session_open(session, err))
		picture = catalog_picture(session->conn, wish, err);
	if (picture == NULL && kept && PQstatus(session->conn) == CONNECTION_BAD)
	{
		catalog_session_close(session);
		error_clear(err);
		if (session_open(session, err))
			picture = catalog_picture(session->conn, wish, err);
	}
	if (picture != NULL)
		return picture;
	catalog_session_close(session);
	error_prefix(err, "cannot look up a table in the catalog");
	return NULL;
}

void
catalog_session_close(CatalogSession *session)
{
	PQfinish(session->conn);
	session->conn = NULL;
}
