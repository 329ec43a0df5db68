/*
 * sink_s3_store.h
 *		The store of an object sink: made from its URL and options, and tried.
 */
#ifndef PG_FANOUT_SINK_S3_STORE_H
#define PG_FANOUT_SINK_S3_STORE_H

#include "object_store.h"
#include "sink.h"
#include "sink_s3_name.h"

/* NULL: the options or the URL are wrong. Touches nothing yet. */
extern ObjectStore *sink_s3_store_make(const SinkConfig *config, Error *err);

/* For --check: whether it can be read and written. Leaves nothing behind. */
extern MUST_USE bool sink_s3_store_try(ObjectStore *store,
									   const SinkS3Names *names,
									   const SinkConfig *config, Error *err);

#endif							/* PG_FANOUT_SINK_S3_STORE_H */
