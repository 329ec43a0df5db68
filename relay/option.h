/*
 * option.h
 *		One row per option: the row parses, validates, prints the help, the
 *		configuration file and the manual page.
 *
 * A table describes a struct; each row says where in the struct its value
 * lives. Names are written with '-' on the command line and with '_' in files
 * and URLs; both are accepted everywhere, and "." for names that others write
 * so.
 */
#ifndef PG_FANOUT_OPTION_H
#define PG_FANOUT_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "error.h"

typedef enum OptionType
{
	OPTION_FLAG,				/* bool, no argument on the command line */
	OPTION_BOOL,				/* bool: on/off/true/false/yes/no/1/0 */
	OPTION_INT,					/* int64_t */
	OPTION_BYTES,				/* int64_t, units B kB MB GB (1024) */
	OPTION_TIME,				/* int64_t microseconds, units us ms s min h d;
								 * bare number: seconds */
	OPTION_STRING,				/* char *, owned by the struct */
	OPTION_SECRET,				/* char *, never printed */
	OPTION_WORD,				/* int, index into words */
	OPTION_LIST,				/* OptionList: may be given repeatedly */
	OPTION_MAP					/* OptionMap: any name with the row's prefix
								 * ("kafka.") */
} OptionType;

typedef struct OptionList
{
	char	  **items;
	size_t		count;
} OptionList;

typedef struct OptionPair
{
	char	   *name;			/* without the prefix */
	char	   *value;
} OptionPair;

typedef struct OptionMap
{
	OptionPair *pairs;
	size_t		count;
} OptionMap;

typedef struct Option
{
	const char *name;			/* "flush-bytes"; of a map the prefix with its
								 * dot */
	char		letter;			/* short option, 0: none */
	OptionType	type;
	size_t		offset;			/* of the value in the struct */
	const char *preset;			/* default as text; NULL: unset */
	int64_t		min;			/* numbers: both 0: no limits */
	int64_t		max;
	const char *const *words;	/* NULL-terminated, OPTION_WORD */
	const char *argument;		/* what help calls the argument */
	const char *help;			/* one sentence or more, no line breaks */
} Option;

typedef struct OptionTable
{
	const char *title;			/* "Kafka sink" */
	const char *prefix;			/* "sink...": set in URLs and files, printed as
								 * name=value; else or NULL: a command
								 * line's */
	const Option *options;
	size_t		count;
	size_t		size;			/* of the struct */
} OptionTable;

/* A zeroed struct with all defaults set; NULL: out of memory. */
extern void *option_new(const OptionTable *table);
extern void option_free(const OptionTable *table, void *values);

/* Whether two structs of a table have all values alike. */
extern bool option_equal(const OptionTable *table, const void *a,
						 const void *b);

/* The row with that name; NULL if there is none. Maps match by prefix. */
extern const Option *option_find(const OptionTable *table, const char *name);
extern const Option *option_find_letter(const OptionTable *table, char letter);

/*
 * Sets one value from text. Unknown names and bad values fail with
 * ERROR_USAGE, a hint naming the nearest known name or the allowed range.
 */
extern MUST_USE bool option_set(const OptionTable *table, void *values,
								const char *name, const char *text,
								Error *err);

/*
 * Help (wrapped at 79 columns), a commented configuration file, a man page
 * part.
 */
extern void option_print_help(const OptionTable *table, FILE *out);
extern void option_print_config(const OptionTable *table, FILE *out);
extern void option_print_manual(const OptionTable *table, FILE *out);

#endif							/* PG_FANOUT_OPTION_H */
