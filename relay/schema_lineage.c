/*
 * schema_lineage.c
 *		Reading a .proto for its fields. See schema_lineage.h.
 *
 * A registry may give a schema back reformatted, so this reads tokens, not
 * lines: enough of the grammar to find one message's fields and reservations.
 */
#include "schema_lineage.h"

#include <ctype.h>
#include <stdlib.h>

typedef struct Parser
{
	const char *at;
	Slice		token;			/* size 0: the end */
	SchemaLineage *lineage;
	bool		failed;			/* out of memory */
} Parser;

/* ---- tokens ---- */

static void
skip_space(Parser *parser)
{
	for (;;)
	{
		const char *end;

		while (isspace((unsigned char) *parser->at))
			parser->at++;
		if (strncmp(parser->at, "//", 2) == 0)
			parser->at += strcspn(parser->at, "\n");
		else if (strncmp(parser->at, "/*", 2) == 0)
		{
			end = strstr(parser->at + 2, "*/");
			parser->at = end == NULL ? strchr(parser->at, '\0') : end + 2;
		}
		else
			return;
	}
}

static bool
is_word(char c)
{
	return isalnum((unsigned char) c) || c == '_' || c == '.' || c == '-';
}

/* A string with its quotes; cut short if it does not end. */
static size_t
string_size(const char *at)
{
	size_t		size = 1;

	while (at[size] != '\0' && at[size] != at[0])
		size += at[size] == '\\' && at[size + 1] != '\0' ? 2 : 1;
	return at[size] == '\0' ? size : size + 1;
}

static void
next_token(Parser *parser)
{
	size_t		size = 0;

	skip_space(parser);
	if (*parser->at == '"' || *parser->at == '\'')
		size = string_size(parser->at);
	else
		while (is_word(parser->at[size]))
			size++;
	if (size == 0 && *parser->at != '\0')
		size = 1;
	parser->token = slice_make(parser->at, size);
	parser->at += size;
}

static bool
token_is(const Parser *parser, const char *text)
{
	return slice_equal(parser->token, slice_of(text));
}

static bool
at_end(const Parser *parser)
{
	return parser->token.size == 0 || parser->failed;
}

/* Behind the bracket that closes the one just read. */
static void
skip_block(Parser *parser, const char *open, const char *close)
{
	int			depth = 1;

	while (depth > 0 && !at_end(parser))
	{
		if (token_is(parser, open))
			depth++;
		else if (token_is(parser, close))
			depth--;
		next_token(parser);
	}
}

static void
skip_statement(Parser *parser)
{
	while (!at_end(parser) && !token_is(parser, ";") &&
		   !token_is(parser, "}"))
	{
		bool		block = token_is(parser, "{");

		next_token(parser);
		if (block)
		{
			skip_block(parser, "{", "}");
			return;
		}
	}
	if (token_is(parser, ";"))
		next_token(parser);
}

/* 0: none that a field may have. */
static uint32_t
token_number(const Parser *parser)
{
	uint32_t	number = 0;

	if (parser->token.size == 0 || parser->token.size > 9)
		return 0;
	for (size_t i = 0; i < parser->token.size; i++)
	{
		uint8_t		digit = parser->token.data[i];

		if (digit < '0' || digit > '9')
			return 0;
		number = number * 10 + (digit - '0');
	}
	return number;
}

/* ---- fields and reservations ---- */

/* Room for one more; doubled each time the count is a power of two. */
static void *
grow(Parser *parser, void *array, size_t count, size_t size)
{
	void	   *larger;

	if ((count & (count - 1)) != 0)
		return array;
	larger = realloc(array, (count == 0 ? 1 : count * 2) * size);
	if (larger == NULL)
		parser->failed = true;
	return larger != NULL ? larger : array;
}

/* Names are printed again as they are: nothing else may be in them. */
static bool
is_identifier(Slice name)
{
	for (size_t i = 0; i < name.size; i++)
		if (!isalnum(name.data[i]) && name.data[i] != '_')
			return false;
	return name.size > 0;
}

static void
add_field(Parser *parser, const LineageField *field)
{
	SchemaLineage *lineage = parser->lineage;

	/* fields of ours beside a row's columns belong to no column */
	if (!is_identifier(field->name) ||
		(field->number >= PROTO_EXTRA_NUMBER &&
		 field->number < PROTO_EXTRA_END))
		return;
	lineage->fields = grow(parser, lineage->fields, lineage->field_count,
						   sizeof(*field));
	if (!parser->failed)
		lineage->fields[lineage->field_count++] = *field;
}

static void
add_name(Parser *parser)
{
	SchemaLineage *lineage = parser->lineage;
	Slice		name = parser->token.size < 2 ? slice_make(NULL, 0) :
		slice_make(parser->token.data + 1, parser->token.size - 2);

	if (!is_identifier(name))
		return;
	lineage->names = grow(parser, lineage->names, lineage->name_count,
						  sizeof(Slice));
	if (!parser->failed)
		lineage->names[lineage->name_count++] = name;
}

static void
reserve_range(SchemaLineage *lineage, uint32_t first, uint32_t last)
{
	if (last > TABLE_MAX_NUMBER)
		last = TABLE_MAX_NUMBER;
	for (; first > 0 && first <= last; first++)
		lineage->reserved[first / 8] |= (uint8_t) (1 << (first % 8));
}

/* "reserved 2, 4 to 6;" or "reserved "a", "b";", behind the first word. */
static void
read_reserved(Parser *parser)
{
	while (!at_end(parser) && !token_is(parser, ";") &&
		   !token_is(parser, "}"))
	{
		uint32_t	first = token_number(parser);
		uint32_t	last = first;

		if (parser->token.data[0] == '"' || parser->token.data[0] == '\'')
			add_name(parser);
		next_token(parser);
		if (first > 0 && token_is(parser, "to"))
		{
			next_token(parser);
			last = token_is(parser, "max") ? TABLE_MAX_NUMBER :
				token_number(parser);
			next_token(parser);
		}
		reserve_range(parser->lineage, first, last);
	}
	if (token_is(parser, ";"))
		next_token(parser);
}

static Slice
last_word(Slice name)
{
	for (size_t i = name.size; i > 0; i--)
		if (name.data[i - 1] == '.')
			return slice_make(name.data + i, name.size - i);
	return name;
}

/* [optional | repeated] TYPE NAME = NUMBER ...; anything else is skipped. */
static void
read_field(Parser *parser)
{
	LineageField field = {.repeated = token_is(parser, "repeated")};

	if (field.repeated || token_is(parser, "optional") ||
		token_is(parser, "required"))
		next_token(parser);
	field.type = last_word(parser->token);
	next_token(parser);
	field.name = parser->token;
	next_token(parser);
	if (token_is(parser, "="))
	{
		next_token(parser);
		field.number = token_number(parser);
		if (field.number > 0)
			add_field(parser, &field);
	}
	skip_statement(parser);
}

static void
forget_fields(SchemaLineage *lineage)
{
	lineage->field_count = lineage->name_count = 0;
	memset(lineage->reserved, 0, sizeof(lineage->reserved));
}

/*
 * A message's body, behind its brace. outer: a message Row in it takes the
 * place of its own fields.
 */
static void
read_message(Parser *parser, bool outer)
{
	bool		found = false;

	while (!at_end(parser) && !token_is(parser, "}"))
	{
		if (token_is(parser, "message"))
		{
			next_token(parser);
			if (outer && token_is(parser, "Row"))
			{
				forget_fields(parser->lineage);
				next_token(parser);
				next_token(parser);
				read_message(parser, false);
				found = true;
			}
			else
				skip_statement(parser);
		}
		else if (found || token_is(parser, "enum") ||
				 token_is(parser, "oneof") || token_is(parser, "option") ||
				 token_is(parser, "extensions"))
			skip_statement(parser);
		else if (token_is(parser, "reserved"))
		{
			next_token(parser);
			read_reserved(parser);
		}
		else if (token_is(parser, ";"))
			next_token(parser);
		else
			read_field(parser);
	}
	next_token(parser);
}

bool
schema_lineage_read(SchemaLineage *lineage, const char *text, Error *err)
{
	Parser		parser = {.lineage = lineage};

	*lineage = (SchemaLineage) {.text = strdup(text)};
	if (lineage->text == NULL)
		return error_no_memory(err);
	parser.at = lineage->text;
	next_token(&parser);
	while (!at_end(&parser) && !token_is(&parser, "message"))
	{
		/* a brace too much would not be passed */
		if (token_is(&parser, "}"))
			next_token(&parser);
		skip_statement(&parser);
	}
	if (token_is(&parser, "message"))
	{
		for (int i = 0; i < 3; i++)
			next_token(&parser);
		read_message(&parser, true);
	}
	return !parser.failed || error_no_memory(err);
}

void
schema_lineage_free(SchemaLineage *lineage)
{
	free(lineage->text);
	free(lineage->fields);
	free(lineage->names);
	*lineage = (SchemaLineage) {0};
}
