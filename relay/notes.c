/*
 * notes.c
 *		What a sink remembers beside its checkpoint. See notes.h.
 */
#include "notes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "hex.h"

#define NOTES_HEAD	"pg_fanout notes 1\n"
#define NOTES_FIRST	16			/* notes there is room for at first */

/* The place of the key, or where it belongs. */
static size_t
find_place(const Notes *notes, const char *key, bool *found)
{
	size_t		low = 0;
	size_t		high = notes->count;

	*found = false;
	while (low < high)
	{
		size_t		middle = (low + high) / 2;
		int			order = strcmp(notes->items[middle].key, key);

		if (order == 0)
		{
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
make_room(Notes *notes, Error *err)
{
	size_t		capacity = notes->capacity > 0 ? 2 * notes->capacity :
		NOTES_FIRST;
	Note	   *items;

	if (notes->count < notes->capacity)
		return true;
	items = realloc(notes->items, capacity * sizeof(*items));
	if (items == NULL)
		return error_no_memory(err);
	notes->items = items;
	notes->capacity = capacity;
	return true;
}

static bool
insert_note(Notes *notes, size_t place, const char *key, Error *err)
{
	char	   *copy;

	if (!make_room(notes, err))
		return false;
	copy = strdup(key);
	if (copy == NULL)
		return error_no_memory(err);
	memmove(&notes->items[place + 1], &notes->items[place],
			(notes->count - place) * sizeof(Note));
	notes->items[place] = (Note) {.key = copy};
	notes->count++;
	return true;
}

/* An empty value has data too: it is there. */
static bool
replace_value(Note *note, Slice value, Error *err)
{
	uint8_t    *copy = malloc(value.size + 1);

	if (copy == NULL)
		return error_no_memory(err);
	if (value.size > 0)
		memcpy(copy, value.data, value.size);
	free(note->data);
	note->data = copy;
	note->size = value.size;
	return true;
}

static bool
key_is_good(const char *key)
{
	if (key[0] == '\0')
		return false;
	for (; *key != '\0'; key++)
		if (*key <= ' ' || *key > '~')
			return false;
	return true;
}

static bool
set_note(Notes *notes, const char *key, Slice value, bool dirty, Error *err)
{
	bool		found;
	size_t		place = find_place(notes, key, &found);
	Note	   *note;

	if (found && slice_equal(notes_find(notes, key), value))
		return true;
	if (!found && !insert_note(notes, place, key, err))
		return false;
	note = &notes->items[place];
	note->dirty = dirty;
	notes->dirty |= dirty;
	return replace_value(note, value, err);
}

bool
notes_set(Notes *notes, const char *key, Slice value, Error *err)
{
	if (!key_is_good(key))
		return error_set(err, ERROR_INTERNAL, "note with the key \"%s\"", key);
	return set_note(notes, key, value, true, err);
}

Slice
notes_find(const Notes *notes, const char *key)
{
	bool		found;
	size_t		place = find_place(notes, key, &found);

	if (!found)
		return slice_make(NULL, 0);
	return slice_make(notes->items[place].data, notes->items[place].size);
}

bool
notes_merge(Notes *notes, const Notes *other, Error *err)
{
	for (size_t i = 0; i < other->count; i++)
	{
		const Note *note = &other->items[i];

		if (strncmp(note->key, NOTE_OF_ONE_SINK,
					strlen(NOTE_OF_ONE_SINK)) != 0 &&
			notes_find(notes, note->key).data == NULL &&
			!notes_set(notes, note->key, slice_make(note->data, note->size),
					   err))
			return false;
	}
	return true;
}

void
notes_written(Notes *notes)
{
	for (size_t i = 0; notes->dirty && i < notes->count; i++)
		notes->items[i].dirty = false;
	notes->dirty = false;
}

/* ---- as text ---- */

static void
append_hex(Buf *out, const Note *note)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < note->size; i++)
	{
		buf_append_byte(out, (uint8_t) digits[note->data[i] >> 4]);
		buf_append_byte(out, (uint8_t) digits[note->data[i] & 15]);
	}
}

void
notes_append(Buf *out, const Notes *notes)
{
	buf_append_string(out, NOTES_HEAD);
	for (size_t i = 0; i < notes->count; i++)
	{
		buf_append_string(out, notes->items[i].key);
		buf_append_byte(out, ' ');
		append_hex(out, &notes->items[i]);
		buf_append_byte(out, '\n');
	}
	buf_printf(out, "end %zu\n", notes->count);
}

/* Takes a line off the text; false: there is no whole one. */
static bool
next_line(Slice *text, Slice *line)
{
	const uint8_t *end = text->size > 0 ?
		memchr(text->data, '\n', text->size) : NULL;

	if (end == NULL)
		return false;
	*line = slice_make(text->data, (size_t) (end - text->data));
	text->size -= line->size + 1;
	text->data = end + 1;
	return true;
}

static bool
parse_hex(Buf *out, Slice text)
{
	buf_clear(out);
	if (text.size % 2 != 0)
		return false;
	for (size_t i = 0; i < text.size; i += 2)
	{
		int			high = hex_digit((char) text.data[i]);
		int			low = hex_digit((char) text.data[i + 1]);

		if (high < 0 || low < 0)
			return false;
		buf_append_byte(out, (uint8_t) (high << 4 | low));
	}
	return !buf_failed(out);
}

static bool
parse_line(Notes *notes, Slice line, Buf *key, Buf *value, Error *err)
{
	const uint8_t *blank = line.size > 0 ? memchr(line.data, ' ', line.size) :
		NULL;
	size_t		size;

	if (blank == NULL)
		return false;
	size = (size_t) (blank - line.data);
	buf_clear(key);
	buf_append(key, line.data, size);
	if (!parse_hex(value, slice_make(blank + 1, line.size - size - 1)) ||
		buf_string(key) == NULL || !key_is_good(buf_string(key)))
		return false;
	return set_note(notes, buf_string(key), buf_slice(value), false, err);
}

static bool
is_end(Slice line, size_t count)
{
	char		text[32];

	snprintf(text, sizeof(text), "end %zu", count);
	return slice_equal(line, slice_of(text));
}

static bool
parse_lines(Notes *notes, Slice text, Error *err)
{
	Slice		head = slice_of(NOTES_HEAD);
	Slice		line;
	Buf			key;
	Buf			value;
	size_t		count = 0;
	bool		whole = false;

	if (text.size < head.size || memcmp(text.data, head.data, head.size) != 0)
		return false;
	text = slice_make(text.data + head.size, text.size - head.size);
	buf_init(&key, 1024);
	buf_init(&value, NOTES_LIMIT);
	while (!whole && next_line(&text, &line))
	{
		whole = is_end(line, count) && text.size == 0;
		if (!whole && !parse_line(notes, line, &key, &value, err))
			break;
		count++;
	}
	buf_free(&key);
	buf_free(&value);
	return whole;
}

bool
notes_parse(Notes *notes, Slice text, Error *err)
{
	error_clear(err);
	if (parse_lines(notes, text, err))
		return true;
	if (err->code != 0)
		return false;
	error_set(err, ERROR_CHECKPOINT,
			  "the notes beside the checkpoint are damaged");
	return error_hint(err, "Bring them back from a copy; or remove them, if no table was altered or dropped since the slot's position.");
}

void
notes_free(Notes *notes)
{
	for (size_t i = 0; i < notes->count; i++)
	{
		free(notes->items[i].key);
		free(notes->items[i].data);
	}
	free(notes->items);
	*notes = (Notes) {0};
}
