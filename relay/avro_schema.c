/*
 * avro_schema.c
 *		A Kafka Connect schema as Avro has it.
 *
 * The JSON converter's schema is parsed once per table; a record that stands
 * in it twice (before and after) is written once and then named.
 */
#include "avro_schema.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "debezium_json.h"
#include "json_value.h"

#define TEXT_LIMIT			((size_t) 16 << 20)
#define DEPTH_LIMIT			16
#define DECIMAL_PRECISION	64	/* where the type says none */

typedef struct AvroMaker
{
	Buf			text;
	char	  **names;			/* of records written */
	size_t		name_count;
	int			depth;
	Error	   *err;
} AvroMaker;

/* How Avro has one of Connect's types. */
typedef struct ConnectType
{
	const char *connect;
	AvroKind	kind;
	const char *avro;
	const char *note;			/* connect.type; NULL: none */
} ConnectType;

static const ConnectType connect_types[] = {
	{"boolean", AVRO_BOOLEAN, "boolean"},
	{"int8", AVRO_INT, "int", "int8"},
	{"int16", AVRO_INT, "int", "int16"},
	{"int32", AVRO_INT, "int"},
	{"int64", AVRO_INT, "long"},
	{"float", AVRO_FLOAT, "float"},
	{"double", AVRO_DOUBLE, "double"},
	{"string", AVRO_STRING, "string"},
	{"bytes", AVRO_BYTES, "bytes"},
	{"array", AVRO_ARRAY, "array"},
	{"map", AVRO_MAP, "map"},
	{"struct", AVRO_RECORD, "record"},
};

static bool write_schema(AvroMaker *maker, const json_t *connect,
						 AvroNode *node);

static bool
refuse(AvroMaker *maker, const char *what)
{
	return error_set(maker->err, ERROR_RECORD, "schema cannot be turned into Avro: %s",
					 what);
}

/* ---- names ---- */

static bool
is_letter(uint8_t byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
		byte == '_';
}

/* Every other character becomes "_"; so does one before a digit. */
static void
append_adjusted(Buf *out, const char *name, size_t size)
{
	for (size_t i = 0; i < size; i++)
	{
		uint8_t		byte = (uint8_t) name[i];
		bool		digit = byte >= '0' && byte <= '9';

		if (digit && i == 0)
			buf_append_byte(out, '_');
		if (is_letter(byte) || digit)
			buf_append_byte(out, byte);
		else if ((byte & 0xc0) != 0x80)	/* else in the middle of one */
			buf_append_string(out, byte >= 0xf0 ? "__" : "_");
	}
	if (size == 0)
		buf_append_byte(out, '_');
}

/* A full name: each of its parts. */
static void
append_full_name(Buf *out, const char *name)
{
	for (;;)
	{
		size_t		size = strcspn(name, ".");

		append_adjusted(out, name, size);
		if (name[size] == '\0')
			return;
		buf_append_byte(out, '.');
		name += size + 1;
	}
}

/* Whether a record of that name was written; remembers it if not. */
static bool
name_is_known(AvroMaker *maker, const char *name)
{
	char	  **names;

	for (size_t i = 0; i < maker->name_count; i++)
		if (strcmp(maker->names[i], name) == 0)
			return true;
	names = realloc(maker->names, (maker->name_count + 1) * sizeof(*names));
	if (names != NULL)
	{
		maker->names = names;
		names[maker->name_count] = strdup(name);
	}
	if (names == NULL || names[maker->name_count] == NULL)
		maker->text.failed = true;
	else
		maker->name_count++;
	return false;
}

/* ---- defaults ---- */

static void
append_json_text(Buf *out, const json_t *value)
{
	char	   *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	if (text == NULL)
		out->failed = true;
	else
		buf_append_string(out, text);
	free(text);
}

static int
base64_value(char byte)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = byte == '\0' ? NULL : strchr(digits, byte);

	return found == NULL ? -1 : (int) (found - digits);
}

/* Avro writes bytes as a string of characters up to U+00FF. */
static void
append_bytes_text(Buf *out, const char *base64)
{
	uint32_t	bits = 0;
	int			count = 0;

	buf_append_byte(out, '"');
	for (; base64_value(*base64) >= 0; base64++)
	{
		bits = bits << 6 | (uint32_t) base64_value(*base64);
		count += 6;
		if (count < 8)
			continue;
		count -= 8;
		buf_printf(out, "\\u%04x", bits >> count & 0xff);
	}
	buf_append_byte(out, '"');
}

/* Whether Avro can have this default: of single values only. */
static bool
default_fits(const json_t *preset, AvroKind kind)
{
	switch (kind)
	{
		case AVRO_BOOLEAN:
			return json_is_boolean(preset);
		case AVRO_INT:
			return json_is_integer(preset);
		case AVRO_FLOAT:
		case AVRO_DOUBLE:
			return json_is_number(preset);
		case AVRO_STRING:
		case AVRO_BYTES:
			return json_is_string(preset);
		default:
			return false;
	}
}

static void
append_default(Buf *out, const json_t *preset, AvroKind kind)
{
	if (kind == AVRO_BYTES)
		append_bytes_text(out, json_string_value(preset));
	else
		append_json_text(out, preset);
}

/* NULL: none that Avro can have. */
static const json_t *
usable_default(const json_t *connect, AvroKind kind)
{
	const json_t *preset = json_object_get(connect, "default");

	return preset != NULL && default_fits(preset, kind) ? preset : NULL;
}

/* ---- properties ---- */

static void
append_text_property(Buf *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buf_printf(out, ",\"%s\":", name);
	json_append_string(out, slice_of(value));
}

static const char *
connect_text(const json_t *connect, const char *member)
{
	return json_string_value(json_object_get(connect, member));
}

static int
parameter_number(const json_t *connect, const char *name, int otherwise)
{
	const char *text =
		connect_text(json_object_get(connect, "parameters"), name);

	return text == NULL ? otherwise : (int) strtol(text, NULL, 10);
}

static void
append_logical_type(Buf *out, const json_t *connect)
{
	static const char *const plain[][2] = {
		{"org.apache.kafka.connect.data.Date", "date"},
		{"org.apache.kafka.connect.data.Time", "time-millis"},
		{"org.apache.kafka.connect.data.Timestamp", "timestamp-millis"},
	};
	const char *name = connect_text(connect, "name");

	if (name == NULL)
		return;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (strcmp(name, plain[i][0]) == 0)
			append_text_property(out, "logicalType", plain[i][1]);
	if (strcmp(name, "org.apache.kafka.connect.data.Decimal") == 0)
	{
		int			scale = parameter_number(connect, "scale", 0);
		int			precision = parameter_number(connect,
												 "connect.decimal.precision",
												 DECIMAL_PRECISION);

		/* what Avro knows no such type for has the numbers only */
		buf_printf(out, ",\"scale\":%d,\"precision\":%d", scale, precision);
		if (scale <= precision && precision > 0)
			append_text_property(out, "logicalType", "decimal");
	}
}

static void
append_properties(Buf *out, const json_t *connect, const ConnectType *type)
{
	const json_t *version = json_object_get(connect, "version");
	const json_t *parameters = json_object_get(connect, "parameters");
	const json_t *preset = usable_default(connect, type->kind);
	const char *name = connect_text(connect, "name");

	append_text_property(out, "connect.doc", connect_text(connect, "doc"));
	if (version != NULL)
	{
		buf_append_string(out, ",\"connect.version\":");
		append_json_text(out, version);
	}
	if (parameters != NULL)
	{
		buf_append_string(out, ",\"connect.parameters\":");
		append_json_text(out, parameters);
	}
	if (preset != NULL)
	{
		buf_append_string(out, ",\"connect.default\":");
		append_default(out, preset, type->kind);
	}
	append_text_property(out, "connect.type", type->note);
	if (name != NULL)
	{
		buf_append_string(out, ",\"connect.name\":\"");
		append_full_name(out, name);
		buf_append_byte(out, '"');
	}
	append_logical_type(out, connect);
}

/* ---- records ---- */

/* A name that no field before it has. */
static void
append_field_name(Buf *out, const char *name, Buf *taken)
{
	size_t		begin = taken->size;
	size_t		size;

	append_adjusted(taken, name, strlen(name));
	size = taken->size - begin;
	for (int suffix = 2; !buf_failed(taken); suffix++)
	{
		const char *all;
		const char *at;

		buf_append_byte(taken, '\0');
		all = (const char *) taken->data;
		for (at = all; at < all + begin; at += strlen(at) + 1)
			if (strcmp(at, all + begin) == 0)
				break;
		if (at >= all + begin)
		{
			buf_append_string(out, all + begin);
			return;
		}
		taken->size = begin + size;
		buf_printf(taken, "_%d", suffix);
	}
	out->failed = true;
}

static bool
set_member(AvroField *field, const char *name)
{
	Buf			member;

	buf_init(&member, TEXT_LIMIT);
	debezium_append_string(&member, slice_of(name), DEBEZIUM_ESCAPE_BYTES);
	buf_append_byte(&member, ':');
	field->name_size = member.size;
	field->name = buf_string(&member) == NULL ? NULL :
		strdup(buf_string(&member));
	buf_free(&member);
	return field->name != NULL;
}

static bool
write_field(AvroMaker *maker, const json_t *connect, AvroField *field,
			Buf *taken)
{
	const char *name = connect_text(connect, "field");
	const json_t *preset;
	Buf		   *out = &maker->text;

	field->node = calloc(1, sizeof(AvroNode));
	if (name == NULL)
		return refuse(maker, "a field has no name");
	if (field->node == NULL || !set_member(field, name))
		return error_no_memory(maker->err);
	buf_append_string(out, "{\"name\":\"");
	append_field_name(out, name, taken);
	buf_append_string(out, "\",\"type\":");
	if (!write_schema(maker, connect, field->node))
		return false;
	preset = usable_default(connect, field->node->kind);
	if (preset != NULL)
	{
		buf_append_string(out, ",\"default\":");
		append_default(out, preset, field->node->kind);
	}
	else if (field->node->optional)
		buf_append_string(out, ",\"default\":null");
	buf_append_byte(out, '}');
	return true;
}

static bool
write_fields(AvroMaker *maker, const json_t *connect, AvroNode *node)
{
	const json_t *fields = json_object_get(connect, "fields");
	size_t		count = json_array_size(fields);
	Buf			taken;
	bool		ok = true;

	node->fields = calloc(count + 1, sizeof(AvroField));
	if (node->fields == NULL)
		return error_no_memory(maker->err);
	buf_init(&taken, TEXT_LIMIT);
	buf_append_string(&maker->text, ",\"fields\":[");
	for (size_t i = 0; ok && i < count; i++)
	{
		if (i > 0)
			buf_append_byte(&maker->text, ',');
		node->field_count++;
		ok = write_field(maker, json_array_get(fields, i), &node->fields[i],
						 &taken);
	}
	buf_append_byte(&maker->text, ']');
	buf_free(&taken);
	return ok;
}

/*
 * The record, or its name if it was written before: the plan is made again
 * then, and what is printed for it dropped.
 */
static bool
write_record(AvroMaker *maker, const json_t *connect, const ConnectType *type,
			 AvroNode *node)
{
	const char *given = connect_text(connect, "name");
	Buf		   *out = &maker->text;
	Buf			name;
	bool		ok;
	bool		known;
	size_t		mark;

	buf_init(&name, TEXT_LIMIT);
	append_full_name(&name, given != NULL ? given :
					 "io.confluent.connect.avro.ConnectDefault");
	if (buf_string(&name) == NULL)
		return error_no_memory(maker->err);
	known = name_is_known(maker, buf_string(&name));
	if (known)
		buf_printf(out, "\"%s\"", buf_string(&name));
	mark = out->size;
	buf_printf(out, "{\"type\":\"record\",\"name\":\"%s\"", buf_string(&name));
	ok = write_fields(maker, connect, node);
	append_properties(out, connect, type);
	buf_append_byte(out, '}');
	if (known && !buf_failed(out))
		out->size = mark;
	buf_free(&name);
	return ok;
}

/* ---- any schema ---- */

static bool
write_items(AvroMaker *maker, const json_t *connect, const ConnectType *type,
			AvroNode *node)
{
	bool		map = type->kind == AVRO_MAP;
	bool		ok;

	node->items = calloc(1, sizeof(AvroNode));
	if (node->items == NULL)
		return error_no_memory(maker->err);
	buf_printf(&maker->text, "{\"type\":\"%s\",\"%s\":", type->avro,
			   map ? "values" : "items");
	ok = write_schema(maker, json_object_get(connect, map ? "values" :
											 "items"), node->items);
	append_properties(&maker->text, connect, type);
	buf_append_byte(&maker->text, '}');
	return ok;
}

static void
write_single(AvroMaker *maker, const json_t *connect, const ConnectType *type)
{
	Buf		   *out = &maker->text;
	size_t		mark = out->size;
	size_t		bare;

	buf_printf(out, "{\"type\":\"%s\"", type->avro);
	bare = out->size;
	append_properties(out, connect, type);
	if (out->size > bare)
		buf_append_byte(out, '}');
	else if (!buf_failed(out))
	{
		out->size = mark;
		buf_printf(out, "\"%s\"", type->avro);
	}
}

static const ConnectType *
find_type(const json_t *connect)
{
	const char *name = connect_text(connect, "type");

	for (size_t i = 0; name != NULL &&
		 i < sizeof(connect_types) / sizeof(connect_types[0]); i++)
		if (strcmp(connect_types[i].connect, name) == 0)
			return &connect_types[i];
	return NULL;
}

static bool
write_type(AvroMaker *maker, const json_t *connect, const ConnectType *type,
		   AvroNode *node)
{
	switch (type->kind)
	{
		case AVRO_ARRAY:
		case AVRO_MAP:
			return write_items(maker, connect, type, node);
		case AVRO_RECORD:
			return write_record(maker, connect, type, node);
		default:
			write_single(maker, connect, type);
			return true;
	}
}

static bool
write_schema(AvroMaker *maker, const json_t *connect, AvroNode *node)
{
	const ConnectType *type = find_type(connect);
	Buf		   *out = &maker->text;
	bool		ok;

	if (type == NULL)
		return refuse(maker, "a type is unknown");
	if (maker->depth == DEPTH_LIMIT)
		return refuse(maker, "it is nested too deeply");
	node->kind = type->kind;
	node->optional = json_is_true(json_object_get(connect, "optional"));
	node->null_last = usable_default(connect, type->kind) != NULL;
	if (node->optional)
		buf_append_string(out, node->null_last ? "[" : "[\"null\",");
	maker->depth++;
	ok = write_type(maker, connect, type, node);
	maker->depth--;
	if (node->optional)
		buf_append_string(out, node->null_last ? ",\"null\"]" : "]");
	return ok;
}

static bool
take_result(AvroSchema *schema, AvroMaker *maker, const json_t *connect)
{
	const char *name = connect_text(connect, "name");
	const char *text = buf_string(&maker->text);
	Buf			full;

	buf_init(&full, TEXT_LIMIT);
	if (name != NULL)
		append_full_name(&full, name);
	if (text != NULL && buf_string(&full) != NULL)
	{
		schema->text = strdup(text);
		schema->name = strdup(buf_string(&full));
	}
	buf_free(&full);
	return (schema->text != NULL && schema->name != NULL) ||
		error_no_memory(maker->err);
}

bool
avro_schema_make(AvroSchema *schema, Slice connect, Error *err)
{
	AvroMaker	maker = {.err = err};
	json_t	   *root = json_loadb((const char *) connect.data, connect.size,
								  0, NULL);
	bool		ok;

	*schema = (AvroSchema) {0};
	buf_init(&maker.text, TEXT_LIMIT);
	schema->root = calloc(1, sizeof(AvroNode));
	if (schema->root == NULL)
		ok = error_no_memory(err);
	else if (root == NULL)
		ok = refuse(&maker, "it is no JSON");
	else
		ok = write_schema(&maker, root, schema->root) &&
			take_result(schema, &maker, root);
	json_decref(root);
	buf_free(&maker.text);
	for (size_t i = 0; i < maker.name_count; i++)
		free(maker.names[i]);
	free(maker.names);
	return ok;
}

static void
free_node(AvroNode *node)
{
	if (node == NULL)
		return;
	free_node(node->items);
	for (size_t i = 0; i < node->field_count; i++)
	{
		free(node->fields[i].name);
		free_node(node->fields[i].node);
	}
	free(node->fields);
	free(node);
}

void
avro_schema_free(AvroSchema *schema)
{
	free_node(schema->root);
	free(schema->text);
	free(schema->name);
	*schema = (AvroSchema) {0};
}
