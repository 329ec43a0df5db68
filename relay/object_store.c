/*
 * object_store.c
 *		What callers of either store share. See object_store.h.
 */
#include "object_store.h"

#include "clock.h"

#define STORE_WAIT_FDS	32

/* A request without a deadline of its own may take for ever. */
void
store_wait(ObjectStore *store, StoreRequest *request)
{
	while (request->state == STORE_PENDING)
	{
		struct pollfd fds[STORE_WAIT_FDS];
		int64_t		deadline = clock_now() + CLOCK_SECOND;
		int			count;

		if (store->stop != NULL && atomic_load(store->stop))
		{
			store->ops->cancel(store, request);
			error_set(&request->error, ERROR_SINK_SETUP,
					  "stopped while waiting for an object store");
			request->state = STORE_FAILED;
			return;
		}
		count = store->ops->watch(store, fds, STORE_WAIT_FDS, &deadline);
		if (poll(fds, (nfds_t) count, clock_ms_until(deadline)) >= 0)
			store->ops->poll(store);
	}
}
