/*
 * lake_store.h
 *		The store of an object sink: made from its URL and options, and tried.
 */
#ifndef PG_FANOUT_LAKE_STORE_H
#define PG_FANOUT_LAKE_STORE_H

#include "object_store.h"
#include "sink.h"
#include "lake_name.h"

/* NULL: the options or the URL are wrong. Touches nothing yet. */
extern ObjectStore *lake_store_make(const SinkConfig *config, Error *err);

/* Fails: it lets what is there be created again. */
extern bool lake_store_unconditional(Error *err);

/* For --check: whether it can be read and written. Leaves nothing behind. */
extern MUST_USE bool lake_store_try(ObjectStore *store,
									const LakeNames *names,
									const SinkConfig *config, Error *err);

#endif							/* PG_FANOUT_LAKE_STORE_H */
