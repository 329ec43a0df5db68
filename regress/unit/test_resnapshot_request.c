/*
 * test_resnapshot_request.c
 *		Requests to read tables again: what is read, what is refused, and that
 *		what is written is read as it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pattern.h"
#include "resnapshot_request.h"

static ResnapshotRequest request;
static Error err;

static void
parse(const char *content)
{
	assert_true(resnapshot_request_parse(&request, slice_of(content), &err));
}

static void
refuse(Slice content, const char *reason)
{
	error_clear(&err);
	assert_false(resnapshot_request_parse(&request, content, &err));
	assert_int_equal(err.code, ERROR_USAGE);
	if (strstr(err.message, reason) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.message, reason);
	assert_null(request.tables.items);
	assert_null(request.slot);
	assert_null(request.sink);
}

static void
test_parse(void **state)
{
	(void) state;
	parse("{\"tables\": [\"public.orders\", \"shop.*\"], \"slot\": \"s\","
		  " \"sink\": \"lake\"}");
	assert_int_equal(request.tables.count, 2);
	assert_string_equal(request.tables.items[0], "public.orders");
	assert_string_equal(request.tables.items[1], "shop.*");
	assert_string_equal(request.slot, "s");
	assert_string_equal(request.sink, "lake");
	resnapshot_request_free(&request);

	parse("{\"slot\": null, \"sink\": null, \"tables\": [\"a.b\"]}");
	assert_null(request.slot);
	assert_null(request.sink);
	resnapshot_request_free(&request);

	parse("{\"tables\":[\"a.b\"]}");
	assert_null(request.slot);
	assert_null(request.sink);
	resnapshot_request_free(&request);
}

static void
test_refused(void **state)
{
	(void) state;
	refuse(slice_of(""), "no JSON");
	refuse(slice_of("{"), "no JSON");
	refuse(slice_of("{\"tables\": [\"a.b\"]} x"), "no JSON");
	refuse(slice_of("{\"tables\": [\"a.b\"], \"tables\": [\"a.c\"]}"),
		   "no JSON");
	refuse(slice_of("{\"tables\": [\"a.\xff\"]}"), "no JSON");
	refuse(slice_of("{\"tables\": [\"a.b\\u0000c\"]}"), "no JSON");
	refuse(slice_make("{}\0", 3), "no JSON");
	refuse(slice_of("[\"a.b\"]"), "no JSON object");
	refuse(slice_of("{}"), "\"tables\" is missing");
	refuse(slice_of("{\"tables\": []}"), "no array of patterns");
	refuse(slice_of("{\"tables\": \"a.b\"}"), "no array of patterns");
	refuse(slice_of("{\"tables\": [\"a.b\", 1]}"), "no pattern");
	refuse(slice_of("{\"tables\": [\"a.b\", \"\"]}"), "no pattern");
	refuse(slice_of("{\"tables\": [\"a.b\", \"c\"]}"), "\"c\" is no pattern");
	refuse(slice_of("{\"tables\": [\"a.b\"], \"slot\": 1}"), "\"slot\"");
	refuse(slice_of("{\"tables\": [\"a.b\"], \"sink\": \"\"}"), "\"sink\"");
	refuse(slice_of("{\"slot\": \"s\", \"tables\": [\"a.b\"],"
					" \"sinks\": \"lake\"}"), "unknown field \"sinks\"");
}

/* Neither size nor depth is trusted. */
static void
test_large(void **state)
{
	char	   *text = malloc(RESNAPSHOT_LIMIT + 1);

	(void) state;
	assert_non_null(text);
	memset(text, ' ', RESNAPSHOT_LIMIT + 1);
	memcpy(text, "{\"tables\":[\"a.b\"]}", 18);
	assert_true(resnapshot_request_parse(&request,
										 slice_make(text, RESNAPSHOT_LIMIT),
										 &err));
	resnapshot_request_free(&request);
	refuse(slice_make(text, RESNAPSHOT_LIMIT + 1), "longer than 64 kB");
	memset(text, '[', RESNAPSHOT_LIMIT);
	refuse(slice_make(text, RESNAPSHOT_LIMIT), "no JSON");
	free(text);
}

static void
test_write(void **state)
{
	static char *const items[] = {
		"public.a\\,b\\.c", "\"sch\\\\ema\".t\xc3\xa4" "ble", "shop.*"
	};
	const ResnapshotRequest given = {
		.tables = {(char **) items, 3}, .slot = "s", .sink = "la\"ke"
	};
	Patterns	patterns = {0};
	Buf			out;

	(void) state;
	buf_init(&out, RESNAPSHOT_LIMIT);
	assert_true(resnapshot_request_write(&out, &given, &err));
	for (size_t i = 0; i < out.size; i++)
		assert_true(out.data[i] < 0x80);
	assert_true(resnapshot_request_parse(&request, buf_slice(&out), &err));
	assert_int_equal(request.tables.count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(request.tables.items[i], items[i]);
	assert_string_equal(request.slot, "s");
	assert_string_equal(request.sink, "la\"ke");
	assert_true(patterns_parse(&patterns, "resnapshot", &request.tables, 2,
							   &err));
	assert_int_equal(patterns.count, 3);
	assert_true(patterns_match(&patterns,
							   (const char *const[]) {"public", "a,b.c"}, 2));
	patterns_free(&patterns);
	resnapshot_request_free(&request);
	buf_free(&out);
}

static void
test_write_refused(void **state)
{
	char	   *items[] = {"a.b"};
	ResnapshotRequest given = {.tables = {items, 1}};
	Buf			out;

	(void) state;
	buf_init(&out, 2 * RESNAPSHOT_LIMIT);
	assert_true(resnapshot_request_write(&out, &given, &err));
	assert_string_equal(buf_string(&out), "{\"tables\":[\"a.b\"]}");
	given.sink = "\xff";
	assert_false(resnapshot_request_write(&out, &given, &err));
	assert_int_equal(err.code, ERROR_USAGE);
	given.sink = NULL;
	items[0] = malloc(RESNAPSHOT_LIMIT + 1);
	assert_non_null(items[0]);
	memset(items[0], '.', RESNAPSHOT_LIMIT);
	items[0][RESNAPSHOT_LIMIT] = '\0';
	assert_false(resnapshot_request_write(&out, &given, &err));
	assert_int_equal(err.code, ERROR_USAGE);
	free(items[0]);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_write_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
