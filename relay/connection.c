/*
 * connection.c
 *		Connecting to PostgreSQL, and what the server's errors mean for us.
 */
#include "connection.h"

#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "login.h"
#include "secret.h"
#include "signals.h"

#define CONNECT_TIMEOUT		(30 * CLOCK_SECOND)

/* of the second connection: status messages of the first must go on */
#define CONNECT_TIMEOUT_SQL	(8 * CLOCK_SECOND)
#define SQLSTATE_SIZE		6
#define PASSWORD_LIMIT		1024

/* ---- errors ---- */

typedef struct ErrorClass
{
	const char *sqlstate;		/* whole, or its first two characters */
	ErrorCode	code;
	bool		retriable;
	const char *hint;
} ErrorClass;

/* First match wins: whole SQLSTATEs before their classes. */
static const ErrorClass error_classes[] = {
	{"28P01", ERROR_AUTH, false,
	"Check the user and the password (PGPASSWORD, ~/.pgpass or -W)."},
	{"28000", ERROR_AUTH, false,
		"Check pg_hba.conf (a logical replication connection matches the database's name, not the keyword replication) and that the role has LOGIN."},
	{"3D000", ERROR_CONNECT, false, "Check the database's name (-d)."},
	{"42501", ERROR_AUTH, false,
		"The role may lack a right: ALTER ROLE ... REPLICATION; on RDS and Aurora: GRANT rds_replication TO ...; see --check."},
	{"42704", ERROR_SLOT_MISSING, false,
	"Create the slot with --create-slot, or check its name (-S)."},
	{"55006", ERROR_SLOT_IN_USE, true,
	"Another process reads the slot: see active_pid in pg_replication_slots."},
	{"58P01", ERROR_PLUGIN_REFUSED, false,
		"The output plugin is not installed on the server: run make install there, or where that is not possible (RDS and other managed servers) use the built-in one: -P pgoutput."},
	{"22023", ERROR_USAGE, false, NULL},
	{"42601", ERROR_USAGE, false, NULL},
	{"42710", ERROR_USAGE, false,
	"It exists already: --if-not-exists accepts that."},
	{"55P03", ERROR_SOURCE, true,
	"Somebody alters or locks the table: see pg_locks."},
	{"42P01", ERROR_SOURCE, true, "The table was dropped meanwhile."},
	{"55000", ERROR_SLOT_UNUSABLE, false,
		"Look at wal_status in pg_replication_slots and at wal_level (it must be logical)."},
	{"53300", ERROR_CONNECT, true,
	"All connections or walsenders are in use: raise max_wal_senders."},
	{"53400", ERROR_CONNECT, false,
	"Raise max_replication_slots, or drop a slot that is not used."},
	{"08", ERROR_CONNECT, true, NULL},
	{"40", ERROR_SOURCE, true, NULL},
	{"53", ERROR_CONNECT, true, NULL},
	{"57", ERROR_CONNECT, true, NULL},
	{"58", ERROR_SOURCE, true, NULL},
	{"XX", ERROR_SOURCE, true, NULL},
	{NULL}
};

static const ErrorClass *
find_class(const char *sqlstate)
{
	for (const ErrorClass *row = error_classes; row->sqlstate != NULL; row++)
		if (strncmp(sqlstate, row->sqlstate, strlen(row->sqlstate)) == 0)
			return row;
	return NULL;
}

/* The first line of a text without the line break, at most size bytes. */
static void
copy_line(char *to, size_t size, const char *text)
{
	size_t		length = strcspn(text, "\n");

	if (length >= size)
		length = size - 1;
	memcpy(to, text, length);
	to[length] = '\0';
}

static bool
error_from_sqlstate(Error *err, const char *sqlstate, const char *message)
{
	const ErrorClass *found = find_class(sqlstate);
	char		line[ERROR_TEXT_SIZE];

	copy_line(line, sizeof(line), message);
	error_set(err, found ? found->code : ERROR_SOURCE, "%s", line);
	if (found != NULL && found->hint != NULL)
		error_hint(err, "%s", found->hint);
	if (found != NULL && found->retriable)
		error_retriable(err);
	return false;
}

/* What a part of the message says more exactly than the SQLSTATE. */
typedef struct MessageClass
{
	const char *part;
	ErrorCode	code;
	bool		retriable;
	const char *hint;
} MessageClass;

static const MessageClass message_classes[] = {
	{"may not be used as an output plugin", ERROR_PLUGIN_REFUSED, false,
		"The server allows only the plugins in output_plugin_libraries. "
		"As superuser, with the list unquoted: "
		"ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, pg_fanout; "
		"SELECT pg_reload_conf(); or use the built-in one: -P pgoutput."},
	{"must be superuser to create FOR ALL TABLES", ERROR_AUTH, false,
		"Name the tables instead: CREATE PUBLICATION ... FOR TABLE ..., by their owner; or let a superuser (RDS: rds_superuser) create it."},
	{"must be superuser to create FOR TABLES IN SCHEMA", ERROR_AUTH, false,
		"Name the tables instead: CREATE PUBLICATION ... FOR TABLE ..., by their owner; or let a superuser (RDS: rds_superuser) create it."},
	{"must be owner of", ERROR_AUTH, false,
		"Who creates a publication must own its tables: let their owner add them, or change the owner."},
	{"permission denied for database", ERROR_AUTH, false,
		"The database's owner can allow it: GRANT CREATE ON DATABASE ... TO ...; (of a connection: GRANT CONNECT)."},
	{"permission denied for schema", ERROR_AUTH, false,
		"The schema's owner can allow it: GRANT USAGE ON SCHEMA ... TO ...;"},
	{"can no longer access replication slot", ERROR_SLOT_INVALIDATED, false,
		"Look at wal_status and invalidation_reason in pg_replication_slots. Drop the slot, create it anew and copy the tables again."},
	{"can no longer get changes from replication slot", ERROR_SLOT_INVALIDATED, false,
		"Look at wal_status and invalidation_reason in pg_replication_slots. Drop the slot, create it anew and copy the tables again."},
	{"permission denied for table", ERROR_AUTH, false,
		"The table's owner can allow it: GRANT SELECT ON TABLE ... TO ...; (a snapshot reads tables, the stream needs no such right)."},
	{"row-level security policy", ERROR_AUTH, false,
		"It would hide rows: let a role read the table that the policies do not bind (ALTER ROLE ... BYPASSRLS)."},
	{"RO (Read Only) node", ERROR_SLOT_UNUSABLE, true,
		"Aurora allows slots on the writer only: name the cluster's endpoint. After a failover this passes by itself."},
	{"unsupported startup parameter", ERROR_CONNECT, false,
		"This is a connection pooler: connect to PostgreSQL itself."},
	{"streaming replication mode", ERROR_CONNECT, false,
		"This is a proxy (RDS Proxy has no replication): connect to the instance or the cluster itself."},
	{NULL}
};

/*
 * Corrects the class where the SQLSTATE alone does not tell: a publication and
 * a slot that are missing share one, and so do a refused plugin and other
 * things a role may not do.
 */
static void
refine_class(Error *err)
{
	for (const MessageClass *row = message_classes; row->part != NULL; row++)
		if (strstr(err->message, row->part) != NULL)
		{
			err->code = row->code;
			err->retriable = row->retriable;
			error_hint(err, "%s", row->hint);
			return;
		}
	if (err->code == ERROR_SLOT_MISSING &&
		strstr(err->message, "publication") != NULL)
	{
		err->code = ERROR_PUBLICATION;
		error_hint(err, "Create it with CREATE PUBLICATION before the slot, or correct -o publication_names.");
	}
}

bool
connection_error(PGconn *conn, const PGresult *result, Error *err)
{
	const char *sqlstate =
		result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *detail;
	const char *hint;
	char		line[ERROR_TEXT_SIZE];

	if (sqlstate == NULL)
	{
		const char *message =
			result ? PQresultErrorMessage(result) : PQerrorMessage(conn);

		copy_line(line, sizeof(line), message);
		error_set(err, ERROR_CONNECT, "lost connection to the server: %s",
				  line[0] ? line : "it was closed");
		return error_retriable(err);
	}
	error_from_sqlstate(err, sqlstate,
						PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
	detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
	if (detail != NULL)
		error_detail(err, "%s", detail);
	if (hint != NULL)
		error_hint(err, "%s", hint);
	refine_class(err);
	return false;
}

/*
 * The SQLSTATE in the text of a failed connection attempt. libpq offers no
 * field for it, but prints it with verbose errors: "FATAL:  28P01: ...".
 */
static bool
find_sqlstate(const char *text, char *sqlstate, const char **message)
{
	for (const char *at = strchr(text, ':'); at != NULL;
		 at = strchr(at + 1, ':'))
	{
		const char *code = at + 1 + strspn(at + 1, " ");
		size_t		length =
			strspn(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");

		/* five letters are a severity ("FATAL"): a SQLSTATE has a digit */
		if (length == SQLSTATE_SIZE - 1 &&
			strcspn(code, "0123456789") < length &&
			code[length] == ':' && code[length + 1] == ' ')
		{
			memcpy(sqlstate, code, length);
			sqlstate[length] = '\0';
			*message = code + length + 2;
			return true;
		}
	}
	return false;
}

static bool
connect_error(PGconn *conn, const Login *login, Error *err)
{
	const char *text = PQerrorMessage(conn);
	const char *message;
	char		sqlstate[SQLSTATE_SIZE];
	char		line[ERROR_TEXT_SIZE];

	if (find_sqlstate(text, sqlstate, &message))
	{
		error_from_sqlstate(err, sqlstate, message);
		refine_class(err);
		login_explain(login, text, err);
		return error_prefix(err, "cannot connect to PostgreSQL");
	}
	copy_line(line, sizeof(line), text);
	if (PQconnectionNeedsPassword(conn))
	{
		error_set(err, ERROR_AUTH, "cannot connect to PostgreSQL: %s", line);
		return error_hint(err,
						  "Give the password by PGPASSWORD, ~/.pgpass or -W.");
	}
	error_set(err, ERROR_CONNECT, "cannot connect to PostgreSQL: %s", line);
	error_hint(err,
		"Check host, port and that the server runs: -h, -p, PGHOST, PGPORT.");
	error_retriable(err);
	return login_explain(login, text, err);
}

/* ---- connecting ---- */

bool
connection_string_has_secret(const char *dbname)
{
	PQconninfoOption *options = PQconninfoParse(dbname, NULL);
	bool		found = false;

	/* a plain name is no connection string, and holds none */
	for (PQconninfoOption *option = options;
		 option != NULL && option->keyword != NULL; option++)
		if (option->val != NULL && strstr(option->keyword, "password") != NULL)
			found = true;
	PQconninfoFree(options);
	return found;
}

static char *
prompt_password(const char *user, Error *err)
{
	FILE	   *terminal = fopen("/dev/tty", "r+");
	struct termios old_mode;
	struct termios silent;
	char	   *password = calloc(1, PASSWORD_LIMIT);

	if (terminal == NULL || password == NULL)
	{
		error_set(err, ERROR_AUTH,
				  "a password is needed and there is no terminal to ask on");
		error_hint(err, "Use PGPASSWORD or ~/.pgpass.");
		free(password);
		password = NULL;
		goto done;
	}
	fprintf(terminal, "Password%s%s: ", user ? " for user " : "",
			user ? user : "");
	fflush(terminal);
	tcgetattr(fileno(terminal), &old_mode);
	silent = old_mode;
	silent.c_lflag &= ~(tcflag_t) ECHO;
	tcsetattr(fileno(terminal), TCSAFLUSH, &silent);
	if (fgets(password, PASSWORD_LIMIT, terminal) != NULL)
		password[strcspn(password, "\n")] = '\0';
	tcsetattr(fileno(terminal), TCSAFLUSH, &old_mode);
	fputc('\n', terminal);

done:
	if (terminal != NULL)
		fclose(terminal);
	return password;
}

/* Drives the attempt so that verbose errors can be asked for beforehand. */
static bool
wait_connected(PGconn *conn, ConnectionKind kind)
{
	int64_t		deadline = clock_now() +
		(kind == CONNECTION_SQL ? CONNECT_TIMEOUT_SQL : CONNECT_TIMEOUT);
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
	while (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED)
	{
		struct pollfd fd = {.fd = PQsocket(conn)};

		fd.events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
		if (fd.fd < 0 || clock_now() >= deadline || signals_stop())
			return false;
		if (poll(&fd, 1, clock_ms_until(deadline)) > 0)
			status = PQconnectPoll(conn);
	}
	PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
	return status == PGRES_POLLING_OK;
}

static PGconn *
try_connect(const ConnectionOptions *options, ConnectionKind kind,
			const char *token)
{
	/*
	 * What stands before dbname may be said otherwise there, if it is a
	 * connection string: a dead link is noticed after about a minute. A plain
	 * SQL connection leaves replication out by an empty value.
	 */
	const char *const names[] = {
		"fallback_application_name",
		"keepalives", "keepalives_idle", "keepalives_interval",
		"keepalives_count", "tcp_user_timeout",
		"dbname", "host", "port", "user", "password", "replication",
		"client_encoding", "sslmode", "sslrootcert", "gssencmode", NULL
	};
	const char *const values[] = {
		"pg_fanout", "1", "30", "10", "3", "60000",
		options->dbname, options->host, options->port, options->user,
		token != NULL ? token : options->password,
		kind == CONNECTION_REPLICATION ? "database" : NULL,
		"UTF8",
		login_sslmode(options->login), login_sslrootcert(options->login),
		login_gssencmode(options->login), NULL
	};

	return PQconnectStartParams(names, values, 1);
}

/* Messages of the server are for people who asked for them. */
static void
ignore_notice(void *arg, const char *message)
{
	(void) arg;
	(void) message;
}

/*
 * Whatever the role, the database or the environment says: text is printed in
 * one way, and nothing ends the session early. Settings that the server does
 * not have are passed over.
 */
static const char pin_query[] =
"SELECT pg_catalog.set_config(s.name, v.value, false)"
" FROM pg_catalog.pg_settings s JOIN (VALUES"
" ('bytea_output', 'hex'), ('client_min_messages', 'warning'),"
" ('datestyle', 'ISO, MDY'), ('extra_float_digits', '3'),"
" ('idle_in_transaction_session_timeout', '0'),"
" ('idle_session_timeout', '0'), ('intervalstyle', 'postgres'),"
" ('lc_monetary', 'C'), ('lock_timeout', '0'),"
" ('quote_all_identifiers', 'off'), ('search_path', ''),"
" ('timezone', 'UTC'),"
" ('transaction_timeout', '0'), ('xmlbinary', 'base64')"
" ) v(name, value) ON pg_catalog.lower(s.name) = v.name";

static bool
pin_session(PGconn *conn, Error *err)
{
	/* the first is quick whatever the timeout is, the last needs its time */
	static const char *const queries[] = {
		"SET statement_timeout = 0",
		"SELECT pg_catalog.set_config('search_path', '', false)", pin_query
	};

	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
	{
		PGresult   *result = connection_query(conn, queries[i], err);

		PQclear(result);
		if (result == NULL)
			return false;
	}
	return true;
}

bool
connection_is_raw(PGconn *conn)
{
	const char *encoding = PQparameterStatus(conn, "server_encoding");

	return encoding != NULL && strcmp(encoding, "SQL_ASCII") == 0;
}

/*
 * An SQL_ASCII database holds any bytes. Asked for UTF-8 the server would fail
 * on those that are none, for ever, so it is asked for them as they are.
 */
static bool
choose_encoding(PGconn *conn, Error *err)
{
	if (!connection_is_raw(conn) ||
		PQsetClientEncoding(conn, "SQL_ASCII") == 0)
		return true;
	return connection_error(conn, NULL, err);
}

/*
 * One attempt. NULL: err is set, unless *again says to try once more, with the
 * password that the user has just given.
 */
static PGconn *
attempt_connect(ConnectionOptions *options, ConnectionKind kind,
				const char *token, bool *again, Error *err)
{
	PGconn	   *conn = try_connect(options, kind, token);

	*again = false;
	if (conn == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	if (PQstatus(conn) != CONNECTION_BAD && wait_connected(conn, kind))
		return conn;
	if (token != NULL || options->password != NULL || options->never_prompt ||
		!PQconnectionNeedsPassword(conn) || !isatty(STDIN_FILENO))
		connect_error(conn, options->login, err);
	else
	{
		options->password = prompt_password(PQuser(conn), err);
		*again = options->password != NULL;
	}
	PQfinish(conn);
	return NULL;
}

/* What every attempt needs. */
static bool
prepare_login(ConnectionOptions *options, char **token, Error *err)
{
	if (options->login == NULL)
		options->login = login_new(options, err);
	if (options->login == NULL || !login_password(options->login, token, err))
		return false;
	if (options->force_prompt && options->password == NULL)
	{
		options->password = prompt_password(options->user, err);
		return options->password != NULL;
	}
	return true;
}

PGconn *
connection_open(ConnectionOptions *options, ConnectionKind kind, Error *err)
{
	PGconn	   *conn = NULL;
	char	   *token = NULL;
	bool		again = true;

	if (prepare_login(options, &token, err))
		while (conn == NULL && again)
			conn = attempt_connect(options, kind, token, &again, err);
	secret_free(&token);
	if (conn == NULL)
		return NULL;
	PQsetNoticeProcessor(conn, ignore_notice, NULL);
	if (pin_session(conn, err) && choose_encoding(conn, err))
		return conn;
	PQfinish(conn);
	return NULL;
}

void
connection_options_free(ConnectionOptions *options)
{
	login_free(options->login);
	options->login = NULL;
	free(options->password);
	options->password = NULL;
}

PGresult *
connection_query(PGconn *conn, const char *sql, Error *err)
{
	PGresult   *result = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		return result;
	connection_error(conn, result, err);
	PQclear(result);
	return NULL;
}

char *
connection_quote_literal(PGconn *conn, const char *text)
{
	return PQescapeLiteral(conn, text, strlen(text));
}

char *
connection_quote_name(PGconn *conn, const char *text)
{
	return PQescapeIdentifier(conn, text, strlen(text));
}
