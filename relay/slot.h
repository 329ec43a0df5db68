/*
 * slot.h
 *		Replication slots: look, create, drop; and the server they live on.
 */
#ifndef PG_FANOUT_SLOT_H
#define PG_FANOUT_SLOT_H

#include <libpq-fe.h>

#include "buf.h"
#include "error.h"
#include "lsn.h"

typedef struct ServerInfo
{
	uint64_t	system_id;
	uint32_t	timeline;
	Lsn			wal_position;	/* flushed when asked */
	char		database[257];
	int			version;		/* 150020 */
	bool		raw_text;		/* text comes in no particular encoding */
	bool		in_recovery;	/* a standby */
	int64_t		sender_timeout; /* wal_sender_timeout, microseconds; 0: off */
} ServerInfo;

typedef struct SlotInfo
{
	bool		exists;
	char		plugin[65];		/* empty: a physical slot */
	char		database[257];
	bool		active;
	int			active_pid;
	bool		two_phase;
	Lsn			confirmed_flush;
	Lsn			restart;
	char		wal_status[32]; /* reserved, extended, unreserved, lost */
	bool		limited;		/* max_slot_wal_keep_size is set */
	char		invalidation[64];	/* reason, 17+; else empty */
	bool		conflicting;	/* invalidated on a standby, 16+ */
	bool		failover;		/* 17+ */
	bool		synced;			/* 17+: a standby's copy of the primary's */
} SlotInfo;

typedef struct SlotCreate
{
	const char *slot;
	const char *plugin;
	bool		two_phase;
	bool		failover;		/* 17+ */
	bool		temporary;		/* gone with its connection */
	bool		export;			/* a snapshot, until the next command */
} SlotCreate;

/* All of these take a replication connection to the slot's database. */
extern MUST_USE bool slot_server(PGconn *conn, ServerInfo *server, Error *err);

/* A missing slot is no error: info->exists says so. */
extern MUST_USE bool slot_find(PGconn *conn, const char *slot, SlotInfo *info,
							   Error *err);

/* The command that creates it; slot_wait.h runs it. */
extern MUST_USE bool slot_create_command(PGconn *conn,
										 const SlotCreate *create, Buf *sql,
										 Error *err);

/* wait: until nobody reads it any more; else that is an error. */
extern MUST_USE bool slot_drop(PGconn *conn, const char *slot, bool wait,
							   Error *err);

/* Whether the server has removed what it was to keep. */
extern bool slot_is_lost(const SlotInfo *info);

/*
 * Whether --start may read this slot with this plugin: it exists, is logical,
 * of this database and plugin, not two-phase, not invalidated
 * (ERROR_SLOT_INVALIDATED), not the copy that a standby keeps for its
 * promotion (which waiting may mend).
 */
extern MUST_USE bool slot_usable(const SlotInfo *info, const char *slot,
								 const char *plugin, const ServerInfo *server,
								 Error *err);

#endif							/* PG_FANOUT_SLOT_H */
