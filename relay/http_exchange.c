/*
 * http_exchange.c
 *		One small HTTP request and its answer. See http_exchange.h.
 *
 * Each exchange has a multi handle of its own: these are rare, and no loop
 * needs to know their sockets.
 */
#include "http_exchange.h"

#include <curl/curl.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "clock.h"

#define HTTP_MAX_ANSWER	((size_t) 64 * 1024)

struct HttpExchange
{
	CURLM	   *multi;
	CURL	   *easy;
	struct curl_slist *headers;
	Buf			body;
	HttpState	state;
	CURLcode	result;
	long		status;
	char		error[CURL_ERROR_SIZE];
};

static size_t
http_on_write(char *data, size_t size, size_t count, void *context)
{
	HttpExchange *exchange = context;

	buf_append(&exchange->body, data, size * count);
	return buf_failed(&exchange->body) ? 0 : size * count;
}

static void
http_set_security(CURL *easy)
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
}

static void
http_set_call(HttpExchange *exchange, const HttpCall *call)
{
	CURL	   *easy = exchange->easy;

	http_set_security(easy);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
					 (long) (call->connect_timeout / CLOCK_MS));
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
					 (long) (call->timeout / CLOCK_MS));
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->error);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_on_write);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
	if (call->direct)
		curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	if (call->body != NULL)
		curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, call->body);
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
}

static bool
http_set_headers(HttpExchange *exchange, const HttpCall *call)
{
	for (const char *const *line = call->headers;
		 line != NULL && *line != NULL; line++)
	{
		struct curl_slist *longer = curl_slist_append(exchange->headers,
													  *line);

		if (longer == NULL)
			return false;
		exchange->headers = longer;
	}
	return true;
}

HttpExchange *
http_exchange_start(const HttpCall *call, Error *err)
{
	HttpExchange *exchange = calloc(1, sizeof(*exchange));

	if (exchange == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	curl_global_init(CURL_GLOBAL_DEFAULT);
	buf_init(&exchange->body, HTTP_MAX_ANSWER);
	exchange->multi = curl_multi_init();
	exchange->easy = curl_easy_init();

	/* all of it at once: a buffer that moves leaves a copy behind */
	if (!buf_reserve(&exchange->body, HTTP_MAX_ANSWER) ||
		exchange->multi == NULL || exchange->easy == NULL ||
		!http_set_headers(exchange, call) ||
		curl_easy_setopt(exchange->easy, CURLOPT_URL, call->url) != CURLE_OK)
		goto failed;
	http_set_call(exchange, call);
	if (curl_multi_add_handle(exchange->multi, exchange->easy) == CURLM_OK)
		return exchange;

failed:
	error_no_memory(err);
	http_exchange_free(exchange);
	return NULL;
}

static void
http_reap(HttpExchange *exchange)
{
	CURLMsg    *message;
	int			left;

	while ((message = curl_multi_info_read(exchange->multi, &left)) != NULL)
	{
		if (message->msg != CURLMSG_DONE)
			continue;
		exchange->result = message->data.result;
		curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE,
						  &exchange->status);
		exchange->state = exchange->result == CURLE_OK ? HTTP_ANSWERED :
			HTTP_FAILED;
	}
}

HttpState
http_exchange_poll(HttpExchange *exchange, int64_t wait, Error *err)
{
	int64_t		deadline = clock_now() + wait;
	int			running;

	for (;;)
	{
		if (exchange->state == HTTP_PENDING)
			curl_multi_perform(exchange->multi, &running);
		http_reap(exchange);
		if (exchange->state != HTTP_PENDING || clock_now() >= deadline)
			break;
		curl_multi_poll(exchange->multi, NULL, 0, clock_ms_until(deadline),
						NULL);
	}
	if (exchange->state == HTTP_FAILED)
	{
		error_set(err, ERROR_CONNECT, "%s", exchange->error[0] != '\0' ?
				  exchange->error : curl_easy_strerror(exchange->result));
		error_retriable(err);
	}
	return exchange->state;
}

long
http_exchange_status(const HttpExchange *exchange)
{
	return exchange->status;
}

Slice
http_exchange_body(const HttpExchange *exchange)
{
	return buf_slice(&exchange->body);
}

void
http_exchange_free(HttpExchange *exchange)
{
	if (exchange == NULL)
		return;
	if (exchange->multi != NULL && exchange->easy != NULL)
		curl_multi_remove_handle(exchange->multi, exchange->easy);
	curl_easy_cleanup(exchange->easy);
	if (exchange->multi != NULL)
		curl_multi_cleanup(exchange->multi);
	curl_slist_free_all(exchange->headers);
	if (exchange->body.data != NULL)
		OPENSSL_cleanse(exchange->body.data, exchange->body.capacity);
	buf_free(&exchange->body);
	free(exchange);
	curl_global_cleanup();
}
