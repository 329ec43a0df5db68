/*
 * test_source_pgoutput.c
 *		Messages of pgoutput become the events and bytes of our plugin.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgoutput_message.h"
#include "record.h"
#include "source.h"
#include "spool.h"
#include "wire.h"

extern const SourceOps source_pgoutput_ops;

#define LIMIT	(1 << 20)
#define TABLE	16384
#define LSN		77
#define MOOD	16500			/* an enum */

static Source *source;
static Spool *spool;
static Buf	bytes;
static Error err;
static SourceEvent event;
static SourceNote note;
static size_t label_count;		/* of MOOD, in the catalog */

/* ---- the catalog: customer (id int8 primary key, name text, - , note text) */

static Table *
make_table(PgFanout__ReplicaIdentity identity)
{
	static Record record;
	PgFanout__Column *column;

	record_init(&record, "bank", "customer");
	record.table.oid = TABLE;
	record.table.identity = identity;
	column = record_add(&record, "id", PG_FANOUT__ENCODING__INT64);
	column->type_oid = 20;
	column->not_null = true;
	column->key_position = 1;
	column->identity_position =
		identity == PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_DEFAULT;
	column = record_add(&record, "name", PG_FANOUT__ENCODING__TEXT);
	column->type_oid = 25;
	column = record_add(&record, "note", PG_FANOUT__ENCODING__TEXT);
	column->type_oid = 25;
	column->number = 4;
	record.table.version = table_fingerprint(&record.table);
	return table_new(&record.table);
}

/* The types of the wish: int8 is typed, the rest is text. */
static Table *
make_types(const TableWish *wish)
{
	static const char *const labels[] = {"sad", "happy", "glad"};
	static Record record;

	record_init(&record, "types", "types");
	for (size_t i = 0; i < wish->type_count; i++)
	{
		PgFanout__Column *column =
			record_add(&record, "type", wish->types[i] == 20 ?
					   PG_FANOUT__ENCODING__INT64 : PG_FANOUT__ENCODING__TEXT);

		column->type_oid = wish->types[i];
		if (wish->types[i] != MOOD)
			continue;
		column->encoding = PG_FANOUT__ENCODING__ENUM;
		column->enum_label = (char **) labels;
		column->n_enum_label = label_count;
	}
	return table_new(&record.table);
}

static void
describe(void)
{
	TablePicture picture = {.attributes = {
		0, ATTRIBUTE_LIVE, ATTRIBUTE_LIVE, ATTRIBUTE_DROPPED, ATTRIBUTE_LIVE}};

	assert_int_equal(event.wish.oid, TABLE);
	picture.table =
		make_table(PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_DEFAULT);
	picture.types = make_types(&event.wish);
	assert_true(source->ops->describe(source, &picture, &note, &err));
	table_free(picture.table);
	table_free(picture.types);
}

/* ---- driving ---- */

static Source *
create(int version, const char *const *names, const char *const *values,
	   size_t count)
{
	SourceConfig config = {
		.server_version = version, .user = {names, values, count},
		.raw_text = true, .spool = spool
	};

	error_clear(&err);
	return source_pgoutput_ops.create(&config, &err);
}

static int
setup(void **state)
{
	const char *const names[] = {"publication_names"};
	const char *const values[] = {"fan"};
	const SpoolConfig config = {.memory = 1 << 20};

	(void) state;
	buf_init(&bytes, LIMIT);
	label_count = 2;
	spool = spool_new(&config, &err);
	source = create(160000, names, values, 1);
	return spool == NULL || source == NULL;
}

static int
teardown(void **state)
{
	(void) state;
	source->ops->free(source);
	spool_free(spool);
	buf_free(&bytes);
	return 0;
}

static void
feed(void)
{
	assert_true(source->ops->feed(source, buf_slice(&bytes), LSN, &err));
}

static SourceResult
next(void)
{
	SourceResult result = source->ops->next(source, &event, &err);

	if (result == SOURCE_FAILED)
		print_message("%s\n", err.message);
	return result;
}

/* The message at hand leads to nothing. */
static void
feed_silently(void)
{
	feed();
	assert_int_equal(next(), SOURCE_EMPTY);
}

static void
feed_begin(void)
{
	put_begin(&bytes, 100, 7);
	feed_silently();
}

static void
put_customer(uint32_t xid, char identity)
{
	put_relation(&bytes, xid, TABLE, "bank", "customer", identity, 3);
	put_column(&bytes, identity == 'd' || identity == 'f', "id", 20);
	put_column(&bytes, identity == 'f', "name", 25);
	put_column(&bytes, identity == 'f', "note", 25);
}

static void
feed_customer(char identity)
{
	put_customer(0, identity);
	feed();
	assert_int_equal(next(), SOURCE_WANTS_TABLE);
	describe();
	assert_int_equal(next(), SOURCE_EMPTY);
}

static void
put_insert(uint32_t xid, const char *id)
{
	const char *const values[] = {id, "Ada", NULL};

	put_change(&bytes, 'I', xid, TABLE);
	put_tuple(&bytes, 'N', 3, values);
}

static void
check_body(const char *body, size_t size)
{
	assert_int_equal(event.change.body.size, size);
	assert_memory_equal(event.change.body.data, body, size);
}

/* ---- tests ---- */

static void
insert_in_a_transaction(void **state)
{
	const Table *table;

	(void) state;
	feed_begin();
	feed_customer('d');
	put_insert(0, "-3");
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(event.txn.xid, 7);
	assert_int_equal(event.txn.commit_lsn, 100);
	assert_true(event.txn.commit_time == INT64_C(946684800000005));
	assert_string_equal(event.txn.origin, "");
	assert_int_equal(next(), SOURCE_CHANGE);

	/* op 1, after {1: sint64 -3, 2: "Ada"}, lsn 77 */
	check_body("\x08\x01\x1a\x07\x08\x05\x12\x03" "Ada\x28\x4d", 13);
	table = event.change.table;
	assert_string_equal(table->schema, "bank");
	assert_int_equal(table->column_count, 3);
	assert_int_equal(table->columns[2].number, 4);
	assert_true(table->columns[0].not_null);
	assert_int_equal(table->key_count, 1);
	assert_int_equal(next(), SOURCE_EMPTY);
	put_commit(&bytes, 100, 120);
	feed();
	assert_int_equal(next(), SOURCE_COMMIT);
	assert_int_equal(event.end.end_lsn, 120);
	assert_int_equal(event.end.records, 1);
	assert_int_equal(next(), SOURCE_EMPTY);
}

static void
same_description_as_the_plugins(void **state)
{
	Table	   *now =
		make_table(PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_DEFAULT);

	(void) state;
	feed_begin();
	feed_customer('d');
	put_insert(0, "1");
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(next(), SOURCE_CHANGE);
	assert_true(event.change.table->version == now->version);
	table_free(now);
}

static void
unsent_values_come_from_the_old_row(void **state)
{
	const char *const old[] = {"1", NULL, "long"};
	const char *const new[] = {"2", "?", "?"};

	(void) state;
	feed_begin();
	feed_customer('d');
	put_change(&bytes, 'U', 0, TABLE);
	put_tuple(&bytes, 'K', 3, old);
	put_tuple(&bytes, 'N', 3, new);
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(next(), SOURCE_CHANGE);

	/* name is left out and listed, note is filled in */
	check_body("\x08\x02"
			   "\x12\x08\x08\x02\x22\x04long"
			   "\x1a\x08\x08\x04\x22\x04long"
			   "\x22\x01\x02" "\x28\x4d" "\x30\x01", 29);
}

static void
delete_by_key_and_by_row(void **state)
{
	const char *const old[] = {"1", NULL, NULL};

	(void) state;
	feed_begin();
	feed_customer('d');
	put_change(&bytes, 'D', 0, TABLE);
	put_tuple(&bytes, 'K', 3, old);
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(next(), SOURCE_CHANGE);
	check_body("\x08\x03\x12\x02\x08\x02\x28\x4d\x30\x01", 10);
	assert_int_equal(next(), SOURCE_EMPTY);
	feed_customer('f');
	put_change(&bytes, 'D', 0, TABLE);
	put_tuple(&bytes, 'O', 3, old);
	feed();
	assert_int_equal(next(), SOURCE_CHANGE);
	check_body("\x08\x03\x12\x02\x08\x02\x28\x4d", 8);
	assert_int_equal(event.change.table->identity,
		PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_FULL);

	/* as for our plugin, only an index gives positions */
	assert_int_equal(event.change.table->columns[0].identity_position, 0);
	assert_int_equal(event.change.table->columns[0].key_position, 1);
}

static void
truncation_is_one_change_per_table(void **state)
{
	const uint32_t oids[] = {TABLE, TABLE};

	(void) state;
	feed_begin();
	feed_customer('d');
	put_truncate(&bytes, 0, 2, oids);
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	for (int i = 0; i < 2; i++)
	{
		assert_int_equal(next(), SOURCE_CHANGE);
		assert_int_equal(event.change.parts.op, PG_FANOUT__OP__TRUNCATE);
		check_body("\x08\x04\x28\x4d", 4);
	}
	assert_int_equal(next(), SOURCE_EMPTY);
	put_commit(&bytes, 100, 120);
	feed();
	assert_int_equal(next(), SOURCE_COMMIT);
	assert_int_equal(event.end.records, 1);
}

/* Another source instead of the one at hand. */
static void
with_messages(void)
{
	const char *const names[] = {"publication_names", "messages"};
	const char *const values[] = {"fan", "on"};

	source->ops->free(source);
	source = create(160000, names, values, 2);
	assert_non_null(source);
}

static void
messages(void **state)
{
	(void) state;
	with_messages();
	put_message(&bytes, 0, false, "p\xff", "hi");
	feed();
	assert_int_equal(next(), SOURCE_MESSAGE);
	assert_null(event.message.txn);
	assert_int_equal(event.message.lsn, 55);
	assert_string_equal(event.message.prefix, "p\xef\xbf\xbd");
	assert_int_equal(next(), SOURCE_EMPTY);
	feed_begin();
	put_message(&bytes, 0, true, "p", "hi");
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(next(), SOURCE_MESSAGE);
	assert_non_null(event.message.txn);
}

/*
 * The server is asked for all of them; of those nobody wants, nothing is
 * noticed, not even that their transaction had anything.
 */
static void
messages_to_the_relay_alone(void **state)
{
	(void) state;
	put_message(&bytes, 0, false, "pg_fanoutx", "hi");
	feed_silently();
	feed_begin();
	put_message(&bytes, 0, true, "p", "hi");
	feed_silently();
	put_commit(&bytes, 100, 120);
	feed_silently();
	feed_begin();
	put_message(&bytes, 0, true, "p", "hi");
	feed_silently();
	put_message(&bytes, 0, true, "pg_fanout.x", "hi");
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(next(), SOURCE_MESSAGE);
	assert_string_equal(event.message.prefix, "pg_fanout.x");
	assert_int_equal(next(), SOURCE_EMPTY);
	put_commit(&bytes, 100, 120);
	feed();
	assert_int_equal(next(), SOURCE_COMMIT);
	assert_int_equal(event.end.records, 1);
}

static void
empty_transactions_are_passed_over(void **state)
{
	(void) state;
	feed_begin();
	put_commit(&bytes, 100, 120);
	feed_silently();
	feed_begin();
}

static void
origin(void **state)
{
	(void) state;
	feed_begin();
	put_kind(&bytes, 'O', 0);
	put_number(&bytes, 9, 8);
	put_string(&bytes, "east");
	feed_silently();
	put_message(&bytes, 0, true, "pg_fanout.x", "hi");
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_string_equal(event.txn.origin, "east");
	assert_int_equal(next(), SOURCE_MESSAGE);
	assert_int_equal(next(), SOURCE_EMPTY);
	put_commit(&bytes, 100, 120);
	feed();
	assert_int_equal(next(), SOURCE_COMMIT);
	assert_int_equal(next(), SOURCE_EMPTY);

	/* and does not stay for the next one */
	feed_begin();
	put_message(&bytes, 0, true, "pg_fanout.x", "hi");
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_string_equal(event.txn.origin, "");
}

static void
text_is_made_utf8(void **state)
{
	const char *const values[] = {"1", "a\xff\xc3\xbc", NULL};

	(void) state;
	feed_begin();
	feed_customer('d');
	put_change(&bytes, 'I', 0, TABLE);
	put_tuple(&bytes, 'N', 3, values);
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(next(), SOURCE_CHANGE);
	check_body("\x08\x01\x1a\x0a\x08\x02\x12\x06" "a\xef\xbf\xbd\xc3\xbc"
			   "\x28\x4d", 16);
}

static void
put_mood(const char *mood)
{
	const char *const values[] = {mood};

	put_change(&bytes, 'I', 0, TABLE);
	put_tuple(&bytes, 'N', 1, values);
}

static void
check_labels(size_t count)
{
	assert_int_equal(next(), SOURCE_CHANGE);
	assert_int_equal(event.change.table->columns[0].label_count, count);
	assert_int_equal(next(), SOURCE_EMPTY);
}

/* The server says nothing of a label that was added. */
static void
new_label_is_asked_for(void **state)
{
	(void) state;
	feed_begin();
	put_relation(&bytes, 0, TABLE, "bank", "customer", 'n', 1);
	put_column(&bytes, false, "name", MOOD);
	feed();
	assert_int_equal(next(), SOURCE_WANTS_TABLE);
	describe();
	assert_int_equal(next(), SOURCE_EMPTY);
	put_mood("happy");
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	check_labels(2);
	label_count = 3;
	put_mood("sad");
	feed();
	check_labels(2);
	put_mood("glad");
	feed();
	assert_int_equal(next(), SOURCE_WANTS_TABLE);
	assert_int_equal(event.wish.type_count, 1);
	describe();
	check_labels(3);

	/* renamed since: asked for once more, not for every row */
	put_mood("angry");
	feed();
	assert_int_equal(next(), SOURCE_WANTS_TABLE);
	describe();
	check_labels(3);
	put_mood("angry");
	feed();
	check_labels(3);
}

static void
put_stream(char kind, uint32_t xid)
{
	put_kind(&bytes, kind, 0);
	if (kind == 'S' || kind == 'c')
		put_number(&bytes, xid, 4);
	if (kind == 'S')
		put_number(&bytes, 1, 1);
	if (kind == 'c')
	{
		put_number(&bytes, 0, 1);
		put_number(&bytes, 100, 8);
		put_number(&bytes, 120, 8);
		put_number(&bytes, 5, 8);
	}
}

static void
put_abort(uint32_t xid, uint32_t subxid)
{
	put_kind(&bytes, 'A', 0);
	put_number(&bytes, xid, 4);
	put_number(&bytes, subxid, 4);
}

static void
streamed_transaction_comes_at_its_commit(void **state)
{
	(void) state;
	put_stream('S', 700);
	feed_silently();
	put_customer(701, 'd');
	feed_silently();
	put_insert(700, "1");
	feed_silently();
	put_insert(701, "2");
	feed_silently();
	put_insert(702, "3");
	feed_silently();
	put_stream('E', 0);
	feed_silently();

	/* another transaction in between */
	feed_begin();
	put_message(&bytes, 0, true, "pg_fanout.x", "hi");
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(next(), SOURCE_MESSAGE);
	assert_int_equal(next(), SOURCE_EMPTY);
	put_commit(&bytes, 100, 120);
	feed();
	assert_int_equal(next(), SOURCE_COMMIT);
	assert_int_equal(next(), SOURCE_EMPTY);

	/* the description was said in 701, but stays */
	put_abort(700, 701);
	feed_silently();
	put_stream('c', 700);
	feed();
	assert_int_equal(next(), SOURCE_WANTS_TABLE);
	assert_int_equal(event.wish.xid, 700);
	describe();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(event.txn.xid, 700);
	assert_int_equal(next(), SOURCE_CHANGE);
	check_body("\x08\x01\x1a\x07\x08\x02\x12\x03" "Ada\x28\x4d", 13);
	assert_int_equal(next(), SOURCE_CHANGE);
	check_body("\x08\x01\x1a\x07\x08\x06\x12\x03" "Ada\x28\x4d", 13);
	assert_int_equal(next(), SOURCE_COMMIT);
	assert_int_equal(event.end.records, 2);
	assert_int_equal(next(), SOURCE_EMPTY);
}

static void
streamed_transaction_rolled_back(void **state)
{
	(void) state;
	put_stream('S', 700);
	feed_silently();
	put_customer(700, 'd');
	feed_silently();
	put_insert(700, "1");
	feed_silently();
	put_stream('E', 0);
	feed_silently();
	put_abort(700, 700);
	feed_silently();
	assert_false(spool_knows(spool, 700));

	/* one that never was */
	put_abort(900, 901);
	feed_silently();
}

/* As the server does after each savepoint that is rolled back. */
static void
said_again_is_not_asked_again(void **state)
{
	(void) state;
	put_stream('S', 700);
	feed_silently();
	for (uint32_t subxid = 701; subxid < 705; subxid++)
	{
		put_customer(subxid, subxid < 704 ? 'd' : 'f');
		feed_silently();
		put_insert(subxid, "1");
		feed_silently();
	}
	put_stream('E', 0);
	feed_silently();
	put_stream('c', 700);
	feed();
	assert_int_equal(next(), SOURCE_WANTS_TABLE);
	describe();
	assert_int_equal(next(), SOURCE_BEGIN);
	for (int i = 0; i < 3; i++)
		assert_int_equal(next(), SOURCE_CHANGE);
	assert_int_equal(next(), SOURCE_WANTS_TABLE);
	describe();
	assert_int_equal(next(), SOURCE_CHANGE);
	assert_int_equal(next(), SOURCE_COMMIT);
	assert_int_equal(next(), SOURCE_EMPTY);

	/* the next transaction asks anew */
	feed_begin();
	put_customer(0, 'f');
	feed();
	assert_int_equal(next(), SOURCE_WANTS_TABLE);
}

static void
lost_stream_leaves_nothing(void **state)
{
	(void) state;
	put_stream('S', 700);
	feed_silently();
	put_insert(700, "1");
	feed_silently();
	source->ops->reset(source);
	assert_false(spool_knows(spool, 700));
	feed_begin();
	feed_customer('d');
	source->ops->reset(source);
	feed_begin();
	put_insert(0, "1");
	feed();

	/* the server has to describe it again */
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(next(), SOURCE_FAILED);
	assert_int_equal(err.code, ERROR_SOURCE);
}

static void
out_of_order(void **state)
{
	(void) state;
	put_insert(0, "1");
	feed();
	assert_int_equal(next(), SOURCE_FAILED);
	source->ops->reset(source);
	put_commit(&bytes, 100, 120);
	feed();
	assert_int_equal(next(), SOURCE_FAILED);
	source->ops->reset(source);
	feed_begin();
	put_begin(&bytes, 100, 8);
	feed();
	assert_int_equal(next(), SOURCE_FAILED);
	source->ops->reset(source);
	feed_begin();
	put_commit(&bytes, 101, 120);
	feed();
	assert_int_equal(next(), SOURCE_FAILED);
	source->ops->reset(source);
	put_stream('E', 0);
	feed();
	assert_int_equal(next(), SOURCE_FAILED);
	source->ops->reset(source);
	put_stream('S', 700);
	feed_silently();
	put_stream('S', 701);
	feed();
	assert_int_equal(next(), SOURCE_FAILED);
}

static void
wrong_rows(void **state)
{
	const char *const two[] = {"1", "Ada"};

	(void) state;
	feed_begin();
	feed_customer('d');
	put_change(&bytes, 'I', 0, TABLE);
	put_tuple(&bytes, 'N', 2, two);
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(next(), SOURCE_FAILED);
	source->ops->reset(source);
	feed_begin();
	feed_customer('d');
	put_insert(0, "one");
	feed();
	assert_int_equal(next(), SOURCE_BEGIN);
	assert_int_equal(next(), SOURCE_FAILED);
	assert_non_null(strstr(err.message, "bank.customer"));
	assert_non_null(strstr(err.message, "\"id\""));
}

/* ---- options ---- */

static const char *
option_value(const char *name)
{
	SourceOptions options = source->ops->options(source, true);

	for (size_t i = 0; i < options.count; i++)
		if (strcmp(options.names[i], name) == 0)
			return options.values[i];
	return NULL;
}

static void
check_version(int version, const char *protocol, bool streaming)
{
	const char *const names[] = {"publication_names"};
	const char *const values[] = {"a, b"};
	Source	   *kept = source;

	source = create(version, names, values, 1);
	assert_non_null(source);
	assert_string_equal(option_value("proto_version"), protocol);
	assert_string_equal(option_value("publication_names"), "a, b");
	assert_int_equal(option_value("streaming") != NULL, streaming);
	source->ops->free(source);
	source = kept;
}

static void
newest_protocol_of_the_server(void **state)
{
	(void) state;
	check_version(130010, "1", false);
	check_version(140010, "2", true);
	check_version(150020, "3", true);
	check_version(160001, "4", true);
	check_version(180006, "4", true);
}

static void
check_option(int version, const char *name, const char *value, bool good)
{
	const char *names[] = {"publication_names", name};
	const char *values[] = {"fan", value};
	Source	   *made = create(version, names, values, 2);

	assert_int_equal(made != NULL, good);
	if (made != NULL)
		made->ops->free(made);
	else
	{
		assert_int_equal(err.code, ERROR_USAGE);
		assert_string_not_equal(err.hint, "");
	}
}

static void
options_are_checked(void **state)
{
	const char *const none[] = {"messages"};
	const char *const on[] = {"on"};

	(void) state;
	check_option(140000, "messages", "on", true);
	check_option(130000, "messages", "on", false);
	check_option(160000, "origin", "none", true);
	check_option(150000, "origin", "none", false);
	check_option(150000, "origin", "any", true);
	check_option(180000, "binary", "on", false);
	check_option(180000, "two_phase", "on", false);
	check_option(180000, "streaming", "on", false);
	check_option(180000, "proto_version", "1", false);
	check_option(180000, "batch_bytes", "1", false);
	check_option(180000, "publication_names", "other", false);
	assert_null(create(160000, none, on, 1));
	assert_non_null(strstr(err.message, "publication_names"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(insert_in_a_transaction, setup,
										teardown),
		cmocka_unit_test_setup_teardown(same_description_as_the_plugins, setup,
										teardown),
		cmocka_unit_test_setup_teardown(unsent_values_come_from_the_old_row,
										setup, teardown),
		cmocka_unit_test_setup_teardown(delete_by_key_and_by_row, setup,
										teardown),
		cmocka_unit_test_setup_teardown(truncation_is_one_change_per_table,
										setup, teardown),
		cmocka_unit_test_setup_teardown(messages, setup, teardown),
		cmocka_unit_test_setup_teardown(messages_to_the_relay_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(empty_transactions_are_passed_over,
										setup, teardown),
		cmocka_unit_test_setup_teardown(origin, setup, teardown),
		cmocka_unit_test_setup_teardown(text_is_made_utf8, setup, teardown),
		cmocka_unit_test_setup_teardown(new_label_is_asked_for, setup,
										teardown),
		cmocka_unit_test_setup_teardown(
			streamed_transaction_comes_at_its_commit, setup, teardown),
		cmocka_unit_test_setup_teardown(streamed_transaction_rolled_back,
										setup, teardown),
		cmocka_unit_test_setup_teardown(said_again_is_not_asked_again, setup,
										teardown),
		cmocka_unit_test_setup_teardown(lost_stream_leaves_nothing, setup,
										teardown),
		cmocka_unit_test_setup_teardown(out_of_order, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(newest_protocol_of_the_server, setup,
										teardown),
		cmocka_unit_test_setup_teardown(options_are_checked, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
