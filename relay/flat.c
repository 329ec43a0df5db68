/*
 * flat.c
 *		Rows that go alone. See flat.h.
 */
#include "flat.h"

const char *const flat_delete_words[] = {"tombstone", "drop", "rewrite", NULL};

const char *const flat_field_names[PROTO_EXTRA_COUNT] = {
	[PROTO_EXTRA_OP] = "op", [PROTO_EXTRA_DB] = "db",
	[PROTO_EXTRA_SCHEMA] = "schema", [PROTO_EXTRA_TABLE] = "table",
	[PROTO_EXTRA_LSN] = "lsn", [PROTO_EXTRA_SEQ] = "seq",
	[PROTO_EXTRA_XID] = "xid", [PROTO_EXTRA_COMMIT_TIME] = "commit_time",
	[PROTO_EXTRA_ORIGIN] = "origin", [PROTO_EXTRA_UNCHANGED] = "unchanged",
	[PROTO_EXTRA_DELETED] = "deleted"
};

static const char *const op_names[] = {
	[PG_FANOUT__OP__OP_UNKNOWN] = "unknown",
	[PG_FANOUT__OP__INSERT] = "insert",
	[PG_FANOUT__OP__UPDATE] = "update",
	[PG_FANOUT__OP__DELETE] = "delete",
	[PG_FANOUT__OP__TRUNCATE] = "truncate",
	[PG_FANOUT__OP__READ] = "read"
};

const char *
flat_op_name(PgFanout__Op op)
{
	return op_names[op];
}

/* ---- options ---- */

/* deleted is not for the asking: it comes with rewrite. */
static bool
add_field(uint32_t *fields, const char *name, size_t size, Error *err)
{
	for (int i = 0; i < PROTO_EXTRA_DELETED; i++)
	{
		if (strlen(flat_field_names[i]) != size ||
			memcmp(flat_field_names[i], name, size) != 0)
			continue;
		*fields |= 1u << i;
		return true;
	}
	error_set(err, ERROR_USAGE, "flatten_fields cannot have \"%.*s\"",
			  (int) size, name);
	return error_hint(err, "Fields are op, db, schema, table, lsn, seq, xid, commit_time, origin and unchanged, with commas between.");
}

bool
flat_fields(const FlatOptions *options, uint32_t *fields, Error *err)
{
	const char *list = options->fields;

	*fields = options->deletes == FLAT_DELETES_REWRITE ?
		1u << PROTO_EXTRA_DELETED : 0;
	while (*list != '\0')
	{
		size_t		size = strcspn(list, ",");

		if (!add_field(fields, list, size, err))
			return false;
		list += size + (list[size] == ',');
	}
	return true;
}

/* ---- records ---- */

bool
flat_drops(const FlatOptions *options, const Body *parts)
{
	return parts->op == PG_FANOUT__OP__DELETE &&
		options->deletes == FLAT_DELETES_DROP;
}

bool
flat_has_value(const FlatOptions *options, const Body *parts)
{
	if (parts->op == PG_FANOUT__OP__DELETE)
		return options->deletes == FLAT_DELETES_REWRITE &&
			parts->before.data != NULL;
	return parts->after.data != NULL;
}

void
flat_put(Records *out, const PlainRecord *plain, Position position,
		 PositionHeaders *headers)
{
	PlainRecord whole = *plain;
	size_t		kept = 0;

	if (plain->value.data == NULL)
		whole.value = slice_of("");
	format_put_plain(out, &whole, position, headers);
	for (size_t i = 0; i < out->count; i++)
		if (plain->value.data != NULL || out->records[i].value.data == NULL)
			out->records[kept++] = out->records[i];
	out->count = kept;
}
