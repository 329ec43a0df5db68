/*
 * kafka_claim.c
 *		Claim checks. See kafka_claim.h.
 */
#include "kafka_claim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "config.h"
#include "object_store.h"
#include "sigv4.h"

#define CLAIM_SLOTS			(2 * FORMAT_MAX_RECORDS)
#define CLAIM_REQUEST_TIME	(60 * CLOCK_SECOND)
#define CLAIM_UPLOADS		4

/* One object, being written or there. */
typedef struct ClaimSlot
{
	bool		used;
	size_t		index;
	bool		key;
	char	   *name;			/* in the store */
	uint8_t    *body;			/* until it is there */
	char		position[LSN_TEXT_SIZE + 24];
	StoreMeta	meta;
	StoreRequest request;
	KafkaClaim	claim;
} ClaimSlot;

struct KafkaClaims
{
	const KafkaOptions *options;
	Url			url;
	char	   *prefix;			/* of names, with a slash, or empty */
	char	   *base;			/* of addresses, with a slash */
	ObjectStore *store;
	char		system[24];
	char		slot[65];
	uint32_t	timeline;
	Position	position;		/* of the delivery at hand */
	ClaimSlot	slots[CLAIM_SLOTS];
};

/* ---- making ---- */

static bool
fail_url(const char *text, Error *err)
{
	error_set(err, ERROR_USAGE,
			  "claim_check_url \"%s\" is no place for objects", text);
	return error_hint(err, "Write s3://BUCKET/PREFIX or dir:///PATH.");
}

static ObjectStore *
make_store(KafkaClaims *claims, const char *sink, Error *err)
{
	const KafkaOptions *from = claims->options;
	StoreS3Options options = {
		.sink = sink, .bucket = claims->url.authority,
		.endpoint = from->claim_check_endpoint,
		.access_key_id = from->claim_check_access_key_id,
		.secret_access_key = from->claim_check_secret_access_key,
		.profile = from->claim_check_profile,
		.region = from->claim_check_region,
		.ca_file = from->claim_check_ca_file,
		.max_uploads = CLAIM_UPLOADS,
		.connect_timeout = from->connect_timeout,
		.request_timeout = CLAIM_REQUEST_TIME
	};

	if (strcmp(claims->url.scheme, "s3") == 0)
		return store_s3_new(&options, err);
	return store_dir_new(claims->url.path, err);
}

/* Without slashes around it, with one behind unless it is empty. */
static char *
make_prefix(const char *path)
{
	size_t		size;
	char	   *prefix;

	path = path == NULL ? "" : path + strspn(path, "/");
	size = strlen(path);
	while (size > 0 && path[size - 1] == '/')
		size--;
	return asprintf(&prefix, "%.*s%s", (int) size, path,
					size > 0 ? "/" : "") < 0 ? NULL : prefix;
}

static bool
read_url(KafkaClaims *claims, Error *err)
{
	const char *text = claims->options->claim_check_url;
	bool		bucket;

	if (!url_parse(&claims->url, text, err))
		return false;
	bucket = strcmp(claims->url.scheme, "s3") == 0;
	if ((!bucket && strcmp(claims->url.scheme, "dir") != 0) ||
		bucket == (claims->url.authority == NULL ||
				   claims->url.authority[0] == '\0') ||
		claims->url.query_count > 0)
		return fail_url(text, err);
	claims->prefix = bucket ? make_prefix(claims->url.path) : strdup("");
	if (bucket && asprintf(&claims->base, "s3://%s/", claims->url.authority) < 0)
		claims->base = NULL;
	if (!bucket && asprintf(&claims->base, "dir://%s/", claims->url.path) < 0)
		claims->base = NULL;
	return (claims->prefix != NULL && claims->base != NULL) ||
		error_no_memory(err);
}

KafkaClaims *
kafka_claims_new(const KafkaOptions *options, const char *sink, Error *err)
{
	KafkaClaims *claims = calloc(1, sizeof(*claims));

	if (claims == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	claims->options = options;
	if (read_url(claims, err))
		claims->store = make_store(claims, sink, err);
	if (claims->store != NULL)
		return claims;
	kafka_claims_free(claims);
	return NULL;
}

bool
kafka_claims_open(KafkaClaims *claims, const SlotIdentity *identity,
				  Error *err)
{
	claims->timeline = identity->timeline;
	snprintf(claims->system, sizeof(claims->system), "%" PRIu64,
			 identity->system_id);
	snprintf(claims->slot, sizeof(claims->slot), "%s", identity->slot);
	return claims->store->ops->open(claims->store, err) ||
		error_prefix(err, "claim checks");
}

static bool
ask(KafkaClaims *claims, StoreRequest *request, Error *err)
{
	request->deadline = clock_now() + claims->options->connect_timeout;
	store_start(claims->store, request);
	store_wait(claims->store, request);
	if (request->state != STORE_FAILED)
		return true;
	*err = request->error;
	return error_prefix(err, "claim checks");
}

/* Begins an upload and gives it up, which needs the rights. */
bool
kafka_claims_check(KafkaClaims *claims, Error *err)
{
	StoreRequest begin = {.verb = STORE_BEGIN};
	StoreRequest end = {.verb = STORE_ABORT};
	char	   *name;
	bool		ok;

	if (!claims->store->ops->open(claims->store, err))
		return error_prefix(err, "claim checks");
	if (asprintf(&name, "%s_pg_fanout-check-claim", claims->prefix) < 0)
		return error_no_memory(err);
	begin.key = end.key = name;
	ok = ask(claims, &begin, err);
	if (ok)
	{
		end.upload = buf_string(&begin.answer);
		ok = ask(claims, &end, err);
	}
	store_release(claims->store, &end);
	store_release(claims->store, &begin);
	free(name);
	return ok;
}

/* ---- objects ---- */

static void
forget_slot(KafkaClaims *claims, ClaimSlot *slot)
{
	if (!slot->used)
		return;
	store_release(claims->store, &slot->request);
	free(slot->name);
	free(slot->body);
	free(slot->claim.url);
	*slot = (ClaimSlot) {0};
}

static void
forget_slots(KafkaClaims *claims)
{
	for (int i = 0; i < CLAIM_SLOTS; i++)
		forget_slot(claims, &claims->slots[i]);
}

/* Of records that follow one another, names sort as they do. */
static bool
name_slot(const KafkaClaims *claims, ClaimSlot *slot,
		  const KafkaClaimPart *part)
{
	char		lsn[LSN_TEXT_SIZE];

	if (asprintf(&slot->name,
				 "%s%s/%s-%08" PRIX32 "-%016" PRIX64 "-%010" PRIu64 "-%zu.%s",
				 claims->prefix, part->topic, part->topic, claims->timeline,
				 part->position.lsn, part->position.seq, part->index,
				 part->key ? "key" : "value") < 0)
		slot->name = NULL;
	if (slot->name == NULL ||
		asprintf(&slot->claim.url, "%s%s", claims->base, slot->name) < 0)
		return false;
	snprintf(slot->position, sizeof(slot->position), "%s,%" PRIu64,
			 lsn_format(part->position.lsn, lsn), part->position.seq);
	return true;
}

static bool
begin_slot(KafkaClaims *claims, ClaimSlot *slot, const KafkaClaimPart *part,
		   Error *err)
{
	*slot = (ClaimSlot) {.used = true, .index = part->index, .key = part->key};
	slot->body = malloc(part->bytes.size + 1);
	if (slot->body == NULL || !name_slot(claims, slot, part))
	{
		forget_slot(claims, slot);
		return error_no_memory(err);
	}
	memcpy(slot->body, part->bytes.data, part->bytes.size);
	slot->claim.size = part->bytes.size;
	sigv4_hash(part->bytes, slot->claim.sha256);
	slot->meta = (StoreMeta) {.content_type = "application/octet-stream",
		.system = claims->system, .slot = claims->slot,
	.position = slot->position};
	slot->request = (StoreRequest) {.verb = STORE_PUT, .key = slot->name,
		.body = slice_make(slot->body, part->bytes.size), .meta = &slot->meta,
	.size = part->bytes.size};
	store_start(claims->store, &slot->request);
	return true;
}

/* The part's slot, begun if it is new; NULL: out of memory. */
static ClaimSlot *
find_slot(KafkaClaims *claims, const KafkaClaimPart *part, Error *err)
{
	ClaimSlot  *unused = NULL;

	if (claims->position.lsn != part->position.lsn ||
		claims->position.seq != part->position.seq)
		forget_slots(claims);
	claims->position = part->position;
	for (int i = 0; i < CLAIM_SLOTS; i++)
	{
		ClaimSlot  *slot = &claims->slots[i];

		if (slot->used && slot->index == part->index &&
			slot->key == part->key)
			return slot;
		if (!slot->used && unused == NULL)
			unused = slot;
	}
	assert(unused != NULL);
	return begin_slot(claims, unused, part, err) ? unused : NULL;
}

SinkResult
kafka_claims_put(KafkaClaims *claims, const KafkaClaimPart *part,
				 const KafkaClaim **claim, Error *err)
{
	ClaimSlot  *slot = find_slot(claims, part, err);

	if (slot == NULL)
		return SINK_FAILED;
	*claim = &slot->claim;
	switch (slot->request.state)
	{
		case STORE_DONE:
			free(slot->body);
			slot->body = NULL;
			return SINK_OK;
		case STORE_PENDING:
			return SINK_FULL;
		default:
			break;
	}
	*err = slot->request.error;
	error_prefix(err, "claim checks");
	return SINK_FAILED;
}

/* ---- waiting ---- */

void
kafka_claims_poll(KafkaClaims *claims)
{
	for (int i = 0; i < CLAIM_SLOTS; i++)
		if (claims->slots[i].request.state == STORE_PENDING)
		{
			claims->store->ops->poll(claims->store);
			return;
		}
}

int
kafka_claims_watch(KafkaClaims *claims, struct pollfd *fds, int room,
				   int64_t *deadline)
{
	for (int i = 0; i < CLAIM_SLOTS; i++)
		if (claims->slots[i].request.state == STORE_PENDING)
			return claims->store->ops->watch(claims->store, fds, room,
											 deadline);
	return 0;
}

void
kafka_claims_free(KafkaClaims *claims)
{
	if (claims == NULL)
		return;
	if (claims->store != NULL)
	{
		forget_slots(claims);
		claims->store->ops->free(claims->store);
	}
	url_free(&claims->url);
	free(claims->prefix);
	free(claims->base);
	free(claims);
}
