/*
 * value_text.h
 *		A value as plain text.
 */
#ifndef PG_FANOUT_VALUE_TEXT_H
#define PG_FANOUT_VALUE_TEXT_H

#include "buf.h"
#include "table.h"
#include "wire.h"

/*
 * Strings are themselves (text, numeric, json, enums); all else is what the
 * json format writes, without quotes. text points into the value or into
 * scratch, which is emptied first. false: the value is malformed, or there is
 * no memory.
 */
extern bool value_text(const Column *column, const WireField *value,
					   Buf *scratch, Slice *text);

#endif							/* PG_FANOUT_VALUE_TEXT_H */
