/*
 * peek.c
 *		SQL functions that show what a slot sends, one row for each record.
 *
 * The server's own functions read the slot, with the caller's rights and
 * through a cursor, so that a long backlog is never in memory as a whole. A
 * value that jsonb cannot hold does not stop the rest from being shown.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"
#include "utils/resowner.h"

#include "compat.h"
#include "json_value.h"
#include "record_json.h"
#include "wire.h"

#define FETCH_ROWS	8			/* frames of 64 kB at most, as a rule */
#define JSON_LIMIT	((size_t) MaxAllocSize - 1)

#define FRAME_RECORD 1			/* Frame.record */

extern PGDLLEXPORT Datum pg_fanout_peek(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum pg_fanout_get(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(pg_fanout_peek);
PG_FUNCTION_INFO_V1(pg_fanout_get);

typedef struct Peek
{
	ReturnSetInfo *result;
	RecordReader reader;
	MemoryContext scratch;		/* of one record */
} Peek;

/* ---- one record ---- */

typedef struct PeekRecord
{
	Slice		bytes;
	XLogRecPtr	lsn;			/* the frame's, for records without one */
	RecordRow	row;
	Datum		json;
} PeekRecord;

static void
peek_render(Peek *peek, PeekRecord *record, RecordStyle style,
			const char *error)
{
	Buf			out;
	const char *text;

	buf_init(&out, JSON_LIMIT);
	record->row = record_append_json(&peek->reader, record->bytes, style,
									 &out);
	if (error != NULL && !buf_failed(&out))
	{
		out.size--;				/* the closing brace */
		buf_append_string(&out, ",\"error\":");
		json_append_string(&out, slice_of(error));
		buf_append_byte(&out, '}');
	}
	text = buf_string(&out);
	if (text == NULL)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("record is too large to be shown"));
	text = pg_any_to_server(text, (int) out.size, PG_UTF8);
	record->json = DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
}

/*
 * Whether another style may do better: too much for jsonb, not a broken slot.
 */
static bool
peek_error_is_of_content(int sqlstate)
{
	int			category = ERRCODE_TO_CATEGORY(sqlstate);

	return category == ERRCODE_TO_CATEGORY(ERRCODE_DATA_EXCEPTION) ||
		category == ERRCODE_TO_CATEGORY(ERRCODE_PROGRAM_LIMIT_EXCEEDED);
}

/*
 * Renders within a subtransaction. NULL: done; else the error's message, in
 * UTF-8. Errors that are no fault of the content go on.
 */
static char *
peek_try_render(Peek *peek, PeekRecord *record, RecordStyle style,
				const char *error)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	char	   *volatile message = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		peek_render(peek, record, style, error);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *caught;

		MemoryContextSwitchTo(context);
		caught = CopyErrorData();
		if (!peek_error_is_of_content(caught->sqlerrcode))
			PG_RE_THROW();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		message = pg_server_to_any(caught->message, strlen(caught->message),
								   PG_UTF8);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return message;
}

static void
peek_render_somehow(Peek *peek, PeekRecord *record)
{
	char	   *error = peek_try_render(peek, record, RECORD_FULL, NULL);

	if (error != NULL &&
		peek_try_render(peek, record, RECORD_JSON_AS_TEXT, NULL) != NULL)
		peek_render(peek, record, RECORD_WITHOUT_ROWS, error);
}

static void
peek_put_row(Peek *peek, const PeekRecord *record)
{
	const RecordRow *row = &record->row;
	Datum		values[3] = {
		LSNGetDatum(row->lsn != 0 ? row->lsn : record->lsn),
		TransactionIdGetDatum(row->xid),
		record->json
	};
	bool		nulls[3] = {false, row->xid == 0, false};

	tuplestore_putvalues(peek->result->setResult, peek->result->setDesc,
						 values, nulls);
}

static void
peek_show_record(Peek *peek, Slice bytes, XLogRecPtr lsn)
{
	PeekRecord	record = {.bytes = bytes, .lsn = lsn};
	MemoryContext old = MemoryContextSwitchTo(peek->scratch);

	CHECK_FOR_INTERRUPTS();
	peek_render_somehow(peek, &record);
	peek_put_row(peek, &record);
	MemoryContextSwitchTo(old);
	MemoryContextReset(peek->scratch);
}

/* ---- frames ---- */

static void
peek_show_frame(Peek *peek, Slice frame, XLogRecPtr lsn)
{
	WireReader	reader = wire_reader(frame.data, frame.size);
	WireField	field;
	WireResult	result;

	while ((result = wire_next(&reader, &field)) == WIRE_FIELD)
	{
		if (field.number != FRAME_RECORD || field.kind != WIRE_BYTES)
			break;
		peek_show_record(peek, slice_make(field.data, field.size), lsn);
	}
	if (result != WIRE_END)
		ereport(ERROR,
				errcode(ERRCODE_DATA_CORRUPTED),
				errmsg("malformed frame in the output of the slot"));
}

static void
peek_show_fetched(Peek *peek)
{
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		XLogRecPtr	lsn = DatumGetLSN(SPI_getbinval(tuple, desc, 1, &isnull));
		bytea	   *data = DatumGetByteaPP(SPI_getbinval(tuple, desc, 2,
														 &isnull));

		peek_show_frame(peek, slice_make(VARDATA_ANY(data),
										 VARSIZE_ANY_EXHDR(data)), lsn);
	}
}

static void
peek_run_query(Peek *peek, const char *query, FunctionCallInfo fcinfo)
{
	Oid			types[4] = {NAMEOID, LSNOID, INT4OID, TEXTARRAYOID};
	Datum		values[4];
	char		nulls[4];
	Portal		portal;

	for (int i = 0; i < 4; i++)
	{
		values[i] = PG_ARGISNULL(i) ? (Datum) 0 : PG_GETARG_DATUM(i);
		nulls[i] = PG_ARGISNULL(i) ? 'n' : ' ';
	}
	portal = SPI_cursor_open_with_args(NULL, query, 4, types, values, nulls,
									   false, 0);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		peek_show_fetched(peek);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
}

/* ---- the slot ---- */

/*
 * Other plugins' output would be called malformed. That there is no such slot
 * is for the server to say.
 */
static void
peek_check_plugin(Datum slot)
{
	static const char query[] =
		"SELECT plugin FROM pg_catalog.pg_replication_slots"
		" WHERE slot_name OPERATOR(pg_catalog.=) $1 AND plugin IS NOT NULL";
	Oid			type = NAMEOID;
	char	   *plugin;

	if (SPI_execute_with_args(query, 1, &type, &slot, NULL, false, 1) !=
		SPI_OK_SELECT)
		elog(ERROR, "cannot look up the slot");
	if (SPI_processed == 0)
		return;
	plugin = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (strcmp(plugin, "pg_fanout") != 0)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("replication slot \"%s\" uses output plugin \"%s\"",
					   NameStr(*DatumGetName(slot)), plugin),
				errdetail("Only the records of output plugin \"pg_fanout\" can be shown."));
}

static Datum
peek_slot(FunctionCallInfo fcinfo, const char *query)
{
	Peek		peek;
	MemoryContext context;

	InitMaterializedSRF(fcinfo, 0);
	peek.result = (ReturnSetInfo *) fcinfo->resultinfo;
	context = AllocSetContextCreate(CurrentMemoryContext, "pg_fanout peek",
									ALLOCSET_DEFAULT_SIZES);
	peek.scratch = AllocSetContextCreate(context, "pg_fanout peek record",
										 ALLOCSET_DEFAULT_SIZES);
	record_reader_init(&peek.reader, context);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (!PG_ARGISNULL(0))
		peek_check_plugin(PG_GETARG_DATUM(0));
	peek_run_query(&peek, query, fcinfo);
	SPI_finish();
	MemoryContextDelete(context);
	return (Datum) 0;
}

Datum
pg_fanout_peek(PG_FUNCTION_ARGS)
{
	return peek_slot(fcinfo,
					 "SELECT lsn, data"
					 " FROM pg_catalog.pg_logical_slot_peek_binary_changes"
					 "($1, $2, $3, VARIADIC $4)");
}

Datum
pg_fanout_get(PG_FUNCTION_ARGS)
{
	return peek_slot(fcinfo,
					 "SELECT lsn, data"
					 " FROM pg_catalog.pg_logical_slot_get_binary_changes"
					 "($1, $2, $3, VARIADIC $4)");
}
