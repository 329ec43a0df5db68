/*
 * lake_objects.h
 *		The objects of a sink: one open per topic, and those on their way.
 *
 * A cut closes all open objects together at a position; when every object of
 * it and of the cuts before has arrived, everything up to that position is
 * there. An object closed on its own belongs to the next cut. Closed objects
 * stay invisible until an intent names them (lake_intents.h). A cut keeps
 * what a manifest will say of its objects. Knows neither checkpoints nor when
 * to cut.
 */
#ifndef PG_FANOUT_LAKE_OBJECTS_H
#define PG_FANOUT_LAKE_OBJECTS_H

#include "lsn.h"
#include "object_writer.h"

#define LAKE_BUCKETS 1024

typedef struct LakeObject
{
	struct LakeObject *next;	/* in the list of open or closed ones */
	struct LakeObject *chain; /* of the same hash */
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
} LakeObject;

typedef struct LakeCut
{
	struct LakeCut *next;
	uint64_t	number;
	Lsn			end;
	uint64_t	records;		/* the sink's count up to it */
	uint64_t	listed;			/* records in its objects */
	uint64_t	intents;		/* all of its are before this one */
	Buf			entries;		/* of its objects, as in a manifest */
} LakeCut;

typedef struct LakeObjects
{
	ObjectPlan	plan;
	LakeObject *buckets[LAKE_BUCKETS];
	LakeObject *open;
	size_t		open_count;
	LakeObject *closed;		/* in order of their cuts */
	LakeObject *closed_last;
	size_t		closed_count;
	size_t		unnamed;		/* closed ones without an intent */
	LakeCut  *cuts;
	LakeCut  *cuts_last;
	LakeCut	next;			/* the cut to come */
} LakeObjects;

extern void lake_objects_init(LakeObjects *objects, ObjectStore *store);

/* The open object of a topic; NULL: none. */
extern LakeObject *lake_objects_find(LakeObjects *objects,
									 const char *topic);
extern LakeObject *lake_objects_open(LakeObjects *objects,
									 const char *topic, const char *key,
									 const StoreMeta *meta, Error *err);

/* Takes note of a record that was appended. schema: 0 if it has none. */
extern void lake_object_count(LakeObject *object, Position position,
							  uint64_t schema, uint64_t bytes);

/* Closes one on its own. */
extern MUST_USE bool lake_objects_close(LakeObjects *objects,
										LakeObject *object, Error *err);

/* Closes the largest, until so many bytes are on their way or none is open. */
extern MUST_USE bool lake_objects_relieve(LakeObjects *objects,
										  size_t bytes, Error *err);

/* Closes all: what is in them lies before end. */
extern MUST_USE bool lake_objects_cut(LakeObjects *objects, Lsn end,
									  uint64_t records, Error *err);

/* Goes on with all of them. */
extern MUST_USE bool lake_objects_poll(LakeObjects *objects, Error *err);

/* The cut with that number. */
extern LakeCut *lake_objects_cut_of(LakeObjects *objects,
									uint64_t number);

/*
 * Takes out what is complete, as one cut that ends where the last of them
 * ends; its entries are the caller's to free. false: none is.
 */
extern bool lake_objects_complete(LakeObjects *objects, LakeCut *cut);

/* Gives up what is not there yet, telling the store until the deadline. */
extern void lake_objects_abort(LakeObjects *objects, int64_t deadline);

#endif							/* PG_FANOUT_LAKE_OBJECTS_H */
