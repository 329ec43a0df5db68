/*
 * pgoutput_memory.h
 *		What tables were, for when the catalog no longer tells.
 *
 * Per table the descriptions found out so far, each from the commit on in
 * which the server first gave it, as far as they differ in columns or numbers.
 * Kept over lost streams, and as notes (notes.h) over restarts. A stream may
 * begin before what is remembered: such descriptions are of the future then
 * and are not looked at.
 */
#ifndef PG_FANOUT_PGOUTPUT_MEMORY_H
#define PG_FANOUT_PGOUTPUT_MEMORY_H

#include "error.h"
#include "lsn.h"
#include "notes.h"
#include "oid_map.h"
#include "table.h"

#define MEMORY_KEY_SIZE	32

typedef struct Memory
{
	OidMap		tables;
	Buf			note;			/* the last one made */
} Memory;

extern void memory_init(Memory *memory);
extern void memory_free(Memory *memory);

/* What the table was last at or before that commit; NULL: not known. */
extern const Table *memory_find(const Memory *memory, uint32_t oid,
								Lsn commit_lsn);

/*
 * Remembers the description: record is it packed, and is copied. *changed: it
 * was new, and memory_note has the table's note.
 */
extern MUST_USE bool memory_add(Memory *memory, uint32_t oid, Lsn commit_lsn,
								Slice record, bool *changed, Error *err);

/* Key and value of the table last added; valid until the next memory_add. */
extern Slice memory_note(const Memory *memory, uint32_t oid,
						 char key[MEMORY_KEY_SIZE]);

/* Takes from the notes those that memory_note has made. */
extern MUST_USE bool memory_recall(Memory *memory, const Notes *notes,
								   Error *err);

#endif							/* PG_FANOUT_PGOUTPUT_MEMORY_H */
