/*
 * secret.h
 *		Strings that are wiped before their memory is given back.
 */
#ifndef PG_FANOUT_SECRET_H
#define PG_FANOUT_SECRET_H

#include "buf.h"
#include "error.h"

/* Wipes and frees a string of secret_copy; *text becomes NULL. */
extern void secret_free(char **text);

/* Frees *to, then makes it a copy of from (data NULL: of nothing). */
extern MUST_USE bool secret_copy(char **to, Slice from, Error *err);

/* The same of a string; NULL: of nothing. */
extern MUST_USE bool secret_copy_string(char **to, const char *from,
										Error *err);

#endif							/* PG_FANOUT_SECRET_H */
