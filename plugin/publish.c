/*
 * publish.c
 *		One change of a row, from its tuples to its record.
 */
#include "postgres.h"

#include "access/htup_details.h"

#include "compat.h"
#include "plugin.h"

/* Field numbers of change.proto */
#define FRAME_RECORD		1
#define RECORD_CHANGE		4
#define CHANGE_TABLE		1
#define CHANGE_XID			2
#define CHANGE_SUBXID		3
#define CHANGE_BODY			4
#define BODY_OP				1
#define BODY_BEFORE			2
#define BODY_AFTER			3
#define BODY_UNCHANGED		4
#define BODY_LSN			5
#define BODY_BEFORE_IS_KEY	6

#define IMAGE_BEFORE		0
#define IMAGE_AFTER			1

/* A change in the shape of the table it is published as. */
typedef struct PublishedChange
{
	RowAction	action;
	RowImage   *before;			/* NULL: absent */
	RowImage   *after;
	RowImage	images[2];
	XLogRecPtr	lsn;
	TransactionId subxid;		/* in a stream */
} PublishedChange;

static RowAction
publish_action(ReorderBufferChangeType type)
{
	switch (type)
	{
		case REORDER_BUFFER_CHANGE_INSERT:
			return ROW_INSERT;
		case REORDER_BUFFER_CHANGE_UPDATE:
			return ROW_UPDATE;
		case REORDER_BUFFER_CHANGE_DELETE:
			return ROW_DELETE;
		default:
			elog(ERROR, "unexpected change type %d", (int) type);
	}
}

static bool
publish_wants(const CacheEntry *entry, RowAction action)
{
	switch (action)
	{
		case ROW_INSERT:
			return entry->actions.pubinsert;
		case ROW_UPDATE:
			return entry->actions.pubupdate;
		case ROW_DELETE:
			return entry->actions.pubdelete;
	}
	return false;
}

static void
publish_map_image(const AttrMap *map, RowImage *image)
{
	Datum	   *values = palloc(map->maplen * sizeof(Datum));
	bool	   *isnull = palloc(map->maplen * sizeof(bool));

	for (int i = 0; i < map->maplen; i++)
	{
		int			from = map->attnums[i] - 1;

		isnull[i] = from < 0 || image->isnull[from];
		values[i] = isnull[i] ? (Datum) 0 : image->values[from];
	}
	image->values = values;
	image->isnull = isnull;
}

/* The tuple taken apart, in the published shape; NULL: no tuple. */
static RowImage *
publish_image(Plugin *plugin, const CacheEntry *entry, HeapTuple tuple,
			  int which, RowImage *image)
{
	if (tuple == NULL)
		return NULL;
	image->values = plugin->values[which];
	image->isnull = plugin->isnull[which];
	heap_deform_tuple(tuple, entry->desc, image->values, image->isnull);
	if (entry->map != NULL)
		publish_map_image(entry->map, image);
	return image;
}

/*
 * Applies the row filter; false: not to be sent. An update of which only one
 * side passes becomes an insert or a delete.
 */
static bool
publish_filter(CacheEntry *entry, PublishedChange *change)
{
	if (entry->filter == NULL)
		return true;
	if (!filter_passes(entry->filter, change->before, change->after,
					   &change->action))
		return false;
	if (change->action == ROW_INSERT)
		change->before = NULL;
	if (change->action == ROW_DELETE)
		change->after = NULL;
	return true;
}

static PgFanout__Op
publish_op(RowAction action)
{
	switch (action)
	{
		case ROW_INSERT:
			return PG_FANOUT__OP__INSERT;
		case ROW_UPDATE:
			return PG_FANOUT__OP__UPDATE;
		case ROW_DELETE:
			return PG_FANOUT__OP__DELETE;
	}
	return PG_FANOUT__OP__OP_UNKNOWN;
}

static void
publish_put_uint(Frame *frame, uint32_t number, uint64_t value)
{
	uint8_t    *at = frame_reserve(frame, WIRE_MAX_SCALAR);

	frame_advance(frame, wire_put_uint(at, number, value));
}

static void
publish_put_unchanged(Frame *frame, const RowUnchanged *unchanged)
{
	FrameMark	mark;

	if (unchanged->count == 0)
		return;
	mark = frame_open(frame, BODY_UNCHANGED, 1);
	for (int i = 0; i < unchanged->count; i++)
		frame_advance(frame,
					  wire_put_varint(frame_reserve(frame, WIRE_MAX_VARINT),
									  unchanged->numbers[i]));
	frame_close(frame, mark, 1);
}

static void
publish_put_body(Frame *frame, CacheEntry *entry,
				 const PublishedChange *change)
{
	RowUnchanged unchanged;

	unchanged.count = 0;
	publish_put_uint(frame, BODY_OP, publish_op(change->action));
	if (change->before != NULL)
		row_put(frame, entry->encoder, BODY_BEFORE, change->before, NULL);
	if (change->after != NULL)
		row_put(frame, entry->encoder, BODY_AFTER, change->after, &unchanged);
	publish_put_unchanged(frame, &unchanged);
	publish_put_uint(frame, BODY_LSN, change->lsn);
	if (change->before != NULL && entry->before_is_key)
		publish_put_uint(frame, BODY_BEFORE_IS_KEY, 1);
}

static void
publish_put_record(Plugin *plugin, CacheEntry *entry,
				   const PublishedChange *change)
{
	Frame	   *frame = &plugin->frame;
	size_t		width = entry->width;
	FrameMark	record;
	FrameMark	header;
	FrameMark	body;

	frame_begin_record(frame, entry->name);
	record = frame_open(frame, FRAME_RECORD, width);
	header = frame_open(frame, RECORD_CHANGE, width);
	publish_put_uint(frame, CHANGE_TABLE, entry->published_as);
	if (plugin->stream != NULL)
	{
		publish_put_uint(frame, CHANGE_XID, plugin->stream->xid);
		publish_put_uint(frame, CHANGE_SUBXID, change->subxid);
	}
	body = frame_open(frame, CHANGE_BODY, width);
	publish_put_body(frame, entry, change);
	entry->width = frame_close(frame, body, width);
	frame_close(frame, header, width);
	frame_close(frame, record, width);
	frame_end_record(frame);
}

bool
publish_change(Plugin *plugin, CacheEntry *entry, ReorderBufferTXN *txn,
			   ReorderBufferChange *change)
{
	HeapTuple	before = COMPAT_TUPLE(change->data.tp.oldtuple);
	HeapTuple	after = COMPAT_TUPLE(change->data.tp.newtuple);
	PublishedChange published;

	published.action = publish_action(change->action);
	if (!publish_wants(entry, published.action))
		return false;

	/* A publication has no use for a delete that says not of what. */
	if (published.action == ROW_DELETE && before == NULL &&
		plugin->options.publication_names != NIL)
		return false;
	published.before = publish_image(plugin, entry, before, IMAGE_BEFORE,
									 &published.images[IMAGE_BEFORE]);
	published.after = publish_image(plugin, entry, after, IMAGE_AFTER,
									&published.images[IMAGE_AFTER]);
	if (published.before != NULL && published.after != NULL)
		row_complete(entry->target_desc, published.after, published.before);
	if (!publish_filter(entry, &published))
		return false;
	published.lsn = change->lsn;
	published.subxid = change->txn->xid;
	plugin_begin(plugin, txn);
	plugin_announce(plugin, entry);
	publish_put_record(plugin, entry, &published);
	return true;
}
