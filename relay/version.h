/*
 * version.h
 *		The version of the relay, as --version says it and records carry it.
 */
#ifndef PG_FANOUT_VERSION_H
#define PG_FANOUT_VERSION_H

#define PG_FANOUT_VERSION "0.1.0"

#endif							/* PG_FANOUT_VERSION_H */
