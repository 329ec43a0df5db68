/*
 * kafka_first.c
 *		Whether a partition's next record may follow the ones before.
 */
#include "kafka_first.h"

#include <assert.h>
#include <stdlib.h>

#include "clock.h"

#define FIRST_UNSENT	0
#define FIRST_SENT		(-1)

/* Far less than the shortest time after which a broker may forget. */
#define FIRST_PAUSE		(600 * CLOCK_SECOND)

bool
kafka_firsts_init(KafkaFirsts *firsts, int count, Error *err)
{
	if (firsts->times != NULL)
		return true;
	firsts->times = calloc((size_t) count, sizeof(int64_t));
	if (firsts->times == NULL)
		return error_no_memory(err);
	firsts->count = count;
	return true;
}

void
kafka_firsts_free(KafkaFirsts *firsts)
{
	free(firsts->times);
	*firsts = (KafkaFirsts) {0};
}

bool
kafka_firsts_may_send(const KafkaFirsts *firsts, int partition)
{
	assert(partition >= 0 && partition < firsts->count);
	return firsts->times[partition] != FIRST_SENT;
}

void
kafka_firsts_sent(KafkaFirsts *firsts, int partition, int64_t now)
{
	int64_t    *time = &firsts->times[partition];

	if (*time == FIRST_UNSENT || now - *time > FIRST_PAUSE)
		*time = FIRST_SENT;
}

void
kafka_firsts_acknowledged(KafkaFirsts *firsts, int partition, int64_t now)
{
	assert(partition >= 0 && partition < firsts->count);
	firsts->times[partition] = now;
}
