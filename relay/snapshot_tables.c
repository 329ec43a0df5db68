/*
 * snapshot_tables.c
 *		A snapshot's tables on their way. See snapshot_tables.h.
 */
#include "snapshot_tables.h"

#include <stdlib.h>

static size_t
count_ranges(const SnapshotTables *tables, const SnapshotPart *part)
{
	if (!tables->ranges || part->blocks == 0)
		return 1;
	return (size_t) ((part->blocks + SNAPSHOT_RANGE_BLOCKS - 1) /
					 SNAPSHOT_RANGE_BLOCKS);
}

bool
snapshot_tables_init(SnapshotTables *tables, const SnapshotPlan *plan,
					 bool ranges, Error *err)
{
	*tables = (SnapshotTables) {.plan = plan, .ranges = ranges};
	tables->tables = calloc(plan->count + 1, sizeof(*tables->tables));
	tables->done = calloc(plan->count + 1, sizeof(*tables->done));
	if (tables->tables == NULL || tables->done == NULL)
		return error_no_memory(err);
	for (size_t i = 0; i < plan->count; i++)
	{
		const SnapshotTable *table = &plan->tables[i];

		tables->tables[i].plan = table;
		for (size_t part = 0; part < table->part_count; part++)
			tables->tables[i].open +=
				count_ranges(tables, &plan->parts[table->part + part]);
	}
	return true;
}

void
snapshot_tables_free(SnapshotTables *tables)
{
	for (size_t i = 0; tables->tables != NULL && i < tables->plan->count; i++)
		relation_free(tables->tables[i].relation);
	free(tables->tables);
	free(tables->done);
	*tables = (SnapshotTables) {0};
}

static void
add_done(SnapshotTables *tables, const ActiveTable *table)
{
	tables->done[tables->done_count++] = (size_t) (table - tables->tables);
}

static void
next_table(SnapshotTables *tables)
{
	tables->table++;
	tables->part = 0;
	tables->block = 0;
}

/* The last range of a part has no end: the part may have grown. */
static void
take_range(SnapshotTables *tables, SnapshotChunk *chunk)
{
	uint64_t	end = tables->block + SNAPSHOT_RANGE_BLOCKS;

	chunk->range = (SnapshotRange) {.first = tables->block};
	if (tables->ranges && end < chunk->part->blocks)
	{
		chunk->range.end = end;
		chunk->blocks = SNAPSHOT_RANGE_BLOCKS;
		tables->block = end;
		return;
	}
	chunk->blocks = chunk->part->blocks - tables->block;
	tables->block = 0;
	tables->part++;
}

bool
snapshot_tables_next(SnapshotTables *tables, SnapshotChunk *chunk)
{
	while (tables->table < tables->plan->count)
	{
		ActiveTable *table = &tables->tables[tables->table];

		if (!table->skip && tables->part < table->plan->part_count)
		{
			chunk->table = table;
			chunk->part = &tables->plan->parts[table->plan->part +
											   tables->part];
			take_range(tables, chunk);
			return true;
		}
		if (!table->skip && table->plan->part_count == 0)
			add_done(tables, table);
		next_table(tables);
	}
	return false;
}

void
snapshot_tables_finish(SnapshotTables *tables, ActiveTable *table)
{
	if (--table->open == 0 && !table->skip)
		add_done(tables, table);
}

bool
snapshot_tables_last(const SnapshotTables *tables, const ActiveTable *table)
{
	for (size_t i = 0; i < tables->plan->count; i++)
	{
		const ActiveTable *other = &tables->tables[i];

		if (!other->skip && other->open > (other == table))
			return false;
	}
	return true;
}
