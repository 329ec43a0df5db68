/*
 * object_writer.h
 *		One object being written: records in, compressed, out in one piece or
 *		in parts.
 *
 * Small objects are sent whole when they are finished; larger ones in parts of
 * equal size as these fill. Bytes are compressed in chunks, and a compressor
 * is only made for an object that outgrows its first chunk, so that many small
 * tables cost little. Knows no records, topics or positions.
 */
#ifndef PG_FANOUT_OBJECT_WRITER_H
#define PG_FANOUT_OBJECT_WRITER_H

#include "compress.h"
#include "object_store.h"

#define OBJECT_CHUNK	((size_t) 256 * 1024)

/* What the objects of one sink share. */
typedef struct ObjectPlan
{
	ObjectStore *store;
	Compression compression;
	int			level;
	size_t		part_bytes;
	size_t		buffered;		/* memory all its objects hold now */
	size_t		uploading;		/* of it, on its way */
} ObjectPlan;

typedef enum ObjectState
{
	OBJECT_OPEN,				/* takes bytes; parts may be on their way */
	OBJECT_UPLOADING,			/* finished, not all has arrived */
	OBJECT_DONE,				/* there, whole */
	OBJECT_FAILED				/* for good */
} ObjectState;

typedef struct ObjectWriter ObjectWriter;

/* The plan must outlive it; key and meta's texts are copied. NULL: failed. */
extern ObjectWriter *object_writer_new(ObjectPlan *plan, const char *key,
									   const StoreMeta *meta, Error *err);

/* Any amount: what comes to more than a part is sent on. */
extern MUST_USE bool object_writer_append(ObjectWriter *writer, Slice data,
										  Error *err);

/*
 * No append after it. Its state is then UPLOADING; it stays invisible, however
 * far it gets, until object_writer_publish lets it appear.
 */
extern MUST_USE bool object_writer_finish(ObjectWriter *writer, Error *err);
extern void object_writer_publish(ObjectWriter *writer);

/* Of what is stored: known once it is finished. */
extern uint64_t object_writer_size(const ObjectWriter *writer);
extern uint32_t object_writer_crc(const ObjectWriter *writer);

/* Takes note of what the store did, and goes on. err: for FAILED. */
extern ObjectState object_writer_poll(ObjectWriter *writer, Error *err);

extern size_t object_writer_memory(const ObjectWriter *writer);
extern const char *object_writer_key(const ObjectWriter *writer);

/*
 * Gives it up; answers whether the store has yet to hear of it: poll the
 * store.
 */
extern void object_writer_abort(ObjectWriter *writer);
extern bool object_writer_aborting(const ObjectWriter *writer);

/*
 * Whatever its state; parts of an upload given up without abort stay behind.
 */
extern void object_writer_free(ObjectWriter *writer);

#endif							/* PG_FANOUT_OBJECT_WRITER_H */
