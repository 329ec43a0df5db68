/*
 * test_s3_renewal.c
 *		Keys that expire under way: renewed beside the requests, which go on
 *		meanwhile, or wait where they cannot be signed without.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "http_script.h"
#include "object_store.h"

#define SECRET		"cAnArY+sEcReT/0123456789"
#define OK_TAG		{HTTP_ANSWER, "200 OK", "ETag: \"abc\"\r\n", NULL}
#define EXPIRED \
	{HTTP_ANSWER, "400 Bad Request", NULL, "<Error><Code>ExpiredToken</Code></Error>"}
#define REFUSED		{HTTP_ANSWER, "403 Forbidden", NULL, NULL}
#define TROUBLE		{HTTP_ANSWER, "503 Later", NULL, NULL}

static HttpServer bucket;
static HttpServer agent;
static char endpoint[64];
static char keys[3][512];
static ObjectStore *store;
static StoreS3Options options;
static StoreRequest request;

/* What the agent hands out: keys number i, that live for so long. */
static HttpStep
keys_for(int i, int seconds)
{
	char		when[32];
	time_t		end = time(NULL) + seconds;
	struct tm	parts;

	gmtime_r(&end, &parts);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &parts);
	snprintf(keys[i], sizeof(keys[i]),
			 "{\"AccessKeyId\": \"AK%d\", \"SecretAccessKey\": \"" SECRET
			 "\", \"Token\": \"token-%d\", \"Expiration\": \"%s\"}", i, i, when);
	return (HttpStep) {HTTP_ANSWER, "200 OK", NULL, keys[i]};
}

static void
open_store(const HttpStep *bucket_steps, int bucket_count,
		   const HttpStep *agent_steps, int agent_count)
{
	char		url[64];
	Error		err;

	http_start(&bucket, bucket_steps, bucket_count);
	http_start(&agent, agent_steps, agent_count);
	snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%d", bucket.port);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/keys", agent.port);
	setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
	setenv("HOME", "/nonexistent", 1);
	unsetenv("AWS_ACCESS_KEY_ID");
	unsetenv("AWS_SECRET_ACCESS_KEY");
	unsetenv("AWS_WEB_IDENTITY_TOKEN_FILE");
	unsetenv("AWS_PROFILE");
	options = (StoreS3Options) {.sink = "t",.bucket = "bkt",.endpoint = endpoint,
		.region = "eu-west-9",.max_uploads = 1,.connect_timeout = CLOCK_SECOND,
	.request_timeout = 5 * CLOCK_SECOND};
	store = store_s3_new(&options, &err);
	if (store == NULL || !store->ops->open(store, &err))
		fail_msg("%s", err.message);
}

static int
teardown(void **state)
{
	(void) state;
	store_release(store, &request);
	store->ops->free(store);
	http_stop(&bucket);
	http_stop(&agent);
	memset(&request, 0, sizeof(request));
	return 0;
}

static void
put(void)
{
	request.verb = STORE_PUT;
	request.key = "k";
	store_start(store, &request);
	store_wait(store, &request);
}

static void
put_is_done(int count, const char *token)
{
	put();
	if (request.state != STORE_DONE)
		fail_msg("%s / %s", request.error.message, request.error.detail);
	assert_int_equal(bucket.request_count, count);
	assert_string_equal(
		http_header(&bucket.requests[count - 1], "x-amz-security-token"), token);
	store_release(store, &request);
	memset(&request, 0, sizeof(request));
}

/* Good for an hour: nobody is asked again. */
static void
test_fresh(void **state)
{
	static const HttpStep puts[] = {OK_TAG, OK_TAG};
	HttpStep	gives[] = {keys_for(0, 3600)};

	(void) state;
	open_store(puts, 2, gives, 1);
	put_is_done(1, "token-0");
	put_is_done(2, "token-0");
	assert_int_equal(agent.request_count, 1);
}

/* Less than five minutes left: new ones, and nothing is refused in between. */
static void
test_renewed_before(void **state)
{
	static const HttpStep puts[] = {OK_TAG, OK_TAG};
	HttpStep	gives[] = {keys_for(0, 200), keys_for(1, 3600)};

	(void) state;
	open_store(puts, 2, gives, 2);
	put_is_done(1, "token-0");
	for (int i = 0; i < 100 && agent.request_count < 2; i++)
	{
		store->ops->poll(store);
		usleep(10000);
	}
	for (int i = 0; i < 20; i++)
	{
		store->ops->poll(store);
		usleep(10000);
	}
	put_is_done(2, "token-1");
	assert_int_equal(agent.request_count, 2);
}

/* An agent in trouble is asked again later; what the keys can do goes on. */
static void
test_trouble_while_good(void **state)
{
	static const HttpStep puts[] = {OK_TAG, OK_TAG, OK_TAG};
	HttpStep	gives[] = {keys_for(0, 200), TROUBLE, TROUBLE, TROUBLE};
	int64_t		began;

	(void) state;
	open_store(puts, 3, gives, 4);
	began = clock_now();
	for (int i = 1; i <= 3; i++)
		put_is_done(i, "token-0");
	assert_true(clock_now() - began < 2 * CLOCK_SECOND);
}

/* An agent that says nothing holds up neither requests nor the loop. */
static void
test_silence_while_good(void **state)
{
	static const HttpStep puts[] = {OK_TAG, OK_TAG};
	HttpStep	gives[] = {keys_for(0, 200)};
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t	size = sizeof(address);
	int			silent = socket(AF_INET, SOCK_STREAM, 0);
	char		url[64];

	(void) state;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(silent, (struct sockaddr *) &address, size), 0);
	assert_int_equal(listen(silent, 4), 0);
	getsockname(silent, (struct sockaddr *) &address, &size);
	open_store(puts, 2, gives, 1);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(address.sin_port));
	setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
	for (int i = 1; i <= 2; i++)
	{
		int64_t		began = clock_now();

		put_is_done(i, "token-0");
		assert_true(clock_now() - began < CLOCK_SECOND);
	}
	for (int i = 0; i < 50; i++)
	{
		int64_t		began = clock_now();

		store->ops->poll(store);
		assert_true(clock_now() - began < CLOCK_SECOND / 2);
	}
	close(silent);
}

/* At their end requests wait for new keys, and no expired one is sent. */
static void
test_held_until_renewed(void **state)
{
	static const HttpStep puts[] = {OK_TAG};
	HttpStep	gives[] = {keys_for(0, -10), TROUBLE, keys_for(1, 3600)};

	(void) state;
	open_store(puts, 1, gives, 3);
	put_is_done(1, "token-1");
	assert_int_equal(agent.request_count, 3);
	assert_int_equal(bucket.request_count, 1);
}

/* The server says so first: likewise. */
static void
test_refused_as_expired(void **state)
{
	static const HttpStep puts[] = {EXPIRED, OK_TAG};
	HttpStep	gives[] = {keys_for(0, 3600), keys_for(1, 3600)};

	(void) state;
	open_store(puts, 2, gives, 2);
	put_is_done(2, "token-1");
}

/* Keys that are denied end the request, with the reason. */
static void
test_denied(void **state)
{
	static const HttpStep puts[] = {EXPIRED, EXPIRED};
	HttpStep	gives[] = {keys_for(0, 3600), REFUSED};

	(void) state;
	open_store(puts, 2, gives, 2);
	put();
	assert_int_equal(request.state, STORE_FAILED);
	assert_non_null(strstr(request.error.message, "from the container"));
	assert_non_null(strstr(request.error.message, "403"));
	assert_null(strstr(request.error.message, "cAnArY"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_fresh, teardown),
		cmocka_unit_test_teardown(test_renewed_before, teardown),
		cmocka_unit_test_teardown(test_trouble_while_good, teardown),
		cmocka_unit_test_teardown(test_silence_while_good, teardown),
		cmocka_unit_test_teardown(test_held_until_renewed, teardown),
		cmocka_unit_test_teardown(test_refused_as_expired, teardown),
		cmocka_unit_test_teardown(test_denied, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
