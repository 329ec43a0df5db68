/*
 * query_wait.h
 *		A command that may take long: a stop signal ends it.
 */
#ifndef PG_FANOUT_QUERY_WAIT_H
#define PG_FANOUT_QUERY_WAIT_H

#include "connection.h"

/* As connection_query. A stop signal cancels the command: ERROR_CONNECT. */
extern PGresult *query_wait(PGconn *conn, const char *sql, Error *err);

#endif							/* PG_FANOUT_QUERY_WAIT_H */
