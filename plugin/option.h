/*
 * option.h
 *		The options a client may give when it starts to read the slot.
 */
#ifndef PG_FANOUT_OPTION_H
#define PG_FANOUT_OPTION_H

#include "nodes/pg_list.h"

typedef struct PluginOptions
{
	int			proto_version;
	List	   *publication_names;	/* of char *; NIL: every table */
	bool		local_only;		/* origin = none */
	bool		messages;
	bool		streaming;
	int			batch_bytes;
} PluginOptions;

/*
 * Reads a list of DefElem into *options, defaults for what is missing. Strings
 * are allocated in the current memory context. Error for an unknown or
 * repeated option and for a value out of range.
 */
extern void option_parse(List *list, PluginOptions *options);

#endif							/* PG_FANOUT_OPTION_H */
