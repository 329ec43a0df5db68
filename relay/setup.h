/*
 * setup.h
 *		From words to sinks: URLs and [sink NAME] sections become SinkConfigs.
 */
#ifndef PG_FANOUT_SETUP_H
#define PG_FANOUT_SETUP_H

#include "config.h"
#include "settings.h"
#include "sink.h"

/* A sink as configured. Owns all its strings and options. */
typedef struct SinkSetup
{
	char	   *name;
	Url			url;
	SinkCommon *common;
	void	   *options;
	void	   *format_options; /* the struct of config.format's options */
	bool		memory_set;		/* its share of the memory was said */
	const SinkOps *ops;
	SinkConfig	config;
	bool		verify_only;	/* given to --verify alone: nothing is sent */
} SinkSetup;

typedef struct SinkSetups
{
	SinkSetup  *setups;
	size_t		count;
} SinkSetups;

/*
 * All sinks of the command line (--sink, --file) and of the file's sections.
 * Fails with ERROR_USAGE on a doubled name, an unknown scheme, format or
 * option, a template that does not expand, or a secret on the command line.
 */
extern MUST_USE bool setup_sinks(SinkSetups *sinks, const Settings *settings,
								 const Config *config, Error *err);
extern void setup_free(SinkSetups *sinks);

#endif							/* PG_FANOUT_SETUP_H */
