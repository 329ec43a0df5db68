/*
 * sink_s3_objects.h
 *		The objects of a sink: one open per topic, and those on their way.
 *
 * A cut closes all open objects together at a position; when every object of
 * it and of the cuts before has arrived, everything up to that position is
 * there. An object closed on its own belongs to the next cut. Closed objects
 * stay invisible until an intent names them (sink_s3_intents.h). A cut keeps
 * what a manifest will say of its objects. Knows neither checkpoints nor when
 * to cut.
 */
#ifndef PG_FANOUT_SINK_S3_OBJECTS_H
#define PG_FANOUT_SINK_S3_OBJECTS_H

#include "lsn.h"
#include "object_writer.h"

#define SINK_S3_BUCKETS 1024

typedef struct SinkS3Object
{
	struct SinkS3Object *next;	/* in the list of open or closed ones */
	struct SinkS3Object *chain; /* of the same hash */
	uint32_t	hash;
	char	   *topic;
	ObjectWriter *writer;
	uint64_t	bytes;			/* before compression */
	uint64_t	records;
	Position	first;
	Position	last;
	uint64_t	schema;			/* of all its records; 0: they differ */

	/* once closed */
	uint64_t	cut;			/* the one it belongs to */
	uint64_t	intent;			/* the one that names it; 0: none yet */
} SinkS3Object;

typedef struct SinkS3Cut
{
	struct SinkS3Cut *next;
	uint64_t	number;
	Lsn			end;
	uint64_t	records;		/* the sink's count up to it */
	uint64_t	listed;			/* records in its objects */
	uint64_t	intents;		/* all of its are before this one */
	Buf			entries;		/* of its objects, as in a manifest */
} SinkS3Cut;

typedef struct SinkS3Objects
{
	ObjectPlan	plan;
	SinkS3Object *buckets[SINK_S3_BUCKETS];
	SinkS3Object *open;
	size_t		open_count;
	SinkS3Object *closed;		/* in order of their cuts */
	SinkS3Object *closed_last;
	size_t		closed_count;
	size_t		unnamed;		/* closed ones without an intent */
	SinkS3Cut  *cuts;
	SinkS3Cut  *cuts_last;
	SinkS3Cut	next;			/* the cut to come */
} SinkS3Objects;

extern void sink_s3_objects_init(SinkS3Objects *objects, ObjectStore *store);

/* The open object of a topic; NULL: none. */
extern SinkS3Object *sink_s3_objects_find(SinkS3Objects *objects,
										  const char *topic);
extern SinkS3Object *sink_s3_objects_open(SinkS3Objects *objects,
										  const char *topic, const char *key,
										  const StoreMeta *meta, Error *err);

/* Takes note of a record that was appended. schema: 0 if it has none. */
extern void sink_s3_object_count(SinkS3Object *object, Position position,
								 uint64_t schema, uint64_t bytes);

/* Closes one on its own. */
extern MUST_USE bool sink_s3_objects_close(SinkS3Objects *objects,
										   SinkS3Object *object, Error *err);

/* Closes the largest, until so many bytes are on their way or none is open. */
extern MUST_USE bool sink_s3_objects_relieve(SinkS3Objects *objects,
											 size_t bytes, Error *err);

/* Closes all: what is in them lies before end. */
extern MUST_USE bool sink_s3_objects_cut(SinkS3Objects *objects, Lsn end,
										 uint64_t records, Error *err);

/* Goes on with all of them. */
extern MUST_USE bool sink_s3_objects_poll(SinkS3Objects *objects, Error *err);

/* The cut with that number. */
extern SinkS3Cut *sink_s3_objects_cut_of(SinkS3Objects *objects,
										 uint64_t number);

/*
 * Takes out what is complete, as one cut that ends where the last of them
 * ends; its entries are the caller's to free. false: none is.
 */
extern bool sink_s3_objects_complete(SinkS3Objects *objects, SinkS3Cut *cut);

/* Gives up what is not there yet, telling the store until the deadline. */
extern void sink_s3_objects_abort(SinkS3Objects *objects, int64_t deadline);

#endif							/* PG_FANOUT_SINK_S3_OBJECTS_H */
