/*
 * pgoutput_align.c
 *		Which attribute numbers the columns have. See pgoutput_align.h.
 *
 * The rows of pg_attribute tell when they were changed last. A number whose
 * row is older than the transaction at hand was then what it is now. One that
 * is younger may have been anything, so it is a candidate for every column; a
 * column's number is known if only one of its candidates fits between those
 * of its neighbours.
 */
#include "pgoutput_align.h"

#include <stdlib.h>
#include <string.h>

typedef struct Aligner
{
	AlignColumn *columns;
	size_t		count;
	const TablePicture *picture;
	const Table *old;
	uint32_t   *same;			/* the live column of that name and type; 0 */
	uint32_t   *low;			/* smallest number that fits; 0: none does */
	uint32_t   *high;			/* greatest */
} Aligner;

/* ---- what is known of a number ---- */

static bool
is_changed(const Aligner *aligner, uint32_t number)
{
	return (aligner->picture->attributes[number] & ATTRIBUTE_CHANGED) != 0;
}

static bool
is_dropped(const Aligner *aligner, uint32_t number)
{
	return (aligner->picture->attributes[number] & ATTRIBUTE_DROPPED) != 0;
}

static bool
is_same(const AlignColumn *column, const Column *other)
{
	return column->type_oid == other->type_oid &&
		strcmp(column->name, other->name) == 0;
}

/* Looks from *start on, where it mostly is, and moves that behind it. */
static uint32_t
find_same(const AlignColumn *column, const Table *table, size_t *start)
{
	for (size_t i = 0; i < table->column_count; i++)
	{
		size_t		at = (*start + i) % table->column_count;

		if (!is_same(column, &table->columns[at]))
			continue;
		*start = at + 1;
		return table->columns[at].number;
	}
	return 0;
}

static void
find_all_same(Aligner *aligner)
{
	const Table *table = aligner->picture->table;
	size_t		start = 0;

	for (size_t i = 0; table != NULL && i < aligner->count; i++)
		aligner->same[i] = find_same(&aligner->columns[i], table, &start);
}

/* What the column was when it was last described. */
static uint32_t
old_number(const Aligner *aligner, size_t index)
{
	size_t		start = index;

	return aligner->old != NULL && aligner->old->column_count > 0 ?
		find_same(&aligner->columns[index], aligner->old, &start) : 0;
}

/* Could the column have had this number? */
static bool
is_candidate(const Aligner *aligner, size_t index, uint32_t number)
{
	uint32_t	same = aligner->same[index];

	if (aligner->picture->attributes[number] == 0)
		return false;
	if (same != 0 && !is_changed(aligner, same))
		return number == same;
	return number == same || is_changed(aligner, number);
}

/* ---- the plain case: every column is there, in the same order ---- */

static bool
is_plain(const Aligner *aligner)
{
	uint32_t	previous = 0;

	for (size_t i = 0; i < aligner->count; i++)
	{
		if (aligner->same[i] <= previous)
			return false;
		previous = aligner->same[i];
	}
	return true;
}

/* Was a number between those of the neighbours dropped lately? */
static bool
is_doubtful(const Aligner *aligner, size_t index)
{
	uint32_t	number = index > 0 ? aligner->same[index - 1] + 1 : 1;
	uint32_t	end = index + 1 < aligner->count ? aligner->same[index + 1] :
		TABLE_MAX_COLUMNS + 1;

	if (!is_changed(aligner, aligner->same[index]))
		return false;
	for (; number < end; number++)
		if (is_dropped(aligner, number) && is_changed(aligner, number))
			return true;
	return false;
}

/*
 * A column may have been dropped and another one added with its name and type:
 * then only an earlier description can tell which of the two it was.
 */
static void
align_plainly(Aligner *aligner)
{
	for (size_t i = 0; i < aligner->count; i++)
	{
		uint32_t	number = aligner->same[i];
		uint32_t	old;

		if (is_doubtful(aligner, i))
		{
			old = old_number(aligner, i);
			number = old != 0 && old <= TABLE_MAX_COLUMNS &&
				is_candidate(aligner, i, old) ? old : 0;
		}
		aligner->columns[i].number = number;
	}
}

/* ---- the other cases ---- */

static void
find_lowest(Aligner *aligner)
{
	uint32_t	next = 1;

	for (size_t i = 0; i < aligner->count; i++)
	{
		uint32_t	number = next;

		while (number <= TABLE_MAX_COLUMNS &&
			   !is_candidate(aligner, i, number))
			number++;
		if (number > TABLE_MAX_COLUMNS)
			continue;
		aligner->low[i] = number;
		next = number + 1;
	}
}

static void
find_highest(Aligner *aligner)
{
	uint32_t	next = TABLE_MAX_COLUMNS;

	for (size_t i = aligner->count; i-- > 0;)
	{
		uint32_t	number = next;

		while (number > 0 && !is_candidate(aligner, i, number))
			number--;
		if (number == 0)
			continue;
		aligner->high[i] = number;
		next = number - 1;
	}
}

static uint32_t
number_between(const Aligner *aligner, size_t index)
{
	uint32_t	low = aligner->low[index];
	uint32_t	high = aligner->high[index];
	uint32_t	old = old_number(aligner, index);

	if (aligner->picture->table == NULL)
		return old;
	if (low == 0 || high == 0)
		return 0;
	if (low == high)
		return low;
	return old >= low && old <= high && is_candidate(aligner, index, old) ?
		old : 0;
}

static void
align_between(Aligner *aligner)
{
	find_lowest(aligner);
	find_highest(aligner);
	for (size_t i = 0; i < aligner->count; i++)
		aligner->columns[i].number = number_between(aligner, i);
}

/* ---- what stays unknown ---- */

/* Numbers that do not ascend contradict each other: the later one goes. */
static void
drop_contradictions(Aligner *aligner)
{
	uint32_t	previous = 0;

	for (size_t i = 0; i < aligner->count; i++)
	{
		AlignColumn *column = &aligner->columns[i];

		if (column->number <= previous || column->type_is_gone ||
			column->number >= ALIGN_FIRST_UNKNOWN)
			column->number = 0;
		else
			previous = column->number;
	}
}

static bool
is_used(const Aligner *aligner, uint32_t number)
{
	for (size_t i = 0; i < aligner->count; i++)
		if (aligner->columns[i].number == number)
			return true;
	return false;
}

/* A column that was unknown before keeps the number it was given then. */
static void
number_unknown(Aligner *aligner)
{
	const Table *old = aligner->old;
	uint32_t	next = ALIGN_FIRST_UNKNOWN;

	for (size_t i = 0; old != NULL && i < old->column_count; i++)
		if (old->columns[i].number >= next)
			next = old->columns[i].number + 1;
	for (size_t i = 0; i < aligner->count; i++)
	{
		uint32_t	before;

		if (aligner->columns[i].number != 0)
			continue;
		before = old_number(aligner, i);
		aligner->columns[i].number =
			before >= ALIGN_FIRST_UNKNOWN && !is_used(aligner, before) ?
			before : next++;
	}
}

bool
align_columns(AlignColumn *columns, size_t count, const TablePicture *picture,
			  const Table *old)
{
	uint32_t   *numbers = calloc(3 * count + 1, sizeof(*numbers));
	Aligner		aligner = {
		.columns = columns, .count = count, .picture = picture, .old = old,
		.same = numbers, .low = numbers + count, .high = numbers + 2 * count
	};

	if (numbers == NULL)
		return false;
	find_all_same(&aligner);
	if (is_plain(&aligner))
		align_plainly(&aligner);
	else
		align_between(&aligner);
	drop_contradictions(&aligner);
	number_unknown(&aligner);
	free(numbers);
	return true;
}
