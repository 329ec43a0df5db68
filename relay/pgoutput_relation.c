/*
 * pgoutput_relation.c
 *		From a Relation message to the Table. See pgoutput_relation.h.
 *
 * Puts together the record that our plugin would send and lets table.c judge
 * it. Names, types and the identity are the message's; numbers, the order of
 * keys, nullability and what a type is are the picture's, or an earlier
 * description's where the picture has changed.
 */
#include "pgoutput_relation.h"

#include <stdlib.h>

#include "log.h"
#include "pgoutput_align.h"
#include "utf8.h"

#define EMPTY_SCHEMA	"pg_catalog"	/* what "" stands for in messages */

typedef struct Builder
{
	const PgoutputRelation *message;
	const TablePicture *picture;
	const Table *old;
	const OidMap *type_names;
	size_t		count;
	AlignColumn *columns;
	PgoutputColumn *sent;		/* in the order of the message, as columns */
	uint16_t   *places;			/* into both, by ascending number */
	PgFanout__Table table;
	PgFanout__Column *records;	/* by ascending number */
	PgFanout__Column **pointers;
	const Charset *charset;		/* of names; NULL: UTF-8, or unknown */
	Buf			text;			/* names that had to be made UTF-8 */
} Builder;

static bool
builder_allocate(Builder *builder)
{
	size_t		count = builder->count + 1;

	builder->columns = calloc(count, sizeof(*builder->columns));
	builder->sent = calloc(count, sizeof(*builder->sent));
	builder->places = calloc(count, sizeof(*builder->places));
	builder->records = calloc(count, sizeof(*builder->records));
	builder->pointers = calloc(count, sizeof(*builder->pointers));
	return builder->columns != NULL && builder->sent != NULL &&
		builder->places != NULL && builder->records != NULL &&
		builder->pointers != NULL;
}

static void
builder_free(Builder *builder)
{
	free(builder->columns);
	free(builder->sent);
	free(builder->places);
	free(builder->records);
	free(builder->pointers);
	buf_free(&builder->text);
}

/* ---- names ---- */

/* Room for all names of the message repaired, so that they stay in place. */
static bool
reserve_text(Builder *builder)
{
	const PgoutputRelation *message = builder->message;
	size_t		size = strlen(message->schema) + strlen(message->name) +
		message->columns.bytes.size + builder->count + 2;

	buf_init(&builder->text, 4 * size);
	return buf_reserve(&builder->text, 4 * size);
}

static const char *
valid_name(Builder *builder, const char *name)
{
	Slice		text = slice_of(name);
	const char *start;

	if (builder->charset != NULL ? charset_is_ascii(text) :
		utf8_valid_size(text) == text.size)
		return name;
	start = (const char *) builder->text.data + builder->text.size;
	if (builder->charset != NULL)
		charset_append(&builder->text, builder->charset, text);
	else
		utf8_append_repaired(&builder->text, text);
	buf_append_byte(&builder->text, '\0');
	return start;
}

/* ---- columns ---- */

static const Column *
old_column(const Builder *builder, size_t place)
{
	const PgoutputColumn *sent = &builder->sent[place];
	const Table *old = builder->old;

	for (size_t i = 0; old != NULL && i < old->column_count; i++)
		if (old->columns[i].type_oid == sent->type_oid &&
			strcmp(old->columns[i].name, sent->name) == 0)
			return &old->columns[i];
	return NULL;
}

/* What is known of the column's type, as a column of it; NULL: nothing. */
static const Column *
find_type(const Builder *builder, size_t place)
{
	const Column *type = table_find_column(builder->picture->types,
										   (uint32_t) place + 1);

	return type != NULL ? type : old_column(builder, place);
}

static void
read_columns(Builder *builder)
{
	PgoutputColumns left = builder->message->columns;

	for (size_t i = 0; pgoutput_next_column(&left, &builder->sent[i]); i++)
	{
		PgoutputColumn *sent = &builder->sent[i];

		sent->name = valid_name(builder, sent->name);
		builder->columns[i] = (AlignColumn) {
			.name = sent->name, .type_oid = sent->type_oid,
			.type_is_gone = find_type(builder, i) == NULL
		};
		builder->places[i] = (uint16_t) i;
	}
}

/* Nearly sorted: only unknown numbers are out of order. */
static void
sort_places(Builder *builder)
{
	for (size_t i = 1; i < builder->count; i++)
	{
		uint16_t	place = builder->places[i];
		uint32_t	number = builder->columns[place].number;
		size_t		at = i;

		for (; at > 0 && number <
			 builder->columns[builder->places[at - 1]].number; at--)
			builder->places[at] = builder->places[at - 1];
		builder->places[at] = place;
	}
}

static void
fill_type(const Builder *builder, size_t place, PgFanout__Column *record)
{
	const Column *type = find_type(builder, place);
	char	   *told;

	if (type != NULL)
	{
		record->type_name = (char *) type->type_name;
		record->encoding = type->encoding;
		record->array = type->is_array;
		if (type->is_array && type->delimiter != ',')
			record->delimiter = (uint8_t) type->delimiter;
		record->enum_label = (char **) type->labels;
		record->n_enum_label = type->label_count;
		return;
	}
	told = oid_map_find(builder->type_names, builder->sent[place].type_oid);
	record->type_name = told != NULL ? told : "pg_catalog.unknown";
	record->encoding = PG_FANOUT__ENCODING__TEXT;
}

/* Today's column with this number; NULL: there is none. */
static const Column *
current_column(const Builder *builder, uint32_t number)
{
	return builder->picture->table != NULL ?
		table_find_column(builder->picture->table, number) : NULL;
}

static void
fill_column(const Builder *builder, size_t place, PgFanout__Column *record)
{
	const PgoutputColumn *sent = &builder->sent[place];
	const Column *now = current_column(builder,
									   builder->columns[place].number);

	if (now == NULL)
		now = old_column(builder, place);
	pg_fanout__column__init(record);
	record->number = builder->columns[place].number;
	record->name = (char *) sent->name;
	record->type_oid = sent->type_oid;
	record->typmod = sent->typmod;
	record->not_null = now != NULL && now->not_null;
	record->generated = now != NULL && now->generated ?
		PG_FANOUT__GENERATED__GENERATED_STORED :
		PG_FANOUT__GENERATED__GENERATED_NO;
	fill_type(builder, place, record);
}

/* ---- keys ---- */

typedef enum KeyKind
{
	KEY_PRIMARY,
	KEY_IDENTITY
} KeyKind;

typedef enum KeyMatch
{
	KEY_SAME,					/* as the message has it */
	KEY_HIDDEN,					/* the same, but not all of it is sent */
	KEY_OTHER
} KeyMatch;

static uint32_t
position_of(const Column *column, KeyKind kind)
{
	return kind == KEY_PRIMARY ? column->key_position :
		column->identity_position;
}

static void
set_position(PgFanout__Column *record, KeyKind kind, uint32_t position)
{
	if (kind == KEY_PRIMARY)
		record->key_position = position;
	else
		record->identity_position = position;
}

static bool
is_flagged(const Builder *builder, size_t index)
{
	return builder->sent[builder->places[index]].is_identity;
}

static PgFanout__Column *
find_record(const Builder *builder, uint32_t number)
{
	for (size_t i = 0; i < builder->count; i++)
		if (builder->records[i].number == number)
			return &builder->records[i];
	return NULL;
}

/* Are the flagged columns those of this key of the other description? */
static KeyMatch
match_key(const Builder *builder, const Table *other, KeyKind kind)
{
	bool		hidden = false;

	for (size_t i = 0; i < builder->count; i++)
	{
		const Column *column = table_find_column(other,
											builder->records[i].number);
		bool		is_part = column != NULL && position_of(column, kind) > 0;

		if (is_part != is_flagged(builder, i))
			return KEY_OTHER;
	}
	for (size_t i = 0; i < other->column_count; i++)
		if (position_of(&other->columns[i], kind) > 0 &&
			find_record(builder, other->columns[i].number) == NULL)
			hidden = true;
	return hidden ? KEY_HIDDEN : KEY_SAME;
}

/* A key of which a part is not sent is none: rows could be confused. */
static void
copy_key(Builder *builder, const Table *other, KeyKind kind)
{
	for (size_t i = 0; i < other->column_count; i++)
		if (position_of(&other->columns[i], kind) > 0 &&
			find_record(builder, other->columns[i].number) == NULL)
			return;
	for (size_t i = 0; i < builder->count; i++)
	{
		const Column *column = table_find_column(other,
											builder->records[i].number);

		if (column != NULL)
			set_position(&builder->records[i], kind,
						 position_of(column, kind));
	}
}

static size_t
count_flagged(const Builder *builder)
{
	size_t		count = 0;

	for (size_t i = 0; i < builder->count; i++)
		count += is_flagged(builder, i);
	return count;
}

/* The order of the index is not known: that of the table has to do. */
static void
number_flagged(Builder *builder, KeyKind kind)
{
	uint32_t	position = 0;

	for (size_t i = 0; i < builder->count; i++)
		if (is_flagged(builder, i))
			set_position(&builder->records[i], kind, ++position);
}

/* The flagged columns as a key, in the order of the first that has them. */
static void
key_from_flags(Builder *builder, KeyKind kind)
{
	const Table *others[] = {builder->picture->table, builder->old};

	for (size_t i = 0; i < 2; i++)
	{
		const Table *other = others[i];
		KeyMatch	match;

		if (other == NULL || (kind == KEY_IDENTITY &&
							  other->identity != builder->table.identity))
			continue;
		match = match_key(builder, other, kind);
		if (match == KEY_SAME)
			copy_key(builder, other, kind);
		if (match != KEY_OTHER)
			return;
	}
	number_flagged(builder, kind);
}

/*
 * Was there a primary key when the message says that none is the identity?
 * A deferrable one never is; any other would have been, so it is younger.
 */
static bool
is_younger_key(const Table *now)
{
	if (now->identity != PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_DEFAULT)
		return false;
	for (size_t i = 0; i < now->column_count; i++)
		if (now->columns[i].key_position > 0 &&
			now->columns[i].identity_position > 0)
			return true;
	return false;
}

static void
fill_keys(Builder *builder)
{
	const Table *now = builder->picture->table;
	PgFanout__ReplicaIdentity identity = builder->table.identity;
	bool		is_default = identity ==
		PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_DEFAULT;
	bool		has_index = is_default || identity ==
		PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_INDEX;

	if (has_index && count_flagged(builder) > 0)
	{
		key_from_flags(builder, KEY_IDENTITY);
		if (is_default)
		{
			key_from_flags(builder, KEY_PRIMARY);
			return;
		}
	}
	if (now == NULL)
		now = builder->old;
	if (now != NULL && !(is_default && is_younger_key(now)))
		copy_key(builder, now, KEY_PRIMARY);
}

/* ---- the table ---- */

static PgFanout__ReplicaIdentity
identity_of(char letter)
{
	switch (letter)
	{
		case 'i':
			return PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_INDEX;
		case 'f':
			return PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_FULL;
		case 'n':
			return PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_NOTHING;
		default:
			return PG_FANOUT__REPLICA_IDENTITY__REPLICA_IDENTITY_DEFAULT;
	}
}

static void
fill_table(Builder *builder)
{
	const PgoutputRelation *message = builder->message;

	pg_fanout__table__init(&builder->table);
	builder->table.oid = message->oid;
	builder->table.schema = message->schema[0] == '\0' ? EMPTY_SCHEMA :
		(char *) valid_name(builder, message->schema);
	builder->table.name = (char *) valid_name(builder, message->name);
	builder->table.identity = identity_of(message->identity);
	builder->table.column = builder->pointers;
	builder->table.n_column = builder->count;
	for (size_t i = 0; i < builder->count; i++)
	{
		fill_column(builder, builder->places[i], &builder->records[i]);
		builder->pointers[i] = &builder->records[i];
	}
	fill_keys(builder);
	builder->table.version = table_fingerprint(&builder->table);
}

static void
warn_of_unknown(const Builder *builder)
{
	for (size_t i = 0; i < builder->count; i++)
	{
		const PgFanout__Column *record = &builder->records[i];

		if (record->number < ALIGN_FIRST_UNKNOWN ||
			(builder->old != NULL &&
			 table_find_column(builder->old, record->number) != NULL))
			continue;
		log_warning("table %s.%s: column \"%s\" is no longer in the catalog as it was when the row was written: "
					"it is sent as number %u", builder->table.schema,
					builder->table.name, record->name, record->number);
	}
}

static Relation *
builder_finish(Builder *builder, Error *err)
{
	Relation   *relation = calloc(1, sizeof(*relation) +
								  builder->count * sizeof(uint16_t));
	size_t		size = pg_fanout__table__get_packed_size(&builder->table);
	uint8_t    *record = malloc(size + 1);

	if (relation == NULL || record == NULL)
	{
		free(record);
		free(relation);
		error_no_memory(err);
		return NULL;
	}
	relation->record = slice_make(record, size);
	pg_fanout__table__pack(&builder->table, record);
	relation->table = table_new(&builder->table);
	if (relation->table == NULL)
	{
		error_set(err, ERROR_SOURCE,
			"cannot understand the server's description of table \"%s\"",
				  builder->table.name);
		relation_free(relation);
		return NULL;
	}
	relation->column_count = builder->count;
	for (size_t i = 0; i < builder->count; i++)
		if (builder->records[i].encoding == PG_FANOUT__ENCODING__ENUM)
			relation->has_enums = true;
	memcpy(relation->places, builder->places,
		   builder->count * sizeof(uint16_t));
	return relation;
}

Relation *
relation_new(const PgoutputRelation *message, const TablePicture *picture,
			 const Table *old, const OidMap *type_names,
			 const Charset *charset, Error *err)
{
	Builder		builder = {
		.message = message, .picture = picture, .old = old,
		.type_names = type_names, .charset = charset,
		.count = message->columns.count
	};
	Relation   *relation = NULL;

	if (!builder_allocate(&builder) || !reserve_text(&builder))
	{
		error_no_memory(err);
		goto done;
	}
	read_columns(&builder);
	if (!align_columns(builder.columns, builder.count, picture, builder.old))
	{
		error_no_memory(err);
		goto done;
	}
	sort_places(&builder);
	fill_table(&builder);
	relation = builder_finish(&builder, err);
	if (relation != NULL)
		warn_of_unknown(&builder);

done:
	builder_free(&builder);
	return relation;
}

void
relation_free(Relation *relation)
{
	if (relation == NULL)
		return;
	table_free(relation->table);
	free((uint8_t *) relation->record.data);
	free(relation);
}
