/*
 * test_schema_registry.c
 *		The registry's client against a scripted server: what goes out, what is
 *		tried again, what comes back as an answer and with which words; and the
 *		reading of replies on its own.
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
#include "schema_registry.h"

#define STEPS(...) \
	static const HttpStep steps[] = {__VA_ARGS__}; \
	session_open(steps, sizeof(steps) / sizeof(steps[0]))
#define SAYS(status, body)	{HTTP_ANSWER, status, NULL, body}

static HttpServer server;
static SchemaRegistry *registry;
static SchemaOptions options;
static SchemaAnswer answer;
static Error failure;
static char address[128];

static void
session_begin(const HttpStep *steps, int count)
{
	http_start(&server, steps, count);
	snprintf(address, sizeof(address), "http://127.0.0.1:%d/base/",
			 server.port);
	options = (SchemaOptions) {.url = address};
}

static void
session_make(void)
{
	error_clear(&failure);
	registry = schema_registry_new(&options, "sink t", &failure);
	assert_non_null(registry);
}

static void
session_open(const HttpStep *steps, int count)
{
	session_begin(steps, count);
	session_make();
}

static int
session_close(void **state)
{
	(void) state;
	schema_registry_free(registry);
	registry = NULL;
	http_stop(&server);
	return 0;
}

/* To its end, at most ten seconds; as the loop does it. */
static SchemaOutcome
finish(void)
{
	int64_t		limit = clock_now() + 10 * CLOCK_SECOND;

	while (clock_now() < limit)
	{
		struct pollfd fds[4];
		int64_t		deadline = limit;
		SchemaOutcome outcome = schema_registry_poll(registry, &answer,
													 &failure);
		int			count;

		if (outcome != SCHEMA_PENDING)
			return outcome;
		count = schema_registry_watch(registry, fds, 4, &deadline);
		poll(fds, (nfds_t) count, clock_ms_until(deadline));
	}
	fail_msg("no outcome in ten seconds");
	return SCHEMA_PENDING;
}

static SchemaOutcome
ask(SchemaVerb verb, SchemaType type, const char *subject, const char *schema)
{
	SchemaQuestion question = {verb, type, subject, slice_of(schema)};

	assert_true(schema_registry_ask(registry, &question, &failure));
	return finish();
}

static void
assert_begins(const char *text, const char *begin)
{
	if (strncmp(text, begin, strlen(begin)) != 0)
		fail_msg("\"%s\" does not begin with \"%s\"", text, begin);
}

static void
assert_holds(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" does not hold \"%s\"", text, part);
}

/* ---- what goes out ---- */

static void
test_requests(void **state)
{
	(void) state;
	STEPS(SAYS("200 OK", "{\"subject\":\"s\",\"version\":1,\"id\":7}"),
		  SAYS("200 OK", "{\"id\":8}"),
		  SAYS("200 OK", "{\"id\":9,\"schema\":\"a \\\"b\\\"\\n\"}"));
	assert_int_equal(ask(SCHEMA_LOOKUP, SCHEMA_PROTOBUF, "a b/\"c-value",
						 "say \"x\"\n"), SCHEMA_FOUND);
	assert_int_equal(answer.id, 7);
	assert_begins(server.requests[0].head,
				  "POST /base/subjects/a%20b%2F%22c-value HTTP/1.1\r\n");
	assert_string_equal(server.requests[0].body,
						"{\"schemaType\":\"PROTOBUF\",\"schema\":\"say \\\"x\\\"\\n\"}");
	assert_string_equal(http_header(&server.requests[0], "Content-Type"),
						"application/vnd.schemaregistry.v1+json");
	assert_string_equal(http_header(&server.requests[0], "Authorization"), "");

	assert_int_equal(ask(SCHEMA_REGISTER, SCHEMA_AVRO, "s-key", "\"int\""),
					 SCHEMA_FOUND);
	assert_int_equal(answer.id, 8);
	assert_begins(server.requests[1].head,
				  "POST /base/subjects/s-key/versions HTTP/1.1\r\n");
	assert_string_equal(server.requests[1].body, "{\"schema\":\"\\\"int\\\"\"}");

	assert_int_equal(ask(SCHEMA_LATEST, SCHEMA_AVRO, "s-key", ""),
					 SCHEMA_FOUND);
	assert_int_equal(answer.id, 9);
	assert_string_equal(answer.text, "a \"b\"\n");
	assert_begins(server.requests[2].head,
				  "GET /base/subjects/s-key/versions/latest HTTP/1.1\r\n");
}

static void
test_basic_user(void **state)
{
	static const HttpStep steps[] = {SAYS("200 OK", "{\"id\":1}")};

	(void) state;
	session_begin(steps, 1);
	options.username = "Aladdin";
	options.password = "open sesame";
	session_make();
	assert_int_equal(ask(SCHEMA_REGISTER, SCHEMA_AVRO, "s", "x"),
					 SCHEMA_FOUND);
	assert_string_equal(http_header(&server.requests[0], "Authorization"),
						"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

static void
test_bearer_token(void **state)
{
	static const HttpStep steps[] = {SAYS("200 OK", "{\"id\":1}")};

	(void) state;
	session_begin(steps, 1);
	options.token = "t0ken";
	session_make();
	assert_int_equal(ask(SCHEMA_REGISTER, SCHEMA_AVRO, "s", "x"),
					 SCHEMA_FOUND);
	assert_string_equal(http_header(&server.requests[0], "Authorization"),
						"Bearer t0ken");
}

/* ---- answers ---- */

static void
test_missing(void **state)
{
	(void) state;
	STEPS(SAYS("404 Not Found", "{\"error_code\":40401,\"message\":\"no\"}"),
		  SAYS("404 Not Found", "{\"error_code\":40403,\"message\":\"no\"}"),
		  SAYS("404 Not Found", "{\"error_code\":40402,\"message\":\"no\"}"),
		  SAYS("404 Not Found", "<html>"));
	assert_int_equal(ask(SCHEMA_LOOKUP, SCHEMA_AVRO, "s", "x"),
					 SCHEMA_NO_SUBJECT);
	assert_int_equal(ask(SCHEMA_LOOKUP, SCHEMA_AVRO, "s", "x"),
					 SCHEMA_UNKNOWN);
	assert_int_equal(ask(SCHEMA_LATEST, SCHEMA_AVRO, "s", "x"),
					 SCHEMA_UNKNOWN);
	assert_int_equal(ask(SCHEMA_LOOKUP, SCHEMA_AVRO, "s", "x"), SCHEMA_FAILED);
	assert_int_equal(failure.code, ERROR_SINK_SETUP);
	assert_holds(failure.message, "does not answer like a schema registry");
	assert_holds(failure.hint, "/apis/ccompat/v7");
}

static void
test_incompatible(void **state)
{
	(void) state;
	STEPS(SAYS("409 Conflict",
			   "{\"error_code\":409,\"message\":\"field\\nchanged\"}"),
		  SAYS("422 Unprocessable Entity",
			   "{\"error_code\":42201,\"message\":\"bad\"}"));
	assert_int_equal(ask(SCHEMA_REGISTER, SCHEMA_AVRO, "s", "x"),
					 SCHEMA_INCOMPATIBLE);
	assert_string_equal(answer.text, "field changed");
	assert_int_equal(ask(SCHEMA_REGISTER, SCHEMA_AVRO, "s", "x"),
					 SCHEMA_FAILED);
	assert_int_equal(failure.code, ERROR_RECORD);
	assert_string_equal(failure.detail, "It says: bad.");
}

static void
test_denied(void **state)
{
	(void) state;
	STEPS(SAYS("401 Unauthorized", "{\"message\":\"who\"}"),
		  SAYS("403 Forbidden", NULL));
	options.password = "s3cret";
	assert_int_equal(ask(SCHEMA_REGISTER, SCHEMA_AVRO, "s", "x"),
					 SCHEMA_FAILED);
	assert_int_equal(failure.code, ERROR_SINK_SETUP);
	assert_holds(failure.message, "status 401");
	assert_holds(failure.hint, "schema_registry_password");
	assert_int_equal(ask(SCHEMA_REGISTER, SCHEMA_AVRO, "s", "x"),
					 SCHEMA_FAILED);
	assert_holds(failure.message, "status 403");
}

static void
test_tried_again(void **state)
{
	(void) state;
	STEPS(SAYS("500 Internal Server Error", "{\"error_code\":50001}"),
		  {HTTP_RESET, NULL, NULL, NULL},
		  SAYS("429 Too Many Requests", NULL),
		  SAYS("200 OK", "{\"id\":3}"));
	assert_int_equal(ask(SCHEMA_REGISTER, SCHEMA_AVRO, "s", "x"),
					 SCHEMA_FOUND);
	assert_int_equal(answer.id, 3);
	assert_int_equal(server.request_count, 4);
	/* the pauses grow */
	assert_true(http_seconds_between(&server, 0, 1) >= 0.1);
	assert_true(http_seconds_between(&server, 1, 2) >= 0.2);
	assert_true(http_seconds_between(&server, 2, 3) >= 0.4);
	assert_string_equal(server.requests[3].body, server.requests[0].body);
}

/* The first of two addresses refuses connections. */
static void
test_next_address(void **state)
{
	static const HttpStep steps[] = {SAYS("200 OK", "{\"id\":5}"),
	SAYS("200 OK", "{\"id\":6}")};
	char		both[160];
	int64_t		begin = clock_now();

	(void) state;
	session_begin(steps, 2);
	snprintf(both, sizeof(both), "http://127.0.0.1:1,%s", address);
	options.url = both;
	session_make();
	assert_int_equal(ask(SCHEMA_REGISTER, SCHEMA_AVRO, "s", "x"),
					 SCHEMA_FOUND);
	assert_int_equal(answer.id, 5);
	assert_true(clock_now() - begin < 5 * CLOCK_SECOND);
	/* and stays with it */
	assert_int_equal(ask(SCHEMA_REGISTER, SCHEMA_AVRO, "s", "x"),
					 SCHEMA_FOUND);
	assert_int_equal(answer.id, 6);
}

static void
test_strange(void **state)
{
	(void) state;
	STEPS(SAYS("200 OK", "<html>"), SAYS("200 OK", "{\"id\":\"7\"}"),
		  SAYS("200 OK", "{\"id\":-1}"), SAYS("301 Moved", NULL),
		  SAYS("200 OK", "{\"id\":7}"));
	for (int i = 0; i < 4; i++)
	{
		assert_int_equal(ask(SCHEMA_REGISTER, SCHEMA_AVRO, "s", "x"),
						 SCHEMA_FAILED);
		assert_int_equal(failure.code, ERROR_SINK_SETUP);
	}
	/* latest without the text of a schema */
	assert_int_equal(ask(SCHEMA_LATEST, SCHEMA_AVRO, "s", "x"),
					 SCHEMA_FAILED);
}

/* A question dropped half way disturbs the next one in nothing. */
static void
test_cancel(void **state)
{
	SchemaQuestion question = {SCHEMA_LOOKUP, SCHEMA_AVRO, "s", {NULL, 0}};

	(void) state;
	STEPS(SAYS("200 OK", "{\"id\":1}"), SAYS("200 OK", "{\"id\":2}"));
	assert_int_equal(ask(SCHEMA_LOOKUP, SCHEMA_AVRO, "s", "x"), SCHEMA_FOUND);
	assert_true(schema_registry_ask(registry, &question, &failure));
	schema_registry_cancel(registry);
	assert_int_equal(schema_registry_poll(registry, &answer, &failure),
					 SCHEMA_PENDING);
	assert_int_equal(ask(SCHEMA_LOOKUP, SCHEMA_AVRO, "s", "x"), SCHEMA_FOUND);
	assert_int_equal(answer.id, 2);
}

/* ---- options ---- */

static void
refused(const char *url, const char *username, const char *password,
		const char *token)
{
	SchemaOptions bad = {.url = (char *) url, .username = (char *) username,
	.password = (char *) password, .token = (char *) token};
	Error		err;

	error_clear(&err);
	assert_null(schema_registry_new(&bad, "sink t", &err));
	assert_int_equal(err.code, ERROR_USAGE);
	assert_null(strstr(err.message, "s3cret"));
}

static void
test_options(void **state)
{
	(void) state;
	refused("", NULL, NULL, NULL);
	refused("localhost:8081", NULL, NULL, NULL);
	refused("ftp://x", NULL, NULL, NULL);
	refused("http://", NULL, NULL, NULL);
	refused("http://a,", NULL, NULL, NULL);
	refused("http://a b", NULL, NULL, NULL);
	refused("http://a?x=1", NULL, NULL, NULL);
	refused("http://u:s3cret@a", NULL, NULL, NULL);
	refused("u:s3cret@a", NULL, NULL, NULL);
	refused("http://a", "u", "s3cret\r\nX: y", NULL);
	refused("http://a", NULL, NULL, "s3cret\n");
	refused("http://a", NULL, "s3cret", NULL);
	refused("http://a", "u", NULL, "s3cret");
}

/* ---- replies on their own ---- */

static void
test_replies(void **state)
{
	SchemaReply reply;
	Buf			body;

	(void) state;
	schema_reply_read(&reply, slice_make(NULL, 0));
	assert_false(reply.has_id);
	assert_int_equal(schema_reply_judge(200, &reply), SCHEMA_REPLY_STRANGE);
	schema_reply_free(&reply);

	schema_reply_read(&reply, slice_of("[1]"));
	assert_false(reply.has_id);
	schema_reply_free(&reply);

	schema_reply_read(&reply, slice_of("{\"id\":2147483648,\"schema\":1}"));
	assert_false(reply.has_id);
	assert_null(reply.schema);
	schema_reply_free(&reply);

	/* a long message ends between characters */
	buf_init(&body, 4096);
	buf_append_string(&body, "{\"message\":\"x");
	for (int i = 0; i < 400; i++)
		buf_append_string(&body, "\xc3\xa9");
	buf_append_string(&body, "\"}");
	schema_reply_read(&reply, buf_slice(&body));
	assert_int_equal(strlen(reply.message), ERROR_TEXT_SIZE - 1);
	assert_int_equal((unsigned char) reply.message[ERROR_TEXT_SIZE - 2], 0xa9);
	schema_reply_free(&reply);
	buf_free(&body);
}

#define SERVED(test)	cmocka_unit_test_teardown(test, session_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SERVED(test_requests),
		SERVED(test_basic_user),
		SERVED(test_bearer_token),
		SERVED(test_missing),
		SERVED(test_incompatible),
		SERVED(test_denied),
		SERVED(test_tried_again),
		SERVED(test_next_address),
		SERVED(test_strange),
		SERVED(test_cancel),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
