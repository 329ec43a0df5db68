/*
 * fuzz_pgoutput.c
 *		Messages of pgoutput: the parser, the numbers of columns, values as
 *		text, streamed transactions. What becomes of them must be readable.
 *
 * The catalog is invented from the question: a type's oid chooses its encoding,
 * and bits of the table's oid what has been dropped or changed since.
 */
#include "fuzz.h"
#include "log.h"
#include "spool.h"

extern const SourceOps source_pgoutput_ops;

#define ENCODINGS	(PG_FANOUT__ENCODING__ENUM + 1)

static Spool *
make_spool(void)
{
	static Spool *spool;
	const SpoolConfig config = {.memory = 1 << 24};
	Error		err;

	if (spool == NULL)
		spool = spool_new(&config, &err);
	return spool;
}

/* A column for each type of the wish; some types are gone. */
static Table *
invent(const TableWish *wish, bool is_types)
{
	static PgFanout__Column columns[TABLE_MAX_COLUMNS];
	static PgFanout__Column *pointers[TABLE_MAX_COLUMNS];
	PgFanout__Table table = PG_FANOUT__TABLE__INIT;

	table.oid = wish->oid;
	table.schema = "s";
	table.name = "t";
	table.column = pointers;
	for (size_t i = 0; i < wish->type_count; i++)
	{
		PgFanout__Column *column = &columns[i];

		if (is_types && wish->types[i] % 31 == 0)
			continue;
		pg_fanout__column__init(column);
		column->number = (uint32_t) i + 1;
		column->name = i % 2 == 0 ? "a" : "b";
		column->type_oid = wish->types[i];
		column->type_name = "s.type";
		column->encoding = wish->types[i] % ENCODINGS;
		column->array = wish->types[i] / ENCODINGS % 2;
		column->key_position = !is_types && i == 0;
		column->identity_position = !is_types && i == 0;
		pointers[table.n_column++] = column;
	}
	return table_new(&table);
}

static bool
describe(Source *source, const TableWish *wish)
{
	TablePicture picture = {0};
	SourceNote	note;
	Error		err;
	bool		ok;

	if (wish->type_count > TABLE_MAX_COLUMNS)
		abort();
	picture.table = wish->oid % 7 != 0 ? invent(wish, false) : NULL;
	picture.types = invent(wish, true);
	for (size_t i = 1; i <= TABLE_MAX_COLUMNS && picture.table != NULL; i++)
	{
		picture.attributes[i] =
			table_find_column(picture.table, (uint32_t) i) != NULL ?
			ATTRIBUTE_LIVE : ATTRIBUTE_DROPPED;
		if ((wish->oid >> (i % 32)) & 1)
			picture.attributes[i] |= ATTRIBUTE_CHANGED;
	}
	ok = source->ops->describe(source, &picture, &note, &err);
	table_free(picture.table);
	table_free(picture.types);
	return ok;
}

/* Everything that the message leads to; false: refused. */
static bool
drain(Source *source)
{
	SourceEvent event;
	Error		err;

	for (;;)
	{
		error_clear(&err);
		switch (source->ops->next(source, &event, &err))
		{
			case SOURCE_EMPTY:
				return true;
			case SOURCE_CHANGE:
				fuzz_read_change(&event.change, true);
				break;
			case SOURCE_WANTS_TABLE:
				if (!describe(source, &event.wish))
					return false;
				break;
			case SOURCE_FAILED:
				if (err.message[0] == '\0')
					abort();
				return false;
			default:
				break;
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"publication_names"};
	static const char *const values[] = {"fan"};
	SourceConfig config = {
		.server_version = 160000, .user = {names, values, 1},
		.raw_text = true, .spool = make_spool()
	};
	Slice		input = slice_make(data, size);
	Slice		frame;
	Error		err;
	Source	   *source;

	/* warnings of unknown numbers would be all there is to see */
	log_init(LOG_LEVEL_ERROR);
	error_clear(&err);
	source = source_pgoutput_ops.create(&config, &err);
	while (fuzz_next_frame(&input, &frame))
		if (!source->ops->feed(source, frame, 1, &err) || !drain(source))
			source->ops->reset(source);
	source->ops->free(source);
	return 0;
}
