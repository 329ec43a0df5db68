/*
 * test_sigv4.c
 *		Signatures against published vectors (vectors/sigv4-*.txt), and the edges
 *		of escaping and sorting they do not reach.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sigv4.h"

#define MAX_PAIRS 16

typedef struct Vector
{
	char		name[64];
	char		key[64];
	char		secret[64];
	char		region[32];
	char		service[32];
	char		time[SIGV4_TIME_SIZE];
	char		method[8];
	char		path[256];
	char		body[256];
	char		canonical[SIGV4_HASH_SIZE];
	char		signature[SIGV4_HASH_SIZE];
	char		names[2 * MAX_PAIRS][256];
	char		values[2 * MAX_PAIRS][256];
	SigV4Pair	query[MAX_PAIRS];
	SigV4Pair	headers[MAX_PAIRS];
	size_t		query_count;
	size_t		header_count;
} Vector;

static void
vector_copy(char *to, size_t size, const char *from)
{
	assert_true(strlen(from) < size);
	memcpy(to, from, strlen(from) + 1);
}

static void
vector_pair(Vector *vector, int slot, char *text, char separator)
{
	char	   *value = strchr(text, separator);

	assert_non_null(value);
	*value++ = '\0';
	vector_copy(vector->names[slot], 256, text);
	vector_copy(vector->values[slot], 256, value);
}

/* The pairs point into the vector itself: again after each copy of it. */
static void
vector_link(Vector *vector)
{
	for (size_t i = 0; i < vector->query_count; i++)
		vector->query[i] = (SigV4Pair) {vector->names[i], vector->values[i]};
	for (size_t i = 0; i < vector->header_count; i++)
		vector->headers[i] = (SigV4Pair) {vector->names[MAX_PAIRS + i],
										  vector->values[MAX_PAIRS + i]};
}

#define FIELD(word) \
	if (strcmp(line, #word) == 0) \
		vector_copy(vector->word, sizeof(vector->word), value)

static void
vector_line(Vector *vector, char *line)
{
	char	   *value = strchr(line, ' ');

	assert_non_null(value);
	*value++ = '\0';
	FIELD(key);
	else FIELD(secret);
	else FIELD(region);
	else FIELD(service);
	else FIELD(time);
	else FIELD(method);
	else FIELD(path);
	else FIELD(body);
	else FIELD(canonical);
	else FIELD(signature);
	else if (strcmp(line, "query") == 0)
		vector_pair(vector, (int) vector->query_count++, value, '=');
	else if (strcmp(line, "header") == 0)
		vector_pair(vector, MAX_PAIRS + (int) vector->header_count++, value, ':');
	else
		fail_msg("unknown word \"%s\"", line);
}

static void
vector_check(Vector *vector)
{
	char		hash[SIGV4_HASH_SIZE];
	char		canonical_hash[SIGV4_HASH_SIZE];
	Buf			path;
	Buf			canonical;
	Buf			header;
	SigV4Key	key = {vector->key, vector->secret, vector->region, vector->service};
	SigV4Request request = {.method = vector->method,.query = vector->query,
		.query_count = vector->query_count,.headers = vector->headers,
	.header_count = vector->header_count,.payload_hash = hash};
	Error		err;

	vector_link(vector);
	buf_init(&path, 1024);
	buf_init(&canonical, 8192);
	buf_init(&header, 8192);
	sigv4_hash(slice_of(vector->body), hash);
	sigv4_escape(&path, slice_of(vector->path), true);
	request.path = buf_string(&path);
	assert_true(sigv4_canonical_request(&canonical, &request, &err));
	sigv4_hash(buf_slice(&canonical), canonical_hash);
	if (vector->canonical[0] != '\0')
		assert_string_equal(canonical_hash, vector->canonical);
	assert_true(sigv4_authorize(&header, &request, &key, vector->time, &err));
	if (!strstr(buf_string(&header), vector->signature))
		fail_msg("%s: %s\n%s", vector->name, buf_string(&header),
				 buf_string(&canonical));
	buf_free(&path);
	buf_free(&canonical);
	buf_free(&header);
}

/* Returns how many cases the file holds. */
static int
vectors_check(const char *file)
{
	char		path[512];
	char		line[1024];
	const char *slash = strrchr(__FILE__, '/');
	FILE	   *in;
	Vector		defaults = {0};
	Vector		vector = {0};
	int			count = 0;

	snprintf(path, sizeof(path), "%.*s/vectors/%s",
			 slash ? (int) (slash - __FILE__) : 1, slash ? __FILE__ : ".", file);
	in = fopen(path, "r");
	if (in == NULL)
		fail_msg("cannot open %s", path);
	while (fgets(line, sizeof(line), in) != NULL)
	{
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		if (strncmp(line, "case ", 5) != 0)
		{
			vector_line(count == 0 ? &defaults : &vector, line);
			continue;
		}
		if (count++ > 0)
			vector_check(&vector);
		vector = defaults;
		vector_copy(vector.name, sizeof(vector.name), line + 5);
	}
	fclose(in);
	if (count > 0)
		vector_check(&vector);
	return count;
}

static void
test_s3_examples(void **state)
{
	(void) state;
	assert_int_equal(vectors_check("sigv4-s3.txt"), 4);
}

static void
test_general_suite(void **state)
{
	(void) state;
	assert_int_equal(vectors_check("sigv4-general.txt"), 24);
}

static void
escape_check(const char *text, bool keep_slash, const char *expected)
{
	Buf			out;

	buf_init(&out, 1024);
	sigv4_escape(&out, slice_of(text), keep_slash);
	assert_string_equal(buf_string(&out), expected);
	buf_free(&out);
}

static void
test_escape(void **state)
{
	(void) state;
	escape_check("a b+c%2F*=~", true, "a%20b%2Bc%252F%2A%3D~");
	escape_check("a//b/../c", true, "a//b/../c");
	escape_check("a/b", false, "a%2Fb");
	escape_check("\x01\x7f\xff&;", true, "%01%7F%FF%26%3B");
}

static void
test_query_edges(void **state)
{
	/* names that are prefixes of one another; equal names by value */
	SigV4Pair	query[] = {{"part", "2"}, {"uploads", ""}, {"part-x", "1"},
	{"part", "10"}, {"a/b", "c=d"}};
	SigV4Pair	many[SIGV4_MAX_PAIRS + 1];
	Buf			out;
	Error		err;

	(void) state;
	buf_init(&out, 1024);
	assert_true(sigv4_query(&out, query, 5, &err));
	assert_string_equal(buf_string(&out),
						"a%2Fb=c%3Dd&part=10&part=2&part-x=1&uploads=");
	for (size_t i = 0; i <= SIGV4_MAX_PAIRS; i++)
		many[i] = query[0];
	assert_false(sigv4_query(&out, many, SIGV4_MAX_PAIRS + 1, &err));
	buf_free(&out);
}

/* A header whose name is the beginning of another's sorts before it. */
static void
test_header_prefix_order(void **state)
{
	SigV4Pair	headers[] = {{"x-amz-meta-a-b", "1"}, {"Host", "h"}, {"x-amz-meta-a", "2"}};
	SigV4Request request = {.method = "GET",.path = "/",.headers = headers,
	.header_count = 3,.payload_hash = "UNSIGNED-PAYLOAD"};
	Buf			out;
	Error		err;

	(void) state;
	buf_init(&out, 1024);
	assert_true(sigv4_canonical_request(&out, &request, &err));
	assert_string_equal(buf_string(&out),
						"GET\n/\n\nhost:h\nx-amz-meta-a:2\nx-amz-meta-a-b:1\n\n"
						"host;x-amz-meta-a;x-amz-meta-a-b\nUNSIGNED-PAYLOAD");
	buf_free(&out);
}

static void
test_time(void **state)
{
	char		text[SIGV4_TIME_SIZE];

	(void) state;
	sigv4_time(INT64_C(1369353600999999), text);
	assert_string_equal(text, "20130524T000000Z");
}

/* The error must not hold the secret. */
static void
test_long_secret(void **state)
{
	char		secret[2000];
	SigV4Key	key = {"AKID", secret, "us-east-1", "s3"};
	SigV4Request request = {.method = "GET",.path = "/",.payload_hash = "x"};
	Buf			out;
	Error		err;

	(void) state;
	memset(secret, 'S', sizeof(secret) - 1);
	secret[sizeof(secret) - 1] = '\0';
	buf_init(&out, 1024);
	assert_false(sigv4_authorize(&out, &request, &key, "20130524T000000Z", &err));
	assert_null(strstr(err.message, "SSS"));
	buf_free(&out);
}

/* The example of S3's documentation. */
static void
test_presign(void **state)
{
	SigV4Key	key = {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
	"us-east-1", "s3"};
	SigV4Pair	host = {"host", "examplebucket.s3.amazonaws.com"};
	SigV4Request request = {.method = "GET",.path = "/test.txt",.headers = &host,
	.header_count = 1,.payload_hash = "UNSIGNED-PAYLOAD"};
	Buf			out;
	Error		err;

	(void) state;
	buf_init(&out, 4096);
	assert_true(sigv4_presign(&out, &request, &key, "20130524T000000Z", 86400, &err));
	assert_string_equal(buf_string(&out),
						"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
						"AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
						"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
						"&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_s3_examples),
		cmocka_unit_test(test_general_suite),
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_query_edges),
		cmocka_unit_test(test_header_prefix_order),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_long_secret),
		cmocka_unit_test(test_presign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
