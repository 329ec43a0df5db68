/*
 * connection.h
 *		Connecting to PostgreSQL, and what the server's errors mean for us.
 *
 * Knows libpq and SQLSTATEs; knows nothing of slots, streams or Changes.
 */
#ifndef PG_FANOUT_CONNECTION_H
#define PG_FANOUT_CONNECTION_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "lsn.h"

/* By which password: the user's own, or a fresh IAM token each time. */
typedef enum LoginKind
{
	LOGIN_PASSWORD,
	LOGIN_IAM
} LoginKind;

typedef struct ConnectionOptions
{
	const char *dbname;			/* name or conninfo */
	const char *host;
	const char *port;
	const char *user;
	bool		never_prompt;	/* -w */
	bool		force_prompt;	/* -W */
	char	   *password;		/* from the prompt, for reconnects; owned */
	LoginKind	auth;
	const char *aws_profile;	/* these three: with LOGIN_IAM; may be NULL */
	const char *aws_region;
	const char *iam_endpoint;
	struct Login *login;		/* made by the first connection; owned */
} ConnectionOptions;

typedef enum ConnectionKind
{
	CONNECTION_SQL,
	CONNECTION_REPLICATION		/* walsender of a database */
} ConnectionKind;

/*
 * Opens a connection with an empty search_path and with every setting that
 * changes text pinned; asks for a password on the terminal where one is needed
 * and may be asked for. Text comes as UTF-8, but see connection_is_raw. NULL:
 * failed. What may pass (server starting, network) is marked retriable. The
 * first call must come before there are threads: see login.h.
 */
extern PGconn *connection_open(ConnectionOptions *options, ConnectionKind kind,
							   Error *err);

/*
 * Whether text comes as it is stored, in no particular encoding: the database
 * is in SQL_ASCII.
 */
extern bool connection_is_raw(PGconn *conn);

/* Frees what connections left in options, not options itself. */
extern void connection_options_free(ConnectionOptions *options);

/* Whether a name or connection string (both forms) holds a password. */
extern bool connection_string_has_secret(const char *dbname);

/*
 * Runs a command; NULL unless it gave rows or completed. Clear the result with
 * PQclear.
 */
extern PGresult *connection_query(PGconn *conn, const char *sql, Error *err);

/*
 * Fills err from a failed result, or from the connection where result is NULL,
 * classified by SQLSTATE. Always false.
 */
extern bool connection_error(PGconn *conn, const PGresult *result, Error *err);

/* Appends nothing but what is safe inside '...' or "..." of a command. */
extern char *connection_quote_literal(PGconn *conn, const char *text);
extern char *connection_quote_name(PGconn *conn, const char *text);

#endif							/* PG_FANOUT_CONNECTION_H */
