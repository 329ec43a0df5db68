/*
 * pgoutput_tables.c
 *		The tables of a pgoutput stream. See pgoutput_tables.h.
 */
#include "pgoutput_tables.h"

#include <inttypes.h>
#include <stdlib.h>

#include "utf8.h"

#define NAME_LIMIT		4096	/* both names have at most 63 bytes */

/* In front of what a message says. */
#define KIND_SIZE		1
#define XID_SIZE		4		/* in a stream */

struct KnownTable
{
	uint8_t    *bytes;			/* the server's description, as it came */
	PgoutputMessage message;	/* its parts */
	size_t		size;
	bool		in_stream;
	uint32_t	xid;			/* the transaction that had it asked for */
	Relation   *relation;		/* NULL: not described yet */
	bool		labels_final;	/* asking again for labels is of no use */
};

/* ---- life ---- */

static void
free_known(void *value)
{
	KnownTable *known = value;

	if (known == NULL)
		return;
	relation_free(known->relation);
	free(known->bytes);
	free(known);
}

bool
tables_init(Tables *tables, const Charset *charset, Error *err)
{
	*tables = (Tables) {.charset = charset};
	memory_init(&tables->memory);
	tables->types = calloc(PGOUTPUT_MAX_COLUMNS, sizeof(*tables->types));
	return tables->types != NULL || error_no_memory(err);
}

void
tables_reset(Tables *tables)
{
	free_known(tables->asked);
	tables->asked = NULL;
	oid_map_free(&tables->known, free_known);
}

void
tables_free(Tables *tables)
{
	tables_reset(tables);
	oid_map_free(&tables->type_names, free);
	memory_free(&tables->memory);
	free(tables->types);
}

/* ---- asking ---- */

static KnownTable *
copy_description(Slice bytes, bool in_stream)
{
	KnownTable *known = calloc(1, sizeof(*known));

	if (known == NULL)
		return NULL;
	known->size = bytes.size;
	known->in_stream = in_stream;
	known->bytes = malloc(bytes.size + 1);
	if (known->bytes != NULL)
	{
		memcpy(known->bytes, bytes.data, bytes.size);
		if (pgoutput_parse(slice_make(known->bytes, bytes.size), in_stream,
						   &known->message) == PGOUTPUT_OK)
			return known;
	}
	free_known(known);
	return NULL;
}

/* Takes the table over. */
static void
ask(Tables *tables, KnownTable *known, uint32_t xid, TableWish *wish)
{
	const PgoutputRelation *relation = &known->message.relation;
	PgoutputColumns columns = relation->columns;
	PgoutputColumn column;

	free_known(tables->asked);
	tables->asked = known;
	known->xid = xid;
	*wish = (TableWish) {
		.oid = relation->oid, .xid = xid,
		.types = tables->types, .type_count = columns.count
	};
	for (size_t i = 0; pgoutput_next_column(&columns, &column); i++)
		tables->types[i] = column.type_oid;
}

/* What the message says, without the subtransaction that says it. */
static Slice
said(const uint8_t *bytes, size_t size, bool in_stream)
{
	size_t		head = in_stream ? KIND_SIZE + XID_SIZE : KIND_SIZE;

	return slice_make(bytes + head, size - head);
}

static bool
is_known(const KnownTable *known, uint32_t xid, const KnownTable *asked)
{
	return known != NULL && known->xid == xid &&
		slice_equal(said(known->bytes, known->size, known->in_stream),
					said(asked->bytes, asked->size, asked->in_stream));
}

TablesResult
tables_ask(Tables *tables, Slice bytes, bool in_stream, uint32_t xid,
		   TableWish *wish, Error *err)
{
	KnownTable *asked = copy_description(bytes, in_stream);

	if (asked == NULL)
	{
		error_no_memory(err);
		return TABLES_FAILED;
	}
	if (is_known(oid_map_find(&tables->known, asked->message.relation.oid),
				 xid, asked))
	{
		free_known(asked);
		return TABLES_KNOWN;
	}
	ask(tables, asked, xid, wish);
	return TABLES_ASKED;
}

static size_t
count_labels(const Table *table)
{
	size_t		count = 0;

	for (size_t i = 0; i < table->column_count; i++)
		count += table->columns[i].label_count;
	return count;
}

/* Off the map, so that it is not freed with what replaces it. */
bool
tables_ask_for_labels(Tables *tables, uint32_t oid, uint32_t xid,
					  TableWish *wish)
{
	KnownTable *known = oid_map_find(&tables->known, oid);

	if (known == NULL || known->labels_final ||
		!oid_map_set(&tables->known, oid, NULL))
		return false;
	ask(tables, known, xid, wish);
	return true;
}

/* ---- describing ---- */

static bool
remember(Tables *tables, const Relation *relation, Lsn commit_lsn,
		 SourceNote *note, Error *err)
{
	uint32_t	oid = relation->table->oid;
	bool		changed;

	if (!memory_add(&tables->memory, oid, commit_lsn, relation->record,
					&changed, err))
		return false;
	if (changed)
		note->value = memory_note(&tables->memory, oid, note->key);
	return true;
}

bool
tables_describe(Tables *tables, const TablePicture *picture, Lsn commit_lsn,
				SourceNote *note, Error *err)
{
	KnownTable *known = tables->asked;
	KnownTable *old;
	Relation   *relation;
	uint32_t	oid;

	note->value = slice_make(NULL, 0);
	if (known == NULL)
		return error_set(err, ERROR_INTERNAL, "a table described unasked");
	oid = known->message.relation.oid;
	relation = relation_new(&known->message.relation, picture,
							memory_find(&tables->memory, oid, commit_lsn),
							&tables->type_names, tables->charset, err);
	if (relation == NULL)
		return false;
	known->labels_final = known->relation != NULL &&
		count_labels(known->relation->table) == count_labels(relation->table);
	relation_free(known->relation);
	known->relation = relation;
	old = oid_map_find(&tables->known, oid);
	if (!oid_map_set(&tables->known, oid, known))
		return error_no_memory(err);
	tables->asked = NULL;
	free_known(old);
	return remember(tables, relation, commit_lsn, note, err);
}

const Relation *
tables_find(const Tables *tables, uint32_t oid, Error *err)
{
	const KnownTable *known = oid_map_find(&tables->known, oid);

	if (known != NULL)
		return known->relation;
	error_set(err, ERROR_SOURCE,
			  "change of table %" PRIu32 " before its description", oid);
	return NULL;
}

static void
append_name(const Tables *tables, Buf *out, const char *name)
{
	if (tables->charset != NULL)
		charset_append(out, tables->charset, slice_of(name));
	else
		utf8_append_repaired(out, slice_of(name));
}

bool
tables_name_type(Tables *tables, const PgoutputType *type, Error *err)
{
	char	   *old = oid_map_find(&tables->type_names, type->oid);
	char	   *name;
	Buf			full;

	if (type->oid == 0)
		return error_set(err, ERROR_SOURCE,
						 "malformed message from pgoutput");
	buf_init(&full, NAME_LIMIT);
	append_name(tables, &full, type->schema[0] != '\0' ? type->schema :
				"pg_catalog");
	buf_append_byte(&full, '.');
	append_name(tables, &full, type->name);
	name = buf_string(&full) != NULL ? strdup(buf_string(&full)) : NULL;
	buf_free(&full);
	if (name == NULL || !oid_map_set(&tables->type_names, type->oid, name))
	{
		free(name);
		return error_no_memory(err);
	}
	free(old);
	return true;
}
