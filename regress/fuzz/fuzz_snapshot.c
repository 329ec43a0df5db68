/*
 * fuzz_snapshot.c
 *		Lines of COPY: values lie in the line, one behind the other, and notes
 *		about snapshots are taken or refused.
 *
 * The first byte is the number of columns, the rest the line and a note.
 */
#include "fuzz.h"
#include "snapshot_copy.h"
#include "snapshot_notes.h"

#include <stdlib.h>
#include <string.h>

#define MOST	64

static void
split(const uint8_t *data, size_t size, size_t count)
{
	PgoutputValue values[MOST];
	char	   *line = malloc(size + 1);
	const uint8_t *at = (const uint8_t *) line;

	memcpy(line, data, size);
	if (snapshot_copy_split(line, size, values, count))
		for (size_t i = 0; i < count; i++)
		{
			if (values[i].kind == PGOUTPUT_NULL)
				continue;
			if (values[i].kind != PGOUTPUT_TEXT || values[i].text.data < at)
				abort();
			at = values[i].text.data + values[i].text.size;
			if (at > (const uint8_t *) line + size)
				abort();
		}
	free(line);
}

static void
recall(Slice value)
{
	Notes		notes = {0};
	SnapshotCover cover = {0};
	SnapshotDone done;
	uint64_t	attempt;
	Error		err;

	if (notes_set(&notes, "snapshot", value, &err) &&
		notes_set(&notes, "snapshot.16384", value, &err))
	{
		if (!snapshot_notes_attempt(&notes, 1, &attempt, &err) &&
			err.code != ERROR_CHECKPOINT)
			abort();
		snapshot_notes_done(&notes, 16384, 1, &done);
		if (!snapshot_cover_read(&cover, &notes, &err) ||
			(snapshot_covers(&cover, 16384, 5) && cover.most <= 5))
			abort();
	}
	snapshot_cover_free(&cover);
	notes_free(&notes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	split(data + 1, size - 1, data[0] % (MOST + 1));
	recall(slice_make(data + 1, size - 1));
	return 0;
}
