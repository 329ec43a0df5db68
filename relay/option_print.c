/*
 * option_print.c
 *		What an options table says about itself: help, configuration file,
 *		manual page. See option.h.
 *
 * Prints defaults, never values: so no secret can be among them.
 */
#include "option.h"

#include <string.h>

#define PRINT_WIDTH		79
#define HELP_COLUMN		30		/* where help's sentences begin */
#define PRINT_TEXT_SIZE 2048

/* Options of a sink are set in URLs and files: no dashes before them. */
static bool
table_is_command_line(const OptionTable *table)
{
	return table->prefix == NULL || strncmp(table->prefix, "sink", 4) != 0;
}

/* The name as a file has it. */
static const char *
name_in_file(const Option *option, char *text, size_t room)
{
	snprintf(text, room, "%s%s", option->name,
			 option->type == OPTION_MAP ? "NAME" : "");
	for (char *at = text; *at != '\0'; at++)
		if (*at == '-')
			*at = '_';
	return text;
}

static const char *
option_argument(const Option *option)
{
	static const char *const arguments[] = {
		[OPTION_FLAG] = "", [OPTION_BOOL] = "on|off", [OPTION_INT] = "NUMBER",
		[OPTION_BYTES] = "SIZE", [OPTION_TIME] = "TIME",
		[OPTION_STRING] = "TEXT", [OPTION_SECRET] = "SECRET",
		[OPTION_WORD] = "WORD", [OPTION_LIST] = "TEXT", [OPTION_MAP] = "VALUE"
	};

	return option->argument != NULL ? option->argument :
		arguments[option->type];
}

static bool
has_default(const Option *option)
{
	return option->preset != NULL && option->type != OPTION_FLAG &&
		option->type != OPTION_SECRET;
}

/* The help's sentences and, behind them, "(a, b, c; default: a)". */
static const char *
option_sentences(const Option *option, char *text, size_t room)
{
	const char *separator = " (";
	size_t		used = (size_t) snprintf(text, room, "%s", option->help);

	for (int i = 0; option->words != NULL && option->words[i] != NULL; i++)
	{
		if (used < room)
			used += (size_t) snprintf(text + used, room - used, "%s%s",
									  separator, option->words[i]);
		separator = ", ";
	}
	if (option->words != NULL)
		separator = "; ";
	if (has_default(option) && used < room)
		used += (size_t) snprintf(text + used, room - used, "%sdefault: %s",
								  separator,
								  option->preset[0] != '\0' ?
								  option->preset : "empty");
	if ((has_default(option) || option->words != NULL) && used < room)
		snprintf(text + used, room - used, ")");
	return text;
}

/*
 * Prints text filled into lines of PRINT_WIDTH; column is where the first line
 * stands already, every other begins with start, which is indent wide.
 */
static void
print_filled(FILE *out, const char *text, const char *start, size_t indent,
			 size_t column)
{
	bool		first = true;

	while (*text != '\0')
	{
		size_t		size = strcspn(text, " ");

		if (!first && column + 1 + size > PRINT_WIDTH)
		{
			fprintf(out, "\n%s", start);
			column = indent;
			first = true;
		}
		column += size + (first ? 0 : 1);
		fprintf(out, "%s%.*s", first ? "" : " ", (int) size, text);
		first = false;
		text += size;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static int
print_help_name(const OptionTable *table, const Option *option, char *text,
				size_t room)
{
	const char *argument = option_argument(option);
	const char *equals = argument[0] != '\0' ? "=" : "";
	char		name[128];

	if (!table_is_command_line(table))
		return snprintf(text, room, "  %s=%s",
						name_in_file(option, name, sizeof(name)),
						argument[0] != '\0' ? argument : "on|off");
	if (option->letter != 0)
		return snprintf(text, room, "  -%c, --%s%s%s", option->letter,
						option->name, equals, argument);
	return snprintf(text, room, "      --%s%s%s%s", option->name,
					option->type == OPTION_MAP ? "NAME" : "", equals,
					argument);
}

void
option_print_help(const OptionTable *table, FILE *out)
{
	char		name[256];
	char		text[PRINT_TEXT_SIZE];
	char		start[HELP_COLUMN + 1];

	memset(start, ' ', HELP_COLUMN);
	start[HELP_COLUMN] = '\0';
	fprintf(out, "%s:\n", table->title);
	for (size_t i = 0; i < table->count; i++)
	{
		const Option *option = &table->options[i];
		int			width = print_help_name(table, option, name, sizeof(name));

		if (width > HELP_COLUMN - 2)
			fprintf(out, "%s\n%s", name, start);
		else
			fprintf(out, "%-*s", HELP_COLUMN, name);
		option_sentences(option, text, sizeof(text));
		print_filled(out, text, start, HELP_COLUMN, HELP_COLUMN);
	}
}

void
option_print_config(const OptionTable *table, FILE *out)
{
	char		name[128];
	char		text[PRINT_TEXT_SIZE];

	for (size_t i = 0; i < table->count; i++)
	{
		const Option *option = &table->options[i];
		const char *preset = option->preset;

		if (option->type == OPTION_FLAG)
			preset = "off";
		if (option->type == OPTION_SECRET || preset == NULL)
			preset = "";
		fputs("# ", out);
		option_sentences(option, text, sizeof(text));
		print_filled(out, text, "# ", 2, 2);
		name_in_file(option, name, sizeof(name));
		if (strpbrk(preset, "#;") != NULL)
			fprintf(out, "#%s = \"%s\"\n\n", name, preset);
		else
			fprintf(out, "#%s =%s%s\n\n", name, preset[0] != '\0' ? " " : "",
					preset);
	}
}

/* A macro's argument or a text line: nothing in it is for the formatter. */
static void
print_roff(FILE *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", out);
	for (; *text != '\0'; text++)
	{
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else if (*text == '"')
			fputs("\\(dq", out);
		else
			fputc(*text, out);
	}
}

static void
print_manual_name(const OptionTable *table, const Option *option, FILE *out)
{
	const char *argument = option_argument(option);
	char		name[128];

	fputs(".It ", out);
	if (!table_is_command_line(table))
	{
		fputs("Cm ", out);
		print_roff(out, name_in_file(option, name, sizeof(name)));
	}
	else
	{
		if (option->letter != 0)
			fprintf(out, "Fl %c , ", option->letter);
		fputs("Fl \\-", out);
		print_roff(out, option->name);
		if (option->type == OPTION_MAP)
			fputs(" Ns Ar NAME", out);
	}
	if (argument[0] != '\0')
	{
		fputs(" Ns = Ns Ar \"", out);
		print_roff(out, argument);
		fputc('"', out);
	}
	fputc('\n', out);
}

void
option_print_manual(const OptionTable *table, FILE *out)
{
	char		text[PRINT_TEXT_SIZE];

	fputs(".Ss ", out);
	print_roff(out, table->title);
	fputs("\n.Bl -tag -width Ds\n", out);
	for (size_t i = 0; i < table->count; i++)
	{
		print_manual_name(table, &table->options[i], out);
		print_roff(out, option_sentences(&table->options[i], text,
										 sizeof(text)));
		fputc('\n', out);
	}
	fputs(".El\n", out);
}
