/*
 * snapshot_rows.c
 *		How the rows of a snapshot become events. See snapshot_inside.h.
 *
 * Rows come from whichever worker has some. What is not asked for stays in
 * the sockets, so a sink that is full holds the servers' processes back and
 * memory stays flat.
 */
#include "snapshot_inside.h"

#include "record_key.h"
#include "snapshot_copy.h"

#define TXN_ROWS	10000
#define TXN_BYTES	((uint64_t) 8 << 20)

static void
free_line(SnapshotLine *line)
{
	PQfreemem(line->text);
	*line = (SnapshotLine) {0};
}

/* ---- tables ---- */

/* Equal rows of a table without a key are not told apart. */
static bool
has_key(const Table *table)
{
	bool		primary = false;

	for (size_t i = 0; i < table->column_count; i++)
		primary |= table->columns[i].key_position > 0;
	return primary || table->identity !=
		PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_FULL;
}

/* As the stream describes it, so that records have the same columns. */
static bool
describe(Snapshot *snapshot, ActiveTable *table, Error *err)
{
	const SnapshotConfig *config = snapshot->config;
	TableWish	wish = {
		.oid = table->plan->oid, .types = snapshot->types,
		.type_count = table->plan->column_count
	};
	TablePicture *picture;
	const Table *passing;

	if (table->relation != NULL)
		return true;
	snapshot_plan_types(&snapshot->plan, table->plan, snapshot->types);
	picture = catalog_session_ask(config->catalog, &wish, err);
	if (picture != NULL)
		table->relation = snapshot_plan_describe(&snapshot->plan, table->plan,
												 picture, err);
	catalog_picture_free(picture);
	if (table->relation == NULL)
		return false;
	passing = table->relation->table;
	if (config->changed != NULL && !has_key(passing))
		return error_set(err, ERROR_SNAPSHOT,
						 "it has no primary key, and all columns as its replica identity: which rows have changed cannot be told");
	switch (transform_table(config->transform, &passing, err))
	{
		case TRANSFORM_PASS:
			return true;
		case TRANSFORM_DROP:
			table->skip = true;
			return true;
		case TRANSFORM_FAILED:
			break;
	}
	return false;
}

/* Gives an idle reader its next range, if there is one. */
static bool
start_range(Snapshot *snapshot, Reader *reader, Error *err)
{
	SnapshotChunk chunk;

	while (snapshot_tables_next(&snapshot->tables, &chunk))
	{
		if (!describe(snapshot, chunk.table, err))
			return error_prefix(err, "table %s.%s", chunk.table->plan->schema,
								chunk.table->plan->name);
		if (chunk.table->skip)
		{
			snapshot->stats.blocks_done += chunk.blocks;
			continue;
		}
		buf_clear(&snapshot->sql);
		if (!snapshot_plan_copy(&snapshot->plan, reader->worker.conn,
								chunk.table->plan, chunk.part, chunk.range,
								snapshot->encoding, &snapshot->sql, err))
			return false;
		reader->table = chunk.table;
		reader->ended = false;
		reader->blocks = chunk.blocks;
		return snapshot_worker_start(&reader->worker,
									 buf_string(&snapshot->sql), err);
	}
	return true;
}

static void
end_range(Snapshot *snapshot, Reader *reader)
{
	snapshot_tables_finish(&snapshot->tables, reader->table);
	snapshot->stats.blocks_done += reader->blocks;
	snapshot->stats.tables_done = snapshot->tables.done_count;
	reader->table = NULL;
}

/* ---- rows ---- */

static bool
has_row(const Reader *reader)
{
	return reader->held.text != NULL &&
		(reader->next.text != NULL || reader->ended);
}

/* Reads until there is a row of which it is known whether it is the last. */
static SnapshotRead
fill(Reader *reader, Error *err)
{
	while (!has_row(reader) && !(reader->ended && reader->held.text == NULL))
	{
		SnapshotLine line = {0};
		SnapshotRead result = snapshot_worker_read(&reader->worker, &line,
												   err);

		if (result == SNAPSHOT_END)
			reader->ended = true;
		else if (result != SNAPSHOT_ROW)
			return result;
		else if (reader->held.text == NULL)
			reader->held = line;
		else
			reader->next = line;
	}
	return has_row(reader) ? SNAPSHOT_ROW : SNAPSHOT_END;
}

/* A row of this reader's, over as many ranges as it takes. */
static SnapshotRead
next_row(Snapshot *snapshot, Reader *reader, Error *err)
{
	for (;;)
	{
		SnapshotRead result;

		if (reader->table == NULL && !start_range(snapshot, reader, err))
			return SNAPSHOT_FAILED;
		if (reader->table == NULL)
			return SNAPSHOT_END;
		result = fill(reader, err);
		if (result == SNAPSHOT_FAILED)
			error_prefix(err, "table %s.%s", reader->table->plan->schema,
						 reader->table->plan->name);
		if (result != SNAPSHOT_END)
			return result;
		end_range(snapshot, reader);
	}
}

/* The reader that has a row; SNAPSHOT_END: all is read. */
static SnapshotRead
find_row(Snapshot *snapshot, Reader **reader, Error *err)
{
	bool		waiting = false;

	for (size_t i = 0; i < snapshot->reader_count; i++)
	{
		size_t		at = (snapshot->turn + i) % snapshot->reader_count;
		SnapshotRead result;

		*reader = &snapshot->readers[at];
		result = next_row(snapshot, *reader, err);
		if (result == SNAPSHOT_ROW)
			snapshot->turn = at;
		if (result == SNAPSHOT_ROW || result == SNAPSHOT_FAILED)
			return result;
		waiting |= result == SNAPSHOT_NOTHING;
	}
	return waiting ? SNAPSHOT_NOTHING : SNAPSHOT_END;
}

/* Debezium's words for a row's place. */
static const char *
place_of(const Snapshot *snapshot, const Reader *reader)
{
	const ActiveTable *table = reader->table;
	bool		ends = reader->ended && reader->next.text == NULL;
	bool		last = ends && table->open == 1;

	if (last && snapshot_tables_last(&snapshot->tables, table))
		return "last";
	if (!snapshot->any_rows)
		return "first";
	if (last)
		return "last_in_data_collection";
	return table->rows == 0 ? "first_in_data_collection" : "true";
}

static bool
write_row(Snapshot *snapshot, const ActiveTable *table, Error *err)
{
	RowWriter  *writer = snapshot->writer;
	const Relation *relation = table->relation;

	if (!snapshot_copy_split(snapshot->current.text, snapshot->current.size,
							 writer->new, relation->column_count))
		return error_set(err, ERROR_SOURCE,
						 "a line of COPY is not understood");
	return row_writer_put_read(writer, relation, snapshot->point, err);
}

/* The row that was written last, as a change of that transaction. */
static bool
make_change(const Snapshot *snapshot, const Transaction *txn, Change *change,
			Error *err)
{
	*change = (Change) {
		.txn = txn, .table = snapshot->current_of->table,
		.body = buf_slice(&snapshot->writer->body)
	};
	return body_parse(change->body, &change->parts) ||
		error_set(err, ERROR_INTERNAL, "a body was made that is none");
}

/* Takes the reader's row and makes it a change. */
static bool
take_row(Snapshot *snapshot, Reader *reader, const Transaction *txn,
		 Change *change, Error *err)
{
	ActiveTable *table = reader->table;

	free_line(&snapshot->current);
	snapshot->current = reader->held;
	snapshot->current_of = table->relation;
	reader->held = reader->next;
	reader->next = (SnapshotLine) {0};
	if (!write_row(snapshot, table, err) ||
		!make_change(snapshot, txn, change, err))
		return error_prefix(err, "table %s.%s", table->plan->schema,
							table->plan->name);
	return true;
}

static void
count_row(Snapshot *snapshot, ActiveTable *table)
{
	table->rows++;
	snapshot->any_rows = true;
	snapshot->txn_rows++;
	snapshot->txn_bytes += snapshot->current.size;
	snapshot->stats.rows++;
	snapshot->stats.bytes += snapshot->current.size;
}

static SourceResult
hand_out(Snapshot *snapshot, Reader *reader, SourceEvent *event, Error *err)
{
	ActiveTable *table = reader->table;

	snapshot->txn.snapshot = place_of(snapshot, reader);
	if (!take_row(snapshot, reader, &snapshot->txn, &event->change, err))
		return SOURCE_FAILED;
	count_row(snapshot, table);
	return SOURCE_CHANGE;
}

/*
 * Below the stream's start there is room for billions of rows, but not for any
 * number of transactions: the last goes on to the end.
 */
static bool
may_end(const Snapshot *snapshot)
{
	return snapshot->in_transaction &&
		snapshot->position + 2 < snapshot->place.start;
}

static bool
is_full(const Snapshot *snapshot)
{
	return snapshot->txn_rows >= TXN_ROWS || snapshot->txn_bytes >= TXN_BYTES;
}

SourceResult
snapshot_rows_next(Snapshot *snapshot, SourceEvent *event, Error *err)
{
	Reader	   *reader;

	if (is_full(snapshot) && may_end(snapshot))
		return snapshot_end_txn(snapshot, snapshot->position + 1, event);
	switch (find_row(snapshot, &reader, err))
	{
		case SNAPSHOT_ROW:
			if (!snapshot->in_transaction)
				return snapshot_begin_txn(snapshot, event);
			return hand_out(snapshot, reader, event, err);
		case SNAPSHOT_NOTHING:
			return SOURCE_EMPTY;
		case SNAPSHOT_END:
			if (may_end(snapshot))
				return snapshot_end_txn(snapshot, snapshot->position + 1,
										event);
			snapshot->state = SNAPSHOT_ALL_READ;
			return SOURCE_EMPTY;
		case SNAPSHOT_FAILED:
			break;
	}
	return SOURCE_FAILED;
}

/* ---- beside the stream ---- */

/*
 * Whether the stream has had a change of that row since the snapshot: what it
 * had is newer, or says that the row is gone.
 */
static bool
is_outdated(Snapshot *snapshot, const Change *change, bool *outdated,
			Error *err)
{
	Lsn			lsn = LSN_INVALID;

	*outdated = false;
	switch (record_key_find(change, &snapshot->key))
	{
		case RECORD_KEY_FOUND:
			break;
		case RECORD_KEY_NONE:
			return true;
		case RECORD_KEY_BAD:
			return error_set(err, ERROR_INTERNAL, "a row was made that is none");
	}
	if (buf_failed(&snapshot->key))
		return error_no_memory(err);
	if (!key_set_find(snapshot->config->changed, change->table->oid,
					  buf_slice(&snapshot->key), &lsn, err))
		return false;
	*outdated = lsn != LSN_INVALID && lsn >= snapshot->point;
	return true;
}

/* Not one turn may take as long as a table in which all rows have changed. */
#define LEFT_OUT_PER_TURN	4096

SourceResult
snapshot_row(Snapshot *snapshot, const Transaction *txn, SourceEvent *event,
			 Error *err)
{
	if (snapshot->again)
	{
		snapshot->again = false;
		return make_change(snapshot, txn, &event->change, err) ?
			SOURCE_CHANGE : SOURCE_FAILED;
	}
	for (int i = 0; i < LEFT_OUT_PER_TURN; i++)
	{
		ActiveTable *table;
		Reader	   *reader;
		bool		outdated;

		switch (find_row(snapshot, &reader, err))
		{
			case SNAPSHOT_ROW:
				break;
			case SNAPSHOT_NOTHING:
				return SOURCE_EMPTY;
			case SNAPSHOT_END:
				snapshot->state = SNAPSHOT_ALL_READ;
				return SOURCE_EMPTY;
			case SNAPSHOT_FAILED:
				return SOURCE_FAILED;
		}
		table = reader->table;
		if (!take_row(snapshot, reader, txn, &event->change, err) ||
			!is_outdated(snapshot, &event->change, &outdated, err))
			return SOURCE_FAILED;
		if (!outdated)
		{
			count_row(snapshot, table);
			return SOURCE_CHANGE;
		}
		snapshot->stats.left_out++;
	}
	return SOURCE_AGAIN;
}

void
snapshot_row_again(Snapshot *snapshot)
{
	snapshot->again = true;
}

bool
snapshot_row_ready(Snapshot *snapshot, bool *ok, Error *err)
{
	Reader	   *reader;

	*ok = true;
	if (snapshot->again)
		return true;
	if (snapshot->state != SNAPSHOT_READING)
		return false;
	switch (find_row(snapshot, &reader, err))
	{
		case SNAPSHOT_ROW:
			return true;
		case SNAPSHOT_NOTHING:
			break;
		case SNAPSHOT_END:
			snapshot->state = SNAPSHOT_ALL_READ;
			break;
		case SNAPSHOT_FAILED:
			*ok = false;
			break;
	}
	return false;
}
