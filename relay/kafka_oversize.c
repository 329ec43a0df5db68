/*
 * kafka_oversize.c
 *		Records that do not go to their topic as they are.
 */
#include "kafka_oversize.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "json_value.h"
#include "log.h"
#include "route.h"
#include "sigv4.h"

#define WARNING_INTERVAL	CLOCK_SECOND
#define TEXT_LIMIT			((size_t) 256 << 10)
#define DEFAULT_LETTERS		"{prefix}.dead-letter"

/* What a batch and a record have around key, value and headers, at most. */
#define RECORD_OVERHEAD		128
#define HEADER_OVERHEAD		10

/* Of the limit: larger keys and headers do not go along with a claim check. */
#define SHARE				4

/* ---- making and opening ---- */

bool
kafka_oversize_init(KafkaOversize *oversize, const SinkConfig *config,
					Error *err)
{
	const KafkaOptions *options = config->options;

	*oversize = (KafkaOversize) {.options = options, .config = config};
	buf_init(&oversize->value, TEXT_LIMIT);
	buf_init(&oversize->texts, TEXT_LIMIT);
	if (options->dead_letter_topic != NULL &&
		!route_check(options->dead_letter_topic, err))
		return error_prefix(err, "dead_letter_topic");
	if (options->oversize != KAFKA_OVERSIZE_CLAIM_CHECK)
		return true;
	if (options->claim_check_url == NULL)
	{
		error_set(err, ERROR_USAGE,
				  "oversize=claim-check needs claim_check_url");
		return error_hint(err, "Say where large values go: claim_check_url=s3://BUCKET/PREFIX or dir:///PATH.");
	}
	oversize->claims = kafka_claims_new(options, config->name, err);
	return oversize->claims != NULL;
}

static bool
name_letters(KafkaOversize *oversize, const SlotIdentity *identity,
			 Error *err)
{
	const char *template = oversize->options->dead_letter_topic;
	const char *prefix = oversize->config->prefix;
	RouteNames	names = {
		.prefix = prefix != NULL ? prefix : identity->database,
		.database = identity->database, .sink = oversize->config->name
	};
	Buf			topic;
	bool		ok;

	if (template == NULL &&
		oversize->options->oversize != KAFKA_OVERSIZE_DEAD_LETTER)
		return true;
	buf_init(&topic, sizeof(oversize->dead_letters));
	ok = route_expand(&topic, template != NULL ? template : DEFAULT_LETTERS,
					  &names, err);
	if (ok)
		snprintf(oversize->dead_letters, sizeof(oversize->dead_letters), "%s",
				 buf_string(&topic));
	buf_free(&topic);
	return ok || error_prefix(err, "dead_letter_topic");
}

bool
kafka_oversize_open(KafkaOversize *oversize, const SlotIdentity *identity,
					Error *err)
{
	return name_letters(oversize, identity, err) &&
		(oversize->claims == NULL ||
		 kafka_claims_open(oversize->claims, identity, err));
}

void
kafka_oversize_free(KafkaOversize *oversize)
{
	kafka_claims_free(oversize->claims);
	buf_free(&oversize->value);
	buf_free(&oversize->texts);
	oversize->claims = NULL;
}

/* ---- which ---- */

static const Record *
record_of(const KafkaOversizeRecord *record)
{
	return &record->delivery->records[record->index];
}

static size_t
headers_size(const Record *record)
{
	size_t		size = 0;

	for (size_t i = 0; i < record->header_count; i++)
		size += strlen(record->headers[i].name) +
			record->headers[i].value.size + HEADER_OVERHEAD;
	return size;
}

static size_t
limit_of(const KafkaOversize *oversize, const KafkaOversizeRecord *record)
{
	int64_t		limit = oversize->options->message_max_bytes;

	if (record->topic_limit > 0 && record->topic_limit < limit)
		limit = record->topic_limit;
	return (size_t) limit;
}

static size_t
size_of(const Record *record)
{
	return record->key.size + record->value.size + headers_size(record) +
		RECORD_OVERHEAD;
}

bool
kafka_oversize_is(const KafkaOversize *oversize,
				  const KafkaOversizeRecord *record)
{
	if (record->delivery->skipped != NULL)
		return true;
	return oversize->options->oversize != KAFKA_OVERSIZE_STOP &&
		!record->delivery->aside &&
		size_of(record_of(record)) > limit_of(oversize, record);
}

bool
kafka_oversize_is_dead(const KafkaOversize *oversize, const Delivery *delivery)
{
	return delivery->skipped != NULL || oversize->claims == NULL;
}

static bool
key_goes_along(const KafkaOversize *oversize,
			   const KafkaOversizeRecord *record)
{
	return record_of(record)->key.size <= limit_of(oversize, record) / SHARE;
}

/* ---- claim checks ---- */

static KafkaClaimPart
part_of(const KafkaOversizeRecord *record, bool key)
{
	return (KafkaClaimPart) {
		.topic = record->topic, .position = record->delivery->position,
		.index = record->index, .key = key,
		.bytes = key ? record_of(record)->key : record_of(record)->value
	};
}

/*
 * The objects of a record that gets a claim check; a part that needs none is
 * NULL.
 */
static SinkResult
put_parts(KafkaOversize *oversize, const KafkaOversizeRecord *record,
		  const KafkaClaim *claims[2], Error *err)
{
	bool		waits = false;

	for (int key = 0; key < 2; key++)
	{
		KafkaClaimPart part = part_of(record, key == 1);
		SinkResult	result;

		claims[key] = NULL;
		if (part.bytes.data == NULL ||
			(key == 1 && key_goes_along(oversize, record)))
			continue;
		result = kafka_claims_put(oversize->claims, &part, &claims[key], err);
		if (result == SINK_FAILED)
			return result;
		waits |= result == SINK_FULL;
	}
	return waits ? SINK_FULL : SINK_OK;
}

SinkResult
kafka_oversize_prepare(KafkaOversize *oversize,
					   const KafkaOversizeRecord *record, Error *err)
{
	const KafkaClaim *claims[2];

	if (kafka_oversize_is_dead(oversize, record->delivery))
		return SINK_OK;
	return put_parts(oversize, record, claims, err);
}

/* ---- what goes in its place ---- */

/* text: a header's, copied; names are constants. */
static void
add_header(KafkaOversize *oversize, const char *name, const char *text)
{
	RecordHeader *header = &oversize->headers[oversize->header_count];
	size_t		size = strlen(text);

	if (oversize->header_count == KAFKA_OVERSIZE_HEADERS)
		return;
	/* the buffer may move: placed when all are there */
	oversize->offsets[oversize->header_count] = oversize->texts.size;
	*header = (RecordHeader) {.name = name, .value = {NULL, size}};
	buf_append(&oversize->texts, text, size);
	oversize->header_count++;
}

static void
add_number(KafkaOversize *oversize, const char *name, uint64_t number)
{
	char		text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	add_header(oversize, name, text);
}

static void
place_headers(KafkaOversize *oversize)
{
	for (size_t i = 0; i < oversize->header_count; i++)
		oversize->headers[i].value.data =
			oversize->texts.data + oversize->offsets[i];
}

/* Those it had, behind ours: readers of the topic may count on them. */
static void
keep_headers(KafkaOversize *oversize, const KafkaOversizeRecord *record)
{
	const Record *own = record_of(record);

	if (headers_size(own) > limit_of(oversize, record) / SHARE)
		return;
	for (size_t i = 0; i < own->header_count &&
		 oversize->header_count < KAFKA_OVERSIZE_HEADERS; i++)
	{
		/* a tombstone has its position already */
		if (strncmp(own->headers[i].name, "pg_fanout.", 10) != 0)
			oversize->headers[oversize->header_count++] = own->headers[i];
	}
}

static void
add_position(KafkaOversize *oversize, Position position)
{
	char		lsn[LSN_TEXT_SIZE];

	add_header(oversize, "pg_fanout.lsn", lsn_format(position.lsn, lsn));
	add_number(oversize, "pg_fanout.seq", position.seq);
}

static void
add_claim(KafkaOversize *oversize, const KafkaClaim *claim, bool key)
{
	if (claim == NULL)
		return;
	add_header(oversize, key ? "pg_fanout.claim-check.key" :
			   "pg_fanout.claim-check", claim->url);
	add_number(oversize, key ? "pg_fanout.claim-check.key.size" :
			   "pg_fanout.claim-check.size", claim->size);
	add_header(oversize, key ? "pg_fanout.claim-check.key.sha256" :
			   "pg_fanout.claim-check.sha256", claim->sha256);
}

static void
append_claim(Buf *out, const char *name, const KafkaClaim *claim)
{
	if (claim == NULL)
		return;
	buf_printf(out, ",\"%s\":{\"url\":", name);
	json_append_string(out, slice_of(claim->url));
	buf_printf(out, ",\"size\":%zu,\"sha256\":\"%s\"}", claim->size,
			   claim->sha256);
}

static void
append_member(Buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	json_append_string(out, slice_of(text));
}

/* Behind what it is: which record this is about. */
static void
append_record(Buf *out, const KafkaOversizeRecord *record)
{
	const Delivery *delivery = record->delivery;
	char		lsn[LSN_TEXT_SIZE];

	append_member(out, "topic", record->topic);
	if (delivery->table != NULL)
	{
		append_member(out, "schema", delivery->table->schema);
		append_member(out, "table", delivery->table->name);
	}
	append_member(out, "lsn", lsn_format(delivery->position.lsn, lsn));
	buf_printf(out, ",\"seq\":%" PRIu64, delivery->position.seq);
}

static SinkResult
write_claim(KafkaOversize *oversize, const KafkaOversizeRecord *record,
			Error *err)
{
	const KafkaClaim *claims[2];
	SinkResult	result = put_parts(oversize, record, claims, err);

	if (result != SINK_OK)
		return result;
	add_claim(oversize, claims[0], false);
	add_claim(oversize, claims[1], true);
	buf_append_string(&oversize->value, "{\"pg_fanout\":\"claim-check\"");
	append_claim(&oversize->value, "value", claims[0]);
	append_claim(&oversize->value, "key", claims[1]);
	append_record(&oversize->value, record);
	return SINK_OK;
}

static void
explain(const KafkaOversize *oversize, const KafkaOversizeRecord *record,
		char *text, size_t size)
{
	const char *reason = record->delivery->skipped;

	if (reason != NULL)
		snprintf(text, size, "skipped: %s", reason);
	else
		snprintf(text, size, "record of %zu bytes is larger than %zu",
				 size_of(record_of(record)), limit_of(oversize, record));
}

static void
write_letter(KafkaOversize *oversize, const KafkaOversizeRecord *record)
{
	const Record *own = record_of(record);
	char		text[ERROR_TEXT_SIZE];
	char		hash[65];

	explain(oversize, record, text, sizeof(text));
	sigv4_hash(own->key, hash);
	add_header(oversize, "pg_fanout.dead-letter.topic", record->topic);
	add_header(oversize, "pg_fanout.dead-letter.error", text);
	add_number(oversize, "pg_fanout.dead-letter.size", own->value.size);
	if (own->key.data != NULL)
		add_header(oversize, "pg_fanout.dead-letter.key.sha256", hash);
	buf_append_string(&oversize->value, "{\"pg_fanout\":\"dead-letter\"");
	append_member(&oversize->value, "error", text);
	append_record(&oversize->value, record);
	buf_printf(&oversize->value, ",\"size\":%zu", own->value.size);
}

bool
kafka_oversize_replace(KafkaOversize *oversize,
					   const KafkaOversizeRecord *record, Record *out,
					   Error *err)
{
	bool		dead = kafka_oversize_is_dead(oversize, record->delivery);

	*out = *record_of(record);
	oversize->header_count = 0;
	buf_clear(&oversize->value);
	buf_clear(&oversize->texts);
	if (dead)
		write_letter(oversize, record);
	else if (write_claim(oversize, record, err) != SINK_OK)
		return false;
	buf_append_byte(&oversize->value, '}');
	add_position(oversize, record->delivery->position);
	if (buf_failed(&oversize->value) || buf_failed(&oversize->texts))
		return error_no_memory(err);
	place_headers(oversize);
	if (!dead)
		keep_headers(oversize, record);
	if (!key_goes_along(oversize, record))
		out->key = slice_make(NULL, 0);

	/* a tombstone stays one, if its key is there */
	if (dead || out->key.data == NULL || out->value.data != NULL)
		out->value = buf_slice(&oversize->value);
	out->headers = oversize->headers;
	out->header_count = oversize->header_count;
	return true;
}

/* ---- saying it ---- */

void
kafka_oversize_sent(KafkaOversize *oversize, const KafkaOversizeRecord *record)
{
	const Delivery *delivery = record->delivery;
	bool		dead = kafka_oversize_is_dead(oversize, delivery);
	int64_t		now = clock_now();
	char		text[ERROR_TEXT_SIZE];
	char		lsn[LSN_TEXT_SIZE];

	oversize->dead_count += dead;
	oversize->claim_count += !dead;
	if (oversize->warned_at != 0 &&
		now - oversize->warned_at < WARNING_INTERVAL)
	{
		oversize->silent++;
		return;
	}
	explain(oversize, record, text, sizeof(text));
	log_warning("sink %s: topic \"%s\" does not get a record as it is: %s; position %s,%" PRIu64 "; %s (%" PRIu64 " claim checks, %" PRIu64 " dead letters so far, %" PRIu64 " not told)",
				oversize->config->name, record->topic, text,
				lsn_format(delivery->position.lsn, lsn),
				delivery->position.seq,
				dead ? "a dead letter" : "a claim check",
				oversize->claim_count, oversize->dead_count,
				oversize->silent);
	oversize->warned_at = now;
	oversize->silent = 0;
}
