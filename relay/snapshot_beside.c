/*
 * snapshot_beside.c
 *		A snapshot that is read beside the stream: its beginning, and the marks
 *		in the stream at which its rows are handed out. See
 *		relay_resnapshot.c for why.
 */
#include "snapshot_inside.h"

#include <string.h>

void
snapshot_begin_beside(Snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->plan.count; i++)
		snapshot_count_table(snapshot, &snapshot->plan.tables[i]);
	snapshot->state = snapshot->plan.count > 0 ? SNAPSHOT_READING :
		SNAPSHOT_ALL_READ;
}

/*
 * Flushed with its commit, which is what brings it here soon, but never held
 * up by standbys.
 */
static const char mark_query[] =
"SELECT pg_catalog.set_config('synchronous_commit', 'local', true),"
" pg_catalog.pg_logical_emit_message(true, $1, $2)";

bool
snapshot_write_mark(Snapshot *snapshot, const char *prefix,
					const char *content, Error *err)
{
	const char *values[] = {prefix, content};

	if (PQsendQueryParams(snapshot->control, mark_query, 2, NULL, values, NULL,
						  NULL, 0) == 0)
		return connection_error(snapshot->control, NULL, err);
	snapshot->marking = true;
	return true;
}

bool
snapshot_poll_mark(Snapshot *snapshot, bool *written, Error *err)
{
	PGresult   *result;
	bool		ok = true;

	*written = !snapshot->marking;
	if (*written)
		return true;
	if (PQconsumeInput(snapshot->control) == 0)
		return connection_error(snapshot->control, NULL, err);
	if (PQisBusy(snapshot->control))
		return true;
	while ((result = PQgetResult(snapshot->control)) != NULL)
	{
		if (ok && PQresultStatus(result) != PGRES_TUPLES_OK)
			ok = connection_error(snapshot->control, result, err);
		PQclear(result);
	}
	snapshot->marking = false;
	*written = true;
	return ok || error_prefix(err, "cannot write a logical message");
}

void
snapshot_name_tables(const Snapshot *snapshot, char *text, size_t size)
{
	size_t		used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < snapshot->plan.count; i++)
	{
		const SnapshotTable *table = &snapshot->plan.tables[i];
		int			length = snprintf(text + used, size - used, "%s%s.%s",
									  i > 0 ? ", " : "", table->schema,
									  table->name);

		if (length < 0 || (size_t) length >= size - used)
		{
			snprintf(text + used, size - used, "%s", i > 0 ? ", ..." : "...");
			return;
		}
		used += (size_t) length;
	}
}
