/*
 * test_option.c
 *		Options: what texts are taken and refused, what the hints say, what a
 *		table prints about itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "option.h"

typedef struct Values
{
	bool		flag;
	bool		toggle;
	int64_t		number;
	int64_t		bytes;
	int64_t		time;
	char	   *text;
	char	   *secret;
	int			word;
	OptionList	list;
	OptionMap	map;
} Values;

static const char *const words[] = {"none", "gzip", "zstd", NULL};

static const Option rows[] = {
	{"no-loop", 'n', OPTION_FLAG, offsetof(Values, flag), .help = "Stop when the connection is lost."},
	{"create-topics", 0, OPTION_BOOL, offsetof(Values, toggle), "on", .help = "Create missing topics."},
	{"partitions", 0, OPTION_INT, offsetof(Values, number), "-1", -1, 1000, .help = "Partitions of a new topic."},
	{"flush-bytes", 0, OPTION_BYTES, offsetof(Values, bytes), "64kB", 1024, INT64_C(1) << 40, .help = "Size at which an object is closed."},
	{"linger", 0, OPTION_TIME, offsetof(Values, time), "5ms", .help = "How long to wait for more records."},
	{"region", 'r', OPTION_STRING, offsetof(Values, text), NULL, .argument = "NAME",
	.help = "The region. This sentence is long enough that it has to be wrapped in help, configuration file and manual, which is what it is here for."},
	{"secret-key", 0, OPTION_SECRET, offsetof(Values, secret), .help = "The secret."},
	{"compression", 0, OPTION_WORD, offsetof(Values, word), "gzip", .words = words, .help = "How records are compressed"},
	{"option", 'o', OPTION_LIST, offsetof(Values, list), .help = "Passed to the plugin."},
	{"kafka.", 0, OPTION_MAP, offsetof(Values, map), .help = "Any librdkafka property."},
};

static const OptionTable table = {
	"Test options", "pg_fanout", rows, sizeof(rows) / sizeof(rows[0]), sizeof(Values)
};

static Values *
values_new(void)
{
	Values	   *values = option_new(&table);

	assert_non_null(values);
	return values;
}

static void
test_option_defaults(void **state)
{
	Values	   *values = values_new();

	(void) state;
	assert_false(values->flag);
	assert_true(values->toggle);
	assert_int_equal(values->number, -1);
	assert_int_equal(values->bytes, 65536);
	assert_int_equal(values->time, 5000);
	assert_null(values->text);
	assert_null(values->secret);
	assert_int_equal(values->word, 1);
	assert_int_equal(values->list.count, 0);
	assert_int_equal(values->map.count, 0);
	option_free(&table, values);
	option_free(&table, NULL);
}

static void
test_option_find(void **state)
{
	(void) state;
	assert_ptr_equal(option_find(&table, "flush_bytes"), &rows[3]);
	assert_ptr_equal(option_find(&table, "flush-bytes"), &rows[3]);
	assert_null(option_find(&table, "flush"));
	assert_null(option_find(&table, "flush-bytes2"));
	assert_null(option_find(&table, ""));
	assert_ptr_equal(option_find(&table, "kafka.linger.ms"), &rows[9]);
	assert_ptr_equal(option_find(&table, "flush.bytes"), &rows[3]);
	assert_null(option_find(&table, "kafka."));
	assert_null(option_find(&table, "kafka_linger"));
	assert_ptr_equal(option_find_letter(&table, 'r'), &rows[5]);
	assert_null(option_find_letter(&table, 'x'));
	assert_null(option_find_letter(&table, 0));
}

/* ---- numbers ---- */

typedef struct NumberCase
{
	const char *name;
	const char *text;
	int64_t		value;
} NumberCase;

static void
test_option_numbers(void **state)
{
	static const NumberCase good[] = {
		{"partitions", "12", 12}, {"partitions", "-1", -1},
		{"flush-bytes", "4096", 4096}, {"flush-bytes", "4096B", 4096},
		{"flush-bytes", "64 MB", 64 << 20}, {"flush-bytes", "64mb", 64 << 20},
		{"flush-bytes", "1.5kB", 1536},
		{"flush-bytes", "1024GB", INT64_C(1) << 40},
		{"linger", "0", 0}, {"linger", "10", 10000000}, {"linger", "10s", 10000000},
		{"linger", "0.5", 500000}, {"linger", "1.000001 s", 1000001},
		{"linger", "2min", 120000000}, {"linger", "1.5h", INT64_C(5400000000)},
		{"linger", "1d", INT64_C(86400000000)}, {"linger", "7us", 7},
	};
	Values	   *values = values_new();
	Error		err;

	(void) state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		const Option *option = option_find(&table, good[i].name);

		assert_true(option_set(&table, values, good[i].name, good[i].text, &err));
		assert_true(*(int64_t *) ((char *) values + option->offset) == good[i].value);
	}
	option_free(&table, values);
}

static void
test_option_bad_numbers(void **state)
{
	static const NumberCase bad[] = {
		{"partitions", ""}, {"partitions", "x"}, {"partitions", "1.5"},
		{"partitions", "1 "}, {"partitions", " 1"}, {"partitions", "--1"},
		{"partitions", "+1"}, {"partitions", "1001"}, {"partitions", "-2"},
		{"partitions", "99999999999999999999"}, {"partitions", "0x10"},
		{"flush-bytes", "1023"}, {"flush-bytes", "1025GB"},
		{"flush-bytes", "-1MB"}, {"flush-bytes", "64XB"}, {"flush-bytes", "MB"},
		{"flush-bytes", "9223372036854775807TB"}, {"flush-bytes", "1.MB"},
		{"flush-bytes", "1..5MB"}, {"flush-bytes", "1.1234567MB"},
		{"linger", "-1"}, {"linger", "1w"}, {"linger", "1 s s"},
		{"linger", "9223372036854775807"}, {"linger", ".5"}, {"linger", "1e3"},
	};
	Values	   *values = values_new();
	Error		err;

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		error_clear(&err);
		assert_false(option_set(&table, values, bad[i].name, bad[i].text, &err));
		assert_int_equal(err.code, ERROR_USAGE);
		assert_non_null(strstr(err.message, bad[i].name));
		assert_true(err.hint[0] != '\0' || err.detail[0] != '\0');
	}
	/* a refused value leaves the old one */
	assert_int_equal(values->number, -1);
	assert_int_equal(values->bytes, 65536);
	assert_false(option_set(&table, values, "flush_bytes", "1", &err));
	assert_string_equal(err.hint, "It must lie between 1kB and 1TB.");
	option_free(&table, values);
}

/* ---- the other types ---- */

static void
test_option_words_and_bools(void **state)
{
	static const char *const on[] = {"on", "true", "yes", "1", "ON"};
	static const char *const off[] = {"off", "false", "no", "0", "False"};
	Values	   *values = values_new();
	Error		err;

	(void) state;
	for (size_t i = 0; i < 5; i++)
	{
		assert_true(option_set(&table, values, "create_topics", off[i], &err));
		assert_false(values->toggle);
		assert_true(option_set(&table, values, "create_topics", on[i], &err));
		assert_true(values->toggle);
	}
	assert_false(option_set(&table, values, "create_topics", "2", &err));
	assert_false(option_set(&table, values, "create_topics", "", &err));
	assert_false(option_set(&table, values, "create_topics", NULL, &err));
	assert_string_equal(err.message, "option \"create-topics\" needs a value");
	assert_true(option_set(&table, values, "no-loop", NULL, &err));
	assert_true(values->flag);
	assert_true(option_set(&table, values, "no_loop", "off", &err));
	assert_false(values->flag);

	assert_true(option_set(&table, values, "compression", "zstd", &err));
	assert_int_equal(values->word, 2);
	assert_false(option_set(&table, values, "compression", "lz77", &err));
	assert_string_equal(err.hint, "It must be one of none, gzip, zstd.");
	assert_int_equal(values->word, 2);
	option_free(&table, values);
}

static void
test_option_strings(void **state)
{
	Values	   *values = values_new();
	Error		err;

	(void) state;
	assert_true(option_set(&table, values, "region", "one", &err));
	assert_true(option_set(&table, values, "region", "two", &err));
	assert_string_equal(values->text, "two");
	assert_true(option_set(&table, values, "option", "a=1", &err));
	assert_true(option_set(&table, values, "option", "b", &err));
	assert_int_equal(values->list.count, 2);
	assert_string_equal(values->list.items[0], "a=1");
	assert_string_equal(values->list.items[1], "b");

	/* of a map the rest of the name stays as written; the last one counts */
	assert_true(option_set(&table, values, "kafka.linger.ms", "5", &err));
	assert_true(option_set(&table, values, "kafka.a_b-c", "6", &err));
	assert_true(option_set(&table, values, "kafka.linger.ms", "7", &err));
	assert_int_equal(values->map.count, 2);
	assert_string_equal(values->map.pairs[0].name, "linger.ms");
	assert_string_equal(values->map.pairs[0].value, "7");
	assert_string_equal(values->map.pairs[1].name, "a_b-c");
	option_free(&table, values);
}

static void
test_option_unknown(void **state)
{
	char		longest[300];
	Values	   *values = values_new();
	Error		err;

	(void) state;
	assert_false(option_set(&table, values, "flush-byte", "1", &err));
	assert_int_equal(err.code, ERROR_USAGE);
	assert_string_equal(err.message, "unknown option \"flush-byte\" (Test options)");
	assert_string_equal(err.hint, "Perhaps you meant \"flush-bytes\".");
	assert_false(option_set(&table, values, "comprssion", "gzip", &err));
	assert_string_equal(err.hint, "Perhaps you meant \"compression\".");
	assert_false(option_set(&table, values, "zzz", "1", &err));
	assert_null(strstr(err.hint, "meant"));
	assert_false(option_set(&table, values, "", "1", &err));
	assert_null(strstr(err.hint, "meant"));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_false(option_set(&table, values, longest, "secret-value", &err));
	assert_null(strstr(err.message, "secret-value"));
	option_free(&table, values);
}

/* ---- printing ---- */

static char *
printed(void (*print) (const OptionTable *, FILE *), const OptionTable *what)
{
	char	   *text = NULL;
	size_t		size;
	FILE	   *out = open_memstream(&text, &size);

	print(what, out);
	fclose(out);
	return text;
}

static void
check_width(const char *text)
{
	while (*text != '\0')
	{
		size_t		width = strcspn(text, "\n");

		assert_in_range(width, 0, 79);
		text += width + (text[width] == '\n');
	}
}

/* Each kind of option makes the difference, and taking it back unmakes it. */
static void
test_option_equal(void **state)
{
	static const char *const settings[][2] = {
		{"no-loop", "on"}, {"create-topics", "off"}, {"partitions", "3"}, {"flush-bytes", "4096"},
		{"linger", "1s"}, {"region", "x"}, {"secret-key", "x"}, {"compression", "zstd"},
		{"option", "x"}, {"kafka.a", "x"}
	};
	Error		err;

	(void) state;
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
	{
		Values	   *a = values_new();
		Values	   *b = values_new();

		assert_true(option_equal(&table, a, b));
		assert_true(option_set(&table, a, settings[i][0], settings[i][1], &err));
		assert_false(option_equal(&table, a, b));
		assert_false(option_equal(&table, b, a));
		assert_true(option_set(&table, b, settings[i][0], settings[i][1], &err));
		assert_true(option_equal(&table, a, b));
		option_free(&table, a);
		option_free(&table, b);
	}
}

static void
test_option_print_help(void **state)
{
	char	   *text = printed(option_print_help, &table);

	(void) state;
	check_width(text);
	assert_ptr_equal(strstr(text, "Test options:\n"), text);
	assert_non_null(strstr(text, "\n  -n, --no-loop               Stop when"));
	assert_non_null(strstr(text, "\n  -r, --region=NAME           The region."));
	assert_non_null(strstr(text, "\n      --create-topics=on|off  Create missing topics. (default: on)\n"));
	assert_non_null(strstr(text, "--kafka.NAME=VALUE"));
	assert_non_null(strstr(text, "compressed (none, gzip, zstd;\n                              default: gzip)"));
	free(text);
}

/* Uncommented, the printed defaults must be what option_new sets. */
static void
test_option_print_config(void **state)
{
	char	   *text = printed(option_print_config, &table);
	Values	   *values = calloc(1, sizeof(Values));
	char	   *rest = NULL;
	size_t		seen = 0;
	Error		err;

	(void) state;
	check_width(text);
	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
		 line = strtok_r(NULL, "\n", &rest))
	{
		char	   *value = strstr(line, " =");

		assert_int_equal(line[0], '#');
		if (line[1] == ' ')
			continue;
		seen++;
		assert_non_null(value);
		*value = '\0';
		if (value[2] == ' ')
			assert_true(option_set(&table, values, line + 1, value + 3, &err));
		else
			assert_non_null(option_find(&table, line + 1));
	}
	assert_int_equal(seen, table.count);
	assert_int_equal(values->bytes, 65536);
	assert_int_equal(values->time, 5000);
	assert_int_equal(values->word, 1);
	assert_true(values->toggle);
	option_free(&table, values);
	free(text);
}

static void
test_option_print_sink(void **state)
{
	OptionTable sink = table;
	char	   *text;

	(void) state;
	sink.prefix = "sink";
	text = printed(option_print_help, &sink);
	assert_non_null(strstr(text, "\n  flush_bytes=SIZE"));
	assert_non_null(strstr(text, "\n  no_loop=on|off"));
	assert_null(strstr(text, "--"));
	free(text);
	text = printed(option_print_manual, &sink);
	assert_non_null(strstr(text, ".It Cm flush_bytes Ns = Ns Ar \"SIZE\"\n"));
	free(text);
}

static void
test_option_print_manual(void **state)
{
	static const Option odd[] = {
		{"odd", 0, OPTION_STRING, offsetof(Values, text), "a\\b", .help = ".dot \"quoted\" -x"},
	};
	static const OptionTable odd_table = {"Odd", NULL, odd, 1, sizeof(Values)};
	char	   *text = printed(option_print_manual, &table);

	(void) state;
	assert_ptr_equal(strstr(text, ".Ss Test options\n.Bl -tag -width Ds\n"), text);
	assert_non_null(strstr(text, ".It Fl r , Fl \\-region Ns = Ns Ar \"NAME\"\nThe region."));
	assert_non_null(strstr(text, "\n.El\n"));
	free(text);
	text = printed(option_print_manual, &odd_table);
	assert_non_null(strstr(text, "\n\\&.dot \\(dqquoted\\(dq \\-x (default: a\\eb)\n"));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_option_defaults),
		cmocka_unit_test(test_option_find),
		cmocka_unit_test(test_option_numbers),
		cmocka_unit_test(test_option_bad_numbers),
		cmocka_unit_test(test_option_words_and_bools),
		cmocka_unit_test(test_option_strings),
		cmocka_unit_test(test_option_unknown),
		cmocka_unit_test(test_option_equal),
		cmocka_unit_test(test_option_print_help),
		cmocka_unit_test(test_option_print_config),
		cmocka_unit_test(test_option_print_sink),
		cmocka_unit_test(test_option_print_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
