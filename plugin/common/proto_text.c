/*
 * proto_text.c
 *		The typed .proto of a table. See proto_text.h.
 *
 * Compiles whatever the table and its columns are called: see proto_name.c.
 */
#ifdef PG_FANOUT_BACKEND
#include "postgres.h"
#endif

#include "json_value.h"
#include "proto_name.h"

/* ---- types ---- */

typedef struct ProtoType
{
	const char *name;
	const char *array;			/* the message that holds an array of it */
	const char *note;			/* what it is, if its type does not say */
} ProtoType;

static const ProtoType types[] = {
	[PG_FANOUT__ENCODING__TEXT] = {"string", "StringArray", ""},
	[PG_FANOUT__ENCODING__BOOL] = {"bool", "BoolArray", ""},
	[PG_FANOUT__ENCODING__INT32] = {"sint32", "Sint32Array", ""},
	[PG_FANOUT__ENCODING__INT64] = {"sint64", "Sint64Array", ""},
	[PG_FANOUT__ENCODING__UINT32] = {"uint32", "Uint32Array", ""},
	[PG_FANOUT__ENCODING__FLOAT] = {"float", "FloatArray", ""},
	[PG_FANOUT__ENCODING__DOUBLE] = {"double", "DoubleArray", ""},
	[PG_FANOUT__ENCODING__NUMERIC] = {"string", "StringArray", ""},
	[PG_FANOUT__ENCODING__BYTES] = {"bytes", "BytesArray", ""},
	[PG_FANOUT__ENCODING__UUID] = {"bytes", "BytesArray", "16 bytes"},
	[PG_FANOUT__ENCODING__DATE] = {"sint32", "Sint32Array",
	"days since 1970-01-01"},
	[PG_FANOUT__ENCODING__TIME] = {"sint64", "Sint64Array",
	"microseconds since midnight"},
	[PG_FANOUT__ENCODING__TIMESTAMP] = {"sint64", "Sint64Array",
	"microseconds since 1970-01-01"},
	[PG_FANOUT__ENCODING__TIMESTAMPTZ] = {"sint64", "Sint64Array",
	"microseconds since 1970-01-01 UTC"},
	[PG_FANOUT__ENCODING__INTERVAL] = {"Interval", "IntervalArray", ""},
	[PG_FANOUT__ENCODING__JSON] = {"string", "StringArray", "JSON"},
	[PG_FANOUT__ENCODING__ENUM] = {"string", "StringArray", "one of"},
};

const char *
proto_column_type(const Column *column)
{
	const ProtoType *type = &types[column->encoding];

	return column->is_array ? type->array : type->name;
}

/* ---- the parts of the file ---- */

/* Not JSON: the escapes of a .proto, of which octal ones are the safest. */
static void
append_proto_string(Buf *out, const char *text)
{
	buf_append_byte(out, '"');
	for (; *text != '\0'; text++)
	{
		uint8_t		byte = (uint8_t) *text;

		if (byte < 0x20 || byte == 0x7f || byte == '"' || byte == '\\')
			buf_printf(out, "\\%03o", byte);
		else
			buf_append_byte(out, byte);
	}
	buf_append_byte(out, '"');
}

static void
append_labels(Buf *out, const Column *column)
{
	for (size_t i = 0; i < column->label_count; i++)
	{
		buf_append_string(out, i > 0 ? ", " : " ");
		json_append_string(out, slice_of(column->labels[i]));
	}
}

/* Before what stands in the message that has the columns. */
static const char *
row_indent(const ProtoRow *row)
{
	return row->key || row->flat ? "  " : "    ";
}

/* On the line before the field. Quoted names cannot end the comment. */
static void
append_column_comment(Buf *out, const ProtoRow *row, const Column *column,
					  const char *name)
{
	const char *note = types[column->encoding].note;

	buf_printf(out, "%s// ", row_indent(row));
	if (strcmp(column->name, name) != 0)
	{
		json_append_string(out, slice_of(column->name));
		buf_append_byte(out, ' ');
	}
	json_append_string(out, slice_of(column->type_name));
	/* a key's text changes with its fields only */
	if (column->not_null && !row->key)
		buf_append_string(out, ", not null");
	if (column->key_position > 0 && !row->key)
		buf_printf(out, ", primary key %u", column->key_position);
	if (column->generated && !row->key)
		buf_append_string(out, ", generated");
	if (note[0] != '\0')
		buf_printf(out, ", %s%s", column->is_array ? "each " : "", note);
	if (!row->key)
		append_labels(out, column);
	buf_append_byte(out, '\n');
}

static void
append_column(Buf *out, const ProtoNames *names, size_t index)
{
	const ProtoRow *row = names->row;
	const Column *column = &row->table->columns[index];
	const char *name = proto_names_get(names, index);

	append_column_comment(out, row, column, name);
	buf_printf(out, "%soptional %s %s = %u [json_name = ",
			   row_indent(row), proto_column_type(column), name,
			   proto_row_number(row, index));
	append_proto_string(out, proto_names_json(names, index));
	buf_append_string(out, "];\n");
}

/* ---- what is reserved ---- */

static bool
set_has(const uint8_t *set, uint32_t number)
{
	return (set[number / 8] >> (number % 8)) & 1;
}

static void
set_add(uint8_t *set, uint32_t number)
{
	set[number / 8] |= (uint8_t) (1 << (number % 8));
}

static void
set_remove(uint8_t *set, uint32_t number)
{
	set[number / 8] &= (uint8_t) ~(1 << (number % 8));
}

/*
 * What earlier schemas had. Where nothing is known of them, the numbers
 * between two columns: they belonged to columns that were dropped, or that a
 * publication's column list hides.
 */
static void
collect_reserved(uint8_t *set, const ProtoRow *row)
{
	const Table *table = row->table;

	memset(set, 0, PROTO_RESERVED_SIZE);
	if (row->past != NULL && row->past->reserved != NULL)
		memcpy(set, row->past->reserved, PROTO_RESERVED_SIZE);
	if (row->past == NULL && !row->key && table->column_count > 0)
	{
		uint32_t	last = table->columns[table->column_count - 1].number;
		size_t		at = 0;

		for (uint32_t number = 1; number < last; number++)
		{
			if (table->columns[at].number == number)
				at++;
			else
				set_add(set, number);
		}
	}
	for (size_t i = 0; i < table->column_count; i++)
	{
		if (proto_row_has(row, i))
			set_remove(set, proto_row_number(row, i));
	}
}

static void
append_reserved_numbers(Buf *out, const ProtoRow *row)
{
	uint8_t		set[PROTO_RESERVED_SIZE];
	bool		begun = false;

	collect_reserved(set, row);
	for (uint32_t first = 1; first <= TABLE_MAX_NUMBER; first++)
	{
		uint32_t	last = first;

		if (!set_has(set, first))
			continue;
		while (last < TABLE_MAX_NUMBER && set_has(set, last + 1))
			last++;
		if (!begun)
			buf_printf(out, "%sreserved %u", row_indent(row), first);
		else
			buf_printf(out, ", %u", first);
		if (last > first)
			buf_printf(out, " to %u", last);
		begun = true;
		first = last;
	}
	if (begun)
		buf_append_string(out, ";\n");
}

/* A name in use never equals a reserved one: names_add saw to that. */
static void
append_reserved_names(Buf *out, const ProtoRow *row)
{
	const ProtoPast *past = row->past;

	if (past == NULL || past->name_count == 0)
		return;
	buf_printf(out, "%sreserved ", row_indent(row));
	for (size_t i = 0; i < past->name_count; i++)
		buf_printf(out, "%s\"%s\"", i > 0 ? ", " : "", past->names[i]);
	buf_append_string(out, ";\n");
}

static void
append_fields(Buf *out, const ProtoRow *row)
{
	ProtoNames	names;
	size_t		count = row->table->column_count;

	proto_names_make(&names, row);
	append_reserved_numbers(out, row);
	append_reserved_names(out, row);
	if (buf_failed(&names.text))
		out->failed = true;
	for (size_t i = 0; i < count && !buf_failed(out); i++)
	{
		if (proto_row_has(row, i))
			append_column(out, &names, i);
	}
	proto_names_free(&names);
}

static void
append_row(Buf *out, const ProtoRow *row)
{
	buf_append_string(out, "\n  // An absent field is NULL.\n"
					  "  message Row {\n");
	append_fields(out, row);
	buf_append_string(out, "  }\n");
}

static void
append_interval(Buf *out, const ProtoRow *row)
{
	for (size_t i = 0; i < row->table->column_count; i++)
	{
		if (!proto_row_has(row, i) ||
			row->table->columns[i].encoding != PG_FANOUT__ENCODING__INTERVAL)
			continue;
		buf_append_string(out, "\n  message Interval {\n"
						  "    sint32 months = 1;\n"
						  "    sint32 days = 2;\n"
						  "    sint64 microseconds = 3;\n"
						  "  }\n");
		return;
	}
}

static bool
row_has_array(const ProtoRow *row, const char *array)
{
	for (size_t i = 0; i < row->table->column_count; i++)
	{
		const Column *column = &row->table->columns[i];

		if (proto_row_has(row, i) && column->is_array &&
			strcmp(proto_column_type(column), array) == 0)
			return true;
	}
	return false;
}

static void
append_array(Buf *out, const ProtoType *type)
{
	buf_printf(out, "\n  // The elements that are not NULL, where the NULLs "
			   "are, and the shape\n"
			   "  // unless it is one dimension from 1.\n"
			   "  message %s {\n"
			   "    repeated %s element = 1;\n"
			   "    repeated uint32 null_index = 2;\n"
			   "    repeated uint32 dimension = 3;\n"
			   "    repeated sint32 lower_bound = 4;\n"
			   "  }\n", type->array, type->name);
}

/* Several encodings share a message: the first of them stands for it. */
static void
append_arrays(Buf *out, const ProtoRow *row)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
	{
		size_t		first = 0;

		while (strcmp(types[first].array, types[i].array) != 0)
			first++;
		if (first == i && row_has_array(row, types[i].array))
			append_array(out, &types[i]);
	}
}

static void
append_title(Buf *out, const char *what, const Table *table)
{
	buf_append_string(out, what);
	json_append_string(out, slice_of(table->schema));
	buf_append_byte(out, '.');
	json_append_string(out, slice_of(table->name));
	buf_append_string(out, ", made by pg_fanout.\n"
					  "syntax = \"proto3\";\n\npackage ");
}

static void
append_package(Buf *out, const Table *table, ProtoKind kind)
{
	static const char *const packages[] = {
		[PROTO_CHANGE] = PROTO_PACKAGE, [PROTO_KEY] = PROTO_KEY_PACKAGE,
		[PROTO_FLAT] = PROTO_FLAT_PACKAGE
	};

	buf_append_string(out, packages[kind]);
	buf_append_byte(out, '.');
	proto_append_global_name(out, table->schema, NULL);
}

static void
append_head(Buf *out, const Table *table, const char *package)
{
	append_title(out, "// Changes of the table ", table);
	if (package != NULL)
		buf_append_string(out, package);
	else
		append_package(out, table, PROTO_CHANGE);
	buf_append_string(out, ";\n\nmessage ");
	proto_append_global_name(out, table->name, package);
	buf_append_string(out, " {\n");
}

static const char fixed_fields[] =
	"  Op op = 1;\n"
	"  // The key columns, or the whole row if the replica identity is full.\n"
	"  Row before = 2;\n"
	"  Row after = 3;\n"
	"  // Numbers of columns not sent: their out-of-line value did not change.\n"
	"  repeated uint32 unchanged = 4;\n"
	"  // Of the change itself; order by (source.commit_lsn, source.seq).\n"
	"  uint64 lsn = 5;\n"
	"  // A field absent from before was not sent: not NULL.\n"
	"  bool before_is_key = 6;\n"
	"  Source source = 15;\n"
	"\n"
	"  enum Op {\n"
	"    OP_UNKNOWN = 0;\n"
	"    INSERT = 1;\n"
	"    UPDATE = 2;\n"
	"    DELETE = 3;\n"
	"    TRUNCATE = 4;\n"
	"    READ = 5;\n"
	"  }\n"
	"\n";

static const char source_message[] =
	"  message Source {\n"
	"    string db = 1;\n"
	"    string schema = 2;\n"
	"    string table = 3;\n"
	"    uint64 commit_lsn = 4;\n"
	"    uint64 seq = 5;\n"
	"    uint32 xid = 6;\n"
	"    // Microseconds since 1970-01-01 UTC.\n"
	"    int64 commit_time = 7;\n"
	"    bool snapshot = 8;\n"
	"    string origin = 9;\n"
	"    fixed64 version = 10;\n"
	"  }\n";

static void
append_table(Buf *out, const ProtoRow *row, const char *package)
{
	append_head(out, row->table, package);
	buf_append_string(out, fixed_fields);
	buf_append_string(out, source_message);
	append_row(out, row);
	append_interval(out, row);
	append_arrays(out, row);
	buf_append_string(out, "}\n");
}

void
proto_append_table(Buf *out, const Table *table, const char *package)
{
	ProtoRow	row = {.table = table};

	append_table(out, &row, package);
}

void
proto_append_table_after(Buf *out, const Table *table, const ProtoPast *past)
{
	ProtoRow	row = {.table = table, .past = past};

	append_table(out, &row, NULL);
}

/* A message that has the columns themselves, begun; what they need follows. */
static void
append_columns(Buf *out, const char *title, ProtoKind kind,
			   const ProtoRow *row)
{
	append_title(out, title, row->table);
	append_package(out, row->table, kind);
	buf_append_string(out, ";\n\nmessage ");
	proto_append_global_name(out, row->table->name, NULL);
	buf_append_string(out, " {\n");
	append_fields(out, row);
}

void
proto_append_key(Buf *out, const Table *table, const ProtoPast *past)
{
	ProtoRow	row = {.table = table, .past = past, .key = true};

	append_columns(out, "// Keys of the table ", PROTO_KEY, &row);
	append_interval(out, &row);
	append_arrays(out, &row);
	buf_append_string(out, "}\n");
}

/* ---- rows alone ---- */

static const char *const extra_types[] = {
	[PROTO_EXTRA_OP] = "optional string", [PROTO_EXTRA_DB] = "optional string",
	[PROTO_EXTRA_SCHEMA] = "optional string",
	[PROTO_EXTRA_TABLE] = "optional string",
	[PROTO_EXTRA_LSN] = "optional uint64", [PROTO_EXTRA_SEQ] = "optional uint64",
	[PROTO_EXTRA_XID] = "optional uint32",
	[PROTO_EXTRA_COMMIT_TIME] = "optional int64",
	[PROTO_EXTRA_ORIGIN] = "optional string",
	[PROTO_EXTRA_UNCHANGED] = "repeated string",
	[PROTO_EXTRA_DELETED] = "optional bool"
};

static const char *const extra_comments[] = {
	[PROTO_EXTRA_LSN] = "Of the commit; order by (fanout_lsn, fanout_seq).",
	[PROTO_EXTRA_COMMIT_TIME] = "Microseconds since 1970-01-01 UTC.",
	[PROTO_EXTRA_UNCHANGED] =
	"Columns not sent: their out-of-line value did not change.",
	[PROTO_EXTRA_DELETED] = "The row is gone; columns that are absent may not have been sent.",
	[PROTO_EXTRA_COUNT] = NULL
};

void
proto_append_flat(Buf *out, const Table *table, uint32_t extras,
				  const ProtoPast *past)
{
	ProtoRow	row = {.table = table, .past = past, .flat = true};

	append_columns(out, "// Rows of the table ", PROTO_FLAT, &row);
	for (unsigned i = 0; i < PROTO_EXTRA_COUNT; i++)
	{
		if ((extras >> i & 1) == 0)
			continue;
		if (extra_comments[i] != NULL)
			buf_printf(out, "  // %s\n", extra_comments[i]);
		buf_printf(out, "  %s %s = %u;\n", extra_types[i],
				   proto_extra_names[i], PROTO_EXTRA_NUMBER + i);
	}
	append_interval(out, &row);
	append_arrays(out, &row);
	buf_append_string(out, "}\n");
}

void
proto_append_message(Buf *out)
{
	buf_append_string(out, "// Logical messages, made by pg_fanout.\n"
					  "syntax = \"proto3\";\n\n"
					  "package fanout_message;\n\n"
					  "message Message {\n"
					  "  bool transactional = 1;\n"
					  "  uint64 lsn = 2;\n"
					  "  string prefix = 3;\n"
					  "  bytes content = 4;\n"
					  "  uint32 xid = 5;\n"
					  "  Source source = 15;\n\n");
	buf_append_string(out, source_message);
	buf_append_string(out, "}\n");
}

void
proto_append_name(Buf *out, const Table *table, ProtoKind kind)
{
	append_package(out, table, kind);
	buf_append_byte(out, '.');
	proto_append_global_name(out, table->name, NULL);
}
