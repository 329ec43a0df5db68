/*
 * registry.h
 *		The one list of sources, formats and sinks. A new one is a file, an
 *		options table and a line in registry.c.
 */
#ifndef PG_FANOUT_REGISTRY_H
#define PG_FANOUT_REGISTRY_H

#include "format.h"
#include "sink.h"
#include "source.h"

extern const SourceOps *const registry_sources[];	/* NULL-terminated */
extern const FormatOps *const registry_formats[];
extern const SinkOps *const registry_sinks[];

extern const SourceOps *registry_find_source(const char *plugin);
/*
 * The options of every kind of sink and of every format, one table after the
 * other; NULL behind the last.
 */
extern const OptionTable *registry_options(int index);

extern const FormatOps *registry_find_format(const char *name);
extern const SinkOps *registry_find_sink(const char *scheme);

#endif							/* PG_FANOUT_REGISTRY_H */
