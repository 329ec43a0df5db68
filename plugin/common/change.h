/*
 * change.h
 *		A Change record and its typed body, taken apart without copying.
 */
#ifndef PG_FANOUT_CHANGE_H
#define PG_FANOUT_CHANGE_H

#include "buf.h"
#include "change.pb-c.h"
#include "wire.h"

/*
 * Logical messages with such prefixes are for the relay itself: it is sent
 * them whatever else is asked for, and delivers none of them.
 */
#define CONTROL_PREFIX	"pg_fanout."

static inline bool
is_control_prefix(const char *prefix)
{
	return strncmp(prefix, CONTROL_PREFIX, strlen(CONTROL_PREFIX)) == 0;
}

/*
 * The typed body of a Change taken apart. Slices point into the body; false:
 * malformed.
 */
typedef struct Body
{
	PgFanout__Op op;
	Slice		before;			/* data NULL: absent */
	Slice		after;
	Slice		unchanged;		/* packed varints */
	uint64_t	lsn;
	bool		before_is_key;
} Body;

extern bool body_parse(Slice bytes, Body *body);

/* The wire fields of a Change record taken apart. */
typedef struct ChangeHeader
{
	uint32_t	table;
	uint32_t	xid;
	uint32_t	subxid;
	Slice		body;
} ChangeHeader;

extern bool change_parse(Slice bytes, ChangeHeader *change);

#endif							/* PG_FANOUT_CHANGE_H */
