/*
 * test_resnapshot_book.c
 *		Which tables are to be read again, across restarts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "resnapshot_book.h"

static bool
add(ResnapshotBook *book, Lsn lsn, uint64_t seq, const char *table)
{
	ResnapshotRequest request;
	char		text[128];
	bool		added;
	Error		err;

	error_clear(&err);
	snprintf(text, sizeof(text), "{\"tables\": [\"%s\"]}", table);
	assert_true(resnapshot_request_parse(&request, slice_of(text), &err));
	assert_true(resnapshot_book_add(book, (Position) {lsn, seq}, &request,
									&added, &err));
	assert_null(request.tables.items);
	return added;
}

/* Through the text, as a start does it. */
static void
again(ResnapshotBook *book, Lsn written_at, Lsn read_at)
{
	Buf			text;
	Error		err;

	error_clear(&err);
	buf_init(&text, RESNAPSHOT_BOOK_LIMIT);
	assert_true(resnapshot_book_write(book, written_at, &text, &err));
	resnapshot_book_free(book);
	assert_true(resnapshot_book_read(book, buf_slice(&text), read_at, &err));
	buf_free(&text);
}

static void
test_in_order(void **state)
{
	ResnapshotBook book = {0};

	(void) state;
	assert_null(resnapshot_book_next(&book));
	assert_true(add(&book, 100, 1, "public.a"));
	assert_true(add(&book, 100, 2, "public.b"));
	assert_true(resnapshot_book_has(&book, "public.b"));
	assert_false(resnapshot_book_has(&book, "public.c"));
	again(&book, 50, 50);
	assert_int_equal(book.count, 2);
	assert_string_equal(resnapshot_book_next(&book)->request.tables.items[0],
						"public.a");
	resnapshot_book_next(&book)->end = 200;
	assert_string_equal(resnapshot_book_next(&book)->request.tables.items[0],
						"public.b");
	resnapshot_book_free(&book);
}

/* The stream sends a request again that was taken already. */
static void
test_once(void **state)
{
	ResnapshotBook book = {0};

	(void) state;
	assert_true(add(&book, 100, 2, "public.a"));
	assert_false(add(&book, 100, 2, "public.a"));
	assert_false(add(&book, 100, 1, "public.a"));
	resnapshot_book_next(&book)->end = 150;
	again(&book, 150, 150);
	assert_int_equal(book.count, 0);
	assert_false(add(&book, 100, 2, "public.a"));
	assert_true(add(&book, 101, 1, "public.a"));
	resnapshot_book_free(&book);
}

/* A sink that is not at its end yet may lack rows of it. */
static void
test_done_but_not_durable(void **state)
{
	ResnapshotBook book = {0};

	(void) state;
	assert_true(add(&book, 100, 1, "public.a"));
	resnapshot_book_next(&book)->end = 150;
	assert_null(resnapshot_book_next(&book));
	again(&book, 120, 149);
	assert_non_null(resnapshot_book_next(&book));
	resnapshot_book_next(&book)->end = 150;
	again(&book, 120, 150);
	assert_null(resnapshot_book_next(&book));
	resnapshot_book_free(&book);
}

static void
test_damaged(void **state)
{
	static const char *const texts[] = {
		"", "last", "last 1", "first 1 2\n", "last 1 2\n3 4\n",
		"last 1 2\n3 4 0\n", "last 1 2\n3 4 0 {}\n",
		"last 1 2\n3 4 0 {\"tables\": [\"a.b\"]\n"
	};

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		ResnapshotBook book = {0};
		Error		err;

		error_clear(&err);
		assert_false(resnapshot_book_read(&book, slice_of(texts[i]), 1, &err));
		assert_int_equal(err.code, ERROR_CHECKPOINT);
		resnapshot_book_free(&book);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_done_but_not_durable),
		cmocka_unit_test(test_damaged)
	};

	return cmocka_run_group_tests_name("resnapshot_book", tests, NULL, NULL);
}
