/*
 * slot_wait.h
 *		Creating a replication slot, which may take as long as the oldest
 *		transaction of the server.
 *
 * A new slot has to wait for every transaction that is running. After five
 * seconds the log says which one it waits for; a stop cancels the command, and
 * the server drops what it had begun.
 */
#ifndef PG_FANOUT_SLOT_WAIT_H
#define PG_FANOUT_SLOT_WAIT_H

#include "connection.h"
#include "slot.h"

typedef struct SlotWait
{
	PGconn	   *conn;			/* a replication connection; the caller's */
	ConnectionOptions *options;
	const char *slot;
	int64_t		started;
	int64_t		look;			/* when to look who is in the way */
	Lsn			point;			/* where the slot stands */
	char		snapshot[64];	/* exported; empty: none */
} SlotWait;

typedef enum SlotWaitResult
{
	SLOT_WAIT_BUSY,
	SLOT_WAIT_DONE,				/* wait->point and wait->snapshot are set */
	SLOT_WAIT_FAILED
} SlotWaitResult;

/* Sends the command. */
extern MUST_USE bool slot_wait_start(SlotWait *wait, PGconn *conn,
									 ConnectionOptions *options,
									 const SlotCreate *create, Error *err);

/* Looks for the answer; the socket is worth waiting on meanwhile. */
extern SlotWaitResult slot_wait_poll(SlotWait *wait, Error *err);

/* Has the server give the command up. */
extern void slot_wait_cancel(SlotWait *wait);

/*
 * All of it, waiting. false, too, after a stop signal, with *stopped set and
 * no error.
 */
extern MUST_USE bool slot_wait_create(SlotWait *wait, PGconn *conn,
									  ConnectionOptions *options,
									  const SlotCreate *create, bool *stopped,
									  Error *err);

#endif							/* PG_FANOUT_SLOT_WAIT_H */
