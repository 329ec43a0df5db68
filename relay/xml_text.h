/*
 * xml_text.h
 *		The text of one element of a small XML answer.
 *
 * Amazon's services answer with XML of which a few elements matter: no parser,
 * a finder of tags that trusts nothing it reads.
 */
#ifndef PG_FANOUT_XML_TEXT_H
#define PG_FANOUT_XML_TEXT_H

#include <stdbool.h>

#include "buf.h"

/*
 * The text of the first element with that name, entities decoded; false: there
 * is none, it is not closed, or it does not fit.
 */
extern bool xml_text(Slice xml, const char *name, char *out, size_t size);

#endif							/* PG_FANOUT_XML_TEXT_H */
