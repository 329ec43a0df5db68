/*
 * snapshot_notes.c
 *		What sinks remember of a snapshot. See snapshot_notes.h.
 */
#include "snapshot_notes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ATTEMPT_KEY		"snapshot"
#define TABLE_PREFIX	"snapshot."

typedef struct CoveredTable
{
	uint32_t	oid;
	Lsn			point;
} CoveredTable;

void
snapshot_note_attempt(SnapshotNote *note, Lsn start, uint64_t attempt)
{
	snprintf(note->key, sizeof(note->key), ATTEMPT_KEY);
	snprintf(note->value, sizeof(note->value), "%" PRIX64 " %" PRIu64, start,
			 attempt);
}

void
snapshot_note_done(SnapshotNote *note, uint32_t oid, const SnapshotDone *done)
{
	snprintf(note->key, sizeof(note->key), TABLE_PREFIX "%" PRIu32, oid);
	snprintf(note->value, sizeof(note->value),
			 "%" PRIX64 " %" PRIX64 " %" PRIX64 " %" PRIX64, done->start,
			 done->end, done->point, done->hash);
}

/* ---- reading ---- */

static bool
copy_value(Slice value, char *text)
{
	if (value.data == NULL || value.size >= SNAPSHOT_NOTE_VALUE_SIZE)
		return false;
	memcpy(text, value.data, value.size);
	text[value.size] = '\0';
	return true;
}

static bool
parse_done(Slice value, SnapshotDone *done)
{
	char		text[SNAPSHOT_NOTE_VALUE_SIZE];

	return copy_value(value, text) &&
		sscanf(text, "%" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64,
			   &done->start, &done->end, &done->point, &done->hash) == 4;
}

bool
snapshot_notes_attempt(const Notes *notes, Lsn start, uint64_t *attempt,
					   Error *err)
{
	Slice		value = notes_find(notes, ATTEMPT_KEY);
	char		text[SNAPSHOT_NOTE_VALUE_SIZE];
	Lsn			noted;

	*attempt = 0;
	if (value.data == NULL)
		return true;
	if (!copy_value(value, text) ||
		sscanf(text, "%" SCNx64 " %" SCNu64, &noted, attempt) != 2)
		return error_set(err, ERROR_CHECKPOINT,
						 "the note about a snapshot is damaged");
	*attempt = noted == start ? *attempt + 1 : 0;
	return true;
}

bool
snapshot_notes_done(const Notes *notes, uint32_t oid, Lsn start,
					SnapshotDone *done)
{
	char		key[SNAPSHOT_NOTE_KEY_SIZE];

	snprintf(key, sizeof(key), TABLE_PREFIX "%" PRIu32, oid);
	return parse_done(notes_find(notes, key), done) && done->start == start;
}

/* ---- what the stream leaves out ---- */

static int
compare_oids(const void *a, const void *b)
{
	uint32_t	one = ((const CoveredTable *) a)->oid;
	uint32_t	other = ((const CoveredTable *) b)->oid;

	return (one > other) - (one < other);
}

static void
add_covered(SnapshotCover *cover, const Note *note)
{
	SnapshotDone done;

	if (strncmp(note->key, TABLE_PREFIX, strlen(TABLE_PREFIX)) != 0 ||
		!parse_done(slice_make(note->data, note->size), &done) ||
		done.point <= done.start)
		return;
	cover->tables[cover->count++] = (CoveredTable) {
		.oid = (uint32_t) strtoul(note->key + strlen(TABLE_PREFIX), NULL, 10),
		.point = done.point
	};
	if (done.point > cover->most)
		cover->most = done.point;
}

bool
snapshot_cover_read(SnapshotCover *cover, const Notes *notes, Error *err)
{
	snapshot_cover_free(cover);
	cover->tables = calloc(notes->count + 1, sizeof(*cover->tables));
	if (cover->tables == NULL)
		return error_no_memory(err);
	for (size_t i = 0; i < notes->count; i++)
		add_covered(cover, &notes->items[i]);
	qsort(cover->tables, cover->count, sizeof(*cover->tables), compare_oids);
	return true;
}

void
snapshot_cover_free(SnapshotCover *cover)
{
	free(cover->tables);
	*cover = (SnapshotCover) {0};
}

bool
snapshot_covers(const SnapshotCover *cover, uint32_t oid, Lsn commit_lsn)
{
	CoveredTable wanted = {.oid = oid};
	const CoveredTable *found;

	if (commit_lsn >= cover->most)
		return false;
	found = bsearch(&wanted, cover->tables, cover->count, sizeof(wanted),
					compare_oids);
	return found != NULL && commit_lsn < found->point;
}
