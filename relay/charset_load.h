/*
 * charset_load.h
 *		Asks the server how its database's encoding maps to UTF-8.
 */
#ifndef PG_FANOUT_CHARSET_LOAD_H
#define PG_FANOUT_CHARSET_LOAD_H

#include <libpq-fe.h>

#include "charset.h"
#include "error.h"

/*
 * The map of the database's encoding, in *charset; NULL: none is needed
 * (UTF-8, SQL_ASCII) or none can be had (an encoding of another shape, no
 * PL/pgSQL), and the server has to convert. Takes a fraction of a second.
 * false: the connection failed.
 */
extern MUST_USE bool charset_load(PGconn *conn, Charset **charset, Error *err);

/*
 * From now on the server sends text as it is stored. For a connection whose
 * questions and their parameters are ASCII.
 */
extern MUST_USE bool charset_switch(PGconn *conn, Error *err);

#endif							/* PG_FANOUT_CHARSET_LOAD_H */
