/*
 * slot.c
 *		Replication slots: look, create, drop; and the server they live on.
 */
#include "slot.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "connection.h"
#include "query_wait.h"

#define COMMAND_LIMIT 4096

static void
copy_value(char *to, size_t size, const PGresult *result, int column)
{
	snprintf(to, size, "%s", PQgetvalue(result, 0, column));
}

/* By names: relatives of PostgreSQL (AlloyDB) have them in another order. */
static bool
read_system(PGconn *conn, ServerInfo *server, Error *err)
{
	PGresult   *result = connection_query(conn, "IDENTIFY_SYSTEM", err);
	int			system_id = PQfnumber(result, "systemid");
	int			timeline = PQfnumber(result, "timeline");
	int			position = PQfnumber(result, "xlogpos");
	int			database = PQfnumber(result, "dbname");
	bool		ok = false;

	if (result == NULL)
		return false;
	if (PQntuples(result) != 1 || system_id < 0 || timeline < 0 ||
		position < 0 || database < 0 ||
		!lsn_parse(PQgetvalue(result, 0, position), &server->wal_position))
	{
		error_set(err, ERROR_SOURCE,
				  "the server's answer to IDENTIFY_SYSTEM is not understood");
		goto done;
	}
	server->system_id = strtoull(PQgetvalue(result, 0, system_id), NULL, 10);
	server->timeline = (uint32_t) strtoul(PQgetvalue(result, 0, timeline),
										  NULL, 10);
	copy_value(server->database, sizeof(server->database), result, database);
	server->version = PQserverVersion(conn);
	server->raw_text = connection_is_raw(conn);
	ok = true;

done:
	PQclear(result);
	return ok;
}

bool
slot_server(PGconn *conn, ServerInfo *server, Error *err)
{
	PGresult   *result;

	memset(server, 0, sizeof(*server));
	if (!read_system(conn, server, err))
		return false;
	result = connection_query(conn,
							  "SELECT setting, pg_catalog.pg_is_in_recovery()"
							  " FROM pg_catalog.pg_settings"
							  " WHERE name = 'wal_sender_timeout'", err);
	if (result == NULL)
		return false;
	if (PQntuples(result) == 1)
	{
		server->sender_timeout = strtoll(PQgetvalue(result, 0, 0), NULL, 10) *
			CLOCK_MS;
		server->in_recovery = PQgetvalue(result, 0, 1)[0] == 't';
	}
	PQclear(result);
	return true;
}

/* Columns that a version lacks come out as NULL, so one query serves all. */
static const char find_query[] =
"SELECT coalesce(plugin, ''), coalesce(database, ''), active,"
" coalesce(active_pid, 0), coalesce(confirmed_flush_lsn, '0/0'),"
" coalesce(restart_lsn, '0/0'), coalesce(wal_status, ''),"
" coalesce((row->>'two_phase')::pg_catalog.bool, false),"
" coalesce(row->>'invalidation_reason', ''),"
" coalesce((row->>'conflicting')::pg_catalog.bool, false),"
" coalesce((row->>'failover')::pg_catalog.bool, false),"
" coalesce((row->>'synced')::pg_catalog.bool, false),"
" safe_wal_size IS NOT NULL"
" FROM pg_catalog.pg_replication_slots s,"
" pg_catalog.to_jsonb(s) row WHERE slot_name = ";

static void
fill_slot(SlotInfo *info, const PGresult *result)
{
	info->exists = true;
	copy_value(info->plugin, sizeof(info->plugin), result, 0);
	copy_value(info->database, sizeof(info->database), result, 1);
	info->active = PQgetvalue(result, 0, 2)[0] == 't';
	info->active_pid = (int) strtol(PQgetvalue(result, 0, 3), NULL, 10);
	if (!lsn_parse(PQgetvalue(result, 0, 4), &info->confirmed_flush))
		info->confirmed_flush = LSN_INVALID;
	if (!lsn_parse(PQgetvalue(result, 0, 5), &info->restart))
		info->restart = LSN_INVALID;
	copy_value(info->wal_status, sizeof(info->wal_status), result, 6);
	info->two_phase = PQgetvalue(result, 0, 7)[0] == 't';
	copy_value(info->invalidation, sizeof(info->invalidation), result, 8);
	info->conflicting = PQgetvalue(result, 0, 9)[0] == 't';
	info->failover = PQgetvalue(result, 0, 10)[0] == 't';
	info->synced = PQgetvalue(result, 0, 11)[0] == 't';
	info->limited = PQgetvalue(result, 0, 12)[0] == 't';
}

bool
slot_find(PGconn *conn, const char *slot, SlotInfo *info, Error *err)
{
	char	   *literal = connection_quote_literal(conn, slot);
	PGresult   *result = NULL;
	Buf			sql;

	memset(info, 0, sizeof(*info));
	buf_init(&sql, COMMAND_LIMIT);
	if (literal == NULL)
	{
		error_set(err, ERROR_USAGE, "slot name \"%s\" is not valid", slot);
		goto done;
	}
	buf_append_string(&sql, find_query);
	buf_append_string(&sql, literal);
	result = connection_query(conn, buf_string(&sql), err);
	if (result != NULL && PQntuples(result) == 1)
		fill_slot(info, result);

done:
	PQclear(result);
	PQfreemem(literal);
	buf_free(&sql);
	return result != NULL;
}

static void
append_create(Buf *sql, const SlotCreate *create, const char *slot,
			  const char *plugin, int version)
{
	buf_printf(sql, "CREATE_REPLICATION_SLOT %s%s LOGICAL %s", slot,
			   create->temporary ? " TEMPORARY" : "", plugin);
	if (version >= 150000)
	{
		buf_printf(sql, " (SNAPSHOT '%s'",
				   create->export ? "export" : "nothing");
		if (create->two_phase)
			buf_append_string(sql, ", TWO_PHASE");
		if (create->failover)
			buf_append_string(sql, ", FAILOVER");
		buf_append_string(sql, ")");
		return;
	}
	buf_append_string(sql, create->export ? " EXPORT_SNAPSHOT" :
					  " NOEXPORT_SNAPSHOT");
	if (create->two_phase)
		buf_append_string(sql, " TWO_PHASE");
}

bool
slot_create_command(PGconn *conn, const SlotCreate *create, Buf *sql,
					Error *err)
{
	char	   *slot = connection_quote_name(conn, create->slot);
	char	   *plugin = connection_quote_name(conn, create->plugin);
	bool		ok = slot != NULL && plugin != NULL;

	if (create->failover && PQserverVersion(conn) < 170000)
		ok = error_set(err, ERROR_USAGE,
					   "--enable-failover needs PostgreSQL 17 or newer");
	else if (!ok)
		error_set(err, ERROR_USAGE, "slot name \"%s\" is not valid",
				  create->slot);
	else
		append_create(sql, create, slot, plugin, PQserverVersion(conn));
	PQfreemem(slot);
	PQfreemem(plugin);
	return ok;
}

bool
slot_drop(PGconn *conn, const char *slot, bool wait, Error *err)
{
	char	   *name = connection_quote_name(conn, slot);
	PGresult   *result;
	Buf			sql;

	buf_init(&sql, COMMAND_LIMIT);
	buf_printf(&sql, "DROP_REPLICATION_SLOT %s%s", name,
			   wait ? " WAIT" : "");
	result = query_wait(conn, buf_string(&sql), err);
	if (result == NULL)
		error_prefix(err, "cannot drop replication slot \"%s\"", slot);
	PQclear(result);
	PQfreemem(name);
	buf_free(&sql);
	return result != NULL;
}

/* ---- which slot can be read ---- */

typedef struct Invalidation
{
	const char *reason;
	const char *sentence;		/* behind "because" */
	const char *hint;
} Invalidation;

/* The reasons as pg_replication_slots has them; the last is ours, for 16. */
static const Invalidation invalidations[] = {
	{"wal_removed",
		"the server has removed WAL that it still needed (max_slot_wal_keep_size)",
		"Raise max_slot_wal_keep_size to what the server writes while the relay or a sink may be away."},
	{"rows_removed",
		"the primary has vacuumed away rows of the catalog that it still needed, and recovery on this standby could not wait",
		"Set hot_standby_feedback = on on the standby, and give it a physical slot on the primary (primary_slot_name)."},
	{"wal_level_insufficient",
		"wal_level was lowered below logical on the primary",
		"Set wal_level = logical there and restart."},
	{"idle_timeout",
		"nobody has read it for longer than idle_replication_slot_timeout",
		"Set idle_replication_slot_timeout to 0, or to more than the relay may be away."},
	{"conflicting",
		"recovery on this standby needed rows of the catalog removed, or wal_level was lowered on the primary",
		"Set hot_standby_feedback = on on the standby with a physical slot on the primary, and wal_level = logical there."},
};

static const Invalidation *
find_invalidation(const SlotInfo *info)
{
	const char *reason = info->invalidation[0] != '\0' ? info->invalidation :
		info->conflicting ? "conflicting" : "wal_removed";

	for (size_t i = 0; i < sizeof(invalidations) / sizeof(*invalidations); i++)
		if (strcmp(invalidations[i].reason, reason) == 0)
			return &invalidations[i];
	return NULL;
}

static bool
slot_invalidated(const SlotInfo *info, const char *slot, Error *err)
{
	const Invalidation *found = find_invalidation(info);

	error_set(err, ERROR_SLOT_INVALIDATED,
			  "replication slot \"%s\" has been invalidated%s%s", slot,
			  found != NULL ? " because " : ": ",
			  found != NULL ? found->sentence : info->invalidation);
	error_detail(err, "Changes are missing: what was committed behind the sinks' checkpoints can no longer be read.");
	return error_hint(err, "%s%sThen drop the slot, create it anew, copy the tables again and remove the sinks' checkpoints.",
					  found != NULL ? found->hint : "",
					  found != NULL ? " " : "");
}

static bool
slot_synced(const char *slot, Error *err)
{
	error_set(err, ERROR_SLOT_UNUSABLE,
			  "replication slot \"%s\" on this standby follows the primary's, and can be read after a promotion only",
			  slot);
	error_hint(err, "Name all servers and ask for the primary: -d 'host=one,two dbname=... target_session_attrs=read-write'.");
	return error_retriable(err);
}

bool
slot_is_lost(const SlotInfo *info)
{
	return strcmp(info->wal_status, "lost") == 0 || info->conflicting ||
		info->invalidation[0] != '\0';
}

bool
slot_usable(const SlotInfo *info, const char *slot, const char *plugin,
			const ServerInfo *server, Error *err)
{
	if (!info->exists)
	{
		error_set(err, ERROR_SLOT_MISSING,
				  "replication slot \"%s\" does not exist", slot);
		return error_hint(err, "Create it with: pg_fanout -d %s -S %s --create-slot -P %s. "
						  "If sinks have got changes through it before, a new one leaves a gap: copy the tables again, too.",
						  server->database, slot, plugin);
	}
	if (strcmp(info->plugin, plugin) != 0)
	{
		error_set(err, ERROR_SLOT_UNUSABLE,
				  "replication slot \"%s\" was made for %s%s, not for %s",
				  slot, info->plugin[0] ? "plugin " : "physical replication",
				  info->plugin, plugin);
		return error_hint(err, "Use a slot of its own: pg_fanout --create-slot -S NAME -P %s", plugin);
	}
	if (strcmp(info->database, server->database) != 0)
	{
		error_set(err, ERROR_SLOT_UNUSABLE, "replication slot \"%s\" belongs to database \"%s\", not \"%s\"",
				  slot, info->database, server->database);
		return error_hint(err, "Connect with -d %s.", info->database);
	}
	if (info->two_phase)
	{
		error_set(err, ERROR_SLOT_UNUSABLE,
				  "replication slot \"%s\" is a two-phase slot", slot);
		return error_hint(err, "A prepared transaction that was confirmed would come without its rows "
						  "after a restart. Create a slot without --two-phase: its rows come at COMMIT PREPARED.");
	}
	if (slot_is_lost(info))
		return slot_invalidated(info, slot, err);
	return !info->synced || !server->in_recovery || slot_synced(slot, err);
}
