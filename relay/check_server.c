/*
 * check_server.c
 *		--check: the server's version, parameters, and room for one more slot.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "check_part.h"
#include "server_minor.h"

#define MB_SMALL		1024	/* of max_slot_wal_keep_size */
#define SENDER_MS_SMALL	5000	/* of wal_sender_timeout */

/* Managed servers are known by their administrators' role. */
void
check_platform(Check *check)
{
	static const struct
	{
		const char *role;
		Platform	platform;
	}			known[] = {{"rds_superuser", PLATFORM_RDS},
		{"cloudsqlsuperuser", PLATFORM_CLOUD_SQL},
		{"azure_pg_admin", PLATFORM_AZURE}};
	char		value[64];

	if (!ask_value(check,
				   "SELECT rolname FROM pg_catalog.pg_roles WHERE rolname IN"
				   " ('rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin')",
				   value, sizeof(value)))
		return;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(value, known[i].role) == 0)
			check->platform = known[i].platform;
}

static void
check_version(Check *check)
{
	static const char *const names[] = {
		[PLATFORM_OWN] = "PostgreSQL",
		[PLATFORM_RDS] = "PostgreSQL (RDS or Aurora)",
		[PLATFORM_CLOUD_SQL] = "PostgreSQL (Cloud SQL)",
		[PLATFORM_AZURE] = "PostgreSQL (Azure)"
	};
	const char *tls = PQsslInUse(check->conn) ?
		PQsslAttribute(check->conn, "protocol") : NULL;
	char		value[64];
	char		system[64] = "";

	if (check->server.system_id != 0)
		snprintf(system, sizeof(system), ", system identifier %" PRIu64,
				 check->server.system_id);
	say_ok("connected to %s %d.%d%s%s, database \"%s\"%s",
		   names[check->platform], check->server.version / 10000,
		   check->server.version % 10000, tls != NULL ? " over " : "",
		   tls != NULL ? tls : "", check->server.database,
		   system);
	if (!ask_value(check, "SELECT 1 WHERE pg_catalog.pg_is_in_recovery()",
				   value, sizeof(value)))
		return;
	if (check->server.version < 160000)
		say_fault(check, ERROR_SLOT_UNUSABLE, "Connect to the primary (the cluster's endpoint).",
				  "the server is a standby, which decodes from version 16 on only");
	else
		say_warning("A slot made here stays here: the primary's failover does not move it.",
					"the server is a standby");
}

static const char *
wal_level_hint(Platform platform)
{
	switch (platform)
	{
		case PLATFORM_RDS:
			return "Set rds.logical_replication = 1 in the parameter group (Aurora: the cluster's), then reboot.";
		case PLATFORM_CLOUD_SQL:
			return "Set the flag cloudsql.logical_decoding = on: the instance restarts.";
		case PLATFORM_AZURE:
			return "Set the server parameter wal_level = logical, then restart.";
		default:
			return "ALTER SYSTEM SET wal_level = logical; then restart the server.";
	}
}

static void
check_wal_level(Check *check)
{
	char		value[64];
	char		managed[64];

	ask_setting(check, "wal_level", value, sizeof(value));
	ask_value(check, "SELECT pg_catalog.current_setting("
			  "'rds.logical_replication', true)", managed, sizeof(managed));
	if (strcmp(value, "logical") == 0)
		say_ok("wal_level is logical");
	else if (managed[0] != '\0')
		say_fault(check, ERROR_SLOT_UNUSABLE, wal_level_hint(PLATFORM_RDS),
				  "wal_level is %s and rds.logical_replication is %s, logical decoding needs logical",
				  value, managed);
	else
		say_fault(check, ERROR_SLOT_UNUSABLE, wal_level_hint(check->platform),
				  "wal_level is %s, logical decoding needs logical", value);
}

static void
check_wal_keep(Check *check)
{
	int64_t		keep = ask_number(check, "max_slot_wal_keep_size", -1);
	int64_t		idle = ask_number(check, "idle_replication_slot_timeout", 0);

	if (keep == -1)
		say_warning("Set it to what the disk can spare: then an abandoned slot is lost instead of the server.",
					"max_slot_wal_keep_size is unlimited: a slot nobody reads fills the disk with WAL");
	else if (keep < MB_SMALL)
		say_warning("Raise it to what the server writes while the relay or a sink may be away.",
					"max_slot_wal_keep_size is %" PRId64 " MB: a short absence loses the slot, and changes with it",
					keep);
	else
		say_ok("max_slot_wal_keep_size is %" PRId64 " MB", keep);
	if (idle > 0)
		say_warning("Set it to 0, or to more than the relay may be away.",
					"idle_replication_slot_timeout is %" PRId64 " s: a relay that is away longer loses its slot",
					idle);
}

/* The relay reports at least three times within this time. */
static void
check_sender_timeout(Check *check)
{
	int64_t		ms = ask_number(check, "wal_sender_timeout", -1);

	if (ms == 0)
		say_warning("Set it to 60s: ALTER ROLE ... SET wal_sender_timeout is enough.",
					"wal_sender_timeout is off: after a lost connection the slot stays in use until TCP gives up");
	else if (ms > 0 && ms < SENDER_MS_SMALL)
		say_warning("Set it to 30s or more: ALTER ROLE ... SET wal_sender_timeout is enough.",
					"wal_sender_timeout is %" PRId64 " ms: a short pause of the network ends the stream",
					ms);
	else if (ms > 0)
		say_ok("wal_sender_timeout is %" PRId64 " s", ms / 1000);
}

void
check_room(Check *check)
{
	int64_t		slots = ask_number(check, "max_replication_slots", 0);
	int64_t		senders = ask_number(check, "max_wal_senders", 0);
	char		value[64];

	ask_value(check, "SELECT pg_catalog.count(*) FROM"
			  " pg_catalog.pg_replication_slots", value, sizeof(value));
	if (strtoll(value, NULL, 10) < slots)
		say_ok("%s of %" PRId64 " replication slots are in use", value, slots);
	else if (check->slot.exists)
		say_warning("Raise max_replication_slots before another one is needed.",
					"all %" PRId64 " replication slots are in use", slots);
	else
		say_fault(check, ERROR_CONNECT, "Raise max_replication_slots, or drop a slot that is not used.",
				  "all %" PRId64 " replication slots are in use", slots);

	/* this connection may be one of them: the relay needs one, too */
	ask_value(check, "SELECT pg_catalog.count(*) FROM"
			  " pg_catalog.pg_stat_replication", value, sizeof(value));
	if (strtoll(value, NULL, 10) < senders)
		say_ok("%s of %" PRId64 " walsenders are in use", value, senders);
	else
		say_warning("Raise max_wal_senders: a base backup or a standby finds no place.",
					"all %" PRId64 " walsenders are in use, this check's included",
					senders);
}

/*
 * Whether synchronous_standby_names, such as 'FIRST 1 (a, "b c")', means a
 * walsender of this name.
 */
static bool
list_means(const char *list, const char *name)
{
	while (*list != '\0')
	{
		size_t		begin = strspn(list, " ,()\"");
		size_t		size = strcspn(list + begin, " ,()\"");

		list += begin;
		if ((size == 1 && *list == '*') ||
			(size == strlen(name) && size > 0 &&
			 strncasecmp(list, name, size) == 0))
			return true;
		list += size;
	}
	return false;
}

/* To the server the relay is a standby like any other. */
static void
check_synchronous(Check *check)
{
	char		value[1024];
	char		name[128];

	ask_setting(check, "synchronous_standby_names", value, sizeof(value));
	ask_setting(check, "application_name", name, sizeof(name));
	if (list_means(value, name))
		say_warning("Name the real standbys, or every COMMIT waits for the sinks.",
					"synchronous_standby_names (%s) means pg_fanout too, whose application_name is \"%s\"",
					value, name);
}

/* Bugs that lose what a slot needs are worth an update of the server. */
static void
check_minor(Check *check)
{
	char		hint[ERROR_TEXT_SIZE];
	int			fixed;
	const char *bug = server_minor_bug(check->server.version, &fixed);

	if (bug == NULL)
		return;
	snprintf(hint, sizeof(hint),
			 "Update the server to %d.%d or newer; a restart is enough.",
			 check->server.version / 10000, fixed);
	say_warning(hint, "PostgreSQL %d.%d has a bug: %s",
				check->server.version / 10000, check->server.version % 10000,
				bug);
}

void
check_server(Check *check)
{
	check_version(check);
	check_minor(check);
	check_wal_level(check);
	check_wal_keep(check);
	check_sender_timeout(check);
	check_synchronous(check);
}
