/*
 * test_pgoutput_align.c
 *		Which numbers columns have, by what the catalog shows afterwards.
 *
 * Each case is a line of text: what the catalog has, what the stream says and
 * what was known before, against the numbers that follow. Names stand for
 * themselves; a type is given only where it is not the usual one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pgoutput_align.h"
#include "record.h"

#define USUAL_TYPE	23
#define MAX_WORDS	8

typedef struct Words
{
	char		text[256];
	char	   *items[MAX_WORDS];
	size_t		count;
} Words;

static void
split(Words *words, const char *text)
{
	char	   *rest = NULL;

	words->count = 0;
	snprintf(words->text, sizeof(words->text), "%s", text);
	for (char *word = strtok_r(words->text, " ", &rest); word != NULL;
		 word = strtok_r(NULL, " ", &rest))
		words->items[words->count++] = word;
}

/* "name:type" is cut in two. */
static uint32_t
take_type(char *word)
{
	char	   *colon = strchr(word, ':');

	if (colon == NULL)
		return USUAL_TYPE;
	*colon = '\0';
	return (uint32_t) strtoul(colon + 1, NULL, 10);
}

/*
 * The catalog by number: "a" a column, "-" one dropped long ago; with "!" in
 * front: younger than the transaction, with "~": live, but of no use (virtual).
 */
static Table *
make_picture(TablePicture *picture, const char *text)
{
	static Record record;
	Words		words;

	memset(picture, 0, sizeof(*picture));
	split(&words, text);
	record_init(&record, "s", "t");
	for (size_t i = 0; i < words.count; i++)
	{
		char	   *word = words.items[i];
		uint8_t    *flags = &picture->attributes[i + 1];
		PgFanout__Column *column;

		*flags = ATTRIBUTE_LIVE;
		if (*word == '!')
		{
			*flags |= ATTRIBUTE_CHANGED;
			word++;
		}
		if (*word == '-')
			*flags ^= ATTRIBUTE_LIVE | ATTRIBUTE_DROPPED;
		if (*word == '-' || *word == '~')
			continue;
		column = record_add(&record, word, PG_FANOUT__ENCODING__INT32);
		column->type_oid = take_type(word);
		column->number = (uint32_t) i + 1;
	}
	return table_new(&record.table);
}

/* What was known: "a=1 b=2". */
static Table *
make_old(const char *text)
{
	static Record record;
	Words		words;

	if (text == NULL)
		return NULL;
	split(&words, text);
	record_init(&record, "s", "t");
	for (size_t i = 0; i < words.count; i++)
	{
		char	   *equals = strchr(words.items[i], '=');
		PgFanout__Column *column = record_add(&record, words.items[i],
											  PG_FANOUT__ENCODING__INT32);

		*equals = '\0';
		column->type_oid = USUAL_TYPE;
		column->number = (uint32_t) strtoul(equals + 1, NULL, 10);
	}
	return table_new(&record.table);
}

static void
check_align(const char *catalog, const char *sent, const char *old,
			const char *expected)
{
	TablePicture picture;
	AlignColumn columns[MAX_WORDS];
	Words		words;
	char		got[256] = "";
	Table	   *known = make_old(old);

	memset(&picture, 0, sizeof(picture));
	picture.table = catalog != NULL ? make_picture(&picture, catalog) : NULL;
	split(&words, sent);
	for (size_t i = 0; i < words.count; i++)
	{
		bool		gone = words.items[i][0] == '?';

		columns[i] = (AlignColumn) {
			.type_oid = take_type(words.items[i]),
			.name = words.items[i] + gone, .type_is_gone = gone
		};
	}
	assert_true(align_columns(columns, words.count, &picture, known));
	for (size_t i = 0; i < words.count; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%u",
				 i > 0 ? " " : "", columns[i].number);
	if (strcmp(got, expected) != 0)
		print_error("catalog \"%s\", sent \"%s\", known \"%s\"\n",
					catalog ? catalog : "", sent, old ? old : "");
	assert_string_equal(got, expected);
	table_free(picture.table);
	table_free(known);
}

static void
as_it_is(void **state)
{
	(void) state;
	check_align("a b c", "a b c", NULL, "1 2 3");
	check_align("- b - d", "b d", NULL, "2 4");
	/* some are not sent: a column list, generated columns */
	check_align("a b c d", "b d", NULL, "2 4");
	check_align("a ~ c", "a c", NULL, "1 3");
	/* changed since, but nothing was dropped */
	check_align("!a !b !c", "a b c", NULL, "1 2 3");
	check_align("!a !b !c", "a b", NULL, "1 2");
	check_align("a", "", NULL, "");
	/* added since */
	check_align("a b !c", "a b", NULL, "1 2");
}

static void
dropped_since(void **state)
{
	(void) state;
	check_align("a !- c", "a b c", NULL, "1 2 3");
	check_align("!- b !-", "a b c", NULL, "1 2 3");
	check_align("a - c !- e", "a c d e", NULL, "1 3 4 5");
	/* two were dropped and one of them was sent */
	check_align("a !- !- d", "a x d", NULL, "1 2048 4");
	check_align("a !- !- d", "a x y d", NULL, "1 2 3 4");
	/* both, but the order says which */
	check_align("a !- c !- e", "a x c y e", NULL, "1 2 3 4 5");
	/* dropped long before: cannot be it */
	check_align("a - !- d", "a x d", NULL, "1 3 4");
}

static void
renamed_since(void **state)
{
	(void) state;
	check_align("a !x c", "a b c", NULL, "1 2 3");
	/* names swapped */
	check_align("!b !a c", "a b c", NULL, "1 2 3");
	/* one took another one's name */
	check_align("!old !a c", "a b c", NULL, "1 2 3");
	/* which of two is not known */
	check_align("a !x !y d", "a b d", NULL, "1 2048 4");
}

static void
type_changed_since(void **state)
{
	(void) state;
	check_align("a !b:20 c", "a b c", NULL, "1 2 3");
	check_align("a b:20 c", "a b c", NULL, "1 2048 3");
}

static void
dropped_and_added_again(void **state)
{
	(void) state;
	/* either may have been meant */
	check_align("a !- !b", "a b", NULL, "1 2048");
	/* what was found out before decides */
	check_align("a !- !b", "a b", "a=1 b=2", "1 2");
	check_align("a !- !b", "a b", "a=1 b=3", "1 3");
	/* dropped before the transaction: it is the new one, whatever was known */
	check_align("a - !b", "a b", "a=1 b=2", "1 3");
	check_align("a - b", "a b", "a=1 b=2", "1 3");
	/* the order tells */
	check_align("!- b !a", "a b", NULL, "1 2");
	check_align("!- b !a", "b a", NULL, "2 3");
	/* added before the transaction */
	check_align("a !- b", "a b", NULL, "1 3");
}

static void
table_is_gone(void **state)
{
	(void) state;
	check_align(NULL, "a b", NULL, "2048 2049");
	check_align(NULL, "a b", "a=1 b=5", "1 5");
	check_align(NULL, "a b c", "a=1 c=5", "1 2048 5");
	/* known numbers that contradict the order */
	check_align(NULL, "b a", "a=1 b=5", "5 2048");
}

static void
unknown_keeps_its_number(void **state)
{
	(void) state;
	check_align("a !- !- d", "a x d", "a=1 d=4 x=2048", "1 2048 4");
	check_align("a !- !- d", "a y d", "a=1 d=4 x=2048", "1 2049 4");
	/* and loses it once its own is known */
	check_align("a - !- d", "a x d", "a=1 d=4 x=2048", "1 3 4");
}

static void
type_is_gone(void **state)
{
	(void) state;
	check_align("a !- c", "a ?b c", NULL, "1 2048 3");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_it_is),
		cmocka_unit_test(dropped_since),
		cmocka_unit_test(renamed_since),
		cmocka_unit_test(type_changed_since),
		cmocka_unit_test(dropped_and_added_again),
		cmocka_unit_test(table_is_gone),
		cmocka_unit_test(unknown_keeps_its_number),
		cmocka_unit_test(type_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
