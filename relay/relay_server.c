/*
 * relay_server.c
 *		Whether server and slot are still those the sinks got their changes
 *		from. See relay_state.h.
 *
 * Asked at every start of the stream: behind one name there may be another
 * server each time. What the checkpoints say is verified by the sinks as they
 * resume; from then on it is asked of the sinks themselves, since they hold
 * more than they have recorded.
 */
#include "relay_state.h"

#include <inttypes.h>

#include "checkpoint.h"
#include "log.h"
#include "timeline_load.h"

static bool
other_system(const Relay *relay, Error *err)
{
	error_set(err, ERROR_SYSTEM,
			  "the server is another one than before: system identifier %"
			  PRIu64 " instead of %" PRIu64,
			  relay->server.system_id, relay->identity.system_id);
	return error_hint(err, "Check where the host name points to.");
}

/* A promotion while the relay runs: the sinks stay as they are. */
static bool
follow_timeline(Relay *relay, Error *err)
{
	uint32_t	before = relay->identity.timeline;

	if (!fanout_follow(relay->fanout, &relay->timelines, err))
		return false;
	relay->identity.timeline = relay->server.timeline;
	if (relay->server.timeline != before)
		log_info("the server has gone from timeline %u to %u, and has all that the sinks got",
				 before, relay->server.timeline);
	return true;
}

bool
relay_check_server(Relay *relay, PGconn *conn, Error *err)
{
	if (relay->resumed &&
		relay->server.system_id != relay->identity.system_id)
		return other_system(relay, err);
	return timeline_load(conn, &relay->server, &relay->timelines, err) &&
		(!relay->resumed || follow_timeline(relay, err));
}

/*
 * A name may lead to a standby for a while; a primary without the slot will
 * not get it back.
 */
static bool
slot_is_gone(const Relay *relay, Error *err)
{
	if (relay->server.in_recovery && !relay->on_standby)
	{
		error_set(err, ERROR_CONNECT,
				  "the server is a standby now, and does not have slot \"%s\"",
				  relay->settings->slot);
		error_hint(err, "Waiting for the primary. To be led there name all servers: -d 'host=one,two dbname=... target_session_attrs=read-write'.");
		return error_retriable(err);
	}
	error_set(err, ERROR_SLOT_DROPPED,
			  "replication slot \"%s\" is gone: it was dropped, or this server has taken over without it",
			  relay->settings->slot);
	error_detail(err, "Changes behind the sinks' checkpoints are missing from now on.");
	return error_hint(err, "Create a slot, copy the tables again and remove the sinks' checkpoints. A slot survives a failover if it was made with --enable-failover (PostgreSQL 17 and newer).");
}

static bool
check_startpos(const Relay *relay, const SlotInfo *slot, Error *err)
{
	char		from[LSN_TEXT_SIZE];
	char		at[LSN_TEXT_SIZE];

	if (relay->startpos <= slot->confirmed_flush)
		return true;
	lsn_format(relay->startpos, from);
	lsn_format(slot->confirmed_flush, at);
	if (relay->settings->allow_gap)
	{
		log_warning("--startpos: transactions committed between %s and %s are skipped",
					at, from);
		return true;
	}
	error_set(err, ERROR_USAGE,
			  "--startpos %s lies beyond the slot's position %s", from, at);
	return error_hint(err, "Everything committed in between would be skipped; --allow-gap accepts that.");
}

/*
 * Perhaps by our own old walsender, perhaps by a relay that took us for dead:
 * then where the slot stands is its business.
 */
static bool
slot_in_use(const Relay *relay, const SlotInfo *slot, Error *err)
{
	error_set(err, ERROR_SLOT_IN_USE,
			  "replication slot \"%s\" is in use by process %d of the server",
			  relay->settings->slot, slot->active_pid);
	error_hint(err, "One relay at a time can read a slot. See pg_stat_replication for the other one.");
	return error_retriable(err);
}

bool
relay_check_slot(Relay *relay, const SlotInfo *slot, Error *err)
{
	SlotIdentity now = relay->identity;

	if (!relay->resumed)
		relay->on_standby = relay->server.in_recovery;
	if (relay->resumed && !slot->exists)
		return slot_is_gone(relay, err);
	if (!slot_usable(slot, relay->settings->slot, relay->settings->plugin,
					 &relay->server, err))
		return false;
	relay->limited = slot->limited;
	if (!relay->resumed)
		return check_startpos(relay, slot, err);
	if (slot->active)
		return slot_in_use(relay, slot, err);
	now.confirmed = slot->confirmed_flush;
	now.restart = slot->restart;
	return relay_start_position(relay) == LSN_INVALID ||
		checkpoint_covers(&now, fanout_last(relay->fanout),
						  relay_start_position(relay), err);
}
