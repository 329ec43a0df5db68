/*
 * kafka_progress.c
 *		The progress topic: where it is, and what was last written to it.
 *
 * All of it is read: it is compacted, but its newest segment is not, so that
 * there may be many records of which only the last counts. Consumer groups are
 * no substitute: their offsets expire.
 */
#include "kafka_progress.h"

#include <inttypes.h>
#include <string.h>

#include "clock.h"
#include "kafka_error.h"

#define KAFKA_PROGRESS_MAX_SIZE 65536
#define KAFKA_PROGRESS_SLICE	1000	/* milliseconds a call may block */

typedef struct ProgressReader
{
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;
	const KafkaProgressPlace *place;
	int64_t		deadline;
	const atomic_bool *stop;	/* ends it sooner; NULL: nobody does */
	Buf			ours;
	Buf			others;
	Notes	   *notes;
	bool		found_ours;
	bool		uncommitted;	/* sees what is in open transactions */
} ProgressReader;

static OptionPair progress_config[] = {
	{"cleanup.policy", "compact"},
	{"segment.bytes", "1048576"},
	{"min.cleanable.dirty.ratio", "0.1"},
};

static const OptionMap progress_config_map = {
	progress_config, sizeof(progress_config) / sizeof(progress_config[0])
};

KafkaTopicPlan
kafka_progress_plan(int replication)
{
	KafkaTopicPlan plan = {1, replication, &progress_config_map};

	return plan;
}

static bool
name_is_clean(const char *name)
{
	return name[0] != '\0' &&
		name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
					"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] == '\0';
}

bool
kafka_progress_place(KafkaProgressPlace *place, uint64_t system_id,
					 const char *slot, const char *sink, Error *err)
{
	int			size;

	if (!name_is_clean(sink) || !name_is_clean(slot))
	{
		error_set(err, ERROR_USAGE,
				  "sink name \"%s\" cannot be part of a topic's name",
				  sink);
		return error_hint(err, "Name the sink with letters, digits, '.', '_' and '-': --sink name=kafka://...");
	}
	snprintf(place->key, sizeof(place->key), "%" PRIu64 "/%s/%s", system_id,
			 slot, sink);
	size = snprintf(place->topic, sizeof(place->topic), "__pg_fanout.%s.%s",
					slot, sink);
	if (size < (int) sizeof(place->topic))
		return true;
	return error_set(err, ERROR_USAGE,
					 "names of slot and sink are too long for a topic's name");
}

static void
reader_ignore_log(const rd_kafka_t *rk, int level, const char *facility,
				  const char *text)
{
	(void) rk;
	(void) level;
	(void) facility;
	(void) text;
}

static void
reader_ignore_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	(void) rk;
	(void) code;
	(void) reason;
	(void) opaque;
}

/*
 * What goes wrong with a broker was said by the producer, which connected
 * before; what the reader asks for and does not get is reported as such.
 */
static bool
reader_open(ProgressReader *reader, const KafkaTarget *target, Error *err)
{
	rd_kafka_conf_t *conf = kafka_config_consumer(target, err);
	rd_kafka_error_t *error;
	char		text[ERROR_TEXT_SIZE];

	if (conf == NULL)
		return false;
	rd_kafka_conf_set(conf, "log.queue", "false", NULL, 0);
	rd_kafka_conf_set(conf, "isolation.level", reader->uncommitted ?
					  "read_uncommitted" : "read_committed", NULL, 0);
	rd_kafka_conf_set_log_cb(conf, reader_ignore_log);
	rd_kafka_conf_set_error_cb(conf, reader_ignore_error);
	reader->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	if (reader->rk == NULL)
	{
		rd_kafka_conf_destroy(conf);
		error_set(err, ERROR_USAGE, "librdkafka refuses the configuration");
		return error_detail(err, "librdkafka %s says: %s.",
							rd_kafka_version_str(), text);
	}
	error = rd_kafka_sasl_background_callbacks_enable(reader->rk);
	if (error != NULL)
		rd_kafka_error_destroy(error);
	reader->topic = rd_kafka_topic_new(reader->rk, reader->place->topic, NULL);
	return reader->topic != NULL ||
		kafka_error_set(err, ERROR_SINK_SETUP, rd_kafka_last_error(), NULL,
						"progress topic \"%s\" cannot be read",
						reader->place->topic);
}

static bool
reader_fail(const ProgressReader *reader, rd_kafka_resp_err_t resp, Error *err)
{
	return kafka_error_set(err, ERROR_SINK_SETUP, resp, NULL,
						   "progress topic \"%s\" could not be read",
						   reader->place->topic);
}

/*
 * The producer saw the topic, so it is there: in a cluster other brokers may
 * hear later of a topic that was just created.
 */
static bool
reader_may_wait(rd_kafka_resp_err_t resp)
{
	return kafka_error_passes(resp) ||
		resp == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
		resp == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
		resp == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

/* Milliseconds left; 0: it is over. */
static int
reader_left(const ProgressReader *reader)
{
	if (reader->stop != NULL && atomic_load(reader->stop))
		return 0;
	return clock_ms_until(reader->deadline);
}

static bool
reader_watermarks(ProgressReader *reader, int64_t *low, int64_t *high,
				  Error *err)
{
	for (;;)
	{
		int			left = reader_left(reader);
		rd_kafka_resp_err_t resp;

		resp = rd_kafka_query_watermark_offsets(reader->rk,
												reader->place->topic, 0,
												low, high,
												left < KAFKA_PROGRESS_SLICE ?
												left : KAFKA_PROGRESS_SLICE);
		if (resp == RD_KAFKA_RESP_ERR_NO_ERROR)
			return true;
		if (left == 0 || !reader_may_wait(resp))
			return reader_fail(reader, resp, err);
		rd_kafka_poll(reader->rk, 20);
	}
}

/* The name of the note that the record holds; false: it is none of ours. */
static bool
reader_note_name(const ProgressReader *reader, Slice key, char *name)
{
	size_t		size = strlen(reader->place->key);

	if (key.size <= size + 1 || key.size - size > KAFKA_NOTE_NAME_SIZE ||
		memcmp(key.data, reader->place->key, size) != 0 ||
		key.data[size] != '/')
		return false;
	memcpy(name, key.data + size + 1, key.size - size - 1);
	name[key.size - size - 1] = '\0';
	return true;
}

/* "SYSTEM/SLOT/SINK#...": none of these names has a "#" or a "/". */
static bool
reader_is_mark(Slice key)
{
	int			slashes = 0;

	for (size_t i = 0; i < key.size && slashes < 3; i++)
	{
		if (key.data[i] == KAFKA_PROGRESS_MARK)
			return true;
		slashes += key.data[i] == '/';
	}
	return false;
}

/* A later record replaces an earlier one; one without value deletes it. */
static bool
reader_keep(ProgressReader *reader, const rd_kafka_message_t *message,
			Error *err)
{
	Slice		key = slice_make(message->key, message->key_len);
	Slice		value = slice_make(message->payload, message->len);
	bool		is_ours = slice_equal(key, slice_of(reader->place->key));
	Buf		   *kept = is_ours ? &reader->ours : &reader->others;
	char		name[KAFKA_NOTE_NAME_SIZE];

	if (reader_is_mark(key))
		return true;
	if (reader_note_name(reader, key, name))
		return notes_set(reader->notes, name, value, err);
	reader->found_ours |= is_ours;
	buf_clear(kept);
	buf_append_slice(kept, value);
	return true;
}

typedef enum ReaderStep
{
	READER_MORE,
	READER_END,
	READER_FAILED
} ReaderStep;

static ReaderStep
reader_step(ProgressReader *reader, const rd_kafka_message_t *message,
			int64_t end, Error *err)
{
	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
		return message->offset >= end ? READER_END : READER_MORE;
	if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		if (reader_may_wait(message->err))
			return READER_MORE;
		reader_fail(reader, message->err, err);
		return READER_FAILED;
	}
	if (message->offset < end && !reader_keep(reader, message, err))
		return READER_FAILED;
	return message->offset >= end - 1 ? READER_END : READER_MORE;
}

/* Reads the offsets from start up to end. */
static bool
reader_scan(ProgressReader *reader, int64_t start, int64_t end, Error *err)
{
	ReaderStep	step = READER_MORE;

	if (rd_kafka_consume_start(reader->topic, 0, start) != 0)
		return reader_fail(reader, rd_kafka_last_error(), err);
	while (step == READER_MORE)
	{
		rd_kafka_message_t *message = rd_kafka_consume(reader->topic, 0, 100);

		if (message != NULL)
		{
			step = reader_step(reader, message, end, err);
			rd_kafka_message_destroy(message);
		}
		else if (reader_left(reader) == 0)
		{
			reader_fail(reader, RD_KAFKA_RESP_ERR__TIMED_OUT, err);
			step = READER_FAILED;
		}
	}
	rd_kafka_consume_stop(reader->topic, 0);
	return step == READER_END;
}

static void
reader_close(ProgressReader *reader)
{
	if (reader->topic != NULL)
		rd_kafka_topic_destroy(reader->topic);
	if (reader->rk != NULL)
		rd_kafka_destroy(reader->rk);
	buf_free(&reader->ours);
	buf_free(&reader->others);
}

/* Where the topic ends, open transactions included. */
static bool
reader_true_end(const ProgressReader *reader, const KafkaTarget *target,
				int64_t *end, Error *err)
{
	ProgressReader other = {
		.place = reader->place, .deadline = reader->deadline,
		.stop = reader->stop, .uncommitted = true
	};
	int64_t		low;
	bool		ok = reader_open(&other, target, err) &&
		reader_watermarks(&other, &low, end, err);

	reader_close(&other);
	return ok;
}

/*
 * Nobody reads beyond it, and nobody can commit or abort it any more but an
 * administrator. If it is one of ours, its progress stays open with its
 * records: aborting it everywhere loses nothing, we send it again.
 */
static bool
reader_fail_open(const ProgressReader *reader, int64_t offset, Error *err)
{
	const char *topic = reader->place->topic;

	error_set(err, ERROR_SINK_SETUP,
			  "progress topic \"%s\" cannot be read to its end: a Kafka transaction stays open at offset %"
			  PRId64, topic, offset);
	error_detail(err, "It is another producer's, or the brokers have lost the end of one of ours (KAFKA-20734: Kafka 4 may, if the broker of the last replica in sync crashes during a commit). Readers of committed records wait there too, and in the other topics of that transaction.");
	error_hint(err, "kafka-transactions.sh --bootstrap-server ... find-hanging --broker-id N lists its topics. End it in each: ... abort --topic %s --partition 0 --start-offset %"
			   PRId64, topic, offset);
	return error_retriable(err);
}

/*
 * What is behind an open transaction cannot be read yet. There is none of ours
 * any more, but brokers may not be done with its end.
 */
static bool
reader_search(ProgressReader *reader, const KafkaTarget *target, Error *err)
{
	int64_t		low;
	int64_t		end;
	int64_t		true_end = 0;

	if (target->transactional_id != NULL &&
		!reader_true_end(reader, target, &true_end, err))
		return false;
	for (;;)
	{
		if (!reader_watermarks(reader, &low, &end, err))
			return false;
		if (end >= true_end)
			break;
		if (reader_left(reader) == 0)
			return reader_fail_open(reader, end, err);
		rd_kafka_poll(reader->rk, 20);
	}
	return end == low || reader_scan(reader, low, end, err);
}

static bool
reader_answer(const ProgressReader *reader, Buf *value, Error *err)
{
	const Buf  *found = reader->found_ours ? &reader->ours : &reader->others;

	if (buf_failed(found))
		return error_set(err, ERROR_CHECKPOINT,
						 "record in progress topic \"%s\" is too large",
						 reader->place->topic);
	buf_append_slice(value, buf_slice(found));
	return !buf_failed(value) || error_no_memory(err);
}

bool
kafka_progress_read(const KafkaTarget *target, const KafkaProgressPlace *place,
					int64_t deadline, const atomic_bool *stop, Buf *value,
					Notes *notes, Error *err)
{
	ProgressReader reader = {
		.place = place, .deadline = deadline, .stop = stop, .notes = notes
	};
	bool		ok;

	buf_init(&reader.ours, KAFKA_PROGRESS_MAX_SIZE);
	buf_init(&reader.others, KAFKA_PROGRESS_MAX_SIZE);
	ok = reader_open(&reader, target, err) &&
		reader_search(&reader, target, err) &&
		reader_answer(&reader, value, err);
	notes_written(notes);
	reader_close(&reader);
	return ok;
}
