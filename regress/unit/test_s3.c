/*
 * test_s3.c
 *		The S3 store against a scripted server: what goes out, what is tried
 *		again, what is given up and with which words; and its parts on their own.
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
#include "s3_call.h"
#include "s3_reply.h"
#include "xml_text.h"
#include "s3_target.h"

#define SECRET	"cAnArY+sEcReT/0123456789"
#define TOKEN	"cAnArYtOkEn"

#define STEPS(...) \
	static const HttpStep steps[] = {__VA_ARGS__}; \
	session_open(steps, sizeof(steps) / sizeof(steps[0]))

#define OK_TAG		{HTTP_ANSWER, "200 OK", "ETag: \"abc\"\r\n", NULL}
#define S3_ERROR(status, code) \
	{HTTP_ANSWER, status, NULL, "<?xml version=\"1.0\"?>\n<Error><Code>" code \
	"</Code><Message>Some &lt;words&gt;.\nSecond</Message><RequestId>R1</RequestId>" \
	"<StringToSign>" TOKEN "</StringToSign></Error>"}
#define BEGUN \
	{HTTP_ANSWER, "200 OK", NULL, "<InitiateMultipartUploadResult>" \
	"<UploadId>up&amp;1/+</UploadId></InitiateMultipartUploadResult>"}
#define COMPLETED \
	{HTTP_ANSWER, "200 OK", NULL, "\n\n <CompleteMultipartUploadResult>" \
	"<ETag>&quot;x-2&quot;</ETag></CompleteMultipartUploadResult>"}

static HttpServer server;
static ObjectStore *store;
static StoreS3Options options;
static char endpoint[64];
static StoreRequest request;
static StoreMeta meta = {"text/plain", "71", "fan", "0/1,1"};
static char *tags[] = {"\"t1\"", "\"t2\""};

static void
session_open(const HttpStep *steps, int count)
{
	Error		err;

	http_start(&server, steps, count);
	snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%d", server.port);
	options = (StoreS3Options) {.sink = "t",.bucket = "bkt",.endpoint = endpoint,
		.access_key_id = "AKID",.secret_access_key = SECRET,.session_token = TOKEN,
		.region = "eu-west-9",.max_uploads = 1,.connect_timeout = CLOCK_SECOND,
	.request_timeout = 5 * CLOCK_SECOND};
	store = store_s3_new(&options, &err);
	if (store == NULL || !store->ops->open(store, &err))
		fail_msg("%s", err.message);
}

static void
ask(StoreVerb verb)
{
	request.verb = verb;
	request.key = "a b/c+d=.jsonl";
	request.meta = &meta;
	request.upload = "up&1/+";
	request.tags = tags;
	request.tag_count = 2;
	store_start(store, &request);
	store_wait(store, &request);
}

static int
teardown(void **state)
{
	(void) state;
	if (store != NULL)
	{
		store_release(store, &request);
		store->ops->free(store);
		http_stop(&server);
	}
	store = NULL;
	memset(&request, 0, sizeof(request));
	return 0;
}

static void
assert_done(int requests)
{
	if (request.state != STORE_DONE)
		fail_msg("state %d: %s / %s", request.state, request.error.message,
				 request.error.detail);
	assert_int_equal(server.request_count, requests);
}

/* Failed for good, with a message and a hint, and without secrets. */
static void
assert_failed(int requests, ErrorCode code, const char *message, const char *hint)
{
	const Error *err = &request.error;

	assert_int_equal(request.state, STORE_FAILED);
	assert_int_equal(server.request_count, requests);
	assert_int_equal(err->code, code);
	if (strstr(err->message, message) == NULL)
		fail_msg("message: %s", err->message);
	if (strstr(err->hint, hint) == NULL)
		fail_msg("hint: %s", err->hint);
	assert_null(strstr(err->message, "cAnArY"));
	assert_null(strstr(err->detail, "cAnArY"));
	assert_null(strstr(err->hint, "cAnArY"));
}

static void
assert_starts(int i, const char *line)
{
	if (strncmp(server.requests[i].head, line, strlen(line)) != 0)
		fail_msg("request %d: %s", i, server.requests[i].head);
}

/* ---- what goes out ---- */

static void
test_put(void **state)
{
	char		hash[SIGV4_HASH_SIZE];

	(void) state;
	STEPS(OK_TAG);
	options.storage_class = "STANDARD_IA";
	request.body = slice_of("hello");
	ask(STORE_PUT);
	assert_done(1);
	assert_starts(0, "PUT /bkt/a%20b/c%2Bd%3D.jsonl HTTP/1.1\r\n");
	assert_string_equal(server.requests[0].body, "hello");
	sigv4_hash(request.body, hash);
	assert_string_equal(http_header(&server.requests[0], "x-amz-content-sha256"), hash);
	assert_string_equal(http_header(&server.requests[0], "Content-Type"), "text/plain");
	assert_string_equal(http_header(&server.requests[0], "x-amz-meta-pg-fanout-position"), "0/1,1");
	assert_string_equal(http_header(&server.requests[0], "x-amz-security-token"), TOKEN);
	assert_string_equal(http_header(&server.requests[0], "Expect"), "");
	assert_non_null(strstr(http_header(&server.requests[0], "Authorization"),
						   "Credential=AKID/"));
	assert_non_null(strstr(http_header(&server.requests[0], "Authorization"),
						   "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;"
						   "x-amz-meta-pg-fanout-position;x-amz-meta-pg-fanout-slot;"
						   "x-amz-meta-pg-fanout-system;x-amz-meta-pg-fanout-writer;"
						   "x-amz-security-token"));
	assert_null(strstr(server.requests[0].head, SECRET));
}

static void
test_multipart(void **state)
{
	(void) state;
	STEPS(BEGUN, OK_TAG, COMPLETED, {HTTP_ANSWER, "204 No Content", NULL, NULL});
	ask(STORE_BEGIN);
	assert_done(1);
	assert_string_equal(buf_string(&request.answer), "up&1/+");
	assert_starts(0, "POST /bkt/a%20b/c%2Bd%3D.jsonl?uploads= HTTP/1.1\r\n");
	store_release(store, &request);
	request.part = 2;
	request.body = slice_of("part");
	ask(STORE_PART);
	assert_done(2);
	assert_string_equal(buf_string(&request.answer), "\"abc\"");
	assert_starts(1, "PUT /bkt/a%20b/c%2Bd%3D.jsonl?partNumber=2&uploadId=up%261%2F%2B HTTP/1.1\r\n");
	assert_string_equal(http_header(&server.requests[1], "Content-Type"), "");
	store_release(store, &request);
	request.body.size = 0;
	ask(STORE_COMPLETE);
	assert_done(3);
	assert_starts(2, "POST /bkt/a%20b/c%2Bd%3D.jsonl?uploadId=up%261%2F%2B HTTP/1.1\r\n");
	assert_string_equal(server.requests[2].body,
						"<CompleteMultipartUpload>"
						"<Part><PartNumber>1</PartNumber><ETag>&quot;t1&quot;</ETag></Part>"
						"<Part><PartNumber>2</PartNumber><ETag>&quot;t2&quot;</ETag></Part>"
						"</CompleteMultipartUpload>");
	store_release(store, &request);
	ask(STORE_ABORT);
	assert_done(4);
	assert_starts(3, "DELETE /bkt/a%20b/c%2Bd%3D.jsonl?uploadId=up%261%2F%2B HTTP/1.1\r\n");
}

static void
test_get(void **state)
{
	(void) state;
	STEPS({HTTP_ANSWER, "200 OK", NULL, "content"}, S3_ERROR("404 Not Found", "NoSuchKey"),
		  {HTTP_ANSWER, "404 Not Found", NULL, NULL});
	ask(STORE_GET);
	assert_done(1);
	assert_string_equal(buf_string(&request.answer), "content");
	store_release(store, &request);
	ask(STORE_GET);
	assert_int_equal(request.state, STORE_MISSING);
	store_release(store, &request);
	ask(STORE_GET);
	assert_int_equal(request.state, STORE_MISSING);
}

static void
assert_conflict(int requests)
{
	assert_int_equal(request.state, STORE_CONFLICT);
	assert_int_equal(server.request_count, requests);
}

/* Only what was sent with a condition can fail by it. */
static void
test_conditions(void **state)
{
	(void) state;
	STEPS(OK_TAG, S3_ERROR("412 Precondition Failed", "PreconditionFailed"),
		  OK_TAG, {HTTP_ANSWER, "412 Precondition Failed", NULL, NULL},
		  S3_ERROR("404 Not Found", "NoSuchKey"), {HTTP_RESET},
		  S3_ERROR("409 Conflict", "ConditionalRequestConflict"), OK_TAG,
		  S3_ERROR("412 Precondition Failed", "PreconditionFailed"),
		  S3_ERROR("501 Not Implemented", "NotImplemented"));
	request.condition = STORE_CREATE;
	ask(STORE_PUT);
	assert_done(1);
	assert_string_equal(http_header(&server.requests[0], "If-None-Match"), "*");
	assert_string_equal(http_header(&server.requests[0], "If-Match"), "");
	assert_string_equal(request.etag, "\"abc\"");
	ask(STORE_PUT);
	assert_conflict(2);
	request.condition = STORE_REPLACE;
	ask(STORE_PUT);
	assert_done(3);
	assert_string_equal(http_header(&server.requests[2], "If-Match"), "\"abc\"");
	assert_non_null(strstr(http_header(&server.requests[2], "Authorization"), ";if-match;"));
	ask(STORE_PUT);
	assert_conflict(4);
	ask(STORE_PUT);
	assert_conflict(5);			/* there is none to replace */
	ask(STORE_PUT);
	assert_done(8);
	request.condition = STORE_ALWAYS;
	ask(STORE_PUT);
	assert_failed(9, ERROR_SINK_WRITE, "PreconditionFailed", "");
	request.condition = STORE_CREATE;
	ask(STORE_PUT);
	assert_failed(10, ERROR_SINK_WRITE, "NotImplemented", "conditional writes");
}

static void
test_head_and_range(void **state)
{
	(void) state;
	STEPS({HTTP_ANSWER, "200 OK", NULL, "twelve bytes"}, {HTTP_ANSWER, "404 Not Found", NULL, NULL},
		  {HTTP_ANSWER, "206 Partial Content", NULL, "elve"});
	ask(STORE_HEAD);
	assert_done(1);
	assert_starts(0, "HEAD /bkt/a%20b/c%2Bd%3D.jsonl HTTP/1.1\r\n");
	assert_int_equal(request.size, 12);
	ask(STORE_HEAD);
	assert_int_equal(request.state, STORE_MISSING);
	request.offset = 2;
	request.size = 4;
	ask(STORE_GET);
	assert_done(3);
	assert_string_equal(http_header(&server.requests[2], "Range"), "bytes=2-5");
	assert_string_equal(buf_string(&request.answer), "elve");
}

static void
test_lists(void **state)
{
	(void) state;
	STEPS({HTTP_ANSWER, "200 OK", NULL, "<ListBucketResult><IsTruncated>true</IsTruncated>"
		"<NextContinuationToken>t/1=</NextContinuationToken>"
		"<Contents><Key>a b/1</Key><Size>1</Size></Contents><Contents><Key>a b/&lt;2</Key></Contents>"
		"<CommonPrefixes><Prefix>a b/deep/</Prefix></CommonPrefixes></ListBucketResult>"},
		{HTTP_ANSWER, "200 OK", NULL, "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>x"},
		{HTTP_ANSWER, "200 OK", NULL, "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"});
	ask(STORE_LIST);
	assert_done(1);
	assert_starts(0, "GET /bkt/?delimiter=%2F&list-type=2&prefix=a%20b%2Fc%2Bd%3D.jsonl HTTP/1.1\r\n");
	assert_string_equal(buf_string(&request.answer), "a b/1\na b/<2\na b/deep/\n\tt/1=\n");
	request.after = "t/1=";
	ask(STORE_LIST);			/* the answer that is cut short is asked for again */
	assert_done(3);
	assert_starts(2, "GET /bkt/?continuation-token=t%2F1%3D&delimiter=%2F&list-type=2&prefix=");
	assert_int_equal(request.answer.size, 0);
}

/* ---- what is tried again ---- */

static void
test_retries(void **state)
{
	(void) state;
	STEPS(S3_ERROR("503 Slow Down", "SlowDown"), S3_ERROR("500 Oops", "InternalError"),
		  {HTTP_RESET}, {HTTP_ANSWER, "502 Bad Gateway", NULL, "<html>no"}, OK_TAG);
	request.body = slice_of("again and again");
	ask(STORE_PUT);
	assert_done(5);
	for (int i = 0; i < 5; i++)
		assert_string_equal(server.requests[i].body, "again and again");
	/* 0.1 to 0.2 s, then up to 0.4, 0.8, 1.6: half of it is left to chance */
	assert_true(http_seconds_between(&server, 0, 1) >= 0.09);
	assert_true(http_seconds_between(&server, 3, 4) >= 0.75);
	assert_true(http_seconds_between(&server, 3, 4) < 5);
}

static void
test_short_body(void **state)
{
	(void) state;
	STEPS({HTTP_CUT, "200 OK", NULL, "conte"}, {HTTP_ANSWER, "200 OK", NULL, "content"});
	ask(STORE_GET);
	assert_done(2);
	assert_string_equal(buf_string(&request.answer), "content");
}

static void
test_answer_without_upload(void **state)
{
	(void) state;
	STEPS({HTTP_ANSWER, "200 OK", NULL, "<Initiate"}, BEGUN);
	ask(STORE_BEGIN);
	assert_done(2);
}

static void
test_error_in_success(void **state)
{
	(void) state;
	STEPS(S3_ERROR("200 OK", "InternalError"), {HTTP_ANSWER, "200 OK", NULL, "   "},
		  COMPLETED);
	ask(STORE_COMPLETE);
	assert_done(3);
}

static void
test_refusal_in_success(void **state)
{
	(void) state;
	STEPS(S3_ERROR("200 OK", "AccessDenied"));
	ask(STORE_COMPLETE);
	assert_failed(1, ERROR_SINK_SETUP, "AccessDenied", "s3:PutObject");
}

/* The completion worked, its answer was lost. */
static void
test_lost_completion(void **state)
{
	(void) state;
	STEPS(BEGUN, {HTTP_RESET}, S3_ERROR("404 Not Found", "NoSuchUpload"),
		  {HTTP_ANSWER, "200 OK", "x-amz-meta-pg-fanout-writer: %WRITER%\r\n"
		  "Content-Length: 77\r\n", NULL});
	ask(STORE_BEGIN);
	store_release(store, &request);
	request.size = 77;
	ask(STORE_COMPLETE);
	assert_done(4);
	assert_starts(3, "HEAD /bkt/a%20b/c%2Bd%3D.jsonl HTTP/1.1\r\n");
}

static void
test_lost_upload(void **state)
{
	(void) state;
	STEPS(BEGUN, {HTTP_RESET}, S3_ERROR("404 Not Found", "NoSuchUpload"),
		  {HTTP_ANSWER, "200 OK", "x-amz-meta-pg-fanout-writer: other\r\n"
		  "Content-Length: 77\r\n", NULL});
	ask(STORE_BEGIN);
	store_release(store, &request);
	request.size = 77;
	ask(STORE_COMPLETE);
	assert_failed(4, ERROR_SINK_WRITE, "another object", "");
}

static void
test_vanished_upload(void **state)
{
	(void) state;
	STEPS({HTTP_RESET}, S3_ERROR("404 Not Found", "NoSuchUpload"),
		  {HTTP_ANSWER, "404 Not Found", NULL, NULL});
	ask(STORE_COMPLETE);
	assert_failed(3, ERROR_SINK_SETUP, "made no object", "");
}

static void
test_clock_skew(void **state)
{
	(void) state;
	STEPS({HTTP_ANSWER, "403 Forbidden", "Date: Fri, 24 May 2013 00:00:00 GMT\r\n",
		  "<Error><Code>RequestTimeTooSkewed</Code></Error>"}, OK_TAG, OK_TAG);
	request.body = slice_of("x");
	ask(STORE_PUT);
	assert_done(2);
	assert_int_equal(strncmp(http_header(&server.requests[1], "x-amz-date"),
							 "20130524T00000", 14), 0);
	store_release(store, &request);
	ask(STORE_PUT);				/* remembered */
	assert_int_equal(strncmp(http_header(&server.requests[2], "x-amz-date"),
							 "20130524T0000", 13), 0);
}

static void
test_clock_skew_twice(void **state)
{
	(void) state;
	STEPS({HTTP_ANSWER, "403 Forbidden", "Date: Fri, 24 May 2013 00:00:00 GMT\r\n",
		  "<Error><Code>RequestTimeTooSkewed</Code></Error>"},
		  S3_ERROR("403 Forbidden", "RequestTimeTooSkewed"));
	ask(STORE_GET);
	assert_failed(2, ERROR_SINK_SETUP, "RequestTimeTooSkewed", "clock");
}

/* Renewed in the environment since the start: read once more. */
static void
test_expired_token(void **state)
{
	static const HttpStep steps[] = {S3_ERROR("400 Bad Request", "ExpiredToken"), OK_TAG,
		S3_ERROR("400 Bad Request", "ExpiredToken"),
	S3_ERROR("400 Bad Request", "ExpiredToken")};

	(void) state;
	session_open(steps, 4);
	store->ops->free(store);
	options.access_key_id = options.secret_access_key = options.session_token = NULL;
	setenv("AWS_ACCESS_KEY_ID", "AKENV", 1);
	setenv("AWS_SECRET_ACCESS_KEY", SECRET, 1);
	setenv("AWS_SESSION_TOKEN", "old", 1);
	store = store_s3_new(&options, &request.error);
	assert_true(store->ops->open(store, &request.error));
	setenv("AWS_SESSION_TOKEN", "new", 1);
	ask(STORE_PUT);
	assert_done(2);
	assert_string_equal(http_header(&server.requests[0], "x-amz-security-token"), "old");
	assert_string_equal(http_header(&server.requests[1], "x-amz-security-token"), "new");
	store_release(store, &request);
	ask(STORE_PUT);
	assert_failed(4, ERROR_SINK_WRITE, "ExpiredToken", "renew");
	unsetenv("AWS_ACCESS_KEY_ID");
	unsetenv("AWS_SECRET_ACCESS_KEY");
	unsetenv("AWS_SESSION_TOKEN");
}

/* ---- what is refused ---- */

static void
test_refused(void **state)
{
	(void) state;
	STEPS(S3_ERROR("403 Forbidden", "SignatureDoesNotMatch"));
	ask(STORE_PUT);
	assert_failed(1, ERROR_SINK_SETUP,
				  "could not write \"a b/c+d=.jsonl\" in bucket \"bkt\" at 127.0.0.1",
				  "secret access key, which comes from the options");
	assert_string_equal(request.error.detail,
						"The server answered 403: Some <words>. Second; request ID R1.");
}

static void
test_refused_after_success(void **state)
{
	(void) state;
	STEPS(OK_TAG, S3_ERROR("403 Forbidden", "AccessDenied"),
		  S3_ERROR("404 Not Found", "NoSuchBucket"),
		  S3_ERROR("412 Precondition Failed", "PreconditionFailed"));
	ask(STORE_PUT);
	store_release(store, &request);
	ask(STORE_PUT);
	assert_failed(2, ERROR_SINK_WRITE, "AccessDenied", "s3:PutObject");
	store_release(store, &request);
	ask(STORE_GET);				/* no missing object: no bucket */
	assert_failed(3, ERROR_SINK_WRITE, "NoSuchBucket", "Create the bucket");
	store_release(store, &request);
	ask(STORE_PUT);
	assert_failed(4, ERROR_SINK_WRITE, "PreconditionFailed", "");
}

static void
test_other_region(void **state)
{
	(void) state;
	STEPS({HTTP_ANSWER, "301 Moved Permanently", "x-amz-bucket-region: sa-east-1\r\n"
		  "Location: http://127.0.0.1:1/\r\n",
		  "<Error><Code>PermanentRedirect</Code></Error>"},
		  {HTTP_ANSWER, "400 Bad Request", NULL,
		  "<Error><Code>AuthorizationHeaderMalformed</Code><Region>ap-x-1</Region></Error>"});
	ask(STORE_PUT);
	assert_failed(1, ERROR_SINK_SETUP, "PermanentRedirect",
				  "region sa-east-1, the sink uses eu-west-9: set region=sa-east-1");
	store_release(store, &request);
	ask(STORE_PUT);
	assert_failed(2, ERROR_SINK_SETUP, "AuthorizationHeaderMalformed", "region=ap-x-1");
}

/* Said while we still send, and the line broken: not to be tried for ever. */
static void
test_refused_early(void **state)
{
	static char body[8 * 1024 * 1024];

	(void) state;
	STEPS({HTTP_EARLY, "403 Forbidden", "Connection: close\r\n",
		  "<Error><Code>AccessDenied</Code></Error>"});
	request.body = slice_make(body, sizeof(body));
	ask(STORE_PUT);
	assert_failed(1, ERROR_SINK_SETUP, "AccessDenied", "s3:PutObject");
}

static void
test_unreachable(void **state)
{
	int64_t		start = clock_now();

	(void) state;
	STEPS(OK_TAG);
	shutdown(server.listener, SHUT_RDWR);
	close(server.listener);
	request.deadline = clock_now() + CLOCK_SECOND;
	ask(STORE_GET);
	assert_failed(0, ERROR_SINK_SETUP, "127.0.0.1", "endpoint");
	assert_true(request.error.retriable);
	assert_true(clock_now() - start < 3 * CLOCK_SECOND);
}

/* More requests than workers; one taken back while it waits, one while it runs. */
static void
test_queue_and_cancel(void **state)
{
	StoreRequest more[3] = {{.verb = STORE_GET,.key = "1"}, {.verb = STORE_GET,.key = "2"},
	{.verb = STORE_GET,.key = "3"}};

	(void) state;
	STEPS({HTTP_ANSWER, "200 OK", NULL, "one"}, {HTTP_ANSWER, "200 OK", NULL, "two"},
		  {HTTP_ANSWER, "200 OK", NULL, "three"});
	for (int i = 0; i < 3; i++)
		store_start(store, &more[i]);
	store_release(store, &more[1]);
	store_wait(store, &more[0]);
	store_wait(store, &more[2]);
	assert_int_equal(more[2].state, STORE_DONE);
	assert_int_equal(server.request_count, 2);
	assert_starts(1, "GET /bkt/3 ");
	store_start(store, &more[1]);
	store->ops->poll(store);
	store_release(store, &more[1]);
	for (int i = 0; i < 3; i++)
		store_release(store, &more[i]);
}

/* ---- targets ---- */

static void
target_gives(const char *bucket, const char *where, S3PathStyle style,
			 const char *url)
{
	S3Target	target;
	Buf			out;
	Error		err;

	buf_init(&out, 4096);
	if (!s3_target_init(&target, bucket, where, "eu-central-1", style, &err))
		fail_msg("%s", err.message);
	s3_target_base(&target, &out);
	s3_target_path(&target, "k/x", &out);
	assert_string_equal(buf_string(&out), url);
	buf_free(&out);
}

static void
test_targets(void **state)
{
	(void) state;
	target_gives("bkt", NULL, S3_PATH_AUTO, "https://bkt.s3.eu-central-1.amazonaws.com/k/x");
	target_gives("b.k.t", NULL, S3_PATH_AUTO, "https://s3.eu-central-1.amazonaws.com/b.k.t/k/x");
	target_gives("bkt", NULL, S3_PATH_ON, "https://s3.eu-central-1.amazonaws.com/bkt/k/x");
	target_gives("bkt", "http://h:9000", S3_PATH_AUTO, "http://h:9000/bkt/k/x");
	target_gives("bkt", "http://h:80/", S3_PATH_AUTO, "http://h/bkt/k/x");
	target_gives("bkt", "https://h:443", S3_PATH_OFF, "https://bkt.h/k/x");
	target_gives("bkt", "https://h:80", S3_PATH_OFF, "https://bkt.h:80/k/x");
}

static void
target_fails(const char *bucket, const char *where, const char *region)
{
	S3Target	target;
	Error		err;

	assert_false(s3_target_init(&target, bucket, where, region, S3_PATH_AUTO, &err));
	assert_int_equal(err.code, ERROR_USAGE);
	assert_null(strstr(err.message, "hunter22"));
}

static void
test_bad_targets(void **state)
{
	(void) state;
	target_fails(NULL, NULL, "r");
	target_fails("", NULL, "r");
	target_fails("a/b", NULL, "r");
	target_fails("a..b", NULL, "r");
	target_fails("bkt", "ftp://h", "r");
	target_fails("bkt", "h:9000", "r");
	target_fails("bkt", "http://", "r");
	target_fails("bkt", "http://u:hunter22@h", "r");
	target_fails("bkt", "http://h/path", "r");
	target_fails("bkt", "http://h\r\nX: y", "r");
	target_fails("bkt", NULL, "evil.example.com/");
}

/* ---- answers ---- */

static void
test_tags(void **state)
{
	Slice		xml = slice_of("<A><Codes>no</Codes><Code a=\"b\">x&amp;y&#x22;&bad;</Code><E/></A>");
	char		out[S3_TAG_SIZE];

	(void) state;
	assert_true(xml_text(xml, "Code", out, sizeof(out)));
	assert_string_equal(out, "x&y\"&bad;");
	assert_false(xml_text(xml, "E", out, sizeof(out)));
	assert_false(xml_text(xml, "None", out, sizeof(out)));
	assert_false(xml_text(xml, "Code", out, 5));
	assert_false(xml_text(slice_make("", 0), "Code", out, sizeof(out)));
	assert_false(xml_text(slice_make(NULL, 0), "Code", out, sizeof(out)));
}

/* Cut anywhere, any byte changed: nothing read beyond the end (sanitizers). */
static void
test_tag_fuzz(void **state)
{
	const char *xml = "<Error><Code>SlowDown</Code><Message>a&lt;b&#34;</Message><Region>r</Region></Error>";
	size_t		size = strlen(xml);
	const S3Place place = {"write", "b", "k", "h", "r", "options"};
	char		out[S3_TAG_SIZE];

	(void) state;
	srandom(1);
	for (int i = 0; i < 20000; i++)
	{
		size_t		cut = (size_t) random() % (size + 1);
		char	   *copy = malloc(cut + 1);	/* 1: a size of 0 is no memory */
		S3Reply		reply = {.status = 200 + 100 * (i % 4),.region = "",
		.complete = i % 2 == 0};
		Error		err;

		memcpy(copy, xml, cut);
		for (int j = 0; j < i % 5 && cut > 0; j++)
			copy[(size_t) random() % cut] = "<>&;/ \0C"[random() % 8];
		copy = realloc(copy, cut > 0 ? cut : 1);
		xml_text(slice_make(copy, cut), "Code", out, sizeof(out));
		xml_text(slice_make(copy, cut), "Message", out, 4);
		reply.body = slice_make(copy, cut);
		(void) s3_reply_judge(&reply, &place, ERROR_SINK_WRITE, &err);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_put, teardown),
		cmocka_unit_test_teardown(test_multipart, teardown),
		cmocka_unit_test_teardown(test_get, teardown),
		cmocka_unit_test_teardown(test_conditions, teardown),
		cmocka_unit_test_teardown(test_head_and_range, teardown),
		cmocka_unit_test_teardown(test_lists, teardown),
		cmocka_unit_test_teardown(test_retries, teardown),
		cmocka_unit_test_teardown(test_short_body, teardown),
		cmocka_unit_test_teardown(test_answer_without_upload, teardown),
		cmocka_unit_test_teardown(test_error_in_success, teardown),
		cmocka_unit_test_teardown(test_refusal_in_success, teardown),
		cmocka_unit_test_teardown(test_lost_completion, teardown),
		cmocka_unit_test_teardown(test_lost_upload, teardown),
		cmocka_unit_test_teardown(test_vanished_upload, teardown),
		cmocka_unit_test_teardown(test_clock_skew, teardown),
		cmocka_unit_test_teardown(test_clock_skew_twice, teardown),
		cmocka_unit_test_teardown(test_expired_token, teardown),
		cmocka_unit_test_teardown(test_refused, teardown),
		cmocka_unit_test_teardown(test_refused_after_success, teardown),
		cmocka_unit_test_teardown(test_other_region, teardown),
		cmocka_unit_test_teardown(test_refused_early, teardown),
		cmocka_unit_test_teardown(test_unreachable, teardown),
		cmocka_unit_test_teardown(test_queue_and_cancel, teardown),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_bad_targets),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_tag_fuzz),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
