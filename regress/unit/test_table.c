/*
 * test_table.c
 *		Tables from records: the copy is whole and independent, keys are
 *		chosen as documented, malformed records are refused, and the
 *		fingerprint sees every field but the version.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "record.h"

#define IDENTITY(name) PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_##name
#define ENCODING(name) PG_FANOUT__ENCODING__##name

static Record record;

/* a, b, c with a gap before c */
static void
record_three(void)
{
	record_init(&record, "public", "t");
	record_add(&record, "a", ENCODING(INT32));
	record_add(&record, "b", ENCODING(TEXT));
	record_add(&record, "c", ENCODING(ENUM))->number = 7;
}

static void
assert_keys(size_t count, const size_t *keys)
{
	Table	   *table = table_new(&record.table);

	assert_non_null(table);
	assert_int_equal(table->key_count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(table->keys[i], keys[i]);
	table_free(table);
}

static void
assert_refused(void)
{
	assert_null(table_new(&record.table));
}

static void
test_copies_all(void **state)
{
	char	   *labels[] = {"sad", "", "happy"};
	char		name[] = "c";
	Table	   *table;

	(void) state;
	record_three();
	record.table.version = 99;
	record.columns[2].name = name;
	record.columns[2].n_enum_label = 3;
	record.columns[2].enum_label = labels;
	record.columns[1].typmod = 14;
	record.columns[1].type_oid = 1043;
	record.columns[1].not_null = 1;
	record.columns[1].array = 1;
	record.columns[0].generated = PG_FANOUT__GENERATED__GENERATED_STORED;
	table = table_new(&record.table);
	assert_non_null(table);
	name[0] = 'x';
	labels[0] = "changed";

	assert_int_equal(table->oid, 16384);
	assert_int_equal(table->version, 99);
	assert_string_equal(table->schema, "public");
	assert_string_equal(table->name, "t");
	assert_int_equal(table->column_count, 3);
	assert_true(table->columns[0].generated);
	assert_string_equal(table->columns[1].name, "b");
	assert_int_equal(table->columns[1].typmod, 14);
	assert_int_equal(table->columns[1].type_oid, 1043);
	assert_true(table->columns[1].not_null && table->columns[1].is_array);
	assert_string_equal(table->columns[2].name, "c");
	assert_int_equal(table->columns[2].label_count, 3);
	assert_string_equal(table->columns[2].labels[0], "sad");
	assert_string_equal(table->columns[2].labels[1], "");
	assert_string_equal(table->columns[2].labels[2], "happy");
	table_free(table);
	table_free(NULL);
}

static void
test_finds_columns(void **state)
{
	Table	   *table;

	(void) state;
	record_three();
	table = table_new(&record.table);
	assert_ptr_equal(table_find_column(table, 1), &table->columns[0]);
	assert_ptr_equal(table_find_column(table, 2), &table->columns[1]);
	assert_ptr_equal(table_find_column(table, 7), &table->columns[2]);
	assert_null(table_find_column(table, 0));
	assert_null(table_find_column(table, 3));
	assert_null(table_find_column(table, 8));
	assert_null(table_find_column(table, UINT32_MAX));
	table_free(table);
}

static void
test_no_columns(void **state)
{
	Table	   *table;

	(void) state;
	record_init(&record, "public", "empty");
	record.table.identity = IDENTITY(FULL);
	table = table_new(&record.table);
	assert_non_null(table);
	assert_int_equal(table->key_count, 0);
	assert_null(table_find_column(table, 1));
	table_free(table);
}

static void
test_most_columns(void **state)
{
	Table	   *table;

	(void) state;
	record_init(&record, "public", "wide");
	for (int i = 0; i < TABLE_MAX_COLUMNS; i++)
		record_add(&record, "c", ENCODING(TEXT));
	record.columns[TABLE_MAX_COLUMNS - 1].number = TABLE_MAX_NUMBER;
	table = table_new(&record.table);
	assert_non_null(table);
	assert_non_null(table_find_column(table, TABLE_MAX_NUMBER));
	table_free(table);
	record.columns[TABLE_MAX_COLUMNS - 1].number = TABLE_MAX_NUMBER + 1;
	assert_refused();
	record.columns[TABLE_MAX_COLUMNS - 1].number = TABLE_MAX_COLUMNS;
	record_add(&record, "one more", ENCODING(TEXT));
	assert_refused();
}

static void
test_key_choice(void **state)
{
	static const size_t reversed[] = {2, 0};
	static const size_t second[] = {1};
	static const size_t all[] = {0, 1, 2};

	(void) state;
	record_three();
	assert_keys(0, NULL);
	record.table.identity = IDENTITY(FULL);
	assert_keys(3, all);
	record.columns[2].key_position = 1;
	record.columns[0].key_position = 2;
	assert_keys(2, reversed);
	record.columns[1].identity_position = 1;
	assert_keys(2, reversed);
	record.table.identity = IDENTITY(INDEX);
	assert_keys(1, second);
	record.table.identity = IDENTITY(NOTHING);
	assert_keys(2, reversed);
	record.table.identity = IDENTITY(INDEX);
	record.columns[1].identity_position = 0;
	assert_keys(2, reversed);
}

/* Part of an index identifies nothing: rows would be taken for one. */
static void
test_key_with_a_gap(void **state)
{
	static const size_t first[] = {0};

	(void) state;
	record_three();
	record.columns[0].key_position = 1;
	record.columns[1].key_position = 3;
	assert_keys(0, NULL);
	record.columns[0].key_position = 0;
	assert_keys(0, NULL);
	record.table.identity = IDENTITY(INDEX);
	record.columns[1].identity_position = 2;
	record.columns[0].key_position = 1;
	record.columns[1].key_position = 0;
	assert_keys(1, first);
}

static void
test_refuses(void **state)
{
	char	   *labels[] = {"a", NULL};

	(void) state;
	record_three();
	record.columns[1].number = 1;
	assert_refused();
	record.columns[1].number = 8;
	assert_refused();
	record_three();
	record.columns[0].number = 0;
	assert_refused();
	record_three();
	record.columns[0].encoding = (PgFanout__Encoding) 17;
	assert_refused();
	record.columns[0].encoding = (PgFanout__Encoding) -1;
	assert_refused();
	record_three();
	record.columns[0].generated = (PgFanout__Generated) 2;
	assert_refused();
	record_three();
	record.table.identity = (PgFanout__ReplicaIdentity) 4;
	assert_refused();
	record_three();
	record.columns[0].key_position = record.columns[2].key_position = 1;
	assert_refused();
	record_three();
	record.columns[0].identity_position = TABLE_MAX_COLUMNS + 1;
	assert_refused();
	record_three();
	record.table.name = "";
	assert_refused();
	record_three();
	record.table.schema = NULL;
	assert_refused();
	record_three();
	record.columns[1].name = "";
	assert_refused();
	record_three();
	record.columns[1].type_name = "";
	assert_refused();
	record_three();
	record.columns[1].n_enum_label = 2;
	record.columns[1].enum_label = labels;
	assert_refused();
}

/* ---- fingerprint ---- */

static uint64_t
hash_of_packed(const PgFanout__Table *table)
{
	PgFanout__Table copy = *table;
	uint8_t    *packed;
	uint64_t	hash = UINT64_C(0xcbf29ce484222325);
	size_t		size;

	copy.version = 0;
	packed = malloc(pg_fanout__table__get_packed_size(&copy) + 1);
	size = pg_fanout__table__pack(&copy, packed);
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ packed[i]) * UINT64_C(0x100000001b3);
	free(packed);
	return hash;
}

static void
test_fingerprint_is_of_the_packed_record(void **state)
{
	static char long_name[500];

	(void) state;
	record_three();
	assert_true(table_fingerprint(&record.table) ==
				hash_of_packed(&record.table));
	memset(long_name, 'x', sizeof(long_name) - 1);
	record.columns[1].name = long_name;
	assert_true(table_fingerprint(&record.table) ==
				hash_of_packed(&record.table));
	record.table.version = 5;
	assert_true(table_fingerprint(&record.table) ==
				hash_of_packed(&record.table));
}

static void
assert_changed(uint64_t *last)
{
	uint64_t	now = table_fingerprint(&record.table);

	assert_true(now != *last);
	*last = now;
}

static void
test_fingerprint_sees_every_field(void **state)
{
	char	   *labels[] = {"a", "b"};
	PgFanout__Column *column = &record.columns[1];
	uint64_t	last;

	(void) state;
	record_three();
	last = table_fingerprint(&record.table);
	record.table.oid++;
	assert_changed(&last);
	record.table.schema = "other";
	assert_changed(&last);
	record.table.name = "other2";
	assert_changed(&last);
	record.table.identity = IDENTITY(FULL);
	assert_changed(&last);
	column->number = 3;
	assert_changed(&last);
	column->name = "bb";
	assert_changed(&last);
	column->type_oid = 25;
	assert_changed(&last);
	column->type_name = "pg_catalog.text";
	assert_changed(&last);
	column->typmod = 4;
	assert_changed(&last);
	column->not_null = 1;
	assert_changed(&last);
	column->key_position = 1;
	assert_changed(&last);
	column->identity_position = 1;
	assert_changed(&last);
	column->generated = PG_FANOUT__GENERATED__GENERATED_STORED;
	assert_changed(&last);
	column->enum_label = labels;
	column->n_enum_label = 1;
	assert_changed(&last);
	column->n_enum_label = 2;
	assert_changed(&last);
	column->encoding = ENCODING(JSON);
	assert_changed(&last);
	column->array = 1;
	assert_changed(&last);
	record.table.n_column--;
	assert_changed(&last);
}

/* As it comes over the network, bent at every byte. */
static void
test_bent_records(void **state)
{
	uint8_t		packed[300];
	size_t		size;
	int			built = 0;

	(void) state;
	record_three();
	record.columns[0].key_position = 1;
	size = pg_fanout__table__pack(&record.table, packed);
	for (size_t i = 0; i < size * 8; i++)
	{
		PgFanout__Table *bent;
		Table	   *table;

		packed[i / 8] ^= (uint8_t) (1 << i % 8);
		bent = pg_fanout__table__unpack(NULL, size, packed);
		packed[i / 8] ^= (uint8_t) (1 << i % 8);
		if (bent == NULL)
			continue;
		table = table_new(bent);
		built += table != NULL;
		table_free(table);
		pg_fanout__table__free_unpacked(bent, NULL);
	}
	assert_true(built > 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copies_all),
		cmocka_unit_test(test_finds_columns),
		cmocka_unit_test(test_no_columns),
		cmocka_unit_test(test_most_columns),
		cmocka_unit_test(test_key_choice),
		cmocka_unit_test(test_key_with_a_gap),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_fingerprint_is_of_the_packed_record),
		cmocka_unit_test(test_fingerprint_sees_every_field),
		cmocka_unit_test(test_bent_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
