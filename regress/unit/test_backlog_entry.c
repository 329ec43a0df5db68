/*
 * test_backlog_entry.c
 *		What stands in the backlog comes back as it was.
 *
 * Records are read by the source that reads them from the server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backlog_entry.h"
#include "record.h"
#include "source.h"

extern const SourceOps source_plugin_ops;

static Error err;
static Buf	text;
static Source *source;
static SourceEvent event;

static int
set_up(void **state)
{
	SourceConfig config = {0};

	(void) state;
	error_clear(&err);
	buf_init(&text, BACKLOG_CONTENT_LIMIT);
	source = source_plugin_ops.create(&config, &err);
	assert_non_null(source);
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	source_plugin_ops.free(source);
	buf_free(&text);
	return 0;
}

/* What the source makes of the content at hand. */
static SourceResult
read_back(void)
{
	assert_false(buf_failed(&text));
	assert_true(source_plugin_ops.feed(source, buf_slice(&text), LSN_INVALID, &err));
	return source_plugin_ops.next(source, &event, &err);
}

/* ---- records ---- */

static Table *
make_table(void)
{
	static const char *labels[] = {"low", "lavish"};
	static Record record;
	PgFanout__Column *column;

	record_init(&record, "public", "t");
	record.table.version = UINT64_C(0xfedcba9876543210);
	record.table.n_column = 0;
	record.table.identity = PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_INDEX;
	column = record_add(&record, "id", PG_FANOUT__ENCODING__INT64);
	column->not_null = 1;
	column->key_position = 1;
	column = record_add_array(&record, "many", PG_FANOUT__ENCODING__TEXT);
	column->delimiter = ';';
	column = record_add(&record, "level", PG_FANOUT__ENCODING__ENUM);
	column->number = 9;
	column->identity_position = 1;
	column->typmod = 12;
	column->generated = PG_FANOUT__GENERATED__GENERATED_STORED;
	column->n_enum_label = 2;
	column->enum_label = (char **) labels;
	return table_new(&record.table);
}

static void
assert_same_table(const Table *a, const Table *b)
{
	assert_int_equal(a->oid, b->oid);
	assert_true(a->version == b->version);
	assert_int_equal(a->identity, b->identity);
	assert_string_equal(a->schema, b->schema);
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->column_count, b->column_count);
	assert_int_equal(a->key_count, b->key_count);
	for (size_t i = 0; i < a->key_count; i++)
		assert_int_equal(a->keys[i], b->keys[i]);
	for (size_t i = 0; i < a->column_count; i++)
	{
		const Column *one = &a->columns[i];
		const Column *two = &b->columns[i];

		assert_string_equal(one->name, two->name);
		assert_string_equal(one->type_name, two->type_name);
		assert_int_equal(one->number, two->number);
		assert_int_equal(one->type_oid, two->type_oid);
		assert_int_equal(one->typmod, two->typmod);
		assert_int_equal(one->key_position, two->key_position);
		assert_int_equal(one->identity_position, two->identity_position);
		assert_int_equal(one->encoding, two->encoding);
		assert_int_equal(one->is_array, two->is_array);
		assert_int_equal(one->delimiter, two->delimiter);
		assert_int_equal(one->not_null, two->not_null);
		assert_int_equal(one->generated, two->generated);
		assert_int_equal(one->label_count, two->label_count);
		for (size_t j = 0; j < one->label_count; j++)
			assert_string_equal(one->labels[j], two->labels[j]);
	}
}

static void
test_transaction_comes_back(void **state)
{
	/* a truncation has an operation and a position only */
	static const uint8_t body[] = {0x08, 0x04, 0x28, 0x05};
	Table	   *table = make_table();
	Transaction txn = {.xid = 77, .commit_lsn = UINT64_C(0x123456789a),
		.commit_time = -5, .origin = "over there"};
	Change		change = {.txn = &txn, .table = table, .body = {body, sizeof(body)}};
	TxnEnd		end = {.txn = txn, .end_lsn = UINT64_C(0x12345678aa), .records = 3};

	(void) state;
	assert_non_null(table);
	backlog_write_begin(&text, &txn);
	assert_int_equal(read_back(), SOURCE_BEGIN);
	assert_int_equal(event.txn.xid, 77);
	assert_true(event.txn.commit_lsn == txn.commit_lsn);
	assert_int_equal(event.txn.commit_time, -5);
	assert_string_equal(event.txn.origin, "over there");
	backlog_write_table(&text, table);
	assert_int_equal(read_back(), SOURCE_EMPTY);
	backlog_write_change(&text, &change);
	assert_int_equal(read_back(), SOURCE_CHANGE);
	assert_same_table(event.change.table, table);
	assert_true(slice_equal(event.change.body, change.body));
	assert_int_equal(event.change.parts.op, PG_FANOUT__OP__TRUNCATE);
	assert_int_equal(event.change.parts.lsn, 5);
	backlog_write_commit(&text, &end);
	assert_int_equal(read_back(), SOURCE_COMMIT);
	assert_true(event.end.end_lsn == end.end_lsn);
	assert_int_equal(event.end.records, 3);
	table_free(table);
}

static void
test_messages_come_back(void **state)
{
	Transaction txn = {.xid = 1, .commit_lsn = 50, .origin = ""};
	LogicalMessage message = {.lsn = 40, .prefix = "p", .content = slice_of("some bytes")};

	(void) state;
	backlog_write_message(&text, &message);
	assert_int_equal(read_back(), SOURCE_MESSAGE);
	assert_null(event.message.txn);
	assert_int_equal(event.message.lsn, 40);
	assert_string_equal(event.message.prefix, "p");
	assert_true(slice_equal(event.message.content, message.content));
	backlog_write_begin(&text, &txn);
	assert_int_equal(read_back(), SOURCE_BEGIN);
	message.txn = &txn;
	message.content = slice_make(NULL, 0);
	backlog_write_message(&text, &message);
	assert_int_equal(read_back(), SOURCE_MESSAGE);
	assert_non_null(event.message.txn);
	assert_int_equal(event.message.content.size, 0);
}

/* ---- what the relay adds ---- */

static void
test_note_comes_back(void **state)
{
	char	   *key;
	Slice		value;

	(void) state;
	backlog_write_note(&text, "table/42", slice_make("a\0b", 3));
	assert_true(backlog_read_note(buf_slice(&text), &key, &value, &err));
	assert_string_equal(key, "table/42");
	assert_true(slice_equal(value, slice_make("a\0b", 3)));
	free(key);
	assert_false(backlog_read_note(slice_make(text.data, text.size - 1), &key, &value, &err));
	assert_int_equal(err.code, ERROR_SPOOL);
}

static void
test_detail_comes_back(void **state)
{
	ColumnDetail columns[2] = {
		{.number = 1, .type_oid = 20, .base_oid = 20, .base_name = "pg_catalog.int8",
			.base_typmod = -1, .unique_position = 1, .preset = "nextval('s')"},
		{.number = 4095, .type_oid = 99, .base_oid = 25, .base_name = "t", .base_typmod = 7}
	};
	TableDetail detail = {columns, 2};
	TableDetail *found;
	uint32_t	oid;

	(void) state;
	backlog_write_detail(&text, 42, &detail);
	assert_false(buf_failed(&text));
	found = backlog_read_detail(buf_slice(&text), &oid, &err);
	assert_non_null(found);
	assert_int_equal(oid, 42);
	assert_int_equal(found->count, 2);
	assert_string_equal(found->columns[0].base_name, "pg_catalog.int8");
	assert_string_equal(found->columns[0].preset, "nextval('s')");
	assert_int_equal(found->columns[0].base_typmod, -1);
	assert_int_equal(found->columns[0].unique_position, 1);
	assert_int_equal(found->columns[1].number, 4095);
	assert_int_equal(found->columns[1].base_typmod, 7);
	assert_null(found->columns[1].preset);
	free(found);

	/* cut short: refused, not read past */
	for (size_t size = 1; size < text.size; size++)
	{
		found = backlog_read_detail(slice_make(text.data, size), &oid, &err);
		free(found);
	}
	assert_null(backlog_read_detail(slice_make(text.data, text.size - 3), &oid, &err));
	assert_int_equal(err.code, ERROR_SPOOL);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_transaction_comes_back),
		T(test_messages_come_back),
		T(test_note_comes_back),
		T(test_detail_comes_back),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
