/*
 * kafka_window.c
 *		Which commits are acknowledged, when acknowledgements come in any
 *		order.
 */
#include "kafka_window.h"

#include <assert.h>
#include <stdlib.h>

bool
kafka_window_init(KafkaWindow *window, uint32_t capacity, Error *err)
{
	*window = (KafkaWindow) {0};
	window->entries = calloc(capacity, sizeof(KafkaWindowEntry));
	if (window->entries == NULL)
		return error_no_memory(err);
	window->capacity = capacity;
	return true;
}

void
kafka_window_start(KafkaWindow *window, Lsn start)
{
	assert(window->in_flight == 0);
	window->committed = start;
	window->reached = start;
}

void
kafka_window_free(KafkaWindow *window)
{
	free(window->entries);
	*window = (KafkaWindow) {0};
}

uint32_t
kafka_window_entry(KafkaWindow *window)
{
	uint32_t	next = (window->open + 1) % window->capacity;

	if (window->entries[window->open].committed && next != window->head)
	{
		window->open = next;
		window->entries[next] = (KafkaWindowEntry) {0};
	}
	return window->open;
}

void
kafka_window_add(KafkaWindow *window, uint32_t entry)
{
	assert(entry == window->open);
	window->entries[entry].committed = false;
	window->entries[entry].outstanding++;
	window->in_flight++;
}

void
kafka_window_mark(KafkaWindow *window, uint32_t entry, Lsn lsn)
{
	KafkaWindowEntry *marked = &window->entries[entry];

	marked->mixed |= marked->lsn != LSN_INVALID && marked->lsn != lsn;
	marked->lsn = marked->mixed ? LSN_INVALID : lsn;
}

static void
kafka_window_advance(KafkaWindow *window)
{
	for (;;)
	{
		const KafkaWindowEntry *oldest = &window->entries[window->head];

		if (!oldest->committed || oldest->outstanding > 0)
			return;
		window->reached = oldest->end;
		if (window->head == window->open)
			return;
		window->head = (window->head + 1) % window->capacity;
	}
}

void
kafka_window_acknowledge(KafkaWindow *window, uint32_t entry)
{
	assert(entry < window->capacity);
	assert(window->entries[entry].outstanding > 0);
	window->entries[entry].outstanding--;
	window->in_flight--;
	if (entry == window->head)
		kafka_window_advance(window);
}

void
kafka_window_commit(KafkaWindow *window, Lsn end)
{
	KafkaWindowEntry *entry = &window->entries[window->open];

	/*
	 * Never back; but records that came since the last commit are closed by
	 * any commit, even one that repeats its position.
	 */
	if (end > window->committed)
		window->committed = end;
	entry->end = window->committed;
	entry->committed = true;
	kafka_window_advance(window);
}
