/*
 * login.h
 *		How we log in to PostgreSQL: whom we trust, and by which password.
 *
 * A server that is not local must prove who it is (sslmode=verify-full),
 * unless the user has said otherwise in any of the ways libpq knows. With
 * auth=iam the password is an IAM token, made for each connection, from keys
 * that are found once and renewed before they expire. connection.c asks here
 * before it connects; nothing here connects to PostgreSQL.
 */
#ifndef PG_FANOUT_LOGIN_H
#define PG_FANOUT_LOGIN_H

#include "connection.h"

typedef struct Login Login;

/*
 * Works out host, user and TLS as libpq will. Must be called for the first
 * time before there are threads: it changes the environment for a moment.
 * NULL: failed; ERROR_USAGE: what is asked for does not fit together.
 */
extern Login *login_new(const ConnectionOptions *options, Error *err);
extern void login_free(Login *login);

/* What to tell libpq; NULL: nothing, it knows by itself. */
extern const char *login_sslmode(const Login *login);
extern const char *login_sslrootcert(const Login *login);
extern const char *login_gssencmode(const Login *login);

/*
 * A new token in *password, the caller's to wipe (secret_free); untouched if
 * logins are not by token. Blocks as credential_load does when keys have to be
 * renewed. Errors are ERROR_AUTH or ERROR_USAGE; retriable if a service did
 * not answer.
 */
extern MUST_USE bool login_password(Login *login, char **password, Error *err);

/* Adds to the error of an attempt what may be done about it. Always false. */
extern bool login_explain(const Login *login, const char *libpq, Error *err);

#endif							/* PG_FANOUT_LOGIN_H */
