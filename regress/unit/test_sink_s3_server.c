/*
 * test_sink_s3_server.c
 *		The object sink over a scripted S3 server: back pressure, refusals, giving
 *		up.
 */
#include "sink_s3_rig.h"

#include "http_script.h"
#include "sigv4.h"

static HttpServer server;
static bool has_server;

static int
server_teardown(void **state)
{
	int			result = teardown(state);

	if (has_server)
		http_stop(&server);
	has_server = false;
	return result;
}

#define STEP_OK		{HTTP_ANSWER, "200 OK", "ETag: \"e\"\r\n", NULL}
#define STEP_SLOW	{HTTP_ANSWER, "503 Slow Down", NULL, "<Error><Code>SlowDown</Code></Error>"}
#define STEP_NONE	{HTTP_ANSWER, "404 Not Found", NULL, "<Error><Code>NoSuchKey</Code></Error>"}

#define STEP_TAKEN	{HTTP_ANSWER, "412 Precondition Failed", NULL, \
	"<Error><Code>PreconditionFailed</Code></Error>"}
#define STEP_DENIED {HTTP_ANSWER, "403 Forbidden", NULL, "<Error><Code>AccessDenied</Code></Error>"}
#define STEP_GONE	{HTTP_ANSWER, "204 No Content", NULL, NULL}
#define STEP_CUT	{HTTP_RESET}
#define STEP_BEGUN	{HTTP_ANSWER, "200 OK", NULL, "<R><UploadId>u</UploadId></R>"}
#define STEP_NO_UPLOADS {HTTP_ANSWER, "200 OK", NULL, \
	"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>"}

/* Pointer, manifest: none. Pointer, claim, claim again, pointer. */
#define CHAIN_BEGUN STEP_NONE, STEP_NONE, STEP_OK, STEP_OK, STEP_TAKEN, STEP_OK

/* No intents, no uploads. */
#define NOTHING_LEFT STEP_NONE, STEP_NO_UPLOADS
#define NEW_CHAIN CHAIN_BEGUN, NOTHING_LEFT
#define NEW_COUNT 8

static void
serve(const HttpStep *steps, int count)
{
	char		text[64];

	http_start(&server, steps, count);
	has_server = true;
	snprintf(text, sizeof(text), "http://127.0.0.1:%d", server.port);
	options->endpoint = strdup(text);
	options->access_key_id = strdup("AKID");
	options->secret_access_key = strdup("secret");
	options->max_uploads = 1;
	config.scheme = "s3";
	config.authority = "bkt";
	config.path = "/pre/fix/";
}

static void
assert_begins(int i, const char *line)
{
	assert_in_range(i, 0, server.request_count - 1);
	if (strncmp(server.requests[i].head, line, strlen(line)) != 0)
		fail_msg("request %d: %s", i, server.requests[i].head);
}

static void
wait_durable(Lsn lsn)
{
	int64_t		deadline = clock_now() + RUN_LIMIT;

	while (sink->durable < lsn)
	{
		struct pollfd fds[8];
		int64_t		until = deadline;
		int			count = sink->ops->watch(sink, fds, 8, &until);

		if (clock_now() > deadline)
		{
			SinkStats	stats;

			sink->ops->stats(sink, &stats);
			for (int i = 0; i < server.request_count; i++)
				print_error("request %d: %.*s\n", i,
							(int) strcspn(server.requests[i].head, "\r"),
							server.requests[i].head);
			fail_msg("not durable in time: %s", stats.state);
		}
		poll(fds, (nfds_t) count, clock_ms_until(until));
		poll_ok();
	}
}

static void
wait_requests(int count)
{
	int64_t		deadline = clock_now() + RUN_LIMIT;

	while (server.request_count < count && clock_now() < deadline)
	{
		usleep(1000);
		poll_ok();
	}
	assert_int_equal(server.request_count, count);
}

/* A new chain stands, and nothing was left to remove. */
static void
open_new(const HttpStep *steps, int count)
{
	serve(steps, count);
	open_as(SINK_NEW);
	wait_durable(0x100);
	wait_requests(NEW_COUNT);
}

/* The server is slow: the sink is full, loses nothing and goes on. */
static void
test_back_pressure(void **state)
{
	static const HttpStep steps[] = {NEW_CHAIN, STEP_BEGUN,
		STEP_SLOW, STEP_SLOW, STEP_SLOW, STEP_OK, STEP_OK, STEP_OK, STEP_OK, STEP_OK,
		STEP_OK, STEP_OK, STEP_OK, STEP_OK, STEP_OK, STEP_OK, STEP_OK,
		/* the intent and the upload's end, in either order */
		{HTTP_ANSWER, "200 OK", NULL, "<R><ETag>x</ETag></R>"},
		{HTTP_ANSWER, "200 OK", NULL, "<R><ETag>x</ETag></R>"},
		STEP_OK, STEP_OK, STEP_OK};
	static char record[1024 * 1024 - 1];
	int64_t		deadline = clock_now() + RUN_LIMIT;
	int			full = 0;
	int			last = 0;
	size_t		total = 0;

	(void) state;
	options->memory = 16 * 1024 * 1024;
	options->part_bytes = 5 * 1024 * 1024;
	fill(record, sizeof(record), 5);
	open_new(steps, sizeof(steps) / sizeof(steps[0]));
	for (uint64_t i = 1; i <= 60;)
	{
		SinkResult	result = put_bytes("t", 0x200, i, slice_make(record, sizeof(record)));

		assert_true(result != SINK_FAILED);
		assert_true(clock_now() < deadline);
		if (result == SINK_FULL)
		{
			full++;
			usleep(1000);
			poll_ok();
		}
		else
			i++;
	}
	assert_true(full > 0);
	options->flush_records = 1;
	commit(0x210);
	wait_durable(0x210);
	for (int i = 0; i < server.request_count; i++)
		if (strstr(server.requests[i].head, "partNumber=") != NULL &&
			(i < NEW_COUNT + 1 || i > NEW_COUNT + 3))
			total += server.requests[i].size;
	assert_int_equal(total, 60 * 1024 * 1024);
	assert_begins(NEW_COUNT, "POST /bkt/pre/fix/t/t-00000001-0000000000000200-0000000001-");
	assert_string_equal(http_header(&server.requests[NEW_COUNT], "x-amz-meta-pg-fanout-position"), "0/200,1");
	assert_string_equal(http_header(&server.requests[NEW_COUNT], "x-amz-meta-pg-fanout-system"), "7123");
	for (int i = 0; i < server.request_count; i++)
		if (strncmp(server.requests[i].head, "PUT /bkt/pre/fix/_pg_fanout/fan/lake.json ", 42) == 0)
			last = i;
	assert_begins(last - 1, "PUT /bkt/pre/fix/_pg_fanout/fan/lake/manifest-0000000000000002.json ");
	assert_string_equal(http_header(&server.requests[last - 1], "If-None-Match"), "*");
	assert_string_equal(http_header(&server.requests[last], "If-Match"), "\"e\"");
}

/* A part is refused for good: the sink fails, the upload is aborted. */
static void
test_refused_part(void **state)
{
	static const HttpStep steps[] = {NEW_CHAIN, STEP_BEGUN,
		{HTTP_ANSWER, "403 Forbidden", NULL, "<Error><Code>AccessDenied</Code></Error>"},
	{HTTP_ANSWER, "204 No Content", NULL, NULL}};
	static char record[6 * 1024 * 1024];
	SinkPoll	result = SINK_POLL_OK;
	int64_t		deadline = clock_now() + RUN_LIMIT;

	(void) state;
	options->part_bytes = 5 * 1024 * 1024;
	fill(record, sizeof(record), 5);
	open_new(steps, sizeof(steps) / sizeof(steps[0]));
	assert_int_equal(put_bytes("t", 0x200, 1, slice_make(record, sizeof(record))), SINK_OK);
	while (result == SINK_POLL_OK && clock_now() < deadline)
	{
		usleep(1000);
		result = sink_poll(sink, &err);
	}
	assert_int_equal(result, SINK_POLL_FAILED);
	assert_int_equal(err.code, ERROR_SINK_WRITE);
	assert_non_null(strstr(err.message, "AccessDenied"));
	crash();
	assert_int_equal(server.request_count, NEW_COUNT + 3);
	assert_begins(NEW_COUNT + 2, "DELETE /bkt/pre/fix/t/");
	assert_non_null(strstr(server.requests[NEW_COUNT + 2].head, "uploadId=u "));
}

/* Objects arrived, the manifest did not: not durable, and drain says so. */
static void
test_drain_in_vain(void **state)
{
	static const HttpStep steps[] = {NEW_CHAIN, STEP_OK, STEP_OK, STEP_SLOW, STEP_SLOW,
	STEP_SLOW, STEP_SLOW, STEP_SLOW};

	(void) state;
	open_new(steps, sizeof(steps) / sizeof(steps[0]));
	put("t", 0x200, 1, "x");
	commit(0x210);
	assert_false(sink->ops->drain(sink, clock_now() + CLOCK_SECOND, &err));
	assert_int_equal(sink->durable, 0x100);
	assert_true(err.message[0] != '\0');
}

/* ---- the chain, where answers get lost ---- */

/* Ready for a cut of one record. */
static void
open_chain(const HttpStep *steps, int count)
{
	serve(steps, count);
	options->flush_records = 1;
	open_as(SINK_NEW);
	wait_durable(0x100);
}

static void
deliver(Lsn lsn)
{
	put("t", lsn, 1, "{}");
	commit(lsn + 0x10);
}

/*
 * What was stored though its answer was lost is found to be ours. The server
 * plays what it was sent: "%ECHO%" is the body of the last conditional PUT.
 */
#define STEP_ECHO {HTTP_ANSWER, "200 OK", "ETag: \"echo\"\r\n", "%ECHO%"}

static void
test_lost_answers(void **state)
{
	static const HttpStep steps[] = {NEW_CHAIN,
		STEP_CUT, STEP_OK,		/* the intent, twice */
		STEP_CUT, STEP_SLOW, STEP_OK,	/* the object */
		STEP_CUT, STEP_TAKEN, STEP_ECHO,	/* the manifest */
		STEP_SLOW, STEP_CUT, STEP_TAKEN, /* the pointer */
		STEP_OK, STEP_ECHO,		/* the intent goes meanwhile */
	STEP_OK, STEP_OK, STEP_OK, STEP_OK, STEP_OK};

	(void) state;
	options->flush_records = 1;
	open_new(steps, sizeof(steps) / sizeof(steps[0]));
	deliver(0x200);
	wait_durable(0x210);
	wait_requests(NEW_COUNT + 13);
	deliver(0x300);
	wait_durable(0x310);
	wait_requests(NEW_COUNT + 18);
	assert_begins(NEW_COUNT + 15, "PUT /bkt/pre/fix/_pg_fanout/fan/lake/manifest-0000000000000003.json ");
	assert_begins(NEW_COUNT + 16, "PUT /bkt/pre/fix/_pg_fanout/fan/lake.json ");
	assert_string_equal(http_header(&server.requests[NEW_COUNT + 16], "If-Match"), "\"echo\"");
}

static void
wait_failed(ErrorCode code)
{
	SinkPoll	result = SINK_POLL_OK;
	int64_t		deadline = clock_now() + RUN_LIMIT;

	while (result == SINK_POLL_OK && clock_now() < deadline)
	{
		usleep(1000);
		result = sink_poll(sink, &err);
	}
	assert_int_equal(result, SINK_POLL_FAILED);
	assert_int_equal(err.code, code);
}

#define OTHER_MANIFEST \
	"{\"pg_fanout_manifest\":1,\"number\":2,\"prev_end\":\"0/100\",\"end\":\"0/100\",\"records\":0," \
	"\"system_id\":\"7123\",\"timeline\":1,\"slot\":\"fan\",\"database\":\"bank\",\"sink\":\"lake\"," \
	"\"epoch\":2,\"notes\":0,\"intents\":1,\"prev_hash\":\"\",\"objects\":[]}"

/* The number is taken by another relay. */
static void
test_foreign_manifest(void **state)
{
	static const HttpStep steps[] = {NEW_CHAIN, STEP_OK, STEP_OK, STEP_TAKEN,
	{HTTP_ANSWER, "200 OK", "ETag: \"x\"\r\n", OTHER_MANIFEST}};

	(void) state;
	options->flush_records = 1;
	open_new(steps, sizeof(steps) / sizeof(steps[0]));
	deliver(0x200);
	wait_failed(ERROR_TWO_WRITERS);
	assert_non_null(strstr(err.detail, "epoch 2"));
	assert_int_equal(sink->durable, 0x100);
}

#define OLD_POINTER(n) \
	"{\"pg_fanout\":2,\"system_id\":\"7123\",\"timeline\":1,\"slot\":\"fan\",\"database\":\"bank\"," \
	"\"sink\":\"lake\",\"lsn\":\"0/100\",\"seq\":0,\"options_hash\":\"0000000000000005\",\"chain\":{" \
	"\"manifest\":" #n ",\"epoch\":1,\"notes\":0,\"intents\":1,\"rollups\":0,\"rolled\":0}}"
#define OLD_MANIFEST(n) \
	"{\"pg_fanout_manifest\":1,\"number\":" #n ",\"prev_end\":\"0/100\",\"end\":\"0/100\",\"records\":0," \
	"\"system_id\":\"7123\",\"timeline\":1,\"slot\":\"fan\",\"database\":\"bank\",\"sink\":\"lake\"," \
	"\"epoch\":1,\"notes\":0,\"intents\":1,\"prev_hash\":\"%HASH%\",\"objects\":[]}"
#define STEP_OLD(text) {HTTP_ANSWER, "200 OK", "ETag: \"o\"\r\n", text}

/*
 * What a killed relay still had on its way arrives while the next one takes
 * over: first a pointer, then a manifest. Each time all is read again.
 */
static void
test_stragglers(void **state)
{
	static char late[1024];
	char		hash[SIGV4_HASH_SIZE];
	HttpStep	steps[] = {
		STEP_OLD(OLD_POINTER(1)), STEP_OLD(OLD_MANIFEST(1)), STEP_NONE, STEP_NONE,
		STEP_OK, STEP_TAKEN, STEP_TAKEN, STEP_OLD(OLD_POINTER(1)), /* pointer */
		STEP_OLD(OLD_POINTER(1)), STEP_OLD(OLD_MANIFEST(1)), STEP_NONE, STEP_NONE,
		STEP_TAKEN, STEP_OLD(late),	/* manifest 2 */
		STEP_OLD(OLD_POINTER(1)), STEP_OLD(OLD_MANIFEST(1)), STEP_OLD(late), STEP_NONE, STEP_NONE,
		STEP_OK, STEP_TAKEN, STEP_OK, NOTHING_LEFT};
	const char *mark;

	(void) state;
	sigv4_hash(slice_of(OLD_MANIFEST(1)), hash);
	mark = strstr(OLD_MANIFEST(2), "%HASH%");
	snprintf(late, sizeof(late), "%.*s%s%s", (int) (mark - OLD_MANIFEST(2)), OLD_MANIFEST(2), hash, mark + 6);
	serve(steps, sizeof(steps) / sizeof(steps[0]));
	open_as(SINK_RESUMED);
	assert_int_equal(sink->durable, 0x100);
	wait_requests(sizeof(steps) / sizeof(steps[0]));
	assert_begins(19, "PUT /bkt/pre/fix/_pg_fanout/fan/lake/manifest-0000000000000003.json ");
}

/* Two conditional writes at a time: S3 says 409, and the later one is retried. */
static void
test_conflict_in_flight(void **state)
{
	static const HttpStep steps[] = {NEW_CHAIN, STEP_OK, STEP_OK,
		{HTTP_ANSWER, "409 Conflict", NULL, "<Error><Code>ConditionalRequestConflict</Code></Error>"},
	STEP_OK, STEP_OK, STEP_OK};

	(void) state;
	options->flush_records = 1;
	open_new(steps, sizeof(steps) / sizeof(steps[0]));
	deliver(0x200);
	wait_durable(0x210);
}

/* A server that ignores conditions is found out before it holds anything. */
static void
test_no_conditions(void **state)
{
	static const HttpStep steps[] = {STEP_NONE, STEP_NONE, STEP_OK, STEP_OK, STEP_OK};

	(void) state;
	serve(steps, sizeof(steps) / sizeof(steps[0]));
	open_as(SINK_NEW);
	wait_failed(ERROR_SINK_SETUP);
	assert_non_null(strstr(err.message, "conditional writes"));
}

/* Rights to list and to remove may lack: a warning, and on. */
static void
test_may_not_clean(void **state)
{
	static const HttpStep steps[] = {CHAIN_BEGUN, STEP_NONE, STEP_DENIED,
	STEP_OK, STEP_OK, STEP_OK, STEP_OK, STEP_DENIED, STEP_OK, STEP_OK, STEP_OK, STEP_OK};

	(void) state;
	open_chain(steps, sizeof(steps) / sizeof(steps[0]));
	wait_requests(NEW_COUNT);
	deliver(0x200);
	wait_durable(0x210);
	wait_requests(NEW_COUNT + 5);
	deliver(0x300);
	wait_durable(0x310);
	assert_int_equal(server.request_count, NEW_COUNT + 9);
}

/* Uploads of earlier epochs are ended, page by page; others are left alone. */
static void
test_orphaned_uploads(void **state)
{
	static char page[1024];
	LakeNames names = {.slot = "fan",.sink = "lake"};
	HttpStep	steps[] = {CHAIN_BEGUN, STEP_NONE,
		{HTTP_ANSWER, "200 OK", NULL, page}, STEP_GONE, STEP_NO_UPLOADS};

	(void) state;
	lake_name_chain(&names, identity.system_id);
	snprintf(page, sizeof(page), "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>"
			 "<NextKeyMarker>a&amp;b</NextKeyMarker><NextUploadIdMarker>m</NextUploadIdMarker>"
			 "<Upload><Key>pre/fix/t/t-1-%s-1.jsonl</Key><UploadId>now</UploadId></Upload>"
			 "<Upload><Key>pre/fix/t/t-1-%s-0.jsonl</Key><UploadId>old&amp;1</UploadId></Upload>"
			 "<Upload><Key>pre/fix/t/other</Key><UploadId>x</UploadId></Upload>"
			 "</ListMultipartUploadsResult>", names.chain, names.chain);
	open_chain(steps, sizeof(steps) / sizeof(steps[0]));
	wait_requests(NEW_COUNT + 2);
	assert_begins(7, "GET /bkt/?prefix=pre%2Ffix%2F&uploads= ");
	assert_begins(8, "DELETE /bkt/pre/fix/t/t-1-");
	assert_non_null(strstr(server.requests[8].head, "-0.jsonl?uploadId=old%261 "));
	assert_begins(9, "GET /bkt/?key-marker=a%26b&prefix=pre%2Ffix%2F&upload-id-marker=m&uploads= ");
}

static void
test_check_server(void **state)
{
	static const HttpStep steps[] = {STEP_NONE,
		{HTTP_ANSWER, "200 OK", NULL, "<R><UploadId>u</UploadId></R>"},
		STEP_GONE, STEP_OK, STEP_TAKEN, STEP_GONE,
		STEP_NONE, STEP_BEGUN, STEP_GONE, STEP_OK, STEP_OK, STEP_GONE,
	STEP_NONE, STEP_DENIED};

	(void) state;
	serve(steps, sizeof(steps) / sizeof(steps[0]));
	sink = sink_s3_ops.create(&config, &err);
	assert_true(sink->ops->check(sink, &err));
	assert_int_equal(server.request_count, 6);
	assert_false(sink->ops->check(sink, &err));
	assert_non_null(strstr(err.message, "conditional writes"));
	assert_int_equal(server.request_count, 12);
	assert_false(sink->ops->check(sink, &err));
	assert_non_null(strstr(err.hint, "s3:PutObject"));
}

#define SERVER_TEST(name) \
	cmocka_unit_test_setup_teardown(name, setup, server_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(test_back_pressure),
		SERVER_TEST(test_refused_part),
		SERVER_TEST(test_drain_in_vain),
		SERVER_TEST(test_lost_answers),
		SERVER_TEST(test_foreign_manifest),
		SERVER_TEST(test_stragglers),
		SERVER_TEST(test_conflict_in_flight),
		SERVER_TEST(test_no_conditions),
		SERVER_TEST(test_may_not_clean),
		SERVER_TEST(test_orphaned_uploads),
		SERVER_TEST(test_check_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
