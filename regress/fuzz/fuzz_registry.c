/*
 * fuzz_registry.c
 *		What a schema registry answers: its JSON, and the schemas in it.
 *
 * Any of its answers is read for its id, error and schema. A schema is then
 * read as a .proto that a table's next schema has to follow, with and without
 * remapping, whose result must be its own successor; and as Connect's JSON
 * with the rest of the input as a payload.
 */
#include <stdlib.h>

#include "avro_schema.h"
#include "avro_value.h"
#include "fuzz.h"
#include "schema_lineage.h"
#include "schema_reply.h"

#define LIMIT	((size_t) 1 << 20)

/* id int4 (the key), name text, tags text[] */
static Table *
make_table(void)
{
	PgFanout__Column columns[3];
	PgFanout__Column *pointers[3];
	PgFanout__Table record = PG_FANOUT__TABLE__INIT;
	static const char *const names[] = {"id", "name", "tags"};

	for (int i = 0; i < 3; i++)
	{
		pg_fanout__column__init(&columns[i]);
		columns[i].number = (uint32_t) i + 1;
		columns[i].name = (char *) names[i];
		columns[i].type_name = "pg_catalog.some";
		columns[i].typmod = -1;
		columns[i].encoding = i == 0 ? PG_FANOUT__ENCODING__INT32 :
			PG_FANOUT__ENCODING__TEXT;
		columns[i].array = i == 2;
		columns[i].key_position = i == 0;
		pointers[i] = &columns[i];
	}
	record.oid = 1;
	record.schema = "s";
	record.name = "t";
	record.n_column = 3;
	record.column = pointers;
	return table_new(&record);
}

/* The text of the table behind a schema; NULL: no number is free. */
static char *
follow(const Table *table, const char *text, bool key, bool remap)
{
	SchemaLineage lineage;
	SchemaSuccessor successor = {0};
	Error		err;
	Buf			out;
	char	   *result = NULL;

	buf_init(&out, LIMIT);
	if (schema_lineage_read(&lineage, text, &err) &&
		schema_successor_make(&successor, &lineage, table, key, remap, &err))
	{
		if (key)
			proto_append_key(&out, table, &successor.past);
		else
			proto_append_table_after(&out, table, &successor.past);
		if (buf_string(&out) != NULL)
			result = strdup(buf_string(&out));
	}
	schema_successor_free(&successor);
	schema_lineage_free(&lineage);
	buf_free(&out);
	return result;
}

static void
check_lineage(const Table *table, const char *text)
{
	for (int which = 0; which < 4; which++)
	{
		bool		key = which % 2 == 1;
		bool		remap = which / 2 == 1;
		char	   *first = follow(table, text, key, remap);
		char	   *second = first == NULL ? NULL :
			follow(table, first, key, remap);

		if (first != NULL && (second == NULL || strcmp(first, second) != 0))
			abort();
		free(first);
		free(second);
	}
}

static void
check_avro(const char *connect, Slice payload)
{
	AvroSchema	schema;
	Error		err;
	Buf			out;
	Buf			scratch;

	buf_init(&out, LIMIT);
	buf_init(&scratch, LIMIT);
	if (avro_schema_make(&schema, slice_of(connect), &err))
		(void) avro_append_value(&out, &schema, payload, &scratch);
	avro_schema_free(&schema);
	buf_free(&out);
	buf_free(&scratch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static Table *table;
	const uint8_t *end = size > 0 ? memchr(data, '\0', size) : NULL;
	size_t		first = end == NULL ? size : (size_t) (end - data);
	Slice		rest = end == NULL ? slice_make("", 0) :
		slice_make(end + 1, size - first - 1);
	SchemaReply reply;
	char	   *text = strndup((const char *) data, first);

	if (table == NULL)
		table = make_table();
	schema_reply_read(&reply, slice_make(data, first));
	for (long status = 200; status < 600; status += 1)
		(void) schema_reply_judge(status, &reply);
	check_lineage(table, reply.schema != NULL ? reply.schema : text);
	check_avro(reply.schema != NULL ? reply.schema : text, rest);
	schema_reply_free(&reply);
	free(text);
	return 0;
}
