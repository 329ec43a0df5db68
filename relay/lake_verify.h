/*
 * lake_verify.h
 *		Walks chains of manifests and compares them with what is stored.
 */
#ifndef PG_FANOUT_LAKE_VERIFY_H
#define PG_FANOUT_LAKE_VERIFY_H

#include "object_store.h"
#include "sink.h"

/*
 * All chains below the path of a sink's URL, or those of one slot. Says what
 * is wrong and a line of totals for each. timeout: of one request. false: the
 * store could not be read.
 */
extern MUST_USE bool lake_verify(ObjectStore *store, const char *path,
								 int64_t timeout, SinkVerify *verify,
								 Error *err);

#endif							/* PG_FANOUT_LAKE_VERIFY_H */
