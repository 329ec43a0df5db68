/*
 * pgoutput_options.h
 *		What START_REPLICATION passes to pgoutput: the newest protocol that the
 *		server has, and those of the user's -o options that make sense.
 */
#ifndef PG_FANOUT_PGOUTPUT_OPTIONS_H
#define PG_FANOUT_PGOUTPUT_OPTIONS_H

#include "source.h"

#define PGOUTPUT_MAX_OPTIONS	5	/* what pgoutput takes and we pass */

typedef struct PgoutputOptions
{
	int			version;		/* the server's */
	bool		messages;		/* the user wants all logical messages */
	size_t		count;
	const char *names[PGOUTPUT_MAX_OPTIONS];
	const char *values[PGOUTPUT_MAX_OPTIONS];
} PgoutputOptions;

/* false: the user wants what cannot be, or leaves out publication_names. */
extern MUST_USE bool pgoutput_options_set(PgoutputOptions *options,
										  const SourceConfig *config,
										  Error *err);

/* streaming: whether to ask for it, if it can be asked for at all. */
extern SourceOptions pgoutput_options_get(PgoutputOptions *options,
										  bool streaming);

#endif							/* PG_FANOUT_PGOUTPUT_OPTIONS_H */
