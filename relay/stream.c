/*
 * stream.c
 *		Reading a replication slot through a walsender.
 *
 * Sends are buffered by libpq (non-blocking), so that a status message never
 * waits for a server that is busy sending to us.
 */
#include "stream.h"

#include <poll.h>
#include <stdlib.h>

#include "clock.h"
#include "connection.h"
#include "log.h"

#define COMMAND_LIMIT		65536
/* Standby status update: 'r', written, flushed, applied, time, reply */
#define STATUS_SIZE			34
/* 2000-01-01 in microseconds since 1970: the server's epoch */
#define SERVER_EPOCH		INT64_C(946684800000000)

struct Stream
{
	PGconn	   *conn;
	char	   *copy;			/* libpq's memory of the current message */
	bool		wants_write;
	Error		warning;		/* the server left something out */
};

/* The one warning that means that changes are passed over: pgoutput's. */
#define PUBLICATION_SKIPPED	"55000"

/* ---- warnings ---- */

static bool
has_field(const PGresult *result, int field, const char *value)
{
	const char *got = PQresultErrorField(result, field);

	return got != NULL && strcmp(got, value) == 0;
}

/*
 * From PostgreSQL 18 on a publication that does not exist at this point of the
 * WAL is passed over with a warning; before, and with our plugin, that is an
 * error. Text may be translated, so the code has to tell.
 */
static void
receive_notice(void *arg, const PGresult *result)
{
	Stream	   *stream = arg;
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (!has_field(result, PG_DIAG_SEVERITY_NONLOCALIZED, "WARNING"))
		return;
	if (!has_field(result, PG_DIAG_SQLSTATE, PUBLICATION_SKIPPED))
	{
		log_warning("the server warns: %s", text != NULL ? text : "");
		return;
	}
	error_set(&stream->warning, ERROR_PUBLICATION,
			  "the server leaves changes out: %s", text != NULL ? text : "");
	error_detail(&stream->warning, "The publication does not exist at this point of the WAL, which may lie in the past.");
	error_hint(&stream->warning, "Create a publication before the slot that is read with it.");
}

/* ---- starting ---- */

static bool
append_option(Buf *sql, PGconn *conn, const char *name, const char *value)
{
	char	   *quoted_name = connection_quote_name(conn, name);
	char	   *quoted_value = value ? connection_quote_literal(conn, value) :
		NULL;
	bool		ok = quoted_name != NULL &&
		(value == NULL || quoted_value != NULL);

	if (ok)
		buf_printf(sql, "%s %s", quoted_name, value ? quoted_value : "");
	PQfreemem(quoted_name);
	PQfreemem(quoted_value);
	return ok;
}

static bool
append_start(Buf *sql, PGconn *conn, const char *slot, Lsn start,
			 const SourceOptions *options)
{
	char	   *name = connection_quote_name(conn, slot);
	char		lsn[LSN_TEXT_SIZE];
	bool		ok = name != NULL;

	if (ok)
		buf_printf(sql, "START_REPLICATION SLOT %s LOGICAL %s", name,
				   lsn_format(start, lsn));
	PQfreemem(name);
	for (size_t i = 0; ok && i < options->count; i++)
	{
		buf_append_string(sql, i == 0 ? " (" : ", ");
		ok = append_option(sql, conn, options->names[i], options->values[i]);
	}
	if (ok && options->count > 0)
		buf_append_string(sql, ")");
	return ok && !buf_failed(sql);
}

Stream *
stream_start(PGconn *conn, const char *slot, Lsn start,
			 const SourceOptions *options, Error *err)
{
	Stream	   *stream = NULL;
	PGresult   *result = NULL;
	Buf			sql;

	buf_init(&sql, COMMAND_LIMIT);
	if (!append_start(&sql, conn, slot, start, options))
	{
		error_set(err, ERROR_USAGE,
				  "a plugin option cannot be sent to the server");
		error_hint(err,
				   "Names and values must be valid UTF-8, 64 kB together.");
		goto done;
	}
	result = PQexec(conn, buf_string(&sql));
	if (PQresultStatus(result) != PGRES_COPY_BOTH)
	{
		connection_error(conn, result, err);
		goto done;
	}
	stream = calloc(1, sizeof(*stream));
	if (stream == NULL || PQsetnonblocking(conn, 1) != 0)
	{
		error_no_memory(err);
		free(stream);
		stream = NULL;
		goto done;
	}
	stream->conn = conn;
	PQsetNoticeReceiver(conn, receive_notice, stream);

done:
	PQclear(result);
	buf_free(&sql);
	return stream;
}

/* ---- reading ---- */

static StreamResult
parse_message(const char *copy, size_t size, StreamMessage *message,
			  Error *err)
{
	switch (stream_message_parse(slice_make(copy, size), message))
	{
		case STREAM_MESSAGE_DATA:
			return STREAM_FRAME;
		case STREAM_MESSAGE_KEEPALIVE:
			return STREAM_KEEPALIVE;
		case STREAM_MESSAGE_UNKNOWN:
			break;
	}
	error_set(err, ERROR_SOURCE, "unknown message in the replication stream");
	return STREAM_FAILED;
}

/* The stream is over: by CopyDone, or by an error the server tells about. */
static StreamResult
read_end(Stream *stream, Error *err)
{
	PGresult   *result = PQgetResult(stream->conn);
	ExecStatusType status = PQresultStatus(result);
	StreamResult outcome = STREAM_ENDED;

	if (status != PGRES_COMMAND_OK && status != PGRES_COPY_IN)
	{
		connection_error(stream->conn, result, err);
		outcome = STREAM_FAILED;
	}
	PQclear(result);
	return outcome;
}

StreamResult
stream_next(Stream *stream, StreamMessage *message, Error *err)
{
	int			size;

	PQfreemem(stream->copy);
	stream->copy = NULL;
	size = PQgetCopyData(stream->conn, &stream->copy, 1);
	if (size == 0)
	{
		if (!PQconsumeInput(stream->conn))
		{
			connection_error(stream->conn, NULL, err);
			return STREAM_FAILED;
		}
		size = PQgetCopyData(stream->conn, &stream->copy, 1);
	}
	if (stream->warning.code != ERROR_NONE)
	{
		*err = stream->warning;
		return STREAM_FAILED;
	}
	if (size == 0)
		return STREAM_NOTHING;
	if (size == -1)
		return read_end(stream, err);
	if (size == -2)
	{
		connection_error(stream->conn, NULL, err);
		return STREAM_FAILED;
	}
	return parse_message(stream->copy, (size_t) size, message, err);
}

int
stream_socket(const Stream *stream)
{
	return PQsocket(stream->conn);
}

/* ---- confirming ---- */

static bool
flush_output(Stream *stream, Error *err)
{
	int			left = PQflush(stream->conn);

	if (left < 0)
		return connection_error(stream->conn, NULL, err);
	stream->wants_write = left > 0;
	return true;
}

bool
stream_wants_write(const Stream *stream)
{
	return stream->wants_write;
}

static char *
put_uint64(char *at, uint64_t value)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		*at++ = (char) (value >> shift);
	return at;
}

bool
stream_confirm(Stream *stream, Lsn received, Lsn flushed, bool want_reply,
			   Error *err)
{
	char		message[STATUS_SIZE];
	char	   *at = message;

	*at++ = 'r';
	at = put_uint64(at, received);
	at = put_uint64(at, flushed);
	at = put_uint64(at, flushed);
	at = put_uint64(at, (uint64_t) (clock_wall() - SERVER_EPOCH));
	*at = want_reply;
	if (PQputCopyData(stream->conn, message, STATUS_SIZE) < 0)
		return connection_error(stream->conn, NULL, err);
	return flush_output(stream, err);
}

bool
stream_flush(Stream *stream, Error *err)
{
	return flush_output(stream, err);
}

/* ---- ending ---- */

void
stream_finish(Stream *stream, int64_t deadline)
{
	StreamMessage message;
	StreamResult result;
	Error		ignored;

	if (PQputCopyEnd(stream->conn, NULL) < 0)
		return;
	while (clock_now() < deadline)
	{
		struct pollfd fd = {.fd = PQsocket(stream->conn), .events = POLLIN};

		if (PQflush(stream->conn) > 0)
			fd.events |= POLLOUT;
		result = stream_next(stream, &message, &ignored);
		if (result == STREAM_ENDED || result == STREAM_FAILED)
			return;
		if (result == STREAM_NOTHING &&
			poll(&fd, 1, clock_ms_until(deadline)) < 0)
			return;
	}
}

void
stream_close(Stream *stream)
{
	if (stream == NULL)
		return;
	PQfreemem(stream->copy);
	PQfinish(stream->conn);
	free(stream);
}
