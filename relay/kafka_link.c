/*
 * kafka_link.c
 *		One life of the producer: it, its topics and its progress topic.
 */
#include "kafka_link.h"

#include <stdlib.h>

#include <librdkafka/rdkafka_mock.h>

#include "clock.h"
#include "kafka_error.h"
#include "log.h"

#define LINK_SLICE		500		/* milliseconds a call may block */

#define TRANSACTION_STATE	"__transaction_state"
#define LINK_PATIENCE		(5 * CLOCK_SECOND)	/* until that must be there */

static bool
link_fail_unreachable(const KafkaLink *link, Error *err)
{
	const KafkaClient *client = &link->client;

	kafka_error_set(err, ERROR_SINK_SETUP, client->trouble,
					client->trouble_text[0] != '\0' ?
					client->trouble_text : "No broker answered",
					"no Kafka broker of \"%s\" could be reached in time",
					link->target.brokers);
	return error_retriable(err);
}

static bool
link_is_late(const KafkaLink *link)
{
	return clock_ms_until(link->deadline) == 0 ||
		(link->stop != NULL && atomic_load(link->stop));
}

static int
link_slice(const KafkaLink *link)
{
	int			left = clock_ms_until(link->deadline);

	return left < LINK_SLICE ? left : LINK_SLICE;
}

static bool
link_wait_broker(KafkaLink *link, Error *err)
{
	for (;;)
	{
		const struct rd_kafka_metadata *metadata;
		rd_kafka_resp_err_t resp;

		resp = rd_kafka_metadata(link->client.rk, 0, NULL, &metadata,
								 link_slice(link));
		if (resp == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			rd_kafka_metadata_destroy(metadata);
			return true;
		}
		if (!kafka_client_poll(&link->client, 0, err))
			return false;
		if (link_is_late(link))
			return link_fail_unreachable(link, err);
	}
}

/*
 * Asking for transactions makes brokers create the topic that they keep them
 * in. One that is not there after a while is one that they cannot create: a
 * single broker, say, that is to hold three copies of it.
 */
static bool
link_lacks_state_topic(const KafkaLink *link)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *topic = rd_kafka_topic_new(link->client.rk,
												 TRANSACTION_STATE, NULL);
	bool		lacks = false;

	if (topic == NULL)
		return false;
	if (rd_kafka_metadata(link->client.rk, 0, topic, &metadata,
						  LINK_SLICE) == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		lacks = metadata->topic_cnt == 1 && metadata->topics[0].err ==
			RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
		rd_kafka_metadata_destroy(metadata);
	}
	rd_kafka_topic_destroy(topic);
	return lacks;
}

static bool
link_refuse_state_topic(KafkaLink *link, Error *err)
{
	link->refused = true;
	error_set(err, ERROR_SINK_SETUP, "Kafka does not allow transactions");
	error_detail(err, "The brokers have no topic \"" TRANSACTION_STATE "\" and do not create it.");
	return error_hint(err, "Set the brokers' transaction.state.log.replication.factor and transaction.state.log.min.isr to at most the number of brokers; or use delivery=at-least-once.");
}

/* What passes by itself is no refusal: brokers may be starting. */
static bool
link_fail_transactions(KafkaLink *link, const rd_kafka_error_t *error,
					   Error *err)
{
	bool		passes = rd_kafka_error_is_retriable(error);

	kafka_error_set(err, ERROR_SINK_SETUP, rd_kafka_error_code(error),
					rd_kafka_error_string(error), "%s", passes ?
					"Kafka was not ready for transactions in time" :
					"Kafka does not allow transactions");
	if (passes)
		return error_retriable(err);
	if (err->hint[0] == '\0')
		error_hint(err, "Look at the rights on the transactional id, at the broker's transaction.max.timeout.ms and at the replication of " TRANSACTION_STATE "; or use delivery=at-least-once.");
	link->refused = !err->retriable;
	return false;
}

/* Aborts what an earlier producer of that name left open, and fences it. */
static bool
link_init_transactions(KafkaLink *link, Error *err)
{
	int64_t		patient_until = clock_now() + LINK_PATIENCE;

	if (link->target.transactional_id == NULL)
		return true;
	for (;;)
	{
		rd_kafka_error_t *error =
			rd_kafka_init_transactions(link->client.rk, link_slice(link));
		bool		again;

		if (error == NULL)
			return true;
		again = rd_kafka_error_is_retriable(error) && !link_is_late(link);
		if (!again)
			link_fail_transactions(link, error, err);
		rd_kafka_error_destroy(error);
		if (!again || !kafka_client_poll(&link->client, 20, err))
			return false;
		if (clock_now() > patient_until && link_lacks_state_topic(link))
			return link_refuse_state_topic(link, err);
	}
}

static bool
link_start(KafkaLink *link, Error *err)
{
	rd_kafka_conf_t *conf = kafka_config_producer(&link->target, err);
	rd_kafka_mock_cluster_t *mock;

	if (conf == NULL || !kafka_client_open(&link->client, conf, err) ||
		!link_wait_broker(link, err) || !link_init_transactions(link, err))
		return false;
	mock = rd_kafka_handle_mock_cluster(link->client.rk);
	if (mock != NULL)
		log_info("kafka: mock brokers listen on %s: inside this process, gone with it; no admin calls",
				 rd_kafka_mock_cluster_bootstraps(mock));
	link->topics = kafka_topics_new(link->client.rk, link->client.wake_fd,
									link->target.options, err);
	return link->topics != NULL;
}

KafkaLink *
kafka_link_open(const KafkaTarget *target, int64_t deadline,
				const atomic_bool *stop, bool *refused, Error *err)
{
	KafkaLink  *link = calloc(1, sizeof(*link));

	if (link == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	link->target = *target;
	link->deadline = deadline;
	link->stop = stop;
	link->client.wake_fd = -1;
	if (link_start(link, err))
		return link;
	if (refused != NULL)
		*refused = link->refused;
	kafka_link_free(link);
	return NULL;
}

bool
kafka_link_open_progress(KafkaLink *link, const KafkaProgressPlace *place,
						 Error *err)
{
	link->progress_plan =
		kafka_progress_plan((int) link->target.options->replication);
	link->progress = kafka_topics_get(link->topics, place->topic,
									  &link->progress_plan, err);
	if (link->progress == NULL)
		return false;
	while (link->progress->state != KAFKA_TOPIC_READY)
	{
		if (!kafka_client_poll(&link->client, 20, err) ||
			!kafka_topics_poll(link->topics, err))
			return false;
		if (link_is_late(link))
			return link_fail_unreachable(link, err);
	}
	if (link->progress->partitions == 1)
		return true;
	error_set(err, ERROR_SINK_SETUP,
			  "progress topic \"%s\" has %d partitions, not 1",
			  place->topic, link->progress->partitions);
	return error_hint(err, "Create it with one partition and cleanup.policy=compact.");
}

void
kafka_link_free(KafkaLink *link)
{
	if (link == NULL)
		return;
	kafka_topics_free(link->topics);
	kafka_client_close(&link->client);
	free(link);
}
