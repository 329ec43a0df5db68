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

	/* few rows by their keys: the planner expects thousands of recursions */
	result = connection_query(session->conn,
		"SELECT pg_catalog.set_config('statement_timeout', '10s', false),"
		" pg_catalog.set_config('enable_hashjoin', 'off', false),"
		" pg_catalog.set_config('enable_mergejoin', 'off', false),"
		" pg_catalog.set_config('jit', 'off', false)",
							  err);
	PQclear(result);
	return result != NULL;
}

/* Whether a question is to be asked again: the connection was a dead one. */
static bool
session_was_dead(CatalogSession *session, bool kept, Error *err)
{
	if (!kept || PQstatus(session->conn) != CONNECTION_BAD)
		return false;
	catalog_session_close(session);
	error_clear(err);
	return true;
}

/* What is left of a session after a question that failed. */
static void
session_failed(CatalogSession *session, Error *err)
{
	catalog_session_close(session);
	error_prefix(err, "cannot look up a table in the catalog");
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
	if (picture == NULL && session_was_dead(session, kept, err) &&
		session_open(session, err))
		picture = catalog_picture(session->conn, wish, err);
	if (picture == NULL)
		session_failed(session, err);
	return picture;
}

TableDetail *
catalog_session_detail(CatalogSession *session, uint32_t oid, Error *err)
{
	TableDetail *detail = NULL;
	bool		kept = session->conn != NULL;

	if (session_open(session, err))
		detail = catalog_detail(session->conn, oid, err);
	if (detail == NULL && session_was_dead(session, kept, err) &&
		session_open(session, err))
		detail = catalog_detail(session->conn, oid, err);
	if (detail == NULL)
		session_failed(session, err);
	return detail;
}

void
catalog_session_close(CatalogSession *session)
{
	PQfinish(session->conn);
	session->conn = NULL;
}
