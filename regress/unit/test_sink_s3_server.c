/*
 * test_sink_s3_server.c
 *		The object sink over a scripted S3 server: back pressure, refusals, giving
 *		up.
 */
#include "sink_s3_rig.h"

#include "http_script.h"

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
wait_durable(Lsn lsn)
{
	int64_t		deadline = clock_now() + RUN_LIMIT;

	while (sink->durable < lsn)
	{
		struct pollfd fds[8];
		int64_t		until = deadline;
		int			count = sink->ops->watch(sink, fds, 8, &until);

		if (clock_now() > deadline)
			fail_msg("not durable in time");
		poll(fds, (nfds_t) count, clock_ms_until(until));
		poll_ok();
	}
}

/* The server is slow: the sink is full, loses nothing and goes on. */
static void
test_back_pressure(void **state)
{
	static const HttpStep steps[] = {STEP_NONE, STEP_OK,
		{HTTP_ANSWER, "200 OK", NULL, "<R><UploadId>u</UploadId></R>"},
		STEP_SLOW, STEP_SLOW, STEP_SLOW, STEP_OK, STEP_OK, STEP_OK, STEP_OK, STEP_OK,
		STEP_OK, STEP_OK, STEP_OK, STEP_OK, STEP_OK, STEP_OK, STEP_OK,
		{HTTP_ANSWER, "200 OK", NULL, "<R><ETag>x</ETag></R>"}, STEP_OK};
	static char record[1024 * 1024 - 1];
	int64_t		deadline = clock_now() + RUN_LIMIT;
	int			full = 0;
	size_t		total = 0;

	(void) state;
	serve(steps, sizeof(steps) / sizeof(steps[0]));
	options->memory = 16 * 1024 * 1024;
	options->part_bytes = 5 * 1024 * 1024;
	fill(record, sizeof(record), 5);
	open_as(SINK_NEW);
	wait_durable(0x100);
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
			(i < 3 || i > 5))
			total += server.requests[i].size;
	assert_int_equal(total, 60 * 1024 * 1024);
	assert_int_equal(strncmp(server.requests[2].head,
							 "POST /bkt/pre/fix/t/t-00000001-0000000000000200-0000000001.jsonl?uploads=", 70), 0);
	assert_string_equal(http_header(&server.requests[2], "x-amz-meta-pg-fanout-position"), "0/200,1");
	assert_string_equal(http_header(&server.requests[2], "x-amz-meta-pg-fanout-system"), "7123");
	assert_int_equal(strncmp(server.requests[server.request_count - 1].head,
							 "PUT /bkt/pre/fix/_pg_fanout/fan/lake.json ", 42), 0);
}

/* A part is refused for good: the sink fails, the upload is aborted. */
static void
test_refused_part(void **state)
{
	static const HttpStep steps[] = {STEP_NONE, STEP_OK,
		{HTTP_ANSWER, "200 OK", NULL, "<R><UploadId>u</UploadId></R>"},
		{HTTP_ANSWER, "403 Forbidden", NULL, "<Error><Code>AccessDenied</Code></Error>"},
	{HTTP_ANSWER, "204 No Content", NULL, NULL}};
	static char record[6 * 1024 * 1024];
	SinkPoll	result = SINK_POLL_OK;
	int64_t		deadline = clock_now() + RUN_LIMIT;

	(void) state;
	serve(steps, sizeof(steps) / sizeof(steps[0]));
	options->part_bytes = 5 * 1024 * 1024;
	fill(record, sizeof(record), 5);
	open_as(SINK_NEW);
	wait_durable(0x100);
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
	assert_int_equal(server.request_count, 5);
	assert_int_equal(strncmp(server.requests[4].head, "DELETE /bkt/pre/fix/t/", 22), 0);
	assert_non_null(strstr(server.requests[4].head, "uploadId=u "));
}

/* Objects arrived, the checkpoint did not: not durable, and drain says so. */
static void
test_drain_in_vain(void **state)
{
	static const HttpStep steps[] = {STEP_NONE, STEP_OK, STEP_OK, STEP_SLOW, STEP_SLOW,
	STEP_SLOW, STEP_SLOW, STEP_SLOW};

	(void) state;
	serve(steps, sizeof(steps) / sizeof(steps[0]));
	open_as(SINK_NEW);
	wait_durable(0x100);
	put("t", 0x200, 1, "x");
	commit(0x210);
	assert_false(sink->ops->drain(sink, clock_now() + CLOCK_SECOND, &err));
	assert_int_equal(sink->durable, 0x100);
	assert_true(err.message[0] != '\0');
}

static void
test_check_server(void **state)
{
	static const HttpStep steps[] = {STEP_NONE,
		{HTTP_ANSWER, "200 OK", NULL, "<R><UploadId>u</UploadId></R>"},
		{HTTP_ANSWER, "204 No Content", NULL, NULL}, STEP_NONE,
	{HTTP_ANSWER, "403 Forbidden", NULL, "<Error><Code>AccessDenied</Code></Error>"}};

	(void) state;
	serve(steps, sizeof(steps) / sizeof(steps[0]));
	sink = sink_s3_ops.create(&config, &err);
	assert_true(sink->ops->check(sink, &err));
	assert_int_equal(server.request_count, 3);
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
		SERVER_TEST(test_check_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
