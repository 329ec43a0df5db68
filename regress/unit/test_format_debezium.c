/*
 * test_format_debezium.c
 *		Records of the debezium-json format: keys, envelopes, key changes,
 *		transactions, messages, heartbeats.
 *
 * The table is "s p".t(id int8, part text, note text default 'x', n int4 not
 * null default 7) with the primary key (part, id): not in the order of the
 * columns. Times that vary are cut out before records are compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "debezium_options.h"
#include "debezium_txn.h"
#include "format.h"
#include "version.h"
#include "wire.h"

extern const FormatOps format_debezium_ops;

#define IDENTITY(name) PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_##name
#define OP(name) PG_FANOUT__OP__##name

static const Transaction txn = {745, 1000, INT64_C(1769864400123456), "node2"};

typedef struct Fixture
{
	FormatConfig config;
	DebeziumOptions *options;
	Format	   *format;
	Table	   *table;
	uint8_t		rows[2][512];
	uint8_t		unchanged[8];
	Records		records;
	Buf			shown;
} Fixture;

#define COLUMN(num, named, oid, enc, key) { \
	.base = PROTOBUF_C_MESSAGE_INIT(&pg_fanout__column__descriptor), \
	.number = (num), .name = (named), .type_name = "pg_catalog.x", \
	.type_oid = (oid), .typmod = -1, \
	.encoding = PG_FANOUT__ENCODING__##enc, .key_position = (key)}

static ColumnDetail details[] = {
	{1, 20, 20, "x", -1, 1, NULL}, {3, 25, 25, "x", -1, 0, NULL},
	{4, 25, 25, "x", -1, 0, "'x'::text"}, {6, 23, 23, "x", -1, 0, "7"}
};
/* Ahead of the stream: id and n are of another type, and gone is not sent. */
static ColumnDetail details_ahead[] = {
	{1, 25, 25, "x", -1, 1, NULL}, {3, 25, 25, "x", -1, 0, NULL},
	{4, 25, 25, "x", -1, 0, "'x'::text"}, {6, 25, 25, "x", -1, 0, "'seven'::text"}
};
static ColumnDetail details_half[] = {
	{1, 20, 20, "x", -1, 1, NULL}, {7, 20, 20, "x", -1, 2, NULL}
};
static const TableDetail detail_ahead = {details_ahead, 4};
static const TableDetail detail_half = {details_half, 2};

static const TableDetail detail = {details, 4};

static Table *
make_table(PgFanout__ReplicaIdentity identity, bool keys)
{
	PgFanout__Column columns[] = {
		COLUMN(1, "id", 20, INT64, keys ? 2 : 0),
		COLUMN(3, "part", 25, TEXT, keys ? 1 : 0),
		COLUMN(4, "note", 25, TEXT, 0),
		COLUMN(6, "n", 23, INT32, 0),
	};
	PgFanout__Column *pointers[] = {&columns[0], &columns[1], &columns[2],
	&columns[3]};
	PgFanout__Table record = PG_FANOUT__TABLE__INIT;
	Table	   *table;

	columns[3].not_null = true;
	record.oid = 4711;
	record.version = 17;
	record.schema = "s p";
	record.name = "t\xc3\xa4\xf0\x9f\x98\x80";
	record.identity = identity;
	record.n_column = 4;
	record.column = pointers;
	table = table_new(&record);
	assert_non_null(table);
	return table;
}

static void
set_option(Fixture *fixture, const char *name, const char *value)
{
	Error		err;

	assert_true(option_set(&debezium_option_table, fixture->options, name,
						   value, &err));
}

/* Options are set before. */
static void
start(Fixture *fixture, PgFanout__ReplicaIdentity identity, bool keys)
{
	Error		err;

	fixture->config = (FormatConfig) {"bank", "pre", fixture->options};
	fixture->format = format_debezium_ops.create(&fixture->config, &err);
	assert_non_null(fixture->format);
	fixture->table = make_table(identity, keys);
	assert_true(format_debezium_ops.describe(fixture->format, fixture->table,
											 &detail, &err));
}

static int
set_up(void **state)
{
	Fixture    *fixture = calloc(1, sizeof(*fixture));

	fixture->options = option_new(&debezium_option_table);
	set_option(fixture, "schemas_enable", "off");
	set_option(fixture, "skipped_operations", "none");
	buf_init(&fixture->shown, 1 << 20);
	*state = fixture;
	return 0;
}

static int
tear_down(void **state)
{
	Fixture    *fixture = *state;

	if (fixture->format != NULL)
		format_debezium_ops.free(fixture->format);
	table_free(fixture->table);
	option_free(&debezium_option_table, fixture->options);
	buf_free(&fixture->shown);
	free(fixture);
	return 0;
}

/* Texts NULL, id or n 0: absent. */
static Slice
make_row(uint8_t *at, int64_t id, const char *part, const char *note, int n)
{
	uint8_t    *begin = at;

	if (id != 0)
		at = wire_put_sint(at, 1, id);
	if (part != NULL)
		at = wire_put_bytes(at, 3, part, strlen(part));
	if (note != NULL)
		at = wire_put_bytes(at, 4, note, strlen(note));
	if (n != 0)
		at = wire_put_sint(at, 6, n);
	return slice_make(begin, (size_t) (at - begin));
}

static const Slice none = {NULL, 0};

static void
change(Fixture *fixture, PgFanout__Op op, Slice before, Slice after,
	   bool before_is_key)
{
	Change		made = {
		.txn = &txn, .table = fixture->table,
		.parts = {
			.op = op, .before = before, .after = after, .lsn = 990,
			.before_is_key = before_is_key
		}
	};
	Position	position = {1000, 1};
	Error		err;

	if (fixture->unchanged[0] != 0)
		made.parts.unchanged = slice_make(fixture->unchanged, 1);
	if (format_debezium_ops.change(fixture->format, &made, position, "topic",
								   &fixture->records, &err) != FORMAT_OK)
		fail_msg("%s", err.message);
}

/* ---- showing records ---- */

/* Numbers behind these names vary. */
static bool
varies(const char *at)
{
	return strncmp(at, "\"op\":", 5) == 0 ||
		strncmp(at, "{\"op\":\"m\"", 9) == 0;
}

/* A value up to its op, and the op. */
static void
show_value(Buf *out, Slice value)
{
	const char *text = (const char *) value.data;

	for (size_t i = 0; i < value.size; i++)
	{
		if (i > 0 && text[i - 1] == ',' && varies(text + i))
		{
			buf_append(out, text + i, 8);
			break;
		}
		buf_append_byte(out, value.data[i]);
	}
}

/* "KEY VALUE HEADERS" a line, the source block cut out. */
static const char *
show(Fixture *fixture)
{
	Buf		   *out = &fixture->shown;

	buf_clear(out);
	for (size_t i = 0; i < fixture->records.count; i++)
	{
		const Record *record = &fixture->records.records[i];

		if (record->topic != NULL)
			buf_printf(out, "%s: ", record->topic);
		buf_append_slice(out, record->key.data ? record->key :
						 slice_of("null"));
		buf_append_byte(out, ' ');
		if (record->value.data == NULL)
			buf_append_string(out, "null");
		else
			show_value(out, record->value);
		for (size_t k = 0; k < record->header_count; k++)
		{
			if (strstr(record->headers[k].name, "context") == NULL)
				buf_printf(out, " %s=%.*s", record->headers[k].name,
						   (int) record->headers[k].value.size,
						   (const char *) record->headers[k].value.data);
		}
		buf_append_byte(out, '\n');
	}
	return buf_string(out);
}

#define SOURCE \
	"\"source\":{\"version\":\"" PG_FANOUT_VERSION "\",\"connector\":\"postgresql\",\"name\":\"pre\"," \
	"\"ts_ms\":1769864400123,\"snapshot\":\"false\",\"db\":\"bank\",\"sequence\":\"[null,\\\"990\\\"]\"," \
	"\"ts_us\":1769864400123456,\"ts_ns\":1769864400123456000,\"schema\":\"s p\",\"table\":\"t\xc3\xa4\\uD83D\\uDE00\"," \
	"\"txId\":745,\"lsn\":990,\"xmin\":null,\"origin\":\"node2\",\"origin_lsn\":null}"
#define REST "," SOURCE ",\"transaction\":null,\"op\":"

/* ---- tests ---- */

static void
test_insert(void **state)
{
	Fixture    *fixture = *state;

	start(fixture, IDENTITY(DEFAULT), true);
	change(fixture, OP(INSERT), none,
		   make_row(fixture->rows[0], 5, "a", NULL, 3), false);

	/* the key in its own order, a NULL as the default */
	assert_string_equal(show(fixture),
		"{\"part\":\"a\",\"id\":5} {\"before\":null,\"after\":{\"id\":5,\"part\":\"a\",\"note\":\"x\",\"n\":3}"
		REST "\"c\"\n");
	assert_int_equal(fixture->records.records[0].header_count, 4);
}

static void
test_null_stays(void **state)
{
	Fixture    *fixture = *state;

	set_option(fixture, "replace_null_with_default", "off");
	set_option(fixture, "extended_headers_enabled", "off");
	start(fixture, IDENTITY(DEFAULT), true);
	change(fixture, OP(INSERT), none,
		   make_row(fixture->rows[0], 5, "a", NULL, 3), false);
	assert_non_null(strstr(show(fixture), "\"note\":null,\"n\":3}"));
	assert_int_equal(fixture->records.records[0].header_count, 0);
}

static void
test_delete_by_key(void **state)
{
	Fixture    *fixture = *state;

	start(fixture, IDENTITY(DEFAULT), true);
	change(fixture, OP(DELETE), make_row(fixture->rows[0], 5, "a", NULL, 0),
		   none, true);

	/* what was not sent: a default or, where NULL cannot be, a zero */
	assert_string_equal(show(fixture),
		"{\"part\":\"a\",\"id\":5} {\"before\":{\"id\":5,\"part\":\"a\",\"note\":\"x\",\"n\":7},\"after\":null"
		REST "\"d\"\n"
		"{\"part\":\"a\",\"id\":5} null\n");
}

static void
test_no_tombstones(void **state)
{
	Fixture    *fixture = *state;

	set_option(fixture, "tombstones.on.delete", "off");
	start(fixture, IDENTITY(DEFAULT), true);
	change(fixture, OP(DELETE), make_row(fixture->rows[0], 5, "a", NULL, 0),
		   none, true);
	assert_int_equal(fixture->records.count, 1);
	change(fixture, OP(UPDATE), make_row(fixture->rows[0], 5, "a", NULL, 0),
		   make_row(fixture->rows[1], 6, "a", "c", 2), true);
	assert_int_equal(fixture->records.count, 2);
	assert_non_null(fixture->records.records[1].value.data);
}

static void
test_update(void **state)
{
	Fixture    *fixture = *state;

	start(fixture, IDENTITY(DEFAULT), true);
	fixture->unchanged[0] = 4;
	change(fixture, OP(UPDATE), none,
		   make_row(fixture->rows[0], 5, "a", NULL, 3), false);
	assert_string_equal(show(fixture),
		"{\"part\":\"a\",\"id\":5} {\"before\":null,\"after\":{\"id\":5,\"part\":\"a\","
		"\"note\":\"__debezium_unavailable_value\",\"n\":3}" REST "\"u\"\n");
}

static void
test_update_full(void **state)
{
	Fixture    *fixture = *state;

	start(fixture, IDENTITY(FULL), true);
	change(fixture, OP(UPDATE), make_row(fixture->rows[0], 5, "a", "b", 2),
		   make_row(fixture->rows[1], 5, "a", "c", 2), false);
	assert_string_equal(show(fixture),
		"{\"part\":\"a\",\"id\":5} {\"before\":{\"id\":5,\"part\":\"a\",\"note\":\"b\",\"n\":2},"
		"\"after\":{\"id\":5,\"part\":\"a\",\"note\":\"c\",\"n\":2}" REST "\"u\"\n");
}

static void
test_key_change(void **state)
{
	Fixture    *fixture = *state;

	start(fixture, IDENTITY(DEFAULT), true);
	change(fixture, OP(UPDATE), make_row(fixture->rows[0], 5, "a", NULL, 0),
		   make_row(fixture->rows[1], 6, "a", "c", 2), true);
	assert_string_equal(show(fixture),
		"{\"part\":\"a\",\"id\":5} {\"before\":{\"id\":5,\"part\":\"a\",\"note\":\"x\",\"n\":7},\"after\":null"
		REST "\"d\" __debezium.newkey={\"part\":\"a\",\"id\":6}\n"
		"{\"part\":\"a\",\"id\":5} null __debezium.newkey={\"part\":\"a\",\"id\":6}\n"
		"{\"part\":\"a\",\"id\":6} {\"before\":null,\"after\":{\"id\":6,\"part\":\"a\",\"note\":\"c\",\"n\":2}"
		REST "\"c\" __debezium.oldkey={\"part\":\"a\",\"id\":5}\n");
	assert_int_equal(fixture->records.records[0].header_count, 5);
}

/* Without a primary key the unique index; without that no key, even if full. */
static void
test_other_keys(void **state)
{
	Fixture    *fixture = *state;
	Error		err;

	start(fixture, IDENTITY(FULL), false);
	change(fixture, OP(INSERT), none,
		   make_row(fixture->rows[0], 5, "a", "b", 3), false);
	assert_memory_equal(show(fixture), "{\"id\":5} {", 10);
	assert_true(format_debezium_ops.describe(fixture->format, fixture->table,
											 NULL, &err));
	change(fixture, OP(DELETE), make_row(fixture->rows[0], 5, "a", "b", 3),
		   none, false);
	assert_memory_equal(show(fixture), "null {", 6);
	assert_int_equal(fixture->records.count, 2);
	assert_null(fixture->records.records[1].key.data);
}

/* What does not fit the description is not gone by: no key by halves, too. */
static void
test_detail_ahead(void **state)
{
	Fixture    *fixture = *state;
	Error		err;

	start(fixture, IDENTITY(FULL), false);
	assert_true(format_debezium_ops.describe(fixture->format, fixture->table,
											 &detail_ahead, &err));
	change(fixture, OP(INSERT), none,
		   make_row(fixture->rows[0], 5, "a", NULL, 0), false);
	assert_non_null(strstr(show(fixture),
		"null {\"before\":null,\"after\":{\"id\":5,\"part\":\"a\",\"note\":\"x\",\"n\":null},"));
	assert_true(format_debezium_ops.describe(fixture->format, fixture->table,
											 &detail_half, &err));
	change(fixture, OP(INSERT), none,
		   make_row(fixture->rows[0], 5, "a", "b", 3), false);
	assert_null(fixture->records.records[0].key.data);
}

static void
test_schemas(void **state)
{
	static const char key[] =
		"{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"string\",\"optional\":true,\"field\":\"part\"},"
		"{\"type\":\"int64\",\"optional\":true,\"field\":\"id\"}],\"optional\":false,"
		"\"name\":\"pre.s_p.t___.Key\"},\"payload\":{\"part\":\"a\",\"id\":5}} ";
	Fixture    *fixture = *state;
	const char *shown;

	set_option(fixture, "schemas_enable", "on");
	start(fixture, IDENTITY(DEFAULT), true);
	change(fixture, OP(INSERT), none,
		   make_row(fixture->rows[0], 5, "a", "b", 3), false);
	shown = show(fixture);
	assert_memory_equal(shown, key, strlen(key));
	assert_non_null(strstr(shown, "{\"type\":\"int32\",\"optional\":false,\"default\":7,\"field\":\"n\"}],"
						   "\"optional\":true,\"name\":\"pre.s_p.t___.Value\",\"field\":\"after\"},"));
	assert_non_null(strstr(shown, "\"name\":\"pre.s_p.t___.Envelope\",\"version\":2},\"payload\":{\"before\":null,"));
}

static void
test_skipped(void **state)
{
	Fixture    *fixture = *state;

	set_option(fixture, "skipped_operations", "t,u");
	start(fixture, IDENTITY(DEFAULT), true);
	change(fixture, OP(TRUNCATE), none, none, false);
	assert_int_equal(fixture->records.count, 0);
	change(fixture, OP(UPDATE), none,
		   make_row(fixture->rows[0], 5, "a", "b", 3), false);
	assert_int_equal(fixture->records.count, 0);
	change(fixture, OP(INSERT), none,
		   make_row(fixture->rows[0], 5, "a", "b", 3), false);
	assert_int_equal(fixture->records.count, 1);
}

static void
test_bad_option(void **state)
{
	Fixture    *fixture = *state;
	Error		err;

	set_option(fixture, "skipped_operations", "truncate");
	fixture->config = (FormatConfig) {"bank", "pre", fixture->options};
	assert_null(format_debezium_ops.create(&fixture->config, &err));
	assert_int_equal(err.code, ERROR_USAGE);
}

static void
test_truncate(void **state)
{
	Fixture    *fixture = *state;

	start(fixture, IDENTITY(DEFAULT), true);
	change(fixture, OP(TRUNCATE), none, none, false);
	assert_string_equal(show(fixture),
		"null {\"before\":null,\"after\":null" REST "\"t\"\n");
}

static void
test_transaction(void **state)
{
	Fixture    *fixture = *state;
	TxnEnd		end = {txn, 1100, 2};
	LogicalMessage message = {&txn, 995, "p", {(const uint8_t *) "hi", 2}};
	Position	position = {1000, 3};
	Error		err;
	const FormatOps *ops = &format_debezium_ops;

	set_option(fixture, "provide_transaction_metadata", "on");
	start(fixture, IDENTITY(DEFAULT), true);
	assert_int_equal(ops->begin(fixture->format, &txn, &fixture->records,
								&err), FORMAT_OK);
	assert_string_equal(show(fixture),
		"pre.transaction: {\"id\":\"745:1000\"} {\"status\":\"BEGIN\",\"id\":\"745:1000\",\"event_count\":null,"
		"\"data_collections\":null,\"ts_ms\":1769864400123}\n");

	/* a change of the key counts twice */
	change(fixture, OP(UPDATE), make_row(fixture->rows[0], 5, "a", NULL, 0),
		   make_row(fixture->rows[1], 6, "a", "c", 2), true);
	assert_non_null(strstr(show(fixture),
		"\"transaction\":{\"id\":\"745:990\",\"total_order\":2,\"data_collection_order\":2},\"op\":\"c\""));
	assert_int_equal(ops->message(fixture->format, &message, position, "t",
								  &fixture->records, &err), FORMAT_OK);
	assert_non_null(strstr(show(fixture),
		"\"transaction\":{\"id\":\"745:995\",\"total_order\":3,\"data_collection_order\":1},"
		"\"message\":{\"prefix\":\"p\",\"content\":\"aGk=\"}}"));
	assert_memory_equal(show(fixture), "{\"prefix\":\"p\"} {\"op\":\"m\",", 25);
	assert_int_equal(ops->commit(fixture->format, &end, position,
								 &fixture->records, &err), FORMAT_OK);
	assert_string_equal(show(fixture),
		"pre.transaction: {\"id\":\"745:1100\"} {\"status\":\"END\",\"id\":\"745:1100\",\"event_count\":3,"
		"\"data_collections\":[{\"data_collection\":\"s p.t\xc3\xa4\\uD83D\\uDE00\",\"event_count\":2},"
		"{\"data_collection\":\"io.debezium.connector.postgresql.LogicalDecodingMessageMonitor$LogicalDecodingMessageId\","
		"\"event_count\":1}],\"ts_ms\":1769864400123}\n");

	/* from now on records tell where the last commit ended */
	change(fixture, OP(TRUNCATE), none, none, false);
	assert_non_null(strstr(show(fixture), "\"sequence\":\"[\\\"1100\\\",\\\"990\\\"]\""));
}

/* Outside of transactions: no xid, no block, and nothing is counted. */
static void
test_lone_message(void **state)
{
	Fixture    *fixture = *state;
	LogicalMessage message = {NULL, 995, "", {(const uint8_t *) "hi", 2}};
	Position	position = {995, 0};
	Error		err;

	set_option(fixture, "provide_transaction_metadata", "on");
	set_option(fixture, "binary_handling_mode", "hex");
	set_option(fixture, "schemas_enable", "on");
	start(fixture, IDENTITY(DEFAULT), true);
	assert_int_equal(format_debezium_ops.message(fixture->format, &message,
												 position, "t",
												 &fixture->records, &err),
					 FORMAT_OK);
	assert_non_null(strstr(show(fixture), "\"payload\":{\"prefix\":\"\"}} "));
	assert_non_null(strstr(show(fixture), "\"txId\":null,\"lsn\":995,"));
	assert_non_null(strstr(show(fixture), "\"sequence\":\"[\\\"995\\\",\\\"995\\\"]\""));
	assert_non_null(strstr(show(fixture),
		"\"transaction\":null,\"message\":{\"prefix\":\"\",\"content\":\"6869\"}}}"));
	assert_non_null(strstr(show(fixture),
		"{\"type\":\"string\",\"optional\":true,\"field\":\"content\"}"));
}

static void
test_heartbeat(void **state)
{
	Fixture    *fixture = *state;
	int64_t		deadline = INT64_MAX;
	Error		err;
	const FormatOps *ops = &format_debezium_ops;

	set_option(fixture, "heartbeat_interval", "500ms");
	start(fixture, IDENTITY(DEFAULT), true);
	assert_int_equal(ops->tick(fixture->format, 1000000, &fixture->records,
							   &err), FORMAT_OK);
	assert_int_equal(fixture->records.count, 0);
	ops->watch(fixture->format, NULL, 0, &deadline);
	assert_int_equal(deadline, 1500000);
	assert_int_equal(ops->tick(fixture->format, 1499999, &fixture->records,
							   &err), FORMAT_OK);
	assert_int_equal(fixture->records.count, 0);
	assert_int_equal(ops->tick(fixture->format, 1500000, &fixture->records,
							   &err), FORMAT_OK);
	assert_memory_equal(show(fixture), "__debezium-heartbeat.pre: "
						"{\"serverName\":\"pre\"} {\"ts_ms\":", 56);
	assert_int_equal(fixture->records.records[0].header_count, 0);
}

/* Rows from the network: neither cut short nor of another table. */
static void
test_malformed(void **state)
{
	Fixture    *fixture = *state;
	Position	position = {1000, 1};
	Error		err;
	Slice		row;

	start(fixture, IDENTITY(DEFAULT), true);
	row = make_row(fixture->rows[0], 5, "a", "bcd", 3);
	for (size_t size = 1; size < row.size; size++)
	{
		Change		made = {
			.txn = &txn, .table = fixture->table,
			.parts = {.op = OP(INSERT), .after = {row.data, size}}
		};

		/* cut between two fields it is a row with NULLs */
		(void) format_debezium_ops.change(fixture->format, &made, position,
										  "t", &fixture->records, &err);
	}
	row = slice_make("\x0a\x01x", 3);
	{
		Change		made = {
			.txn = &txn, .table = fixture->table,
			.parts = {.op = OP(INSERT), .after = row}
		};

		assert_int_equal(format_debezium_ops.change(fixture->format, &made,
													position, "t",
													&fixture->records, &err),
						 FORMAT_FAILED);
		assert_int_equal(err.code, ERROR_RECORD);
	}
}

/* The order of a Java HashMap's keys, as Java 17 has it. */
static void
test_collections(void **state)
{
	static const int java_order[] = {19, 17, 18, 15, 16, 13, 14, 11, 12, 10,
	7, 6, 9, 8, 3, 2, 5, 4, 1, 0};
	DebeziumTxn counts;
	Buf			out;
	Buf			expected;
	char		name[32];
	uint64_t	order;
	size_t		place = 0;

	(void) state;
	debezium_txn_init(&counts);
	buf_init(&out, 10000);
	buf_init(&expected, 10000);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 20; i++)
		{
			snprintf(name, sizeof(name), "public.t\xc3\xa4" "ble%d", i);
			assert_true(debezium_txn_count(&counts, name, &place, &order));
			assert_int_equal(order, round + 1);
		}
	debezium_txn_append(&counts, &out);
	for (int i = 0; i < 20; i++)
		buf_printf(&expected, "%c{\"data_collection\":\"public.t\xc3\xa4" "ble%d\",\"event_count\":2}",
				   i == 0 ? '[' : ',', java_order[i]);
	buf_append_byte(&expected, ']');
	assert_string_equal(buf_string(&out), buf_string(&expected));
	assert_int_equal(counts.events, 40);
	debezium_txn_begin(&counts);
	assert_int_equal(counts.events, 0);
	debezium_txn_free(&counts);
	buf_free(&out);
	buf_free(&expected);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_insert, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_null_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_delete_by_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_tombstones, set_up,
										tear_down),
		cmocka_unit_test_setup_teardown(test_update, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_update_full, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_key_change, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_other_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_detail_ahead, set_up,
										tear_down),
		cmocka_unit_test_setup_teardown(test_schemas, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_skipped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_option, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_truncate, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_transaction, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lone_message, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_heartbeat, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_malformed, set_up, tear_down),
		cmocka_unit_test(test_collections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
