/*
 * test_format.c
 *		Keys, and what the json and protobuf formats make of changes.
 *
 * The table is t(id int8, part text, note text, n int4) with the primary key
 * (part, id): not in the order of the columns, to tell the two orders apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "format.h"
#include "record_key.h"
#include "wire.h"

extern const FormatOps format_json_ops;
extern const FormatOps format_protobuf_ops;

/* ---- making changes ---- */

typedef struct Fixture
{
	Format	   *json;
	Format	   *protobuf;
	void	   *options;		/* of protobuf */
	Table	   *table;
	Transaction txn;
	Position	position;
	Change		change;
	uint8_t		rows[2][512];
	uint8_t		body[2048];
	uint8_t		unchanged[32];
} Fixture;

#define COLUMN(num, named, enc, key) { \
	.base = PROTOBUF_C_MESSAGE_INIT(&pg_fanout__column__descriptor), \
	.number = (num), .name = (named), .type_name = "x.y", .typmod = -1, \
	.encoding = PG_FANOUT__ENCODING__##enc, .key_position = (key)}

static Table *
make_table(PgFanout__ReplicaIdentity identity, bool keys)
{
	PgFanout__Column columns[] = {
		COLUMN(1, "id", INT64, keys ? 2 : 0),
		COLUMN(3, "part", TEXT, keys ? 1 : 0),
		COLUMN(4, "note", TEXT, 0),
		COLUMN(6, "n", INT32, 0),
	};
	PgFanout__Column *pointers[] = {&columns[0], &columns[1], &columns[2], &columns[3]};
	PgFanout__Table record = PG_FANOUT__TABLE__INIT;
	Table	   *table;

	record.oid = 4711;
	record.version = UINT64_C(0xfedcba9876543210);
	record.schema = "s\"q";
	record.name = "t";
	record.identity = identity;
	record.n_column = 4;
	record.column = pointers;
	table = table_new(&record);
	assert_non_null(table);
	return table;
}

static int
set_up(void **state)
{
	FormatConfig config = {.database = "bank", .prefix = "bank"};
	Fixture    *fixture = calloc(1, sizeof(*fixture));
	Error		err;

	fixture->json = format_json_ops.create(&config, &err);
	fixture->options = option_new(format_protobuf_ops.options);
	config.options = fixture->options;
	fixture->protobuf = format_protobuf_ops.create(&config, &err);
	assert_non_null(fixture->json);
	assert_non_null(fixture->protobuf);
	fixture->table = make_table(PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_DEFAULT, true);
	fixture->txn = (Transaction) {
		745, UINT64_C(0x16B3748), INT64_C(1769864400123456), ""
	};
	fixture->position = (Position) {UINT64_C(0x16B3748), 3};
	*state = fixture;
	return 0;
}

static int
tear_down(void **state)
{
	Fixture    *fixture = *state;

	format_json_ops.free(fixture->json);
	format_protobuf_ops.free(fixture->protobuf);
	option_free(format_protobuf_ops.options, fixture->options);
	table_free(fixture->table);
	free(fixture);
	return 0;
}

static void
use_table(Fixture *fixture, PgFanout__ReplicaIdentity identity, bool keys)
{
	table_free(fixture->table);
	fixture->table = make_table(identity, keys);
}

/* Texts NULL: absent. id 0: absent. */
static Slice
make_row(uint8_t *at, int64_t id, const char *part, const char *note)
{
	uint8_t    *start = at;

	if (id != 0)
		at = wire_put_sint(at, 1, id);
	if (part != NULL)
		at = wire_put_bytes(at, 3, part, strlen(part));
	if (note != NULL)
		at = wire_put_bytes(at, 4, note, strlen(note));
	return slice_make(start, (size_t) (at - start));
}

static Slice
row_none(void)
{
	return slice_make(NULL, 0);
}

/* unchanged: at most one column, 0: none. Taken apart again like a source does. */
static Change *
make_change(Fixture *fixture, PgFanout__Op op, Slice before, Slice after,
			uint32_t unchanged, bool before_is_key)
{
	Change	   *change = &fixture->change;
	uint8_t    *at = fixture->body;

	at = wire_put_uint(at, 1, op);
	if (before.data != NULL)
		at = wire_put_bytes(at, 2, before.data, before.size);
	if (after.data != NULL)
		at = wire_put_bytes(at, 3, after.data, after.size);
	if (unchanged != 0)
	{
		uint8_t    *end = wire_put_varint(fixture->unchanged, unchanged);

		at = wire_put_bytes(at, 4, fixture->unchanged, (size_t) (end - fixture->unchanged));
	}
	at = wire_put_uint(at, 5, 99);
	if (before_is_key)
		at = wire_put_uint(at, 6, 1);
	change->txn = &fixture->txn;
	change->table = fixture->table;
	change->body = slice_make(fixture->body, (size_t) (at - fixture->body));
	assert_true(body_parse(change->body, &change->parts));
	return change;
}

/* What a format makes of a change: value, and the keys it is recorded under. */
static bool
render_change(Format *format, const Change *change, Position position, Records *records,
			  Error *err)
{
	return format->ops->change(format, change, position, "t", records, err) == FORMAT_OK;
}

static const Record *
main_record(const Records *records)
{
	size_t		i = 0;

	while (records->records[i].value.data == NULL)
		i++;
	return &records->records[i];
}

static bool
render_value(Format *format, const Change *change, Position position, Slice *value, Error *err)
{
	Records		records;

	if (!render_change(format, change, position, &records, err))
		return false;
	*value = main_record(&records)->value;
	return true;
}

/* old: of the tombstone before the record; data NULL: there is none. */
static bool
render_key(Format *format, const Change *change, bool old, Slice *key, Error *err)
{
	Records		records;

	if (!render_change(format, change, (Position) {0x16B3748, 3}, &records, err))
		return false;
	*key = main_record(&records)->key;
	if (old)
		*key = records.records[0].value.data == NULL ? records.records[0].key :
			slice_make(NULL, 0);
	return true;
}

static bool
render_message(Format *format, const LogicalMessage *message, Position position, Slice *value,
			   Error *err)
{
	Records		records;

	if (format->ops->message(format, message, position, "m", &records, err) != FORMAT_OK)
		return false;
	assert_int_equal(records.count, 1);
	assert_null(records.records[0].key.data);
	*value = records.records[0].value;
	return true;
}

static void
assert_slice(Slice slice, const char *expected)
{
	assert_non_null(slice.data);
	assert_int_equal(slice.size, strlen(expected));
	assert_memory_equal(slice.data, expected, slice.size);
}

static void
assert_value(Fixture *fixture, const Change *change, const char *expected)
{
	Slice		value;
	Error		err;

	assert_true(render_value(fixture->json, change, fixture->position,
									  &value, &err));
	assert_slice(value, expected);
}

/* Both keys of both formats; NULL: none. */
static void
assert_keys(Fixture *fixture, const Change *change, const char *new_json,
			const char *old_json)
{
	for (int old = 0; old < 2; old++)
	{
		const char *expected = old ? old_json : new_json;
		Slice		json;
		Slice		protobuf;
		Error		err;

		assert_true(render_key(fixture->json, change, old, &json, &err));
		assert_true(render_key(fixture->protobuf, change, old,
											&protobuf, &err));
		if (expected == NULL)
		{
			assert_null(json.data);
			assert_null(protobuf.data);
		}
		else
		{
			assert_slice(json, expected);
			assert_non_null(protobuf.data);
		}
	}
}

#define HEAD(op) "{\"op\":\"" op "\",\"db\":\"bank\",\"schema\":\"s\\\"q\",\"table\":\"t\"," \
	"\"lsn\":\"0/16B3748\",\"seq\":3,\"xid\":745,\"commit_time\":\"2026-01-31T13:00:00.123456Z\""

/* ---- json ---- */

static void
test_json_operations(void **state)
{
	Fixture    *fixture = *state;
	Slice		row = make_row(fixture->rows[0], 7, "p", NULL);
	Slice		key = make_row(fixture->rows[1], 6, "p", NULL);

	assert_value(fixture,
				 make_change(fixture, PG_FANOUT__OP__INSERT, row_none(), row, 0, false),
				 HEAD("insert") ",\"key\":{\"part\":\"p\",\"id\":7},\"before\":null,"
				 "\"after\":{\"id\":7,\"part\":\"p\",\"note\":null,\"n\":null}}");
	assert_value(fixture,
				 make_change(fixture, PG_FANOUT__OP__READ, row_none(), row, 0, false),
				 HEAD("read") ",\"key\":{\"part\":\"p\",\"id\":7},\"before\":null,"
				 "\"after\":{\"id\":7,\"part\":\"p\",\"note\":null,\"n\":null}}");
	assert_value(fixture,
				 make_change(fixture, PG_FANOUT__OP__UPDATE, key, row, 4, true),
				 HEAD("update") ",\"key\":{\"part\":\"p\",\"id\":7},"
				 "\"before\":{\"id\":6,\"part\":\"p\"},"
				 "\"after\":{\"id\":7,\"part\":\"p\",\"n\":null},\"unchanged\":[\"note\"]}");
	assert_value(fixture,
				 make_change(fixture, PG_FANOUT__OP__DELETE, key, row_none(), 0, true),
				 HEAD("delete") ",\"key\":{\"part\":\"p\",\"id\":6},"
				 "\"before\":{\"id\":6,\"part\":\"p\"},\"after\":null}");
	assert_value(fixture,
				 make_change(fixture, PG_FANOUT__OP__DELETE, key, row_none(), 0, false),
				 HEAD("delete") ",\"key\":{\"part\":\"p\",\"id\":6},"
				 "\"before\":{\"id\":6,\"part\":\"p\",\"note\":null,\"n\":null},\"after\":null}");
	assert_value(fixture,
				 make_change(fixture, PG_FANOUT__OP__TRUNCATE, row_none(), row_none(), 0, false),
				 HEAD("truncate") ",\"key\":null,\"before\":null,\"after\":null}");
	fixture->txn.origin = "node\n2";
	assert_value(fixture,
				 make_change(fixture, PG_FANOUT__OP__TRUNCATE, row_none(), row_none(), 0, false),
				 HEAD("truncate") ",\"origin\":\"node\\n2\",\"key\":null,\"before\":null,\"after\":null}");
}

static LogicalMessage
make_message(const Transaction *txn, const char *content, size_t size)
{
	LogicalMessage message = {txn, 0x77, "pre", slice_make(content, size)};

	return message;
}

static void
test_json_messages(void **state)
{
	Fixture    *fixture = *state;
	LogicalMessage message = make_message(&fixture->txn, "a\"\0b", 4);
	Position	alone = {0x77, 0};
	Slice		value;
	Error		err;

	assert_true(render_message(fixture->json, &message, fixture->position,
										&value, &err));
	assert_slice(value, "{\"op\":\"message\",\"db\":\"bank\",\"lsn\":\"0/16B3748\",\"seq\":3,"
				 "\"xid\":745,\"commit_time\":\"2026-01-31T13:00:00.123456Z\","
				 "\"transactional\":true,\"prefix\":\"pre\",\"content\":\"a\\\"\\u0000b\"}");
	message = make_message(NULL, "\xff\x01", 2);
	assert_true(render_message(fixture->json, &message, alone, &value, &err));
	assert_slice(value, "{\"op\":\"message\",\"db\":\"bank\",\"lsn\":\"0/77\",\"seq\":0,"
				 "\"xid\":null,\"commit_time\":null,"
				 "\"transactional\":false,\"prefix\":\"pre\",\"content_base64\":\"/wE=\"}");
	message = make_message(NULL, "", 0);
	assert_true(render_message(fixture->json, &message, alone, &value, &err));
	assert_non_null(memmem(value.data, value.size, ",\"content\":\"\"}", 14));
}

/* Every two and three bytes: valid UTF-8 is text, all else base64. */
static void
test_json_message_utf8(void **state)
{
	static const char *const bad[] = {
		"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82", "a\xc3", "\xf0\x9f\x98", "\xc3\xc3"
	};
	static const char *const good[] = {
		"a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
		"\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xe2\x82\xac" "a\xf0\x9f\x98\x80"
	};
	Fixture    *fixture = *state;
	Position	alone = {0x77, 0};
	LogicalMessage message;
	Slice		value;
	Error		err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		message = make_message(NULL, bad[i], strlen(bad[i]));
		assert_true(render_message(fixture->json, &message, alone, &value, &err));
		assert_non_null(memmem(value.data, value.size, "content_base64", 14));
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		json_t	   *object;

		message = make_message(NULL, good[i], strlen(good[i]));
		assert_true(render_message(fixture->json, &message, alone, &value, &err));
		object = json_loadb((const char *) value.data, value.size, 0, NULL);
		assert_non_null(object);
		assert_string_equal(json_string_value(json_object_get(object, "content")), good[i]);
		json_decref(object);
	}
}

/* ---- keys ---- */

static void
test_keys_plain(void **state)
{
	Fixture    *fixture = *state;
	Slice		row = make_row(fixture->rows[0], 7, "p", "n");
	Slice		old = make_row(fixture->rows[1], 6, "p", NULL);
	Slice		key;
	Error		err;

	assert_keys(fixture,
				make_change(fixture, PG_FANOUT__OP__INSERT, row_none(), row, 0, false),
				"{\"part\":\"p\",\"id\":7}", NULL);
	assert_true(render_key(fixture->protobuf, &fixture->change, false, &key, &err));
	assert_slice(key, "\x08\x0e\x1a\x01p");
	assert_keys(fixture,
				make_change(fixture, PG_FANOUT__OP__UPDATE, row_none(), row, 0, false),
				"{\"part\":\"p\",\"id\":7}", NULL);
	assert_keys(fixture,
				make_change(fixture, PG_FANOUT__OP__UPDATE, old, row, 0, true),
				"{\"part\":\"p\",\"id\":7}", "{\"part\":\"p\",\"id\":6}");
	assert_keys(fixture,
				make_change(fixture, PG_FANOUT__OP__DELETE, old, row_none(), 0, true),
				"{\"part\":\"p\",\"id\":6}", NULL);
	assert_keys(fixture,
				make_change(fixture, PG_FANOUT__OP__DELETE, row_none(), row_none(), 0, false),
				NULL, NULL);
	assert_keys(fixture,
				make_change(fixture, PG_FANOUT__OP__TRUNCATE, row_none(), row_none(), 0, false),
				NULL, NULL);
}

/* The old and the new key are wanted at the same time. */
static void
test_keys_both_valid(void **state)
{
	Fixture    *fixture = *state;
	Slice		row = make_row(fixture->rows[0], 7, "p", "n");
	Slice		before = make_row(fixture->rows[1], 6, "p", NULL);
	Change	   *change = make_change(fixture, PG_FANOUT__OP__UPDATE, before, row, 0, true);

	for (size_t i = 0; i < 2; i++)
	{
		Format	   *format = i == 0 ? fixture->json : fixture->protobuf;
		Records		records;
		Error		err;

		assert_true(render_change(format, change, fixture->position, &records, &err));
		assert_int_equal(records.count, 2);
		assert_slice(records.records[0].key,
					 i == 0 ? "{\"part\":\"p\",\"id\":6}" : "\x08\x0c\x1a\x01p");
		assert_slice(records.records[1].key,
					 i == 0 ? "{\"part\":\"p\",\"id\":7}" : "\x08\x0e\x1a\x01p");
		assert_non_null(records.records[1].value.data);
	}
}

/* A key column that the new row does not have because it did not change. */
static void
test_keys_unchanged(void **state)
{
	Fixture    *fixture = *state;
	Slice		row = make_row(fixture->rows[0], 7, NULL, "n");
	Slice		old = make_row(fixture->rows[1], 6, "p", NULL);
	Slice		half = make_row(fixture->rows[1] + 100, 6, NULL, NULL);

	assert_keys(fixture,
				make_change(fixture, PG_FANOUT__OP__UPDATE, old, row, 3, true),
				"{\"part\":\"p\",\"id\":7}", "{\"part\":\"p\",\"id\":6}");
	/* nowhere to be found: half a key is none */
	assert_keys(fixture,
				make_change(fixture, PG_FANOUT__OP__UPDATE, row_none(), row, 3, false),
				NULL, NULL);
	assert_keys(fixture,
				make_change(fixture, PG_FANOUT__OP__UPDATE, half, row, 3, true),
				NULL, NULL);
	assert_keys(fixture,
				make_change(fixture, PG_FANOUT__OP__DELETE, half, row_none(), 0, true),
				NULL, NULL);
	/* another column's being unchanged does not matter */
	row = make_row(fixture->rows[0], 7, "p", NULL);
	assert_keys(fixture,
				make_change(fixture, PG_FANOUT__OP__UPDATE, row_none(), row, 4, false),
				"{\"part\":\"p\",\"id\":7}", NULL);
}

static void
test_keys_full(void **state)
{
	Fixture    *fixture = *state;
	Slice		row;
	Slice		old;
	Slice		key;
	Error		err;

	/* with a primary key: other columns' changes do not change the key */
	use_table(fixture, PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_FULL, true);
	row = make_row(fixture->rows[0], 7, "p", "new");
	old = make_row(fixture->rows[1], 7, "p", "old");
	assert_keys(fixture, make_change(fixture, PG_FANOUT__OP__UPDATE, old, row, 0, false),
				"{\"part\":\"p\",\"id\":7}", NULL);

	/* without: all columns, and NULL is a value */
	use_table(fixture, PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_FULL, false);
	assert_keys(fixture, make_change(fixture, PG_FANOUT__OP__UPDATE, old, row, 0, false),
				"{\"id\":7,\"part\":\"p\",\"note\":\"new\",\"n\":null}",
				"{\"id\":7,\"part\":\"p\",\"note\":\"old\",\"n\":null}");
	/* the unchanged column comes from the old row */
	row = make_row(fixture->rows[0], 8, "p", NULL);
	assert_keys(fixture, make_change(fixture, PG_FANOUT__OP__UPDATE, old, row, 4, false),
				"{\"id\":8,\"part\":\"p\",\"note\":\"old\",\"n\":null}",
				"{\"id\":7,\"part\":\"p\",\"note\":\"old\",\"n\":null}");
	/* an empty row is a key: protobuf's has no bytes, but is there */
	row = make_row(fixture->rows[0], 0, NULL, NULL);
	make_change(fixture, PG_FANOUT__OP__INSERT, row_none(), row, 0, false);
	assert_true(render_key(fixture->protobuf, &fixture->change, false, &key, &err));
	assert_non_null(key.data);
	assert_int_equal(key.size, 0);

	/* no identity, no key */
	use_table(fixture, PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_NOTHING, false);
	row = make_row(fixture->rows[0], 7, "p", "n");
	assert_keys(fixture, make_change(fixture, PG_FANOUT__OP__INSERT, row_none(), row, 0, false),
				NULL, NULL);
}

static void
test_malformed_rows(void **state)
{
	static const char *const rows[] = {
		"\x08", "\x1a\x05p", "\x1a\x01p\x08\x02", "\x08\x02\x08\x02", "\x0b"
	};
	Fixture    *fixture = *state;
	Slice		out;
	Error		err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		Change	   *change = make_change(fixture, PG_FANOUT__OP__INSERT, row_none(),
										 slice_of(rows[i]), 0, false);

		error_clear(&err);
		assert_false(render_key(fixture->json, change, false, &out, &err));
		assert_int_equal(err.code, ERROR_RECORD);
		assert_non_null(strstr(err.message, "s\"q.t"));
		assert_false(render_value(fixture->json, change, fixture->position, &out, &err));
		assert_false(render_key(fixture->protobuf, change, false, &out, &err));
		change = make_change(fixture, PG_FANOUT__OP__UPDATE, slice_of(rows[i]),
							 make_row(fixture->rows[0], 1, "p", NULL), 0, true);
		assert_false(render_key(fixture->json, change, true, &out, &err));
		assert_false(render_key(fixture->protobuf, change, true, &out, &err));
	}
	/* a column that is not there: listed as unchanged, and in the row */
	assert_false(render_value(fixture->json,
									   make_change(fixture, PG_FANOUT__OP__INSERT, row_none(),
												   make_row(fixture->rows[0], 1, "p", NULL), 5, false),
									   fixture->position, &out, &err));
	assert_false(render_value(fixture->json,
									   make_change(fixture, PG_FANOUT__OP__INSERT, row_none(),
												   slice_of("\x08\x02\x10\x02\x1a\x01p"), 0, false),
									   fixture->position, &out, &err));
}

/* A delete's tombstone is behind it, an old key's before; each has its position. */
static void
test_tombstones(void **state)
{
	Fixture    *fixture = *state;
	Slice		row = make_row(fixture->rows[0], 7, "p", "n");
	Slice		old = make_row(fixture->rows[1], 6, "p", NULL);
	Format	   *formats[] = {fixture->json, fixture->protobuf};

	for (size_t i = 0; i < 2; i++)
	{
		Records		records;
		Error		err;

		make_change(fixture, PG_FANOUT__OP__UPDATE, old, row, 0, true);
		assert_true(render_change(formats[i], &fixture->change, fixture->position, &records, &err));
		assert_int_equal(records.count, 2);
		assert_null(records.records[0].value.data);
		assert_int_equal(records.records[0].header_count, 2);
		assert_string_equal(records.records[0].headers[0].name, "pg_fanout.lsn");
		assert_slice(records.records[0].headers[0].value, "0/16B3748");
		assert_string_equal(records.records[0].headers[1].name, "pg_fanout.seq");
		assert_slice(records.records[0].headers[1].value, "3");
		assert_int_equal(records.records[1].header_count, 0);

		make_change(fixture, PG_FANOUT__OP__DELETE, old, row_none(), 0, true);
		assert_true(render_change(formats[i], &fixture->change, fixture->position, &records, &err));
		assert_int_equal(records.count, 2);
		assert_true(slice_equal(records.records[0].key, records.records[1].key));
		assert_null(records.records[1].value.data);
	}
}

/* ---- protobuf ---- */

static void
test_protobuf_value(void **state)
{
	Fixture    *fixture = *state;
	Slice		row = make_row(fixture->rows[0], 7, "p", NULL);
	Change	   *change = make_change(fixture, PG_FANOUT__OP__READ, row_none(), row, 4, false);
	PgFanout__Body *body;
	Slice		value;
	Error		err;

	fixture->txn.origin = "node2";
	assert_true(render_value(fixture->protobuf, change, fixture->position,
										  &value, &err));
	assert_true(value.size > change->body.size);
	assert_memory_equal(value.data, change->body.data, change->body.size);
	body = pg_fanout__body__unpack(NULL, value.size, value.data);
	assert_non_null(body);
	assert_int_equal(body->op, PG_FANOUT__OP__READ);
	assert_int_equal(body->after.len, row.size);
	assert_int_equal(body->lsn, 99);
	assert_int_equal(body->n_unchanged, 1);
	assert_string_equal(body->source->db, "bank");
	assert_string_equal(body->source->schema, "s\"q");
	assert_string_equal(body->source->table, "t");
	assert_true(body->source->commit_lsn == UINT64_C(0x16B3748));
	assert_int_equal(body->source->seq, 3);
	assert_int_equal(body->source->xid, 745);
	assert_true(body->source->commit_time == INT64_C(1769864400123456));
	assert_true(body->source->snapshot);
	assert_string_equal(body->source->origin, "node2");
	assert_true(body->source->version == UINT64_C(0xfedcba9876543210));

	/* byte by byte what protobuf-c would write, with nothing left over */
	assert_int_equal(pg_fanout__source__get_packed_size(body->source) + 2,
					 value.size - change->body.size);
	pg_fanout__body__free_unpacked(body, NULL);
}

static void
test_protobuf_defaults(void **state)
{
	Fixture    *fixture = *state;
	Change	   *change = make_change(fixture, PG_FANOUT__OP__TRUNCATE, row_none(), row_none(), 0, false);
	Position	zero = {0, 0};
	Slice		value;
	Error		err;

	fixture->txn = (Transaction) {0, 0, 0, ""};
	assert_true(render_value(fixture->protobuf, change, zero, &value, &err));
	/* db, schema, table, the two of the position, version */
	assert_int_equal(value.size - change->body.size, 2 + 6 + 5 + 3 + 2 + 2 + 9);
	fixture->txn.commit_time = -1;
	assert_true(render_value(fixture->protobuf, change, zero, &value, &err));
	assert_int_equal(value.size - change->body.size, 2 + 6 + 5 + 3 + 2 + 2 + 9 + 11);
}

static void
test_protobuf_messages(void **state)
{
	Fixture    *fixture = *state;
	LogicalMessage message = make_message(&fixture->txn, "\xff\0x", 3);
	Position	alone = {0x77, 0};
	PgFanout__Message *unpacked;
	PgFanout__Body *body;
	Slice		value;
	Error		err;

	assert_true(render_message(fixture->protobuf, &message, fixture->position,
											&value, &err));
	unpacked = pg_fanout__message__unpack(NULL, value.size, value.data);
	assert_non_null(unpacked);
	assert_true(unpacked->transactional);
	assert_int_equal(unpacked->lsn, 0x77);
	assert_string_equal(unpacked->prefix, "pre");
	assert_int_equal(unpacked->content.len, 3);
	assert_int_equal(unpacked->xid, 745);
	pg_fanout__message__free_unpacked(unpacked, NULL);

	message = make_message(NULL, "", 0);
	assert_true(render_message(fixture->protobuf, &message, alone, &value, &err));
	/* lsn is 2 77, prefix 5: the rest is Source, which Body reads too */
	assert_int_equal(value.data[7], 15 << 3 | 2);
	body = pg_fanout__body__unpack(NULL, value.size - 7, value.data + 7);
	assert_non_null(body);
	assert_int_equal(body->source->commit_lsn, 0x77);
	assert_string_equal(body->source->db, "bank");
	assert_string_equal(body->source->table, "");
	pg_fanout__body__free_unpacked(body, NULL);
}

/* A row of megabytes, then a small one: right, and the memory is given back. */
static void
test_large_values(void **state)
{
	size_t		size = (size_t) 20 << 20;
	uint8_t    *bytes = malloc(size + 64);
	uint8_t    *at = wire_put_tag(wire_put_uint(bytes, 1, PG_FANOUT__OP__INSERT), 3, WIRE_BYTES);
	uint8_t    *text;
	Fixture    *fixture = *state;
	Change		change = {&fixture->txn, fixture->table};
	Slice		value;
	Error		err;

	at = wire_put_varint(at, 5 + 5 + size);
	at = wire_put_bytes(wire_put_sint(at, 1, 7), 3, "p", 1);
	at = wire_put_varint(wire_put_tag(at, 4, WIRE_BYTES), size);
	text = memset(at, 'x', size);
	change.body = slice_make(bytes, (size_t) (text + size - bytes));
	assert_true(body_parse(change.body, &change.parts));
	assert_true(render_value(fixture->json, &change, fixture->position, &value, &err));
	assert_true(value.size > size);
	assert_true(render_value(fixture->protobuf, &change, fixture->position, &value, &err));
	assert_true(value.size > size);
	free(bytes);
	assert_value(fixture,
				 make_change(fixture, PG_FANOUT__OP__TRUNCATE, row_none(), row_none(), 0, false),
				 HEAD("truncate") ",\"key\":null,\"before\":null,\"after\":null}");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_json_operations),
		TEST(test_json_messages),
		TEST(test_json_message_utf8),
		TEST(test_keys_plain),
		TEST(test_keys_both_valid),
		TEST(test_keys_unchanged),
		TEST(test_keys_full),
		TEST(test_malformed_rows),
		TEST(test_tombstones),
		TEST(test_protobuf_value),
		TEST(test_protobuf_defaults),
		TEST(test_protobuf_messages),
		TEST(test_large_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
