/*
 * kafka_window.h
 *		Which commits are acknowledged, when acknowledgements come in any
 *		order.
 *
 * Records of one topic are acknowledged in order, those of several are not. A
 * ring holds one entry per commit with the number of its records still on
 * their way; reached is the newest commit before which nothing is missing. A
 * record carries the number of its entry, so nothing is allocated per row.
 * When the ring is full, commits share an entry: reached then moves later,
 * never too early. Knows no Kafka.
 */
#ifndef PG_FANOUT_KAFKA_WINDOW_H
#define PG_FANOUT_KAFKA_WINDOW_H

#include "error.h"
#include "lsn.h"

typedef struct KafkaWindowEntry
{
	Lsn			end;			/* of its last commit */
	uint32_t	outstanding;	/* records not acknowledged yet */
	bool		committed;		/* nothing was added since that commit */
	Lsn			lsn;			/* where its records are; 0: not known, or in
								 * several places */
	bool		mixed;
} KafkaWindowEntry;

typedef struct KafkaWindow
{
	KafkaWindowEntry *entries;
	uint32_t	capacity;
	uint32_t	head;			/* the oldest entry */
	uint32_t	open;			/* the entry new records go to */
	uint64_t	in_flight;		/* records of all entries */
	Lsn			committed;		/* the newest commit */
	Lsn			reached;		/* everything before it is acknowledged */
} KafkaWindow;

/* capacity: at least 1. */
extern MUST_USE bool kafka_window_init(KafkaWindow *window, uint32_t capacity,
									   Error *err);

/* Before the first record: everything before start counts as acknowledged. */
extern void kafka_window_start(KafkaWindow *window, Lsn start);
extern void kafka_window_free(KafkaWindow *window);

/* The entry for the next record: stable until the next commit. */
extern uint32_t kafka_window_entry(KafkaWindow *window);

/* A record left with this entry; it was acknowledged. */
extern void kafka_window_add(KafkaWindow *window, uint32_t entry);
/* That record's place in the stream, for errors. */
extern void kafka_window_mark(KafkaWindow *window, uint32_t entry, Lsn lsn);
extern void kafka_window_acknowledge(KafkaWindow *window, uint32_t entry);

/* All records handed over so far lie before end. An older end is ignored. */
extern void kafka_window_commit(KafkaWindow *window, Lsn end);

#endif							/* PG_FANOUT_KAFKA_WINDOW_H */
