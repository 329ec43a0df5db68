/*
 * mask.h
 *		Masks: what stands in a record in place of a column's value.
 *
 * A masked column is text, whatever its type was, and says so in its
 * description. NULL stays NULL. Knows no rows.
 */
#ifndef PG_FANOUT_MASK_H
#define PG_FANOUT_MASK_H

#include "buf.h"
#include "error.h"
#include "option.h"
#include "pattern.h"
#include "table.h"
#include "wire.h"

#define TEXT_OID	25			/* pg_catalog.text, of masked columns */

typedef enum MaskKind
{
	MASK_FIXED,					/* the same text for every value */
	MASK_HASH,					/* HMAC-SHA-256 in hex: equal values stay
								 * equal, others different */
	MASK_TRUNCATE				/* the first characters */
} MaskKind;

typedef struct Mask
{
	Pattern		pattern;		/* schema.table.column */
	MaskKind	kind;
	char	   *text;			/* of MASK_FIXED */
	size_t		length;			/* of MASK_TRUNCATE, in characters */
} Mask;

/*
 * "schema.table.column=fixed:TEXT", "...=hash", "...=truncate:N". ERROR_USAGE
 * if it is neither.
 */
extern MUST_USE bool mask_parse(Mask *mask, const char *text, Error *err);
extern void mask_free(Mask *mask);

/* Whether rows that differ in the column still do: a key may have it. */
extern bool mask_keeps_apart(const Mask *mask);

/*
 * Appends what stands for the value. The hash is that of the value's text: of
 * strings themselves, of all else as the json format writes it, without
 * quotes. salt: its key. scratch is emptied first. false: the value is
 * malformed, or there is no memory.
 */
extern MUST_USE bool mask_apply(const Mask *mask, const char *salt,
								const Column *column, const WireField *value,
								Buf *scratch, Buf *out);

#endif							/* PG_FANOUT_MASK_H */
