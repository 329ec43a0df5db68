/*
 * test_bad_record.c
 *		Positions of records as people copy them, and what errors say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bad_record.h"
#include "kafka_window.h"

static void
positions_are_read_back(void **state)
{
	static const Position all[] = {
		{0x16B3748, 3}, {1, 1}, {UINT64_MAX, INT64_MAX}, {0x16B3748, 0}
	};
	char		text[BAD_RECORD_SIZE];
	Position	read;

	(void) state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
	{
		assert_true(bad_record_parse(bad_record_format(all[i], text), &read));
		assert_int_equal(read.lsn, all[i].lsn);
		assert_int_equal(read.seq, all[i].seq);
	}
	assert_string_equal(bad_record_format(all[0], text), "0/16B3748:3");
	assert_string_equal(bad_record_format(all[3], text), "0/16B3748");
}

static void
others_are_refused(void **state)
{
	static const char *const bad[] = {
		"", ":", "x", "0/0", "0/0:1", "0/1:", "0/1:0", "0/1:-1", "0/1:1x", "0/1:01",
		"0/1:99999999999999999999", "0/1: 1", "0/1,1", "1",
		"00000000000000000000000000000000/1:1"
	};
	Position	read;

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (bad_record_parse(bad[i], &read))
			fail_msg("\"%s\" was read", bad[i]);
}

static void
errors_say_how_to_go_on(void **state)
{
	Error		err;

	(void) state;
	error_clear(&err);
	error_set(&err, ERROR_RECORD, "too large");
	error_hint(&err, "Make it smaller.");
	assert_false(bad_record_explain(&err, (Position) {0x10, 2}));
	assert_string_equal(err.message, "record at 0/10:2: too large");
	assert_string_equal(err.hint, "Make it smaller. To go on without this record start once with --skip=0/10:2 --skip-reason=TEXT.");

	/* who found it first knows best */
	bad_record_explain(&err, (Position) {0x20, 5});
	assert_string_equal(err.message, "record at 0/10:2: too large");

	/* the command is not cut off */
	memset(err.hint, 'x', ERROR_TEXT_SIZE - 1);
	bad_record_explain(&err, (Position) {0x20, 5});
	assert_non_null(strstr(err.hint, "--skip=0/20:5 --skip-reason=TEXT."));
}

/* A ring that is full lets transactions share an entry: then nobody knows. */
static void
window_knows_where_records_are(void **state)
{
	KafkaWindow window;
	Error		err;
	uint32_t	entry;

	(void) state;
	assert_true(kafka_window_init(&window, 2, &err));
	for (int n = 1; n <= 3; n++)
	{
		for (int k = 0; k < 2; k++)
		{
			entry = kafka_window_entry(&window);
			kafka_window_add(&window, entry);
			kafka_window_mark(&window, entry, (Lsn) n * 100);
		}
		assert_int_equal(window.entries[entry].lsn, n < 3 ? n * 100 : 0);
		kafka_window_commit(&window, (Lsn) n * 100 + 50);
	}
	kafka_window_free(&window);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(positions_are_read_back),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(errors_say_how_to_go_on),
		cmocka_unit_test(window_knows_where_records_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
