/*
 * test_transform.c
 *		What may pass: patterns, tables and columns left out, masks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "body_write.h"
#include "log.h"
#include "mask.h"
#include "row_json.h"
#include "transform.h"
#include "wire.h"

#define MAX_TEXTS 4

/* Of Joerg, ["a","b"], Ann and 7: printf VALUE | openssl dgst -sha256 -hmac pepper */
#define HASH_NAME "5b4735a991b3f2a2a8973e852b3328cd2b62c8a075597eaf45f99e5e30384993"
#define HASH_TAGS "694ba6429e8cfa111147f94498db111437edb16d2bb12234afb30a34eb554fb9"
#define HASH_ANN "2bfdf421ffa7d87ef241799edb83e86128af3dad7daebda841f6d2c6c2dea783"
#define HASH_SEVEN "86693d50efdc246c3c8d898667e7714b2d45096dd20a088aa7fd609d263cdcbd"

typedef struct Lists
{
	OptionList	lists[7];		/* in the order of TransformRules */
	char	   *texts[7][MAX_TEXTS];
	const char *salt;
} Lists;

enum
{
	TABLE_INCLUDE, TABLE_EXCLUDE, COLUMN_INCLUDE, COLUMN_EXCLUDE, MASKS,
	MESSAGE_INCLUDE, MESSAGE_EXCLUDE
};

static Lists lists;
static Table *table;
static Transform *transform;
static Change change;
static Buf	body;
static Error err;

static void
add(int list, const char *text)
{
	OptionList *to = &lists.lists[list];

	to->items = lists.texts[list];
	to->items[to->count++] = (char *) text;
}

static Transform *
make(void)
{
	TransformRules rules = {
		&lists.lists[TABLE_INCLUDE], &lists.lists[TABLE_EXCLUDE],
		&lists.lists[COLUMN_INCLUDE], &lists.lists[COLUMN_EXCLUDE],
		&lists.lists[MASKS], lists.salt,
		&lists.lists[MESSAGE_INCLUDE], &lists.lists[MESSAGE_EXCLUDE]
	};

	return transform_new(&rules, &err);
}

/* id int4 key, name text, born date, tags text[], doc jsonb */
static Table *
make_table(uint32_t oid, const char *name, PgFanout__ReplicaIdentity identity)
{
	static const struct
	{
		const char *name;
		const char *type;
		PgFanout__Encoding encoding;
		bool		array;
	}			shapes[] = {
		{"id", "pg_catalog.int4", PG_FANOUT__ENCODING__INT32, false},
		{"name", "pg_catalog.text", PG_FANOUT__ENCODING__TEXT, false},
		{"born", "pg_catalog.date", PG_FANOUT__ENCODING__DATE, false},
		{"tags", "pg_catalog._text", PG_FANOUT__ENCODING__TEXT, true},
		{"doc", "pg_catalog.jsonb", PG_FANOUT__ENCODING__JSON, false},
	};
	PgFanout__Column columns[5];
	PgFanout__Column *pointers[5];
	PgFanout__Table record = PG_FANOUT__TABLE__INIT;

	for (uint32_t i = 0; i < 5; i++)
	{
		pg_fanout__column__init(&columns[i]);
		columns[i].number = i + 1 + (i > 2);	/* 4 was dropped */
		columns[i].name = (char *) shapes[i].name;
		columns[i].type_name = (char *) shapes[i].type;
		columns[i].typmod = -1;
		columns[i].encoding = shapes[i].encoding;
		columns[i].array = shapes[i].array;
		pointers[i] = &columns[i];
	}
	if (identity == PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_DEFAULT)
		columns[0].key_position = 1;
	record.oid = oid;
	record.schema = (char *) "bank";
	record.name = (char *) name;
	record.identity = identity;
	record.n_column = 5;
	record.column = pointers;
	record.version = table_fingerprint(&record);
	return table_new(&record);
}

static int
set_up(void **state)
{
	(void) state;
	lists = (Lists) {0};
	transform = NULL;
	log_init(LOG_LEVEL_ERROR);
	error_clear(&err);
	buf_init(&body, 1 << 20);
	table = make_table(42, "customer", PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_DEFAULT);
	return table == NULL;
}

static int
tear_down(void **state)
{
	(void) state;
	transform_free(transform);
	table_free(table);
	buf_free(&body);
	return 0;
}

static void
put_row(uint32_t number, int id, const char *name)
{
	size_t		mark = body_open(&body, number);
	size_t		tags;

	body_put_uint(&body, 1, wire_zigzag(id));
	if (name != NULL)
		body_put_bytes(&body, 2, slice_of(name));
	body_put_uint(&body, 3, wire_zigzag(19723));
	tags = body_open(&body, 5);
	body_put_bytes(&body, 1, slice_of("a"));
	body_put_bytes(&body, 1, slice_of("b"));
	body_close(&body, tags);
	body_put_bytes(&body, 6, slice_of("{\"k\": 1}"));
	body_close(&body, mark);
}

/* An update from Ann to name, of a table with all columns in both rows. */
static void
make_change(const char *name)
{
	buf_clear(&body);
	body_put_uint(&body, BODY_OP, PG_FANOUT__OP__UPDATE);
	put_row(BODY_BEFORE, 7, "Ann");
	put_row(BODY_AFTER, 7, name);
	body_put_uint(&body, BODY_LSN, 99);
	assert_false(buf_failed(&body));
	change = (Change) {.table = table, .body = buf_slice(&body)};
	assert_true(body_parse(change.body, &change.parts));
}

static void
start(void)
{
	transform = make();
	if (transform == NULL)
		fail_msg("%s", err.message);
}

static void
assert_row(Slice row, const char *expected)
{
	Slice		none = {NULL, 0};
	Buf			json;

	buf_init(&json, 4096);
	assert_true(row_append_json(&json, change.table, row, ROW_WHOLE, none));
	assert_string_equal(buf_string(&json), expected);
	buf_free(&json);
}

/* ---- tests ---- */

static void
test_nothing_to_do(void **state)
{
	const uint8_t *before;

	(void) state;
	start();
	make_change("Bob");
	before = change.body.data;
	assert_int_equal(transform_change(transform, &change, &err), TRANSFORM_PASS);
	assert_ptr_equal(change.table, table);
	assert_ptr_equal(change.body.data, before);
}

static void
test_tables(void **state)
{
	static const struct
	{
		const char *include;
		const char *exclude;
		bool		passes;
	}			cases[] = {
		{"bank.customer", NULL, true}, {"bank.*", NULL, true}, {"*.*", NULL, true},
		{"bank.c?stomer", NULL, true}, {"bank.custome", NULL, false},
		{"BANK.customer", NULL, false}, {"a.b,bank.customer", NULL, true},
		{"bank.*", "bank.customer", false}, {NULL, "*.cust*", false}, {NULL, "x.*", true},
		{"ban\\k.customer", NULL, true}, {"bank.\\*", NULL, false}
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		lists = (Lists) {0};
		if (cases[i].include != NULL)
			add(TABLE_INCLUDE, cases[i].include);
		if (cases[i].exclude != NULL)
			add(TABLE_EXCLUDE, cases[i].exclude);
		start();
		make_change("Bob");
		assert_int_equal(transform_change(transform, &change, &err),
						 cases[i].passes ? TRANSFORM_PASS : TRANSFORM_DROP);
		transform_free(transform);
	}
	transform = NULL;
}

static void
test_dots_in_names(void **state)
{
	(void) state;
	table_free(table);
	table = make_table(43, "a.b", PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_DEFAULT);
	add(TABLE_INCLUDE, "bank.a\\.b");
	start();
	make_change("Bob");
	assert_int_equal(transform_change(transform, &change, &err), TRANSFORM_PASS);
}

static void
test_columns_left_out(void **state)
{
	(void) state;
	add(COLUMN_EXCLUDE, "bank.customer.name");
	add(COLUMN_EXCLUDE, "*.*.tags,*.*.doc");
	start();
	make_change("Bob");
	assert_int_equal(transform_change(transform, &change, &err), TRANSFORM_PASS);
	assert_int_equal(change.table->column_count, 2);
	assert_true(change.table->version != table->version);
	assert_int_equal(change.table->key_count, 1);
	assert_row(change.parts.before, "{\"id\":7,\"born\":\"2024-01-01\"}");
	assert_row(change.parts.after, "{\"id\":7,\"born\":\"2024-01-01\"}");
	assert_int_equal(change.parts.lsn, 99);
	assert_null(memmem(change.body.data, change.body.size, "Ann", 3));
	assert_null(memmem(change.body.data, change.body.size, "Bob", 3));
}

static void
test_columns_included(void **state)
{
	(void) state;
	add(COLUMN_INCLUDE, "bank.customer.id,*.*.name");
	start();
	make_change(NULL);
	assert_int_equal(transform_change(transform, &change, &err), TRANSFORM_PASS);
	assert_row(change.parts.before, "{\"id\":7,\"name\":\"Ann\"}");
	assert_row(change.parts.after, "{\"id\":7,\"name\":null}");
}

static void
test_masks(void **state)
{
	(void) state;
	lists.salt = "pepper";
	add(MASKS, "bank.customer.name=hash");
	add(MASKS, "bank.*.born=truncate:4");
	add(MASKS, "*.*.tags=hash");
	add(MASKS, "*.*.doc=fixed:{x=1,y}");
	start();
	make_change("J\xc3\xb6rg");
	assert_int_equal(transform_change(transform, &change, &err), TRANSFORM_PASS);
	for (size_t i = 1; i < 5; i++)
	{
		assert_int_equal(change.table->columns[i].encoding, PG_FANOUT__ENCODING__TEXT);
		assert_false(change.table->columns[i].is_array);
		assert_string_equal(change.table->columns[i].type_name, "pg_catalog.text");
	}
	assert_row(change.parts.after, "{\"id\":7,"
			   "\"name\":\"" HASH_NAME "\","
			   "\"born\":\"2024\","
			   "\"tags\":\"" HASH_TAGS "\","
			   "\"doc\":\"{x=1,y}\"}");
	make_change(NULL);
	assert_int_equal(transform_change(transform, &change, &err), TRANSFORM_PASS);
	assert_non_null(memmem(change.body.data, change.body.size, HASH_ANN, 64));
	assert_null(memmem(change.body.data, change.body.size, "Ann", 3));
}

/* Characters, not bytes; a key stays a key if its values stay apart. */
static void
test_masked_keys(void **state)
{
	(void) state;
	lists.salt = "pepper";
	add(MASKS, "bank.customer.id=hash");
	add(MASKS, "bank.customer.name=truncate:2");
	start();
	make_change("J\xc3\xb6rg");
	assert_int_equal(transform_change(transform, &change, &err), TRANSFORM_PASS);
	assert_int_equal(change.table->key_count, 1);
	assert_non_null(memmem(change.body.data, change.body.size, HASH_SEVEN, 64));
	assert_non_null(memmem(change.body.data, change.body.size, "\x12\x03J\xc3\xb6", 5));
}

static void
test_damaged_keys(void **state)
{
	static const char *const masks[] = {
		"bank.customer.id=fixed:x", "bank.customer.id=truncate:3", NULL
	};

	(void) state;
	for (size_t i = 0; i < 3; i++)
	{
		lists = (Lists) {0};
		if (masks[i] != NULL)
			add(MASKS, masks[i]);
		else
			add(COLUMN_EXCLUDE, "*.*.id");
		start();
		make_change("Bob");
		assert_int_equal(transform_change(transform, &change, &err), TRANSFORM_FAILED);
		assert_int_equal(err.code, ERROR_USAGE);
		assert_non_null(strstr(err.message, "column id of table bank.customer"));
		transform_free(transform);
	}

	/* with all columns as key, the rest of them is */
	table_free(table);
	table = make_table(44, "t", PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_FULL);
	start();
	make_change("Bob");
	assert_int_equal(transform_change(transform, &change, &err), TRANSFORM_PASS);
	assert_int_equal(change.table->key_count, 4);
}

/* Columns not sent stay in the list unless they are left out. */
static void
test_unchanged(void **state)
{
	size_t		mark;

	(void) state;
	add(COLUMN_EXCLUDE, "*.*.tags");
	start();
	buf_clear(&body);
	body_put_uint(&body, BODY_OP, PG_FANOUT__OP__UPDATE);
	mark = body_open(&body, BODY_AFTER);
	body_put_uint(&body, 1, wire_zigzag(7));
	body_close(&body, mark);
	mark = body_open(&body, BODY_UNCHANGED);
	body_put_packed(&body, 2);
	body_put_packed(&body, 5);
	body_put_packed(&body, 6);
	body_close(&body, mark);
	change = (Change) {.table = table, .body = buf_slice(&body)};
	assert_true(body_parse(change.body, &change.parts));
	assert_int_equal(transform_change(transform, &change, &err), TRANSFORM_PASS);
	assert_true(slice_equal(change.parts.unchanged, slice_make("\x02\x06", 2)));
	assert_null(change.parts.before.data);
}

static void
test_truncation(void **state)
{
	(void) state;
	add(COLUMN_EXCLUDE, "*.*.tags");
	start();
	buf_clear(&body);
	body_put_uint(&body, BODY_OP, PG_FANOUT__OP__TRUNCATE);
	body_put_uint(&body, BODY_LSN, 99);
	change = (Change) {.table = table, .body = buf_slice(&body)};
	assert_true(body_parse(change.body, &change.parts));
	assert_int_equal(transform_change(transform, &change, &err), TRANSFORM_PASS);
	assert_int_equal(change.parts.op, PG_FANOUT__OP__TRUNCATE);
	assert_int_equal(change.table->column_count, 4);
}

/* A description that changes is looked at again; one that comes back too. */
static void
test_new_version(void **state)
{
	Table	   *other = make_table(42, "client",
								   PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_DEFAULT);
	Table	   *first = table;

	(void) state;
	add(TABLE_EXCLUDE, "bank.client");
	start();
	for (int i = 0; i < 3; i++)
	{
		table = i == 1 ? other : first;
		make_change("Bob");
		assert_int_equal(transform_change(transform, &change, &err),
						 i == 1 ? TRANSFORM_DROP : TRANSFORM_PASS);
	}
	table_free(other);
}

static void
test_malformed_rows(void **state)
{
	(void) state;
	add(COLUMN_EXCLUDE, "*.*.tags");
	start();
	make_change("Bob");
	change.parts.after = slice_make("\x20\x01", 2);	/* number 4 */
	assert_int_equal(transform_change(transform, &change, &err), TRANSFORM_FAILED);
	assert_int_equal(err.code, ERROR_RECORD);
	make_change("Bob");
	change.parts.after = slice_make("\x12\x09x", 3);
	assert_int_equal(transform_change(transform, &change, &err), TRANSFORM_FAILED);
}

static void
test_bad_rules(void **state)
{
	static const struct
	{
		int			list;
		const char *text;
	}			cases[] = {
		{TABLE_INCLUDE, "customer"}, {TABLE_INCLUDE, ""}, {TABLE_INCLUDE, "a."},
		{TABLE_INCLUDE, "a.b.c"}, {TABLE_EXCLUDE, "a.b,"}, {TABLE_EXCLUDE, ".b"},
		{COLUMN_INCLUDE, "a.b"}, {COLUMN_EXCLUDE, "a.b.c.d"}, {MASKS, "a.b.c"},
		{MASKS, "a.b=hash"}, {MASKS, "a.b.c=hash"}, {MASKS, "a.b.c=truncate:"},
		{MASKS, "a.b.c=truncate:-1"}, {MASKS, "a.b.c=truncate:1x"}, {MASKS, "a.b.c=secret"}
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		lists = (Lists) {0};
		add(cases[i].list, cases[i].text);
		error_clear(&err);
		if (make() != NULL)
			fail_msg("%s is taken", cases[i].text);
		assert_int_equal(err.code, ERROR_USAGE);
		assert_true(err.hint[0] != '\0');
		assert_null(strstr(err.message, "secret"));
	}
}

static void
test_messages(void **state)
{
	(void) state;
	add(MESSAGE_INCLUDE, "app.*");
	add(MESSAGE_EXCLUDE, "app.debug*");
	start();
	assert_true(transform_wants_message(transform, "app.order"));
	assert_false(transform_wants_message(transform, "app.debug.x"));
	assert_false(transform_wants_message(transform, "other"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

/* Defaults of what is hidden, and keys that are none any more. */
static void
test_details(void **state)
{
	ColumnDetail columns[] = {
		{1, 23, 23, "x", -1, 0, "1"}, {2, 25, 25, "x", -1, 1, "'secret'"},
		{3, 1082, 1082, "x", -1, 2, "now()"},
		{5, 1009, 1009, "x", -1, 0, "'{x}'"},
		{6, 3802, 3802, "x", -1, 3, "'{}'"},
		{9, 25, 25, "x", -1, 0, "'newer'"}
	};
	TableDetail detail = {columns, 6};
	const Table *passing = table;

	(void) state;
	add(MASKS, "bank.customer.name=hash");
	add(MASKS, "bank.customer.born=fixed:x");
	add(COLUMN_EXCLUDE, "bank.customer.doc");
	lists.salt = "pepper";
	transform = make();
	assert_non_null(transform);
	assert_int_equal(transform_table(transform, &passing, &err), TRANSFORM_PASS);
	assert_int_equal(passing->column_count, 4);
	assert_int_equal(passing->columns[2].encoding, PG_FANOUT__ENCODING__TEXT);
	transform_detail(transform, passing, &detail);
	assert_string_equal(columns[0].preset, "1");
	assert_null(columns[1].preset);
	assert_non_null(table_detail_find(&detail, 2, TEXT_OID));
	assert_null(columns[2].preset);
	assert_null(table_detail_find(&detail, 3, TEXT_OID));
	assert_string_equal(columns[3].preset, "'{x}'");
	assert_null(columns[4].preset);
	assert_null(columns[5].preset);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_to_do), TEST(test_tables), TEST(test_dots_in_names),
		TEST(test_columns_left_out), TEST(test_columns_included), TEST(test_masks),
		TEST(test_masked_keys), TEST(test_damaged_keys), TEST(test_unchanged),
		TEST(test_truncation), TEST(test_new_version), TEST(test_malformed_rows),
		TEST(test_bad_rules), TEST(test_messages),
		TEST(test_details)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
