/*
 * schema_registry.c
 *		A schema registry over libcurl's multi interface.
 */
#include "schema_registry.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "json_value.h"
#include "log.h"

#define REGISTRY_SOCKETS		16
#define REGISTRY_CONNECT_MS		5000L
#define REGISTRY_TIMEOUT_MS		30000L
#define REGISTRY_BACKOFF		(200 * CLOCK_MS)
#define REGISTRY_BACKOFF_LIMIT	(15 * CLOCK_SECOND)
#define REGISTRY_WARN_INTERVAL	(10 * CLOCK_SECOND)
#define REGISTRY_BODY_LIMIT		((size_t) 16 << 20)
#define REGISTRY_URL_LIMIT		8192

typedef enum RegistryState
{
	REGISTRY_IDLE,
	REGISTRY_RUNNING,
	REGISTRY_WAITING			/* for its next attempt */
} RegistryState;

struct SchemaRegistry
{
	const SchemaOptions *options;
	const char *who;
	char	  **addresses;
	size_t		address_count;
	size_t		address;		/* in use */
	CURLM	   *multi;
	CURL	   *easy;
	struct curl_slist *headers;
	struct pollfd sockets[REGISTRY_SOCKETS];
	int			socket_count;
	int64_t		timer;			/* libcurl's, monotonic; 0: none */
	RegistryState state;
	SchemaVerb	verb;
	char	   *subject;
	Buf			url;
	Buf			body;
	Buf			answer;
	SchemaReply reply;
	char		curl_error[CURL_ERROR_SIZE];
	int			attempt;		/* 1, 2, ... of this question */
	int64_t		retry_at;
	int64_t		warned_at;
	int64_t		down_since;		/* 0: it answers */
};

/* ---- what libcurl calls ---- */

static int
registry_on_socket(CURL *easy, curl_socket_t fd, int what, void *context,
				   void *unused)
{
	SchemaRegistry *registry = context;
	int			i = 0;

	(void) easy;
	(void) unused;
	while (i < registry->socket_count && registry->sockets[i].fd != fd)
		i++;
	if (what == CURL_POLL_REMOVE)
	{
		if (i < registry->socket_count)
			registry->sockets[i] =
				registry->sockets[--registry->socket_count];
		return 0;
	}
	if (i == REGISTRY_SOCKETS)
		return -1;
	if (i == registry->socket_count)
		registry->socket_count++;
	registry->sockets[i] = (struct pollfd) {.fd = fd,
		.events = (short) (((what & CURL_POLL_IN) ? POLLIN : 0) |
						   ((what & CURL_POLL_OUT) ? POLLOUT : 0))};
	return 0;
}

static int
registry_on_timer(CURLM *multi, long ms, void *context)
{
	SchemaRegistry *registry = context;

	(void) multi;
	registry->timer = ms < 0 ? 0 : clock_now() + ms * CLOCK_MS;
	return 0;
}

static size_t
registry_on_write(char *from, size_t size, size_t count, void *context)
{
	SchemaRegistry *registry = context;

	buf_append(&registry->answer, from, size * count);
	return buf_failed(&registry->answer) ? 0 : size * count;
}

/* ---- an attempt ---- */

static void
set_security(CURL *easy, const SchemaOptions *options)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS,
					 (long) (CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	if (options->ca != NULL)
		curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca);
	if (options->token != NULL)
	{
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long) CURLAUTH_BEARER);
		curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, options->token);
	}
	else if (options->username != NULL)
	{
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC);
		curl_easy_setopt(easy, CURLOPT_USERNAME, options->username);
		curl_easy_setopt(easy, CURLOPT_PASSWORD,
						 options->password != NULL ? options->password : "");
	}
}

static void
set_exchange(SchemaRegistry *registry)
{
	CURL	   *easy = registry->easy;

	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, REGISTRY_CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, REGISTRY_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT,
					 registry->attempt > 1 ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, registry->headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, registry_on_write);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, registry);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, registry->curl_error);
	if (registry->verb == SCHEMA_LATEST)
		return;
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
					 (curl_off_t) registry->body.size);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
					 (const char *) registry->body.data);
}

static bool
make_url(SchemaRegistry *registry)
{
	char	   *subject = curl_easy_escape(registry->easy, registry->subject,
									   0);

	if (subject == NULL)
		return false;
	buf_clear(&registry->url);
	buf_printf(&registry->url, "%s/subjects/%s%s",
			   registry->addresses[registry->address], subject,
			   registry->verb == SCHEMA_LOOKUP ? "" :
			   registry->verb == SCHEMA_REGISTER ? "/versions" :
			   "/versions/latest");
	curl_free(subject);
	return buf_string(&registry->url) != NULL;
}

static bool
begin_attempt(SchemaRegistry *registry, Error *err)
{
	curl_easy_reset(registry->easy);
	registry->curl_error[0] = '\0';
	buf_clear(&registry->answer);
	if (!make_url(registry))
		return error_set(err, ERROR_RECORD, "subject \"%s\" is too long for the schema registry",
						 registry->subject);
	curl_easy_setopt(registry->easy, CURLOPT_URL,
					 buf_string(&registry->url));
	set_security(registry->easy, registry->options);
	set_exchange(registry);
	if (curl_multi_add_handle(registry->multi, registry->easy) != CURLM_OK)
		return error_no_memory(err);
	registry->state = REGISTRY_RUNNING;
	return true;
}

static void
leave_attempt(SchemaRegistry *registry)
{
	if (registry->state == REGISTRY_RUNNING)
		curl_multi_remove_handle(registry->multi, registry->easy);
	registry->state = REGISTRY_IDLE;
}

/* ---- judging it ---- */

static const char *
registry_address(const SchemaRegistry *registry)
{
	return registry->addresses[registry->address];
}

/* What trying again cannot mend. */
static bool
curl_is_fatal(CURLcode result)
{
	return result == CURLE_PEER_FAILED_VERIFICATION ||
		result == CURLE_SSL_CACERT_BADFILE || result == CURLE_URL_MALFORMAT ||
		result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_WRITE_ERROR ||
		result == CURLE_OUT_OF_MEMORY;
}

/* Why it could not be reached, or did not answer properly. */
static void
describe_failure(const SchemaRegistry *registry, CURLcode result, long status,
				 Error *err)
{
	error_set(err, ERROR_SINK_SETUP, "schema registry at %s: %s",
			  registry_address(registry),
			  result == CURLE_OK ? "it cannot answer at present" :
			  registry->curl_error[0] != '\0' ? registry->curl_error :
			  curl_easy_strerror(result));
	if (result == CURLE_OK)
		error_detail(err, "Status %ld%s%s.", status,
					 registry->reply.message[0] != '\0' ? ": " : "",
					 registry->reply.message);
	if (result == CURLE_PEER_FAILED_VERIFICATION)
		error_hint(err, "Name the authority that signed its certificate with the option schema_registry_ca.");
}

static void
plan_retry(SchemaRegistry *registry, const Error *err)
{
	int64_t		delay = clock_backoff(registry->attempt, REGISTRY_BACKOFF,
									  REGISTRY_BACKOFF_LIMIT);
	int64_t		now = clock_now();

	if (registry->down_since == 0)
		registry->down_since = now;
	registry->address = (registry->address + 1) % registry->address_count;
	/* another one may be up: all are tried before the first pause */
	if ((size_t) registry->attempt < registry->address_count)
		delay = 0;
	registry->attempt++;
	registry->retry_at = now + delay;
	registry->state = REGISTRY_WAITING;
	if (registry->warned_at != 0 &&
		now - registry->warned_at < REGISTRY_WARN_INTERVAL)
		return;
	registry->warned_at = now;
	log_warning("%s: %s; records wait, next attempt in %.1f s%s%s",
				registry->who, err->message, (double) delay / CLOCK_SECOND,
				err->detail[0] == '\0' ? "" : ": ", err->detail);
}

static void
note_answer(SchemaRegistry *registry)
{
	if (registry->down_since != 0)
		log_info("%s: schema registry at %s answers again after %.1f s",
				 registry->who, registry_address(registry),
				 (double) (clock_now() - registry->down_since) /
				 CLOCK_SECOND);
	registry->down_since = 0;
	registry->warned_at = 0;
}

static SchemaOutcome
refuse_denied(const SchemaRegistry *registry, long status, Error *err)
{
	error_set(err, ERROR_SINK_SETUP, "schema registry at %s refuses subject \"%s\" with status %ld",
			  registry_address(registry), registry->subject, status);
	if (registry->reply.message[0] != '\0')
		error_detail(err, "It says: %s.", registry->reply.message);
	error_hint(err, "Check schema_registry_username and schema_registry_password, or schema_registry_token, and that this user may read and write the subject.");
	return SCHEMA_FAILED;
}

static SchemaOutcome
refuse_invalid(const SchemaRegistry *registry, Error *err)
{
	error_set(err, ERROR_RECORD, "schema registry at %s cannot read the schema for subject \"%s\"",
			  registry_address(registry), registry->subject);
	if (registry->reply.message[0] != '\0')
		error_detail(err, "It says: %s.", registry->reply.message);
	error_hint(err, "If the subject holds schemas of another format, give the records another topic.");
	return SCHEMA_FAILED;
}

static SchemaOutcome
refuse_strange(const SchemaRegistry *registry, long status, Error *err)
{
	error_set(err, ERROR_SINK_SETUP, "server at %s does not answer like a schema registry: status %ld",
			  registry_address(registry), status);
	if (registry->reply.message[0] != '\0')
		error_detail(err, "It says: %s.", registry->reply.message);
	error_hint(err, "Check the option schema_registry; some registries have Confluent's API below a path such as /apis/ccompat/v7.");
	return SCHEMA_FAILED;
}

/* ---- answers ---- */

static SchemaOutcome
give_answer(SchemaRegistry *registry, SchemaAnswer *answer, long status,
			Error *err)
{
	SchemaReply *reply = &registry->reply;

	note_answer(registry);
	answer->id = reply->id;
	answer->text = reply->schema;
	switch (schema_reply_judge(status, reply))
	{
		case SCHEMA_REPLY_GOOD:
			if (registry->verb == SCHEMA_LATEST && reply->schema == NULL)
				return refuse_strange(registry, status, err);
			return SCHEMA_FOUND;
		case SCHEMA_REPLY_UNKNOWN:
			return SCHEMA_UNKNOWN;
		case SCHEMA_REPLY_NO_SUBJECT:
			return SCHEMA_NO_SUBJECT;
		case SCHEMA_REPLY_INCOMPATIBLE:
			answer->text = reply->message;
			return SCHEMA_INCOMPATIBLE;
		case SCHEMA_REPLY_DENIED:
			return refuse_denied(registry, status, err);
		case SCHEMA_REPLY_INVALID:
			return refuse_invalid(registry, err);
		default:
			return refuse_strange(registry, status, err);
	}
}

static SchemaOutcome
end_attempt(SchemaRegistry *registry, CURLcode result, SchemaAnswer *answer,
			Error *err)
{
	long		status = 0;
	Error		failure;

	curl_easy_getinfo(registry->easy, CURLINFO_RESPONSE_CODE, &status);
	leave_attempt(registry);
	schema_reply_free(&registry->reply);
	schema_reply_read(&registry->reply, buf_slice(&registry->answer));
	if (result == CURLE_OK &&
		schema_reply_judge(status, &registry->reply) != SCHEMA_REPLY_AGAIN)
		return give_answer(registry, answer, status, err);
	error_clear(&failure);
	describe_failure(registry, result, status, &failure);
	if (curl_is_fatal(result))
	{
		*err = failure;
		return SCHEMA_FAILED;
	}
	plan_retry(registry, &failure);
	return SCHEMA_PENDING;
}

static void
drive_sockets(SchemaRegistry *registry)
{
	struct pollfd ready[REGISTRY_SOCKETS];
	int			count = registry->socket_count;
	int			running;

	if (count == 0 || poll(registry->sockets, (nfds_t) count, 0) <= 0)
		return;
	memcpy(ready, registry->sockets, sizeof(ready[0]) * (size_t) count);
	for (int i = 0; i < count; i++)
	{
		int			what = 0;

		if (ready[i].revents & (POLLIN | POLLHUP | POLLERR))
			what |= CURL_CSELECT_IN;
		if (ready[i].revents & POLLOUT)
			what |= CURL_CSELECT_OUT;
		if (what != 0)
			curl_multi_socket_action(registry->multi, ready[i].fd, what,
									 &running);
	}
}

static void
drive_timer(SchemaRegistry *registry)
{
	int			running;

	if (registry->timer == 0 || clock_now() < registry->timer)
		return;
	registry->timer = 0;
	curl_multi_socket_action(registry->multi, CURL_SOCKET_TIMEOUT, 0,
							 &running);
}

SchemaOutcome
schema_registry_poll(SchemaRegistry *registry, SchemaAnswer *answer,
					 Error *err)
{
	CURLMsg    *message;
	int			left;

	*answer = (SchemaAnswer) {0};
	if (registry->state == REGISTRY_WAITING &&
		clock_now() >= registry->retry_at && !begin_attempt(registry, err))
	{
		leave_attempt(registry);
		return SCHEMA_FAILED;
	}
	drive_sockets(registry);
	drive_timer(registry);
	while ((message = curl_multi_info_read(registry->multi, &left)) != NULL)
		if (message->msg == CURLMSG_DONE)
			return end_attempt(registry, message->data.result, answer, err);
	return SCHEMA_PENDING;
}

static void
make_body(SchemaRegistry *registry, const SchemaQuestion *question)
{
	Buf		   *body = &registry->body;

	buf_clear(body);
	/* without a type it is Avro, to the oldest registries too */
	buf_append_string(body, question->type == SCHEMA_PROTOBUF ?
					  "{\"schemaType\":\"PROTOBUF\",\"schema\":" :
					  "{\"schema\":");
	json_append_string(body, question->schema);
	buf_append_byte(body, '}');
}

bool
schema_registry_ask(SchemaRegistry *registry, const SchemaQuestion *question,
					Error *err)
{
	schema_registry_cancel(registry);
	registry->verb = question->verb;
	registry->attempt = 1;
	free(registry->subject);
	registry->subject = strdup(question->subject);
	make_body(registry, question);
	if (registry->subject == NULL)
		return error_no_memory(err);
	if (buf_failed(&registry->body))
		return error_set(err, ERROR_RECORD, "schema for subject \"%s\" is larger than 16 MB",
						 question->subject);
	return begin_attempt(registry, err);
}

int
schema_registry_watch(const SchemaRegistry *registry, struct pollfd *fds,
					  int room, int64_t *deadline)
{
	int64_t		soonest = registry->timer;
	int			count = registry->socket_count < room ?
		registry->socket_count : room;

	if (registry->state == REGISTRY_IDLE)
		return 0;
	memcpy(fds, registry->sockets, sizeof(fds[0]) * (size_t) count);
	if (registry->state == REGISTRY_WAITING)
		soonest = registry->retry_at;
	else if (count < registry->socket_count)
		soonest = clock_now() + 10 * CLOCK_MS;
	if (soonest != 0 && soonest < *deadline)
		*deadline = soonest;
	return count;
}

void
schema_registry_cancel(SchemaRegistry *registry)
{
	leave_attempt(registry);
}

/* ---- making one ---- */

/* One address of the list, without the slashes at its end. */
static bool
add_address(SchemaRegistry *registry, const char *from, size_t size,
			Error *err)
{
	char	   *address;

	while (size > 0 && from[size - 1] == '/')
		size--;
	address = strndup(from, size);
	if (address == NULL)
		return error_no_memory(err);
	registry->addresses[registry->address_count++] = address;
	return schema_options_check_address(address, err);
}

static bool
split_addresses(SchemaRegistry *registry, Error *err)
{
	const char *at = registry->options->url;
	size_t		count = 1;

	for (const char *c = at; *c != '\0'; c++)
		count += *c == ',';
	registry->addresses = calloc(count, sizeof(char *));
	if (registry->addresses == NULL)
		return error_no_memory(err);
	for (size_t i = 0; i < count; i++)
	{
		size_t		size = strcspn(at, ",");

		if (!add_address(registry, at, size, err))
			return false;
		at += size + 1;
	}
	return true;
}

static bool
make_curl(SchemaRegistry *registry)
{
	struct curl_slist *more;

	registry->multi = curl_multi_init();
	registry->easy = curl_easy_init();
	registry->headers =
		curl_slist_append(NULL, "Content-Type: application/vnd.schemaregistry.v1+json");
	if (registry->multi == NULL || registry->easy == NULL ||
		registry->headers == NULL)
		return false;
	more = curl_slist_append(registry->headers,
							 "Accept: application/vnd.schemaregistry.v1+json, application/json");
	if (more == NULL || curl_slist_append(more, "Expect:") == NULL)
		return false;
	curl_multi_setopt(registry->multi, CURLMOPT_SOCKETFUNCTION,
					  registry_on_socket);
	curl_multi_setopt(registry->multi, CURLMOPT_SOCKETDATA, registry);
	curl_multi_setopt(registry->multi, CURLMOPT_TIMERFUNCTION,
					  registry_on_timer);
	curl_multi_setopt(registry->multi, CURLMOPT_TIMERDATA, registry);
	curl_multi_setopt(registry->multi, CURLMOPT_MAXCONNECTS, 2L);
	return true;
}

SchemaRegistry *
schema_registry_new(const SchemaOptions *options, const char *who, Error *err)
{
	SchemaRegistry *registry;

	if (!schema_options_check(options, err))
		return NULL;
	registry = calloc(1, sizeof(*registry));
	if (registry == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	registry->options = options;
	registry->who = who;
	buf_init(&registry->url, REGISTRY_URL_LIMIT);
	buf_init(&registry->body, REGISTRY_BODY_LIMIT);
	buf_init(&registry->answer, SCHEMA_REPLY_LIMIT);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (!split_addresses(registry, err))
		goto failed;
	if (make_curl(registry))
		return registry;
	error_no_memory(err);

failed:
	schema_registry_free(registry);
	return NULL;
}

void
schema_registry_free(SchemaRegistry *registry)
{
	if (registry == NULL)
		return;
	leave_attempt(registry);
	if (registry->easy != NULL)
		curl_easy_cleanup(registry->easy);
	if (registry->multi != NULL)
		curl_multi_cleanup(registry->multi);
	curl_slist_free_all(registry->headers);
	for (size_t i = 0; i < registry->address_count; i++)
		free(registry->addresses[i]);
	free(registry->addresses);
	free(registry->subject);
	schema_reply_free(&registry->reply);
	buf_free(&registry->url);
	buf_free(&registry->body);
	buf_free(&registry->answer);
	free(registry);
	curl_global_cleanup();
}
