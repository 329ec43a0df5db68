/*
 * server_minor.h
 *		Bugs of old minor releases of PostgreSQL that hurt logical slots.
 */
#ifndef PG_FANOUT_SERVER_MINOR_H
#define PG_FANOUT_SERVER_MINOR_H

/*
 * The worst one of a version such as 150020, and the minor that is free of
 * all. NULL: none is known.
 */
extern const char *server_minor_bug(int version, int *fixed);

#endif							/* PG_FANOUT_SERVER_MINOR_H */
