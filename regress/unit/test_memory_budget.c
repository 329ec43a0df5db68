/*
 * test_memory_budget.c
 *		How memory is divided among the spool and the sinks.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "kafka_options.h"
#include "memory_budget.h"
#include "lake_options.h"

#define MB (INT64_C(1) << 20)

typedef struct Rig
{
	Settings   *settings;
	Config		config;
	SinkSetups	sinks;
	Error		err;
} Rig;

static bool
divide(Rig *rig, char **arguments, int count)
{
	*rig = (Rig) {.settings = option_new(&settings_table)};
	error_clear(&rig->err);
	assert_non_null(rig->settings);
	assert_true(settings_read(rig->settings, &rig->config, count, arguments,
							  &rig->err));
	assert_true(setup_sinks(&rig->sinks, rig->settings, &rig->config,
							&rig->err));
	return memory_budget_divide(rig->settings, &rig->sinks, &rig->err);
}

#define DIVIDE(rig, ...) \
	divide(rig, (char *[]) {"pg_fanout", "-d", "x", "-S", "s", "--start", __VA_ARGS__, NULL}, \
		   (int) (sizeof((char *[]) {__VA_ARGS__}) / sizeof(char *)) + 6)

static void
end(Rig *rig)
{
	setup_free(&rig->sinks);
	config_free(&rig->config);
	settings_free(rig->settings);
}

static int64_t
kafka_share(const Rig *rig, size_t sink)
{
	return ((KafkaOptions *) rig->sinks.setups[sink].options)->queue_bytes;
}

static int64_t
s3_share(const Rig *rig, size_t sink)
{
	return ((LakeOptions *) rig->sinks.setups[sink].options)->memory;
}

static void
test_defaults_fill_the_default(void **state)
{
	Rig			rig;

	(void) state;
	assert_true(DIVIDE(&rig, "--sink", "kafka://a", "--sink", "s3://b/c",
					   "--sink", "null:"));
	assert_int_equal(rig.settings->spool_memory, 64 * MB);
	assert_int_equal(kafka_share(&rig, 0), 64 * MB);
	assert_int_equal(s3_share(&rig, 1), 96 * MB);
	end(&rig);
}

static void
test_one_sink_takes_no_more_than_its_weight(void **state)
{
	Rig			rig;

	(void) state;
	assert_true(DIVIDE(&rig, "--sink", "kafka://a"));
	assert_int_equal(kafka_share(&rig, 0), 64 * MB);
	end(&rig);
	assert_true(DIVIDE(&rig, "--memory=1GB", "--sink", "kafka://a"));
	assert_int_equal(kafka_share(&rig, 0), 256 * MB);
	assert_int_equal(rig.settings->spool_memory, 256 * MB);
	end(&rig);
}

static void
test_many_sinks_share(void **state)
{
	Rig			rig;
	int64_t		sum;

	(void) state;
	assert_true(DIVIDE(&rig, "--sink", "kafka://a", "--sink", "kafka://b",
					   "--sink", "s3://b/c", "--sink", "s3://b/d"));
	sum = rig.settings->spool_memory + kafka_share(&rig, 0) +
		kafka_share(&rig, 1) + s3_share(&rig, 2) + s3_share(&rig, 3);
	assert_in_range(sum, 220 * MB, 224 * MB);
	assert_int_equal(kafka_share(&rig, 0), kafka_share(&rig, 1));
	assert_true(s3_share(&rig, 2) > kafka_share(&rig, 0));
	end(&rig);
}

static void
test_explicit_ones_first(void **state)
{
	Rig			rig;

	(void) state;
	assert_true(DIVIDE(&rig, "--spool-memory=150MB",
					   "--sink", "kafka://a?queue_bytes=10MB",
					   "--sink", "s3://b/c"));
	assert_int_equal(rig.settings->spool_memory, 150 * MB);
	assert_int_equal(kafka_share(&rig, 0), 10 * MB);
	assert_int_equal(s3_share(&rig, 1), 64 * MB);
	end(&rig);
}

static void
test_too_little(void **state)
{
	Rig			rig;

	(void) state;
	assert_false(DIVIDE(&rig, "--sink", "kafka://a?queue_bytes=300MB"));
	assert_int_equal(rig.err.code, ERROR_USAGE);
	assert_non_null(strstr(rig.err.message, "memory (256 MB) is too little"));
	assert_non_null(strstr(rig.err.hint, "Raise memory"));
	end(&rig);

	/* each directory wants room for two parts */
	assert_false(DIVIDE(&rig, "--memory=64MB", "--sink", "dir:///a",
						"--sink", "dir:///b"));
	end(&rig);
	assert_true(DIVIDE(&rig, "--memory=64MB", "--sink", "kafka://a",
					   "--sink", "file:b"));
	assert_in_range(kafka_share(&rig, 0), 1 * MB, 16 * MB);
	end(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_fill_the_default),
		cmocka_unit_test(test_one_sink_takes_no_more_than_its_weight),
		cmocka_unit_test(test_many_sinks_share),
		cmocka_unit_test(test_explicit_ones_first),
		cmocka_unit_test(test_too_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
