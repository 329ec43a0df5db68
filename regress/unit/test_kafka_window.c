/*
 * test_kafka_window.c
 *		Which commits count as acknowledged, against a model that remembers
 *		every record.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "kafka_window.h"

#define MODEL_RECORDS	20000
#define MODEL_COMMITS	20000

/* The model: records and commits in the order they came. */
typedef struct Model
{
	uint32_t	entries[MODEL_RECORDS];
	bool		acknowledged[MODEL_RECORDS];
	size_t		records;
	struct
	{
		Lsn			end;
		size_t		records;	/* that lie before it */
	}			commits[MODEL_COMMITS];
	size_t		commit_count;
} Model;

static Model model;

static Lsn
model_reached(void)
{
	size_t		complete = 0;
	Lsn			reached = 0;

	while (complete < model.records && model.acknowledged[complete])
		complete++;
	for (size_t i = 0; i < model.commit_count; i++)
		if (model.commits[i].records <= complete)
			reached = model.commits[i].end;
	return reached;
}

static void
model_commit(KafkaWindow *window, Lsn end)
{
	kafka_window_commit(window, end);
	model.commits[model.commit_count].end = end;
	model.commits[model.commit_count++].records = model.records;
}

static void
model_acknowledge(KafkaWindow *window, size_t record)
{
	if (model.acknowledged[record])
		return;
	model.acknowledged[record] = true;
	kafka_window_acknowledge(window, model.entries[record]);
}

static void
model_add(KafkaWindow *window)
{
	uint32_t	entry = kafka_window_entry(window);

	kafka_window_add(window, entry);
	model.acknowledged[model.records] = false;
	model.entries[model.records++] = entry;
}

/* With room for every commit the answer is exact; with little it is late. */
static void
run_model(uint32_t capacity, unsigned seed, bool exact)
{
	KafkaWindow window;
	Error		err = {0};
	Lsn			end = 100;
	Lsn			last = 0;

	srand(seed);
	model.records = model.commit_count = 0;
	assert_true(kafka_window_init(&window, capacity, &err));
	for (int step = 0; step < 6000; step++)
	{
		int			dice = rand() % 10;
		Lsn			expected;

		if (dice < 4)
			model_add(&window);
		else if (dice < 6)
			model_commit(&window, end += 8);
		else if (model.records > 0)
		{
			size_t		back = (size_t) rand() % 60;

			model_acknowledge(&window, model.records > back ?
							  model.records - 1 - back : 0);
		}
		expected = model_reached();
		assert_true(window.reached <= expected);
		assert_true(window.reached >= last);
		if (exact)
			assert_int_equal(window.reached, expected);
		last = window.reached;
	}
	for (size_t i = model.records; i > 0; i--)
		model_acknowledge(&window, i - 1);
	model_commit(&window, end += 8);
	assert_int_equal(window.reached, end);
	assert_int_equal(window.committed, end);
	assert_int_equal(window.in_flight, 0);
	kafka_window_free(&window);
}

static void
test_model(void **state)
{
	(void) state;
	for (unsigned seed = 1; seed <= 5; seed++)
	{
		run_model(8192, seed, true);
		run_model(7, seed, false);
		run_model(1, seed, false);
	}
}

static void
test_empty_commits(void **state)
{
	KafkaWindow window;
	Error		err = {0};
	uint32_t	entry;

	(void) state;
	assert_true(kafka_window_init(&window, 4, &err));
	kafka_window_start(&window, 1000);
	assert_int_equal(window.reached, 1000);
	kafka_window_commit(&window, 1010);
	assert_int_equal(window.reached, 1010);

	/* A commit without records waits for the records before it. */
	entry = kafka_window_entry(&window);
	kafka_window_add(&window, entry);
	kafka_window_commit(&window, 1020);
	for (Lsn end = 1030; end <= 1200; end += 10)
		kafka_window_commit(&window, end);
	assert_int_equal(window.reached, 1010);
	kafka_window_acknowledge(&window, entry);
	assert_int_equal(window.reached, 1200);

	/* Never back. */
	kafka_window_commit(&window, 50);
	assert_int_equal(window.reached, 1200);
	kafka_window_free(&window);
}

/* A record refused by a full queue took its entry but was never added. */
static void
test_entry_without_record(void **state)
{
	KafkaWindow window;
	Error		err = {0};
	uint32_t	first;

	(void) state;
	assert_true(kafka_window_init(&window, 4, &err));
	first = kafka_window_entry(&window);
	kafka_window_add(&window, first);
	kafka_window_commit(&window, 10);
	(void) kafka_window_entry(&window);
	kafka_window_acknowledge(&window, first);
	assert_int_equal(window.reached, 10);
	kafka_window_commit(&window, 20);
	assert_int_equal(window.reached, 20);
	kafka_window_free(&window);
}

/* An open transaction holds back what it belongs to, however old its records. */
static void
test_open_transaction(void **state)
{
	KafkaWindow window;
	Error		err = {0};
	uint32_t	entry;

	(void) state;
	assert_true(kafka_window_init(&window, 4, &err));
	entry = kafka_window_entry(&window);
	kafka_window_add(&window, entry);
	kafka_window_acknowledge(&window, entry);
	assert_int_equal(window.reached, 0);
	kafka_window_commit(&window, 10);
	assert_int_equal(window.reached, 10);
	kafka_window_free(&window);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_empty_commits),
		cmocka_unit_test(test_entry_without_record),
		cmocka_unit_test(test_open_transaction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
