/*
 * check_slot.c
 *		--check: the slot, what a failover would make of it, and other slots
 *		that hold back WAL.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "check_part.h"

#define SLOT_QUERY			2048
#define MB					(INT64_C(1024) * 1024)
#define SLOT_SMALL_ROOM		(1024 * MB)
#define FAILOVER_VERSION	170000

#define WAL_POSITION \
	"CASE WHEN pg_catalog.pg_is_in_recovery()" \
	" THEN pg_catalog.pg_last_wal_replay_lsn()" \
	" ELSE pg_catalog.pg_current_wal_lsn() END"

/* A short absence is enough to lose it. */
static bool
is_small_room(Check *check, int64_t safe)
{
	int64_t		keep = ask_number(check, "max_slot_wal_keep_size", -1);

	return safe < SLOT_SMALL_ROOM || (keep > 0 && safe / MB < keep / 5);
}

/* How much WAL it keeps, and how much more it may keep. */
static void
check_slot_room(Check *check, const char *name)
{
	char	   *literal = connection_quote_literal(check->conn, name);
	char		sql[SLOT_QUERY];
	char		kept[BYTES_TEXT_SIZE];
	char		room[BYTES_TEXT_SIZE];
	PGresult   *result;

	snprintf(sql, sizeof(sql),
			 "SELECT coalesce(pg_catalog.pg_wal_lsn_diff(" WAL_POSITION
			 ", restart_lsn), 0), safe_wal_size"
			 " FROM pg_catalog.pg_replication_slots WHERE slot_name = %s",
			 literal != NULL ? literal : "NULL");
	PQfreemem(literal);
	result = ask_rows(check, sql);
	if (result != NULL && PQntuples(result) == 1)
	{
		const char *safe = PQgetvalue(result, 0, 1);

		bytes_format(strtod(PQgetvalue(result, 0, 0), NULL), kept);
		bytes_format(strtod(safe, NULL), room);
		if (PQgetisnull(result, 0, 1))
			say_ok("slot \"%s\" keeps %s of WAL", name, kept);
		else if (is_small_room(check, strtoll(safe, NULL, 10)))
			say_warning("Start the relay, or raise max_slot_wal_keep_size.",
						"slot \"%s\" keeps %s of WAL and is lost after %s more",
						name, kept, room);
		else
			say_ok("slot \"%s\" keeps %s of WAL, and may keep %s more", name,
				   kept, room);
	}
	PQclear(result);
}

/* ---- when a standby takes over ---- */

/* The walsender waits for these before it sends a thing. */
static void
check_standby_slots(Check *check, const char *list)
{
	PGresult   *result = ask_rows(check,
		"SELECT pg_catalog.btrim(n, ' \"'), s.slot_name IS NULL"
		" FROM pg_catalog.regexp_split_to_table(pg_catalog.current_setting("
		"'synchronized_standby_slots'), ',') n"
		" LEFT JOIN pg_catalog.pg_replication_slots s"
		" ON s.slot_name = pg_catalog.btrim(n, ' \"')"
		" AND s.slot_type = 'physical'"
		" WHERE s.slot_name IS NULL OR NOT s.active");

	if (result != NULL && PQntuples(result) == 0)
		say_ok("synchronized_standby_slots (%s) keep the sinks from running ahead of the standbys",
			   list);
	for (int i = 0; result != NULL && i < PQntuples(result); i++)
		say_warning("Start that standby, or take its slot out of synchronized_standby_slots.",
					"synchronized_standby_slots names \"%s\", which %s: nothing is sent until it is there",
					PQgetvalue(result, i, 0),
					PQgetvalue(result, i, 1)[0] == 't' ?
					"does not exist" : "no standby uses");
	PQclear(result);
}

static void
check_failover(Check *check, const char *name)
{
	char		value[1024];

	if (check->slot.failover)
	{
		ask_setting(check, "synchronized_standby_slots", value, sizeof(value));
		if (value[0] != '\0')
			check_standby_slots(check, value);
		else
			say_warning("Set it to the physical slots of the standbys that may take over.",
						"slot \"%s\" survives a failover, but synchronized_standby_slots is empty: sinks may then hold transactions that the new primary lost",
						name);
		return;
	}
	if (!ask_value(check, "SELECT 1 FROM pg_catalog.pg_replication_slots"
				   " WHERE slot_type = 'physical' LIMIT 1", value,
				   sizeof(value)))
		return;
	say_warning(check->server.version >= FAILOVER_VERSION ?
				"psql 'dbname=... replication=database' -c 'ALTER_REPLICATION_SLOT ... (FAILOVER true)', or create it with --enable-failover." :
				"PostgreSQL 17 and newer can keep it: --enable-failover.",
				"the server has a standby, and slot \"%s\" does not survive a failover to it: changes would be missing",
				name);
}

/* ---- this slot, and others ---- */

static void
check_slot_state(Check *check, const char *name)
{
	char		text[LSN_TEXT_SIZE];

	say_ok("slot \"%s\" stands at %s, %s", name,
		   lsn_format(check->slot.confirmed_flush, text),
		   check->slot.wal_status);
	if (check->slot.active)
		say_warning("That may be a running pg_fanout; two cannot read one slot.",
					"slot \"%s\" is in use by process %d", name,
					check->slot.active_pid);
	if (strcmp(check->slot.wal_status, "unreserved") == 0)
		say_warning("Start the relay now, or raise max_slot_wal_keep_size.",
					"slot \"%s\" is about to be invalidated", name);
	check_slot_room(check, name);
	check_failover(check, name);
}

/* What nobody reads keeps WAL for nobody. */
static void
check_idle_slots(Check *check, const char *name)
{
	char	   *literal = connection_quote_literal(check->conn,
												   name != NULL ? name : "");
	char		sql[SLOT_QUERY];
	char		kept[BYTES_TEXT_SIZE];
	PGresult   *result;

	snprintf(sql, sizeof(sql),
			 "SELECT slot_name, pg_catalog.pg_wal_lsn_diff(" WAL_POSITION
			 ", restart_lsn) FROM pg_catalog.pg_replication_slots"
			 " WHERE NOT active AND slot_name <> %s AND"
			 " pg_catalog.pg_wal_lsn_diff(" WAL_POSITION ", restart_lsn)"
			 " > 1073741824 ORDER BY 2 DESC LIMIT 10",
			 literal != NULL ? literal : "''");
	PQfreemem(literal);
	result = ask_rows(check, sql);
	for (int i = 0; result != NULL && i < PQntuples(result); i++)
	{
		bytes_format(strtod(PQgetvalue(result, i, 1), NULL), kept);
		say_warning("If nobody needs it: SELECT pg_drop_replication_slot(...).",
					"slot \"%s\" is read by nobody and keeps %s of WAL",
					PQgetvalue(result, i, 0), kept);
	}
	PQclear(result);
}

void
check_slot(Check *check)
{
	const char *name = check->settings->slot;
	Error		failure;

	error_clear(&failure);
	if (name == NULL)
		say_warning("Name it with -S.", "no slot given: not looked at");
	else if (!slot_find(check->conn, name, &check->slot, &failure) ||
			 !slot_usable(&check->slot, name, check->settings->plugin,
						  &check->server, &failure))
		say_failure(check, &failure);
	else
		check_slot_state(check, name);
	check_idle_slots(check, name);
}
