/*
 * test_config.c
 *		The configuration file and sink URLs: what is read, what is refused, and
 *		that no error repeats a secret.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "config.h"

static char path[64];

static int
set_up(void **state)
{
	int			fd;

	(void) state;
	strcpy(path, "/tmp/test_config.XXXXXX");
	fd = mkstemp(path);
	return fd < 0 || close(fd) != 0;
}

static int
tear_down(void **state)
{
	(void) state;
	return unlink(path);
}

static void
file_write(const char *text, size_t size, mode_t mode)
{
	FILE	   *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, size, file), size);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static bool
is_password(const ConfigEntry *entry)
{
	return strcmp(entry->name, "password") == 0;
}

static bool
read_text(Config *config, const char *text, Error *err)
{
	error_clear(err);
	file_write(text, strlen(text), 0600);
	return config_read(config, path, is_password, err);
}

static void
assert_entry(const Config *config, size_t i, const char *section,
			 const char *name, const char *value, int line)
{
	assert_true(i < config->count);
	assert_string_equal(config->entries[i].section, section);
	assert_string_equal(config->entries[i].name, name);
	assert_string_equal(config->entries[i].value, value);
	assert_int_equal(config->entries[i].line, line);
}

/* ---- the file ---- */

static void
test_config_lines(void **state)
{
	Config		config;
	Error		err;

	(void) state;
	assert_true(read_text(&config,
						  "\xef\xbb\xbf# comment\n"
						  "  ; another\r\n"
						  "[pg_fanout]   # section\n"
						  "dbname=bank\n"
						  "\t slot \t=\t fan out  ; the slot\r\n"
						  "empty =\n"
						  "hash = a#b;c #d\n"
						  "glued =#x\n"
						  "gone = # x\n"
						  "\n"
						  "[ sink \t lake ]\n"
						  "url = 's3://lake/it''s # here' # comment\n"
						  "text = \"a \"\"b\"\" \"\n"
						  "query = a=b=c\n"
						  "url = again", &err));
	assert_int_equal(config.count, 10);
	assert_entry(&config, 0, "pg_fanout", "dbname", "bank", 4);
	assert_entry(&config, 1, "pg_fanout", "slot", "fan out", 5);
	assert_entry(&config, 2, "pg_fanout", "empty", "", 6);
	assert_entry(&config, 3, "pg_fanout", "hash", "a#b;c", 7);
	assert_entry(&config, 4, "pg_fanout", "glued", "#x", 8);
	assert_entry(&config, 5, "pg_fanout", "gone", "", 9);
	assert_entry(&config, 6, "sink lake", "url", "s3://lake/it's # here", 12);
	assert_entry(&config, 7, "sink lake", "text", "a \"b\" ", 13);
	assert_entry(&config, 8, "sink lake", "query", "a=b=c", 14);
	assert_entry(&config, 9, "sink lake", "url", "again", 15);
	config_free(&config);
}

static void
test_config_long_line(void **state)
{
	size_t		size = 300000;
	char	   *text = malloc(size + 32);
	Config		config;
	Error		err;

	(void) state;
	strcpy(text, "[s]\nname = ");
	memset(text + strlen(text), 'x', size);
	strcpy(text + 11 + size, "\nnext = 1\n");
	assert_true(read_text(&config, text, &err));
	assert_int_equal(config.count, 2);
	assert_int_equal(strlen(config.entries[0].value), size);
	assert_entry(&config, 1, "s", "next", "1", 3);
	config_free(&config);
	free(text);
}

typedef struct FaultCase
{
	const char *text;
	int			line;
} FaultCase;

static void
test_config_faults(void **state)
{
	static const FaultCase faults[] = {
		{"name = 1\n", 1}, {"[a]\nTOPSECRET\n", 2}, {"[a\n", 1}, {"[]\n", 1},
		{"[ ]\n", 1}, {"[a] b\n", 1}, {"\n\n[a]\n= TOPSECRET\n", 4},
		{"[a]\nx = \"TOPSECRET\n", 2}, {"[a]\nx = 'TOPSECRET' y\n", 2},
		{"[a]\nx = '\n", 2}, {"[a]\ntwo words = TOPSECRET\n", 2},
		{"[a]\n\"q\" = TOPSECRET\n", 2},
	};
	Config		config;
	char		where[80];
	Error		err;

	(void) state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
	{
		assert_false(read_text(&config, faults[i].text, &err));
		assert_int_equal(err.code, ERROR_USAGE);
		snprintf(where, sizeof(where), "%s:%d: ", path, faults[i].line);
		assert_ptr_equal(strstr(err.message, where), err.message);
		assert_null(strstr(err.message, "TOPSECRET"));
		assert_null(strstr(err.hint, "TOPSECRET"));
		assert_int_equal(config.count, 0);
		assert_null(config.entries);
	}
	file_write("[a]\nx = a\0b\n", 12, 0600);
	assert_false(config_read(&config, path, is_password, &err));
	assert_non_null(strstr(err.message, ":2: line holds a NUL byte"));
}

static void
test_config_unreadable(void **state)
{
	Config		config;
	Error		err;

	(void) state;
	assert_false(config_read(&config, "/nonexistent/pg_fanout.conf", is_password, &err));
	assert_int_equal(err.code, ERROR_USAGE);
	assert_non_null(strstr(err.message, "No such file"));
	assert_false(config_read(&config, "/tmp", is_password, &err));
	assert_int_equal(err.code, ERROR_USAGE);
	assert_false(config_read(&config, "/dev/zero", is_password, &err));
	assert_non_null(strstr(err.message, "too large"));
}

static void
test_config_secrets(void **state)
{
	static const char secret[] = "[a]\npassword = TOPSECRET\n";
	static const mode_t open_modes[] = {0640, 0604, 0660, 0601, 0777};
	Config		config;
	Error		err;

	(void) state;
	for (size_t i = 0; i < sizeof(open_modes) / sizeof(open_modes[0]); i++)
	{
		file_write(secret, strlen(secret), open_modes[i]);
		assert_false(config_read(&config, path, is_password, &err));
		assert_int_equal(err.code, ERROR_SECRET_FILE);
		assert_non_null(strstr(err.hint, "chmod 600 /tmp/test_config."));
		assert_null(strstr(err.message, "TOPSECRET"));
		assert_int_equal(config.count, 0);
	}
	file_write(secret, strlen(secret), 0600);
	assert_true(config_read(&config, path, is_password, &err));
	config_free(&config);
	file_write(secret, strlen(secret), 0400);
	assert_true(config_read(&config, path, is_password, &err));
	config_free(&config);
	/* without a secret everybody may read it */
	file_write("[a]\nb = c\n", 10, 0644);
	assert_true(config_read(&config, path, is_password, &err));
	config_free(&config);

	if (geteuid() != 0)
		return;
	file_write(secret, strlen(secret), 0600);
	assert_int_equal(chown(path, 12345, (gid_t) -1), 0);
	assert_false(config_read(&config, path, is_password, &err));
	assert_int_equal(err.code, ERROR_SECRET_FILE);
	assert_non_null(strstr(err.hint, "chown 0 "));
}

/* ---- URLs ---- */

typedef struct UrlCase
{
	const char *text;
	const char *scheme;
	const char *authority;
	const char *path;
} UrlCase;

static void
test_url_parts(void **state)
{
	static const UrlCase cases[] = {
		{"kafka://h1:9092,h2:9092", "kafka", "h1:9092,h2:9092", ""},
		{"kafka://h1:9092/?a=b", "kafka", "h1:9092", ""},
		{"KAFKA://mock", "kafka", "mock", ""},
		{"s3://lake/bank/x/", "s3", "lake", "bank/x/"},
		{"s3://lake", "s3", "lake", ""},
		{"s3://lake//a", "s3", "lake", "/a"},
		{"dir:///var/lake", "dir", "", "/var/lake"},
		{"file:-", "file", "", "-"},
		{"file:out.jsonl", "file", "", "out.jsonl"},
		{"file:/a b%20c%25", "file", "", "/a b c%"},
		{"file:///a?sync=1", "file", "", "/a"},
		{"file:a@b", "file", "", "a@b"},
		{"null:", "null", "", ""},
		{"null:?", "null", "", ""},
		{"kafka://[::1]:9092", "kafka", "[::1]:9092", ""},
	};
	Url			url;
	Error		err;

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		assert_true(url_parse(&url, cases[i].text, &err));
		assert_string_equal(url.scheme, cases[i].scheme);
		assert_string_equal(url.authority, cases[i].authority);
		assert_string_equal(url.path, cases[i].path);
		url_free(&url);
	}
}

static void
test_url_queries(void **state)
{
	Url			url;
	Error		err;

	(void) state;
	assert_true(url_parse(&url, "s3://b?x=1&&y=%26%3d+&x=&z=a=b?c/d&", &err));
	assert_int_equal(url.query_count, 4);
	assert_string_equal(url.queries[0].name, "x");
	assert_string_equal(url.queries[0].value, "1");
	assert_string_equal(url.queries[1].value, "&=+");
	assert_string_equal(url.queries[2].name, "x");
	assert_string_equal(url.queries[2].value, "");
	assert_string_equal(url.queries[3].value, "a=b?c/d");
	assert_null(url.queries[0].section);
	url_free(&url);
}

static void
test_url_refused(void **state)
{
	static const char *const texts[] = {
		"", "kafka", "://x", "/a/b", "-", "1x:y", "file out:x",
		"s3://user:TOPSECRET@bucket/x", "kafka://TOPSECRET@h",
		"file:/TOPSECRET%", "file:/TOPSECRET%2", "file:/%zz", "file:/a%00b",
		"null:?TOPSECRET", "null:?=TOPSECRET", "null:?a=%", "null:?%0g=1"
	};
	char	   *longest = malloc(10000);
	Url			url;
	Error		err;

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		error_clear(&err);
		assert_false(url_parse(&url, texts[i], &err));
		assert_int_equal(err.code, ERROR_USAGE);
		assert_true(err.hint[0] != '\0');
		assert_null(strstr(err.message, "TOPSECRET"));
		assert_null(strstr(err.hint, "TOPSECRET"));
		assert_null(url.scheme);
	}
	assert_false(url_parse(&url, texts[7], &err));
	assert_non_null(strstr(err.hint, "command line"));
	memset(longest, 'a', 9999);
	memcpy(longest, "file:", 5);
	longest[9999] = '\0';
	assert_false(url_parse(&url, longest, &err));
	free(longest);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_config_lines, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_config_long_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_config_faults, set_up, tear_down),
		cmocka_unit_test(test_config_unreadable),
		cmocka_unit_test_setup_teardown(test_config_secrets, set_up, tear_down),
		cmocka_unit_test(test_url_parts),
		cmocka_unit_test(test_url_queries),
		cmocka_unit_test(test_url_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
