/*
 * proto_name.c
 *		Names in a table's .proto. See proto_text.h for the rules.
 *
 * Has to compile for whoever generates code from it, whatever the table and
 * its columns are called. Where the compiler itself would accept a name, it is
 * mostly Java that does not: a class cannot be called public, nor like the
 * class around it, and two columns may end up with one getter.
 */
#ifdef PG_FANOUT_BACKEND
#include "postgres.h"
#endif

#include "proto_name.h"

#define NAMES_LIMIT		(16 * 1024 * 1024)

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
	"Builder", PROTO_PACKAGE, PROTO_KEY_PACKAGE, PROTO_FLAT_PACKAGE, NULL
};

const char *const proto_extra_names[] = {
	[PROTO_EXTRA_OP] = "fanout_op", [PROTO_EXTRA_DB] = "fanout_db",
	[PROTO_EXTRA_SCHEMA] = "fanout_schema",
	[PROTO_EXTRA_TABLE] = "fanout_table", [PROTO_EXTRA_LSN] = "fanout_lsn",
	[PROTO_EXTRA_SEQ] = "fanout_seq", [PROTO_EXTRA_XID] = "fanout_xid",
	[PROTO_EXTRA_COMMIT_TIME] = "fanout_commit_time",
	[PROTO_EXTRA_ORIGIN] = "fanout_origin",
	[PROTO_EXTRA_UNCHANGED] = "fanout_unchanged",
	[PROTO_EXTRA_DELETED] = "fanout_deleted"
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

void
proto_append_global_name(Buf *out, const char *name, const char *package)
{
	size_t		size = size_without_underscores(name, strlen(name));
	size_t		first = package == NULL ? 0 : strcspn(package, ".");

	append_identifier(out, name);
	if (names_contain(taken_names, name, size) || name_is_nested(name, size) ||
		(first == size && first > 0 && memcmp(package, name, size) == 0))
		buf_append_byte(out, '_');
}

/* ---- column names ---- */

bool
proto_row_has(const ProtoRow *row, size_t index)
{
	const Table *table = row->table;

	for (size_t i = 0; row->key && i < table->key_count; i++)
	{
		if (table->keys[i] == index)
			return true;
	}
	return !row->key;
}

uint32_t
proto_row_number(const ProtoRow *row, size_t index)
{
	return row->past != NULL && row->past->numbers != NULL ?
		row->past->numbers[index] : row->table->columns[index].number;
}

const char *
proto_names_get(const ProtoNames *names, size_t index)
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
	return strcmp(proto_column_type(column), "string") == 0 &&
		canonical_equal(taken, name, "bytes");
}

static bool
names_clash(const ProtoNames *names, size_t a, size_t b)
{
	const char *name_a = proto_names_get(names, a);
	const char *name_b = proto_names_get(names, b);

	return canonical_equal(name_a, name_b, "") ||
		name_takes(name_a, &names->row->table->columns[b], name_b) ||
		name_takes(name_b, &names->row->table->columns[a], name_a);
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
name_is_reserved(const ProtoPast *past, const char *name)
{
	for (size_t i = 0; past != NULL && i < past->name_count; i++)
	{
		if (strcmp(past->names[i], name) == 0)
			return true;
	}
	return false;
}

/*
 * Whether one of our fields, or a getter that Java makes for one, has the
 * name. All of them count, so that columns keep their names whichever are
 * chosen.
 */
static bool
name_is_extra(const ProtoRow *row, const char *name)
{
	static const char *const suffixes[] = {"", "bytes", "list", "count"};

	for (int i = 0; row->flat && i < PROTO_EXTRA_COUNT; i++)
	{
		for (int k = 0; k < 4; k++)
		{
			if (canonical_equal(name, proto_extra_names[i], suffixes[k]))
				return true;
		}
	}
	return false;
}

static bool
names_has(const ProtoNames *names, size_t index)
{
	return names->offset[index] != PROTO_NO_NAME;
}

static bool
names_one_clashes(const ProtoNames *names, size_t index)
{
	if (name_is_member(proto_names_get(names, index)) ||
		name_is_extra(names->row, proto_names_get(names, index)) ||
		name_is_reserved(names->row->past, proto_names_get(names, index)))
		return true;
	for (size_t i = 0; i < names->row->table->column_count; i++)
	{
		if (i != index && names_has(names, i) && names_clash(names, index, i))
			return true;
	}
	return false;
}

/* A field may not be called like a type that the row's fields have. */
void
proto_append_column_name(Buf *out, const Column *column)
{
	size_t		size = size_without_underscores(column->name,
												strlen(column->name));

	append_identifier(out, column->name);
	if (names_contain(nested_names, column->name, size))
		buf_append_byte(out, '_');
}

static void
names_add(ProtoNames *names, size_t index)
{
	names->offset[index] = names->text.size;
	proto_append_column_name(&names->text,
							 &names->row->table->columns[index]);
	while (buf_string(&names->text) != NULL &&
		   names_one_clashes(names, index))
		buf_printf(&names->text, "_xn%u", proto_row_number(names->row, index));
	buf_append_byte(&names->text, '\0');
}

static const char *
names_kept(const ProtoRow *row, size_t index)
{
	return row->past != NULL && row->past->kept != NULL ?
		row->past->kept[index] : NULL;
}

void
proto_names_make(ProtoNames *names, const ProtoRow *row)
{
	size_t		count = row->table->column_count;

	names->row = row;
	buf_init(&names->text, NAMES_LIMIT);
	for (size_t i = 0; i < count; i++)
	{
		const char *kept = proto_row_has(row, i) ? names_kept(row, i) : NULL;

		names->offset[i] = kept != NULL ? names->text.size : PROTO_NO_NAME;
		if (kept != NULL)
			buf_append(&names->text, kept, strlen(kept) + 1);
	}
	for (size_t i = 0; i < count && !buf_failed(&names->text); i++)
	{
		if (proto_row_has(row, i) && !names_has(names, i))
			names_add(names, i);
	}
}

void
proto_names_free(ProtoNames *names)
{
	buf_free(&names->text);
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
const char *
proto_names_json(const ProtoNames *names, size_t index)
{
	const char *own = names->row->table->columns[index].name;

	if (name_is_bracketed(own) || name_is_extra(names->row, own))
		return proto_names_get(names, index);
	for (size_t i = 0; i < names->row->table->column_count; i++)
	{
		const char *other;

		if (i == index || !proto_row_has(names->row, i))
			continue;
		other = proto_names_get(names, i);
		if ((strcmp(own, other) == 0 ||
			 (own[0] == '_' && strcmp(own + 1, other) == 0)))
			return proto_names_get(names, index);
	}
	return own;
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
