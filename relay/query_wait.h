/*
 * query_wait.h
 *		A command that may take long: somebody is told that it waits, and a
 *		stop signal ends it.
 */
#ifndef PG_FANOUT_QUERY_WAIT_H
#define PG_FANOUT_QUERY_WAIT_H

#include "connection.h"

/* Called once, when the command has not ended after some seconds. */
typedef struct QueryWait
{
	void		(*waiting) (void *arg, PGconn *conn);
	void	   *arg;
} QueryWait;

/*
 * As connection_query. A stop signal cancels the command: ERROR_CONNECT. wait
 * may be NULL.
 */
extern PGresult *query_wait(PGconn *conn, const char *sql,
							const QueryWait *wait, Error *err);

#endif							/* PG_FANOUT_QUERY_WAIT_H */
