/*
 * proto_text.c
 *		The typed .proto of a table. See proto_text.h.
 *
 * Has to compile for whoever generates code from it, whatever the table and
 * its columns are called. Where the compiler itself would accept a name, it is
 * mostly Java that does not: a class cannot be called public, nor like the
 * class around it, and two columns may end up with one getter.
 */
#ifdef PG_FANOUT_BACKEND
#include "postgres.h"
#endif

#include "json_value.h"
#include "proto_text.h"

#define NAMES_LIMIT		(16 * 1024 * 1024)
#define DEFAULT_PACKAGE "fanout"

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

static const char *
column_type(const Column *column)
{
	const ProtoType *type = &types[column->encoding];

	return column->is_array ? type->array : type->name;
}

static bool
column_is_message(const Column *column)
{
	return column->is_array ||
		column->encoding == PG_FANOUT__ENCODING__INTERVAL;
}

/* ---- names ---- */

/* What is nested in the table's message. */
static const char *const nested_names[] = {
	"Op", "Source", "Row", "Interval", "BoolArray", "BytesArray",
	"DoubleArray", "FloatArray", "IntervalArray", "Sint32Array",
	"Sint64Array", "StringArray", "Uint32Array", NULL
};

/* No names for a Java class or package; com and java begin other packages. */
static const char *const taken_names[] = {
	"abstract", "assert", "boolean", "break", "byte", "case", "catch", "char",
	"class", "com", "const", "continue", "default", "do", "double", "else",
	"enum", "extends", "false", "final", "finally", "float", "for", "goto",
	"if", "implements", "import", "instanceof", "int", "interface", "java",
	"long", "native", "new", "null", "package", "permits", "private",
	"protected", "public", "record", "return", "sealed", "short", "static",
	"strictfp", "super", "switch", "synchronized", "this", "throw", "throws",
	"transient", "true", "try", "var", "void", "volatile", "while", "yield",
	"Builder", DEFAULT_PACKAGE, NULL
};

static bool
names_contain(const char *const *names, const char *name, size_t size)
{
	for (; *names != NULL; names++)
	{
		if (strlen(*names) == size && memcmp(*names, name, size) == 0)
			return true;
	}
	return false;
}

static bool
byte_is_letter(uint8_t byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static bool
byte_is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

static bool
byte_is_hex(uint8_t byte)
{
	return byte_is_digit(byte) || (byte >= 'a' && byte <= 'f');
}

/* Would this underscore be read as one of our escapes? */
static bool
text_is_escape(const char *at)
{
	if (at[0] != '_' || at[1] != 'x')
		return false;
	return at[2] == 'n' ||
		(byte_is_hex((uint8_t) at[2]) && byte_is_hex((uint8_t) at[3]));
}

/*
 * Appends the name as an identifier. Its first character that is no underscore
 * has to be a letter, which is more than the .proto needs: generated code
 * drops underscores.
 */
static void
append_identifier(Buf *out, const char *name)
{
	bool		begun = false;

	for (; *name != '\0'; name++)
	{
		uint8_t		byte = (uint8_t) *name;
		bool		plain = byte_is_letter(byte) ||
			(byte_is_digit(byte) && begun) ||
			(byte == '_' && !text_is_escape(name) &&
			 (begun || name[1] != '\0'));

		if (plain)
			buf_append_byte(out, byte);
		else
			buf_printf(out, "_x%02x", byte);
		begun = begun || byte != '_';
	}
}

static size_t
size_without_underscores(const char *name, size_t size)
{
	while (size > 0 && name[size - 1] == '_')
		size--;
	return size;
}

static bool
name_is_nested(const char *name, size_t size)
{
	static const char suffix[] = "OrBuilder";
	size_t		length = sizeof(suffix) - 1;

	if (size > length && memcmp(name + size - length, suffix, length) == 0)
		size -= length;
	return names_contain(nested_names, name, size);
}

/*
 * Appends the name of a message or a package. A taken name gets an underscore
 * at its end, and so does one that is such a name with underscores already, so
 * that no two become one.
 */
static void
append_global_name(Buf *out, const char *name, const char *package)
{
	size_t		size = size_without_underscores(name, strlen(name));
	size_t		first = package == NULL ? 0 : strcspn(package, ".");

	append_identifier(out, name);
	if (names_contain(taken_names, name, size) || name_is_nested(name, size) ||
		(first == size && first > 0 && memcmp(package, name, size) == 0))
		buf_append_byte(out, '_');
}

/* ---- column names ---- */

/* The fields' names in the order of the columns, each with a NUL. */
typedef struct ProtoNames
{
	const Table *table;
	Buf			text;
	size_t		offset[TABLE_MAX_COLUMNS];
} ProtoNames;

static const char *
names_get(const ProtoNames *names, size_t index)
{
	return (const char *) names->text.data + names->offset[index];
}

/*
 * The next character that counts: generated names drop underscores and case.
 */
static int
canonical_next(const char **at)
{
	while (**at == '_')
		(*at)++;
	if (**at == '\0')
		return 0;
	return *(*at)++ | 0x20;
}

static bool
canonical_equal(const char *a, const char *b, const char *suffix)
{
	int			in_a;
	int			in_b;

	do
	{
		in_a = canonical_next(&a);
		in_b = canonical_next(&b);
		if (in_b == 0)
			in_b = canonical_next(&suffix);
	} while (in_a == in_b && in_a != 0);
	return in_a == in_b;
}

/* Java: a string has also a getter of its bytes, a message of its builder. */
static bool
name_takes(const char *taken, const Column *column, const char *name)
{
	if (column_is_message(column))
		return canonical_equal(taken, name, "builder") ||
			canonical_equal(taken, name, "or_builder");
	return strcmp(column_type(column), "string") == 0 &&
		canonical_equal(taken, name, "bytes");
}

static bool
names_clash(const ProtoNames *names, size_t a, size_t b)
{
	const char *name_a = names_get(names, a);
	const char *name_b = names_get(names, b);

	return canonical_equal(name_a, name_b, "") ||
		name_takes(name_a, &names->table->columns[b], name_b) ||
		name_takes(name_b, &names->table->columns[a], name_a);
}

/* Members that Java's generated classes have: getDescriptor, bitField0_... */
static bool
name_is_member(const char *name)
{
	const char *prefix = "bitfield";
	int			next;

	if (canonical_equal(name, "descriptor", ""))
		return true;
	while (*prefix != '\0')
	{
		if (canonical_next(&name) != *prefix++)
			return false;
	}
	while ((next = canonical_next(&name)) != 0)
	{
		if (!byte_is_digit((uint8_t) next))
			return false;
	}
	return true;
}

static bool
names_last_clashes(const ProtoNames *names, size_t last)
{
	if (name_is_member(names_get(names, last)))
		return true;
	for (size_t i = 0; i < last; i++)
	{
		if (names_clash(names, last, i))
			return true;
	}
	return false;
}

/* A field may not be called like a type that the row's fields have. */
static void
names_add(ProtoNames *names, size_t index)
{
	const Column *column = &names->table->columns[index];
	size_t		size = size_without_underscores(column->name,
												strlen(column->name));

	names->offset[index] = names->text.size;
	append_identifier(&names->text, column->name);
	if (names_contain(nested_names, column->name, size))
		buf_append_byte(&names->text, '_');
	while (buf_string(&names->text) != NULL &&
		   names_last_clashes(names, index))
		buf_printf(&names->text, "_xn%u", column->number);
	buf_append_byte(&names->text, '\0');
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

/* On the line before the field. Quoted names cannot end the comment. */
static void
append_column_comment(Buf *out, const Column *column, const char *name)
{
	const char *note = types[column->encoding].note;

	buf_append_string(out, "    // ");
	if (strcmp(column->name, name) != 0)
	{
		json_append_string(out, slice_of(column->name));
		buf_append_byte(out, ' ');
	}
	json_append_string(out, slice_of(column->type_name));
	if (column->not_null)
		buf_append_string(out, ", not null");
	if (column->key_position > 0)
		buf_printf(out, ", primary key %u", column->key_position);
	if (column->generated)
		buf_append_string(out, ", generated");
	if (note[0] != '\0')
		buf_printf(out, ", %s%s", column->is_array ? "each " : "", note);
	append_labels(out, column);
	buf_append_byte(out, '\n');
}

/* "[...]" in JSON is the name of an extension; the compiler refuses it. */
static bool
name_is_bracketed(const char *name)
{
	size_t		size = strlen(name);

	return size > 1 && name[0] == '[' && name[size - 1] == ']';
}

/*
 * The column's own name, unless it is another column's field name (parsers of
 * JSON take either, so the two may not meet) or has one underscore more (an
 * optional field brings a oneof of that name). Then it is the field's name,
 * which by the same rules no other column has in JSON.
 */
static const char *
names_json(const ProtoNames *names, size_t index)
{
	const char *own = names->table->columns[index].name;

	if (name_is_bracketed(own))
		return names_get(names, index);
	for (size_t i = 0; i < names->table->column_count; i++)
	{
		const char *other = names_get(names, i);

		if (i != index && (strcmp(own, other) == 0 ||
						   (own[0] == '_' && strcmp(own + 1, other) == 0)))
			return names_get(names, index);
	}
	return own;
}

static void
append_column(Buf *out, const ProtoNames *names, size_t index)
{
	const Column *column = &names->table->columns[index];
	const char *name = names_get(names, index);

	append_column_comment(out, column, name);
	buf_printf(out, "    optional %s %s = %u [json_name = ",
			   column_type(column), name, column->number);
	append_proto_string(out, names_json(names, index));
	buf_append_string(out, "];\n");
}

/* The numbers between two columns belonged to columns that were dropped. */
static void
append_gaps(Buf *out, const Table *table)
{
	uint32_t	next = 1;
	const char *separator = "    reserved ";

	for (size_t i = 0; i < table->column_count; i++)
	{
		uint32_t	number = table->columns[i].number;

		if (number > next)
		{
			buf_printf(out, "%s%u", separator, next);
			if (number - next > 1)
				buf_printf(out, " to %u", number - 1);
			separator = ", ";
		}
		next = number + 1;
	}
	if (separator[0] == ',')
		buf_append_string(out, ";\n");
}

static void
append_row(Buf *out, const Table *table)
{
	ProtoNames	names = {.table = table};

	buf_init(&names.text, NAMES_LIMIT);
	for (size_t i = 0; i < table->column_count && !buf_failed(&names.text);
		 i++)
		names_add(&names, i);
	buf_append_string(out, "\n  // An absent field is NULL.\n"
					  "  message Row {\n");
	append_gaps(out, table);
	if (buf_failed(&names.text))
		out->failed = true;
	for (size_t i = 0; i < table->column_count && !buf_failed(out); i++)
		append_column(out, &names, i);
	buf_append_string(out, "  }\n");
	buf_free(&names.text);
}

static void
append_interval(Buf *out, const Table *table)
{
	for (size_t i = 0; i < table->column_count; i++)
	{
		if (table->columns[i].encoding != PG_FANOUT__ENCODING__INTERVAL)
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
table_has_array(const Table *table, const char *array)
{
	for (size_t i = 0; i < table->column_count; i++)
	{
		if (table->columns[i].is_array &&
			strcmp(column_type(&table->columns[i]), array) == 0)
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
append_arrays(Buf *out, const Table *table)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
	{
		size_t		first = 0;

		while (strcmp(types[first].array, types[i].array) != 0)
			first++;
		if (first == i && table_has_array(table, types[i].array))
			append_array(out, &types[i]);
	}
}

static void
append_head(Buf *out, const Table *table, const char *package)
{
	buf_append_string(out, "// Changes of the table ");
	json_append_string(out, slice_of(table->schema));
	buf_append_byte(out, '.');
	json_append_string(out, slice_of(table->name));
	buf_append_string(out, ", made by pg_fanout.\n"
					  "syntax = \"proto3\";\n\npackage ");
	if (package != NULL)
		buf_append_string(out, package);
	else
	{
		buf_append_string(out, DEFAULT_PACKAGE ".");
		append_global_name(out, table->schema, NULL);
	}
	buf_append_string(out, ";\n\nmessage ");
	append_global_name(out, table->name, package);
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
	"\n"
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

void
proto_append_table(Buf *out, const Table *table, const char *package)
{
	append_head(out, table, package);
	buf_append_string(out, fixed_fields);
	append_row(out, table);
	append_interval(out, table);
	append_arrays(out, table);
	buf_append_string(out, "}\n");
}

bool
proto_package_is_valid(const char *package)
{
	bool		begin = true;

	for (; *package != '\0'; package++)
	{
		uint8_t		byte = (uint8_t) *package;

		if (byte == '.' && !begin)
			begin = true;
		else if (byte_is_letter(byte) ||
				 ((byte_is_digit(byte) || byte == '_') && !begin))
			begin = false;
		else
			return false;
	}
	return !begin;
}
